//! The members of an organizer and their roles.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::{use_navigate, use_params_map};
use rowlock_web_operations::organizers::{
    OrganizerMember, OrganizerRole, OrganizerUser, OrganizerWithMembers,
    RemoveOrganizerMemberInput, SetOrganizerMemberInput, members_of_organizer,
    remove_organizer_member, set_organizer_member,
};

use crate::{
    components::{
        confirm_dialog::ConfirmDialog,
        field::{Field, FieldInput},
        notice::FailureNotice,
    },
    organize::{
        components::{NothingHere, OrganizerHead, OrganizerTab, SignedIn},
        role::{
            ROLES, can_edit_organizer, role_description, role_label, role_of_value, role_value,
        },
    },
    query::{Query, QueryState},
    session::{Session, Viewer},
    toasts::{Toast, Toasts, Tone},
    validation::email_problem,
};

#[component]
pub(crate) fn MembersPage() -> impl IntoView {
    view! {
        <SignedIn>
            <Members />
        </SignedIn>
    }
}

type Members = Query<Option<OrganizerWithMembers>>;

#[component]
fn Members() -> impl IntoView {
    let session = Session::from_context();
    let params = use_params_map();
    let slug = Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let members = Query::new(
        move || (session.viewer(), slug.get()),
        move |(_, slug)| async move { Ok(session.run(&members_of_organizer(slug)).await?.organizer) },
        |_| {},
    );
    // The list changes in place, so that the form and the focus stay.
    let state = Memo::new(move |_| {
        members.with(|state| match state {
            QueryState::Loading => None,
            QueryState::Failed(failure) => Some(Err(failure.clone())),
            QueryState::Loaded(found) => {
                let found = found.as_ref().map(|found| found.organizer.clone());
                Some(Ok(found.filter(|organizer| organizer.viewer_role.is_some())))
            }
        })
    });
    move || match state.get() {
        None => view! {
            <div class="panel skeleton" aria-hidden="true">
                <div class="line line-title"></div>
            </div>
        }
        .into_any(),
        Some(Err(failure)) => {
            let retry = move |()| members.refetch();
            view! { <FailureNotice failure busy=members.is_fetching() retry /> }.into_any()
        }
        Some(Ok(None)) => view! {
            <NothingHere title="You are no member of such an organizer." />
        }
        .into_any(),
        Some(Ok(Some(organizer))) => {
            let is_owner = organizer.viewer_role.is_some_and(can_edit_organizer);
            let id = organizer.id.clone();
            view! {
                <OrganizerHead
                    slug=organizer.slug
                    name=organizer.name
                    tab=OrganizerTab::Members
                />
                <MemberList members id=id.clone() is_owner />
                {is_owner.then(|| view! { <AddForm members id /> })}
            }
            .into_any()
        }
    }
}

#[component]
fn MemberList(members: Members, id: cynic::Id, is_owner: bool) -> impl IntoView {
    let to_remove = RwSignal::new(None::<OrganizerUser>);
    let rows = move || {
        members.with(|state| {
            let found = state.data().and_then(Option::as_ref);
            found.and_then(|found| found.members.clone()).unwrap_or_default()
        })
    };
    let organizer_id = id.clone();
    view! {
        <ul class="rows">
            <For
                each=rows
                key=|member| member.user.id.clone()
                children=move |member| {
                    let id = organizer_id.clone();
                    view! { <MemberRow member members id is_owner to_remove /> }
                }
            />
        </ul>
        <RemoveDialog members id to_remove />
    }
}

