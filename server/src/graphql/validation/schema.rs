//! The schema as validation sees it, read from the answer to an introspection query, so that it has
//! the types of introspection as well.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name,
    parser::types::{BaseType, OperationType, Type},
};
use futures_util::FutureExt;
use serde_json::Value;

use crate::graphql::schema;

/// The query whose answer holds everything that validation and the counting of introspection need.
pub(in crate::graphql) const SCHEMA_QUERY: &str = "{
  __schema {
    types {
      kind name
      fields(includeDeprecated: true) {
        name args(includeDeprecated: true) { ...Input } type { ...Reference }
      }
      inputFields(includeDeprecated: true) { ...Input }
      interfaces { ...Reference }
      enumValues(includeDeprecated: true) { name }
      possibleTypes { ...Reference }
    }
    queryType { ...Reference }
    mutationType { ...Reference }
    subscriptionType { ...Reference }
    directives { name locations isRepeatable args(includeDeprecated: true) { ...Input } }
  }
}
fragment Input on __InputValue { name defaultValue type { ...Reference } }
fragment Reference on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
}";

/// The answer to [`SCHEMA_QUERY`].
pub(in crate::graphql) fn introspected_schema() -> Value {
    // Introspection waits for nothing.
    let answer = schema::builder().finish().execute(SCHEMA_QUERY).now_or_never();
    answer.and_then(|answer| answer.data.into_json().ok()).unwrap_or_default()
}

/// Scalars that the specification names. The schema's own are strings of some form.
const BUILT_IN_SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

