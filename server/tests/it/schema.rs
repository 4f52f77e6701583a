//! `schema.graphql` is what the server has, holds the whole contract, and describes everything.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

const FILE: &str = include_str!("../../../schema.graphql");
/// The part of the API that clients bind to. Additions are free; what is here stays.
const CONTRACT: &str = include_str!("contract.graphql");

fn types(sdl: &str) -> BTreeMap<String, TypeDefinition> {
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

#[test]
fn the_file_is_what_the_server_has() {
    assert!(rowlock::graphql::sdl() == FILE, "schema.graphql is stale: run `cargo xtask schema`");
}

#[test]
fn the_schema_holds_the_whole_contract() {
    let schema = types(FILE);
    for (name, wanted) in types(CONTRACT) {
        let Some(found) = schema.get(&name) else { panic!("{name} is missing") };
        let found = members(found);
        for (member, shape) in members(&wanted) {
            assert_eq!(found.get(&member), Some(&shape), "{name}.{member}");
        }
    }
}

#[test]
fn what_is_deprecated_says_what_to_use_instead() {
    for line in FILE.lines().filter(|line| line.contains("@deprecated")) {
        let (_, reason) = line.split_once("reason: \"").expect(line);
        assert!(!reason.starts_with('"') && !reason.starts_with("No longer supported"), "{line}");
    }
}

/// Each field, argument, value, interface and union member of a type, with its type and default.
fn members(ty: &TypeDefinition) -> BTreeMap<String, String> {
    fn fields(
        list: &[async_graphql::Positioned<FieldDefinition>],
        into: &mut BTreeMap<String, String>,
    ) {
        for field in list {
            let name = field.node.name.node.as_str();
            into.insert(name.to_owned(), field.node.ty.node.to_string());
            for argument in &field.node.arguments {
                into.insert(format!("{name}({})", argument.node.name.node), input(&argument.node));
            }
        }
    }
    fn input(value: &InputValueDefinition) -> String {
        let default = value.default_value.as_ref();
        let default = default.map_or_else(String::new, |value| {
            // Objects in any order of their keys.
            format!(" = {}", serde_json::to_value(&value.node).unwrap())
        });
        format!("{}{default}", value.ty.node)
    }
    let mut all = BTreeMap::new();
    match &ty.kind {
        TypeKind::Scalar => {}
        TypeKind::Object(object) => {
            fields(&object.fields, &mut all);
            for interface in &object.implements {
                all.insert(format!("implements {}", interface.node), String::new());
            }
        }
        TypeKind::Interface(interface) => fields(&interface.fields, &mut all),
        TypeKind::Union(union) => {
            for member in &union.members {
                all.insert(format!("| {}", member.node), String::new());
            }
        }
        TypeKind::Enum(values) => {
            for value in &values.values {
                all.insert(value.node.value.node.to_string(), String::new());
            }
        }
        TypeKind::InputObject(object) => {
            for field in &object.fields {
                all.insert(field.node.name.node.to_string(), input(&field.node));
            }
        }
    }
    all
}

#[test]
fn everything_has_a_description() {
    for (name, ty) in types(FILE) {
        let mut missing = Vec::new();
        let mut check = |what: String, described: bool| {
            if !described {
                missing.push(what);
            }
        };
        check(name.clone(), ty.description.is_some());
        let fields = match &ty.kind {
            TypeKind::Object(object) => &object.fields[..],
            TypeKind::Interface(interface) => &interface.fields,
            TypeKind::Enum(values) => {
                for value in &values.values {
                    let what = format!("{name}.{}", value.node.value.node);
                    check(what, value.node.description.is_some());
                }
                &[]
            }
            TypeKind::InputObject(object) => {
                for field in &object.fields {
                    let what = format!("{name}.{}", field.node.name.node);
                    check(what, field.node.description.is_some());
                }
                &[]
            }
            TypeKind::Scalar | TypeKind::Union(_) => &[],
        };
        for field in fields {
            let what = format!("{name}.{}", field.node.name.node);
            check(what.clone(), field.node.description.is_some());
            for argument in &field.node.arguments {
                let what = format!("{what}({})", argument.node.name.node);
                check(what, argument.node.description.is_some());
            }
        }
        assert!(missing.is_empty(), "without a description: {missing:?}");
    }
}
