//! Skips the validation of a query whose text was found valid before.
//!
//! Validating a small query takes longer than executing it. All rules but one depend on the text
//! alone. That rule also checks whether each variable's value fits where it is used. A value always
//! fits if the variable is a whole argument and the value has the variable's declared type, because
//! the validation of the text has compared that type with the argument's.
//!
//! Every other query goes through all rules. So nothing is accepted here that they would refuse,
//! and refusals keep their usual messages. This module also refuses what the rules overlook: a
//! variable, or a mutation's argument, that must be an input object and is not. async-graphql would
//! notice this only when the field's turn comes, after the fields before it were executed.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
};

use async_graphql::{
    Name, Value, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, ExecutableDocument, Selection, SelectionSet, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};
use async_graphql_value as written;

/// The types that variables can have, and the types of the mutations' arguments.
#[derive(Debug)]
pub(super) struct InputTypes {
    by_name: HashMap<Name, InputType>,
    /// Types by field and argument.
    mutation_arguments: HashMap<(Name, Name), Type>,
}

/// The root type of mutations.
const MUTATION: &str = "Mutation";

#[derive(Debug)]
enum InputType {
    Enum(HashSet<Name>),
    Object(HashMap<Name, InputField>),
}

#[derive(Debug)]
struct InputField {
    declared: Type,
    may_be_absent: bool,
}

