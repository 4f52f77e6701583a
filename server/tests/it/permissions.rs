//! The table of permissions: everything that needs a role, and what everybody gets who asks for it.

use rowlock_entities::event;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::{App, BOOK},
    on_both_engines,
    organizers::{
        CREATE, Person, REMOVE_MEMBER, SET_MEMBER, UPDATE, found, person, remove_member, set_member,
    },
};

on_both_engines! {
    everybody_gets_what_their_role_allows_and_nothing_else
        ["--organizer-changes-per-minute-per-user", "100000", "--sign-ins-per-minute-per-address", "100000"]
}

/// Who asks, in the order of the columns of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Nobody,
    Stranger,
    /// The owner of another organizer.
    OtherOwner,
    /// A former owner.
    Removed,
    Door,
    Manager,
    Owner,
}

const ASKERS: [Asker; 7] = [
    Asker::Nobody,
    Asker::Stranger,
    Asker::OtherOwner,
    Asker::Removed,
    Asker::Door,
    Asker::Manager,
    Asker::Owner,
];

/// An organizer with an event of each kind, made anew for each field of the table.
struct Scene {
    asker: Option<Person>,
    /// An owner who stays.
    keeper: Person,
    /// A member with the role DOOR.
    member: Person,
    /// A person who is no member.
    outsider: Person,
    slug: String,
    organizer: String,
    published: String,
    draft: String,
}

struct Row {
    what: &'static str,
    operation: &'static str,
    variables: fn(&Scene) -> Value,
    /// The place in the data of what is asked for.
    pointer: &'static str,
    /// For each asker: `+` is something, `0` is null, an empty list or no events; `U` is
    /// UNAUTHENTICATED, `F` FORBIDDEN and `N` NOT_FOUND.
    expected: &'static str,
}

const TABLE: &[Row] = &[
    Row {
        what: "Organizer.name",
        operation: "query($slug: String!) { organizer(slug: $slug) { name } }",
        variables: |scene| json!({ "slug": scene.slug }),
        pointer: "/organizer/name",
        expected: "+++++++",
    },
    Row {
        what: "Organizer.viewerRole",
        operation: "query($slug: String!) { organizer(slug: $slug) { viewerRole } }",
        variables: |scene| json!({ "slug": scene.slug }),
        pointer: "/organizer/viewerRole",
        expected: "0000+++",
    },
    Row {
        what: "Organizer.members",
        operation: "query($slug: String!) { organizer(slug: $slug) { members { role } } }",
        variables: |scene| json!({ "slug": scene.slug }),
        pointer: "/organizer/members",
        expected: "0000+++",
    },
    Row {
        what: "Event.organizer.members",
        operation: "query($id: ID!) { event(id: $id) { organizer { members { role } } } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event/organizer/members",
        expected: "0000+++",
    },
    Row {
        what: "Organizer.events: published",
        operation: ORGANIZER_EVENTS,
        variables: |scene| json!({ "slug": scene.slug, "status": "PUBLISHED" }),
        pointer: "/organizer/events/nodes",
        expected: "+++++++",
    },
    Row {
        what: "Organizer.events: drafts",
        operation: ORGANIZER_EVENTS,
        variables: |scene| json!({ "slug": scene.slug, "status": "DRAFT" }),
        pointer: "/organizer/events/nodes",
        expected: "0000+++",
    },
    Row {
        what: "Organizer.events.totalCount: drafts",
        operation: ORGANIZER_EVENTS,
        variables: |scene| json!({ "slug": scene.slug, "status": "DRAFT" }),
        pointer: "/organizer/events/totalCount",
        expected: "0000+++",
    },
    Row {
        what: "events: drafts",
        operation: "query($filter: EventFilter) {
            events(filter: $filter, search: \"draft\") { totalCount } }",
        variables: |scene| json!({ "filter": { "organizerId": scene.organizer } }),
        pointer: "/events/totalCount",
        expected: "0000000",
    },
    Row {
        what: "createOrganizer",
        operation: CREATE,
        variables: |_| json!({ "input": { "name": "Jazz" } }),
        pointer: "/createOrganizer",
        expected: "U++++++",
    },
    Row {
        what: "updateOrganizer",
        operation: UPDATE,
        variables: |scene| json!({ "input": { "organizerId": scene.organizer, "name": "Jazz" } }),
        pointer: "/updateOrganizer",
        expected: "UFFFFF+",
    },
    Row {
        what: "setOrganizerMember: somebody new",
        operation: SET_MEMBER,
        variables: |scene| member_input(scene, &scene.outsider.email, "DOOR"),
        pointer: "/setOrganizerMember",
        expected: "UFFFFF+",
    },
    Row {
        what: "setOrganizerMember: another member",
        operation: SET_MEMBER,
        variables: |scene| member_input(scene, &scene.member.email, "MANAGER"),
        pointer: "/setOrganizerMember",
        expected: "UFFFFF+",
    },
    Row {
        what: "setOrganizerMember: oneself",
        operation: SET_MEMBER,
        variables: |scene| {
            let asker = scene.asker.as_ref().unwrap_or(&scene.outsider);
            member_input(scene, &asker.email, "OWNER")
        },
        pointer: "/setOrganizerMember",
        expected: "UFFFFF+",
    },
    Row {
        what: "removeOrganizerMember: another member",
        operation: REMOVE_MEMBER,
        variables: |scene| removal_input(scene, &scene.member),
        pointer: "/removeOrganizerMember",
        expected: "UFFFFF+",
    },
    Row {
        what: "removeOrganizerMember: an owner",
        operation: REMOVE_MEMBER,
        variables: |scene| removal_input(scene, &scene.keeper),
        pointer: "/removeOrganizerMember",
        expected: "UFFFFF+",
    },
    Row {
        what: "removeOrganizerMember: oneself",
        operation: REMOVE_MEMBER,
        variables: |scene| removal_input(scene, scene.asker.as_ref().unwrap_or(&scene.outsider)),
        pointer: "/removeOrganizerMember",
        expected: "U++++++",
    },
    Row {
        what: "bookEvent: published",
        operation: BOOK,
        variables: |scene| json!({ "input": { "eventId": scene.published } }),
        pointer: "/bookEvent/booking",
        expected: "U++++++",
    },
];

const ORGANIZER_EVENTS: &str = "query($slug: String!, $status: EventStatus) {
    organizer(slug: $slug) { events(status: $status) { totalCount nodes { title } } } }";

