//! Reads again what a booking or a cancellation has changed.

use leptos::task::spawn_local;
use rowlock_web_operations::organizers::sales_of_event;

use super::found::{Found, PAGE_SIZE};
use crate::{query::Query, session::Session};

/// Reads the list and the counts. If more than one page of the list is shown, it stays as it is, so
/// that nobody loses the place where they are, and only the counts are read.
pub(super) fn reread(session: Session, attendees: Query<Option<Found>>) {
    let of_long_list = attendees.with_untracked(|state| {
        let event = &state.data()?.as_ref()?.event;
        let rows = event.attendees.as_ref()?.nodes.len();
        (rows > PAGE_SIZE as usize).then(|| event.id.clone())
    });
    let Some(id) = of_long_list else { return attendees.refetch() };
    spawn_local(async move {
        // If they can't be read now, the next booking lets them be read.
        let Ok(found) = session.run(&sales_of_event(id.clone())).await else { return };
        attendees.update(|shown| {
            if let Some(shown) = shown.as_mut().filter(|shown| shown.event.id == id) {
                shown.event.sales = found.event.and_then(|event| event.sales);
            }
        });
    });
}
