//! Organizers: founding, members with their roles, and who is told what.

use futures_util::future::join_all;
use rowlock_entities::{UserId, event, organizer::FIRST_ORGANIZER};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::{App, code_and_fields, error_code},
    managed_events::user_of,
    on_both_engines,
};

on_both_engines! {
    a_founder_owns_the_organizer
    a_slug_is_made_from_the_name_and_another_one_is_free
    organizers_of_one_name_that_are_founded_at_once_have_different_slugs
    a_chosen_slug_belongs_to_one_organizer
    each_wrong_value_of_an_organizer_is_named
    an_owner_renames_the_organizer
    a_member_is_added_by_email_however_it_is_typed
    an_email_without_an_account_is_told_to_owners_alone
    a_member_leaves_and_loses_every_permission_at_once
    the_last_owner_stays
    one_owner_stays_when_both_leave_at_once
    one_owner_stays_when_both_demote_each_other_at_once
    a_removed_owner_changes_nothing_more
    the_number_of_organizers_of_one_person_is_bounded ["--max-organizers-per-user", "2"]
    whoever_is_made_an_owner_can_still_found_organizers ["--max-organizers-per-user", "2"]
    the_number_of_members_is_bounded ["--max-members-per-organizer", "2"]
    changes_of_organizers_are_limited ["--organizer-changes-per-minute-per-user", "3"]
    emails_are_not_found_out_faster_than_by_registering ["--sign-ins-per-minute-per-address", "3"]
    only_the_operator_founds_organizers_if_so_set ["--organizers", "invited"]
    node_finds_an_organizer
    an_organizers_events_are_latest_first_and_drafts_are_for_members
    lists_have_published_events_alone
    a_list_can_have_the_events_of_one_organizer
    an_event_names_its_organizer
    an_expired_token_is_not_the_same_as_none
}

pub(crate) const ORGANIZER: &str = "query($slug: String!) { organizer(slug: $slug) {
    id slug name viewerRole members { role user { id name email } } } }";

pub(crate) const CREATE: &str = "mutation($input: CreateOrganizerInput!) {
    createOrganizer(input: $input) { id slug name viewerRole members { role user { email } } } }";

pub(crate) const UPDATE: &str = "mutation($input: UpdateOrganizerInput!) {
    updateOrganizer(input: $input) { id slug name } }";

pub(crate) const SET_MEMBER: &str = "mutation($input: SetOrganizerMemberInput!) {
    setOrganizerMember(input: $input) { viewerRole members { role user { email } } } }";

pub(crate) const REMOVE_MEMBER: &str = "mutation($input: RemoveOrganizerMemberInput!) {
    removeOrganizerMember(input: $input) { viewerRole members { role user { email } } } }";

/// A user with what others need to name them.
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) email: String,
}

pub(crate) async fn person(app: &App) -> Person {
    people(app, 1).await.remove(0)
}

pub(crate) async fn people(app: &App, count: u32) -> Vec<Person> {
    let mut people = Vec::new();
    for token in app.users(count).await {
        let id = user_of(app, &token);
        let user = app.services.accounts.find_user(id).await.unwrap().unwrap();
        people.push(Person { id: id.to_string(), email: user.email, token });
    }
    people
}

