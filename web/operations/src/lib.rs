//! All operations of the web client, checked against `schema.graphql` at compile time.
//!
//! They are a crate of their own, so the bundler can list their texts. The client has the texts as
//! files: building them from the types in the browser would make it 7 % larger. A test builds them,
//! and compares.

#![expect(
    missing_debug_implementations,
    unreachable_pub,
    reason = "cynic's macros generate such code"
)]

/// An operation with its text.
macro_rules! operation {
    ($name:ident, $variables:expr) => {
        cynic::Operation::<$name, _>::new(crate::text!($name).to_owned(), $variables)
    };
}

macro_rules! text {
    ($name:ident) => {
        include_str!(concat!("../texts/", stringify!($name), ".graphql"))
    };
}
use text;

pub mod account;
pub mod accounts;
pub mod attendees;
pub mod bookings;
pub mod door;
pub mod event_editing;
pub mod events;
pub mod live;
pub mod organizers;
mod scalars;
pub mod tickets;

pub use scalars::{DateTime, Decimal};

#[cynic::schema("rowlock")]
mod schema {}

macro_rules! operations {
    ($($kind:ident $module:ident::$name:ident($variables:ty),)*) => {
        /// The text of each operation as the client sends it. Variables are not part of the text.
        pub const TEXTS: &[&str] = &[$(text!($name)),*];

        /// The name of each operation, and its text as its types say.
        #[cfg(test)]
        fn built() -> Vec<(&'static str, String)> {
            use cynic::{QueryFragment, queries::{OperationType, build_executable_document}};
            vec![$({
                let name = $module::$name::name();
                let build = build_executable_document::<$module::$name, $variables>;
                let text = build(OperationType::$kind, name.as_deref(), Default::default(), None);
                (stringify!($name), text)
            }),*]
        }
    };
}

operations! {
    Query account::MyAccount(()),
    Mutation account::UpdateProfile(account::UpdateProfileVariables),
    Mutation account::ChangePassword(account::ChangePasswordVariables),
    Mutation account::ChangeEmail(account::ChangeEmailVariables),
    Mutation account::EndSession(account::EndSessionVariables),
    Mutation account::DeleteAccount(account::DeleteAccountVariables),
    Mutation account::CreateCalendarFeed(()),
    Mutation account::RemoveCalendarFeed(()),
    Mutation account::RequestEmailVerification(()),
    Mutation account::VerifyEmail(account::VerifyEmailVariables),
    Mutation account::RequestPasswordReset(account::RequestPasswordResetVariables),
    Mutation account::ResetPassword(account::ResetPasswordVariables),
    Mutation accounts::Register(accounts::RegisterVariables),
    Mutation accounts::Login(accounts::LoginVariables),
    Mutation accounts::Refresh(()),
    Mutation accounts::Logout(()),
    Query accounts::Me(()),
    Mutation accounts::LogoutEverywhere(()),
    Query attendees::Attendees(attendees::AttendeesVariables),
    Mutation attendees::CancelAttendeeBooking(attendees::CancelAttendeeBookingVariables),
    Mutation bookings::BookEvent(bookings::BookEventVariables),
    Mutation bookings::CancelBooking(bookings::CancelBookingVariables),
    Mutation bookings::ChangeBooking(bookings::ChangeBookingVariables),
    Query bookings::MyBookings(bookings::MyBookingsVariables),
    Query door::EventAtDoor(door::EventAtDoorVariables),
    Query door::Guests(door::GuestsVariables),
    Mutation door::CheckIn(door::CheckInVariables),
    Mutation door::UndoCheckIn(door::CheckInVariables),
    Subscription door::WatchArrivals(door::WatchArrivalsVariables),
    Query event_editing::EventToEdit(event_editing::EventToEditVariables),
    Mutation event_editing::CreateEvent(event_editing::CreateEventVariables),
    Mutation event_editing::UpdateEvent(event_editing::UpdateEventVariables),
    Mutation event_editing::PublishEvent(event_editing::PublishEventVariables),
    Mutation event_editing::CancelEvent(event_editing::CancelEventVariables),
    Query events::EventList(events::EventListVariables),
    Query events::OneEvent(events::OneEventVariables),
    Query events::OneOrganizer(events::OneOrganizerVariables),
    Subscription live::RemainingTickets(live::RemainingTicketsVariables),
    Subscription live::EventUpdates(live::EventUpdatesVariables),
    Query organizers::MyOrganizers(()),
    Query organizers::OrganizerToManage(organizers::SlugVariables),
    Query organizers::MembersOfOrganizer(organizers::SlugVariables),
    Query organizers::EventsOfOrganizer(organizers::EventsOfOrganizerVariables),
    Query organizers::SalesOfEvent(organizers::SalesOfEventVariables),
    Mutation organizers::CreateOrganizer(organizers::CreateOrganizerVariables),
    Mutation organizers::UpdateOrganizer(organizers::UpdateOrganizerVariables),
    Mutation organizers::SetOrganizerMember(organizers::SetOrganizerMemberVariables),
    Mutation organizers::RemoveOrganizerMember(organizers::RemoveOrganizerMemberVariables),
    Query tickets::OneBooking(tickets::BookingVariables),
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, env, fs, path::Path};

    use super::*;

    /// With `UPDATE_TEXTS=1`, it writes the files instead.
    #[test]
    fn the_texts_are_those_of_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("texts");
        let built: BTreeMap<String, String> =
            built().into_iter().map(|(name, text)| (format!("{name}.graphql"), text)).collect();
        if env::var_os("UPDATE_TEXTS").is_some() {
            fs::remove_dir_all(&folder).unwrap();
            fs::create_dir(&folder).unwrap();
            for (name, text) in &built {
                fs::write(folder.join(name), text).unwrap();
            }
        }
        let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap());
        let files: BTreeMap<String, String> = files
            .map(|file| {
                let text = fs::read_to_string(file.path()).unwrap();
                (file.file_name().into_string().unwrap(), text)
            })
            .collect();
        assert_eq!(files, built, "run `UPDATE_TEXTS=1 cargo test -p rowlock-web-operations`");
        assert_eq!(TEXTS.len(), built.len());
    }

    #[test]
    fn every_operation_is_listed() {
        let sources = [
            include_str!("account.rs"),
            include_str!("accounts.rs"),
            include_str!("attendees.rs"),
            include_str!("bookings.rs"),
            include_str!("door.rs"),
            include_str!("event_editing.rs"),
            include_str!("events.rs"),
            include_str!("live.rs"),
            include_str!("organizers.rs"),
            include_str!("tickets.rs"),
        ];
        let used: usize = sources.iter().map(|source| source.matches("operation!(").count()).sum();
        assert_eq!(TEXTS.len(), used);
    }
}
