//! Fields, fragments, arguments and directives where they stand.

use std::collections::HashSet;

use async_graphql::{Pos, parser::types::OperationType};

use super::{
    check::{Check, Disclosure},
    schema::{Input, NamedType, name_of},
    suggestion::{MAX_SUGGESTIONS, did_you_mean},
    values,
};
use crate::graphql::language::ast::{
    Argument, Directive, Field, Inline, Operation, Selection, Spread, Variable,
};

pub(super) fn check(check: &mut Check<'_>) {
    for operation in &check.document.operations {
        check_operation(check, operation);
    }
    for fragment in &check.document.fragments {
        check_directives(check, &fragment.directives, "FRAGMENT_DEFINITION");
        if is_composite(check, fragment.pos, fragment.on) {
            check_set(check, &fragment.selections, fragment.on);
        }
    }
}

fn check_operation<'a>(check: &mut Check<'a>, operation: &'a Operation<'a>) {
    let (location, what) = match operation.kind {
        OperationType::Query => ("QUERY", "queries"),
        OperationType::Mutation => ("MUTATION", "mutations"),
        OperationType::Subscription => ("SUBSCRIPTION", "subscriptions"),
    };
    check_directives(check, &operation.directives, location);
    for variable in &operation.variables {
        check_variable(check, variable);
    }
    match check.schema.find_root(operation.kind) {
        Some(root) => check_set(check, &operation.selections, root),
        None => check.refuse(operation.pos, format!("This server has no {what}.")),
    }
}

fn check_variable(check: &mut Check<'_>, variable: &Variable<'_>) {
    let (pos, type_name) = (variable.pos, name_of(&variable.of));
    match check.schema.find_type(type_name) {
        None => {
            let message = unknown_type(check, type_name);
            check.refuse_argument(pos, variable.name, message);
        }
        Some(of) if !of.is_input() => {
            let message = format!("\"{type_name}\" is not an input type.");
            check.refuse_argument(pos, variable.name, message);
        }
        Some(_) => {
            if let Some(default) = &variable.default {
                values::check(check, variable.name, default, Some(&variable.of));
            }
        }
    }
    check_directives(check, &variable.directives, "VARIABLE_DEFINITION");
}

fn unknown_type(check: &Check<'_>, name: &str) -> String {
    let suggestion = check.disclose(|| did_you_mean(name, check.schema.type_names()));
    format!("There is no type \"{name}\".{suggestion}")
}

fn check_set<'a>(check: &mut Check<'a>, selections: &'a [Selection<'a>], parent: &'a str) {
    for selection in selections {
        if check.is_full() {
            return;
        }
        match selection {
            Selection::Field(field) => check_field(check, field, parent),
            Selection::Spread(spread) => check_spread(check, spread, parent),
            Selection::Inline(inline) => check_inline(check, inline, parent),
        }
    }
}

fn check_field<'a>(check: &mut Check<'a>, field: &'a Field<'a>, parent: &'a str) {
    check_directives(check, &field.directives, "FIELD");
    let (pos, name) = (field.pos, field.name);
    if check.disclosure == Disclosure::Nothing && matches!(name, "__schema" | "__type") {
        check.refuse(pos, "This server does not show its schema.");
        return;
    }
    let Some(definition) = check.schema.find_field(parent, name) else {
        let more = check.disclose(|| {
            let hint = match &check.schema.narrower_types_with(parent, name)[..] {
                [] => did_you_mean(name, check.schema.field_names(parent)),
                types => ask_within(types),
            };
            format!(" on type \"{parent}\".{hint}")
        });
        let more = if more.is_empty() { ".".to_owned() } else { more };
        check.refuse(pos, format!("There is no field \"{name}\"{more}"));
        return;
    };
    check_arguments(check, &field.arguments, &definition.arguments, &format!("Field \"{name}\""));
    check_required(
        check,
        pos,
        &field.arguments,
        &definition.arguments,
        &format!("Field \"{name}\""),
    );

    let of = name_of(&definition.of);
    let is_composite = check.schema.find_type(of).is_some_and(NamedType::is_composite);
    match (is_composite, field.selections.is_empty()) {
        (true, true) => check.refuse(
            pos,
            format!("Field \"{name}\" needs a selection of fields, such as \"{name} {{ … }}\"."),
        ),
        (false, false) => {
            check.refuse(pos, format!("Field \"{name}\" has no fields to select from."));
        }
        (true, false) => check_set(check, &field.selections, of),
        (false, true) => {}
    }
}