/// Creates an organizer and returns its id.
pub(crate) async fn found(app: &App, owner: &Person, name: &str) -> String {
    let input = json!({ "input": { "name": name } });
    let founded = app.data(Some(&owner.token), CREATE, input).await;
    founded["createOrganizer"]["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn set_member(
    app: &App,
    actor: &Person,
    organizer: &str,
    email: &str,
    role: &str,
) -> Value {
    let input = json!({ "organizerId": organizer, "email": email, "role": role });
    app.send(Some(&actor.token), SET_MEMBER, json!({ "input": input })).await
}

pub(crate) async fn remove_member(app: &App, actor: &Person, organizer: &str, user: &str) -> Value {
    let input = json!({ "organizerId": organizer, "userId": user });
    app.send(Some(&actor.token), REMOVE_MEMBER, json!({ "input": input })).await
}

/// The emails and roles of an organizer's members, as one of them sees them.
async fn members(app: &App, viewer: &Person, slug: &str) -> Vec<(String, String)> {
    let found = app.data(Some(&viewer.token), ORGANIZER, json!({ "slug": slug })).await;
    let members = found["organizer"]["members"].as_array().expect("the viewer is a member");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    members.iter().map(|m| (text(&m["user"]["email"]), text(&m["role"]))).collect()
}

fn refusal(answer: &Value) -> (&str, Vec<&str>) {
    code_and_fields(&answer["errors"][0])
}

async fn a_founder_owns_the_organizer(app: App) {
    let (ada, stranger) = (person(&app).await, person(&app).await);
    let input = json!({ "input": { "name": "  Blue Door  " } });
    let founded = app.data(Some(&ada.token), CREATE, input.clone()).await["createOrganizer"].take();
    assert_eq!(founded["name"], "Blue Door");
    assert_eq!(founded["slug"], "blue-door");
    assert_eq!(founded["viewerRole"], "OWNER");
    let member = json!([{ "role": "OWNER", "user": { "email": ada.email } }]);
    assert_eq!(founded["members"], member);

    for token in [None, Some(&*stranger.token)] {
        let seen = app.data(token, ORGANIZER, json!({ "slug": "blue-door" })).await;
        let expected = json!({ "id": founded["id"], "slug": "blue-door", "name": "Blue Door",
            "viewerRole": null, "members": null });
        assert_eq!(seen["organizer"], expected);
    }
    let mine = "{ me { organizers { slug viewerRole } } }";
    let seen = app.data(Some(&ada.token), mine, json!({})).await;
    let expected = json!([{ "slug": "blue-door", "viewerRole": "OWNER" }]);
    assert_eq!(seen["me"]["organizers"], expected);
    let seen = app.data(Some(&stranger.token), mine, json!({})).await;
    assert_eq!(seen["me"]["organizers"], json!([]));
    assert_eq!(error_code(&app.error(None, CREATE, input).await), "UNAUTHENTICATED");
    for slug in ["nowhere", "Blue-Door", "blue-door\0", ""] {
        assert_eq!(
            app.data(None, ORGANIZER, json!({ "slug": slug })).await["organizer"],
            json!(null)
        );
    }
}

async fn a_slug_is_made_from_the_name_and_another_one_is_free(app: App) {
    let ada = person(&app).await;
    let slug = async |name: &str| {
        let input = json!({ "input": { "name": name } });
        let founded = app.data(Some(&ada.token), CREATE, input).await;
        founded["createOrganizer"]["slug"].as_str().unwrap().to_owned()
    };
    assert_eq!(slug("Café Zürich").await, "cafe-zurich");
    assert_eq!(slug("cafe zurich").await, "cafe-zurich-2");
    assert_eq!(slug("Cafe, Zurich!").await, "cafe-zurich-3");
    assert_eq!(slug("Our events").await, "our-events-2", "the first organizer has our-events");
    assert_eq!(slug("Events").await, "events-2", "/organize/events is a page");
    let (random, other) = (slug("東京").await, slug("東京").await);
    assert_eq!(random.len(), 8, "{random}");
    assert_ne!(random, other);
}

async fn organizers_of_one_name_that_are_founded_at_once_have_different_slugs(app: App) {
    let second = app.start_second_server().await;
    let users = app.users(8).await;
    let input = json!({ "input": { "name": "Jazz" } });
    let founded = users.iter().enumerate().map(|(number, user)| {
        let server = if number % 2 == 0 { &app } else { &second };
        server.data(Some(user), CREATE, input.clone())
    });
    let founded = join_all(founded).await;
    let slugs: std::collections::HashSet<&str> =
        founded.iter().map(|data| data["createOrganizer"]["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs.len(), 8, "{slugs:?}");
    assert!(slugs.iter().all(|slug| slug.starts_with("jazz")), "{slugs:?}");
}

async fn a_chosen_slug_belongs_to_one_organizer(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    let input = json!({ "input": { "name": "Jazz", "slug": "jazz" } });
    app.data(Some(&ada.token), CREATE, input.clone()).await;
    let refused = app.error(Some(&grace.token), CREATE, input).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["slug"]));
    let other = found(&app, &grace, "Blues").await;
    let input = json!({ "input": { "organizerId": other, "slug": "jazz" } });
    let refused = app.error(Some(&grace.token), UPDATE, input).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["slug"]));
}

