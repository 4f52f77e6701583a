//! Everything in the schema has a row in the table of permissions, or is listed here because it needs
//! no role.

use std::collections::BTreeSet;

use async_graphql::parser::types::TypeKind;

use super::{OTHER_REQUESTS, TABLE};
use crate::schema::{SCHEMA_FILE, types};

const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// Fields that need no role, by their type, and why.
const OPEN_FIELDS: &[(&str, &str, &str)] = &[
    ("Query", "me", "it is about the caller"),
    ("Query", "cities", "it counts events that everybody may list"),
    ("Query", "organizer", "everybody may know who sells tickets; its fields have rows"),
    (
        "Mutation",
        "register login refresh logout logoutEverywhere endSession requestEmailVerification
         verifyEmail requestPasswordReset resetPassword updateProfile changePassword changeEmail
         deleteAccount createCalendarFeed removeCalendarFeed",
        "they are about the caller's own account and sessions",
    ),
    (
        "Event",
        "id title description status revision cancellationReason organizer startsAt endsAt timeZone
         salesStartAt salesEndAt maxPerBooking city venue totalTickets remainingTickets price cover",
        "people decide by them what to book",
    ),
    ("Cover", "url widths alt", "it is of an event"),
    ("Event", "myBooking", "it is the viewer's own"),
    ("City", "name events", "everybody may list the events there"),
    ("Organizer", "id slug", "they are in addresses"),
    (
        "Booking",
        "id event quantity status createdAt cancelledAt cancelledBy cancellationReason reference
         unitPrice totalPrice calendarFile tickets",
        "only its buyer and members get a booking",
    ),
    ("Ticket", "number code checkedInAt", "it is of a booking, and members get another code"),
    (
        "User",
        "id email emailVerified pendingEmail name reminders sessions calendarUrl organizers
         canCreateOrganizers bookings",
        "only the person gets them, and some whoever has a link that was sent to the person",
    ),
    ("Session", "id createdAt lastSeenAt userAgent current", "only its person gets it"),
    ("AuthPayload", "user accessToken accessTokenExpiresAt", "only who has signed in gets it"),
    ("Money", "amount currency", "whoever gets it was to see it"),
    ("TicketUpdate", "eventId remainingTickets totalTickets version event", "it is of an event"),
    ("EventConnection", "edges nodes pageInfo totalCount", "it says how many events there are"),
    ("EventEdge", "node cursor", "it is a place in such a list"),
    ("BookingConnection", "edges nodes pageInfo totalCount", "it is of the viewer's bookings"),
    ("BookingEdge", "node cursor", "it is a place in such a list"),
    ("PageInfo", "hasPreviousPage hasNextPage startCursor endCursor", "it is of such a list"),
    ("BookEventSuccess", "booking", "it answers who books"),
    ("SoldOut", "message remainingTickets event", "it answers who books"),
    ("AlreadyBooked", "message booking", "it answers who books"),
    ("BookingClosed", "message event reason opensAt", "it answers who books"),
    ("PriceChanged", "message price event", "it answers who books"),
];

fn rows(type_name: &str, field: &str) -> impl Iterator<Item = &'static super::Row> {
    let full_name = match ROOTS.contains(&type_name) {
        true => field.to_owned(),
        false => format!("{type_name}.{field}"),
    };
    TABLE.iter().filter(move |row| row.field() == full_name)
}

