//! Events as their organizers manage them: creating, editing, publishing, cancelling, importing, and
//! who comes.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use futures_util::future::join_all;
use rowlock::{
    accounts::Viewer,
    jobs::{Job, NewJob, enqueue},
};
use rowlock_entities::{
    OrganizerId, UserId, booking, job, organizer, organizer_member, organizer_member::Role,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Statement,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::{App, code_and_fields, error_code},
    database::Engine,
    demo::UNKNOWN_ID,
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
    waiting::wait_until,
};

on_both_engines! {
    an_event_goes_from_a_draft_to_a_sale
    a_draft_looks_like_nothing_to_who_is_no_member
    each_wrong_value_of_an_event_is_named
    a_leap_second_is_the_second_after_it
    what_is_left_out_stays_and_null_takes_away
    null_is_refused_where_an_event_needs_a_value
    an_edit_from_an_older_revision_changes_nothing
    the_capacity_follows_an_edit_and_never_goes_below_what_is_taken
    a_booking_keeps_its_price_and_nobody_pays_one_they_did_not_see
    tickets_are_sold_only_while_the_event_is_on_sale
    one_booking_has_at_most_the_events_number_of_tickets
    a_cancelled_event_is_closed_and_stays_cancelled
    open_pages_learn_of_edits_as_they_happen
    a_removed_member_learns_nothing_more_of_a_draft
    attendees_are_searched_counted_and_seen_by_members_only
    a_manager_cancels_a_buyers_booking_with_a_reason
    an_import_creates_and_changes_all_or_nothing
    the_bookings_of_a_cancelled_event_are_cancelled
    a_cancellation_goes_on_where_its_job_says_and_misses_nobody
    an_event_that_takes_more_than_can_be_counted_still_has_sales
}

const EVENT: &str = "id status revision title description venue city timeZone startsAt endsAt
    price { amount currency } totalTickets remainingTickets maxPerBooking salesStartAt salesEndAt
    externalId cancellationReason";

/// An organizer with one owner.
pub(crate) struct Host {
    pub(crate) organizer: OrganizerId,
    pub(crate) owner: String,
    /// When its events start, unless a test says otherwise.
    starts_at: DateTime<Utc>,
}

/// The user whose access token this is.
pub(crate) fn user_of(app: &App, token: &str) -> UserId {
    match app.services.access_tokens.viewer(Some(&format!("Bearer {token}"))) {
        Viewer::User { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

impl Host {
    pub(crate) async fn found(app: &App) -> Self {
        let id = OrganizerId::new();
        let row = organizer::Model {
            id,
            slug: format!("host-{}", id.0.simple()),
            name: "Host".to_owned(),
            founded_by: None,
            created_at: Utc::now(),
        };
        organizer::Entity::insert(row.into_active_model()).exec(app.db()).await.unwrap();
        let host = Self::of(id, app.user().await);
        host.add(app, &host.owner, Role::Owner).await;
        host
    }

    /// An organizer with an owner, both of which are there.
    pub(crate) fn of(organizer: OrganizerId, owner: String) -> Self {
        let starts_at = (Utc::now() + Duration::days(7)).trunc_subsecs(0);
        Self { organizer, owner, starts_at }
    }

    pub(crate) async fn add(&self, app: &App, token: &str, role: Role) {
        let row = organizer_member::Model {
            organizer_id: self.organizer,
            user_id: user_of(app, token),
            role,
            created_at: Utc::now(),
        };
        organizer_member::Entity::insert(row.into_active_model()).exec(app.db()).await.unwrap();
    }

    /// The values of an event that can be created.
    pub(crate) fn values(&self) -> Value {
        json!({
            "organizerId": self.organizer.to_string(),
            "title": "Jazz", "venue": "Blue Door", "city": "New York",
            "timeZone": "America/New_York", "startsAt": self.starts_at.to_rfc3339(),
            "price": { "amount": "35.00", "currency": "USD" }, "totalTickets": 10,
        })
    }

    /// Creates a draft with these values beside the usual ones.
    pub(crate) async fn draft(&self, app: &App, values: Value) -> Value {
        let query = format!(
            "mutation($input: CreateEventInput!) {{ createEvent(input: $input) {{ {EVENT} }} }}"
        );
        let input = merged(self.values(), values);
        let created = app.data(Some(&self.owner), &query, json!({ "input": input })).await;
        created["createEvent"].clone()
    }

    /// Creates and publishes an event, and returns its id.
    pub(crate) async fn event(&self, app: &App, values: Value) -> String {
        let draft = self.draft(app, values).await;
        let id = draft["id"].as_str().unwrap();
        let published = publish(app, &self.owner, id, 1).await;
        assert_eq!(published["__typename"], "UpdateEventSuccess");
        id.to_owned()
    }

    /// Edits an event from its present revision, which must succeed. Returns the event.
    pub(crate) async fn edit(&self, app: &App, event: &str, values: Value) -> Value {
        let revision = revision_of(app, &self.owner, event).await;
        let edited = update(app, &self.owner, event, revision, values).await;
        assert_eq!(edited["__typename"], "UpdateEventSuccess", "{edited}");
        edited["event"].clone()
    }
}

pub(crate) fn merged(mut values: Value, others: Value) -> Value {
    let others = others.as_object().cloned().unwrap_or_default();
    values.as_object_mut().unwrap().extend(others);
    values
}

pub(crate) async fn revision_of(app: &App, token: &str, event: &str) -> i64 {
    let query = "query($id: ID!) { event(id: $id) { revision } }";
    let data = app.data(Some(token), query, json!({ "id": event })).await;
    data["event"]["revision"].as_i64().unwrap()
}

/// A mutation of an event with every answer that it may get.
pub(crate) fn mutation(field: &str, input: &str) -> String {
    format!(
        "mutation($input: {input}!) {{ {field}(input: $input) {{ __typename
            ... on UpdateEventSuccess {{ event {{ {EVENT} }} }}
            ... on EventChanged {{ message event {{ {EVENT} }} }}
            ... on CapacityTooLow {{ message taken }}
            ... on EventCancelled {{ message }} }} }}"
    )
}

