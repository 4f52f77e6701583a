//! Files of attendees and events: the download of an event's attendees, and the commands that import
//! and export events.

use std::fs;

use rowlock_entities::organizer_member::Role;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    app::App,
    door::check_in,
    managed_events::{Host, user_of},
    on_both_engines,
    program::rowlock_command,
};

on_both_engines! {
    attendees_are_downloaded_by_members_alone
    a_large_download_has_every_attendee_once
    a_file_of_events_is_imported_as_a_whole_or_not_at_all
    the_operator_imports_for_an_organizer_without_members
    what_is_exported_can_be_imported_again
}

/// Downloads an event's attendees. Returns the status and the lines.
async fn download(app: &App, token: Option<&str>, event: &str) -> (u16, Vec<Vec<String>>) {
    let request = app.get(&format!("/events/{event}/attendees.csv"));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    if status != 200 {
        return (status, Vec::new());
    }
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let lines = reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect());
    (status, lines.collect())
}

async fn attendees_are_downloaded_by_members_alone(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let draft = host.draft(&app, json!({})).await["id"].as_str().unwrap().to_owned();
    let (buyer, door) = (app.user().await, app.user().await);
    host.add(&app, &door, Role::Door).await;
    let id = user_of(&app, &buyer);
    app.execute_sql(&match app.engine() {
        crate::database::Engine::Postgres => {
            format!("UPDATE users SET name = '=1+1 \"Ada\", x' WHERE id = '{id}'")
        }
        crate::database::Engine::Sqlite => format!(
            "UPDATE users SET name = '=1+1 \"Ada\", x' WHERE id = unhex('{}')",
            id.0.simple()
        ),
    })
    .await;
    app.book(&buyer, &event, 3).await;
    for token in [&host.owner, &door] {
        let (status, lines) = download(&app, Some(token), &event).await;
        assert_eq!((status, lines.len()), (200, 1));
        let line = &lines[0];
        assert_eq!(line[1..3], ["CONFIRMED", "'=1+1 \"Ada\", x"]);
        assert_eq!(line[4..8], ["3", "35.00", "105.00", "USD"]);
        assert_eq!(line[12], "0");
        assert_eq!(download(&app, Some(token), &draft).await, (200, Vec::new()));
    }
    let (_, lines) = download(&app, Some(&door), &event).await;
    let entered = check_in(&app, &door, &event, &lines[0][0]).await;
    assert_eq!(entered["__typename"], "CheckInSuccess", "{entered}");
    assert_eq!(download(&app, Some(&door), &event).await.1[0][12], "1");
    for (token, event, status) in [
        (None, &*event, 401),
        (Some("no token"), &*event, 401),
        (Some(&*buyer), &*event, 403),
        (Some(&*buyer), &*draft, 404),
        (Some(&*buyer), crate::demo::UNKNOWN_ID, 404),
        (Some(&*buyer), "x", 404),
        (None, &*draft, 401),
    ] {
        assert_eq!(download(&app, token, event).await.0, status, "{event}");
    }
    let request = app.get(&format!("/events/{event}/attendees.csv")).bearer_auth("no token");
    let told = request.send().await.unwrap().text().await.unwrap();
    assert!(told.contains("The access token is expired or not valid."), "{told}");
}

async fn a_large_download_has_every_attendee_once(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({ "totalTickets": 5_000 })).await;
    let buyers = app.users(2_500).await;
    for buyers in buyers.chunks(250) {
        let bookings = buyers.iter().map(|buyer| app.book(buyer, &event, 1));
        futures_util::future::join_all(bookings).await;
    }
    let (status, lines) = download(&app, Some(&host.owner), &event).await;
    let emails: std::collections::HashSet<&String> = lines.iter().map(|line| &line[3]).collect();
    assert_eq!((status, lines.len(), emails.len()), (200, 2_500, 2_500));
}