async fn each_wrong_value_of_an_organizer_is_named(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    for (name, slug, fields) in [
        ("J", None, vec!["name"]),
        ("\u{200b}\u{200b}", None, vec!["name"]),
        ("Jazz\u{202e}", Some("ok"), vec!["name"]),
        ("a\0b", Some("-"), vec!["name", "slug"]),
        ("Jazz", Some("Jazz"), vec!["slug"]),
        ("Jazz", Some("new"), vec!["slug"]),
        ("Jazz", Some(""), vec!["slug"]),
    ] {
        let input = json!({ "input": { "name": name, "slug": slug } });
        let refused = app.error(Some(&ada.token), CREATE, input).await;
        assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", fields.clone()), "{name}");
        let mut input = json!({ "organizerId": organizer, "name": name });
        if let Some(slug) = slug {
            input["slug"] = json!(slug);
        }
        let refused = app.error(Some(&ada.token), UPDATE, json!({ "input": input })).await;
        assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", fields), "{name}");
    }
    let input = json!({ "input": { "organizerId": organizer, "name": null, "slug": null } });
    let refused = app.error(Some(&ada.token), UPDATE, input).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["name", "slug"]));
    let input = json!({ "input": { "organizerId": "x" } });
    let refused = app.error(Some(&ada.token), UPDATE, input).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["organizerId"]));
    let input = json!({ "input": { "organizerId": Uuid::now_v7(), "name": "Jazz" } });
    assert_eq!(error_code(&app.error(Some(&ada.token), UPDATE, input).await), "NOT_FOUND");
}

async fn an_owner_renames_the_organizer(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    let update = async |input: Value| {
        app.data(Some(&ada.token), UPDATE, json!({ "input": input })).await["updateOrganizer"]
            .take()
    };
    let renamed = update(json!({ "organizerId": organizer, "name": " Blue Jazz " })).await;
    assert_eq!(renamed, json!({ "id": organizer, "slug": "jazz", "name": "Blue Jazz" }));
    let moved = update(json!({ "organizerId": organizer, "slug": "blue-jazz" })).await;
    assert_eq!(moved, json!({ "id": organizer, "slug": "blue-jazz", "name": "Blue Jazz" }));
    let same = update(json!({ "organizerId": organizer, "slug": "blue-jazz" })).await;
    assert_eq!(same, moved);
    let old = app.data(None, ORGANIZER, json!({ "slug": "jazz" })).await;
    assert_eq!(old["organizer"], json!(null));
}

async fn a_member_is_added_by_email_however_it_is_typed(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    let typed = format!(" {} ", grace.email.to_uppercase());
    let added = set_member(&app, &ada, &organizer, &typed, "DOOR").await;
    let expected = json!([{ "role": "OWNER", "user": { "email": ada.email } },
        { "role": "DOOR", "user": { "email": grace.email } }]);
    assert_eq!(added["data"]["setOrganizerMember"]["members"], expected, "{added}");
    for role in ["MANAGER", "MANAGER", "OWNER"] {
        set_member(&app, &ada, &organizer, &grace.email, role).await;
        let expected =
            [(ada.email.clone(), "OWNER".to_owned()), (grace.email.clone(), role.to_owned())];
        assert_eq!(members(&app, &grace, "jazz").await, expected);
    }
}

async fn an_email_without_an_account_is_told_to_owners_alone(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    let unknown = ["nobody@example.test", "", "a\0b@example.test", &"x".repeat(2_000)];
    for email in unknown {
        let refused = set_member(&app, &ada, &organizer, email, "DOOR").await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", vec!["email"]), "{email:?}");
        let refused = set_member(&app, &grace, &organizer, email, "DOOR").await;
        assert_eq!(refusal(&refused).0, "FORBIDDEN", "{email:?}");
    }
}

