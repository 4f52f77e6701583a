//! The page for asking for a mail with which a new password can be set.

use leptos::prelude::*;
use rowlock_web_operations::account::request_password_reset;

use crate::{
    api::http,
    browser,
    components::{
        field::{Field, FieldInput},
        icons::Check,
        notice::Notice,
        page_heading::PageHeading,
        setting_form::SettingForm,
    },
    validation::email_problem,
};

#[component]
pub(crate) fn ForgotPasswordPage() -> impl IntoView {
    let email = Field::new("email", email_problem);
    if let Some(typed) = browser::fragment_parameter("email") {
        email.set_value(typed);
    }
    // The address that the mail was asked for.
    let sent_to = RwSignal::new(None::<String>);
    let send = move |[email]: [String; 1]| async move {
        let email = email.trim().to_owned();
        http::send(&request_password_reset(email.clone())).await?;
        sent_to.try_set(Some(email));
        Ok(())
    };
    view! {
        <div class="form-page">
            <PageHeading title="Forgot your password?" />
            <div aria-live="polite">
                {move || {
                    sent_to
                        .get()
                        .map(|email| {
                            let text = format!(
                                "If there is an account for {email}, a mail with a link is on its \
                                 way. The link is good for an hour.",
                            );
                            view! {
                                <Notice icon=Check title="Please look into your mail." text>
                                    <button
                                        type="button"
                                        class="link-button"
                                        on:click=move |_| sent_to.set(None)
                                    >
                                        "Send another mail"
                                    </button>
                                </Notice>
                            }
                        })
                }}
            </div>
            <Show when=move || sent_to.with(Option::is_none)>
                <div class="panel">
                    <p class="lead">
                        "We send you a mail with a link, with which you choose a new password."
                    </p>
                    <SettingForm
                        label="Forgot your password?"
                        fields=[email]
                        send
                        labels=("Send the mail", "Sending…")
                    >
                        <FieldInput field=email label="Email" kind="email" autocomplete="username" />
                    </SettingForm>
                </div>
            </Show>
            <p class="form-alternative">
                <a href="/sign-in" rel="external">
                    "Back to the sign-in"
                </a>
            </p>
        </div>
    }
}
