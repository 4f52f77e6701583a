//! `schema.graphql` matches the server's schema, contains the whole contract, and has a description
//! for everything.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

pub(crate) const SCHEMA_FILE: &str = include_str!("../../../schema.graphql");
/// The part of the API that clients rely on. It may grow, but nothing in it may change or go.
const CONTRACT: &str = include_str!("contract.graphql");

pub(crate) fn types(sdl: &str) -> BTreeMap<String, TypeDefinition> {
    let document = parse_schema(sdl).unwrap();
    document
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node)),
            _ => None,
        })
        .collect()
}

/// The names of the fields of an object.
pub(crate) fn field_names(object: &str) -> Vec<String> {
    match &types(SCHEMA_FILE)[object].kind {
        TypeKind::Object(object) => {
            object.fields.iter().map(|field| field.node.name.node.to_string()).collect()
        }
        other => panic!("{object} is {other:?}"),
    }
}

#[test]
fn schema_graphql_is_up_to_date() {
    assert!(
        rowlock::graphql::sdl() == SCHEMA_FILE,
        "schema.graphql is stale: run `cargo xtask schema`"
    );
}

#[test]
fn the_schema_includes_the_whole_contract() {
    let schema = types(SCHEMA_FILE);
    for (name, expected) in types(CONTRACT) {
        let Some(actual) = schema.get(&name) else { panic!("{name} is missing") };
        let actual = members(actual);
        for (member, member_type) in members(&expected) {
            assert_eq!(actual.get(&member), Some(&member_type), "{name}.{member}");
        }
    }
}

#[test]
fn every_deprecation_has_a_reason_of_its_own() {
    for line in SCHEMA_FILE.lines().filter(|line| line.contains("@deprecated")) {
        let (_, reason) = line.split_once("reason: \"").expect(line);
        assert!(!reason.starts_with('"') && !reason.starts_with("No longer supported"), "{line}");
    }
}

/// The fields, arguments, values, interfaces and union members of a type, each with its type and
/// default.
fn members(ty: &TypeDefinition) -> BTreeMap<String, String> {
    fn fields(
        list: &[async_graphql::Positioned<FieldDefinition>],
        members: &mut BTreeMap<String, String>,
    ) {
        for field in list {
            let name = field.node.name.node.as_str();
            members.insert(name.to_owned(), field.node.ty.node.to_string());
            for argument in &field.node.arguments {
                members
                    .insert(format!("{name}({})", argument.node.name.node), input(&argument.node));
            }
        }
    }
    fn input(value: &InputValueDefinition) -> String {
        let default = value.default_value.as_ref();
        let default = default.map_or_else(String::new, |value| {
            // JSON makes the order of an object's keys irrelevant.
            format!(" = {}", serde_json::to_value(&value.node).unwrap())
        });
        format!("{}{default}", value.ty.node)
    }
    let mut members = BTreeMap::new();
    match &ty.kind {
        TypeKind::Scalar => {}
        TypeKind::Object(object) => {
            fields(&object.fields, &mut members);
            for interface in &object.implements {
                members.insert(format!("implements {}", interface.node), String::new());
            }
        }
        TypeKind::Interface(interface) => fields(&interface.fields, &mut members),
        TypeKind::Union(union) => {
            for member in &union.members {
                members.insert(format!("| {}", member.node), String::new());
            }
        }
        TypeKind::Enum(values) => {
            for value in &values.values {
                members.insert(value.node.value.node.to_string(), String::new());
            }
        }
        TypeKind::InputObject(object) => {
            for field in &object.fields {
                members.insert(field.node.name.node.to_string(), input(&field.node));
            }
        }
    }
    members
}

#[test]
fn every_type_field_argument_and_value_has_a_description() {
    for (name, ty) in types(SCHEMA_FILE) {
        let mut missing = Vec::new();
        let mut check = |item: String, is_described: bool| {
            if !is_described {
                missing.push(item);
            }
        };
        check(name.clone(), ty.description.is_some());
        let fields = match &ty.kind {
            TypeKind::Object(object) => &object.fields[..],
            TypeKind::Interface(interface) => &interface.fields,
            TypeKind::Enum(values) => {
                for value in &values.values {
                    let item = format!("{name}.{}", value.node.value.node);
                    check(item, value.node.description.is_some());
                }
                &[]
            }
            TypeKind::InputObject(object) => {
                for field in &object.fields {
                    let item = format!("{name}.{}", field.node.name.node);
                    check(item, field.node.description.is_some());
                }
                &[]
            }
            TypeKind::Scalar | TypeKind::Union(_) => &[],
        };
        for field in fields {
            let item = format!("{name}.{}", field.node.name.node);
            check(item.clone(), field.node.description.is_some());
            for argument in &field.node.arguments {
                let item = format!("{item}({})", argument.node.name.node);
                check(item, argument.node.description.is_some());
            }
        }
        assert!(missing.is_empty(), "these have no description: {missing:?}");
    }
}
