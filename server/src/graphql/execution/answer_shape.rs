//! Gives answers the shape that their operation and the schema promise.
//!
//! async-graphql leaves a field that failed out of its object, where the specification has null, or
//! null for the object if the field can't be null. It also writes fields in the order in which they
//! were resolved. <https://spec.graphql.org/September2025/#sec-Handling-Execution-Errors>

use async_graphql::{
    Name, PathSegment, Response, Value,
    parser::types::{BaseType, Field, OperationDefinition, Selection, SelectionSet, Type},
};

use super::merged_selection::TYPE_MARKER;
use crate::graphql::validation::schema::Schema;

/// Completes the answer to an operation that was [written out](super::merged_selection::merge).
pub(super) fn complete(schema: &Schema, operation: &OperationDefinition, response: &mut Response) {
    let set = &operation.selection_set.node;
    let paths = response.errors.iter().map(|error| &*error.path);
    let paths = paths.filter(|path| !path.is_empty()).collect::<Vec<_>>();
    if !paths.is_empty() {
        let root = schema.find_root(operation.ty).unwrap_or_default();
        if fail_in_object(schema, set, root, &mut response.data, &paths) == Outcome::Null {
            response.data = Value::Null;
        }
    }
    arrange(set, &mut response.data);
}

/// The effect of a failure on the value around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stays,
    /// Something in it must not be null, and is.
    Null,
}

/// The paths of errors, each from the value that is looked at.
type Paths<'a> = [&'a [PathSegment]];

fn fail_in_object(
    schema: &Schema,
    set: &SelectionSet,
    parent: &str,
    value: &mut Value,
    paths: &Paths<'_>,
) -> Outcome {
    if *value == Value::Null {
        // There is an object, as there are errors in it. All of its fields failed.
        *value = Value::Object(Default::default());
    }
    let Value::Object(object) = value else { return Outcome::Null };
    let object_type = match object.get(TYPE_MARKER) {
        Some(Value::String(name)) => name.clone(),
        _ => parent.to_owned(),
    };
    for field in fields_of(set, Some(&object_type)) {
        let key = &field.response_key().node;
        let mut inside = Vec::new();
        let mut has_failed = false;
        for path in paths {
            match path {
                [PathSegment::Field(first), rest @ ..] if key == first => {
                    has_failed |= rest.is_empty();
                    inside.push(rest);
                }
                _ => {}
            }
        }
        if inside.is_empty() {
            continue;
        }
        let of = schema.find_field(&object_type, &field.name.node).map(|field| &field.of);
        let outcome = match (object.get_mut(key), of) {
            (Some(value), Some(of)) if !has_failed => {
                fail_in_value(schema, &field.selection_set.node, of, value, &inside)
            }
            _ => Outcome::Null,
        };
        if outcome == Outcome::Null {
            object.insert(key.clone(), Value::Null);
            if of.is_none_or(|of| !of.nullable) {
                return Outcome::Null;
            }
        }
    }
    Outcome::Stays
}

fn fail_in_value(
    schema: &Schema,
    set: &SelectionSet,
    of: &Type,
    value: &mut Value,
    paths: &Paths<'_>,
) -> Outcome {
    let item_type = match &of.base {
        BaseType::Named(name) => return fail_in_object(schema, set, name, value, paths),
        BaseType::List(item_type) => item_type,
    };
    let Value::List(items) = value else { return Outcome::Null };
    for (index, item) in items.iter_mut().enumerate() {
        let mut inside = Vec::new();
        for path in paths {
            match path {
                [PathSegment::Index(first), rest @ ..] if *first == index => inside.push(rest),
                _ => {}
            }
        }
        let has_failed = inside.iter().any(|rest| rest.is_empty());
        if !inside.is_empty()
            && (has_failed || fail_in_value(schema, set, item_type, item, &inside) == Outcome::Null)
        {
            *item = Value::Null;
            if !item_type.nullable {
                return Outcome::Null;
            }
        }
    }
    Outcome::Stays
}

/// Puts fields into the order of the operation, and takes the markers out.
fn arrange(set: &SelectionSet, value: &mut Value) {
    let object = match value {
        Value::List(items) => {
            items.iter_mut().for_each(|item| arrange(set, item));
            return;
        }
        Value::Object(object) => object,
        _ => return,
    };
    let object_type = match object.get(TYPE_MARKER) {
        Some(Value::String(name)) => Some(name.clone()),
        _ => None,
    };
    let fields = || fields_of(set, object_type.as_deref());
    let is_in_order = object_type.is_none()
        && object
            .keys()
            .map(Name::as_str)
            .eq(fields().map(|field| field.response_key().node.as_str()));
    if !is_in_order {
        let mut found = std::mem::take(object);
        object.reserve(found.len());
        object.extend(fields().filter_map(|field| {
            let key = &field.response_key().node;
            Some((key.clone(), found.swap_remove(key)?))
        }));
    }
    for field in fields().filter(|field| !field.selection_set.node.items.is_empty()) {
        if let Some(value) = object.get_mut(&field.response_key().node) {
            arrange(&field.selection_set.node, value);
        }
    }
}

