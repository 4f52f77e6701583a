//! Where the user is signed in.

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::account::{Account, AccountSession, end_session};

use super::of_account::of_account;
use crate::{
    browser,
    components::sign_out_button::SignOutButton,
    dates,
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
    user_agent::device_words,
};

#[component]
pub(super) fn Devices(account: Query<Account>) -> impl IntoView {
    let sessions = of_account(account, |account| account.sessions.clone());
    // A row is rendered anew when it says something else.
    let key = |session: &AccountSession| (session.id.clone(), session.last_seen_at.0.clone());
    view! {
        <section class="panel" aria-labelledby="devices">
            <h2 id="devices" tabindex="-1">
                "Signed in on"
            </h2>
            <ul class="devices">
                <For
                    each=move || sessions.get().unwrap_or_default()
                    key=key
                    children=move |shown| view! { <Device shown account /> }
                />
            </ul>
            <p>
                <SignOutButton everywhere=true />
            </p>
        </section>
    }
}

#[component]
fn Device(shown: AccountSession, account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let AccountSession { id, last_seen_at, user_agent, current } = shown;
    let words = device_words(&user_agent);
    let label = format!("End the session of {words}");
    let name = words.clone();
    let end = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let (id, name) = (id.clone(), name.clone());
        spawn_local(async move {
            let toast = match session.run(&end_session(id.clone())).await {
                Ok(_) => {
                    forget(account, &id);
                    Toast::new(Tone::Success, format!("{name} is signed out."))
                }
                Err(failure) => Toast::new(Tone::Error, failure.message()),
            };
            toasts.show(toast.on_this_page());
            busy.try_set(false);
        });
    };
    view! {
        <li>
            <div>
                <p title=user_agent>{words}</p>
                <p class="booked-when">
                    {format!("Last seen on {}", dates::time_here(&last_seen_at))}
                </p>
            </div>
            {match current {
                true => view! { <span class="badge badge-plenty">"This device"</span> }.into_any(),
                false => {
                    view! {
                        <button
                            type="button"
                            class="button button-quiet"
                            aria-label=label
                            aria-disabled=move || busy.get().to_string()
                            on:click=end
                        >
                            "End"
                        </button>
                    }
                        .into_any()
                }
            }}
        </li>
    }
}

/// Takes a session that has ended out of the list. The focus was on its button, which is gone.
fn forget(account: Query<Account>, id: &Id) {
    account.update(|account| account.sessions.retain(|session| session.id != *id));
    request_animation_frame(|| browser::focus("devices"));
}
