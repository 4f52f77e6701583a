//! Making an account.

use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::{Code, queries::accounts::RegisterInput},
    components::field::{Field, FieldInput},
    pages::sign_in::{AccountForm, use_next_page},
    return_path::with_next,
    session::Session,
    validation::{email_problem, name_problem, new_password_problem, repeated_password_problem},
};

#[component]
pub(crate) fn RegisterPage() -> impl IntoView {
    let session = Session::from_context();
    let next = use_next_page();
    let name = Field::new("name", name_problem);
    let email = Field::new("email", email_problem);
    let password = Field::new("password", new_password_problem);
    let repeated = Field::new("passwordAgain", move |again| {
        repeated_password_problem(&password.value(), again)
    });
    let busy = RwSignal::new(false);
    let refusal = RwSignal::new(None);
    let submit = move || {
        let fields = Field::values_of([name, email, password, repeated]);
        let Some([name_value, email_value, password_value, _]) = fields else { return };
        busy.set(true);
        refusal.set(None);
        spawn_local(async move {
            let input = RegisterInput {
                name: name_value.trim().to_owned(),
                email: email_value,
                password: password_value,
            };
            let Err(failure) = session.register(input).await else { return };
            busy.try_set(false);
            match failure.code() {
                Some(Code::EmailTaken) => email.refuse(failure.message()),
                _ => refusal.set(Field::show_refusal(&[name, email, password], &failure)),
            }
        });
    };
    view! {
        <AccountForm
            title="Make an account"
            busy
            refusal
            submit
            label=("Make an account", "Making your account…")
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
            <FieldInput
                field=repeated
                label="Password again"
                kind="password"
                autocomplete="new-password"
            />
        </AccountForm>
        <p class="form-alternative">
            "Registered already? "
            <a href=move || with_next("/sign-in", &next.get())>"Sign in"</a>
        </p>
    }
}