#[component]
fn MemberRow(
    member: OrganizerMember,
    members: Members,
    id: cynic::Id,
    is_owner: bool,
    to_remove: RwSignal<Option<OrganizerUser>>,
) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let OrganizerMember { role: first_role, user } = member;
    let is_viewer = is_viewer(session, &user);
    let user_id = user.id.clone();
    let role = Memo::new(move |before: Option<&OrganizerRole>| {
        let read = members.with(|state| {
            let members = state.data()?.as_ref()?.members.as_ref()?;
            Some(members.iter().find(|member| member.user.id == user_id)?.role)
        });
        read.or_else(|| before.copied()).unwrap_or(first_role)
    });
    let shown_role = RwSignal::new(first_role);
    Effect::new(move || shown_role.set(role.get()));
    let busy = RwSignal::new(false);
    let change_role = {
        let (email, name) = (user.email.clone(), user.name.clone());
        move |chosen: OrganizerRole| {
            shown_role.set(chosen);
            if busy.get_untracked() {
                // It is sent after the one that is on its way.
                return;
            }
            busy.set(true);
            let (organizer_id, email, name) = (id.clone(), email.clone(), name.clone());
            spawn_local(async move {
                let mut next = Some(chosen);
                while let Some(sent) = next.take() {
                    let (organizer_id, email) = (organizer_id.clone(), email.clone());
                    let input = SetOrganizerMemberInput { organizer_id, email, role: sent };
                    let answer = session.run(&set_organizer_member(input)).await;
                    // None if the page is gone.
                    let shown = shown_role.try_get_untracked();
                    match answer {
                        Ok(data) => {
                            next = shown.filter(|shown| *shown != sent);
                            if next.is_none() {
                                let text = format!("{name} is now {}.", with_article(sent));
                                toasts.show(Toast::new(Tone::Success, text));
                                show(members, data.set_organizer_member);
                            }
                        }
                        Err(failure) => {
                            // The row shows the role that is saved.
                            if shown.is_some() {
                                shown_role.set(role.get_untracked());
                                members.refetch();
                            }
                            let toast = Toast::new(Tone::Error, failure.message());
                            toasts.show(toast.on_this_page());
                        }
                    }
                }
                busy.try_set(false);
            });
        }
    };
    let role_name = user.name.clone();
    let role_view = match is_owner {
        true => view! {
            <select
                aria-label=format!("Role of {role_name}")
                // `disabled` would take the focus from whoever has just chosen.
                aria-busy=move || busy.get().to_string()
                prop:value=move || role_value(shown_role.get())
                on:change=move |event| {
                    if let Some(new) = role_of_value(&event_target_value(&event)) {
                        change_role(new);
                    }
                }
            >
                <RoleOptions selected=first_role />
            </select>
        }
        .into_any(),
        false => view! {
            <span class="badge badge-draft">{move || role_label(role.get())}</span>
        }
        .into_any(),
    };
    let button = (is_owner || is_viewer).then(|| {
        let user = user.clone();
        let (label, accessible) = match is_viewer {
            true => ("Leave", "Leave this organizer".to_owned()),
            false => ("Remove", format!("Remove {}", user.name)),
        };
        view! {
            <button
                type="button"
                class="button button-quiet"
                aria-label=accessible
                on:click=move |_| to_remove.set(Some(user.clone()))
            >
                {label}
            </button>
        }
    });
    view! {
        <li class="card row member">
            <div>
                <h2 dir="auto">
                    {user.name} {is_viewer.then_some(" (you)")}
                </h2>
                <p class="email">{user.email}</p>
            </div>
            <div class="row-facts">{role_view}</div>
            <div class="row-links">{button}</div>
        </li>
    }
}

#[component]
fn RoleOptions(selected: OrganizerRole) -> impl IntoView {
    ROLES
        .map(|(value, role)| {
            view! {
                <option value=value selected=role == selected>
                    {role_label(role)}
                </option>
            }
        })
        .collect_view()
}