/// The kind of the jobs that cancel the bookings of events.
pub(crate) const CANCELLATION: &str = "cancel_bookings_of_event";

pub(crate) async fn update(
    app: &App,
    token: &str,
    event: &str,
    revision: i64,
    values: Value,
) -> Value {
    let input = merged(json!({ "eventId": event, "revision": revision }), values);
    let query = mutation("updateEvent", "UpdateEventInput");
    app.data(Some(token), &query, json!({ "input": input })).await["updateEvent"].take()
}

pub(crate) async fn publish(app: &App, token: &str, event: &str, revision: i64) -> Value {
    let input = json!({ "eventId": event, "revision": revision });
    let query = mutation("publishEvent", "PublishEventInput");
    app.data(Some(token), &query, json!({ "input": input })).await["publishEvent"].take()
}

pub(crate) async fn cancel_event(app: &App, token: &str, event: &str, reason: &str) -> Value {
    let input = json!({ "eventId": event, "reason": reason });
    let query = mutation("cancelEvent", "CancelEventInput");
    app.data(Some(token), &query, json!({ "input": input })).await["cancelEvent"].take()
}

const BOOK: &str = "mutation($input: BookEventInput!) { bookEvent(input: $input) { __typename
    ... on BookEventSuccess { booking { id reference
        unitPrice { amount currency } totalPrice { amount currency } } }
    ... on PriceChanged { message price { amount currency } event { id } }
    ... on BookingClosed { message reason opensAt } } }";

async fn book(app: &App, token: &str, input: Value) -> Value {
    app.data(Some(token), BOOK, json!({ "input": input })).await["bookEvent"].take()
}

async fn an_event_goes_from_a_draft_to_a_sale(app: App) {
    let host = Host::found(&app).await;
    let draft = host.draft(&app, json!({ "externalId": "jazz-1" })).await;
    assert_eq!((&draft["status"], &draft["revision"]), (&json!("DRAFT"), &json!(1)));
    assert_eq!(draft["remainingTickets"], 10);
    assert_eq!(draft["externalId"], "jazz-1");
    assert_eq!(draft["timeZone"], "America/New_York");
    let id = draft["id"].as_str().unwrap();
    let published = publish(&app, &host.owner, id, 1).await;
    assert_eq!(published["event"]["status"], "PUBLISHED");
    assert_eq!(published["event"]["revision"], 2);
    // Repeating it changes nothing, as after a lost answer.
    assert_eq!(publish(&app, &host.owner, id, 1).await, published);
    assert_eq!(publish(&app, &host.owner, id, 2).await, published);
    let buyer = app.user().await;
    assert_eq!(app.book(&buyer, id, 2).await["__typename"], "BookEventSuccess");
    let found = app.data(None, "{ events(search: \"new york jazz\") { nodes { id } } }", json!({}));
    let found = found.await;
    let ids = found["events"]["nodes"].as_array().unwrap();
    assert!(ids.contains(&json!({ "id": id })), "{ids:?}");
    app.assert_nothing_oversold().await;
}

