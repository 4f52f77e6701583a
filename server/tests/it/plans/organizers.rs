//! What organizers do: they create an organizer, manage its events, and see who comes.

use std::time::Duration;

use chrono::Utc;
use reqwest::Method;
use rowlock_entities::{
    OrganizerId, booking, job, organizer,
    organizer_member::{self, Role},
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use super::Player;
use crate::{
    app::App,
    covers,
    database::Engine,
    managed_events::{CANCELLATION, Host, merged, mutation, user_of},
    organizers::{CREATE, REMOVE_MEMBER, SET_MEMBER, UPDATE, person},
    waiting::wait_until,
};

/// The organizer of the generated events.
pub(super) const GENERATED: &str = "generated-events";

/// Adds organizers, each with one owner.
pub(super) async fn add(app: &App, number: usize) {
    let owner = user_of(app, &app.user().await);
    let created_at = Utc::now();
    let organizers: Vec<organizer::Model> = (0..number)
        .map(|number| organizer::Model {
            id: OrganizerId::new(),
            slug: format!("organizer-{number}"),
            name: format!("Organizer {number}"),
            founded_by: Some(owner),
            created_at,
        })
        .collect();
    let members = organizers.iter().map(|organizer| {
        let (organizer_id, user_id, role) = (organizer.id, owner, Role::Owner);
        organizer_member::Model { organizer_id, user_id, role, created_at }.into_active_model()
    });
    let members: Vec<_> = members.collect();
    let rows = organizers.into_iter().map(IntoActiveModel::into_active_model);
    organizer::Entity::insert_many(rows).exec_without_returning(app.db()).await.unwrap();
    organizer_member::Entity::insert_many(members).exec_without_returning(app.db()).await.unwrap();
    if app.engine() == Engine::Postgres {
        app.execute_sql("ANALYZE organizers, organizer_members").await;
    }
}

pub(super) async fn run_every_operation(app: &App, player: &Player<'_>) {
    manage_members(app, player).await;
    let generated = organizer::Entity::find().filter(organizer::Column::Slug.eq(GENERATED));
    let generated = generated.one(app.db()).await.unwrap().unwrap();
    let host = Host::of(generated.id, player.token.clone());
    host.add(app, &player.token, Role::Owner).await;
    let first_booking = booking::Entity::find().order_by_asc(booking::Column::Id);
    let first_booking = first_booking.one(app.db()).await.unwrap().unwrap();
    let booked = first_booking.event_id.to_string();

    create_and_import(player, &host).await;
    change_cover(player, &booked).await;
    edit(player, &booked).await;
    for slug in [GENERATED, "our-events", "blues"] {
        list_events(player, slug).await;
    }
    see_attendees(player, &booked).await;
    check_in(player, &booked).await;
    cancel(app, player, &booked, &first_booking.id.to_string()).await;
}

async fn manage_members(app: &App, player: &Player<'_>) {
    let member = person(app).await;
    let founded = player.send(CREATE, json!({ "input": { "name": "Jazz" } })).await;
    let organizer = founded["createOrganizer"]["id"].clone();
    let renamed = json!({ "organizerId": organizer, "name": "Blues", "slug": "blues" });
    player.send(UPDATE, json!({ "input": renamed })).await;
    for role in ["DOOR", "OWNER"] {
        let input = json!({ "organizerId": organizer, "email": member.email, "role": role });
        player.send(SET_MEMBER, json!({ "input": input })).await;
    }
    let input = json!({ "organizerId": organizer, "userId": member.id });
    player.send(REMOVE_MEMBER, json!({ "input": input })).await;
}

async fn create_and_import(player: &Player<'_>, host: &Host) {
    let create = "mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }";
    for external_id in [Value::Null, json!("created")] {
        let input = merged(host.values(), json!({ "externalId": external_id }));
        let created = player.send(create, json!({ "input": input })).await;
        let input = json!({ "eventId": created["createEvent"]["id"], "revision": 1 });
        let publish = mutation("publishEvent", "PublishEventInput");
        player.send(&publish, json!({ "input": input })).await;
    }
    let import = "mutation($input: ImportEventsInput!) {
        importEvents(input: $input) { created updated unchanged } }";
    for (title, outcome) in [("One", [2, 0, 0]), ("Two", [0, 2, 0]), ("Two", [0, 0, 2])] {
        let event = |external_id| {
            let mut values = host.values();
            values.as_object_mut().unwrap().remove("organizerId");
            merged(values, json!({ "externalId": external_id, "title": title, "publish": true }))
        };
        let events = [event("a"), event("b")];
        let input = json!({ "organizerId": host.organizer.to_string(), "events": events });
        let imported = player.send(import, json!({ "input": input })).await;
        let [created, updated, unchanged] = outcome;
        let numbers = json!({ "created": created, "updated": updated, "unchanged": unchanged });
        assert_eq!(imported["importEvents"], numbers);
    }
}