async fn a_member_leaves_and_loses_every_permission_at_once(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    for role in ["DOOR", "MANAGER", "OWNER"] {
        set_member(&app, &ada, &organizer, &grace.email, role).await;
        let left = remove_member(&app, &grace, &organizer, &grace.id).await;
        let left = &left["data"]["removeOrganizerMember"];
        assert_eq!(*left, json!({ "viewerRole": null, "members": null }), "{role}");
        let again = remove_member(&app, &grace, &organizer, &grace.id).await;
        assert_eq!(again.get("errors"), None, "leaving again changes nothing: {again}");
        let refused = set_member(&app, &grace, &organizer, &ada.email, "DOOR").await;
        assert_eq!(refusal(&refused).0, "FORBIDDEN", "{role}");
    }
    assert_eq!(members(&app, &ada, "jazz").await, [(ada.email.clone(), "OWNER".to_owned())]);
    // An owner who asks for the removal of somebody who is gone gets the same answer.
    let removed = remove_member(&app, &ada, &organizer, &grace.id).await;
    assert_eq!(removed["data"]["removeOrganizerMember"]["viewerRole"], "OWNER");
    let refused = remove_member(&app, &ada, &Uuid::now_v7().to_string(), &ada.id).await;
    assert_eq!(refusal(&refused).0, "NOT_FOUND");
}

async fn the_last_owner_stays(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    set_member(&app, &ada, &organizer, &grace.email, "MANAGER").await;
    let refused = remove_member(&app, &ada, &organizer, &ada.id).await;
    assert_eq!(refusal(&refused), ("BAD_USER_INPUT", vec!["userId"]));
    for role in ["MANAGER", "DOOR"] {
        let refused = set_member(&app, &ada, &organizer, &ada.email, role).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", vec!["role"]));
    }
    set_member(&app, &ada, &organizer, &grace.email, "OWNER").await;
    let left = remove_member(&app, &ada, &organizer, &ada.id).await;
    assert_eq!(left.get("errors"), None, "{left}");
    assert_eq!(members(&app, &grace, "jazz").await, [(grace.email.clone(), "OWNER".to_owned())]);
}

/// The number of owners that an organizer has.
async fn owners(app: &App, people: [&Person; 2], slug: &str) -> usize {
    let mut owners = 0;
    for person in people {
        let seen = app.data(Some(&person.token), ORGANIZER, json!({ "slug": slug })).await;
        owners += usize::from(seen["organizer"]["viewerRole"] == "OWNER");
    }
    owners
}

async fn one_owner_stays_when_both_leave_at_once(app: App) {
    let second = app.start_second_server().await;
    let (ada, grace) = (person(&app).await, person(&app).await);
    for round in 1..=10 {
        let name = format!("Round {round}");
        let organizer = found(&app, &ada, &name).await;
        set_member(&app, &ada, &organizer, &grace.email, "OWNER").await;
        let (a, b) = tokio::join!(
            remove_member(&app, &ada, &organizer, &ada.id),
            remove_member(&second, &grace, &organizer, &grace.id)
        );
        let refused = [&a, &b].into_iter().filter(|answer| answer.get("errors").is_some()).count();
        assert_eq!(refused, 1, "{a} {b}");
        assert_eq!(owners(&app, [&ada, &grace], &format!("round-{round}")).await, 1);
    }
}

async fn one_owner_stays_when_both_demote_each_other_at_once(app: App) {
    let second = app.start_second_server().await;
    let (ada, grace) = (person(&app).await, person(&app).await);
    for round in 1..=10 {
        let name = format!("Round {round}");
        let organizer = found(&app, &ada, &name).await;
        set_member(&app, &ada, &organizer, &grace.email, "OWNER").await;
        let (a, b) = tokio::join!(
            set_member(&app, &ada, &organizer, &grace.email, "DOOR"),
            set_member(&second, &grace, &organizer, &ada.email, "DOOR")
        );
        // The slower one is no owner any more when it is decided.
        let refused = [&a, &b].into_iter().filter(|answer| answer.get("errors").is_some()).count();
        assert_eq!(refused, 1, "{a} {b}");
        assert_eq!(owners(&app, [&ada, &grace], &format!("round-{round}")).await, 1);
    }
}

