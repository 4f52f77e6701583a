//! Variables: each one that is used is declared, with a type that fits wherever it is used.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Pos,
    parser::types::{BaseType, Type},
};

use super::{
    check::Check,
    schema::{Input, NamedType, Schema, name_of},
};
use crate::graphql::language::ast::{
    Argument, Directive, Literal, Operation, Selection, Value, Variable,
};

pub(super) fn check(check: &mut Check<'_>) {
    let mut of_fragments = HashMap::new();
    for fragment in &check.document.fragments {
        let mut uses = Uses::new(check);
        uses.in_directives(&fragment.directives);
        uses.in_selections(&fragment.selections, fragment.on);
        of_fragments.insert(fragment.name, uses);
    }
    for operation in &check.document.operations {
        let mut own = Uses::new(check);
        own.in_directives(&operation.directives);
        if let Some(root) = check.schema.find_root(operation.kind) {
            own.in_selections(&operation.selections, root);
        }
        check_operation(check, operation, &own, &of_fragments);
    }
}

fn check_operation<'a>(
    check: &mut Check<'a>,
    operation: &'a Operation<'a>,
    own: &Uses<'a>,
    of_fragments: &HashMap<&'a str, Uses<'a>>,
) {
    let mut declared = HashMap::new();
    for variable in &operation.variables {
        let (pos, name) = (variable.pos, variable.name);
        if declared.insert(name, variable).is_some() {
            let message = format!("Variable \"${name}\" is declared more than once.");
            check.refuse_argument(pos, name, message);
        }
    }

    let mut used = HashSet::new();
    let (mut seen, mut unvisited) = (HashSet::new(), vec![own]);
    while let Some(uses) = unvisited.pop() {
        for one in &uses.variables {
            used.insert(one.name);
            match declared.get(one.name) {
                Some(variable) => check_use(check, one, variable),
                None => check.refuse_argument(
                    one.pos,
                    one.name,
                    format!("Variable \"${}\" is not declared by the operation.", one.name),
                ),
            }
        }
        for spread in &uses.spreads {
            if seen.insert(*spread) {
                unvisited.extend(of_fragments.get(spread));
            }
        }
    }
    for Variable { pos, name, .. } in &operation.variables {
        if !used.contains(name) {
            let message = format!("Variable \"${name}\" is never used.");
            check.refuse_argument(*pos, name, message);
        }
    }
}

fn check_use(check: &mut Check<'_>, one: &Use<'_>, variable: &Variable<'_>) {
    let Some(expected) = &one.expected else { return };
    let has_default = matches!(&variable.default, Some(value) if value.literal != Literal::Null);
    let takes_null = expected.nullable || one.has_default || has_default;
    // Where null is taken, execution puts the default in its place, or refuses it.
    let wanted = Type { nullable: takes_null, ..expected.clone() };
    if !fits(&variable.of, &wanted) {
        let (name, of) = (variable.name, &variable.of);
        let more = check.disclose(|| format!(", where the type \"{expected}\" is expected"));
        let message =
            format!("Variable \"${name}\" of type \"{of}\" does not fit where it is used{more}.");
        check.refuse_argument(one.pos, name, message);
    }
}

/// Whether each value of a type is one of the wanted type.
fn fits(of: &Type, wanted: &Type) -> bool {
    if of.nullable && !wanted.nullable {
        return false;
    }
    match (&of.base, &wanted.base) {
        (BaseType::Named(of), BaseType::Named(wanted)) => of == wanted,
        (BaseType::List(of), BaseType::List(wanted)) => fits(of, wanted),
        _ => false,
    }
}

/// A place where a variable is used.
#[derive(Debug)]
struct Use<'a> {
    pos: Pos,
    name: &'a str,
    /// `None` inside a scalar's value, which is refused already.
    expected: Option<Type>,
    /// Whether the argument or the field has a default.
    has_default: bool,
}

/// The variables of an operation or a fragment, and the fragments that it uses.
struct Uses<'a> {
    schema: &'a Schema,
    variables: Vec<Use<'a>>,
    spreads: Vec<&'a str>,
}

impl<'a> Uses<'a> {
    fn new(check: &Check<'a>) -> Self {
        Self { schema: check.schema, variables: Vec::new(), spreads: Vec::new() }
    }

    fn in_selections(&mut self, selections: &'a [Selection<'a>], parent: &'a str) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    self.in_directives(&field.directives);
                    let Some(definition) = self.schema.find_field(parent, field.name) else {
                        continue;
                    };
                    self.in_arguments(&field.arguments, &definition.arguments);
                    self.in_selections(&field.selections, name_of(&definition.of));
                }
                Selection::Spread(spread) => {
                    self.in_directives(&spread.directives);
                    self.spreads.push(spread.name);
                }
                Selection::Inline(inline) => {
                    self.in_directives(&inline.directives);
                    self.in_selections(&inline.selections, inline.on.unwrap_or(parent));
                }
            }
        }
    }

    fn in_directives(&mut self, directives: &'a [Directive<'a>]) {
        for directive in directives {
            if let Some(definition) = self.schema.find_directive(directive.name) {
                self.in_arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn in_arguments(&mut self, arguments: &'a [Argument<'a>], definitions: &'a [Input]) {
        for argument in arguments {
            let definition = definitions.iter().find(|of| of.name == argument.name);
            let expected = definition.map(|of| &of.of);
            let has_default = definition.is_some_and(|of| of.has_default);
            self.in_value(&argument.value, expected, has_default);
        }
    }

    fn in_value(&mut self, value: &'a Value<'a>, expected: Option<&Type>, has_default: bool) {
        match &value.literal {
            Literal::Variable(name) => {
                let expected = expected.cloned();
                self.variables.push(Use { pos: value.pos, name, expected, has_default });
            }
            Literal::List(items) => {
                let item = expected.map(|of| match &of.base {
                    BaseType::List(item) => Type::clone(item),
                    // graphql-js expects the same of an item as of a value that stands for a list.
                    BaseType::Named(_) => Type { nullable: true, ..of.clone() },
                });
                for value in items {
                    self.in_value(value, item.as_ref(), false);
                }
            }
            Literal::Object(fields) => {
                let of = expected.and_then(|of| self.schema.find_type(name_of(of)));
                match of {
                    Some(NamedType::InputObject(definitions)) => {
                        self.in_arguments(fields, definitions);
                    }
                    _ => self.in_arguments(fields, &[]),
                }
            }
            _ => {}
        }
    }
}
