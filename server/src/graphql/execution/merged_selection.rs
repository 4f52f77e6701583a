//! Writes an operation out as it is executed: fragments where they are used, fields that are left
//! out gone, and all fields with one name in the answer merged into one.
//! <https://spec.graphql.org/September2025/#CollectFields()>
//!
//! async-graphql executes a field as often as it is written, so a mutation that is written in two
//! fragments would book twice. It also answers an object of which nothing is selected with null, as
//! if there were none. So each selection that can be empty gets a field of its own, [`TYPE_MARKER`],
//! which [`answer_shape`](super::answer_shape) takes out of the answer.

use std::{
    collections::{HashMap, HashSet},
    ptr,
};

use async_graphql::{
    Name, Pos, Positioned, ServerError, ServerResult, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, FragmentDefinition, InlineFragment,
        OperationDefinition, OperationType, Selection, SelectionSet, TypeCondition,
    },
};
use async_graphql_value::Value as Written;

use super::{coded_errors::field_error, kept_bytes};
use crate::graphql::validation::schema::{NamedType, Schema, name_of};

/// The name of the field that tells an object's type. No field of a document can have it.
pub(super) const TYPE_MARKER: &str = "type marker";

/// An operation without fragments and directives, whose fields have different names.
pub(super) type MergedOperation = Positioned<OperationDefinition>;

/// Whether some selection of the document depends on a variable.
pub(super) fn has_conditions(document: &ExecutableDocument) -> bool {
    fn in_set(set: &SelectionSet) -> bool {
        set.items.iter().any(|selection| {
            let directives = selection.node.directives();
            directives.iter().any(|of| matches!(condition(of), Some((_, Written::Variable(_)))))
                || match &selection.node {
                    Selection::Field(of) => in_set(&of.node.selection_set.node),
                    Selection::InlineFragment(of) => in_set(&of.node.selection_set.node),
                    Selection::FragmentSpread(_) => false,
                }
        })
    }
    document.operations.iter().any(|(_, of)| in_set(&of.node.selection_set.node))
        || document.fragments.values().any(|of| in_set(&of.node.selection_set.node))
}

/// Writes an operation of a valid document out.
///
/// # Errors
/// When a selection depends on a variable that is null.
pub(super) fn merge(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
    variables: &Variables,
) -> ServerResult<MergedOperation> {
    let defaults = operation.node.variable_definitions.iter().filter_map(|definition| {
        let default = definition.node.default_value.as_ref()?;
        Some((&definition.node.name.node, &default.node))
    });
    let conditions = Conditions::Variables { values: variables, defaults: defaults.collect() };
    merge_with(schema, document, operation, conditions)
}

/// The memory that an operation takes at most when it is written out, in bytes.
pub(super) fn largest_size(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
) -> usize {
    let merged = merge_with(schema, document, operation, Conditions::Ignored);
    merged.map_or(0, |merged| kept_bytes::of_operation(&merged))
}

fn merge_with(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
    conditions: Conditions<'_>,
) -> ServerResult<MergedOperation> {
    let OperationDefinition { ty, variable_definitions, selection_set, .. } = &operation.node;
    let merge = Merge { schema, fragments: &document.fragments, conditions };
    let root = schema.find_root(*ty).unwrap_or_default();
    let selection_set = merge.sets(&[selection_set], root)?;
    if *ty == OperationType::Subscription && is_marker_only(&selection_set.node) {
        let error = ServerError::new("The subscription selects nothing.", Some(operation.pos));
        return Err(field_error(error, "query".to_owned()));
    }
    let merged = OperationDefinition {
        ty: *ty,
        variable_definitions: variable_definitions.clone(),
        directives: Vec::new(),
        selection_set,
    };
    Ok(Positioned::new(merged, operation.pos))
}

struct Merge<'a> {
    schema: &'a Schema,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    conditions: Conditions<'a>,
}

/// The effect of `@skip` and `@include` with variables.
enum Conditions<'a> {
    Variables {
        values: &'a Variables,
        defaults: HashMap<&'a Name, &'a Value>,
    },
    /// Nothing, so that everything that can be selected is.
    Ignored,
}

/// Fields with one name in the answer.
type Group<'a> = Vec<&'a Positioned<Field>>;

/// Fields by their names in the answer.
#[derive(Default)]
struct Collected<'a> {
    fields: Vec<Group<'a>>,
    places: HashMap<&'a Name, usize>,
    fragments: HashSet<&'a Name>,
}