/// Gives an event a cover, and takes it away, so that it has the revision 4 then.
async fn change_cover(player: &Player<'_>, event: &str) {
    let query = "query($id: ID!) { event(id: $id) { cover { url(width: 400) alt } } }";
    for size in [(500, 300), (16, 9)] {
        let path = format!("/events/{event}/cover?alt=Hall");
        player.change(Method::PUT, &path, covers::jpeg(size.0, size.1)).await;
        let found = player.send(query, json!({ "id": event })).await;
        player.download(found["event"]["cover"]["url"].as_str().unwrap()).await;
    }
    player.change(Method::DELETE, &format!("/events/{event}/cover"), Vec::new()).await;
}

/// Edits an event that is watched, until each kind of answer was given.
async fn edit(player: &Player<'_>, event: &str) {
    let counts = "subscription($ids: [ID!]!) { remainingTickets(eventIds: $ids) {
        version event { title } } }";
    let mut counts = player.watch(counts, json!({ "ids": [event] })).await;
    counts.next_result().await;
    let edits = "subscription($ids: [ID!]!, $revisions: [Int!]) {
        eventUpdates(eventIds: $ids, revisions: $revisions) { title organizer { name } } }";
    let mut late = player.watch(edits, json!({ "ids": [event], "revisions": [0] })).await;
    late.next_result().await;
    let mut watching = player.watch(edits, json!({ "ids": [event] })).await;
    watching.run("{ __typename }", json!({})).await;

    let update = mutation("updateEvent", "UpdateEventInput");
    let price = json!({ "price": { "amount": "12", "currency": "EUR" } });
    for (revision, values, outcome) in [
        (4, json!({ "title": "Edited" }), "UpdateEventSuccess"),
        (5, price, "UpdateEventSuccess"),
        (6, json!({ "totalTickets": 5_000 }), "UpdateEventSuccess"),
        (7, json!({ "totalTickets": 1 }), "CapacityTooLow"),
        (1, json!({ "title": "Late" }), "EventChanged"),
    ] {
        let input = merged(json!({ "eventId": event, "revision": revision }), values);
        let answer = player.send(&update, json!({ "input": input })).await;
        assert_eq!(answer["updateEvent"]["__typename"], outcome);
    }
    for socket in [&mut counts, &mut late, &mut watching] {
        socket.next_result().await;
    }
}

async fn list_events(player: &Player<'_>, slug: &str) {
    let forwards = "query($slug: String!, $status: EventStatus, $after: String) {
        me { organizers { name viewerRole } }
        organizer(slug: $slug) { members { role user { email } }
            events(first: 3, status: $status, after: $after) {
                totalCount nodes { externalId organizer { name } }
                pageInfo { startCursor endCursor } } } }";
    let backwards = "query($slug: String!, $status: EventStatus, $before: String) {
        organizer(slug: $slug) {
            events(last: 3, status: $status, before: $before) { nodes { id } } } }";
    for status in [None, Some("DRAFT"), Some("PUBLISHED"), Some("CANCELLED")] {
        let mut variables = json!({ "slug": slug, "status": status });
        let page = player.send(forwards, variables.clone()).await;
        let place = &page["organizer"]["events"]["pageInfo"];
        variables["after"] = place["endCursor"].clone();
        player.send(forwards, variables.clone()).await;
        for before in [&Value::Null, &place["endCursor"]] {
            variables["before"] = before.clone();
            player.send(backwards, variables.clone()).await;
        }
    }
}