#[derive(Debug)]
pub(in crate::graphql) struct Schema {
    types: HashMap<String, NamedType>,
    directives: HashMap<String, Directive>,
    roots: [Option<String>; 3],
    typename: Field,
    meta_fields: [(&'static str, Field); 2],
}

#[derive(Debug)]
pub(in crate::graphql) enum NamedType {
    /// One of the five scalars that the specification names.
    BuiltInScalar,
    CustomScalar,
    Enum(HashSet<String>),
    InputObject(Vec<Input>),
    Object(HashMap<String, Field>),
    Interface {
        fields: HashMap<String, Field>,
        possible: HashSet<String>,
    },
    Union {
        possible: HashSet<String>,
    },
}

impl NamedType {
    pub(in crate::graphql) fn is_composite(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Interface { .. } | Self::Union { .. })
    }

    pub(in crate::graphql) fn is_input(&self) -> bool {
        match self {
            Self::BuiltInScalar | Self::CustomScalar | Self::Enum(_) | Self::InputObject(_) => true,
            Self::Object(_) | Self::Interface { .. } | Self::Union { .. } => false,
        }
    }

    pub(in crate::graphql) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

#[derive(Debug)]
pub(in crate::graphql) struct Field {
    pub(in crate::graphql) of: Type,
    pub(in crate::graphql) arguments: Vec<Input>,
}

/// An argument, or a field of an input object.
#[derive(Debug)]
pub(in crate::graphql) struct Input {
    pub(in crate::graphql) name: String,
    pub(in crate::graphql) of: Type,
    pub(in crate::graphql) has_default: bool,
}

impl Input {
    pub(in crate::graphql) fn is_required(&self) -> bool {
        !self.of.nullable && !self.has_default
    }
}

#[derive(Debug)]
pub(in crate::graphql) struct Directive {
    pub(in crate::graphql) locations: HashSet<String>,
    pub(in crate::graphql) arguments: Vec<Input>,
    pub(in crate::graphql) is_repeatable: bool,
}

impl Schema {
    #[cfg(test)]
    pub(in crate::graphql) fn of_server() -> Self {
        Self::read(&introspected_schema())
    }

    /// Reads the answer to [`SCHEMA_QUERY`].
    pub(in crate::graphql) fn read(introspected: &Value) -> Self {
        let schema = &introspected["__schema"];
        let root = |field: &str| schema[field]["name"].as_str().map(str::to_owned);
        let directive = |of: &Value| Directive {
            locations: names(&of["locations"]),
            arguments: inputs(&of["args"]),
            is_repeatable: of["isRepeatable"] == true,
        };
        let named =
            |name: &str, nullable| Type { base: BaseType::Named(Name::new(name)), nullable };
        let type_name =
            Input { name: "name".into(), of: named("String", false), has_default: false };
        let mut types = by_name(&schema["types"], named_type);
        // async-graphql lists built-in scalars that nothing refers to. No document can name them.
        let used = used_types(&types);
        types.retain(|name, of| !matches!(of, NamedType::BuiltInScalar) || used.contains(name));
        Self {
            types,
            directives: by_name(&schema["directives"], directive),
            roots: [root("queryType"), root("mutationType"), root("subscriptionType")],
            typename: Field { of: named("String", false), arguments: Vec::new() },
            meta_fields: [
                ("__schema", Field { of: named("__Schema", false), arguments: Vec::new() }),
                ("__type", Field { of: named("__Type", true), arguments: vec![type_name] }),
            ],
        }
    }

    pub(in crate::graphql) fn find_type(&self, name: &str) -> Option<&NamedType> {
        self.types.get(name)
    }

    pub(in crate::graphql) fn find_directive(&self, name: &str) -> Option<&Directive> {
        self.directives.get(name)
    }

    /// The type that operations of this kind start at.
    pub(in crate::graphql) fn find_root(&self, kind: OperationType) -> Option<&str> {
        let [query, mutation, subscription] = &self.roots;
        match kind {
            OperationType::Query => query.as_deref(),
            OperationType::Mutation => mutation.as_deref(),
            OperationType::Subscription => subscription.as_deref(),
        }
    }

    /// Finds the field of an object, an interface or a union.
    pub(in crate::graphql) fn find_field(&self, parent: &str, name: &str) -> Option<&Field> {
        if name == "__typename" {
            return Some(&self.typename);
        }
        if self.find_root(OperationType::Query) == Some(parent)
            && let Some((_, field)) = self.meta_fields.iter().find(|(own, _)| *own == name)
        {
            return Some(field);
        }
        match self.find_type(parent)? {
            NamedType::Object(fields) | NamedType::Interface { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    /// The names of a type's fields.
    pub(super) fn field_names(&self, parent: &str) -> impl Iterator<Item = &str> {
        let fields = match self.find_type(parent) {
            Some(NamedType::Object(fields) | NamedType::Interface { fields, .. }) => Some(fields),
            _ => None,
        };
        fields.into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// The types that have a field, among those whose objects can be found where a union or an interface
    /// is expected: interfaces if there are any, and else objects. They are in the order of their names.
    pub(super) fn narrower_types_with(&self, expected: &str, field: &str) -> Vec<&str> {
        let candidates = self.types.iter().filter(|(name, of)| {
            let is_narrower = match of {
                NamedType::Object(_) => self.is_possible(name, expected),
                NamedType::Interface { possible, .. } => {
                    possible.iter().any(|object| self.is_possible(object, expected))
                }
                _ => false,
            };
            is_narrower && self.find_field(name, field).is_some()
        });
        let (interfaces, objects): (Vec<_>, Vec<_>) =
            candidates.partition(|(_, of)| matches!(of, NamedType::Interface { .. }));
        let found = if interfaces.is_empty() { objects } else { interfaces };
        let mut names: Vec<&str> = found.into_iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The names of the fields at the roots of operations.
    pub(in crate::graphql) fn root_field_names(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().flatten().flat_map(|root| self.field_names(root))
    }

    /// The names of all types.
    pub(super) fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// Whether objects of this type can be found where the other one is expected.
    pub(in crate::graphql) fn is_possible(&self, object: &str, expected: &str) -> bool {
        object == expected
            || match self.find_type(expected) {
                Some(NamedType::Interface { possible, .. } | NamedType::Union { possible }) => {
                    possible.contains(object)
                }
                _ => false,
            }
    }

    /// The objects that can be found where this type is expected, in the order of their names.
    pub(in crate::graphql) fn possible_types<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match self.find_type(name) {
            Some(NamedType::Object(_)) => vec![name],
            Some(NamedType::Interface { possible, .. } | NamedType::Union { possible }) => {
                let mut possible = possible.iter().map(String::as_str).collect::<Vec<_>>();
                possible.sort_unstable();
                possible
            }
            _ => Vec::new(),
        }
    }
}

/// The name of a type without its lists.
pub(in crate::graphql) fn name_of(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => name_of(item),
    }
}

fn by_name<T>(list: &Value, read: impl Fn(&Value) -> T) -> HashMap<String, T> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|of| Some((of["name"].as_str()?.to_owned(), read(of)))).collect()
}

/// The names in a list of texts, or of objects that have names.
fn names(list: &Value) -> HashSet<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|of| of.as_str().or(of["name"].as_str())).map(str::to_owned).collect()
}

fn named_type(of: &Value) -> NamedType {
    let fields = || {
        by_name(&of["fields"], |field| Field {
            of: reference(&field["type"]),
            arguments: inputs(&field["args"]),
        })
    };
    match of["kind"].as_str().unwrap_or_default() {
        "ENUM" => NamedType::Enum(names(&of["enumValues"])),
        "INPUT_OBJECT" => NamedType::InputObject(inputs(&of["inputFields"])),
        "OBJECT" => NamedType::Object(fields()),
        "INTERFACE" => {
            NamedType::Interface { fields: fields(), possible: names(&of["possibleTypes"]) }
        }
        "UNION" => NamedType::Union { possible: names(&of["possibleTypes"]) },
        _ if BUILT_IN_SCALARS.iter().any(|name| of["name"] == *name) => NamedType::BuiltInScalar,
        _ => NamedType::CustomScalar,
    }
}

/// The names of all types of fields and arguments.
fn used_types(types: &HashMap<String, NamedType>) -> HashSet<String> {
    let mut used = HashSet::new();
    for of in types.values() {
        match of {
            NamedType::InputObject(fields) => {
                used.extend(fields.iter().map(|field| name_of(&field.of).to_owned()));
            }
            NamedType::Object(fields) | NamedType::Interface { fields, .. } => {
                for field in fields.values() {
                    used.insert(name_of(&field.of).to_owned());
                    used.extend(field.arguments.iter().map(|of| name_of(&of.of).to_owned()));
                }
            }
            _ => {}
        }
    }
    used
}

fn inputs(list: &Value) -> Vec<Input> {
    let items = list.as_array().into_iter().flatten();
    let read = |of: &Value| Input {
        name: of["name"].as_str().unwrap_or_default().to_owned(),
        of: reference(&of["type"]),
        has_default: of["defaultValue"].is_string(),
    };
    items.map(read).collect()
}

fn reference(of: &Value) -> Type {
    match of["kind"].as_str().unwrap_or_default() {
        "NON_NULL" => Type { nullable: false, ..reference(&of["ofType"]) },
        "LIST" => Type { base: BaseType::List(Box::new(reference(&of["ofType"]))), nullable: true },
        _ => {
            let name = Name::new(of["name"].as_str().unwrap_or_default());
            Type { base: BaseType::Named(name), nullable: true }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_schema_is_read() {
        let schema = Schema::of_server();
        assert_eq!(schema.find_root(OperationType::Mutation), Some("Mutation"));
        let events = schema.find_field("Query", "events").unwrap();
        assert_eq!(events.of.to_string(), "EventConnection!");
        let order = events.arguments.iter().find(|argument| argument.name == "orderBy").unwrap();
        assert!(order.has_default && !order.of.nullable && !order.is_required());
        let ids = &schema.find_field("Subscription", "remainingTickets").unwrap().arguments[0];
        assert_eq!(ids.of.to_string(), "[ID!]");
        assert!(schema.find_field("User", "__typename").is_some());
        assert!(schema.find_field("User", "__schema").is_none());
        assert!(schema.find_field("__Type", "isOneOf").is_some());
        assert!(schema.is_possible("SoldOut", "BookEventResult"));
        assert!(schema.possible_types("Problem").contains(&"SoldOut"));
        assert!(schema.find_directive("skip").unwrap().locations.contains("FIELD"));
        assert!(matches!(schema.find_type("Decimal"), Some(NamedType::CustomScalar)));
        assert!(schema.find_type("Int").is_some() && schema.find_type("Float").is_none());
    }
}
