//! The user's address, whether it is confirmed, and changing it.

use leptos::prelude::*;
use rowlock_web_operations::account::{Account, ChangeEmailInput, change_email};

use super::of_account::of_account;
use crate::{
    api::ErrorCode,
    components::{
        field::{Field, FieldInput},
        send_again_button::SendAgainButton,
        setting_form::SettingForm,
    },
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
    validation::{email_problem, password_problem},
};

#[component]
pub(super) fn Email(account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let new_email = Field::new("newEmail", email_problem);
    let password = Field::new("password", password_problem);
    let email = of_account(account, |account| account.email.clone());
    let is_verified = of_account(account, |account| account.email_verified);
    let pending = of_account(account, |account| account.pending_email.clone());
    let pending = Memo::new(move |_| pending.get().flatten());
    let send = move |[new_email_text, password_text]: [String; 2]| async move {
        let input = ChangeEmailInput {
            new_email: new_email_text.trim().to_owned(),
            password: password_text,
        };
        let changed = session.run(&change_email(input)).await?.change_email;
        let text = match &changed.pending_email {
            Some(waiting) => {
                format!("We have sent a mail to {waiting}. Open its link to change the address.")
            }
            None => format!("Your address stays {}.", changed.email),
        };
        toasts.show(Toast::new(Tone::Success, text).on_this_page());
        account.update(|shown| *shown = changed);
        new_email.clear();
        password.clear();
        Ok(())
    };
    view! {
        <section class="panel" aria-labelledby="email">
            <h2 id="email">"Email"</h2>
            <p class="setting-value">
                <span>{move || email.get()}</span>
                {move || match is_verified.get() {
                    Some(true) => {
                        view! { <span class="badge badge-plenty">"Verified"</span> }.into_any()
                    }
                    _ => view! { <span class="badge badge-some">"Not verified"</span> }.into_any(),
                }}
            </p>
            {move || {
                pending
                    .get()
                    .map(|waiting| {
                        let address = waiting.clone();
                        view! {
                            <p class="quiet-notice">
                                <span>
                                    "Your address becomes " <strong>{waiting}</strong>
                                    " as soon as you open the link in the mail that we have sent there. \
                                     To take this back, enter your present address below."
                                </span>
                                <SendAgainButton email=Signal::stored(address) />
                            </p>
                        }
                    })
            }}
            <SettingForm
                label="Change email"
                fields=[new_email, password]
                error_fields=vec![
                    (ErrorCode::InvalidCredentials, password),
                    (ErrorCode::EmailTaken, new_email),
                ]
                send
                labels=("Change email", "Changing…")
            >
                <FieldInput field=new_email label="New email" kind="email" autocomplete="email" />
                <FieldInput
                    field=password
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                />
            </SettingForm>
        </section>
    }
}