/// Asks before a member is removed or leaves.
#[component]
fn RemoveDialog(
    members: Members,
    id: cynic::Id,
    to_remove: RwSignal<Option<OrganizerUser>>,
) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let busy = RwSignal::new(false);
    // Keeps the texts while the dialog closes.
    let asked = Memo::new(move |before: Option<&Option<OrganizerUser>>| {
        to_remove.get().or_else(|| before.cloned().flatten())
    });
    let is_leaving = move || asked.get().is_some_and(|user| is_viewer(session, &user));
    let title = Signal::derive(move || match asked.get() {
        Some(_) if is_leaving() => "Leave this organizer?".to_owned(),
        Some(user) => format!("Remove {}?", user.name),
        None => String::new(),
    });
    let text = Signal::derive(move || match is_leaving() {
        true => "You will no longer see its drafts and attendees.".to_owned(),
        false => "They will no longer see its drafts and attendees.".to_owned(),
    });
    let remove = move |()| {
        let Some(user) = to_remove.get_untracked() else { return };
        busy.set(true);
        let leaves = is_viewer(session, &user);
        let (navigate, organizer_id) = (navigate.clone(), id.clone());
        spawn_local(async move {
            let input = RemoveOrganizerMemberInput { organizer_id, user_id: user.id };
            let answer = session.run(&remove_organizer_member(input)).await;
            let is_left = busy.is_disposed();
            busy.try_set(false);
            to_remove.try_set(None);
            match answer {
                Ok(_) if leaves => {
                    toasts.show(Toast::new(Tone::Success, "You are no member any more."));
                    if !is_left {
                        navigate("/organize", Default::default());
                    }
                }
                Ok(data) => {
                    let text = format!("{} is no member any more.", user.name);
                    toasts.show(Toast::new(Tone::Success, text));
                    show(members, data.remove_organizer_member);
                }
                Err(failure) => {
                    toasts.show(Toast::new(Tone::Error, failure.message()).on_this_page());
                }
            }
        });
    };
    view! {
        <ConfirmDialog
            open=Signal::derive(move || to_remove.with(Option::is_some))
            title
            text
            confirm_labels=("Yes, do it", "Working…")
            cancel_label="No"
            busy
            on_confirm=remove
            on_close=move |()| to_remove.set(None)
        />
    }
}

/// Adds a person by email.
#[component]
fn AddForm(members: Members, id: cynic::Id) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let email = Field::new("email", email_problem);
    let role = RwSignal::new(OrganizerRole::Manager);
    let busy = RwSignal::new(false);
    let form_problem = RwSignal::new(None);
    let submit = move || {
        let Some([address]) = Field::valid_values([email]) else { return };
        busy.set(true);
        form_problem.set(None);
        let organizer_id = id.clone();
        spawn_local(async move {
            let role = role.get_untracked();
            let address = address.trim().to_owned();
            let input = SetOrganizerMemberInput { organizer_id, email: address.clone(), role };
            let answer = session.run(&set_organizer_member(input)).await;
            busy.try_set(false);
            match answer {
                Ok(data) => {
                    let text = format!("{address} is now {}.", with_article(role));
                    toasts.show(Toast::new(Tone::Success, text));
                    email.clear();
                    show(members, data.set_organizer_member);
                }
                Err(failure) => {
                    form_problem.try_set(Field::show_failure(&[email], &failure));
                }
            }
        });
    };
    view! {
        <section class="section" aria-labelledby="add-title">
            <h2 id="add-title">"Add a member"</h2>
            <form
                class="panel form narrow"
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
                    {move || form_problem.get()}
                </div>
                <FieldInput
                    field=email
                    label="Email"
                    kind="email"
                    autocomplete="off"
                    hint="The person needs an account with this address."
                />
                <div class="field">
                    <label for="field-role">"Role"</label>
                    <p class="hint" id="field-role-hint">
                        {move || role_description(role.get())}
                    </p>
                    <select
                        id="field-role"
                        aria-describedby="field-role-hint"
                        on:change=move |event| {
                            if let Some(new) = role_of_value(&event_target_value(&event)) {
                                role.set(new);
                            }
                        }
                    >
                        <RoleOptions selected=OrganizerRole::Manager />
                    </select>
                </div>
                <button type="submit" class="button" aria-disabled=move || busy.get().to_string()>
                    {move || if busy.get() { "Adding…" } else { "Add member" }}
                </button>
            </form>
        </section>
    }
}

fn show(members: Members, answer: OrganizerWithMembers) {
    members.update(|shown| *shown = Some(answer));
}

fn is_viewer(session: Session, user: &OrganizerUser) -> bool {
    matches!(session.viewer_untracked(), Viewer::SignedIn(viewer) if viewer.id == user.id.inner())
}

fn with_article(role: OrganizerRole) -> &'static str {
    match role {
        OrganizerRole::Owner => "an owner",
        OrganizerRole::Manager => "a manager",
        OrganizerRole::Door => "a member for the door",
    }
}