async fn a_removed_owner_changes_nothing_more(app: App) {
    let second = app.start_second_server().await;
    let (ada, grace) = (person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    set_member(&app, &ada, &organizer, &grace.email, "OWNER").await;
    remove_member(&app, &ada, &organizer, &grace.id).await;
    for server in [&app, &second] {
        let refused = remove_member(server, &grace, &organizer, &ada.id).await;
        assert_eq!(refusal(&refused).0, "FORBIDDEN");
    }
}

async fn the_number_of_organizers_of_one_person_is_bounded(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    let create = async |owner: &Person, name: &str| {
        app.send(Some(&owner.token), CREATE, json!({ "input": { "name": name } })).await
    };
    let attempts = ["One", "Two", "Three", "Four"].map(|name| create(&ada, name));
    let answers = join_all(attempts).await;
    let refused: Vec<&str> = answers
        .iter()
        .filter_map(|answer| answer["errors"][0]["extensions"]["code"].as_str())
        .collect();
    assert_eq!(refused, ["FORBIDDEN", "FORBIDDEN"], "{answers:?}");
    let one = found(&app, &grace, "Five").await;
    let added = set_member(&app, &grace, &one, &ada.email, "MANAGER").await;
    assert_eq!(added.get("errors"), None, "only founding is bounded: {added}");
}

async fn whoever_is_made_an_owner_can_still_found_organizers(app: App) {
    let (ada, grace) = (person(&app).await, person(&app).await);
    for name in ["One", "Two"] {
        let organizer = found(&app, &ada, name).await;
        set_member(&app, &ada, &organizer, &grace.email, "OWNER").await;
    }
    found(&app, &grace, "Three").await;
}

async fn the_number_of_members_is_bounded(app: App) {
    let (ada, grace, alan) = (person(&app).await, person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    set_member(&app, &ada, &organizer, &grace.email, "DOOR").await;
    let refused = set_member(&app, &ada, &organizer, &alan.email, "DOOR").await;
    assert_eq!(refusal(&refused), ("BAD_USER_INPUT", vec!["email"]));
    let changed = set_member(&app, &ada, &organizer, &grace.email, "MANAGER").await;
    assert_eq!(changed.get("errors"), None, "a change adds nobody: {changed}");
}

async fn changes_of_organizers_are_limited(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    set_member(&app, &ada, &organizer, "nobody@example.test", "DOOR").await;
    remove_member(&app, &ada, &organizer, &ada.id).await;
    let input = json!({ "input": { "organizerId": organizer, "name": "Blues" } });
    let limited = app.error(Some(&ada.token), UPDATE, input).await;
    assert_eq!(error_code(&limited), "RATE_LIMITED");
    assert!(limited["extensions"]["retryAfter"].as_u64().is_some(), "{limited}");
    found(&app, &person(&app).await, "Others go on").await;
}

async fn emails_are_not_found_out_faster_than_by_registering(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    for _ in 0..3 {
        let refused = set_member(&app, &ada, &organizer, "nobody@example.test", "DOOR").await;
        assert_eq!(refusal(&refused).0, "BAD_USER_INPUT");
    }
    let limited = set_member(&app, &ada, &organizer, "nobody@example.test", "DOOR").await;
    assert_eq!(refusal(&limited).0, "RATE_LIMITED");
}

async fn only_the_operator_founds_organizers_if_so_set(app: App) {
    let ada = person(&app).await;
    let refused = app.error(Some(&ada.token), CREATE, json!({ "input": { "name": "Jazz" } })).await;
    assert_eq!(error_code(&refused), "FORBIDDEN");
    let me = app.data(Some(&ada.token), MAY_CREATE, json!({})).await;
    assert_eq!(me["me"]["canCreateOrganizers"], false);
}

const MAY_CREATE: &str = "{ me { canCreateOrganizers } }";

async fn node_finds_an_organizer(app: App) {
    let ada = person(&app).await;
    let id = found(&app, &ada, "Jazz").await;
    let node = "query($id: ID!) { node(id: $id) { __typename id ... on Organizer { slug } } }";
    for token in [None, Some(&*ada.token)] {
        let found = app.data(token, node, json!({ "id": id })).await;
        let expected = json!({ "__typename": "Organizer", "id": id, "slug": "jazz" });
        assert_eq!(found["node"], expected);
    }
}

const EVENTS: &str = "query($slug: String!, $status: EventStatus, $first: Int, $after: String,
    $last: Int, $before: String) {
    organizer(slug: $slug) { events(status: $status, first: $first, after: $after, last: $last,
        before: $before) { nodes { title } totalCount pageInfo { endCursor hasNextPage } } } }";

fn titles(page: &Value) -> Vec<&str> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["title"].as_str().unwrap()).collect()
}

