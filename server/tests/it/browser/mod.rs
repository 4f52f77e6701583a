//! The web client and the IDEs in a real Chromium, against the real server.
//!
//! Screenshots for people to look at are in `target/screenshots`.

mod accessibility;
mod account;
mod account_page;
mod allowed_operations;
mod booking;
mod changes;
mod client_libraries;
mod driver;
mod edits;
mod event_page;
mod filters;
mod freshness;
mod graphiql;
mod hung_server;
mod layout;
mod list;
mod live;
mod lost_answers;
mod mail_journey;
mod messages;
mod organize;
mod organizer_page;
mod packages;
mod page_load;
mod playground;
mod recovery;
mod tickets;
