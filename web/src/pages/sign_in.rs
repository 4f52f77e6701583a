//! Signing in.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;

use crate::{
    api::{Code, queries::accounts::LoginInput},
    components::{
        field::{Field, FieldInput},
        page_head::PageHead,
    },
    redirect::redirect_when,
    return_path::{next_page, with_next},
    session::{Session, Viewer},
    validation::{email_problem, password_problem},
};

#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let session = Session::from_context();
    let next = use_next_page();
    let email = Field::new("email", email_problem);
    let password = Field::new("password", password_problem);
    let busy = RwSignal::new(false);
    let refusal = RwSignal::new(None);
    let submit = move || {
        let Some([email_value, password_value]) = Field::values_of([email, password]) else {
            return;
        };
        busy.set(true);
        refusal.set(None);
        spawn_local(async move {
            let input = LoginInput { email: email_value, password: password_value };
            let Err(failure) = session.sign_in(input).await else { return };
            busy.try_set(false);
            match failure.code() {
                Some(Code::InvalidCredentials) => password.refuse(failure.message()),
                _ => refusal.set(Field::show_refusal(&[email, password], &failure)),
            }
        });
    };
    view! {
        <AccountForm title="Sign in" busy refusal submit label=("Sign in", "Signing in…")>
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
            <a href=move || with_next("/register", &next.get())>"Make an account"</a>
        </p>
    }
}

/// The form of signing in or registering; sends on who is signed in already.
#[component]
pub(crate) fn AccountForm(
    title: &'static str,
    busy: RwSignal<bool>,
    /// What the server said that belongs to no field.
    refusal: RwSignal<Option<String>>,
    submit: impl Fn() + 'static,
    /// On the button, and while it is done.
    label: (&'static str, &'static str),
    children: Children,
) -> impl IntoView {
    let session = Session::from_context();
    let next = use_next_page();
    redirect_when(
        move || matches!(session.viewer(), Viewer::Person(_)),
        move || next.get_untracked(),
    );
    let (idle_label, busy_label) = label;
    view! {
        <div class="form-page">
            <PageHead title />
            <form
                class="panel form"
                method="post"
                novalidate
                on:submit=move |event| {
                    event.prevent_default();
                    if !busy.get_untracked() {
                        submit();
                    }
                }
            >
                <div class="form-refusal" role="alert">
                    {move || refusal.get()}
                </div>
                {children()}
                <button type="submit" class="button" aria-disabled=move || busy.get().to_string()>
                    {move || if busy.get() { busy_label } else { idle_label }}
                </button>
            </form>
        </div>
    }
}

/// Where to go on after the form.
pub(crate) fn use_next_page() -> Memo<String> {
    let address = use_query_map();
    Memo::new(move |_| next_page(address.get().get("next").as_deref()).to_owned())
}
