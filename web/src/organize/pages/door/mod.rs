//! Letting people in: scanning or typing tickets, and how many are in. It is made for a telephone.

mod action;
mod camera;
mod checking;
mod guests;
mod outcome;
mod panel;

use std::time::Duration;

use futures_util::future::abortable;
use leptos::{html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_params_map;
use rowlock_web_operations::door::{Arrivals, DoorEvent, event_at_door};

use crate::{
    api::{
        ErrorCode, Failure,
        arrivals::{self, ArrivalsNews},
    },
    browser,
    components::{notice::FailureNotice, page_heading::PageHeading},
    organize::{
        attendee_list::MAX_SEARCH_CHARS,
        components::{NothingHere, SignedIn},
        door_code::is_code,
    },
    query::{Query, QueryState},
    session::Session,
    visibility::PageVisibility,
};
use camera::Camera;
use checking::Checking;
use guests::Guests;
use panel::{Panel, RecentScans};

/// A name is searched for after this pause in typing.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

#[component]
pub(crate) fn DoorPage() -> impl IntoView {
    view! {
        <SignedIn>
            <Door />
        </SignedIn>
    }
}

#[derive(Clone, PartialEq)]
enum DoorState {
    Loading,
    Missing,
    Failed(Failure),
    Found(OpenDoor),
}

/// The parts of the event that don't change with each arrival.
#[derive(Clone, PartialEq)]
struct OpenDoor {
    id: String,
    title: String,
    zone: String,
}

#[component]
fn Door() -> impl IntoView {
    let session = Session::from_context();
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let arrivals = RwSignal::new(None::<Arrivals>);
    let event = Query::new(
        move || id.get(),
        move |id| async move {
            match session.run(&event_at_door(id)).await {
                Ok(data) => Ok(data.event.filter(|event| event.arrivals.is_some())),
                Err(failure) if failure.code() == Some(ErrorCode::BadUserInput) => Ok(None),
                Err(failure) => Err(failure),
            }
        },
        move |event: &Option<DoorEvent>| arrivals.set(event.as_ref().and_then(|e| e.arrivals)),
    )
    .refetch_when(move || visibility.times_shown_again());
    let state = Memo::new(move |_| {
        event.with(|state| match state {
            QueryState::Loading => DoorState::Loading,
            QueryState::Failed(failure) => DoorState::Failed(failure.clone()),
            QueryState::Loaded(None) => DoorState::Missing,
            QueryState::Loaded(Some(event)) => DoorState::Found(OpenDoor {
                id: event.id.inner().to_owned(),
                title: event.title.clone(),
                zone: event.time_zone.clone(),
            }),
        })
    });
    move || match state.get() {
        DoorState::Loading => view! {
            <div class="panel skeleton" aria-hidden="true">
                <div class="line line-title"></div>
                <div class="line"></div>
            </div>
        }
        .into_any(),
        DoorState::Failed(failure) => {
            let retry = move |()| event.refetch();
            view! { <FailureNotice failure busy=event.is_fetching() retry /> }.into_any()
        }
        DoorState::Missing => {
            view! { <NothingHere title="You can't let people in at such an event." /> }.into_any()
        }
        DoorState::Found(door) => {
            let reread = Callback::new(move |()| event.refetch());
            view! { <Desk door arrivals reread /> }.into_any()
        }
    }
}

#[component]
fn Desk(
    door: OpenDoor,
    arrivals: RwSignal<Option<Arrivals>>,
    /// Reads the event again.
    reread: Callback<()>,
) -> impl IntoView {
    let OpenDoor { id, title, zone } = door;
    let checking = Checking::new(id.clone().into(), zone);
    let search = RwSignal::new(String::new());
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href=format!("/organize/events/{id}/attendees")>"Attendees"</a>
        </nav>
        <div class="door">
            <PageHeading title=format!("Door: {title}") />
            <ArrivalCount id=id.clone() arrivals reread />
            <Panel checking />
            <Camera checking />
            <CodeForm search checking />
            <Guests event_id=id search checking />
            <RecentScans checking />
        </div>
    }
}

/// For example "132 of 400 are in".
#[component]
fn ArrivalCount(
    id: String,
    arrivals: RwSignal<Option<Arrivals>>,
    reread: Callback<()>,
) -> impl IntoView {
    let session = Session::from_context();
    let is_stale = RwSignal::new(false);
    let report = move |news| match news {
        ArrivalsNews::Count(count) => {
            arrivals.set(Some(count));
            is_stale.set(false);
        }
        ArrivalsNews::Current => is_stale.set(false),
        ArrivalsNews::Stale => {
            is_stale.set(true);
            // The viewer may be no member any more, or sockets may be blocked.
            reread.run(());
        }
    };
    let watching = arrivals::watch(id.into(), async move || session.authorization().await, report);
    let (watching, handle) = abortable(watching);
    spawn_local(async {
        // It ends when the page is left.
        let _ = watching.await;
    });
    on_cleanup(move || handle.abort());
    let words = move || {
        let Arrivals { arrived, expected } = arrivals.get()?;
        Some(format!("{} of {} are in", browser::number(arrived), browser::number(expected)))
    };
    view! {
        <p class="arrivals">{words}</p>
        <p class="live live-lost" hidden=move || !is_stale.get()>
            "Reconnecting; the count may be out of date"
        </p>
    }
}

/// The field for a code, a reference or a name. Enter checks a code or a reference in.
#[component]
fn CodeForm(search: RwSignal<String>, checking: Checking) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let typed = move || input.get_untracked().map(|input| input.value()).unwrap_or_default();
    let search_now = move || {
        // The page may be gone by now.
        if let Some(input) = input.try_get_untracked().flatten() {
            let text = input.value();
            let is_name = !is_code(&text) && !text.trim().is_empty();
            if is_name && search.get_untracked() != text {
                checking.forget_verdict();
            }
            search.set(if is_name { text } else { String::new() });
        }
    };
    let mut search_later = debounce(TYPING_PAUSE, move |()| search_now());
    let submit = move || {
        let text = typed();
        if !is_code(&text) {
            return search_now();
        }
        if checking.is_busy_untracked() {
            return;
        }
        checking.check_in(text.trim().to_owned());
        search.set(String::new());
        if let Some(input) = input.get_untracked() {
            input.set_value("");
        }
    };
    view! {
        <form
            class="door-form"
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            <label for="code">"Ticket code, reference or name"</label>
            <input
                id="code"
                type="text"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                enterkeyhint="go"
                maxlength=MAX_SEARCH_CHARS.to_string()
                node_ref=input
                on:input=move |_| search_later(())
            />
            <button
                type="submit"
                class="button"
                aria-disabled=move || checking.is_busy().to_string()
            >
                "Check in"
            </button>
        </form>
    }
}
