//! The page for creating an account.

use leptos::prelude::*;
use rowlock_web_operations::accounts::RegisterInput;

use crate::{
    api::ErrorCode,
    browser,
    components::field::{Field, FieldInput},
    pages::account_form::{AccountForm, use_next_page},
    program::Program,
    return_path::path_with_next,
    session::Session,
    toasts::{Toast, Toasts, Tone},
    validation::{email_problem, name_problem, new_password_problem},
};

#[component]
pub(crate) fn RegisterPage() -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let next = use_next_page();
    let name = Field::new("name", name_problem);
    let email = Field::new("email", email_problem);
    let password = Field::new("password", new_password_problem);
    let send = move |[name, email, password]: [String; 3]| async move {
        let name = name.trim().to_owned();
        let text = format!(
            "We have sent a mail to {}. Open its link to confirm the address.",
            email.trim()
        );
        session.register(RegisterInput { name, email, password }).await?;
        match next.with_untracked(|next| Program::of(next) == browser::this_program()) {
            true => toasts.show(Toast::new(Tone::Info, text)),
            false => Toasts::keep_for_next_page(&text),
        }
        Ok(())
    };
    view! {
        <AccountForm
            title="Create account"
            fields=[name, email, password]
            send
            error_field=(ErrorCode::EmailTaken, email)
            labels=("Create account", "Creating your account…")
        >
            <FieldInput field=name label="Name" kind="text" autocomplete="name" />
            <FieldInput field=email label="Email" kind="email" autocomplete="username" />
            <FieldInput
                field=password
                label="Password"
                kind="password"
                autocomplete="new-password"
                hint="At least 8 characters, with a letter and a digit."
            />
        </AccountForm>
        <p class="form-alternative">
            "Have an account? "
            <a href=move || path_with_next("/sign-in", &next.get())>"Sign in"</a>
        </p>
    }
}