impl InputTypes {
    /// Reads enums and input objects from a schema. Types of other kinds count as unknown.
    pub(super) fn of_schema(sdl: &str) -> Self {
        let definitions = parse_schema(sdl).map(|schema| schema.definitions).unwrap_or_default();
        let (mut by_name, mut mutation_arguments) = (HashMap::new(), HashMap::new());
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node;
            let of = match definition.node.kind {
                TypeKind::Enum(of) => {
                    InputType::Enum(of.values.into_iter().map(|v| v.node.value.node).collect())
                }
                TypeKind::InputObject(of) => {
                    let fields = of.fields.into_iter().map(|field| {
                        let (declared, default) = (field.node.ty.node, field.node.default_value);
                        let may_be_absent = declared.nullable || default.is_some();
                        (field.node.name.node, InputField { declared, may_be_absent })
                    });
                    InputType::Object(fields.collect())
                }
                TypeKind::Object(of) if name == MUTATION => {
                    for field in of.fields {
                        let arguments = field.node.arguments.into_iter().map(|argument| {
                            let name = argument.node.name.node;
                            ((field.node.name.node.clone(), name), argument.node.ty.node)
                        });
                        mutation_arguments.extend(arguments);
                    }
                    continue;
                }
                _ => continue,
            };
            by_name.insert(name, of);
        }
        Self { by_name, mutation_arguments }
    }

    /// Whether the document has one operation, and each of its variables has a value of its
    /// declared type or is left out and has a default.
    pub(super) fn accept(&self, document: &ExecutableDocument, variables: &Variables) -> bool {
        let mut operations = document.operations.iter();
        let (Some((_, operation)), None) = (operations.next(), operations.next()) else {
            return false;
        };
        operation.node.variable_definitions.iter().all(|definition| {
            let definition = &definition.node;
            match variables.get(&definition.name.node) {
                // A variable with a default may be used where null is not allowed.
                Some(Value::Null) if definition.default_value.is_some() => false,
                Some(value) => self.is_of_type(&definition.var_type.node, value),
                None => definition.default_value.is_some(),
            }
        })
    }

    /// Finds a variable of the named operation that must be an input object and is not.
    pub(super) fn find_non_object_variable<'a>(
        &self,
        document: &'a ExecutableDocument,
        name: Option<&str>,
        variables: &Variables,
    ) -> Option<&'a Name> {
        let has_name = |own: Option<&Name>| name.is_none() || own.map(Name::as_str) == name;
        let (_, operation) = document.operations.iter().find(|(own, _)| has_name(*own))?;
        let mut definitions = operation.node.variable_definitions.iter();
        let found = definitions.find(|definition| {
            let value = variables.get(&definition.node.name.node);
            value.is_some_and(|value| self.is_not_object(&definition.node.var_type.node, value))
        })?;
        Some(&found.node.name.node)
    }

    fn is_not_object(&self, wanted: &Type, value: &Value) -> bool {
        let name = match (&wanted.base, value) {
            (_, Value::Null) => return false,
            (BaseType::List(item), Value::List(items)) => {
                return items.iter().any(|value| self.is_not_object(item, value));
            }
            // A single value stands for a list of one.
            (BaseType::List(item), _) => return self.is_not_object(item, value),
            (BaseType::Named(name), _) => name,
        };
        let Some(InputType::Object(fields)) = self.by_name.get(name) else { return false };
        let Value::Object(given) = value else { return true };
        given.iter().any(|(name, value)| {
            fields.get(name).is_some_and(|field| self.is_not_object(&field.declared, value))
        })
    }

    /// Finds a mutation's argument that is a literal, must be an input object, and is not.
    pub(super) fn find_non_object_literal<'a>(
        &self,
        document: &'a ExecutableDocument,
    ) -> Option<&'a Name> {
        let of_operations = document.operations.iter().map(|(_, of)| &of.node.selection_set.node);
        let of_fragments = document.fragments.values().map(|of| &of.node.selection_set.node);
        of_operations.chain(of_fragments).find_map(|set| self.find_non_object_literal_in(set))
    }

    /// Looks at the fields of all types, because no other type has a field and an argument with the
    /// same names.
    fn find_non_object_literal_in<'a>(&self, set: &'a SelectionSet) -> Option<&'a Name> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let found = field.node.arguments.iter().find(|(name, value)| {
                    let argument = (field.node.name.node.clone(), name.node.clone());
                    let of = self.mutation_arguments.get(&argument);
                    of.is_some_and(|of| {
                        // A variable inside the value is checked separately.
                        let null = |_| Ok::<_, Infallible>(Value::Null);
                        let value = value.node.clone().into_const_with(null);
                        value.is_ok_and(|value| self.is_not_object(of, &value))
                    })
                });
                found.map(|(name, _)| &name.node)
            }
            Selection::InlineFragment(of) => {
                self.find_non_object_literal_in(&of.node.selection_set.node)
            }
            Selection::FragmentSpread(_) => None,
        })
    }

    fn is_of_type(&self, wanted: &Type, value: &Value) -> bool {
        let name = match (&wanted.base, value) {
            (_, Value::Null) => return wanted.nullable,
            (BaseType::List(item), Value::List(items)) => {
                return items.iter().all(|value| self.is_of_type(item, value));
            }
            (BaseType::List(_), _) => return false,
            (BaseType::Named(name), _) => name,
        };
        match (name.as_str(), value) {
            ("ID" | "String", Value::String(_)) | ("Boolean", Value::Boolean(_)) => true,
            ("Int", Value::Number(number)) => {
                number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
            }
            _ => match (self.by_name.get(name), value) {
                (Some(InputType::Enum(values)), Value::String(value)) => {
                    values.contains(value.as_str())
                }
                (Some(InputType::Object(fields)), Value::Object(given)) => {
                    given.iter().all(|(name, value)| {
                        fields
                            .get(name)
                            .is_some_and(|field| self.is_of_type(&field.declared, value))
                    }) && fields
                        .iter()
                        .all(|(name, field)| field.may_be_absent || given.contains_key(name))
                }
                _ => false,
            },
        }
    }
}

/// Whether each argument either is a variable or has none in it.
pub(super) fn has_plain_arguments(document: &ExecutableDocument) -> bool {
    let mut operations = document.operations.iter().map(|(_, operation)| &operation.node);
    operations.all(|of| of.directives.is_empty() && set_is_plain(&of.selection_set.node))
        && document.fragments.values().all(|of| set_is_plain(&of.node.selection_set.node))
}

fn set_is_plain(set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| {
        let directives = selection.node.directives();
        let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        arguments.into_iter().all(|(_, value)| is_plain(&value.node))
            && match &selection.node {
                Selection::Field(field) => {
                    field.node.arguments.iter().all(|(_, value)| is_plain(&value.node))
                        && set_is_plain(&field.node.selection_set.node)
                }
                Selection::InlineFragment(of) => set_is_plain(&of.node.selection_set.node),
                Selection::FragmentSpread(_) => true,
            }
    })
}

