//! The table of permissions: everything that needs a role, and what everybody gets who asks for it.

mod of_schema;

use reqwest::Method;
use rowlock_entities::event;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::{App, BOOK, CANCEL, CHANGE},
    covers, on_both_engines,
    organizers::{
        CREATE, Person, REMOVE_MEMBER, SET_MEMBER, UPDATE, found, people, remove_member, set_member,
    },
    socket::{MODERN_PROTOCOL, Socket},
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

/// The largest number of people in a scene.
const PEOPLE_PER_SCENE: u32 = 4;

/// An organizer with an event of each kind. Each change gets a new one.
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
    /// A booking of the published event by the outsider.
    booking: String,
}

struct Row {
    /// The field, such as `Event.sales`, or `createEvent` for one of the roots. After a colon, what
    /// it is asked for.
    what: &'static str,
    operation: &'static str,
    variables: fn(&Scene) -> Value,
    /// The place in the data of what is asked for.
    pointer: &'static str,
    /// For each asker: `+` is something, `0` is null, an empty list or no events; `U` is
    /// UNAUTHENTICATED, `F` FORBIDDEN and `N` NOT_FOUND.
    expected: &'static str,
}

impl Row {
    fn field(&self) -> &'static str {
        self.what.split(": ").next().unwrap_or_default()
    }

    /// Whether somebody gets something who is signed in, and no member.
    fn is_open_to_strangers(&self) -> bool {
        self.expected.chars().nth(1) == Some('+')
    }

    fn is_change(&self) -> bool {
        self.operation.starts_with("mutation")
            || [PUT_COVER, DELETE_COVER].contains(&self.operation)
    }
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
        what: "Organizer.members: through an event",
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
        what: "Organizer.events: the number of drafts",
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
        what: "events: published",
        operation: "query($filter: EventFilter) { events(filter: $filter) { totalCount } }",
        variables: |scene| json!({ "filter": { "organizerId": scene.organizer } }),
        pointer: "/events/totalCount",
        expected: "+++++++",
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
        what: "Event.externalId",
        operation: "query($id: ID!) { event(id: $id) { externalId } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event/externalId",
        expected: "0000+++",
    },
    Row {
        what: "Event.attendees",
        operation: "query($id: ID!) { event(id: $id) { attendees { nodes { email } } } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event/attendees/nodes",
        expected: "0000+++",
    },
    Row {
        what: "Event.attendees: searched",
        operation: "query($id: ID!, $search: String) { event(id: $id) {
            attendees(search: $search) { totalCount } } }",
        variables: |scene| json!({ "id": scene.published, "search": scene.outsider.email }),
        pointer: "/event/attendees/totalCount",
        expected: "0000+++",
    },
    Row {
        what: "Event.sales",
        operation: "query($id: ID!) { event(id: $id) { sales { soldTickets } } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event/sales/soldTickets",
        expected: "0000+++",
    },
    Row {
        what: "Event.arrivals",
        operation: "query($id: ID!) { event(id: $id) { arrivals { expected } } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event/arrivals/expected",
        expected: "0000+++",
    },
    Row {
        what: "event: published",
        operation: "query($id: ID!) { event(id: $id) { title } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event",
        expected: "+++++++",
    },
    Row {
        what: "node: published",
        operation: "query($id: ID!) { node(id: $id) { id } }",
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/node",
        expected: "+++++++",
    },
    Row {
        what: "event: a draft",
        operation: "query($id: ID!) { event(id: $id) { title } }",
        variables: |scene| json!({ "id": scene.draft }),
        pointer: "/event",
        expected: "0000+++",
    },
    Row {
        what: "node: a draft",
        operation: "query($id: ID!) { node(id: $id) { id } }",
        variables: |scene| json!({ "id": scene.draft }),
        pointer: "/node",
        expected: "0000+++",
    },
    Row {
        what: "remainingTickets: published",
        operation: "subscription($ids: [ID!]) { remainingTickets(eventIds: $ids) { version } }",
        variables: |scene| json!({ "ids": [scene.published] }),
        pointer: "/remainingTickets",
        expected: "+++++++",
    },
    Row {
        what: "remainingTickets: a draft",
        operation: "subscription($ids: [ID!]) { remainingTickets(eventIds: $ids) { eventId } }",
        variables: |scene| json!({ "ids": [scene.published, scene.draft] }),
        pointer: "/remainingTickets",
        expected: "NNNN+++",
    },
    Row {
        what: "eventUpdates: published",
        operation: EVENT_UPDATES,
        variables: |scene| json!({ "ids": [scene.published], "revisions": [0] }),
        pointer: "/eventUpdates",
        expected: "+++++++",
    },
    Row {
        what: "eventUpdates: a draft",
        operation: EVENT_UPDATES,
        variables: |scene| json!({ "ids": [scene.draft], "revisions": [0] }),
        pointer: "/eventUpdates",
        expected: "NNNN+++",
    },
    Row {
        what: "arrivals: published",
        operation: ARRIVALS,
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/arrivals",
        expected: "UFFF+++",
    },
    Row {
        what: "arrivals: a draft",
        operation: ARRIVALS,
        variables: |scene| json!({ "id": scene.draft }),
        pointer: "/arrivals",
        expected: "UNNN+++",
    },
    Row {
        what: "attendees.csv: published",
        operation: ATTENDEES_CSV,
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/csv",
        expected: "UFFF+++",
    },
    Row {
        what: "attendees.csv: a draft",
        operation: ATTENDEES_CSV,
        variables: |scene| json!({ "id": scene.draft }),
        pointer: "/csv",
        expected: "UNNN+++",
    },
    Row {
        what: "cover: given to a published event",
        operation: PUT_COVER,
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event",
        expected: "UFFFF++",
    },
    Row {
        what: "cover: given to a draft",
        operation: PUT_COVER,
        variables: |scene| json!({ "id": scene.draft }),
        pointer: "/event",
        expected: "UNNNF++",
    },
    Row {
        what: "cover: taken from a published event",
        operation: DELETE_COVER,
        variables: |scene| json!({ "id": scene.published }),
        pointer: "/event",
        expected: "UFFFF++",
    },
    Row {
        what: "cover: taken from a draft",
        operation: DELETE_COVER,
        variables: |scene| json!({ "id": scene.draft }),
        pointer: "/event",
        expected: "UNNNF++",
    },
    Row {
        what: "createEvent",
        operation: "mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }",
        variables: |scene| {
            let mut input = event_values();
            input["organizerId"] = json!(scene.organizer);
            json!({ "input": input })
        },
        pointer: "/createEvent",
        expected: "UFFFF++",
    },
    Row {
        what: "updateEvent: published",
        operation: UPDATE_EVENT,
        variables: |scene| json!({ "input": { "eventId": scene.published, "revision": 1, "title": "New" } }),
        pointer: "/updateEvent/event",
        expected: "UFFFF++",
    },
    Row {
        what: "updateEvent: a draft",
        operation: UPDATE_EVENT,
        variables: |scene| json!({ "input": { "eventId": scene.draft, "revision": 1, "title": "New" } }),
        pointer: "/updateEvent/event",
        expected: "UNNNF++",
    },
    Row {
        what: "publishEvent",
        operation: "mutation($input: PublishEventInput!) { publishEvent(input: $input) {
            ... on UpdateEventSuccess { event { id } } } }",
        variables: |scene| json!({ "input": { "eventId": scene.draft, "revision": 1 } }),
        pointer: "/publishEvent/event",
        expected: "UNNNF++",
    },
    Row {
        what: "cancelEvent: published",
        operation: CANCEL_EVENT,
        variables: |scene| json!({ "input": { "eventId": scene.published, "reason": "Rain" } }),
        pointer: "/cancelEvent/event",
        expected: "UFFFF++",
    },
    Row {
        what: "cancelEvent: a draft",
        operation: CANCEL_EVENT,
        variables: |scene| json!({ "input": { "eventId": scene.draft, "reason": "Rain" } }),
        pointer: "/cancelEvent/event",
        expected: "UNNNF++",
    },
    Row {
        what: "importEvents",
        operation: "mutation($input: ImportEventsInput!) { importEvents(input: $input) {
            created } }",
        variables: |scene| {
            let mut event = event_values();
            event["externalId"] = json!("imported");
            json!({ "input": { "organizerId": scene.organizer, "events": [event] } })
        },
        pointer: "/importEvents/created",
        expected: "UFFFF++",
    },
    Row {
        what: "cancelAttendeeBooking",
        operation: "mutation($input: CancelAttendeeBookingInput!) {
            cancelAttendeeBooking(input: $input) {
                ... on CancelBookingSuccess { booking { id } } } }",
        variables: |scene| json!({ "input": { "bookingId": scene.booking, "reason": "Rain" } }),
        pointer: "/cancelAttendeeBooking/booking",
        expected: "UNNNF++",
    },
    Row {
        what: "checkIn: published",
        operation: CHECK_IN,
        variables: |scene| json!({ "input": { "eventId": scene.published, "code": "x" } }),
        pointer: "/checkIn",
        expected: "UFFF+++",
    },
    Row {
        what: "checkIn: a draft",
        operation: CHECK_IN,
        variables: |scene| json!({ "input": { "eventId": scene.draft, "code": "x" } }),
        pointer: "/checkIn",
        expected: "UNNN+++",
    },
    Row {
        what: "undoCheckIn: published",
        operation: UNDO_CHECK_IN,
        variables: |scene| json!({ "input": { "eventId": scene.published, "code": "x" } }),
        pointer: "/undoCheckIn",
        expected: "UFFF+++",
    },
    Row {
        what: "undoCheckIn: a draft",
        operation: UNDO_CHECK_IN,
        variables: |scene| json!({ "input": { "eventId": scene.draft, "code": "x" } }),
        pointer: "/undoCheckIn",
        expected: "UNNN+++",
    },
    Row {
        what: "cancelBooking: somebody else's",
        operation: CANCEL,
        variables: |scene| json!({ "input": { "bookingId": scene.booking } }),
        pointer: "/cancelBooking/booking",
        expected: "UNNNNNN",
    },
    Row {
        what: "changeBooking: somebody else's",
        operation: CHANGE,
        variables: |scene| json!({ "input": { "bookingId": scene.booking, "quantity": 2 } }),
        pointer: "/changeBooking/booking",
        expected: "UNNNNNN",
    },
    Row {
        what: "bookEvent: a draft",
        operation: BOOK,
        variables: |scene| json!({ "input": { "eventId": scene.draft } }),
        pointer: "/bookEvent/booking",
        expected: "UNNNNNN",
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

const ARRIVALS: &str = "subscription($id: ID!) { arrivals(eventId: $id) { expected } }";

const CHECK_IN: &str = "mutation($input: CheckInInput!) { checkIn(input: $input) { __typename } }";

const UNDO_CHECK_IN: &str =
    "mutation($input: CheckInInput!) { undoCheckIn(input: $input) { __typename } }";

/// No operations, but requests for other addresses.
const OTHER_REQUESTS: [&str; 3] = [ATTENDEES_CSV, PUT_COVER, DELETE_COVER];
const ATTENDEES_CSV: &str = "GET attendees.csv";
const PUT_COVER: &str = "PUT cover";
const DELETE_COVER: &str = "DELETE cover";

const EVENT_UPDATES: &str = "subscription($ids: [ID!]!, $revisions: [Int!]) {
    eventUpdates(eventIds: $ids, revisions: $revisions) { title } }";

