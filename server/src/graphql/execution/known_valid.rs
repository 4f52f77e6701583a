//! A query whose text was found valid once is not validated again.
//!
//! To validate a small query takes longer than to execute it. Its rules look at the text, and only one of
//! them at the variables' values as well: whether each fits where it is used. That follows where a
//! variable stands alone as an argument and its value is of the type that it was declared with, since the
//! types of such places are compared when the text is validated.
//!
//! What is not plainly so, right or wrong, goes through all of the rules. So nothing is accepted here that
//! they would refuse, and what they refuse is refused in their words. One thing besides is refused here that
//! they overlook: a variable, or a mutation's argument, that should be an input object and is none. It would
//! be met when its field's turn comes, after those before it were executed.

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

/// The types that variables can have, apart from those built into GraphQL, and those of the arguments of
/// mutations.
#[derive(Debug)]
pub(crate) struct InputTypes {
    by_name: HashMap<Name, InputType>,
    /// By field and argument.
    of_mutations: HashMap<(Name, Name), Type>,
}

/// The type whose fields change something.
const MUTATION: &str = "Mutation";

#[derive(Debug)]
enum InputType {
    Enum(HashSet<Name>),
    Object(HashMap<Name, InputField>),
}

#[derive(Debug)]
struct InputField {
    of: Type,
    may_be_absent: bool,
}

impl InputTypes {
    /// Those of a schema. What can't be read here is taken for a type of which nothing is known.
    pub(crate) fn of_schema(sdl: &str) -> Self {
        let definitions = parse_schema(sdl).map(|schema| schema.definitions).unwrap_or_default();
        let (mut by_name, mut of_mutations) = (HashMap::new(), HashMap::new());
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node;
            let of = match definition.node.kind {
                TypeKind::Enum(of) => {
                    InputType::Enum(of.values.into_iter().map(|v| v.node.value.node).collect())
                }
                TypeKind::InputObject(of) => {
                    let fields = of.fields.into_iter().map(|field| {
                        let (of, default) = (field.node.ty.node, field.node.default_value);
                        let may_be_absent = of.nullable || default.is_some();
                        (field.node.name.node, InputField { of, may_be_absent })
                    });
                    InputType::Object(fields.collect())
                }
                TypeKind::Object(of) if name == MUTATION => {
                    for field in of.fields {
                        let arguments = field.node.arguments.into_iter().map(|argument| {
                            let name = argument.node.name.node;
                            ((field.node.name.node.clone(), name), argument.node.ty.node)
                        });
                        of_mutations.extend(arguments);
                    }
                    continue;
                }
                _ => continue,
            };
            by_name.insert(name, of);
        }
        Self { by_name, of_mutations }
    }

    /// Whether each variable of the document's one operation is there, or has a default, and is of the type
    /// that it was declared with.
    pub(crate) fn are_right(&self, document: &ExecutableDocument, variables: &Variables) -> bool {
        let mut operations = document.operations.iter();
        let (Some((_, operation)), None) = (operations.next(), operations.next()) else {
            return false;
        };
        operation.node.variable_definitions.iter().all(|definition| {
            let definition = &definition.node;
            match variables.get(&definition.name.node) {
                // With a default it may stand where none may be missing, and null is not its default.
                Some(Value::Null) if definition.default_value.is_some() => false,
                Some(value) => self.is_of(&definition.var_type.node, value),
                None => definition.default_value.is_some(),
            }
        })
    }

    /// A variable that is no object and should be one, of the operation of this name where there is one. The
    /// rules let it through, and what stands before it would be executed.
    pub(crate) fn find_missed_object<'a>(
        &self,
        document: &'a ExecutableDocument,
        name: Option<&str>,
        variables: &Variables,
    ) -> Option<&'a Name> {
        let is_meant = |own: Option<&Name>| name.is_none() || own.map(Name::as_str) == name;
        let (_, operation) = document.operations.iter().find(|(own, _)| is_meant(*own))?;
        let mut definitions = operation.node.variable_definitions.iter();
        let missed = definitions.find(|definition| {
            let value = variables.get(&definition.node.name.node);
            value.is_some_and(|value| self.misses_object(&definition.node.var_type.node, value))
        })?;
        Some(&missed.node.name.node)
    }

    fn misses_object(&self, wanted: &Type, value: &Value) -> bool {
        let name = match (&wanted.base, value) {
            (_, Value::Null) => return false,
            (BaseType::List(item), Value::List(items)) => {
                return items.iter().any(|value| self.misses_object(item, value));
            }
            // One that stands for a list of itself.
            (BaseType::List(item), _) => return self.misses_object(item, value),
            (BaseType::Named(name), _) => name,
        };
        let Some(InputType::Object(fields)) = self.by_name.get(name) else { return false };
        let Value::Object(given) = value else { return true };
        given.iter().any(|(name, value)| {
            fields.get(name).is_some_and(|field| self.misses_object(&field.of, value))
        })
    }

    /// A mutation's argument that is written as no object and should be one.
    pub(crate) fn find_missed_literal<'a>(
        &self,
        document: &'a ExecutableDocument,
    ) -> Option<&'a Name> {
        let of_operations = document.operations.iter().map(|(_, of)| &of.node.selection_set.node);
        let of_fragments = document.fragments.values().map(|of| &of.node.selection_set.node);
        of_operations.chain(of_fragments).find_map(|set| self.find_missed_literal_in(set))
    }

    /// No type below the mutations has a field of one's name with such an argument.
    fn find_missed_literal_in<'a>(&self, set: &'a SelectionSet) -> Option<&'a Name> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let missed = field.node.arguments.iter().find(|(name, value)| {
                    let argument = (field.node.name.node.clone(), name.node.clone());
                    let of = self.of_mutations.get(&argument);
                    of.is_some_and(|of| {
                        // A variable in it is looked at by its own value.
                        let null = |_| Ok::<_, Infallible>(Value::Null);
                        let value = value.node.clone().into_const_with(null);
                        value.is_ok_and(|value| self.misses_object(of, &value))
                    })
                });
                missed.map(|(name, _)| &name.node)
            }
            Selection::InlineFragment(of) => {
                self.find_missed_literal_in(&of.node.selection_set.node)
            }
            Selection::FragmentSpread(_) => None,
        })
    }

    fn is_of(&self, wanted: &Type, value: &Value) -> bool {
        let name = match (&wanted.base, value) {
            (_, Value::Null) => return wanted.nullable,
            (BaseType::List(item), Value::List(items)) => {
                return items.iter().all(|value| self.is_of(item, value));
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
                        fields.get(name).is_some_and(|field| self.is_of(&field.of, value))
                    }) && fields
                        .iter()
                        .all(|(name, field)| field.may_be_absent || given.contains_key(name))
                }
                _ => false,
            },
        }
    }
}

