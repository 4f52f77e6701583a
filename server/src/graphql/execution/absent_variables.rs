//! Removes optional variables that the request leaves out, together with the arguments that they
//! stand for, so that an argument's default applies.
//! <https://spec.graphql.org/September2025/#CoerceArgumentValues()>
//!
//! async-graphql treats such a variable as null, and refuses it for an argument such as
//! `orderBy: EventOrder! = …`.

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
    },
};
use async_graphql_value::Value;

/// Removes absent variables from the document: their declarations, and the arguments that they
/// stand for.
pub(super) fn remove_absent_variables(document: &mut ExecutableDocument, variables: &Variables) {
    let declared = || document.operations.iter().flat_map(|(_, op)| &op.node.variable_definitions);
    let (mut absent, mut needed) = (HashSet::new(), HashSet::new());
    for variable in declared() {
        let variable = &variable.node;
        let name = &variable.name.node;
        let may_be_absent = variable.var_type.node.nullable && variable.default_value.is_none();
        if may_be_absent && !variables.contains_key(name) {
            absent.insert(name.clone());
        } else {
            needed.insert(name.clone());
        }
    }
    // Another operation that shares a fragment may need the variable.
    absent.retain(|name| !needed.contains(name));
    if absent.is_empty() {
        return;
    }

    match &mut document.operations {
        DocumentOperations::Single(operation) => {
            clean_operation(&mut operation.node, &absent);
        }
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                clean_operation(&mut operation.node, &absent);
            }
        }
    }
    for fragment in document.fragments.values_mut() {
        clean_selection(&mut fragment.node.selection_set.node, &absent);
    }
}

fn clean_operation(operation: &mut OperationDefinition, absent: &HashSet<Name>) {
    operation.variable_definitions.retain(|variable| !absent.contains(&variable.node.name.node));
    clean_selection(&mut operation.selection_set.node, absent);
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
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    /// The arguments of the first field of the cleaned document.
    fn arguments(query: &str, variables: serde_json::Value) -> Vec<String> {
        let mut document = parse_query(query).unwrap();
        remove_absent_variables(&mut document, &Variables::from_json(variables));
        let (_, operation) = document.operations.iter().next().unwrap();
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
