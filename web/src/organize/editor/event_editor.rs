//! The page on which an event is edited, published and cancelled.

use leptos::prelude::*;
use rowlock_web_operations::{DateTime, event_editing::ManagedEvent, events::EventStatus};

use super::{
    cancel_dialog::CancelDialog,
    changed_elsewhere::ChangedElsewhere,
    cover::CoverForm,
    editing::{Editor, Work},
    fields::EventFields,
    form_state::FormState,
    preview::Preview,
    publish_dialog::PublishDialog,
    sales::Sales,
};
use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    browser,
    components::{live_status::LiveStatus, page_heading::PageHeading},
    organize::{
        kept_draft::DraftKey, role::can_edit_events, takings::reread_after_pause,
        wall_time::moment_of,
    },
    query::Query,
    session::{Session, Viewer},
    toasts::Toasts,
};

#[component]
pub(crate) fn EventEditor(
    /// The event as it was first read.
    first: ManagedEvent,
    /// Reads the event again when it may have changed.
    query: Query<Option<ManagedEvent>>,
) -> impl IntoView {
    let session = Session::from_context();
    let user_id = match session.viewer_untracked() {
        Viewer::SignedIn(user) => user.id,
        Viewer::Unknown | Viewer::SignedOut => String::new(),
    };
    let organizer = first.organizer.clone();
    let is_editor = organizer.viewer_role.is_some_and(can_edit_events);
    let form = FormState::of_event(&first, DraftKey::new(&user_id, first.event.id.inner()));
    let editor = Editor {
        session,
        toasts: Toasts::from_context(),
        event: RwSignal::new(first),
        form,
        live: LiveCounts::from_context(),
        query,
        work: RwSignal::new(None),
        problem: RwSignal::new(None),
        is_publish_asked: RwSignal::new(false),
        is_cancel_asked: RwSignal::new(false),
        reason_problem: RwSignal::new(None),
    };
    Effect::watch(
        move || query.with(|state| state.data().cloned().flatten()),
        move |read, _, _| {
            if let Some(read) = read {
                editor.take_from_query(read);
            }
        },
        false,
    );
    // Reads the event again when somebody else has edited it.
    let first = &editor.event.get_untracked().event;
    let known = LiveDetails::from_context().of(first);
    Effect::watch(
        move || known.with(|event| event.revision),
        move |revision, _, _| {
            if *revision > form.revision() && !editor.is_busy() {
                query.refetch();
            }
        },
        false,
    );
    let tickets = LiveCounts::from_context().count_of(&first.id);
    let reread_takings = reread_after_pause(move || query.refetch());
    let sold = Memo::new(move |_| {
        let count = tickets.get();
        count.total() - count.remaining()
    });
    Effect::watch(move || sold.get(), move |_, _, _| reread_takings(), false);
    let title = Signal::derive(move || editor.event.with(|managed| managed.event.title.clone()));
    let status = Memo::new(move |_| editor.event.with(|managed| managed.event.status));
    let is_cancelled = Memo::new(move |_| status.get() == EventStatus::Cancelled);
    let is_editable = move || is_editor && !is_cancelled.get();
    // The buttons of the status before may have had the focus.
    Effect::watch(move || status.get(), |_, _, _| request_animation_frame(focus_on_sales), false);
    let slug = organizer.slug.clone();
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href="/organize">"Your organizers"</a>
            " › "
            <a href=format!("/organize/{slug}") dir="auto">
                {organizer.name}
            </a>
        </nav>
        <PageHeading title>
            <LiveStatus />
        </PageHeading>
        <div class="event editor">
            <Sales event=editor.event />
            <div class="edited">
                {move || {
                    is_editable()
                        .then(|| {
                            view! {
                                <EditForm editor />
                                <CoverForm editor />
                            }
                        })
                }}
            </div>
            <Show when=move || !is_cancelled.get()>
                <Preview state=form sold />
            </Show>
        </div>
    }
}

/// Focuses what tells the event's status, if the focused element was removed.
fn focus_on_sales() {
    if !browser::has_focus() {
        browser::focus("sales");
    }
}