const UPDATE_EVENT: &str = "mutation($input: UpdateEventInput!) { updateEvent(input: $input) {
    ... on UpdateEventSuccess { event { id } } } }";

const CANCEL_EVENT: &str = "mutation($input: CancelEventInput!) { cancelEvent(input: $input) {
    ... on UpdateEventSuccess { event { id } } } }";

fn event_values() -> Value {
    json!({
        "title": "New", "venue": "Hall", "timeZone": "UTC", "startsAt": "2999-01-01T20:00:00Z",
        "price": { "amount": "10", "currency": "EUR" }, "totalTickets": 5,
    })
}

fn member_input(scene: &Scene, email: &str, role: &str) -> Value {
    json!({ "input": { "organizerId": scene.organizer, "email": email, "role": role } })
}

fn removal_input(scene: &Scene, member: &Person) -> Value {
    json!({ "input": { "organizerId": scene.organizer, "userId": member.id } })
}

async fn everybody_gets_what_their_role_allows_and_nothing_else(app: App) {
    let changes = TABLE.iter().filter(|row| row.is_change()).count();
    let scenes = (changes + 1) * ASKERS.len();
    let mut unused = people(&app, u32::try_from(scenes).unwrap() * PEOPLE_PER_SCENE).await;
    let mut for_reading = Vec::new();
    for asker in ASKERS {
        for_reading.push(scene(&app, &mut unused, asker).await);
    }
    let mut wrong = Vec::new();
    for row in TABLE {
        let mut outcomes = String::new();
        for (asker, for_reading) in ASKERS.into_iter().zip(&for_reading) {
            let answer = match row.is_change() {
                true => answer(&app, row, &scene(&app, &mut unused, asker).await).await,
                false => answer(&app, row, for_reading).await,
            };
            outcomes.push(outcome(&answer, row.pointer));
        }
        if outcomes != row.expected {
            wrong.push(format!("{}: {outcomes} instead of {}", row.what, row.expected));
        }
    }
    assert!(wrong.is_empty(), "for {ASKERS:?}:\n{}", wrong.join("\n"));
}