/// Adds an event of an organizer that starts in some hours.
async fn add_event(app: &App, organizer: &str, title: &str, hours: i64, status: event::Status) {
    let organizer = Uuid::parse_str(organizer).unwrap();
    app.event_with(|event| {
        event.organizer_id = organizer.into();
        event.title = title.to_owned();
        event.title_key = title.to_lowercase();
        event.starts_at = chrono::Utc::now() + chrono::Duration::hours(hours);
        event.is_public = status != event::Status::Draft;
        event.status = status;
    })
    .await;
}

async fn an_organizers_events_are_latest_first_and_drafts_are_for_members(app: App) {
    let (ada, stranger) = (person(&app).await, person(&app).await);
    let organizer = found(&app, &ada, "Jazz").await;
    add_event(&app, &organizer, "Past", -5, event::Status::Published).await;
    add_event(&app, &organizer, "Soon", 5, event::Status::Published).await;
    add_event(&app, &organizer, "Draft", 10, event::Status::Draft).await;
    add_event(&app, &organizer, "Cancelled", 20, event::Status::Cancelled).await;
    add_event(&app, &organizer, "Late", 30, event::Status::Published).await;
    app.event_with(|event| {
        event.organizer_id = Uuid::parse_str(&organizer).unwrap().into();
        event.title = "Withdrawn".to_owned();
        event.starts_at = chrono::Utc::now() + chrono::Duration::hours(40);
        event.status = event::Status::Cancelled;
        event.is_public = false;
    })
    .await;
    let read = async |viewer: Option<&Person>, mut variables: Value| {
        variables["slug"] = json!("jazz");
        let token = viewer.map(|viewer| &*viewer.token);
        app.data(token, EVENTS, variables).await["organizer"]["events"].take()
    };
    let public = ["Late", "Cancelled", "Soon", "Past"];
    for viewer in [None, Some(&stranger)] {
        let page = read(viewer, json!({})).await;
        assert_eq!(titles(&page), public);
        assert_eq!(page["totalCount"], 4);
        for (status, expected) in [
            ("DRAFT", vec![]),
            ("PUBLISHED", vec!["Late", "Soon", "Past"]),
            ("CANCELLED", vec!["Cancelled"]),
        ] {
            let page = read(viewer, json!({ "status": status })).await;
            assert_eq!(titles(&page), expected);
            assert_eq!(page["totalCount"], expected.len());
        }
    }
    let all = ["Withdrawn", "Late", "Cancelled", "Draft", "Soon", "Past"];
    let page = read(Some(&ada), json!({})).await;
    assert_eq!(titles(&page), all);
    assert_eq!(page["totalCount"], 6);
    let page = read(Some(&ada), json!({ "status": "DRAFT" })).await;
    assert_eq!(titles(&page), ["Draft"]);
    // Page by page, in both directions.
    let first = read(Some(&ada), json!({ "first": 4 })).await;
    assert_eq!(titles(&first), all[..4]);
    let cursor = &first["pageInfo"]["endCursor"];
    let second = read(Some(&ada), json!({ "first": 4, "after": cursor })).await;
    assert_eq!(titles(&second), all[4..]);
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    let last = read(Some(&ada), json!({ "last": 2, "before": cursor })).await;
    assert_eq!(titles(&last), all[1..3]);
}