/// A sentence that tells in which types a field is found, with a space before it.
fn ask_within(types: &[&str]) -> String {
    let types = types.iter().take(MAX_SUGGESTIONS).map(|name| format!("\"... on {name} {{ … }}\""));
    format!(" Ask for it in {}.", types.collect::<Vec<_>>().join(" or "))
}

fn check_spread<'a>(check: &mut Check<'a>, spread: &'a Spread<'a>, parent: &'a str) {
    check_directives(check, &spread.directives, "FRAGMENT_SPREAD");
    match check.fragments.get(spread.name).map(|fragment| fragment.on) {
        None => {
            check.refuse(spread.pos, format!("There is no fragment named \"{}\".", spread.name));
        }
        Some(on) => check_overlap(check, spread.pos, on, parent),
    }
}

fn check_inline<'a>(check: &mut Check<'a>, inline: &'a Inline<'a>, parent: &'a str) {
    check_directives(check, &inline.directives, "INLINE_FRAGMENT");
    let on = inline.on.unwrap_or(parent);
    if inline.on.is_none() || is_composite(check, inline.pos, on) {
        check_overlap(check, inline.pos, on, parent);
        check_set(check, &inline.selections, on);
    }
}

/// Checks that a fragment is on a type that has fields.
fn is_composite(check: &mut Check<'_>, pos: Pos, on: &str) -> bool {
    match check.schema.find_type(on) {
        Some(of) if of.is_composite() => true,
        Some(_) => {
            check.refuse(pos, format!("A fragment can't be on \"{on}\", which has no fields."));
            false
        }
        None => {
            let message = unknown_type(check, on);
            check.refuse(pos, message);
            false
        }
    }
}

/// Checks that a fragment can apply where it is used.
fn check_overlap(check: &mut Check<'_>, pos: Pos, on: &str, parent: &str) {
    let schema = check.schema;
    if !schema.find_type(on).is_some_and(NamedType::is_composite) {
        return;
    }
    let mut possible = schema.possible_types(on).into_iter();
    if !possible.any(|object| schema.is_possible(object, parent)) {
        let more = check.disclose(|| format!(", because \"{parent}\" is never one"));
        check.refuse(pos, format!("A fragment on \"{on}\" can never apply here{more}."));
    }
}

fn check_directives(check: &mut Check<'_>, directives: &[Directive<'_>], location: &str) {
    let mut seen = HashSet::new();
    for Directive { pos, name, arguments } in directives {
        let Some(definition) = check.schema.find_directive(name) else {
            check.refuse(*pos, format!("There is no directive \"@{name}\"."));
            continue;
        };
        if !definition.locations.contains(location) {
            check.refuse(*pos, format!("The directive \"@{name}\" is not allowed here."));
        }
        if !definition.is_repeatable && !seen.insert(name) {
            check.refuse(*pos, format!("The directive \"@{name}\" is here more than once."));
        }
        let owner = format!("Directive \"@{name}\"");
        check_arguments(check, arguments, &definition.arguments, &owner);
        check_required(check, *pos, arguments, &definition.arguments, &owner);
    }
}

fn check_arguments(
    check: &mut Check<'_>,
    arguments: &[Argument<'_>],
    definitions: &[Input],
    owner: &str,
) {
    let mut seen = HashSet::new();
    for Argument { pos, name, value } in arguments {
        if check.is_full() {
            return;
        }
        if !seen.insert(name) {
            check.refuse_argument(
                *pos,
                name,
                format!("Argument \"{name}\" is given more than once."),
            );
        }
        let definition = definitions.iter().find(|definition| definition.name == *name);
        if definition.is_none() {
            let known = definitions.iter().map(|definition| definition.name.as_str());
            let suggestion = check.disclose(|| did_you_mean(name, known));
            let message = format!("{owner} has no argument \"{name}\".{suggestion}");
            check.refuse_argument(*pos, name, message);
        }
        values::check(check, name, value, definition.map(|definition| &definition.of));
    }
}

fn check_required(
    check: &mut Check<'_>,
    pos: Pos,
    arguments: &[Argument<'_>],
    definitions: &[Input],
    owner: &str,
) {
    let is_given = |name: &str| arguments.iter().any(|argument| argument.name == name);
    let missing = definitions.iter().filter(|of| of.is_required() && !is_given(&of.name));
    for Input { name, of, .. } in missing {
        if check.disclosure == Disclosure::Nothing {
            check.refuse(pos, format!("{owner} needs an argument that is not given."));
        } else {
            let message = format!("{owner} needs the argument \"{name}\" of type \"{of}\".");
            check.refuse_argument(pos, name, message);
        }
    }
}
