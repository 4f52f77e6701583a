//! Generates operations from the schema: mostly valid ones, with mistakes of every kind.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
    },
};
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../../../../schema.graphql");
/// The deepest nesting, which is deeper than the server accepts.
const MAX_DEPTH: usize = 18;

/// Values from the database that operations can use.
#[derive(Clone, Debug)]
pub(super) struct Fixtures {
    pub(super) user: String,
    pub(super) ids: Vec<String>,
    pub(super) cursor: String,
}

#[derive(Debug, Default)]
pub(super) struct Operation {
    pub(super) query: String,
    pub(super) variables: Map<String, Value>,
}

/// Generates operations of the schema.
pub(super) struct Operations {
    types: BTreeMap<String, TypeKind>,
    fixtures: Fixtures,
}

/// Random decisions, used one by one. Fewer decisions and smaller numbers make a simpler operation,
/// so that proptest can shrink it. After the last one, each decision is for the simplest choice.
struct Decisions<'a>(std::slice::Iter<'a, u8>);

impl Decisions<'_> {
    fn up_to(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |decision| usize::from(*decision) % count.max(1))
    }

    /// True once in `count` times.
    fn one_in(&mut self, count: usize) -> bool {
        self.up_to(count) == count - 1
    }

    fn one_of<'b, T>(&mut self, items: &'b [T]) -> Option<&'b T> {
        items.get(self.up_to(items.len()))
    }
}

/// An operation that is being built.
struct OperationBuilder<'a> {
    operations: &'a Operations,
    decisions: Decisions<'a>,
    variables: Map<String, Value>,
    /// The declarations of variables, such as `$v0: Int`.
    declared: Vec<String>,
}

impl Operations {
    pub(super) fn new(fixtures: Fixtures) -> Self {
        let document = parse_schema(SCHEMA).unwrap();
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node.kind)),
            _ => None,
        });
        Self { types: types.collect(), fixtures }
    }

    /// Builds the operation that these decisions make.
    pub(super) fn make(&self, decisions: &[u8]) -> Operation {
        let mut builder = OperationBuilder {
            operations: self,
            decisions: Decisions(decisions.iter()),
            variables: Map::new(),
            declared: Vec::new(),
        };
        let (kind, root) = match builder.decisions.up_to(8) {
            0..5 => ("query", "Query"),
            5 => ("subscription", "Subscription"),
            _ => ("mutation", "Mutation"),
        };
        let selection = builder.selection(root, 0);
        let declared = match builder.declared.is_empty() {
            true => String::new(),
            false => format!("({})", builder.declared.join(", ")),
        };
        Operation { query: format!("{kind} Q{declared} {selection}"), variables: builder.variables }
    }

    fn fields(&self, name: &str) -> &[async_graphql::Positioned<FieldDefinition>] {
        match self.types.get(name) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => &[],
        }
    }

    /// The object types of a union or interface, or the object type itself.
    fn objects(&self, name: &str) -> Vec<String> {
        match self.types.get(name) {
            Some(TypeKind::Union(union)) => {
                union.members.iter().map(|member| member.node.to_string()).collect()
            }
            Some(TypeKind::Interface(_)) => {
                let implements = |kind: &TypeKind| match kind {
                    TypeKind::Object(object) => {
                        object.implements.iter().any(|interface| interface.node == name)
                    }
                    _ => false,
                };
                let types = self.types.iter().filter(|(_, kind)| implements(kind));
                types.map(|(name, _)| name.clone()).collect()
            }
            _ => vec![name.to_owned()],
        }
    }
}