async fn lists_have_published_events_alone(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    add_event(&app, &organizer, "Zither draft", 10, event::Status::Draft).await;
    add_event(&app, &organizer, "Zither cancelled", 10, event::Status::Cancelled).await;
    add_event(&app, &organizer, "Zither concert", 10, event::Status::Published).await;
    let list = "query($search: String, $filter: EventFilter, $sort: EventOrder) {
        events(search: $search, filter: $filter, orderBy: $sort) { nodes { title } totalCount } }";
    for search in [None, Some("zither")] {
        for filter in [
            json!({ "organizerId": organizer }),
            json!({ "organizerId": organizer, "includePast": true }),
            json!({ "organizerId": organizer, "available": true }),
        ] {
            for field in ["DATE", "PRICE", "TITLE"] {
                let sort = json!({ "field": field });
                let variables = json!({ "search": search, "filter": filter, "sort": sort });
                let page = app.data(Some(&ada.token), list, variables).await["events"].take();
                assert_eq!(titles(&page), ["Zither concert"], "{search:?} {filter} {field}");
                assert_eq!(page["totalCount"], 1);
            }
        }
    }
    let page = app.data(Some(&ada.token), list, json!({ "search": "zither" })).await;
    assert_eq!(titles(&page["events"]), ["Zither concert"]);
}

async fn a_list_can_have_the_events_of_one_organizer(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    add_event(&app, &organizer, "Past", -10, event::Status::Published).await;
    add_event(&app, &organizer, "Soon", 10, event::Status::Published).await;
    let list =
        "query($filter: EventFilter!) { events(filter: $filter) { nodes { title } totalCount } }";
    let read = async |filter: Value| {
        app.data(None, list, json!({ "filter": filter })).await["events"].take()
    };
    assert_eq!(titles(&read(json!({ "organizerId": organizer })).await), ["Soon"]);
    let page = read(json!({ "organizerId": organizer, "includePast": true })).await;
    assert_eq!(titles(&page), ["Past", "Soon"]);
    app.event("Elsewhere", 5).await;
    let page = read(json!({ "organizerId": FIRST_ORGANIZER.0 })).await;
    assert_eq!((titles(&page), &page["totalCount"]), (vec!["Elsewhere"], &json!(1)));
    assert_eq!(titles(&read(json!({ "organizerId": Uuid::now_v7() })).await), [""; 0]);
    let refused = app.error(None, list, json!({ "filter": { "organizerId": "x" } })).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["filter.organizerId"]));
}

async fn an_event_names_its_organizer(app: App) {
    let ada = person(&app).await;
    let organizer = found(&app, &ada, "Jazz").await;
    add_event(&app, &organizer, "Zither", 10, event::Status::Published).await;
    app.event("Zither elsewhere", 5).await;
    let query = "{ events(search: \"zither\") { nodes { organizer { slug name viewerRole } } } }";
    let page = app.data(Some(&ada.token), query, json!({})).await;
    let expected = json!([
        { "organizer": { "slug": "jazz", "name": "Jazz", "viewerRole": "OWNER" } },
        { "organizer": { "slug": "our-events", "name": "Our events", "viewerRole": null } },
    ]);
    assert_eq!(page["events"]["nodes"], expected);
}

async fn an_expired_token_is_not_the_same_as_none(app: App) {
    for field in ["viewerRole", "members { role }", "events { totalCount }"] {
        let query = format!("{{ organizer(slug: \"our-events\") {{ {field} }} }}");
        assert_eq!(error_code(&app.error(Some("x"), &query, json!({})).await), "UNAUTHENTICATED");
    }
    let plain = "{ organizer(slug: \"our-events\") { name } }";
    assert_eq!(app.data(Some("x"), plain, json!({})).await["organizer"]["name"], "Our events");
    // The account of a valid token may be gone.
    let nobody = app.services.access_tokens.issue(UserId::new()).unwrap().token;
    let refused = app.error(Some(&nobody), CREATE, json!({ "input": { "name": "Jazz" } })).await;
    assert_eq!(error_code(&refused), "UNAUTHENTICATED");
}
