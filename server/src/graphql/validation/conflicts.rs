//! Fields with one name in the answer must be one field.
//! <https://spec.graphql.org/September2025/#sec-Field-Selection-Merging>
//!
//! All fields with one name are compared with the first of them, as being the same field is
//! transitive. So the time grows with the number of fields, not with its square.

use std::{cmp::Ordering, collections::HashMap};

use async_graphql::parser::types::{BaseType, Type};

use super::{
    check::Check,
    schema::{NamedType, Schema, name_of},
};
use crate::graphql::language::ast::{Argument, Field, Literal, Selection, Value};

pub(super) fn check(check: &mut Check<'_>) {
    for operation in &check.document.operations {
        if let Some(root) = check.schema.find_root(operation.kind) {
            let mut fields = Vec::new();
            collect(check, &operation.selections, root, &mut fields);
            check_shapes(check, &fields);
            check_same(check, &fields);
        }
    }
}

/// A field, and the type whose fields its selection is among.
#[derive(Clone, Copy)]
struct Selected<'a> {
    field: &'a Field<'a>,
    parent: &'a str,
    /// `None` for `__typename`, which graphql-js compares with nothing.
    of: Option<&'a Type>,
}

/// Collects fields, with those of fragments.
fn collect<'a>(
    check: &Check<'a>,
    selections: &'a [Selection<'a>],
    parent: &'a str,
    fields: &mut Vec<Selected<'a>>,
) {
    for selection in selections {
        match selection {
            Selection::Field(field) => {
                let definition = match field.name.starts_with("__") {
                    true => None,
                    false => check.schema.find_field(parent, field.name),
                };
                fields.push(Selected { field, parent, of: definition.map(|of| &of.of) });
            }
            Selection::Inline(inline) => {
                collect(check, &inline.selections, inline.on.unwrap_or(parent), fields);
            }
            Selection::Spread(spread) => {
                if let Some(fragment) = check.fragments.get(spread.name) {
                    collect(check, &fragment.selections, fragment.on, fields);
                }
            }
        }
    }
}

fn by_response_key<'a>(fields: &[Selected<'a>]) -> Vec<Vec<Selected<'a>>> {
    grouped(fields, |selected| selected.field.response_key())
}

/// Groups fields by a name, in the order in which the names appear.
fn grouped<'a>(
    fields: &[Selected<'a>],
    name: impl Fn(&Selected<'a>) -> &'a str,
) -> Vec<Vec<Selected<'a>>> {
    let mut places = HashMap::new();
    let mut groups = Vec::<Vec<Selected<'a>>>::new();
    for selected in fields {
        let place = *places.entry(name(selected)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(*selected),
            None => groups.push(vec![*selected]),
        }
    }
    groups
}