/// Runs `rowlock events` with these arguments. Returns whether it succeeded, and what it printed.
fn events(app: &App, folder: &TempDir, args: &[&str]) -> (bool, String) {
    let output = rowlock_command(folder.path())
        .arg("events")
        .args(args)
        .env("DATABASE_URL", &app.database_url)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

async fn slug_of(app: &App, host: &Host) -> String {
    let query = "query($id: ID!) { node(id: $id) { ... on Organizer { slug } } }";
    let data = app.data(None, query, json!({ "id": host.organizer.to_string() })).await;
    data["node"]["slug"].as_str().unwrap().to_owned()
}

const HEAD: &str =
    "external_id,title,venue,city,time_zone,starts_at,price,currency,total_tickets,publish";

async fn the_operator_imports_for_an_organizer_without_members(app: App) {
    let folder = TempDir::new().unwrap();
    let line = "a,Choir,Hall,Graz,Europe/Vienna,2090-07-01 19:30,12.50,EUR,40,true\n";
    let changed = line.replace("Choir", "Quartet");
    for (text, counts) in [(line, "1 created"), (&*changed, "1 updated")] {
        fs::write(folder.path().join("events.csv"), format!("{HEAD}\n{text}")).unwrap();
        let import = ["import", "--organizer", "our-events", "events.csv"];
        let (succeeded, told) = events(&app, &folder, &import);
        assert!(succeeded && told.contains(counts), "{told}");
    }
}

async fn a_file_of_events_is_imported_as_a_whole_or_not_at_all(app: App) {
    let host = Host::found(&app).await;
    let slug = slug_of(&app, &host).await;
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let year = 2_090;
    let line = |id: &str, title: &str, start: &str| {
        format!("{id},{title},Hall,Graz,Europe/Vienna,{start},12.50,EUR,40,true\n")
    };
    let good = [
        line("a", "Choir", &format!("{year}-07-01 19:30")),
        line("b", "Quartet", &format!("{year}-07-02T19:30:00Z")),
    ]
    .concat();
    write("bad.csv", format!("{HEAD}\n{good}{}", line("c", "", "2020-01-01 10:00")));
    let (succeeded, told) = events(&app, &folder, &["import", "--organizer", &slug, "bad.csv"]);
    assert!(!succeeded && told.contains("line 4: title: "), "{told}");
    let start = format!("{year}-07-01 19:30");
    write("empty.csv", format!("{HEAD}\n{}", line("", "Choir", &start).repeat(2)));
    let (succeeded, told) = events(&app, &folder, &["import", "--organizer", &slug, "empty.csv"]);
    assert!(
        !succeeded && told.contains("line 3: external_id: external_id can't be empty."),
        "{told}"
    );
    assert!(!told.contains("the same"), "{told}");
    write("good.csv", format!("{HEAD}\n{good}"));
    let import = ["import", "--organizer", &slug, "good.csv"];
    assert_eq!(
        events(&app, &folder, &import),
        (true, "2 created, 0 updated, 0 unchanged\n".to_owned())
    );
    assert_eq!(
        events(&app, &folder, &import),
        (true, "0 created, 0 updated, 2 unchanged\n".to_owned())
    );
    let found = app
        .data(
            None,
            "{ events(search: \"choir graz\") { nodes { startsAt price { amount } } } }",
            json!({}),
        )
        .await;
    let expected =
        json!([{ "startsAt": format!("{year}-07-01T17:30:00Z"), "price": { "amount": "12.50" } }]);
    assert_eq!(found["events"]["nodes"], expected);
    for (args, problem) in [
        (vec!["import", "--organizer", "nobody", "good.csv"], "no organizer"),
        (vec!["import", "--organizer", &slug, "none.csv"], "none.csv"),
        (vec!["import", "--organizer", &slug, "good.txt"], ".csv or .json"),
        (vec!["export", "--organizer", "nobody"], "no organizer"),
    ] {
        let (succeeded, told) = events(&app, &folder, &args);
        assert!(!succeeded && told.contains(problem), "{args:?}: {told}");
    }
}

async fn what_is_exported_can_be_imported_again(app: App) {
    let (host, other) = (Host::found(&app).await, Host::found(&app).await);
    let (slug, other) = (slug_of(&app, &host).await, slug_of(&app, &other).await);
    host.event(
        &app,
        json!({ "externalId": "a", "title": "=Choir", "description": "One,\n\"two\"" }),
    )
    .await;
    host.draft(&app, json!({ "externalId": "b", "salesEndAt": null })).await;
    let folder = TempDir::new().unwrap();
    for (format, name) in [(vec![], "events.csv"), (vec!["--json"], "events.json")] {
        let export = [vec!["export", "--organizer", &slug], format.clone()].concat();
        let (succeeded, text) = events(&app, &folder, &export);
        assert!(succeeded, "{text}");
        fs::write(folder.path().join(name), &text).unwrap();
        let again = events(&app, &folder, &["import", "--organizer", &slug, name]);
        assert_eq!(again, (true, "0 created, 0 updated, 2 unchanged\n".to_owned()));
        let created = if name == "events.csv" { (2, 0) } else { (0, 2) };
        let elsewhere = events(&app, &folder, &["import", "--organizer", &other, name]);
        let expected = format!("{} created, 0 updated, {} unchanged\n", created.0, created.1);
        assert_eq!(elsewhere, (true, expected));
        let export = [vec!["export", "--organizer", &other], format].concat();
        assert_eq!(events(&app, &folder, &export), (true, text));
    }
}
