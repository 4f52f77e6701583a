//! `node(id)`, by which clients such as Relay refetch objects.

use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields, error_code},
    on_both_engines,
};

on_both_engines! {
    node_returns_events_to_everyone_and_bookings_and_users_to_their_owner
    a_malformed_id_or_an_invalid_token_is_refused
}

const NODE: &str = "query($id: ID!) { node(id: $id) {
    id __typename
    ... on Event { title } ... on Booking { quantity } ... on User { name }
} }";

async fn node_returns_events_to_everyone_and_bookings_and_users_to_their_owner(app: App) {
    let (owner, other_user) = (app.user().await, app.user().await);
    let event = app.event("Concert", 5).await;
    let booked = app.book(&owner, &event, 2).await;
    let booking = booked["booking"]["id"].as_str().unwrap();
    let me = app.data(Some(&owner), "{ me { id name } }", json!({})).await["me"].take();
    let user = me["id"].as_str().unwrap();
    let node = async |token: Option<&str>, id: &str| -> Value {
        app.data(token, NODE, json!({ "id": id })).await["node"].take()
    };
    for token in [None, Some(&*owner), Some(&*other_user)] {
        let expected = json!({ "id": event, "__typename": "Event", "title": "Concert" });
        assert_eq!(node(token, &event).await, expected);
        let expected = json!({ "id": booking, "__typename": "Booking", "quantity": 2 });
        let is_owner = token == Some(&*owner);
        assert_eq!(node(token, booking).await, if is_owner { expected } else { Value::Null });
        let expected = json!({ "id": user, "__typename": "User", "name": me["name"] });
        assert_eq!(node(token, user).await, if is_owner { expected } else { Value::Null });
        assert_eq!(node(token, &uuid::Uuid::now_v7().to_string()).await, Value::Null);
    }
}

async fn a_malformed_id_or_an_invalid_token_is_refused(app: App) {
    let refused = app.error(None, NODE, json!({ "id": "RXZlbnQ6MQ==" })).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["id"]));
    let invalid_token = app.error(Some("x"), NODE, json!({ "id": uuid::Uuid::now_v7() })).await;
    assert_eq!(error_code(&invalid_token), "UNAUTHENTICATED");
}
