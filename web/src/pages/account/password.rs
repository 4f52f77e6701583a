//! Changing the password.

use leptos::prelude::*;
use rowlock_web_operations::account::{Account, ChangePasswordInput, change_password};

use super::of_account::of_account;
use crate::{
    api::ErrorCode,
    components::{
        field::{Field, FieldInput},
        setting_form::SettingForm,
    },
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
    validation::{new_password_problem, password_problem},
};

#[component]
pub(super) fn Password(account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let current = Field::new("currentPassword", password_problem);
    let new = Field::new("newPassword", new_password_problem);
    let email = of_account(account, |account| account.email.clone());
    let send = move |[current_password, new_password]: [String; 2]| async move {
        let input = ChangePasswordInput { current_password, new_password };
        session.run(&change_password(input)).await?;
        let text = "Your password is changed. All other devices are signed out.";
        toasts.show(Toast::new(Tone::Success, text).on_this_page());
        current.clear();
        new.clear();
        account.refetch();
        Ok(())
    };
    view! {
        <section class="panel" aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            <SettingForm
                label="Change password"
                fields=[current, new]
                error_fields=vec![(ErrorCode::InvalidCredentials, current)]
                send
                labels=("Change password", "Changing…")
            >
                // Password managers read here whose password it is.
                <input
                    type="email"
                    autocomplete="username"
                    readonly
                    hidden
                    prop:value=move || email.get().unwrap_or_default()
                />
                <FieldInput
                    field=current
                    label="Current password"
                    kind="password"
                    autocomplete="current-password"
                />
                <FieldInput
                    field=new
                    label="New password"
                    kind="password"
                    autocomplete="new-password"
                    hint="At least 8 characters, with a letter and a digit."
                />
            </SettingForm>
        </section>
    }
}
