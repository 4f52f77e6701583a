//! The page that the mail for a forgotten password leads to. It sets a new password and signs in.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use rowlock_web_operations::account::ResetPasswordInput;

use crate::{
    api::{ErrorCode, Failure, http::ApiError},
    browser,
    components::{
        field::{Field, FieldInput},
        icons::Warning,
        notice::Notice,
        page_heading::PageHeading,
        setting_form::SettingForm,
    },
    session::Session,
    toasts::{Toast, Toasts, Tone},
    validation::new_password_problem,
};

#[component]
pub(crate) fn ResetPasswordPage() -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let token = StoredValue::new(browser::fragment_parameter("token"));
    let is_link_bad = RwSignal::new(token.with_value(Option::is_none));
    let password = Field::new("newPassword", new_password_problem);
    let send = move |[new_password]: [String; 1]| {
        let navigate = navigate.clone();
        let token = token.get_value().unwrap_or_default();
        async move {
            match session.reset_password(ResetPasswordInput { token, new_password }).await {
                Ok(()) => {
                    let text = "Your new password is set, and you are signed in.";
                    toasts.show(Toast::new(Tone::Success, text));
                    navigate("/bookings", Default::default());
                    Ok(())
                }
                Err(failure) if is_about_link(&failure) => {
                    is_link_bad.try_set(true);
                    Ok(())
                }
                Err(failure) => Err(failure),
            }
        }
    };
    view! {
        <div class="form-page">
            <PageHeading title="New password" />
            <div role="alert">
                <Show when=move || is_link_bad.get()>
                    <Notice
                        icon=Warning
                        title="This link is not good any more."
                        text="A link is good once, and for an hour. Let us send you another one."
                    >
                        <a class="button" href="/forgot-password">
                            "Send another mail"
                        </a>
                    </Notice>
                </Show>
            </div>
            <div class="panel" hidden=move || is_link_bad.get()>
                <p class="lead">"All devices that are signed in will be signed out."</p>
                <SettingForm
                    label="New password"
                    fields=[password]
                    send
                    labels=("Set the password", "Setting the password…")
                >
                    <FieldInput
                        field=password
                        label="New password"
                        kind="password"
                        autocomplete="new-password"
                        hint="At least 8 characters, with a letter and a digit."
                    />
                </SettingForm>
            </div>
        </div>
    }
}

/// Whether the server refuses the token, and not the password or the attempt.
fn is_about_link(failure: &Failure) -> bool {
    match failure {
        Failure::Api(ApiError { code: ErrorCode::BadUserInput, fields, .. }) => {
            !fields.iter().any(|problem| problem.field == "newPassword")
        }
        Failure::Api(ApiError { code, .. }) => *code == ErrorCode::InvalidToken,
        Failure::NoAnswer | Failure::SessionEnded => false,
    }
}
