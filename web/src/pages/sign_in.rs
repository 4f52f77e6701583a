//! The page for signing in.

use leptos::prelude::*;
use rowlock_web_operations::accounts::LoginInput;

use crate::{
    api::ErrorCode,
    components::field::{Field, FieldInput},
    pages::account_form::{AccountForm, use_next_page},
    return_path::path_with_next,
    session::Session,
    validation::{email_problem, password_problem},
};

#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let session = Session::from_context();
    let next = use_next_page();
    let email = Field::new("email", email_problem);
    let password = Field::new("password", password_problem);
    let send = move |[email, password]: [String; 2]| async move {
        session.sign_in(LoginInput { email, password }).await
    };
    view! {
        <AccountForm
            title="Sign in"
            fields=[email, password]
            send
            error_field=(ErrorCode::InvalidCredentials, password)
            labels=("Sign in", "Signing in…")
        >
            <FieldInput field=email label="Email" kind="email" autocomplete="username" />
            <FieldInput
                field=password
                label="Password"
                kind="password"
                autocomplete="current-password"
            />
        </AccountForm>
        <p class="form-alternative">
            "New here? "
            <a href=move || path_with_next("/register", &next.get())>"Create account"</a>
        </p>
        <p class="form-alternative">
            <a href=move || forgot_password_path(&email.value()) rel="external">
                "Forgot your password?"
            </a>
        </p>
    }
}

/// The page for a forgotten password, with the address that was typed already. No server is sent what
/// is behind the `#`.
fn forgot_password_path(email: &str) -> String {
    let page = "/forgot-password";
    match email.trim() {
        "" => page.to_owned(),
        email => {
            let email: String = form_urlencoded::byte_serialize(email.as_bytes()).collect();
            format!("{page}#email={email}")
        }
    }
}
