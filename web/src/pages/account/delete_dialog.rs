//! Asks for the password, and deletes the account.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::account::Account;

use super::of_account::of_account;
use crate::{
    api::ErrorCode,
    browser,
    components::{
        confirm_dialog::ConfirmDialog,
        field::{Field, FieldInput},
    },
    query::Query,
    session::Session,
    toasts::Toasts,
    validation::password_problem,
};

#[component]
pub(super) fn DeleteDialog(is_asking: RwSignal<bool>, account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    // The form for the email has a field with the name that the server uses.
    let password = Field::new("passwordToDelete", password_problem);
    let email = of_account(account, |account| account.email.clone());
    let text = Signal::derive(move || {
        format!(
            "Your coming bookings are cancelled, and their tickets are not good any more. What you \
             booked in the past stays in the organizers' figures without your name. Nobody can sign \
             in as {} then.",
            email.get().unwrap_or_default()
        )
    });
    let delete = move |()| {
        let Some([given]) = Field::valid_values([password]) else { return };
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            let answer = session.delete_account(given).await;
            busy.try_set(false);
            match answer {
                Ok(()) => {
                    Toasts::keep_for_next_page("Your account is deleted.");
                    browser::load_instead("/events");
                }
                Err(failure) if failure.code() == Some(ErrorCode::InvalidCredentials) => {
                    password.show_server_problem(failure.message());
                }
                Err(failure) => {
                    problem.try_set(Field::show_failure(&[password], &failure));
                }
            }
        });
    };
    view! {
        <ConfirmDialog
            id="delete-dialog"
            open=is_asking
            title=Signal::stored("Delete your account?".to_owned())
            text
            confirm_labels=("Delete my account", "Deleting…")
            cancel_label="Keep it"
            busy
            on_confirm=delete
            on_close=move |()| {
                is_asking.set(false);
                problem.set(None);
                password.clear();
            }
        >
            <form
                method="post"
                novalidate
                aria-label="Delete the account"
                on:submit=move |event| {
                    event.prevent_default();
                    if !busy.get_untracked() {
                        delete(());
                    }
                }
            >
                <div class="form-refusal" role="alert">
                    {move || problem.get()}
                </div>
                // Password managers read here whose password it is.
                <input
                    type="email"
                    autocomplete="username"
                    readonly
                    hidden
                    prop:value=move || email.get().unwrap_or_default()
                />
                <FieldInput
                    field=password
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                />
            </form>
        </ConfirmDialog>
    }
}