#[component]
fn EditForm(editor: Editor) -> impl IntoView {
    let Editor { form, event, work, problem, is_publish_asked, is_cancel_asked, .. } = editor;
    let status = Memo::new(move |_| event.with(|managed| managed.event.status));
    let is_draft = move || status.get() == EventStatus::Draft;
    let is_idle = move || work.get().is_none();
    let save_label = move || match (work.get(), is_draft()) {
        (Some(Work::Saving), _) => "Saving…",
        (_, true) => "Save draft",
        (_, false) => "Save changes",
    };
    let is_changed = form.is_changed();
    // What the server tells people who have tickets. Nobody is told of an event that has started.
    let is_told = Memo::new(move |_| {
        let typed = form.values();
        event.with(|managed| {
            let event = &managed.event;
            event.status == EventStatus::Published
                && typed.is_some_and(|typed| {
                    let now = moment_of(&browser::now());
                    let is_to_come = |starts_at: &DateTime| moment_of(&starts_at.0) > now;
                    (is_to_come(&typed.starts_at) || is_to_come(&event.starts_at))
                        && (typed.title != event.title
                            || typed.venue != event.venue
                            || typed.city != event.city
                            || typed.time_zone != event.time_zone
                            || typed.starts_at != event.starts_at
                            || typed.ends_at != event.ends_at)
                })
        })
    });
    let is_restored = form.is_restored();
    let publish_work = Signal::derive(move || work.get() == Some(Work::Publishing));
    let cancel_work = Signal::derive(move || work.get() == Some(Work::Cancelling));
    view! {
        <ChangedElsewhere state=form />
        <form
            class="event-form"
            method="post"
            novalidate
            aria-label="Event"
            on:submit=move |event| {
                event.prevent_default();
                editor.save();
            }
        >
            <p class="restored" role="status">
                {move || {
                    is_restored.get().then_some("These are your changes from before. They are not saved yet.")
                }}
            </p>
            <EventFields state=form />
            <div class="form-refusal" role="alert">
                {move || problem.get()}
            </div>
            <p class="hint" role="status">
                {move || {
                    is_told
                        .get()
                        .then(|| event.with(|managed| {
                            told(managed.sales.as_ref().map_or(0, |sales| sales.confirmed_bookings))
                        }))
                }}
            </p>
            <div class="form-foot">
                <button
                    type="submit"
                    class="button"
                    aria-disabled=move || (!is_idle() || !is_changed.get()).to_string()
                >
                    {save_label}
                </button>
                <Show when=is_draft>
                    <button
                        type="button"
                        class="button"
                        aria-disabled=move || (!is_idle()).to_string()
                        on:click=move |_| editor.ask_to_publish()
                    >
                        "Publish"
                    </button>
                </Show>
                <Show when=move || is_changed.get()>
                    <button
                        type="button"
                        class="button button-quiet"
                        on:click=move |_| {
                            problem.set(None);
                            form.discard();
                        }
                    >
                        "Discard changes"
                    </button>
                </Show>
                <button
                    type="button"
                    class="button button-quiet last"
                    aria-disabled=move || (!is_idle()).to_string()
                    on:click=move |_| editor.ask_to_cancel()
                >
                    "Cancel event"
                </button>
            </div>
        </form>
        <PublishDialog
            state=form
            open=is_publish_asked
            busy=publish_work
            on_confirm=move |()| editor.publish()
        />
        <CancelDialog
            event
            open=is_cancel_asked
            busy=cancel_work
            problem=editor.reason_problem
            on_confirm=move |reason| editor.cancel(reason)
        />
    }
}

/// Who gets a mail about a change, where so many people have booked.
fn told(bookings: i32) -> Option<String> {
    match bookings {
        ..=0 => None,
        1 => Some("The one person who has booked gets a mail about this change.".to_owned()),
        _ => Some(format!(
            "The {} people who have booked get a mail about this change.",
            browser::number(bookings)
        )),
    }
}
