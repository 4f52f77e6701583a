//! Counts the fields of an answer to an introspection query before the query is executed.
//!
//! async-graphql's complexity counts a field of `__schema` once, although each type has fields,
//! each field has a type, and that type has fields again. Since the schema never changes, the
//! fields can be counted exactly, and counting stops at the limit.

use std::collections::HashMap;

use async_graphql::{
    Name,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};
use async_graphql_value::Value as Written;
use serde_json::Value;

/// The schema as introspection shows it.
#[derive(Debug)]
pub(super) struct Introspection {
    schema: Value,
    types: HashMap<String, Value>,
    max_fields: usize,
}

impl Introspection {
    /// Reads the answer to [`SCHEMA_QUERY`](crate::graphql::validation::schema::SCHEMA_QUERY). Counting
    /// stops at `max_fields`.
    pub(super) fn new(mut introspected: Value, max_fields: usize) -> Self {
        let schema = introspected["__schema"].take();
        let types = schema["types"].as_array().into_iter().flatten();
        let named = types.filter_map(|of| Some((of["name"].as_str()?.to_owned(), of.clone())));
        Self { types: named.collect(), schema, max_fields }
    }

    /// Whether the answer to a document's introspection has more fields than the limit.
    /// The document's fragments must not contain themselves.
    pub(super) fn is_too_large(&self, document: &ExecutableDocument) -> bool {
        let mut count = Count { of: self, document, left: self.max_fields };
        let mut operations = document.operations.iter();
        operations.any(|(_, of)| count.roots(&of.node.selection_set.node).is_none())
    }
}

/// Counts down. Each function returns `None` once nothing is left.
struct Count<'a> {
    of: &'a Introspection,
    document: &'a ExecutableDocument,
    left: usize,
}

impl<'a> Count<'a> {
    fn roots(&mut self, set: &'a SelectionSet) -> Option<()> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => match field.node.name.node.as_str() {
                    "__schema" => {
                        self.object(&field.node.selection_set.node, &self.of.schema)?;
                    }
                    "__type" => self.type_by_name(&field.node)?,
                    _ => {}
                },
                other => {
                    if let Some(set) = self.spread(other) {
                        self.roots(set)?;
                    }
                }
            }
        }
        Some(())
    }

    /// Counts the fields of the named type. If a variable has the name, any type may be meant.
    fn type_by_name(&mut self, field: &'a Field) -> Option<()> {
        let set = &field.selection_set.node;
        let name = field.arguments.iter().find(|(argument, _)| argument.node == "name");
        if let Some((_, name)) = name
            && let Written::String(name) = &name.node
        {
            return self.of.types.get(name).map_or(Some(()), |of| self.object(set, of));
        }
        let before = self.left;
        let mut least = before;
        for of in self.of.types.values() {
            self.left = before;
            self.object(set, of)?;
            least = least.min(self.left);
        }
        self.left = least;
        Some(())
    }

    fn object(&mut self, set: &'a SelectionSet, object: &'a Value) -> Option<()> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.left = self.left.checked_sub(1)?;
                    let found = object.get(field.node.name.node.as_str()).unwrap_or(&Value::Null);
                    self.value(&field.node.selection_set.node, found)?;
                }
                other => {
                    if let Some(set) = self.spread(other) {
                        self.object(set, object)?;
                    }
                }
            }
        }
        Some(())
    }

    fn value(&mut self, set: &'a SelectionSet, value: &'a Value) -> Option<()> {
        match value {
            Value::Array(items) => {
                for item in items {
                    self.left = self.left.checked_sub(1)?;
                    self.value(set, item)?;
                }
            }
            Value::Object(_) => {
                // The whole type, where there is only a reference to it.
                let name = value.get("kind").and(value.get("name")).and_then(Value::as_str);
                let whole = name.and_then(|name| self.of.types.get(name));
                self.object(set, whole.unwrap_or(value))?;
            }
            _ => {}
        }
        Some(())
    }

    fn spread(&self, selection: &'a Selection) -> Option<&'a SelectionSet> {
        let fragment = |name: &Name| self.document.fragments.get(name);
        match selection {
            Selection::Field(_) => None,
            Selection::InlineFragment(of) => Some(&of.node.selection_set.node),
            Selection::FragmentSpread(of) => {
                Some(&fragment(&of.node.fragment_name.node)?.node.selection_set.node)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::{
        language::{executable::executable, parse},
        validation::schema::{SCHEMA_QUERY, introspected_schema},
    };

    /// The number of fields in the answer.
    fn fields(query: &str) -> usize {
        let mut introspection = Introspection::new(introspected_schema(), 1 << 20);
        let document = executable(&parse(query).unwrap());
        let (mut least, mut most) = (0, introspection.max_fields);
        while least < most {
            introspection.max_fields = usize::midpoint(least, most);
            if introspection.is_too_large(&document) {
                least = introspection.max_fields + 1;
            } else {
                most = introspection.max_fields;
            }
        }
        least
    }

    #[test]
    fn fields_are_counted_for_each_item_of_a_list() {
        assert_eq!(fields("{ __typename events { nodes { id } } }"), 0);
        assert_eq!(fields(r#"{ __type(name: "OrderDirection") { name enumValues { name } } }"#), 6);
        assert_eq!(fields(r#"{ __type(name: "Nothing") { name } }"#), 0);
        let types = fields("{ __schema { types { name } } }");
        let query =
            "{ __schema { ...A } } fragment A on __Schema { ... { types { a: name name } } }";
        assert_eq!(fields(query) - types, types / 2);
    }

    #[test]
    fn types_of_fields_have_fields_again() {
        let nested = |depth| {
            let mut inner = "{ name }".to_owned();
            for _ in 0..depth {
                inner = format!("{{ fields {{ type {{ ofType {inner} }} }} }}");
            }
            fields(&format!("{{ __schema {{ types {inner} }} }}"))
        };
        assert!(nested(2) > 2 * nested(1), "{} {}", nested(1), nested(2));
        assert!(nested(4) > 1_000);
    }

    #[test]
    fn a_type_named_by_a_variable_is_the_largest() {
        let of_query = fields(r#"{ __type(name: "Query") { fields { args { name } } } }"#);
        let of_any =
            fields("query($name: String!) { __type(name: $name) { fields { args { name } } } }");
        assert!(of_any >= of_query && of_query > 10, "{of_any} {of_query}");
    }

    #[test]
    fn what_tools_ask_for_at_the_start_is_far_below_the_limit() {
        let whole = fields(SCHEMA_QUERY);
        assert!((1_000..10_000).contains(&whole), "{whole}");
    }
}