async fn see_attendees(player: &Player<'_>, event: &str) {
    let forwards = "query($id: ID!, $search: String, $status: BookingStatus, $after: String) {
        event(id: $id) {
            sales { confirmedBookings soldTickets takings { amount } }
            attendees(first: 3, search: $search, status: $status, after: $after) {
                totalCount nodes { name email booking { reference } }
                pageInfo { endCursor } } } }";
    let backwards = "query($id: ID!, $search: String, $status: BookingStatus, $before: String) {
        event(id: $id) {
            attendees(last: 3, search: $search, status: $status, before: $before) {
                nodes { name } } } }";
    let all = player.send(forwards, json!({ "id": event })).await["event"]["attendees"].take();
    assert!(all["totalCount"].as_i64().unwrap() >= 300, "{all}");
    let attendee = &all["nodes"][0];
    let [name, email] = [&attendee["name"], &attendee["email"]];
    let reference = &attendee["booking"]["reference"];
    for search in [&Value::Null, name, email, reference, &json!("generated user 1")] {
        for status in [None, Some("CONFIRMED"), Some("CANCELLED")] {
            let mut variables = json!({ "id": event, "search": search, "status": status });
            let page = player.send(forwards, variables.clone()).await;
            let end = &page["event"]["attendees"]["pageInfo"]["endCursor"];
            variables["after"] = end.clone();
            player.send(forwards, variables.clone()).await;
            for before in [&Value::Null, end] {
                variables["before"] = before.clone();
                player.send(backwards, variables.clone()).await;
            }
        }
    }
    let file = player.download(&format!("/events/{event}/attendees.csv")).await;
    assert!(file.lines().count() > 300, "{file}");
}

/// Checks tickets in and takes that back, while somebody watches.
async fn check_in(player: &Player<'_>, event: &str) {
    let arrivals = "subscription($id: ID!) { arrivals(eventId: $id) { arrived expected } }";
    let mut arrivals = player.watch(arrivals, json!({ "id": event })).await;
    arrivals.next_result().await;
    let query = "query($id: ID!) { event(id: $id) { arrivals { arrived }
        attendees(first: 1, status: CONFIRMED) {
            nodes { booking { reference tickets { code checkedInAt } } } } } }";
    let found = player.send(query, json!({ "id": event })).await;
    let booking = &found["event"]["attendees"]["nodes"][0]["booking"];
    let code = &booking["tickets"][0]["code"];
    for (field, code, outcome) in [
        ("checkIn", code, "CheckInSuccess"),
        ("checkIn", code, "AlreadyCheckedIn"),
        ("undoCheckIn", code, "CheckInSuccess"),
        ("checkIn", &booking["reference"], "CheckInSuccess"),
    ] {
        let operation = format!(
            "mutation($input: CheckInInput!) {{ {field}(input: $input) {{ __typename }} }}"
        );
        let input = json!({ "eventId": event, "code": code });
        let answer = player.send(&operation, json!({ "input": input })).await;
        assert_eq!(answer[field]["__typename"], outcome);
    }
    arrivals.next_result().await;
}

/// Cancels a booking, then its whole event, and waits until the job has cancelled the others.
async fn cancel(app: &App, player: &Player<'_>, event: &str, booking: &str) {
    let cancel = "mutation($input: CancelAttendeeBookingInput!) {
        cancelAttendeeBooking(input: $input) { ... on CancelBookingSuccess { booking { id } } } }";
    let input = json!({ "bookingId": booking, "reason": "A smaller hall" });
    player.send(cancel, json!({ "input": input })).await;
    let cancel = mutation("cancelEvent", "CancelEventInput");
    for _ in 0..2 {
        let input = json!({ "eventId": event, "reason": "Storm" });
        let cancelled = player.send(&cancel, json!({ "input": input })).await;
        assert_eq!(cancelled["cancelEvent"]["__typename"], "UpdateEventSuccess");
    }
    wait_until(Duration::from_secs(60), "the bookings are cancelled", async || {
        job::Entity::find()
            .filter(job::Column::Kind.eq(CANCELLATION))
            .count(app.db())
            .await
            .unwrap()
            == 0
    })
    .await;
    let left = "query($id: ID!) { event(id: $id) { sales { confirmedBookings } } }";
    let left = player.send(left, json!({ "id": event })).await;
    assert_eq!(left["event"]["sales"]["confirmedBookings"], 0);
}
