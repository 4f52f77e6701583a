//! Finds nulls that a variable brings where null is not allowed.
//!
//! A variable whose type may be null is valid there if it or the argument has a default. So that
//! nothing is executed before this is found, it is looked for at once, and not when the field's turn
//! comes.

use async_graphql::{
    ServerError, Value, Variables,
    parser::types::{BaseType, Selection, SelectionSet, Type},
};
use async_graphql_value::Value as Written;

use super::{coded_errors::field_error, merged_selection::MergedOperation};
use crate::graphql::validation::{
    field_within,
    schema::{NamedType, Schema, name_of},
};

/// The error for an argument, or a field of one, that must not be null and is.
pub(super) fn find_forbidden_null(
    schema: &Schema,
    operation: &MergedOperation,
    variables: &Variables,
) -> Option<ServerError> {
    let has_null = variables.iter().any(|(_, value)| *value == Value::Null);
    let root = schema.find_root(operation.node.ty)?;
    let nulls = Nulls { schema, variables };
    has_null.then(|| nulls.find_in_set(&operation.node.selection_set.node, root))?
}

struct Nulls<'a> {
    schema: &'a Schema,
    variables: &'a Variables,
}

impl Nulls<'_> {
    fn find_in_set(&self, set: &SelectionSet, parent: &str) -> Option<ServerError> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let definition = self.schema.find_field(parent, &field.node.name.node)?;
                let mut arguments = field.node.arguments.iter();
                let found = arguments.find_map(|(name, value)| {
                    let argument = definition.arguments.iter().find(|of| of.name == *name.node)?;
                    let found = self.find_in_value(&value.node, &argument.of, &name.node)?;
                    let message = format!("\"{found}\" must not be null.");
                    Some(field_error(ServerError::new(message, Some(value.pos)), found))
                });
                let inner = &field.node.selection_set.node;
                found.or_else(|| self.find_in_set(inner, name_of(&definition.of)))
            }
            Selection::InlineFragment(of) => {
                let on = of.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                self.find_in_set(&of.node.selection_set.node, on.unwrap_or(parent))
            }
            Selection::FragmentSpread(_) => None,
        })
    }

    /// The argument or the field that is null. `place` is that of the value.
    fn find_in_value(&self, value: &Written, of: &Type, place: &str) -> Option<String> {
        match (value, &of.base) {
            (Written::Variable(variable), _) => {
                let is_null = self.variables.get(variable) == Some(&Value::Null);
                (is_null && !of.nullable).then(|| place.to_owned())
            }
            (Written::List(items), BaseType::List(of)) => {
                items.iter().find_map(|item| self.find_in_value(item, of, place))
            }
            (Written::Object(given), _) => {
                let Some(NamedType::InputObject(fields)) = self.schema.find_type(name_of(of))
                else {
                    return None;
                };
                given.iter().find_map(|(name, value)| {
                    let field = fields.iter().find(|field| field.name == name.as_str())?;
                    self.find_in_value(value, &field.of, &field_within(place, name))
                })
            }
            _ => None,
        }
    }
}
