//! Estimates the memory that a parsed query and its variables take, from the sizes of their types
//! and texts.

use std::mem::size_of;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, Selection,
        SelectionSet, VariableDefinition,
    },
};
use async_graphql_value::Value as Written;

/// What an allocation takes besides its content.
const ALLOCATION: usize = 16;

pub(super) fn of_variables(variables: &Variables) -> usize {
    variables.iter().map(|(name, value)| of_name(name) + of_value(value)).sum()
}

pub(super) fn of_value(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Number(_) | Value::Boolean(_) => 0,
            Value::String(text) => ALLOCATION + text.len(),
            Value::Enum(name) => of_name(name),
            Value::Binary(bytes) => ALLOCATION + bytes.len(),
            Value::List(items) => ALLOCATION + items.iter().map(of_value).sum::<usize>(),
            Value::Object(fields) => {
                let field = |(name, value)| of_entry(name) + of_value(value);
                ALLOCATION + fields.iter().map(field).sum::<usize>()
            }
        }
}

pub(super) fn of_document(document: &ExecutableDocument) -> usize {
    let operations = document.operations.iter().map(|(_, operation)| of_operation(operation));
    let fragments = document.fragments.iter().map(|(name, fragment)| {
        size_of::<Positioned<FragmentDefinition>>()
            + of_entry(name)
            + of_name(&fragment.node.type_condition.node.on.node)
            + of_directives(&fragment.node.directives)
            + of_set(&fragment.node.selection_set.node)
    });
    operations.sum::<usize>() + fragments.sum::<usize>()
}

pub(super) fn of_operation(operation: &Positioned<OperationDefinition>) -> usize {
    let operation = &operation.node;
    size_of::<Positioned<OperationDefinition>>()
        + operation.variable_definitions.iter().map(of_definition).sum::<usize>()
        + of_directives(&operation.directives)
        + of_set(&operation.selection_set.node)
}

fn of_definition(definition: &Positioned<VariableDefinition>) -> usize {
    let VariableDefinition { name, var_type: _, directives, default_value } = &definition.node;
    // The type has a name, too.
    size_of::<Positioned<VariableDefinition>>()
        + 2 * of_name(&name.node)
        + of_directives(directives)
        + default_value.as_ref().map_or(0, |value| of_value(&value.node))
}

fn of_set(set: &SelectionSet) -> usize {
    let selections = set.items.iter().map(|selection| {
        let inner = match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                field.alias.as_ref().map_or(0, |alias| of_name(&alias.node))
                    + of_name(&field.name.node)
                    + of_arguments(&field.arguments)
                    + of_set(&field.selection_set.node)
            }
            Selection::FragmentSpread(of) => of_name(&of.node.fragment_name.node),
            Selection::InlineFragment(of) => {
                let condition = of.node.type_condition.as_ref();
                condition.map_or(0, |condition| of_name(&condition.node.on.node))
                    + of_set(&of.node.selection_set.node)
            }
        };
        size_of::<Positioned<Selection>>() + of_directives(selection.node.directives()) + inner
    });
    ALLOCATION + selections.sum::<usize>()
}

fn of_directives(directives: &[Positioned<Directive>]) -> usize {
    let of = |directive: &Positioned<Directive>| {
        size_of::<Positioned<Directive>>()
            + of_name(&directive.node.name.node)
            + of_arguments(&directive.node.arguments)
    };
    directives.iter().map(of).sum()
}

fn of_arguments(arguments: &[(Positioned<Name>, Positioned<Written>)]) -> usize {
    let of = |(name, value): &(Positioned<Name>, Positioned<Written>)| {
        size_of::<(Positioned<Name>, Positioned<Written>)>()
            + of_name(&name.node)
            + of_written(&value.node)
    };
    arguments.iter().map(of).sum()
}

fn of_written(value: &Written) -> usize {
    size_of::<Written>()
        + match value {
            Written::Null | Written::Number(_) | Written::Boolean(_) => 0,
            Written::Variable(name) | Written::Enum(name) => of_name(name),
            Written::String(text) => ALLOCATION + text.len(),
            Written::Binary(bytes) => ALLOCATION + bytes.len(),
            Written::List(items) => ALLOCATION + items.iter().map(of_written).sum::<usize>(),
            Written::Object(fields) => {
                let field = |(name, value)| of_entry(name) + of_written(value);
                ALLOCATION + fields.iter().map(field).sum::<usize>()
            }
        }
}

fn of_name(name: &Name) -> usize {
    2 * ALLOCATION + name.len()
}

/// The key of a map, with its hash and its place.
fn of_entry(name: &Name) -> usize {
    size_of::<(Name, u64, usize)>() + of_name(name)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_number_of_a_list_takes_far_more_than_its_digits() {
        let of = |count| of_variables(&Variables::from_json(json!({ "x": vec![0; count] })));
        assert!((40..100).contains(&((of(2_000) - of(1_000)) / 1_000)), "{}", of(1_000));
    }

    #[test]
    fn each_alias_takes_hundreds_of_bytes() {
        let of = |count| {
            let aliases: String = (0..count).map(|n| format!("a{n}: version ")).collect();
            of_document(&parse_query(format!("{{ f {{ {aliases} }} }}")).unwrap())
        };
        assert!((250..600).contains(&((of(2_000) - of(1_000)) / 1_000)), "{}", of(1_000));
    }

    #[test]
    fn everything_in_a_document_counts() {
        let of = |query: &str| of_document(&parse_query(query).unwrap());
        let long = "x".repeat(500);
        for query in [
            format!("{{ {long} }}"),
            format!("{{ {long}: f }}"),
            format!("{{ f({long}: 1) }}"),
            format!("{{ f(a: \"{long}\") }}"),
            format!("{{ f(a: [{{ {long}: 1 }}]) }}"),
            format!("{{ f(a: ${long}) }}"),
            format!("{{ f @{long} }}"),
            format!("{{ f @a(b: {long}) }}"),
            format!("{{ ...{long} }}"),
            format!("{{ ... on {long} {{ f }} }}"),
            format!("{{ f {{ f {{ {long} }} }} }}"),
            format!("query(${long}: X) {{ f }}"),
            format!("query($a: X = \"{long}\") {{ f }}"),
            format!("query($a: X = [\"{long}\"]) @{long} {{ f }}"),
            format!("{{ f }} fragment A on {long} {{ f }}"),
            format!("{{ f }} fragment {long} on A {{ f }}"),
        ] {
            assert!(of(&query) > 500, "{query}");
        }
    }
}