async fn a_draft_looks_like_nothing_to_who_is_no_member(app: App) {
    let host = Host::found(&app).await;
    let draft = host.draft(&app, json!({ "title": "Secret" })).await;
    let (id, stranger) = (draft["id"].as_str().unwrap(), app.user().await);
    for query in [
        "query($id: ID!) { event(id: $id) { id } }",
        "query($id: ID!) { event: node(id: $id) { id } }",
    ] {
        for token in [None, Some(&*stranger)] {
            let data = app.data(token, query, json!({ "id": id })).await;
            assert_eq!(data["event"], Value::Null, "{query}");
        }
        let data = app.data(Some(&host.owner), query, json!({ "id": id })).await;
        assert_eq!(data["event"]["id"], id);
        // A token that is not valid learns nothing, either.
        for id in [id, UNKNOWN_ID] {
            let error = app.error(Some("no token"), query, json!({ "id": id })).await;
            assert_eq!(error_code(&error), "UNAUTHENTICATED");
        }
    }
    let update = mutation("updateEvent", "UpdateEventInput");
    for id in [id, UNKNOWN_ID] {
        let input = json!({ "input": { "eventId": id, "quantity": 1 } });
        assert_eq!(error_code(&app.error(Some(&stranger), BOOK, input).await), "NOT_FOUND");
        let input = json!({ "input": { "eventId": id, "revision": 1 } });
        let error = app.error(Some(&stranger), &update, input).await;
        assert_eq!(
            (error_code(&error), &error["message"]),
            ("NOT_FOUND", &json!("There is no such event."))
        );
        for subscription in ["remainingTickets", "eventUpdates"] {
            let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
            let query = format!(
                "subscription($ids: [ID!]!) {{ {subscription}(eventIds: $ids) {{ __typename }} }}"
            );
            socket.start(&query, json!({ "ids": [id] })).await;
            let answer = socket.next_result().await;
            assert_eq!(error_code(&answer["errors"][0]), "NOT_FOUND", "{answer}");
        }
    }
    let listed =
        app.data(Some(&host.owner), "{ events(search: \"Secret\") { totalCount } }", json!({}));
    assert_eq!(listed.await["events"]["totalCount"], 0);
    let page = app.get(&format!("/events/{id}")).send().await.unwrap();
    assert_eq!(page.status(), 404);
    // A draft that is cancelled was never public.
    cancel_event(&app, &host.owner, id, "Not this year.").await;
    let data =
        app.data(None, "query($id: ID!) { event(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(data["event"], Value::Null);
}

async fn each_wrong_value_of_an_event_is_named(app: App) {
    let host = Host::found(&app).await;
    let query = "mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }";
    let past = (Utc::now() - Duration::minutes(1)).to_rfc3339();
    let late = (Utc::now() + Duration::days(8)).to_rfc3339();
    for (values, fields) in [
        (json!({ "title": "  ", "venue": "\u{202e}x" }), vec!["title", "venue"]),
        (json!({ "title": "x".repeat(201) }), vec!["title"]),
        (json!({ "description": "x".repeat(20_001) }), vec!["description"]),
        (json!({ "timeZone": "Mars/Olympus" }), vec!["timeZone"]),
        (json!({ "startsAt": "tomorrow" }), vec!["startsAt"]),
        (json!({ "startsAt": past }), vec!["startsAt"]),
        (json!({ "endsAt": past }), vec!["endsAt"]),
        (json!({ "salesStartAt": late }), vec!["salesStartAt"]),
        (json!({ "price": { "amount": "1.005", "currency": "EUR" } }), vec!["price"]),
        (json!({ "price": { "amount": "-1", "currency": "EUR" } }), vec!["price"]),
        (json!({ "price": { "amount": "1", "currency": "XXY" } }), vec!["price.currency"]),
        (json!({ "totalTickets": -1 }), vec!["totalTickets"]),
        (json!({ "totalTickets": 1_000_001 }), vec!["totalTickets"]),
        (json!({ "maxPerBooking": 11 }), vec!["maxPerBooking"]),
        (json!({ "externalId": "" }), vec!["externalId"]),
        (json!({ "organizerId": "x" }), vec!["organizerId"]),
        (
            json!({
                "title": "", "externalId": "", "totalTickets": -1,
                "price": { "amount": "1.005", "currency": "EUR" },
            }),
            vec!["price", "title", "totalTickets", "externalId"],
        ),
    ] {
        let input = json!({ "input": merged(host.values(), values) });
        let error = app.error(Some(&host.owner), query, input.clone()).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", fields), "{input}");
    }
    let named = json!({ "externalId": "same" });
    host.draft(&app, named.clone()).await;
    let input = json!({ "input": merged(host.values(), named) });
    let error = app.error(Some(&host.owner), query, input).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["externalId"]));
}

async fn a_leap_second_is_the_second_after_it(app: App) {
    let host = Host::found(&app).await;
    let leap = json!({ "startsAt": "2035-06-30T23:59:60Z" });
    let created = host.draft(&app, leap.clone()).await;
    assert_eq!(created["startsAt"], "2035-07-01T00:00:00Z", "{created}");
    let edited = host.edit(&app, created["id"].as_str().unwrap(), leap).await;
    assert_eq!(edited["startsAt"], created["startsAt"], "{edited}");
}

async fn what_is_left_out_stays_and_null_takes_away(app: App) {
    let host = Host::found(&app).await;
    let ends_at = (Utc::now() + Duration::days(8)).trunc_subsecs(0).to_rfc3339();
    let event = host.event(&app, json!({ "endsAt": ends_at, "description": "One\r\ntwo" })).await;
    let edited = host.edit(&app, &event, json!({ "title": " Jazz Night " })).await;
    assert_eq!(
        (&edited["title"], &edited["description"]),
        (&json!("Jazz Night"), &json!("One\ntwo"))
    );
    assert!(edited["endsAt"].is_string());
    let edited = host.edit(&app, &event, json!({ "endsAt": null })).await;
    assert_eq!((&edited["title"], &edited["endsAt"]), (&json!("Jazz Night"), &Value::Null));
    // An edit that changes nothing is no edit.
    let same = host.edit(&app, &event, json!({ "title": "Jazz Night" })).await;
    assert_eq!(same["revision"], edited["revision"]);
}