/// The fields that a selection has of objects of this type.
fn fields_of<'a>(set: &'a SelectionSet, object: Option<&str>) -> impl Iterator<Item = &'a Field> {
    let inner = set.items.iter().find_map(|selection| match &selection.node {
        Selection::InlineFragment(of) => {
            let on = of.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
            (on == object).then_some(&of.node.selection_set.node)
        }
        _ => None,
    });
    let items = set.items.iter().chain(inner.into_iter().flat_map(|set| &set.items));
    items.filter_map(|selection| match &selection.node {
        Selection::Field(field) if field.node.response_key().node != TYPE_MARKER => {
            Some(&field.node)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::{ServerError, Variables};
    use serde_json::json;

    use super::{super::merged_selection::merge, *};
    use crate::graphql::language::{executable::executable, parse};

    /// The answer's data after it was completed. Errors are paths such as `me.bookings.nodes.0`.
    fn completed(query: &str, data: serde_json::Value, errors: &[&str]) -> String {
        let schema = Schema::of_server();
        let document = executable(&parse(query).unwrap());
        let (_, operation) = document.operations.iter().next().unwrap();
        let operation = merge(&schema, &document, operation, &Variables::default()).unwrap();
        let mut response = Response::new(Value::from_json(data).unwrap());
        for path in errors {
            let segment = |segment: &str| match segment.parse() {
                Ok(index) => PathSegment::Index(index),
                Err(_) => PathSegment::Field(segment.to_owned()),
            };
            let path = path.split('.').map(segment).collect();
            response.errors.push(ServerError { path, ..ServerError::new("It failed.", None) });
        }
        complete(&schema, &operation.node, &mut response);
        serde_json::to_string(&response.data).unwrap()
    }

    #[test]
    fn fields_are_in_the_order_of_the_query() {
        let query = "{ a: me { id name } b: event(id: 1) { title price { currency amount } } }";
        let found = completed(
            query,
            json!({ "b": { "price": { "amount": "1", "currency": "EUR" }, "title": "x" },
                    "a": { "id": "1", "name": "Ada" } }),
            &[],
        );
        assert_eq!(
            found,
            r#"{"a":{"id":"1","name":"Ada"},"b":{"title":"x","price":{"currency":"EUR","amount":"1"}}}"#
        );
    }

    #[test]
    fn the_nearest_field_that_may_be_null_is() {
        let query = "{ me { id bookings { totalCount } } other: me { id } }";
        let data = || json!({ "me": { "id": "1" }, "other": { "id": "1" } });
        assert_eq!(completed(query, data(), &["me.bookings"]), r#"{"me":null,"other":{"id":"1"}}"#);

        let query = "{ events { nodes { id myBooking { id } } } }";
        let data =
            || json!({ "events": { "nodes": [{ "id": "1" }, { "id": "2", "myBooking": null }] } });
        let found = completed(query, data(), &["events.nodes.0.myBooking"]);
        assert_eq!(
            found,
            r#"{"events":{"nodes":[{"id":"1","myBooking":null},{"id":"2","myBooking":null}]}}"#
        );
        assert_eq!(completed(query, data(), &["events.nodes.0.id"]), "null");
        assert_eq!(completed(query, json!({}), &["events"]), "null");
    }

    #[test]
    fn an_object_whose_fields_all_failed_is_there() {
        let query = "{ event(id: 1) { myBooking { id } } a: event(id: 1) { myBooking { id } } }";
        let found = completed(
            query,
            json!({ "event": null, "a": null }),
            &["event.myBooking", "a.myBooking.id"],
        );
        assert_eq!(found, r#"{"event":{"myBooking":null},"a":{"myBooking":null}}"#);
        let query = "{ me { bookings { totalCount } id email } }";
        assert_eq!(completed(query, json!(null), &["me.bookings", "me.id"]), r#"{"me":null}"#);
    }

    #[test]
    fn an_object_of_which_nothing_is_selected_is_empty() {
        let marked = json!({ TYPE_MARKER: "Event" });
        let query = "{ node(id: 1) { ... on User { id } } }";
        assert_eq!(completed(query, json!({ "node": marked }), &[]), r#"{"node":{}}"#);
        let query = "{ events { nodes { id @skip(if: true) } } }";
        let data = json!({ "events": { "nodes": [marked, marked] } });
        assert_eq!(completed(query, data, &[]), r#"{"events":{"nodes":[{},{}]}}"#);
        assert_eq!(completed("{ me @skip(if: true) { id } }", marked, &[]), "{}");
    }

    #[test]
    fn fields_of_unions_are_in_order() {
        let query = "mutation { bookEvent(input: { eventId: 1 }) { \
                     ... on SoldOut { remainingTickets message } __typename ... on Problem { event: message } } }";
        let data = json!({ "bookEvent": { TYPE_MARKER: "SoldOut", "__typename": "SoldOut",
                           "event": "x", "message": "x", "remainingTickets": 0 } });
        assert_eq!(
            completed(query, data, &[]),
            r#"{"bookEvent":{"remainingTickets":0,"message":"x","__typename":"SoldOut","event":"x"}}"#
        );
    }
}
