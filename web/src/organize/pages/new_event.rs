//! The page on which members make a draft of a new event.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map},
};
use rowlock_web_operations::{
    event_editing::create_event,
    organizers::{ManagedOrganizer, organizer_to_manage},
};

use crate::{
    api::Failure,
    components::{notice::FailureNotice, page_heading::PageHeading},
    organize::{
        components::{NothingHere, SignedIn},
        editor::{EventFields, FormState, Preview, values_to_create},
        kept_draft::DraftKey,
        role::can_edit_events,
    },
    query::{Query, QueryState},
    session::{Session, Viewer},
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn NewEventPage() -> impl IntoView {
    view! {
        <SignedIn>
            <NewEvent />
        </SignedIn>
    }
}

#[component]
fn NewEvent() -> impl IntoView {
    let session = Session::from_context();
    let params = use_params_map();
    let slug = Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let organizer = Query::new(
        move || (session.viewer(), slug.get()),
        move |(_, slug)| async move { Ok(session.run(&organizer_to_manage(slug)).await?.organizer) },
        |_| {},
    );
    move || {
        organizer.with(|state| match state {
            QueryState::Loading => view! {
                <div class="panel skeleton" aria-hidden="true">
                    <div class="line line-title"></div>
                </div>
            }
            .into_any(),
            QueryState::Failed(failure) => {
                let (failure, busy) = (failure.clone(), organizer.is_fetching());
                let retry = move |()| organizer.refetch();
                view! { <FailureNotice failure busy retry /> }.into_any()
            }
            QueryState::Loaded(Some(organizer))
                if organizer.viewer_role.is_some_and(can_edit_events) =>
            {
                view! { <NewEventForm organizer=organizer.clone() /> }.into_any()
            }
            QueryState::Loaded(_) => view! {
                <NothingHere title="You can't make events of such an organizer." />
            }
            .into_any(),
        })
    }
}

#[component]
fn NewEventForm(organizer: ManagedOrganizer) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let ManagedOrganizer { id, slug, name, .. } = organizer;
    let user_id = match session.viewer_untracked() {
        Viewer::SignedIn(user) => user.id,
        Viewer::Unknown | Viewer::SignedOut => String::new(),
    };
    let key = DraftKey::new(&user_id, &format!("new-{slug}"));
    let form = FormState::of_new_event(key.clone());
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None);
    let submit = move || {
        let Some(values) = form.valid_values() else { return };
        busy.set(true);
        problem.set(None);
        let (navigate, id, key) = (navigate.clone(), id.clone(), key.clone());
        spawn_local(async move {
            let answer = session.run(&create_event(values_to_create(id, values))).await;
            // Whoever has left the page gets messages, and stays where they are.
            let is_left = form.is_disposed();
            match answer {
                Ok(data) => {
                    // Otherwise, the next visit would offer to save the same event again.
                    key.remove();
                    let text = "The draft is saved. Only members see it until you publish it.";
                    toasts.show(Toast::new(Tone::Success, text));
                    if !is_left {
                        form.set_all_saved();
                        let options = NavigateOptions { replace: true, ..Default::default() };
                        let id = data.create_event.event.id;
                        navigate(&format!("/organize/events/{}", id.inner()), options);
                    }
                }
                Err(failure) => {
                    let told = match failure.is_inconclusive() {
                        true => Some(unknown(&failure)),
                        false if is_left => Some(not_saved(&failure)),
                        false => form.show_failure(&failure),
                    };
                    match is_left {
                        true => toasts.show(Toast::new(Tone::Error, told.unwrap_or_default())),
                        false => {
                            busy.set(false);
                            problem.set(told);
                        }
                    }
                }
            }
        });
    };
    let is_restored = form.is_restored();
    let is_changed = form.is_changed();
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href="/organize">"Your organizers"</a>
            " › "
            <a href=format!("/organize/{slug}") dir="auto">
                {name}
            </a>
        </nav>
        <PageHeading title="New event" />
        <div class="event editor">
            <form
                class="event-form edited"
                method="post"
                novalidate
                aria-label="Event"
                on:submit=move |event| {
                    event.prevent_default();
                    if !busy.get_untracked() {
                        submit();
                    }
                }
            >
                <p class="restored" role="status">
                    {move || {
                        is_restored.get().then_some("This is what you typed before. It is not saved yet.")
                    }}
                </p>
                <EventFields state=form />
                <div class="form-refusal" role="alert">
                    {move || problem.get()}
                </div>
                <div class="form-foot">
                    <button
                        type="submit"
                        class="button"
                        aria-disabled=move || busy.get().to_string()
                    >
                        {move || if busy.get() { "Saving…" } else { "Save draft" }}
                    </button>
                    <Show when=move || is_changed.get()>
                        <button
                            type="button"
                            class="button button-quiet"
                            on:click=move |_| form.discard()
                        >
                            "Discard"
                        </button>
                    </Show>
                </div>
            </form>
            <Preview state=form />
        </div>
    }
}

fn not_saved(failure: &Failure) -> String {
    format!("The draft was not saved. {}", failure.message())
}

/// A draft is not made again by itself, because it could be made twice.
fn unknown(failure: &Failure) -> String {
    format!(
        "{} We couldn't find out whether the draft was saved. Please look at the list of events \
         before you try again.",
        failure.message()
    )
}