async fn null_is_refused_where_an_event_needs_a_value(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let query = mutation("updateEvent", "UpdateEventInput");
    let error = async |values: Value| {
        let input = merged(json!({ "eventId": event, "revision": 2 }), values);
        app.error(Some(&host.owner), &query, json!({ "input": input })).await
    };
    let needed = ["title", "description", "venue", "city", "timeZone", "startsAt", "price"];
    for field in needed.into_iter().chain(["totalTickets", "maxPerBooking"]) {
        let error = error(json!({ field: null })).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec![field]));
    }
    let price = json!({ "amount": "1", "currency": "eur" });
    let both = error(json!({ "title": null, "price": price })).await;
    assert_eq!(code_and_fields(&both), ("BAD_USER_INPUT", vec!["title", "price.currency"]));
    let error = error(json!({ "title": null, "venue": " ", "price": null })).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["title", "price", "venue"]));
    assert_eq!(revision_of(&app, &host.owner, &event).await, 2);
    let without = json!({ "endsAt": null, "salesStartAt": null, "salesEndAt": null });
    host.edit(&app, &event, without).await;
}

async fn an_edit_from_an_older_revision_changes_nothing(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let mine = update(&app, &host.owner, &event, 2, json!({ "venue": "Upstairs" })).await;
    assert_eq!(
        (&mine["__typename"], &mine["event"]["revision"]),
        (&json!("UpdateEventSuccess"), &json!(3))
    );
    // The same edit once more is a lost answer's.
    assert_eq!(update(&app, &host.owner, &event, 2, json!({ "venue": "Upstairs" })).await, mine);
    let other = update(&app, &host.owner, &event, 2, json!({ "venue": "Downstairs" })).await;
    assert_eq!(other["__typename"], "EventChanged");
    assert_eq!(
        (&other["event"]["venue"], &other["event"]["revision"]),
        (&json!("Upstairs"), &json!(3))
    );
    for revision in [0, 1, 4, i64::from(i32::MAX), i64::from(i32::MIN)] {
        let other = update(&app, &host.owner, &event, revision, json!({ "venue": "Cellar" })).await;
        assert_eq!(other["__typename"], "EventChanged", "{revision}");
    }
}

async fn the_capacity_follows_an_edit_and_never_goes_below_what_is_taken(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "totalTickets": 2 })).await;
    app.book(&app.user().await, &event, 2).await;
    assert_eq!(app.book(&app.user().await, &event, 1).await["__typename"], "SoldOut");
    let raised = host.edit(&app, &event, json!({ "totalTickets": 5 })).await;
    assert_eq!((&raised["totalTickets"], &raised["remainingTickets"]), (&json!(5), &json!(3)));
    app.book(&app.user().await, &event, 1).await;
    let revision = revision_of(&app, &host.owner, &event).await;
    let refused = update(&app, &host.owner, &event, revision, json!({ "totalTickets": 2 })).await;
    assert_eq!((&refused["__typename"], &refused["taken"]), (&json!("CapacityTooLow"), &json!(3)));
    let lowered = host.edit(&app, &event, json!({ "totalTickets": 3 })).await;
    assert_eq!(lowered["remainingTickets"], 0);
    assert_eq!(app.book(&app.user().await, &event, 1).await["__typename"], "SoldOut");
    app.assert_nothing_oversold().await;
}

async fn a_booking_keeps_its_price_and_nobody_pays_one_they_did_not_see(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let seen = json!({ "amount": "35", "currency": "USD" });
    let buyer = app.user().await;
    let first = json!({ "eventId": event, "quantity": 2, "expectedUnitPrice": seen });
    let booked = book(&app, &buyer, first).await;
    let price = json!({ "amount": "35.00", "currency": "USD" });
    assert_eq!(booked["booking"]["unitPrice"], price);
    let reference = booked["booking"]["reference"].as_str().unwrap();
    assert_eq!(reference.len(), 11, "{reference}");
    host.edit(&app, &event, json!({ "price": { "amount": "40", "currency": "USD" } })).await;
    let other = app.user().await;
    let refused = book(&app, &other, json!({ "eventId": event, "expectedUnitPrice": seen })).await;
    assert_eq!(refused["__typename"], "PriceChanged");
    assert_eq!(refused["price"]["amount"], "40.00");
    let now =
        json!({ "eventId": event, "expectedUnitPrice": { "amount": "40.00", "currency": "USD" } });
    assert_eq!(book(&app, &other, now).await["booking"]["unitPrice"]["amount"], "40.00");
    let mine = "{ me { bookings { nodes { unitPrice { amount } totalPrice { amount } } } } }";
    let mine = app.data(Some(&buyer), mine, json!({})).await;
    let expected =
        json!([{ "unitPrice": { "amount": "35.00" }, "totalPrice": { "amount": "70.00" } }]);
    assert_eq!(mine["me"]["bookings"]["nodes"], expected);
    // What is booked in one currency can't be summed up with another.
    let input = json!({ "eventId": event, "revision": revision_of(&app, &host.owner, &event).await,
        "price": { "amount": "40", "currency": "EUR" } });
    let query = mutation("updateEvent", "UpdateEventInput");
    let error = app.error(Some(&host.owner), &query, json!({ "input": input })).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["price"]));
}