impl OperationBuilder<'_> {
    fn selection(&mut self, type_name: &str, depth: usize) -> String {
        if depth >= MAX_DEPTH {
            return "{ __typename }".to_owned();
        }
        let mut parts = vec!["__typename".to_owned()];
        for _ in 0..1 + self.decisions.up_to(4) {
            let part = match self.decisions.up_to(12) {
                0..9 => self.field(type_name, depth),
                9 => {
                    let objects = self.operations.objects(type_name);
                    let object = self.decisions.one_of(&objects).cloned().unwrap_or_default();
                    let directives = self.directives();
                    format!("... on {object}{directives} {}", self.selection(&object, depth + 1))
                }
                10 => "nothingLikeThis".to_owned(),
                _ => "...NoSuchFragment".to_owned(),
            };
            parts.push(part);
        }
        format!("{{ {} }}", parts.join(" "))
    }

    fn field(&mut self, type_name: &str, depth: usize) -> String {
        let fields = self.operations.fields(type_name);
        let Some(field) = self.decisions.one_of(fields) else {
            // A union has no fields of its own.
            return "__typename".to_owned();
        };
        let field = &field.node;
        let alias = match self.decisions.one_in(3) {
            true => format!("a{}: ", self.decisions.up_to(256)),
            false => String::new(),
        };
        let mut arguments = Vec::new();
        for argument in &field.arguments {
            let argument = &argument.node;
            if !argument.ty.node.nullable || self.decisions.one_in(3) {
                arguments.push(format!("{}: {}", argument.name.node, self.argument(argument)));
            }
        }
        if self.decisions.one_in(20) {
            arguments.push("noSuchArgument: 1".to_owned());
        }
        let arguments = match arguments.is_empty() {
            true => String::new(),
            false => format!("({})", arguments.join(", ")),
        };
        let directives = self.directives();
        let inner = named_type(&field.ty.node);
        let is_leaf = matches!(
            self.operations.types.get(inner),
            None | Some(TypeKind::Scalar | TypeKind::Enum(_))
        );
        let inner = match is_leaf != self.decisions.one_in(30) {
            true => String::new(),
            false => format!(" {}", self.selection(inner, depth + 1)),
        };
        format!("{alias}{}{arguments}{directives}{inner}", field.name.node)
    }

    fn directives(&mut self) -> String {
        if !self.decisions.one_in(8) {
            return String::new();
        }
        let which = ["skip", "include", "noSuchDirective", "deprecated"];
        let which = self.decisions.one_of(&which).copied().unwrap_or_default();
        let flag =
            Type { base: BaseType::Named(async_graphql::Name::new("Boolean")), nullable: false };
        let value = self.value(&flag, 0);
        format!(" @{which}(if: {})", graphql_literal(&value))
    }

    /// A value for the argument: a literal, or a variable of its type or of another one.
    fn argument(&mut self, argument: &InputValueDefinition) -> String {
        let expected_type = &argument.ty.node;
        let value = self.value(expected_type, 0);
        if !self.decisions.one_in(2) {
            return graphql_literal(&value);
        }
        let name = format!("v{}", self.declared.len());
        let ty = match self.decisions.one_in(12) {
            true => "[NoSuchType!]".to_owned(),
            false => expected_type.to_string(),
        };
        self.declared.push(format!("${name}: {ty}"));
        if !self.decisions.one_in(12) {
            self.variables.insert(name.clone(), value);
        }
        format!("${name}")
    }

    /// A value, mostly of the expected type.
    fn value(&mut self, expected_type: &Type, depth: usize) -> Value {
        if self.decisions.one_in(10) || depth > 4 {
            return self.arbitrary_value();
        }
        if expected_type.nullable && self.decisions.one_in(6) {
            return Value::Null;
        }
        let name = match &expected_type.base {
            BaseType::List(inner) => {
                let count = self.decisions.up_to(4);
                return (0..count).map(|_| self.value(inner, depth + 1)).collect();
            }
            BaseType::Named(name) => name.as_str(),
        };
        let operations = self.operations;
        match (operations.types.get(name), name) {
            (Some(TypeKind::Enum(values)), _) => {
                let value = self.decisions.one_of(&values.values);
                json!(value.map(|value| value.node.value.node.as_str()))
            }
            (Some(TypeKind::InputObject(object)), _) => {
                let mut fields = Map::new();
                for field in &object.fields {
                    let field = &field.node;
                    if !field.ty.node.nullable || self.decisions.one_in(2) {
                        let value = self.value(&field.ty.node, depth + 1);
                        fields.insert(field.name.node.to_string(), value);
                    }
                }
                fields.into()
            }
            (_, "Int") => json!(self.decisions.one_of(&[1, 2, 10, 50, 0, -1, 51, 1_000_000])),
            (_, "Boolean") => json!(self.decisions.one_in(2)),
            (_, "ID") => json!(self.decisions.one_of(&operations.fixtures.ids)),
            _ => self.text(),
        }
    }

    fn text(&mut self) -> Value {
        let long = "x".repeat(300);
        let texts = [
            "concert",
            &self.operations.fixtures.cursor,
            "",
            " ",
            "a\0b",
            "%_\\'\"",
            "Ärger 🎟",
            "ada@example.org",
            &long,
        ];
        json!(self.decisions.one_of(&texts))
    }

    /// A value of any type.
    fn arbitrary_value(&mut self) -> Value {
        let values = [
            Value::Null,
            json!(-1),
            json!(2_147_483_647),
            json!(2_147_483_648_u64),
            json!(-9_223_372_036_854_775_808_i64),
            json!(18_446_744_073_709_551_615_u64),
            json!(1.5),
            json!(1e300),
            json!("\u{0}"),
            json!("00000000-0000-0000-0000-000000000000"),
            json!(true),
            json!([]),
            json!([[null]]),
            json!({}),
            json!({ "x": { "y": [1] } }),
        ];
        self.decisions.one_of(&values).cloned().unwrap_or_default()
    }
}

fn named_type(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named_type(inner),
    }
}

/// The value as a GraphQL literal. A word in upper case is written as a value of an enumeration.
fn graphql_literal(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(graphql_literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| format!("{name}: {}", graphql_literal(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => {
            let is_enum_value = !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase());
            if is_enum_value { text.clone() } else { value.to_string() }
        }
        other => other.to_string(),
    }
}
