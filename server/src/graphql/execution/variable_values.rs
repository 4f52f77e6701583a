//! Checks the values of variables against the types that the operation declares.
//! <https://spec.graphql.org/September2025/#CoerceVariableValues()>

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, ServerError, Value, Variables,
    parser::types::{BaseType, OperationDefinition, Selection, Type, VariableDefinition},
};
use async_graphql_value::Value as Written;
use serde_json::Number;

use super::{coded_errors::field_error, operations::Operations};
use crate::graphql::{
    scalars::{how_to_write, is_valid},
    validation::{
        Disclosure, field_within, listed,
        schema::{Input, NamedType, Schema, name_of},
    },
};

/// Gives each variable a value of its declared type.
///
/// # Errors
/// When a value is missing, or is not of its type.
pub(super) fn coerce(
    schema: &Schema,
    operations: &Operations,
    operation: &Positioned<OperationDefinition>,
    variables: &mut Variables,
    disclosure: Disclosure,
) -> Result<(), Vec<ServerError>> {
    let mut errors = Vec::new();
    for definition in &operation.node.variable_definitions {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        let mut path = Path { variable: &name.node, inner: Vec::new() };
        let result = match variables.get_mut(&name.node) {
            Some(value) => coerce_value(schema, &var_type.node, value, &mut path),
            None if var_type.node.nullable || default_value.is_some() => Ok(()),
            None => Err(Wrong::Missing),
        };
        if let Err(wrong) = result {
            let error =
                ServerError::new(path.describe(schema, &wrong, disclosure), Some(definition.pos));
            errors.push(field_error(error, path.field(operations, &operation.node)));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The reason why a value is not right.
enum Wrong {
    Missing,
    Null,
    NotOfType(Type),
    UnknownField,
    MissingField(Name, Type),
}

/// The place of a value in a variable.
struct Path<'a> {
    variable: &'a Name,
    inner: Vec<Step>,
}

/// A step from a value to one inside it.
enum Step {
    Field(Name),
    /// An item of a list, counted from 0.
    Item(usize),
}

impl Path<'_> {
    /// The argument or the field that a client should show the problem at, such as `quantity` or
    /// `orderBy.field`.
    fn field(&self, operations: &Operations, operation: &OperationDefinition) -> String {
        let place = find_use(operations, operation, self.variable);
        let place = place.unwrap_or_else(|| self.variable.to_string());
        // A list of plain values is one field.
        let is_item = |step: &&Step| matches!(step, Step::Item(_));
        let items_at_end = self.inner.iter().rev().take_while(is_item).count();
        let steps = &self.inner[..self.inner.len() - items_at_end];
        steps.iter().fold(place, |outer, step| match step {
            Step::Field(name) => field_within(&outer, name),
            Step::Item(index) => format!("{outer}[{index}]"),
        })
    }

    fn describe(&self, schema: &Schema, wrong: &Wrong, disclosure: Disclosure) -> String {
        let mut place = format!("${}", self.variable);
        for step in &self.inner {
            place += &match step {
                Step::Field(name) => format!(".{name}"),
                Step::Item(index) => format!("[{index}]"),
            };
        }
        match (wrong, disclosure) {
            (Wrong::Missing, _) => format!("Variable \"{place}\" needs a value."),
            (Wrong::Null, _) => format!("Variable \"{place}\" must not be null."),
            (Wrong::UnknownField, _) => format!("There is no field \"{place}\"."),
            (Wrong::NotOfType(of), Disclosure::Schema) => {
                let more = match schema.find_type(name_of(of)) {
                    Some(NamedType::Enum(values)) => format!(" It is one of {}.", listed(values)),
                    _ => how_to_write(name_of(of)).to_owned(),
                };
                format!("Variable \"{place}\" must be of type \"{of}\".{more}")
            }
            (Wrong::NotOfType(_), Disclosure::Nothing) => {
                format!("Variable \"{place}\" has a value of another type than it must have.")
            }
            (Wrong::MissingField(name, of), Disclosure::Schema) => {
                format!("Variable \"{place}\" needs the field \"{name}\" of type \"{of}\".")
            }
            (Wrong::MissingField(..), Disclosure::Nothing) => {
                format!("Variable \"{place}\" needs a field that is not given.")
            }
        }
    }
}

/// The argument that a variable of this operation stands for, or the field in one.
fn find_use<'a>(
    operations: &'a Operations,
    operation: &'a OperationDefinition,
    variable: &Name,
) -> Option<String> {
    let mut unvisited = vec![&operation.selection_set.node];
    let mut fragments = HashSet::new();
    while let Some(set) = unvisited.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let mut arguments = field.node.arguments.iter();
                    let found = arguments
                        .find_map(|(name, value)| find_in_value(&value.node, variable, &name.node));
                    if found.is_some() {
                        return found;
                    }
                    unvisited.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(of) => unvisited.push(&of.node.selection_set.node),
                Selection::FragmentSpread(of) => {
                    let name = &of.node.fragment_name.node;
                    if fragments.insert(name) {
                        unvisited.extend(operations.fragment(name));
                    }
                }
            }
        }
    }
    None
}