/// Whether each argument is a variable or has none in it.
pub(crate) fn has_plain_arguments(document: &ExecutableDocument) -> bool {
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

    fn are_right(declared: &str, variables: serde_json::Value) -> bool {
        let document = parse_query(format!("query Named({declared}) {{ f }}")).unwrap();
        let types = InputTypes::of_schema(&crate::graphql::sdl());
        types.are_right(&document, &Variables::from_json(variables))
    }

    #[test]
    fn values_of_the_declared_types_are_right() {
        assert!(are_right("$a: Int!, $b: [ID!]", json!({ "a": -3, "b": ["x", "y"] })));
        assert!(are_right("$a: String, $b: Boolean = true", json!({ "a": null })));
        let order = json!({ "order": { "field": "PRICE" } });
        assert!(are_right("$order: EventOrder!", order));
        let input = json!({ "input": { "eventId": "x", "idempotencyKey": null } });
        assert!(are_right("$input: BookEventInput!", input));
    }

    #[test]
    fn what_is_not_plainly_of_its_type_is_not_right() {
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
            assert!(!are_right(&format!("$a: {declared}"), json!({ "a": value })), "{declared}");
        }
        assert!(!are_right("$a: Int", json!({})), "an absent one changes the document");
        assert!(!are_right("$a: Int) { f } query Other($a: Int", json!({ "a": 1 })), "one of two");
    }

    #[test]
    fn what_should_be_an_object_and_is_none_is_found() {
        let missed = |declared: &str, value| {
            let document = parse_query(format!("query($a: {declared}) {{ f }}")).unwrap();
            let types = InputTypes::of_schema(&crate::graphql::sdl());
            let variables = Variables::from_json(json!({ "a": value }));
            types.find_missed_object(&document, None, &variables).is_some()
        };
        assert!(missed("EventOrder", json!("PRICE")));
        assert!(missed("[EventOrder!]", json!([{ "field": "PRICE" }, 7])));
        assert!(missed("[EventOrder!]", json!([[]])));
        for right in [json!({ "field": "PRICE" }), json!(null), json!({ "field": 7 })] {
            assert!(!missed("EventOrder", right));
        }
        assert!(!missed("ID", json!("x")));
    }

    #[test]
    fn what_is_written_as_no_object_and_should_be_one_is_found() {
        let types = InputTypes::of_schema(&crate::graphql::sdl());
        let missed = |query: &str| {
            let document = parse_query(query).unwrap();
            types.find_missed_literal(&document).map(ToString::to_string)
        };
        for wrong in [
            "mutation { bookEvent(input: 7) { __typename } }",
            "mutation { me: login(input: \"x\") { __typename } }",
            "mutation { ... { bookEvent(input: [{}]) { __typename } } }",
            "mutation { ...A } fragment A on Mutation { logout bookEvent(input: X) { __typename } }",
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
