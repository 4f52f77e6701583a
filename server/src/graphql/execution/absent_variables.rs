//! Removes optional variables that the request leaves out, together with the arguments that they
//! stand for, so that an argument's default applies.
//! <https://spec.graphql.org/September2025/#CoerceArgumentValues()>
//!
//! async-graphql treats such a variable as null, and refuses it for an argument such as
//! `orderBy: EventOrder! = …`.

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Removes absent variables from an operation without fragments: their declarations, and the
/// arguments that they stand for.
pub(super) fn remove_absent_variables(operation: &mut OperationDefinition, variables: &Variables) {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let absent = definitions.filter(|definition| {
        definition.var_type.node.nullable
            && definition.default_value.is_none()
            && !variables.contains_key(&definition.name.node)
    });
    let absent = absent.map(|definition| definition.name.node.clone()).collect::<HashSet<_>>();
    if !absent.is_empty() {
        operation.variable_definitions.retain(|of| !absent.contains(&of.node.name.node));
        clean_selection(&mut operation.selection_set.node, &absent);
    }
}

fn clean_selection(selection: &mut SelectionSet, absent: &HashSet<Name>) {
    for selection in &mut selection.items {
        match &mut selection.node {
            Selection::Field(field) => {
                clean_arguments(&mut field.node.arguments, absent);
                clean_selection(&mut field.node.selection_set.node, absent);
            }
            Selection::InlineFragment(fragment) => {
                clean_selection(&mut fragment.node.selection_set.node, absent);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn clean_arguments(
    arguments: &mut Vec<(Positioned<Name>, Positioned<Value>)>,
    absent: &HashSet<Name>,
) {
    arguments.retain(|(_, value)| !is_absent(&value.node, absent));
    for (_, value) in arguments {
        clean_value(&mut value.node, absent);
    }
}

/// Removes absent variables from input objects at any depth. In a list, an absent variable becomes
/// null.
fn clean_value(value: &mut Value, absent: &HashSet<Name>) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !is_absent(value, absent));
            fields.values_mut().for_each(|value| clean_value(value, absent));
        }
        Value::List(items) => {
            for item in items {
                if is_absent(item, absent) {
                    *item = Value::Null;
                }
                clean_value(item, absent);
            }
        }
        _ => {}
    }
}

fn is_absent(value: &Value, absent: &HashSet<Name>) -> bool {
    matches!(value, Value::Variable(name) if absent.contains(name))
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::{parse_query, types::DocumentOperations};
    use serde_json::json;

    use super::*;

    /// The arguments of the first field of the cleaned operation.
    fn arguments(query: &str, variables: serde_json::Value) -> Vec<String> {
        let operations = parse_query(query).unwrap().operations;
        let DocumentOperations::Single(mut operation) = operations else { panic!() };
        remove_absent_variables(&mut operation.node, &Variables::from_json(variables));
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
            panic!()
        };
        field
            .node
            .arguments
            .iter()
            .map(|(name, value)| format!("{}: {}", name.node, value.node))
            .collect()
    }

    #[test]
    fn the_argument_of_an_absent_variable_is_removed() {
        let query =
            "query($a: Int, $b: Int) { f(a: $a, b: $b, c: { a: $a, d: [1, $a, { a: $a }] }) }";
        assert_eq!(arguments(query, json!({ "b": 2 })), ["b: $b", "c: {d: [1, null, {}]}"]);
        assert_eq!(arguments(query, json!({ "a": null, "b": null })).len(), 3, "null is a value");
    }

    #[test]
    fn a_variable_that_is_required_or_has_a_default_stays() {
        let query = "query($a: Int!, $b: Int = 1) { f(a: $a, b: $b) }";
        assert_eq!(arguments(query, json!({})), ["a: $a", "b: $b"]);
    }
}
