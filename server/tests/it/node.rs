//! `node(id)`, for clients that read again what they know by its id.

use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    on_both_engines,
};

on_both_engines! {
    what_has_an_id_is_found_by_it_and_only_by_whom_it_concerns
    what_is_no_id_is_refused
}

const NODE: &str = "query($id: ID!) { node(id: $id) {
    id __typename
    ... on Event { title } ... on Booking { quantity } ... on User { name }
} }";

async fn what_has_an_id_is_found_by_it_and_only_by_whom_it_concerns(app: App) {
    let (one, two) = (app.user().await, app.user().await);
    let event = app.event("Concert", 5).await;
    let booked = app.book(&one, &event, 2).await;
    let booking = booked["booking"]["id"].as_str().unwrap();
    let me = app.data(Some(&one), "{ me { id name } }", json!({})).await["me"].take();
    let user = me["id"].as_str().unwrap();
    let node = async |token: Option<&str>, id: &str| -> Value {
        app.data(token, NODE, json!({ "id": id })).await["node"].take()
    };
    for token in [None, Some(&*one), Some(&*two)] {
        let expected = json!({ "id": event, "__typename": "Event", "title": "Concert" });
        assert_eq!(node(token, &event).await, expected);
        let expected = json!({ "id": booking, "__typename": "Booking", "quantity": 2 });
        let is_ones = token == Some(&*one);
        assert_eq!(node(token, booking).await, if is_ones { expected } else { Value::Null });
        let expected = json!({ "id": user, "__typename": "User", "name": me["name"] });
        assert_eq!(node(token, user).await, if is_ones { expected } else { Value::Null });
        assert_eq!(node(token, &uuid::Uuid::now_v7().to_string()).await, Value::Null);
    }
}

async fn what_is_no_id_is_refused(app: App) {
    let refused = app.error(None, NODE, json!({ "id": "RXZlbnQ6MQ==" })).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["id"]));
    let stranger = app.error(Some("x"), NODE, json!({ "id": uuid::Uuid::now_v7() })).await;
    assert_eq!(code_and_fields(&stranger).0, "UNAUTHENTICATED");
}
