//! Checks the values of variables against the types that the operation declares.
//! <https://spec.graphql.org/September2025/#CoerceVariableValues()>

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, ServerError, Value, Variables,
    indexmap::IndexMap,
    parser::types::{BaseType, OperationDefinition, Selection, Type, VariableDefinition},
};
use async_graphql_value::Value as Written;
use serde_json::Number;

use super::{coded_errors::field_error, operations::Operations};
use crate::graphql::{
    scalars::{how_to_write, is_valid},
    validation::{
        Disclosure, MAX_PROBLEMS, field_within, listed,
        schema::{Input, NamedType, Schema, name_of},
    },
};

/// Gives each variable a value of its declared type.
///
/// # Errors
/// Each value that is missing or not of its type has an error of its own, up to [`MAX_PROBLEMS`].
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
        let max_problems = MAX_PROBLEMS - errors.len();
        let mut coercion = Coercion { schema, place: Vec::new(), wrong: Vec::new(), max_problems };
        match variables.get_mut(&name.node) {
            Some(value) => coercion.value(&var_type.node, value),
            None if var_type.node.nullable || default_value.is_some() => {}
            None => coercion.refuse(Wrong::Missing),
        }
        if coercion.wrong.is_empty() {
            continue;
        }
        let used_for = find_use(operations, &operation.node, &name.node);
        let used_for = used_for.unwrap_or_else(|| name.node.to_string());
        for (place, wrong) in coercion.wrong {
            let message = wrong.describe(schema, &name.node, &place, disclosure);
            let field = wrong.field(&used_for, &place, disclosure);
            errors.push(field_error(ServerError::new(message, Some(definition.pos)), field));
        }
        if errors.len() >= MAX_PROBLEMS {
            break;
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
    MissingField(String, Type),
}

/// A step from a value to one inside it.
#[derive(Clone)]
enum Step {
    Field(Name),
    /// An item of a list, counted from 0.
    Item(usize),
}

impl Wrong {
    /// The argument or the field that a client should show the problem at, such as `quantity` or
    /// `orderBy.field`. `used_for` is what the whole variable stands for.
    fn field(&self, used_for: &str, place: &[Step], disclosure: Disclosure) -> String {
        let field = place.iter().fold(used_for.to_owned(), |outer, step| match step {
            Step::Field(name) => field_within(&outer, name),
            Step::Item(index) => format!("{outer}[{index}]"),
        });
        match (self, disclosure) {
            (Self::MissingField(name, _), Disclosure::Schema) => field_within(&field, name),
            (Self::MissingField(..), Disclosure::Nothing) => field,
            // A list of plain values is one field.
            _ => without_items_at_end(&field).to_owned(),
        }
    }

    fn describe(
        &self,
        schema: &Schema,
        variable: &Name,
        place: &[Step],
        disclosure: Disclosure,
    ) -> String {
        let place = place.iter().fold(format!("${variable}"), |outer, step| match step {
            Step::Field(name) => format!("{outer}.{name}"),
            Step::Item(index) => format!("{outer}[{index}]"),
        });
        match (self, disclosure) {
            (Self::Missing, _) => format!("Variable \"{place}\" needs a value."),
            (Self::Null, _) => format!("Variable \"{place}\" must not be null."),
            (Self::UnknownField, _) => format!("There is no field \"{place}\"."),
            (Self::NotOfType(of), Disclosure::Schema) => {
                let more = match schema.find_type(name_of(of)) {
                    Some(NamedType::Enum(values)) => format!(" It is one of {}.", listed(values)),
                    _ => how_to_write(name_of(of)).to_owned(),
                };
                format!("Variable \"{place}\" must be of type \"{of}\".{more}")
            }
            (Self::NotOfType(_), Disclosure::Nothing) => {
                format!("Variable \"{place}\" has a value of another type than it must have.")
            }
            (Self::MissingField(name, of), Disclosure::Schema) => {
                format!("Variable \"{place}\" needs the field \"{name}\" of type \"{of}\".")
            }
            (Self::MissingField(..), Disclosure::Nothing) => {
                format!("Variable \"{place}\" needs a field that is not given.")
            }
        }
    }
}

fn without_items_at_end(field: &str) -> &str {
    match field.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((list, _)) => without_items_at_end(list),
        None => field,
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
        Written::List(items) => (0..).zip(items).find_map(|(index, item): (usize, _)| {
            find_in_value(item, variable, &format!("{place}[{index}]"))
        }),
        Written::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| find_in_value(value, variable, &field_within(place, name))),
        _ => None,
    }
}

/// Gives a variable's value its type, and notes what is wrong with it.
struct Coercion<'a> {
    schema: &'a Schema,
    /// The place in the variable.
    place: Vec<Step>,
    wrong: Vec<(Vec<Step>, Wrong)>,
    /// Largest number of problems that are noted.
    max_problems: usize,
}

impl Coercion<'_> {
    fn refuse(&mut self, wrong: Wrong) {
        if !self.is_full() {
            self.wrong.push((self.place.clone(), wrong));
        }
    }

    fn is_full(&self) -> bool {
        self.wrong.len() >= self.max_problems
    }

    fn inner(&mut self, step: Step, of: &Type, value: &mut Value) {
        self.place.push(step);
        self.value(of, value);
        self.place.pop();
    }

    fn value(&mut self, of: &Type, value: &mut Value) {
        if *value == Value::Null {
            if !of.nullable {
                self.refuse(Wrong::Null);
            }
            return;
        }
        let name = match (&of.base, &mut *value) {
            (BaseType::List(item_type), Value::List(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if self.is_full() {
                        return;
                    }
                    self.inner(Step::Item(index), item_type, item);
                }
                return;
            }
            // A single value stands for a list of one.
            (BaseType::List(item_type), value) => return self.value(item_type, value),
            (BaseType::Named(name), _) => name,
        };
        let fits = match self.schema.find_type(name) {
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
                    return self.fields(fields, given);
                }
                false
            }
            _ => false,
        };
        if !fits {
            self.refuse(Wrong::NotOfType(of.clone()));
        }
    }

    fn fields(&mut self, fields: &[Input], given: &mut IndexMap<Name, Value>) {
        for (name, value) in &mut *given {
            if self.is_full() {
                return;
            }
            match fields.iter().find(|field| field.name == name.as_str()) {
                Some(field) => self.inner(Step::Field(name.clone()), &field.of, value),
                None => {
                    self.place.push(Step::Field(name.clone()));
                    self.refuse(Wrong::UnknownField);
                    self.place.pop();
                }
            }
        }
        for field in fields.iter().filter(|field| field.is_required()) {
            if !given.contains_key(field.name.as_str()) {
                self.refuse(Wrong::MissingField(field.name.clone(), field.of.clone()));
            }
        }
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