/// The answer to the operation, or the first one to a subscription.
async fn answer(app: &App, row: &Row, scene: &Scene) -> Value {
    let token = scene.asker.as_ref().map(|asker| &*asker.token);
    let variables = (row.variables)(scene);
    let event = variables["id"].as_str().unwrap_or_default();
    match row.operation {
        ATTENDEES_CSV => return attendees_csv(app, token, event).await,
        PUT_COVER => return change_cover(app, token, Method::PUT, event).await,
        DELETE_COVER => return change_cover(app, token, Method::DELETE, event).await,
        _ => {}
    }
    if !row.operation.starts_with("subscription") {
        return app.send(token, row.operation, variables).await;
    }
    let greeting = match token {
        Some(token) => json!({ "Authorization": format!("Bearer {token}") }),
        None => json!({}),
    };
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, greeting).await;
    socket.start(row.operation, variables).await;
    socket.next_result().await
}

/// The downloaded file as if it were an answer's data.
async fn attendees_csv(app: &App, token: Option<&str>, event: &str) -> Value {
    let request = app.get(&format!("/events/{event}/attendees.csv"));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.send().await.unwrap();
    match answer.status().is_success() {
        true => json!({ "data": { "csv": answer.text().await.unwrap() } }),
        false => answer.json().await.unwrap(),
    }
}

