//! All operations of the web client, checked against `schema.graphql` at compile time.
//!
//! They are a crate of their own, so the bundler can list them with [`texts`].

#![expect(
    missing_debug_implementations,
    unreachable_pub,
    reason = "cynic's macros generate such code"
)]

pub mod accounts;
pub mod bookings;
pub mod events;
pub mod live;
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
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_lists_every_operation() {
        let sources = [
            include_str!("accounts.rs"),
            include_str!("bookings.rs"),
            include_str!("events.rs"),
            include_str!("live.rs"),
        ];
        let built: usize = sources.iter().map(|source| source.matches("::build(").count()).sum();
        let texts = super::texts();
        assert_eq!(texts.len(), built);
        let distinct: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), built);
    }
}
