//! The name and the short name of an organizer.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map},
};
use rowlock_web_operations::organizers::{
    ManagedOrganizer, UpdateOrganizerInput, organizer_to_manage, update_organizer,
};

use crate::{
    components::{field::Field, notice::FailureNotice},
    organize::{
        components::{NothingHere, OrganizerForm, OrganizerHead, OrganizerTab, SignedIn},
        role::can_edit_organizer,
        rules::{organizer_name_problem, slug_problem},
    },
    query::{Query, QueryState},
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn SettingsPage() -> impl IntoView {
    view! {
        <SignedIn>
            <Settings />
        </SignedIn>
    }
}

#[component]
fn Settings() -> impl IntoView {
    let session = Session::from_context();
    let params = use_params_map();
    let slug = Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let organizer = Query::new(
        move || (session.viewer(), slug.get()),
        move |(_, slug)| async move { Ok(session.run(&organizer_to_manage(slug)).await?.organizer) },
        |_| {},
    );
    move || {
        organizer.with(|state| match state {
            QueryState::Loading => {
                view! { <div class="panel skeleton narrow" aria-hidden="true"><div class="line"></div></div> }
                    .into_any()
            }
            QueryState::Failed(failure) => {
                let (failure, busy) = (failure.clone(), organizer.is_fetching());
                let retry = move |()| organizer.refetch();
                view! { <FailureNotice failure busy retry /> }.into_any()
            }
            QueryState::Loaded(Some(organizer)) if organizer.viewer_role.is_some() => {
                view! { <SettingsForm organizer=organizer.clone() /> }.into_any()
            }
            QueryState::Loaded(_) => {
                view! { <NothingHere title="You are no member of such an organizer." /> }.into_any()
            }
        })
    }
}

#[component]
fn SettingsForm(organizer: ManagedOrganizer) -> impl IntoView {
    let ManagedOrganizer { id, slug, name, viewer_role } = organizer;
    let name = RwSignal::new(name);
    let form = match viewer_role.is_some_and(can_edit_organizer) {
        true => view! { <EditForm id name slug=slug.clone() /> }.into_any(),
        false => view! {
            <p>"Only owners change the name and the address."</p>
        }
        .into_any(),
    };
    let public = format!("/organizers/{slug}");
    let address = public.clone();
    view! {
        <OrganizerHead slug name tab=OrganizerTab::Settings />
        {form}
        <p class="elsewhere">
            "Buyers find the coming events at "
            <a href=address rel="external">{public}</a> "."
        </p>
    }
}

#[component]
fn EditForm(
    id: cynic::Id,
    /// The name that is saved.
    name: RwSignal<String>,
    slug: String,
) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let name_field = Field::new("name", organizer_name_problem);
    let slug_field = Field::new("slug", slug_problem);
    name_field.set_value(name.get_untracked());
    slug_field.set_value(slug.clone());
    let fields = [name_field, slug_field];
    let busy = RwSignal::new(false);
    let form_problem = RwSignal::new(None);
    let submit = move |()| {
        let Some([new_name, new_slug]) = Field::valid_values(fields) else { return };
        busy.set(true);
        form_problem.set(None);
        let (navigate, id, slug) = (navigate.clone(), id.clone(), slug.clone());
        spawn_local(async move {
            let input = UpdateOrganizerInput {
                organizer_id: id,
                name: Some(new_name.trim().to_owned()),
                slug: Some(new_slug).filter(|new_slug| *new_slug != slug),
            };
            let answer = session.run(&update_organizer(input)).await;
            // Whoever has left the page gets messages, and stays where they are.
            let is_left = busy.is_disposed();
            busy.try_set(false);
            match answer {
                Ok(data) => {
                    let text = "The settings are saved.";
                    toasts.show(Toast::new(Tone::Success, text));
                    let options = NavigateOptions { replace: true, ..Default::default() };
                    let saved = data.update_organizer;
                    name.try_set(saved.name);
                    if saved.slug != slug && !is_left {
                        navigate(&format!("/organize/{}/settings", saved.slug), options);
                    }
                }
                Err(failure) if is_left => {
                    toasts.show(Toast::new(Tone::Error, failure.message()));
                }
                Err(failure) => {
                    form_problem.try_set(Field::show_failure(&fields, &failure));
                }
            }
        });
    };
    view! {
        <OrganizerForm
            name=name_field
            slug=slug_field
            slug_hint="Links to the address with the old short name stop working."
            problem=form_problem
            busy
            labels=("Save changes", "Saving…")
            on_submit=submit
        />
    }
}
