//! The user's name, and whether reminders are sent.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::account::{Account, UpdateProfileInput, update_profile};

use super::of_account::of_account;
use crate::{
    api::Failure,
    components::{
        field::{Field, FieldInput},
        setting_form::SettingForm,
    },
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
    validation::name_problem,
};

#[component]
pub(super) fn Profile(account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let field = Field::new("name", name_problem);
    let name = of_account(account, |account| account.name.clone());
    Effect::new(move || field.set_value(name.get().unwrap_or_default()));
    let send = move |[name]: [String; 1]| async move {
        let name = name.trim().to_owned();
        update(session, account, UpdateProfileInput { name, reminders: None }).await?;
        toasts.show(Toast::new(Tone::Success, "Your name is saved.").on_this_page());
        Ok(())
    };
    view! {
        <section class="panel" aria-labelledby="profile">
            <h2 id="profile">"Name"</h2>
            <SettingForm label="Name" fields=[field] send labels=("Save name", "Saving…")>
                <FieldInput
                    field
                    label="Name"
                    kind="text"
                    autocomplete="name"
                    hint="Organizers see it at the door."
                />
            </SettingForm>
        </section>
    }
}

#[component]
pub(super) fn Reminders(account: Query<Account>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let is_on = of_account(account, |account| account.reminders);
    let toggle = move |event: leptos::ev::Event| {
        let wanted = event_target_checked(&event);
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let name = account.with_untracked(|account| account.data().map(|data| data.name.clone()));
        spawn_local(async move {
            let name = name.unwrap_or_default();
            let input = UpdateProfileInput { name, reminders: Some(wanted) };
            let toast = match update(session, account, input).await {
                Ok(()) if wanted => Toast::new(Tone::Success, "You will get reminders."),
                Ok(()) => Toast::new(Tone::Success, "You will get no more reminders."),
                Err(failure) => {
                    // The box shows what the server has.
                    account.update(|_| ());
                    let text = format!("That was not saved. {}", failure.message());
                    Toast::new(Tone::Error, text)
                }
            };
            toasts.show(toast.on_this_page());
            busy.try_set(false);
        });
    };
    view! {
        <section class="panel" aria-labelledby="reminders">
            <h2 id="reminders">"Reminders"</h2>
            <label class="choice">
                <input
                    type="checkbox"
                    role="switch"
                    prop:checked=move || {
                        busy.get();
                        is_on.get().unwrap_or_default()
                    }
                    on:change=toggle
                />
                <span>"Send me a mail a day before an event that I have booked."</span>
            </label>
        </section>
    }
}

async fn update(
    session: Session,
    account: Query<Account>,
    input: UpdateProfileInput,
) -> Result<(), Failure> {
    let updated = session.run(&update_profile(input)).await?.update_profile;
    session.set_name(&updated.name);
    account.update(|shown| *shown = updated);
    Ok(())
}