fn is_plain(value: &written::Value) -> bool {
    matches!(value, written::Value::Variable(_)) || value.clone().into_const().is_some()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn accepts(declared: &str, variables: serde_json::Value) -> bool {
        let document = parse_query(format!("query Named({declared}) {{ f }}")).unwrap();
        let types = InputTypes::of_schema(&crate::graphql::sdl());
        types.accept(&document, &Variables::from_json(variables))
    }

    #[test]
    fn values_of_the_declared_types_are_accepted() {
        assert!(accepts("$a: Int!, $b: [ID!]", json!({ "a": -3, "b": ["x", "y"] })));
        assert!(accepts("$a: String, $b: Boolean = true", json!({ "a": null })));
        let order = json!({ "order": { "field": "PRICE" } });
        assert!(accepts("$order: EventOrder!", order));
        let input = json!({ "input": { "eventId": "x", "idempotencyKey": null } });
        assert!(accepts("$input: BookEventInput!", input));
    }

    #[test]
    fn values_of_other_types_are_not_accepted() {
        for (declared, value) in [
            ("Int", json!(1.5)),
            ("Int", json!(3_000_000_000_u64)),
            ("Int", json!("1")),
            ("Int!", json!(null)),
            ("ID", json!(1)),
            ("[ID!]", json!("x")),
            ("[ID!]", json!([null])),
            ("Boolean", json!("true")),
            ("Unheard", json!("x")),
            ("EventOrder", json!({ "field": "SIZE" })),
            ("EventOrder", json!({ "direction": "ASC" })),
            ("EventOrder", json!({ "field": "DATE", "more": 1 })),
            ("BookEventInput", json!({ "eventId": "x", "quantity": null })),
            ("Event", json!({ "id": "x" })),
        ] {
            assert!(!accepts(&format!("$a: {declared}"), json!({ "a": value })), "{declared}");
        }
        assert!(!accepts("$a: Int", json!({})), "an absent variable changes the document");
        assert!(
            !accepts("$a: Int) { f } query Other($a: Int", json!({ "a": 1 })),
            "two operations"
        );
    }

    #[test]
    fn a_variable_that_must_be_an_object_and_is_not_is_found() {
        let is_found = |declared: &str, value| {
            let document = parse_query(format!("query($a: {declared}) {{ f }}")).unwrap();
            let types = InputTypes::of_schema(&crate::graphql::sdl());
            let variables = Variables::from_json(json!({ "a": value }));
            types.find_non_object_variable(&document, None, &variables).is_some()
        };
        assert!(is_found("EventOrder", json!("PRICE")));
        assert!(is_found("[EventOrder!]", json!([{ "field": "PRICE" }, 7])));
        assert!(is_found("[EventOrder!]", json!([[]])));
        for right in [json!({ "field": "PRICE" }), json!(null), json!({ "field": 7 })] {
            assert!(!is_found("EventOrder", right));
        }
        assert!(!is_found("ID", json!("x")));
    }

    #[test]
    fn a_literal_that_must_be_an_object_and_is_not_is_found() {
        let types = InputTypes::of_schema(&crate::graphql::sdl());
        let missed = |query: &str| {
            let document = parse_query(query).unwrap();
            types.find_non_object_literal(&document).map(ToString::to_string)
        };
        for wrong in [
            "mutation { bookEvent(input: 7) { __typename } }",
            "mutation { me: login(input: \"x\") { __typename } }",
            "mutation { ... { bookEvent(input: [{}]) { __typename } } }",
            "mutation { ...A } \
             fragment A on Mutation { logout bookEvent(input: X) { __typename } }",
        ] {
            assert_eq!(missed(wrong).as_deref(), Some("input"), "{wrong}");
        }
        for right in [
            "mutation($a: X) { bookEvent(input: $a) { __typename } }",
            "mutation { bookEvent(input: { eventId: 7 }) { __typename } }",
            "mutation { bookEvent(input: null) { __typename } other(input: 7) }",
        ] {
            assert_eq!(missed(right), None, "{right}");
        }
    }

    #[test]
    fn a_variable_inside_a_value_is_not_plain() {
        let is_plain = |query: &str| has_plain_arguments(&parse_query(query).unwrap());
        assert!(is_plain("query($a: Int) { f(a: $a, b: [1], c: {d: 2}) { g @skip(if: $a) } }"));
        for inside in [
            "{ f(a: {b: $c}) }",
            "{ f { g(a: [$c]) } }",
            "{ ... @skip(if: [$c]) { f } }",
            "{ ...A } fragment A on Query { f(a: {b: {c: [$d]}}) }",
            "query @x { f }",
        ] {
            assert!(!is_plain(inside), "{inside}");
        }
    }
}