/// Where a value has the variable, if it does. `place` is where the value is.
fn find_in_value(value: &Written, variable: &Name, place: &str) -> Option<String> {
    match value {
        Written::Variable(name) => (name == variable).then(|| place.to_owned()),
        Written::List(items) => items.iter().find_map(|item| find_in_value(item, variable, place)),
        Written::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| find_in_value(value, variable, &field_within(place, name))),
        _ => None,
    }
}

fn coerce_value(
    schema: &Schema,
    of: &Type,
    value: &mut Value,
    path: &mut Path<'_>,
) -> Result<(), Wrong> {
    if *value == Value::Null {
        return if of.nullable { Ok(()) } else { Err(Wrong::Null) };
    }
    let name = match &of.base {
        BaseType::List(item_type) => {
            return match value {
                Value::List(items) => items.iter_mut().enumerate().try_for_each(|(index, item)| {
                    path.inner.push(Step::Item(index));
                    coerce_value(schema, item_type, item, path)?;
                    path.inner.pop();
                    Ok(())
                }),
                // A single value stands for a list of one.
                _ => coerce_value(schema, item_type, value, path),
            };
        }
        BaseType::Named(name) => name,
    };
    let fits = match schema.find_type(name) {
        Some(NamedType::BuiltInScalar) => coerce_built_in(name, value),
        Some(NamedType::CustomScalar) => match &*value {
            Value::String(text) => is_valid(name, Some(text)),
            _ => false,
        },
        Some(NamedType::Enum(values)) => {
            matches!(value, Value::String(value) if values.contains(value))
        }
        Some(NamedType::InputObject(fields)) => {
            if let Value::Object(given) = value {
                return coerce_fields(schema, fields, given, path);
            }
            false
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(Wrong::NotOfType(of.clone())) }
}

fn coerce_fields<'a>(
    schema: &Schema,
    fields: &[Input],
    given: impl IntoIterator<Item = (&'a Name, &'a mut Value)>,
    path: &mut Path<'_>,
) -> Result<(), Wrong> {
    let mut missing = fields.iter().filter(|field| field.is_required()).collect::<Vec<_>>();
    for (name, value) in given {
        path.inner.push(Step::Field(name.clone()));
        let field = fields.iter().find(|field| field.name == name.as_str());
        let field = field.ok_or(Wrong::UnknownField)?;
        coerce_value(schema, &field.of, value, path)?;
        path.inner.pop();
        missing.retain(|missing| missing.name != name.as_str());
    }
    match missing.first() {
        Some(field) => Err(Wrong::MissingField(Name::new(&field.name), field.of.clone())),
        None => Ok(()),
    }
}

/// Whether a value is one of the named scalar. Whole numbers become what the scalar is kept as.
fn coerce_built_in(scalar: &str, value: &mut Value) -> bool {
    match (scalar, &*value) {
        ("String" | "ID", Value::String(_)) | ("Boolean", Value::Boolean(_)) => true,
        ("Int", Value::Number(number)) => match as_whole(number).map(i32::try_from) {
            Some(Ok(whole)) => {
                *value = Value::Number(whole.into());
                true
            }
            _ => false,
        },
        ("Float", Value::Number(_)) => true,
        ("ID", Value::Number(number)) => match as_whole(number) {
            Some(whole) => {
                *value = Value::String(whole.to_string());
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// The number, if it is whole. JSON does not tell `1` and `1.0` apart.
fn as_whole(number: &Number) -> Option<i64> {
    const MAX_EXACT: f64 = 9_007_199_254_740_991.0;
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and not too large")]
        (float.fract() == 0.0 && float.abs() <= MAX_EXACT).then_some(float as i64)
    })
}
