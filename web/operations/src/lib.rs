//! All operations of the web client, checked against `schema.graphql` at compile time.
//!
//! They are a crate of their own, so the bundler can list them with [`texts`].

#![expect(
    missing_debug_implementations,
    unreachable_pub,
    reason = "cynic's macros generate such code"
)]

pub mod accounts;
pub mod attendees;
pub mod bookings;
pub mod event_editing;
pub mod events;
pub mod live;
pub mod organizers;
mod scalars;

pub use scalars::{DateTime, Decimal};

#[cynic::schema("rowlock")]
mod schema {}

/// The text of each operation as the client sends it. Variables are not part of the text.
#[must_use]
pub fn texts() -> Vec<String> {
    let text = String::new;
    let order = events::EventOrder {
        field: events::EventOrderField::Date,
        direction: events::OrderDirection::Asc,
    };
    let list = events::EventListVariables {
        first: 1,
        offset: 0,
        search: None,
        filter: None,
        order_by: order,
    };
    let registration = accounts::RegisterInput { email: text(), password: text(), name: text() };
    let login = accounts::LoginInput { email: text(), password: text() };
    let booking = bookings::BookEventInput {
        event_id: text().into(),
        quantity: 1,
        idempotency_key: None,
        expected_unit_price: None,
    };
    vec![
        accounts::register(registration).query,
        accounts::login(login).query,
        accounts::refresh().query,
        accounts::logout().query,
        accounts::logout_everywhere().query,
        accounts::me().query,
        bookings::book_event(booking).query,
        bookings::cancel_booking(text().into()).query,
        bookings::my_bookings(1, None).query,
        events::event_list(list).query,
        events::one_event(text()).query,
        events::one_organizer(text()).query,
        live::remaining_tickets(Vec::new()).query().to_owned(),
        live::event_updates(Vec::new()).query().to_owned(),
    ]
    .into_iter()
    .chain(organizers_texts())
    .collect()
}

/// The operations of the organizers' program.
fn organizers_texts() -> Vec<String> {
    let text = String::new;
    let id = || cynic::Id::new("");
    let time = || DateTime(text());
    let free = events::MoneyInput { amount: Decimal(text()), currency: text() };
    let event = event_editing::CreateEventInput {
        organizer_id: id(),
        title: text(),
        description: text(),
        venue: text(),
        city: text(),
        time_zone: text(),
        starts_at: time(),
        ends_at: None,
        price: free,
        total_tickets: 1,
        max_per_booking: 1,
        sales_start_at: None,
        sales_end_at: None,
    };
    let edit = event_editing::UpdateEventInput {
        event_id: id(),
        revision: 0,
        title: None,
        description: None,
        venue: None,
        city: None,
        time_zone: None,
        starts_at: None,
        ends_at: None,
        price: None,
        total_tickets: None,
        max_per_booking: None,
        sales_start_at: None,
        sales_end_at: None,
    };
    let attendees = attendees::AttendeesVariables {
        id: id(),
        first: 1,
        after: None,
        search: None,
        status: None,
    };
    let organizer = organizers::CreateOrganizerInput { name: text(), slug: None };
    let settings = organizers::UpdateOrganizerInput { organizer_id: id(), name: None, slug: None };
    let role = organizers::OrganizerRole::Door;
    let member = organizers::SetOrganizerMemberInput { organizer_id: id(), email: text(), role };
    let removed = organizers::RemoveOrganizerMemberInput { organizer_id: id(), user_id: id() };
    vec![
        organizers::my_organizers().query,
        organizers::organizer_to_manage(text()).query,
        organizers::members_of_organizer(text()).query,
        organizers::events_of_organizer(text(), 1, None).query,
        organizers::sales_of_event(id()).query,
        organizers::create_organizer(organizer).query,
        organizers::update_organizer(settings).query,
        organizers::set_organizer_member(member).query,
        organizers::remove_organizer_member(removed).query,
        event_editing::event_to_edit(text()).query,
        event_editing::create_event(event).query,
        event_editing::update_event(edit).query,
        event_editing::publish_event(id(), 0).query,
        event_editing::cancel_event(id(), text()).query,
        attendees::attendees(attendees).query,
        attendees::cancel_attendee_booking(id(), text()).query,
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_lists_every_operation() {
        let sources = [
            include_str!("accounts.rs"),
            include_str!("attendees.rs"),
            include_str!("bookings.rs"),
            include_str!("event_editing.rs"),
            include_str!("events.rs"),
            include_str!("live.rs"),
            include_str!("organizers.rs"),
        ];
        let built: usize = sources.iter().map(|source| source.matches("::build(").count()).sum();
        let texts = super::texts();
        assert_eq!(texts.len(), built);
        let distinct: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), built);
    }
}
