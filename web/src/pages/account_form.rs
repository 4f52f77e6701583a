//! The form that signing in and registering share.

use std::{pin::pin, time::Duration};

use futures_timer::Delay;
use futures_util::future::{self, Either};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;

use crate::{
    api::{ErrorCode, Failure},
    booking_intent,
    components::{field::Field, page_heading::PageHeading},
    redirect::redirect_when,
    return_path::allowed_next_page,
    scroll::ScrollPositions,
    session::{Session, Viewer},
};

/// After this long without an answer, the user is told.
const STILL_WAITING_TIMEOUT: Duration = Duration::from_secs(7);
const STILL_WAITING: &str =
    "The booking system is taking a long time to answer. We are still waiting…";

/// A form that signs the user in. A signed-in user is redirected to the next page.
#[component]
pub(crate) fn AccountForm<const N: usize, S, A>(
    title: &'static str,
    fields: [Field; N],
    /// Sends the fields' values to the server.
    send: S,
    /// An error code that names no field, and the field that its message belongs to.
    error_field: (ErrorCode, Field),
    /// The labels of the button: normally, and while busy.
    labels: (&'static str, &'static str),
    children: Children,
) -> impl IntoView
where
    S: Fn([String; N]) -> A + 'static,
    A: Future<Output = Result<(), Failure>> + 'static,
{
    let session = Session::from_context();
    let next = use_next_page();
    let scroll = ScrollPositions::from_context();
    redirect_when(
        move || matches!(session.viewer(), Viewer::SignedIn(_)),
        move || {
            scroll.expect_return();
            next.get_untracked()
        },
    );
    let intent = next.with_untracked(|next| booking_intent::words_for(next));
    let described_by = intent.is_some().then_some("intent");
    let busy = RwSignal::new(false);
    // Messages of the server that belong to no field.
    let form_problem = RwSignal::new(None);
    let submit = move || {
        let Some(values) = Field::valid_values(fields) else { return };
        busy.set(true);
        form_problem.set(None);
        let answer = send(values);
        spawn_local(async move {
            let answer = match future::select(pin!(answer), Delay::new(STILL_WAITING_TIMEOUT)).await
            {
                Either::Left((answer, _)) => answer,
                Either::Right(((), answer)) => {
                    form_problem.try_set(Some(STILL_WAITING.to_owned()));
                    answer.await
                }
            };
            let Err(failure) = answer else { return };
            // The page may be gone by now.
            busy.try_set(false);
            form_problem.try_set(None);
            let (code, field) = error_field;
            if failure.code() == Some(code) {
                field.show_server_problem(failure.message());
            } else {
                form_problem.try_set(Field::show_failure(&fields, &failure));
            }
        });
    };
    let (idle_label, busy_label) = labels;
    Effect::new(move || fields[0].focus());
    view! {
        <div class="form-page">
            <PageHeading title takes_focus=false />
            <form
                class="panel form"
                method="post"
                novalidate
                aria-label=title
                aria-describedby=described_by
                on:submit=move |event| {
                    event.prevent_default();
                    if !busy.get_untracked() {
                        submit();
                    }
                }
            >
                {intent.map(|intent| view! { <p class="intent" id="intent">{intent}</p> })}
                <div class="form-refusal" role="alert">
                    {move || form_problem.get()}
                </div>
                {children()}
                <button type="submit" class="button" aria-disabled=move || busy.get().to_string()>
                    {move || if busy.get() { busy_label } else { idle_label }}
                </button>
            </form>
        </div>
    }
    .into_any()
}

/// The page to go to after the form.
pub(crate) fn use_next_page() -> Memo<String> {
    let address = use_query_map();
    Memo::new(move |_| allowed_next_page(address.get().get("next").as_deref()).to_owned())
}
