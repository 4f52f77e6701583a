//! The organizers that somebody is a member of, and the form that founds another one.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;
use rowlock_web_operations::organizers::{
    CreateOrganizerInput, ManagedOrganizer, create_organizer, my_organizers,
};

use crate::{
    api::{ErrorCode, Failure},
    components::{
        field::Field,
        icons::Ticket,
        notice::{FailureNotice, Notice},
        page_heading::PageHeading,
    },
    organize::{
        components::{OrganizerForm, SignedIn},
        role::role_label,
        rules::{organizer_name_problem, slug_problem},
        slug::proposed_slug,
    },
    query::{Query, QueryState},
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn HomePage() -> impl IntoView {
    view! {
        <SignedIn>
            <Home />
        </SignedIn>
    }
}

#[component]
fn Home() -> impl IntoView {
    let session = Session::from_context();
    let organizers = Query::new(
        move || session.viewer(),
        move |_| async move {
            let me = session.run(&my_organizers()).await?.me;
            me.ok_or(Failure::SessionEnded)
        },
        |_| {},
    );
    // Who can't found any sees no form that would be refused.
    let can_create =
        Memo::new(move |_| organizers.with(|state| Some(state.data()?.can_create_organizers)));
    view! {
        <PageHeading title="Your organizers" />
        <p class="lead">"Put an event on sale, change it while it sells, and see who comes."</p>
        {move || {
            organizers
                .with(|state| match state {
                    QueryState::Loading => {
                        view! {
                            <div class="panel skeleton" aria-hidden="true">
                                <div class="line line-title"></div>
                                <div class="line line-short"></div>
                            </div>
                        }
                            .into_any()
                    }
                    QueryState::Failed(failure) => {
                        let failure = failure.clone();
                        let (busy, retry) = (organizers.is_fetching(), move |()| organizers.refetch());
                        view! { <FailureNotice failure busy retry /> }.into_any()
                    }
                    QueryState::Loaded(me) if me.organizers.is_empty() => {
                        let text = match me.can_create_organizers {
                            true => "Create an organizer below, or ask one to make you a member.",
                            false => ONLY_OPERATOR,
                        };
                        view! {
                            <Notice icon=Ticket title="You don't organize anything yet." text />
                        }
                            .into_any()
                    }
                    QueryState::Loaded(me) => {
                        view! {
                            <ul class="rows">
                                {me.organizers.iter().cloned().map(organizer_row).collect_view()}
                            </ul>
                        }
                            .into_any()
                    }
                })
        }}
        {move || (can_create.get() != Some(false)).then(|| view! { <CreateForm /> })}
    }
}

fn organizer_row(organizer: ManagedOrganizer) -> impl IntoView {
    let ManagedOrganizer { slug, name, viewer_role, .. } = organizer;
    view! {
        <li class="card row">
            <h2>
                <a href=format!("/organize/{slug}") dir="auto">
                    {name}
                </a>
            </h2>
            <span class="badge badge-draft">{viewer_role.map(role_label)}</span>
        </li>
    }
}

/// Creates an organizer and opens the list of its events.
#[component]
fn CreateForm() -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let name = Field::new("name", organizer_name_problem);
    // Without a slug, the server makes one.
    let slug = Field::new("slug", |slug| {
        let slug = Some(slug).filter(|slug| !slug.is_empty())?;
        slug_problem(slug)
    });
    let fields = [name, slug];
    let busy = RwSignal::new(false);
    let form_problem = RwSignal::new(None);
    // The proposal follows the name until the user writes a slug of their own.
    Effect::new(move |proposed: Option<String>| {
        let proposal = proposed_slug(&name.value());
        if slug.value_untracked() == proposed.unwrap_or_default() {
            slug.set_value(proposal.clone());
        }
        proposal
    });
    let submit = move |()| {
        let Some([name, slug]) = Field::valid_values(fields) else { return };
        busy.set(true);
        form_problem.set(None);
        let navigate = navigate.clone();
        spawn_local(async move {
            let input = CreateOrganizerInput {
                name: name.trim().to_owned(),
                slug: Some(slug).filter(|slug| !slug.is_empty()),
            };
            let answer = session.run(&create_organizer(input)).await;
            // Whoever has left the page gets messages, and stays where they are.
            let is_left = busy.is_disposed();
            busy.try_set(false);
            match answer {
                Ok(data) => {
                    let ManagedOrganizer { slug, name, .. } = data.create_organizer;
                    let text = format!("{name} is created. Now add its first event.");
                    toasts.show(Toast::new(Tone::Success, text));
                    if !is_left {
                        navigate(&format!("/organize/{slug}"), Default::default());
                    }
                }
                Err(failure) => {
                    let told = match failure.code() {
                        Some(ErrorCode::Forbidden) => Some(ONLY_OPERATOR.to_owned()),
                        _ if is_left => Some(failure.message()),
                        _ => Field::show_failure(&fields, &failure),
                    };
                    match is_left {
                        true => toasts.show(Toast::new(Tone::Error, told.unwrap_or_default())),
                        false => form_problem.set(told),
                    }
                }
            }
        });
    };
    view! {
        <section class="section" aria-labelledby="create-title">
            <h2 id="create-title">"Create an organizer"</h2>
            <OrganizerForm
                name
                slug
                slug_hint="Small letters, digits and hyphens. It is part of the address of your page."
                problem=form_problem
                busy
                labels=("Create organizer", "Creating…")
                on_submit=submit
            />
        </section>
    }
}

const ONLY_OPERATOR: &str = "Only the operator of this site can create organizers. Ask them to make \
                             you the owner of one, or ask an owner to make you a member.";