async fn tickets_are_sold_only_while_the_event_is_on_sale(app: App) {
    let mut host = Host::found(&app).await;
    let owner = user_of(&app, &host.owner);
    let at = |hours: i64| (Utc::now() + Duration::hours(hours)).trunc_subsecs(0);
    let (opens_at, closes_at) = (at(2), at(4));
    let sale =
        json!({ "salesStartAt": opens_at.to_rfc3339(), "salesEndAt": closes_at.to_rfc3339() });
    let event = host.event(&app, sale).await;
    let attempt = async || book(&app, &app.user().await, json!({ "eventId": event })).await;
    let early = attempt().await;
    assert_eq!(
        (&early["__typename"], &early["reason"]),
        (&json!("BookingClosed"), &json!("NOT_YET_ON_SALE"))
    );
    assert_eq!(early["opensAt"], opens_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
    app.clock.advance(Duration::hours(2) + Duration::seconds(1));
    assert_eq!(attempt().await["__typename"], "BookEventSuccess");
    app.clock.advance(Duration::hours(2));
    let late = attempt().await;
    assert_eq!((&late["reason"], &late["opensAt"]), (&json!("SALE_ENDED"), &Value::Null));
    host.owner = app.services.access_tokens.issue(owner).unwrap().token;
    host.edit(&app, &event, json!({ "salesEndAt": null })).await;
    assert_eq!(attempt().await["__typename"], "BookEventSuccess");
}

async fn one_booking_has_at_most_the_events_number_of_tickets(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "maxPerBooking": 2 })).await;
    let buyer = app.user().await;
    let input = json!({ "input": { "eventId": event, "quantity": 3 } });
    let error = app.error(Some(&buyer), BOOK, input).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["quantity"]));
    assert_eq!(app.book(&buyer, &event, 2).await["__typename"], "BookEventSuccess");
}

async fn a_cancelled_event_is_closed_and_stays_cancelled(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    app.book(&app.user().await, &event, 2).await;
    let cancelled = cancel_event(&app, &host.owner, &event, " The singer is ill. ").await;
    assert_eq!(cancelled["event"]["status"], "CANCELLED");
    assert_eq!(cancelled["event"]["cancellationReason"], "The singer is ill.");
    let again = cancel_event(&app, &host.owner, &event, "Twice").await;
    assert_eq!(again["event"]["cancellationReason"], "The singer is ill.");
    assert_eq!(again["event"]["revision"], cancelled["event"]["revision"]);
    let closed = book(&app, &app.user().await, json!({ "eventId": event })).await;
    assert_eq!(closed["reason"], "CANCELLED");
    for refused in [
        update(&app, &host.owner, &event, 3, json!({ "title": "New" })).await,
        update(&app, &host.owner, &event, 1, json!({ "title": "New" })).await,
        publish(&app, &host.owner, &event, 3).await,
    ] {
        assert_eq!(refused["__typename"], "EventCancelled");
    }
    let listed =
        app.data(None, "{ events(search: \"Jazz Blue\") { nodes { id } } }", json!({})).await;
    let nodes = listed["events"]["nodes"].as_array().unwrap();
    assert!(!nodes.contains(&json!({ "id": event })));
}

async fn open_pages_learn_of_edits_as_they_happen(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let watch = "subscription($ids: [ID!]!, $revisions: [Int!]) {
        eventUpdates(eventIds: $ids, revisions: $revisions) { id revision title status } }";
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(watch, json!({ "ids": [event] })).await;
    // A query on the same socket is answered after the watch has begun.
    socket.run("{ __typename }", json!({})).await;
    app.book(&app.user().await, &event, 1).await;
    host.edit(&app, &event, json!({ "title": "Jazz II" })).await;
    let update = socket.next_result().await["data"]["eventUpdates"].clone();
    assert_eq!(
        update,
        json!({ "id": event, "revision": 3, "title": "Jazz II", "status": "PUBLISHED" })
    );
    cancel_event(&app, &host.owner, &event, "Rain").await;
    let update = socket.next_result().await["data"]["eventUpdates"].clone();
    assert_eq!((&update["revision"], &update["status"]), (&json!(4), &json!("CANCELLED")));
    // Who has another revision gets the present state at once.
    let mut late = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    late.start(watch, json!({ "ids": [event], "revisions": [3] })).await;
    assert_eq!(late.next_result().await["data"]["eventUpdates"]["revision"], 4);
}