fn member_input(scene: &Scene, email: &str, role: &str) -> Value {
    json!({ "input": { "organizerId": scene.organizer, "email": email, "role": role } })
}

fn removal_input(scene: &Scene, member: &Person) -> Value {
    json!({ "input": { "organizerId": scene.organizer, "userId": member.id } })
}

async fn everybody_gets_what_their_role_allows_and_nothing_else(app: App) {
    let mut wrong = Vec::new();
    for row in TABLE {
        let mut outcomes = String::new();
        for asker in ASKERS {
            let scene = scene(&app, asker).await;
            let token = scene.asker.as_ref().map(|asker| &*asker.token);
            let answer = app.send(token, row.operation, (row.variables)(&scene)).await;
            outcomes.push(outcome(&answer, row.pointer));
        }
        if outcomes != row.expected {
            wrong.push(format!("{}: {outcomes} instead of {}", row.what, row.expected));
        }
    }
    assert!(wrong.is_empty(), "for {ASKERS:?}:\n{}", wrong.join("\n"));
}

fn outcome(answer: &Value, pointer: &str) -> char {
    match answer["errors"][0]["extensions"]["code"].as_str() {
        Some("UNAUTHENTICATED") => 'U',
        Some("FORBIDDEN") => 'F',
        Some("NOT_FOUND") => 'N',
        Some(_) => '?',
        None => match answer["data"].pointer(pointer).unwrap_or(&Value::Null) {
            Value::Null => '0',
            Value::Array(items) if items.is_empty() => '0',
            Value::Number(number) if number.as_i64() == Some(0) => '0',
            _ => '+',
        },
    }
}

async fn scene(app: &App, asker: Asker) -> Scene {
    let [keeper, member, outsider] = [person(app).await, person(app).await, person(app).await];
    let slug = format!("o-{}", Uuid::now_v7().simple());
    let organizer = found(app, &keeper, &slug).await;
    let mut events = Vec::new();
    for status in [event::Status::Published, event::Status::Draft] {
        let event = app.event_with(|event| {
            event.organizer_id = Uuid::parse_str(&organizer).unwrap().into();
            let title = if status == event::Status::Draft { "Draft" } else { "Concert" };
            event.title = title.to_owned();
            event.title_key = title.to_lowercase();
            event.is_public = status == event::Status::Published;
            event.status = status;
        });
        events.push(event.await);
    }
    let [published, draft] = events.try_into().unwrap();
    set_member(app, &keeper, &organizer, &member.email, "DOOR").await;
    let with_role = async |role: &str| {
        let asker = person(app).await;
        set_member(app, &keeper, &organizer, &asker.email, role).await;
        asker
    };
    let asker = match asker {
        Asker::Nobody => None,
        Asker::Stranger => Some(person(app).await),
        Asker::OtherOwner => {
            let owner = person(app).await;
            found(app, &owner, "Another one").await;
            Some(owner)
        }
        Asker::Removed => {
            let removed = with_role("OWNER").await;
            remove_member(app, &keeper, &organizer, &removed.id).await;
            Some(removed)
        }
        Asker::Door => Some(with_role("DOOR").await),
        Asker::Manager => Some(with_role("MANAGER").await),
        Asker::Owner => Some(with_role("OWNER").await),
    };
    Scene { asker, keeper, member, outsider, slug, organizer, published, draft }
}