async fn change_cover(app: &App, token: Option<&str>, method: Method, event: &str) -> Value {
    let path = format!("{}/events/{event}/cover?alt=Hall", app.url);
    let request = app.http.request(method, path).body(covers::jpeg(16, 9));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.unwrap().json().await.unwrap()
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

async fn scene(app: &App, unused: &mut Vec<Person>, asker: Asker) -> Scene {
    let mut person = || unused.pop().expect("there are enough people for all scenes");
    let (keeper, member, outsider) = (person(), person(), person());
    let slug = format!("o-{}", Uuid::now_v7().simple());
    let organizer = found(app, &keeper, &slug).await;
    let mut events = Vec::new();
    for status in [event::Status::Published, event::Status::Draft] {
        let event = app.event_with(|event| {
            event.organizer_id = Uuid::parse_str(&organizer).unwrap().into();
            let title = if status == event::Status::Draft { "Draft" } else { "Concert" };
            event.title = title.to_owned();
            event.title_key = title.to_lowercase();
            event.external_id = Some(title.to_owned());
            event.is_public = status == event::Status::Published;
            event.status = status;
        });
        events.push(event.await);
    }
    let [published, draft] = events.try_into().unwrap();
    let booked = app.book(&outsider.token, &published, 1).await;
    let booking = booked["booking"]["id"].as_str().unwrap().to_owned();
    set_member(app, &keeper, &organizer, &member.email, "DOOR").await;
    let with_role = async |asker: Person, role: &str| {
        set_member(app, &keeper, &organizer, &asker.email, role).await;
        asker
    };
    let asker = match asker {
        Asker::Nobody => None,
        Asker::Stranger => Some(person()),
        Asker::OtherOwner => {
            let owner = person();
            found(app, &owner, "Another one").await;
            Some(owner)
        }
        Asker::Removed => {
            let removed = with_role(person(), "OWNER").await;
            remove_member(app, &keeper, &organizer, &removed.id).await;
            Some(removed)
        }
        Asker::Door => Some(with_role(person(), "DOOR").await),
        Asker::Manager => Some(with_role(person(), "MANAGER").await),
        Asker::Owner => Some(with_role(person(), "OWNER").await),
    };
    Scene { asker, keeper, member, outsider, slug, organizer, published, draft, booking }
}