impl<'a> Merge<'a> {
    /// Merges selections of the same objects.
    fn sets(
        &self,
        sets: &[&'a Positioned<SelectionSet>],
        parent: &str,
    ) -> ServerResult<Positioned<SelectionSet>> {
        let pos = sets.first().map(|set| set.pos).unwrap_or_default();
        let has_fragments = sets
            .iter()
            .any(|set| set.node.items.iter().any(|of| !matches!(of.node, Selection::Field(_))));
        let is_object = self.schema.find_type(parent).is_some_and(NamedType::is_object);
        let mut items = Vec::new();
        if is_object || !has_fragments {
            items = self.fields(&self.groups(sets, parent)?, parent)?;
            if items.is_empty() {
                items.push(type_marker(pos));
            }
        } else {
            items.push(type_marker(pos));
            let mut of_objects = Vec::new();
            for object in self.schema.possible_types(parent) {
                of_objects.push((object, self.groups(sets, object)?));
            }
            // Fields such as `__typename` often come first, and are the same for all objects.
            let common = common_at_the_start(&of_objects);
            for (object, groups) in of_objects {
                let (first, others) = groups.split_at(common);
                if items.len() == 1 {
                    items.extend(self.fields(first, object)?);
                }
                if !others.is_empty() {
                    items.push(fragment_on(object, pos, self.fields(others, object)?));
                }
            }
        }
        Ok(Positioned::new(SelectionSet { items }, pos))
    }

    /// Collects what is selected of objects of this type, by the names in the answer.
    fn groups(
        &self,
        sets: &[&'a Positioned<SelectionSet>],
        object: &str,
    ) -> ServerResult<Vec<Group<'a>>> {
        let mut collected = Collected::default();
        for set in sets {
            self.collect(&set.node, object, &mut collected)?;
        }
        Ok(collected.fields)
    }

    /// Merges each group into one field.
    fn fields(
        &self,
        groups: &[Group<'a>],
        object: &str,
    ) -> ServerResult<Vec<Positioned<Selection>>> {
        let fields = groups.iter().filter_map(|group| {
            let (first, _) = group.split_first()?;
            Some(self.field(object, first, group))
        });
        fields.collect()
    }

    fn field(
        &self,
        object: &str,
        first: &'a Positioned<Field>,
        group: &[&'a Positioned<Field>],
    ) -> ServerResult<Positioned<Selection>> {
        let Field { alias, name, arguments, selection_set, .. } = &first.node;
        let mut field = Field {
            alias: alias.clone(),
            name: name.clone(),
            arguments: arguments.clone(),
            directives: Vec::new(),
            selection_set: Positioned::new(SelectionSet::default(), selection_set.pos),
        };
        if !selection_set.node.items.is_empty()
            && let Some(definition) = self.schema.find_field(object, &name.node)
        {
            let sets = group.iter().map(|of| &of.node.selection_set).collect::<Vec<_>>();
            field.selection_set = self.sets(&sets, name_of(&definition.of))?;
        }
        Ok(Positioned::new(Selection::Field(Positioned::new(field, first.pos)), first.pos))
    }

    fn collect(
        &self,
        set: &'a SelectionSet,
        object: &str,
        collected: &mut Collected<'a>,
    ) -> ServerResult<()> {
        for selection in &set.items {
            if self.is_left_out(selection.node.directives())? {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    let place = *collected.places.entry(key).or_insert(collected.fields.len());
                    match collected.fields.get_mut(place) {
                        Some(group) => group.push(field),
                        None => collected.fields.push(vec![field]),
                    }
                }
                Selection::InlineFragment(of) => {
                    if self.applies(of.node.type_condition.as_ref(), object) {
                        self.collect(&of.node.selection_set.node, object, collected)?;
                    }
                }
                Selection::FragmentSpread(of) => {
                    let name = &of.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name)
                        && collected.fragments.insert(name)
                        && self.applies(Some(&fragment.node.type_condition), object)
                    {
                        self.collect(&fragment.node.selection_set.node, object, collected)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn applies(&self, condition: Option<&Positioned<TypeCondition>>, object: &str) -> bool {
        condition.is_none_or(|of| self.schema.is_possible(object, &of.node.on.node))
    }

    fn is_left_out(&self, directives: &[Positioned<Directive>]) -> ServerResult<bool> {
        for directive in directives {
            let Some((kept, written)) = condition(directive) else { continue };
            let value = match (written, &self.conditions) {
                (Written::Boolean(value), _) => Some(*value),
                (Written::Variable(_), Conditions::Ignored) => Some(kept),
                (Written::Variable(name), Conditions::Variables { values, defaults }) => {
                    match values.get(name).or_else(|| defaults.get(name).copied()) {
                        Some(Value::Boolean(value)) => Some(*value),
                        _ => None,
                    }
                }
                _ => None,
            };
            match value {
                Some(value) if value == kept => {}
                Some(_) => return Ok(true),
                None => {
                    let message = "The condition of a selection must not be null.";
                    let error = ServerError::new(message, Some(directive.pos));
                    return Err(field_error(error, "if".to_owned()));
                }
            }
        }
        Ok(false)
    }
}

/// The value that `@skip` or `@include` depends on, and the one with which the selection is kept.
fn condition(directive: &Positioned<Directive>) -> Option<(bool, &Written)> {
    let kept = match directive.node.name.node.as_str() {
        "include" => true,
        "skip" => false,
        _ => return None,
    };
    Some((kept, &directive.node.get_argument("if")?.node))
}

/// The number of fields without a selection at the start that are the same for all objects.
fn common_at_the_start(of_objects: &[(&str, Vec<Group<'_>>)]) -> usize {
    let Some(((_, first), others)) = of_objects.split_first() else { return 0 };
    let is_common = |place: usize, group: &Group<'_>| match &**group {
        [field] if field.node.selection_set.node.items.is_empty() => {
            others.iter().all(|(_, groups)| match groups.get(place).map(|group| &**group) {
                Some([other]) => ptr::eq(*field, *other),
                _ => false,
            })
        }
        _ => false,
    };
    first.iter().enumerate().take_while(|(place, group)| is_common(*place, group)).count()
}

fn is_marker_only(set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| {
        matches!(&selection.node, Selection::Field(of) if of.node.response_key().node == TYPE_MARKER)
    })
}

fn type_marker(pos: Pos) -> Positioned<Selection> {
    let field = Field {
        alias: Some(Positioned::new(Name::new(TYPE_MARKER), pos)),
        name: Positioned::new(Name::new("__typename"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet::default(), pos),
    };
    Positioned::new(Selection::Field(Positioned::new(field, pos)), pos)
}

fn fragment_on(object: &str, pos: Pos, items: Vec<Positioned<Selection>>) -> Positioned<Selection> {
    let condition = TypeCondition { on: Positioned::new(Name::new(object), pos) };
    let fragment = InlineFragment {
        type_condition: Some(Positioned::new(condition, pos)),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items }, pos),
    };
    Positioned::new(Selection::InlineFragment(Positioned::new(fragment, pos)), pos)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graphql::language::{executable::executable, parse};

    fn merged(text: &str, variables: serde_json::Value) -> ServerResult<String> {
        let document = executable(&parse(text).unwrap());
        let (_, operation) = document.operations.iter().next().unwrap();
        let variables = Variables::from_json(variables);
        let merged = merge(&Schema::of_server(), &document, operation, &variables)?;
        Ok(write(&merged.node.selection_set.node))
    }

    fn write(set: &SelectionSet) -> String {
        let items = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(of) => {
                let key = of.node.response_key().node.replace(TYPE_MARKER, "?");
                format!("{key}{}", write(&of.node.selection_set.node))
            }
            Selection::InlineFragment(of) => {
                let on = &of.node.type_condition.as_ref().unwrap().node.on.node;
                format!("...{on}{}", write(&of.node.selection_set.node))
            }
            Selection::FragmentSpread(_) => panic!("all fragments are written out"),
        });
        match items.collect::<Vec<_>>() {
            items if items.is_empty() => String::new(),
            items => format!("{{{}}}", items.join(" ")),
        }
    }

    #[test]
    fn a_field_that_is_written_twice_is_executed_once() {
        let text =
            "mutation { ...A a: logout ... { a: logout } } fragment A on Mutation { a: logout }";
        assert_eq!(merged(text, json!({})).unwrap(), "{a}");
        let text = "{ me { id } events { totalCount } ...A me { name } } \
                    fragment A on Query { me { id email } }";
        assert_eq!(merged(text, json!({})).unwrap(), "{me{id email name} events{totalCount}}");
    }

    #[test]
    fn fields_that_are_left_out_are_gone() {
        let text = "query($a: Boolean!, $b: Boolean = true) { \
                    me { id @skip(if: $a) name @include(if: $b) } ... @skip(if: $a) { a: me { id } } }";
        assert_eq!(merged(text, json!({ "a": false })).unwrap(), "{me{id name} a{id}}");
        assert_eq!(merged(text, json!({ "a": true })).unwrap(), "{me{name}}");
        assert_eq!(merged(text, json!({ "a": true, "b": false })).unwrap(), "{me{?}}");
        merged(text, json!({ "a": true, "b": null })).unwrap_err();
        assert_eq!(merged("{ me @skip(if: true) { id } }", json!({})).unwrap(), "{?}");
        let text = "subscription { remainingTickets @skip(if: true) { version } }";
        merged(text, json!({})).unwrap_err();
    }

    #[test]
    fn each_possible_type_has_its_fields_in_order() {
        let text = "{ node(id: 1) { ... on Event { title } id ... on Node { a: id } \
                    ... on Booking { quantity } } }";
        let found = merged(text, json!({})).unwrap();
        assert!(
            found.starts_with("{node{? ...Booking{id a quantity} ...Event{title id a}"),
            "{found}"
        );
        let text = "{ node(id: 1) { __typename id ... on Event { title } } }";
        assert_eq!(merged(text, json!({})).unwrap(), "{node{? __typename id ...Event{title}}}");
        let text = "{ node(id: 1) { __typename id ... on Event { id title } ... on User { __typename } } }";
        let found = merged(text, json!({})).unwrap();
        assert!(
            found.starts_with("{node{? ...Booking{__typename id} ...Event{__typename id title}"),
            "{found}"
        );
        let text = "{ node(id: 1) { id id } }";
        assert_eq!(merged(text, json!({})).unwrap(), "{node{id}}");
    }
}