/// The fields of all the fields' selections.
fn inner<'a>(check: &Check<'a>, fields: &[Selected<'a>]) -> Vec<Selected<'a>> {
    let mut inner = Vec::new();
    for Selected { field, parent, .. } in fields {
        if let Some(definition) = check.schema.find_field(parent, field.name) {
            collect(check, &field.selections, name_of(&definition.of), &mut inner);
        }
    }
    inner
}

/// Checks that values with one name have one shape, whichever type their objects have.
fn check_shapes<'a>(check: &mut Check<'a>, fields: &[Selected<'a>]) {
    for group in by_response_key(fields) {
        let [_, _, ..] = &*group else {
            descend(check, &group, check_shapes);
            continue;
        };
        let mut typed = group.iter().filter_map(|selected| Some((selected, selected.of?)));
        if let Some((_, first)) = typed.next() {
            let schema = check.schema;
            let other = typed.find(|(_, of)| !have_same_shape(schema, first, of));
            if let Some((Selected { field, .. }, _)) = other {
                let key = field.response_key();
                check.refuse(
                    field.pos,
                    format!(
                        "There are fields of different types named \"{key}\". Give one of them an \
                         alias."
                    ),
                );
                return;
            }
        }
        descend(check, &group, check_shapes);
    }
}

/// Checks that fields with one name are one field with the same arguments, where they can be fields
/// of one object.
fn check_same<'a>(check: &mut Check<'a>, fields: &[Selected<'a>]) {
    for group in by_response_key(fields) {
        for group in by_object(check.schema, group) {
            let Some((first, others)) = group.split_first() else { continue };
            for Selected { field, .. } in others {
                let key = field.response_key();
                let difference = if field.name != first.field.name {
                    "different fields"
                } else if !have_same_arguments(&field.arguments, &first.field.arguments) {
                    "the same field with different arguments"
                } else {
                    continue;
                };
                let message = format!("\"{key}\" names {difference}. Give one of them an alias.");
                check.refuse(field.pos, message);
                return;
            }
            descend(check, &group, check_same);
        }
    }
}

fn descend<'a>(
    check: &mut Check<'a>,
    group: &[Selected<'a>],
    and_check: fn(&mut Check<'a>, &[Selected<'a>]),
) {
    if group.iter().any(|selected| !selected.field.selections.is_empty()) {
        let inner = inner(check, group);
        and_check(check, &inner);
    }
}

/// Splits fields by the object that they are on. Fields of interfaces and unions may be on any.
fn by_object<'a>(schema: &Schema, fields: Vec<Selected<'a>>) -> Vec<Vec<Selected<'a>>> {
    let is_on_object = |selected: &Selected<'a>| {
        schema.find_type(selected.parent).is_some_and(NamedType::is_object)
    };
    let parent = fields.first().map(|first| first.parent);
    if fields.iter().all(|selected| Some(selected.parent) == parent) {
        return vec![fields];
    }
    let (on_objects, on_any): (Vec<_>, Vec<_>) = fields.into_iter().partition(is_on_object);
    if on_objects.is_empty() {
        return vec![on_any];
    }
    let mut groups = grouped(&on_objects, |selected| selected.parent);
    groups.iter_mut().for_each(|group| group.extend(&on_any));
    groups
}

fn have_same_shape(schema: &Schema, one: &Type, other: &Type) -> bool {
    one.nullable == other.nullable
        && match (&one.base, &other.base) {
            (BaseType::List(one), BaseType::List(other)) => have_same_shape(schema, one, other),
            (BaseType::Named(one), BaseType::Named(other)) => {
                let is_composite =
                    |name| schema.find_type(name).is_some_and(NamedType::is_composite);
                one == other || is_composite(one) && is_composite(other)
            }
            _ => false,
        }
}

fn have_same_arguments(one: &[Argument<'_>], other: &[Argument<'_>]) -> bool {
    one.len() == other.len()
        && one.iter().all(|argument| {
            let same = other.iter().find(|other| other.name == argument.name);
            same.is_some_and(|same| is_same_value(&argument.value, &same.value))
        })
}

/// Whether two values are written alike. The order of an input object's fields does not count.
fn is_same_value(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (&one.literal, &other.literal) {
        (Literal::List(one), Literal::List(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same_value(one, other))
        }
        (Literal::Object(one), Literal::Object(other)) => {
            one.len() == other.len() && {
                let (mut one, mut other) = (sorted(one), sorted(other));
                one.by_ref().zip(other.by_ref()).all(|(one, other)| {
                    one.name == other.name && is_same_value(&one.value, &other.value)
                })
            }
        }
        (one, other) => one == other,
    }
}

fn sorted<'a>(fields: &'a [Argument<'a>]) -> impl Iterator<Item = &'a Argument<'a>> {
    let mut fields = fields.iter().collect::<Vec<_>>();
    let by_name =
        |one: &&Argument<'_>, other: &&Argument<'_>| -> Ordering { one.name.cmp(other.name) };
    fields.sort_by(by_name);
    fields.into_iter()
}
