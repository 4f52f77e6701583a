//! The roots of the schema, merged from the queries, mutations and subscriptions.

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};

use super::{
    account_changes::AccountChangesMutation, account_recovery::AccountRecoveryMutation,
    arrivals::ArrivalsSubscription, book_event::BookEventMutation,
    calendar_feed::CalendarFeedMutation, cancel_attendee_booking::CancelAttendeeBookingMutation,
    cancel_booking::CancelBookingMutation, change_booking::ChangeBookingMutation,
    check_in::CheckInMutation, cities::CitiesQuery, create_event::CreateEventMutation,
    create_organizer::CreateOrganizerMutation, event_updates::EventUpdatesSubscription,
    events::EventsQuery, import_events::ImportEventsMutation, node::NodeQuery,
    organizer::OrganizerQuery, problem::Problem, remaining_tickets::RemainingTicketsSubscription,
    remove_organizer_member::RemoveOrganizerMemberMutation, session::EndSessionMutation,
    sessions::SessionsMutation, set_organizer_member::SetOrganizerMemberMutation,
    update_event::UpdateEventMutation, update_organizer::UpdateOrganizerMutation, user::MeQuery,
};

/// Everything that can be read.
#[derive(Default, MergedObject)]
pub(super) struct Query(EventsQuery, CitiesQuery, OrganizerQuery, MeQuery, NodeQuery);

/// Everything that changes something.
#[derive(Default, MergedObject)]
pub(super) struct Mutation(
    AccountsMutation,
    BookingsMutation,
    EventsMutation,
    OrganizersMutation,
    CheckInMutation,
);

// Merged types are nested as deep as they have parts, and the compiler has a limit for that. So those
// with many parts are merged from parts that are merged themselves.

/// What people do with their own account.
#[derive(Default, MergedObject)]
struct AccountsMutation(
    SessionsMutation,
    AccountRecoveryMutation,
    AccountChangesMutation,
    EndSessionMutation,
    CalendarFeedMutation,
);

/// What buyers do.
#[derive(Default, MergedObject)]
struct BookingsMutation(BookEventMutation, ChangeBookingMutation, CancelBookingMutation);

/// What organizers change about their events.
#[derive(Default, MergedObject)]
struct EventsMutation(
    CreateEventMutation,
    UpdateEventMutation,
    ImportEventsMutation,
    CancelAttendeeBookingMutation,
);

/// What changes organizers.
#[derive(Default, MergedObject)]
struct OrganizersMutation(
    CreateOrganizerMutation,
    UpdateOrganizerMutation,
    SetOrganizerMemberMutation,
    RemoveOrganizerMemberMutation,
);

/// Everything that can be watched.
#[derive(Default, MergedSubscription)]
pub(super) struct Subscription(
    RemainingTicketsSubscription,
    EventUpdatesSubscription,
    ArrivalsSubscription,
);

pub(super) fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<Problem>()
}

/// The schema in GraphQL's schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().use_space_ident().indent_width(2);
    let sdl = builder().finish().sdl_with_options(options);
    let lines = sdl.trim_end().lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use async_graphql::{ContainerType, Context};

    use super::*;
    use crate::graphql::event::Event;

    /// The size of what a field's resolver keeps while it runs.
    fn size_of_field<T: 'static, R>(
        _: impl Fn(&'static T, &'static Context<'static>) -> R,
    ) -> usize {
        size_of::<R>()
    }

    /// Each field of a type takes as much memory as the largest of them, and it is copied. So
    /// resolvers box what they wait for.
    #[test]
    fn the_largest_field_of_a_type_makes_no_other_expensive() {
        let sizes = [
            size_of_field(|root: &'static Query, ctx| root.resolve_field(ctx)),
            size_of_field(|root: &'static Mutation, ctx| root.resolve_field(ctx)),
            size_of_field(|event: &'static Event, ctx| event.resolve_field(ctx)),
        ];
        assert!(sizes.iter().all(|size| *size <= 2_500), "{sizes:?} bytes");
    }
}