async fn a_removed_member_learns_nothing_more_of_a_draft(app: App) {
    let host = Host::found(&app).await;
    let draft = host.draft(&app, json!({})).await;
    let id = draft["id"].as_str().unwrap();
    let manager = app.user().await;
    host.add(&app, &manager, Role::Manager).await;
    let mut socket = Socket::open(
        &app.url,
        MODERN_PROTOCOL,
        json!({ "Authorization": format!("Bearer {manager}") }),
    )
    .await;
    let watch = "subscription($ids: [ID!]!) { remainingTickets(eventIds: $ids) { totalTickets } }";
    let watched = socket.start(watch, json!({ "ids": [id] })).await;
    let total = |message: &Value| message["data"]["remainingTickets"]["totalTickets"].as_i64();
    assert_eq!(total(&socket.next_result().await), Some(10));
    host.edit(&app, id, json!({ "totalTickets": 11 })).await;
    assert_eq!(total(&socket.next_result().await), Some(11));
    organizer_member::Entity::delete_by_id((host.organizer, user_of(&app, &manager)))
        .exec(app.db())
        .await
        .unwrap();
    host.edit(&app, id, json!({ "totalTickets": 12 })).await;
    // The answer is the next message: the edit sent none.
    socket.run("{ __typename }", json!({})).await;
    socket.stop(watched).await;
}

async fn attendees_are_searched_counted_and_seen_by_members_only(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let buyers = app.users(3).await;
    let first = book(&app, &buyers[0], json!({ "eventId": event, "quantity": 3 })).await;
    app.book(&buyers[1], &event, 1).await;
    let gone = app.book(&buyers[2], &event, 2).await;
    app.cancel(&buyers[2], gone["booking"]["id"].as_str().unwrap()).await;
    let query = "query($id: ID!, $search: String, $status: BookingStatus) { event(id: $id) {
        sales { confirmedBookings cancelledBookings soldTickets takings { amount currency } }
        attendees(search: $search, status: $status) { totalCount
            nodes { name email booking { reference quantity status cancelledBy } } } } }";
    let read = async |token: Option<&str>, search: Value, status: Value| {
        let variables = json!({ "id": event, "search": search, "status": status });
        app.data(token, query, variables).await["event"].take()
    };
    let owner = Some(&*host.owner);
    let all = read(owner, Value::Null, Value::Null).await;
    assert_eq!(all["attendees"]["totalCount"], 3);
    assert_eq!(all["attendees"]["nodes"][0]["booking"]["cancelledBy"], "BUYER");
    assert_eq!(
        all["sales"],
        json!({ "confirmedBookings": 2, "cancelledBookings": 1, "soldTickets": 4,
            "takings": { "amount": "140.00", "currency": "USD" } })
    );
    let confirmed = read(owner, Value::Null, json!("CONFIRMED")).await;
    assert_eq!(confirmed["attendees"]["totalCount"], 2);
    let reference = first["booking"]["reference"].as_str().unwrap();
    let email = all["attendees"]["nodes"][1]["email"].as_str().unwrap();
    for search in [
        reference,
        &reference.to_lowercase().replace('-', ""),
        &reference.replace('-', " "),
        &reference[..8],
    ] {
        let found = read(owner, json!(search), Value::Null).await;
        assert_eq!(found["attendees"]["totalCount"], 1, "{search}");
        assert_eq!(found["attendees"]["nodes"][0]["booking"]["quantity"], 3);
    }
    let found = read(owner, json!(email.to_uppercase()), Value::Null).await;
    assert_eq!(found["attendees"]["nodes"][0]["email"], email);
    let id = user_of(&app, &buyers[1]);
    let id = match app.engine() {
        Engine::Sqlite => format!("unhex('{}')", id.0.simple()),
        Engine::Postgres => format!("'{id}'"),
    };
    app.execute_sql(&format!("UPDATE users SET name = 'Émile Łęcki' WHERE id = {id}")).await;
    for name in ["Émile", "Łęcki Émile", "cki"] {
        let found = read(owner, json!(name), Value::Null).await;
        assert_eq!(found["attendees"]["totalCount"], 1, "{name}");
    }
    for nothing in ["%", "_____________________", "nobody@nowhere"] {
        let found = read(owner, json!(nothing), Value::Null).await;
        assert_eq!(found["attendees"]["totalCount"], 0, "{nothing}");
    }
    for token in [None, Some(&*buyers[0])] {
        let hidden = read(token, Value::Null, Value::Null).await;
        assert_eq!(hidden, json!({ "sales": null, "attendees": null }));
    }
}

/// The takings are more than 64 bits can hold.
async fn an_event_that_takes_more_than_can_be_counted_still_has_sales(app: App) {
    let host = Host::found(&app).await;
    let price = json!({ "amount": "1000000000000.00", "currency": "USD" });
    let event = host.event(&app, json!({ "price": price, "totalTickets": 1_000_000 })).await;
    app.users(9_300).await;
    let id = match app.engine() {
        Engine::Sqlite => format!("unhex('{}')", event.replace('-', "")),
        Engine::Postgres => format!("'{event}'::uuid"),
    };
    app.execute_sql(&format!(
        "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at) \
         SELECT id, {id}, id, 10, 'CONFIRMED', created_at FROM users"
    ))
    .await;
    let query = "query($id: ID!) { event(id: $id) { remainingTickets
        sales { soldTickets takings { amount currency } } } }";
    let found = app.data(Some(&host.owner), query, json!({ "id": event })).await["event"].take();
    let sold = 1_000_000 - found["remainingTickets"].as_i64().unwrap();
    assert!(sold >= 93_000, "{sold}");
    assert_eq!(found["sales"]["soldTickets"], sold);
    assert_eq!(found["sales"]["takings"]["amount"], "92233720368547758.07");
}

