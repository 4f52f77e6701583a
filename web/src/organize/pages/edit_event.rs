//! The page on which members see an event and edit it.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use rowlock_web_operations::{
    event_editing::{ManagedEvent, event_to_edit},
    events::EventStatus,
};

use crate::{
    api::{ErrorCode, Failure, details::LiveDetails, live::LiveCounts},
    components::notice::FailureNotice,
    organize::{
        components::{NothingHere, SignedIn},
        editor::EventEditor,
    },
    query::{Query, QueryState},
    session::Session,
    visibility::PageVisibility,
};

#[component]
pub(crate) fn EditEventPage() -> impl IntoView {
    view! {
        <SignedIn>
            <EditEvent />
        </SignedIn>
    }
}

#[derive(Clone, PartialEq)]
enum EditState {
    Loading,
    Missing,
    Failed(Failure),
    /// The event with this id was read. Later reads don't render the form anew.
    Found(String),
}

#[component]
fn EditEvent() -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let event = Query::new(
        move || (session.viewer(), id.get()),
        move |(_, id)| async move {
            match session.run(&event_to_edit(id)).await {
                // Members of other organizers see published events, too.
                Ok(data) => Ok(data.event.filter(|event| event.organizer.viewer_role.is_some())),
                Err(failure)
                    if matches!(
                        failure.code(),
                        Some(ErrorCode::BadUserInput | ErrorCode::NotFound)
                    ) =>
                {
                    Ok(None)
                }
                Err(failure) => Err(failure),
            }
        },
        move |found: &Option<ManagedEvent>| {
            // The socket has no member, so it can't watch a draft.
            let shown: Vec<_> = found.iter().map(|found| &found.event).collect();
            let watched = shown.iter().filter(|event| event.status != EventStatus::Draft);
            let watched = watched.map(|event| event.id.clone()).collect();
            let kept: Vec<_> = shown.iter().map(|event| event.id.clone()).collect();
            live.watch_and_keep(watched, &kept);
            if let Some(ManagedEvent { event, description, remaining_tickets, .. }) = found {
                live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
                details.set_from_query(event, Some(description));
            }
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again());
    on_cleanup(move || live.watch_only(Vec::new()));
    let state = Memo::new(move |_| {
        event.with(|state| match state {
            QueryState::Loading => EditState::Loading,
            QueryState::Failed(failure) => EditState::Failed(failure.clone()),
            QueryState::Loaded(None) => EditState::Missing,
            QueryState::Loaded(Some(found)) => EditState::Found(found.event.id.inner().to_owned()),
        })
    });
    move || match state.get() {
        EditState::Loading => view! {
            <div class="panel skeleton" aria-hidden="true">
                <div class="line line-title"></div>
                <div class="line"></div>
            </div>
        }
        .into_any(),
        EditState::Failed(failure) => {
            let retry = move |()| event.refetch();
            view! { <FailureNotice failure busy=event.is_fetching() retry /> }.into_any()
        }
        EditState::Missing => view! {
            <NothingHere title="You can't edit such an event." />
        }
        .into_any(),
        EditState::Found(_) => {
            let first = event.with_untracked(|state| state.data().cloned().flatten());
            first.map(|first| view! { <EventEditor first query=event /> }).into_any()
        }
    }
}
