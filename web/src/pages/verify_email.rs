//! The page that the mail to a new address leads to. It confirms the address at once.

use leptos::prelude::*;
use rowlock_web_operations::account::verify_email;

use crate::{
    api::{ErrorCode, Failure, http},
    browser,
    components::{
        icons::{Check, Warning},
        notice::{FailureNotice, Notice},
        page_heading::PageHeading,
    },
    query::{Query, QueryState},
    wanted::{self, Wanted},
};

/// What the server says about the link.
#[derive(Clone, PartialEq)]
enum Outcome {
    /// It was the link of this address.
    Verified(String),
    BadLink,
    /// The link is good, and the address can't be confirmed; the server's message says why.
    Refused(String),
}

#[component]
pub(crate) fn VerifyEmailPage() -> impl IntoView {
    let token = browser::fragment_parameter("token");
    let outcome = Query::new(
        move || token.clone(),
        move |token| async move {
            let Some(token) = token else { return Ok(Outcome::BadLink) };
            match http::send(&verify_email(token)).await {
                Ok(data) => Ok(Outcome::Verified(data.verify_email.email)),
                Err(failure) if is_about_link(&failure) => Ok(Outcome::BadLink),
                Err(failure) if failure.code() == Some(ErrorCode::EmailTaken) => {
                    Ok(Outcome::Refused(failure.message()))
                }
                Err(failure) => Err(failure),
            }
        },
        |_| {},
    );
    let state = Memo::new(move |_| outcome.with(Clone::clone));
    view! {
        <div class="form-page">
            <PageHeading title="Confirm your address" />
            <div aria-live="polite">
                {move || match state.get() {
                    QueryState::Loading => view! { <p class="lead">"Confirming…"</p> }.into_any(),
                    QueryState::Failed(failure) => {
                        let retry = move |()| outcome.refetch();
                        view! { <FailureNotice failure busy=outcome.is_fetching() retry /> }
                            .into_any()
                    }
                    QueryState::Loaded(Outcome::Verified(email)) => {
                        let text = format!("{email} is the address of your account.");
                        view! {
                            <Notice icon=Check title="Your address is confirmed." text>
                                {ways_on()}
                            </Notice>
                        }
                            .into_any()
                    }
                    QueryState::Loaded(Outcome::Refused(text)) => {
                        view! {
                            <Notice icon=Warning title="Your address is not confirmed." text>
                                <a class="button" href="/account">
                                    "My account"
                                </a>
                            </Notice>
                        }
                            .into_any()
                    }
                    QueryState::Loaded(Outcome::BadLink) => {
                        view! {
                            <Notice
                                icon=Warning
                                title="This link is not good any more."
                                text="It was used before, or a newer mail has another one. Your \
                                      account says whether your address is confirmed, and sends \
                                      the mail again."
                            >
                                <a class="button" href="/account">
                                    "My account"
                                </a>
                            </Notice>
                        }
                            .into_any()
                    }
                }}
            </div>
        </div>
    }
}

/// Whoever was about to book goes on there.
fn ways_on() -> AnyView {
    match wanted::take() {
        Some(Wanted { path, title }) => view! {
            <a class="button" href=path rel="external">
                {format!("Back to {title}")}
            </a>
            <a href="/bookings">"My bookings"</a>
        }
        .into_any(),
        None => view! {
            <a class="button" href="/bookings">
                "My bookings"
            </a>
            <a href="/events" rel="external">
                "Find an event"
            </a>
        }
        .into_any(),
    }
}

fn is_about_link(failure: &Failure) -> bool {
    matches!(failure.code(), Some(ErrorCode::BadUserInput | ErrorCode::InvalidToken))
}