async fn a_manager_cancels_a_buyers_booking_with_a_reason(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let buyer = app.user().await;
    let booked = app.book(&buyer, &event, 2).await;
    let id = booked["booking"]["id"].as_str().unwrap();
    let query = "mutation($input: CancelAttendeeBookingInput!) {
        cancelAttendeeBooking(input: $input) { __typename
            ... on CancelBookingSuccess { booking { status cancelledBy cancellationReason } } } }";
    let input = |reason: &str| json!({ "input": { "bookingId": id, "reason": reason } });
    let (door, manager) = (app.user().await, app.user().await);
    host.add(&app, &door, Role::Door).await;
    host.add(&app, &manager, Role::Manager).await;
    for (token, code) in [(&buyer, "NOT_FOUND"), (&door, "FORBIDDEN")] {
        let error = app.error(Some(token), query, input("No")).await;
        assert_eq!(error_code(&error), code);
    }
    let error = app.error(Some(&manager), query, input("  ")).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["reason"]));
    let manager = user_of(&app, &manager);
    app.clock.advance(Duration::days(8));
    let manager = app.services.access_tokens.issue(manager).unwrap().token;
    let cancelled = app.data(Some(&manager), query, input("The hall is smaller.")).await;
    let expected = json!({ "status": "CANCELLED", "cancelledBy": "ORGANIZER",
        "cancellationReason": "The hall is smaller." });
    assert_eq!(cancelled["cancelAttendeeBooking"]["booking"], expected);
    assert_eq!(app.remaining_tickets(&event).await, 10);
    app.assert_nothing_oversold().await;
}

async fn an_import_creates_and_changes_all_or_nothing(app: App) {
    let host = Host::found(&app).await;
    let query = "mutation($input: ImportEventsInput!) {
        importEvents(input: $input) { created updated unchanged } }";
    let event = |name: &str, values: Value| {
        let mut event = merged(host.values(), json!({ "externalId": name }));
        event.as_object_mut().unwrap().remove("organizerId");
        merged(event, values)
    };
    let input = |events: &[Value]| json!({ "input": { "organizerId": host.organizer.to_string(), "events": events } });
    let numbers = async |events: &[Value]| {
        let data = app.data(Some(&host.owner), query, input(events)).await;
        let payload = &data["importEvents"];
        ["created", "updated", "unchanged"].map(|name| payload[name].as_i64().unwrap())
    };
    let first = [event("a", json!({ "publish": true })), event("b", json!({}))];
    assert_eq!(numbers(&first).await, [2, 0, 0]);
    assert_eq!(numbers(&first).await, [0, 0, 2]);
    let list = "{ events(search: \"jazz blue\") { nodes { id externalId } } }";
    let listed = app.data(Some(&host.owner), list, json!({})).await;
    let nodes = listed["events"]["nodes"].as_array().unwrap();
    let a = nodes.iter().find(|node| node["externalId"] == "a").unwrap()["id"].as_str().unwrap();
    app.book(&app.user().await, a, 4).await;
    let bad = [
        event("a", json!({ "totalTickets": 3 })),
        event("c", json!({})),
        event("d", json!({ "startsAt": "2020-01-01T00:00:00Z" })),
    ];
    let error = app.error(Some(&host.owner), query, input(&bad)).await;
    let fields = vec!["events[0].totalTickets", "events[2].startsAt"];
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", fields));
    let price = json!({ "amount": "1.005", "currency": "EUR" });
    let unreadable = json!({ "price": price, "timeZone": "x" });
    let bad = [event("e", json!({ "title": "" })), event("e", unreadable)];
    let error = app.error(Some(&host.owner), query, input(&bad)).await;
    let fields =
        vec!["events[0].title", "events[1].externalId", "events[1].price", "events[1].timeZone"];
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", fields));
    let good =
        [event("a", json!({ "totalTickets": 4 })), event("c", json!({})), event("b", json!({}))];
    assert_eq!(numbers(&good).await, [1, 1, 1]);
    assert_eq!(app.remaining_tickets(a).await, 0);
    app.assert_nothing_oversold().await;
}

/// The number of an event's bookings with each status, in the order of the statuses.
pub(crate) async fn bookings_by_status(app: &App, event: &str) -> [i64; 2] {
    let host_query = format!(
        "SELECT count(*) FROM bookings WHERE event_id = {} AND status = ",
        match app.engine() {
            Engine::Sqlite => format!("unhex('{}')", event.replace('-', "")),
            Engine::Postgres => format!("'{event}'"),
        }
    );
    let count = async |status: &str| {
        let backend = app.db().get_database_backend();
        let statement = Statement::from_string(backend, format!("{host_query}'{status}'"));
        let row = app.db().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap()
    };
    [count("CANCELLED").await, count("CONFIRMED").await]
}