/// The fields that people without a role can reach, by the types of fields that give them something,
/// and that neither the table nor the list has.
fn undecided(sdl: &str) -> BTreeSet<String> {
    let types = types(sdl);
    let mut undecided = BTreeSet::new();
    let (mut seen, mut to_see) = (BTreeSet::new(), ROOTS.map(str::to_owned).to_vec());
    while let Some(name) = to_see.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        match types.get(&name).map(|found| &found.kind) {
            Some(TypeKind::Object(object)) => {
                for field in &object.fields {
                    let field_name = field.node.name.node.as_str();
                    let is_listed = OPEN_FIELDS.iter().any(|(of, fields, _)| {
                        *of == name && fields.split_whitespace().any(|open| open == field_name)
                    });
                    let mut rows = rows(&name, field_name).peekable();
                    let has_rows = rows.peek().is_some();
                    if !has_rows && !is_listed {
                        undecided.insert(format!("{name}.{field_name}"));
                    }
                    if !has_rows || rows.any(super::Row::is_open_to_strangers) {
                        to_see.push(field.node.ty.to_string().replace(['[', ']', '!'], ""));
                    }
                }
            }
            Some(TypeKind::Union(union)) => {
                to_see.extend(union.members.iter().map(|member| member.node.to_string()));
            }
            Some(TypeKind::Interface(_)) => {
                let implementers = types.iter().filter(|(_, found)| match &found.kind {
                    TypeKind::Object(object) => object.implements.iter().any(|i| i.node == name),
                    _ => false,
                });
                to_see.extend(implementers.map(|(name, _)| name.clone()));
            }
            Some(TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_)) | None => {}
        }
    }
    undecided
}

#[test]
fn every_field_has_a_row_or_needs_no_role() {
    let undecided = undecided(SCHEMA_FILE);
    assert!(
        undecided.is_empty(),
        "add a row to the table of permissions, or say in OPEN_FIELDS why there is none: \
         {undecided:?}"
    );
}

#[test]
fn a_new_field_needs_a_row_or_a_reason() {
    for (object, field, undecided_fields) in [
        ("type Mutation {", "deleteEvent: Boolean!", vec!["Mutation.deleteEvent"]),
        ("type Query {", "allBookings: [Booking!]!", vec!["Query.allBookings"]),
        ("type Subscription {", "sales: Int!", vec!["Subscription.sales"]),
        ("type Event implements Node {", "waiting: Int", vec!["Event.waiting"]),
        ("type Organizer implements Node {", "takings: Money", vec!["Organizer.takings"]),
        ("type Booking implements Node {", "note: String", vec!["Booking.note"]),
        // Members alone reach the type.
        ("type Attendee {", "phone: String", vec![]),
        (
            "type Event implements Node {",
            "guests: [Attendee!]!",
            vec!["Attendee.booking", "Attendee.email", "Attendee.name", "Event.guests"],
        ),
    ] {
        let grown = SCHEMA_FILE.replace(object, &format!("{object}\n  {field}"));
        assert_ne!(grown, SCHEMA_FILE, "{object}");
        let found: Vec<String> = undecided(&grown).into_iter().collect();
        assert_eq!(found, undecided_fields, "{field}");
    }
}

#[test]
fn the_table_and_the_list_name_fields_of_the_schema_alone() {
    let types = types(SCHEMA_FILE);
    let has_field = |of: &str, name: &str| match types.get(of).map(|found| &found.kind) {
        Some(TypeKind::Object(object)) => object.fields.iter().any(|f| f.node.name.node == name),
        _ => false,
    };
    for (of, fields, _) in OPEN_FIELDS {
        for field in fields.split_whitespace() {
            assert!(has_field(of, field), "{of}.{field} is listed, and not in the schema");
            assert_eq!(rows(of, field).count(), 0, "{of}.{field} is listed, and has a row");
        }
    }
    for row in TABLE.iter().filter(|row| !OTHER_REQUESTS.contains(&row.operation)) {
        let (is_there, name) = match row.field().split_once('.') {
            Some((of, name)) => (has_field(of, name), name),
            None => (ROOTS.iter().any(|root| has_field(root, row.field())), row.field()),
        };
        assert!(is_there, "{}", row.what);
        let mut words = row.operation.split(|c: char| !c.is_alphanumeric());
        assert!(words.any(|word| word == name), "{}: the operation has another field", row.what);
    }
}