async fn the_bookings_of_a_cancelled_event_are_cancelled(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "totalTickets": 2_000 })).await;
    let other = host.event(&app, json!({})).await;
    let buyers = app.users(1_200).await;
    let booking =
        buyers.chunks(200).map(|chunk| join_all(chunk.iter().map(|b| app.book(b, &event, 1))));
    for chunk in booking {
        chunk.await;
    }
    app.book(&buyers[0], &other, 1).await;
    cancel_event(&app, &host.owner, &event, "Storm").await;
    // Whatever the job has done so far.
    app.assert_nothing_oversold().await;
    let minute = std::time::Duration::from_secs(60);
    wait_until(minute, "all bookings are cancelled", async || {
        bookings_by_status(&app, &event).await == [1_200, 0]
    })
    .await;
    assert_eq!(bookings_by_status(&app, &other).await, [0, 1]);
    app.assert_nothing_oversold().await;
    wait_until(minute, "the job is done", async || {
        job::Entity::find()
            .filter(job::Column::Kind.eq(CANCELLATION))
            .all(app.db())
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    // Somebody has discarded the job: another cancellation asks for it again.
    let left = "UPDATE bookings SET status = 'CONFIRMED', cancelled_at = NULL, cancelled_by = NULL \
        WHERE quantity = 1 AND status = 'CANCELLED'";
    app.execute_sql(left).await;
    for _ in 0..3 {
        let again = cancel_event(&app, &host.owner, &event, "Storm").await;
        assert_eq!(again["__typename"], "UpdateEventSuccess");
    }
    wait_until(minute, "all bookings are cancelled again", async || {
        bookings_by_status(&app, &event).await == [1_200, 0]
    })
    .await;
    let mine = "{ me { bookings(status: CANCELLED) { nodes {
        cancelledBy cancellationReason event { status } } } } }";
    let mine = app.data(Some(&buyers[0]), mine, json!({})).await;
    let expected = json!([{ "cancelledBy": "ORGANIZER", "cancellationReason": "Storm",
        "event": { "status": "CANCELLED" } }]);
    assert_eq!(mine["me"]["bookings"]["nodes"], expected);
    assert_eq!(app.remaining_tickets(&event).await, 2_000);
    app.assert_nothing_oversold().await;
}

/// The job of a cancelled event.
#[derive(Serialize, Deserialize)]
struct Cancellation {
    event_id: Uuid,
    after: Uuid,
}

impl Job for Cancellation {
    const KIND: &'static str = "cancel_bookings_of_event";
}

async fn a_cancellation_goes_on_where_its_job_says_and_misses_nobody(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    for buyer in app.users(3).await {
        app.book(&buyer, &event, 1).await;
    }
    let of_event = || booking::Entity::find().order_by_asc(booking::Column::Id).all(app.db());
    let after = of_event().await.unwrap()[1].id.0;
    let event_id: Uuid = event.parse().unwrap();
    let id = match app.engine() {
        Engine::Sqlite => format!("unhex('{}')", event_id.simple()),
        Engine::Postgres => format!("'{event_id}'"),
    };
    app.execute_sql(&format!(
        "UPDATE events SET status = 'CANCELLED', cancellation_reason = 'Storm' WHERE id = {id}"
    ))
    .await;
    let tx = app.services.db.begin().await.unwrap();
    let job = NewJob::new(&Cancellation { event_id, after }).unwrap();
    enqueue(&tx, vec![job]).await.unwrap();
    tx.commit().await.unwrap();
    wait_until(std::time::Duration::from_secs(30), "all bookings are cancelled", async || {
        bookings_by_status(&app, &event).await == [3, 0]
    })
    .await;
    let at: Vec<_> = of_event().await.unwrap().into_iter().map(|row| row.cancelled_at).collect();
    assert!(at[2] < at[0] && at[0] == at[1], "the last one first: {at:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_for_attendees_leave_connections_to_others() {
    let app = App::start_with(Engine::Postgres, &["--database-read-connections", "4"]).await;
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    app.book(&app.user().await, &event, 1).await;
    let query = "query($id: ID!, $search: String) { event(id: $id) {
        attendees(search: $search) { nodes { name } } } }";
    let search = async |text: String| {
        app.send(Some(&host.owner), query, json!({ "id": event, "search": text })).await
    };
    search("first".to_owned()).await;
    let beside = sea_orm::Database::connect(&app.database_url).await.unwrap();
    // Searches wait for as long as this is locked.
    let lock = app.services.db.begin().await.unwrap();
    lock.execute_unprepared("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let searches = join_all((0..8).map(|number| search(format!("text {number}"))));
    let look = async {
        wait_until(std::time::Duration::from_secs(5), "two searches wait", async || {
            let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                       AND relation = 'users'::regclass";
            let waiting = Statement::from_string(beside.get_database_backend(), sql);
            let row = beside.query_one_raw(waiting).await.unwrap().unwrap();
            row.try_get_by_index::<i64>(0).unwrap() >= 2
        })
        .await;
        let title = "query($id: ID!) { event(id: $id) { title } }";
        let seen = app.data(None, title, json!({ "id": event }));
        let seen = tokio::time::timeout(std::time::Duration::from_secs(1), seen).await;
        lock.rollback().await.unwrap();
        seen.expect("an event is read while searches wait")
    };
    let (answers, seen) = tokio::join!(searches, look);
    assert_eq!(seen["event"]["title"], "Jazz");
    for answer in answers {
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
}
