//! The commands of the program `rowlock`.

use std::{fs, os::unix::fs::PermissionsExt, process::Output, time::Duration};

use rowlock::app::seed;
use rowlock_entities::{
    OrganizerId, event, organizer, organizer::FIRST_ORGANIZER, organizer_member,
};
use rowlock_migration::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    app::{App, BOOK, CANCEL, JWT_SECRET},
    database::{Engine, postgres_admin, postgres_url},
    demo::{JAZZ_NIGHT, LIMITED_CONCERT, LOG_IN_AS_ADA},
    on_both_engines,
    program::{Program, rowlock_command},
    waiting::wait_until,
};

on_both_engines! {
    a_migration_is_not_undone_where_its_bookings_break_the_rules_of_before
    migrations_of_a_newer_version_leave_servers_ready
    the_audit_finds_a_count_that_disagrees_with_its_bookings
    the_audit_finds_bookings_that_do_not_fit_their_event
    seeding_again_moves_demo_events_that_are_over_and_have_no_bookings
    the_operator_creates_organizers_and_names_owners
    seeding_again_leaves_demo_users_alone_who_have_changed_their_address
    seeding_again_gives_demo_events_of_the_first_organizer_their_own
    demo_users_are_removed_with_their_bookings_even_while_they_book
        ["--bookings-per-minute-per-user", "1000000"]
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The error of a command, which must fail and say why in one line.
pub(crate) fn one_line_error(output: &Output) -> String {
    assert!(!output.status.success());
    let line = utf8(&output.stderr);
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

#[test]
fn every_subcommand_and_setting_is_in_the_help() {
    let folder = TempDir::new().unwrap();
    let help = |args: &[&str]| {
        utf8(&rowlock_command(folder.path()).args(args).arg("--help").output().unwrap().stdout)
    };
    let main_help = help(&[]);
    for subcommand in ["serve", "migrate", "seed", "schema", "audit", "users", "organizers"] {
        assert!(
            main_help.contains(&format!("\n  {subcommand}")),
            "{subcommand} is not in\n{main_help}"
        );
    }
    let serve_help = help(&["serve"]);
    for setting in [
        "DATABASE_URL",
        "LISTEN_ADDR",
        "JWT_SECRET",
        "ALLOWED_ORIGINS",
        "BOOKING_DELAY_MS",
        "DATABASE_READ_CONNECTIONS",
        "DATABASE_WRITE_CONNECTIONS",
        "MAX_BODY_BYTES",
        "LOGINS_PER_MINUTE_PER_EMAIL",
        "LOG_FORMAT",
    ] {
        assert!(
            serve_help.contains(&format!("[env: {setting}")),
            "{setting} is not in\n{serve_help}"
        );
    }
    assert!(help(&["users", "create"]).contains("--tokens <FILE>"));
}

#[test]
fn the_schema_is_printed_without_a_database() {
    let folder = TempDir::new().unwrap();
    let output = rowlock_command(folder.path()).arg("schema").output().unwrap();
    assert!(output.status.success());
    assert_eq!(utf8(&output.stdout), rowlock::graphql::sdl());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "printing the schema writes no file"
    );
}

#[test]
fn an_error_that_nobody_reads_is_no_panic() {
    let folder = TempDir::new().unwrap();
    for (args, code) in [(&["nonsense"][..], 2), (&["audit"], 1)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = rowlock_command(folder.path()).args(args).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}");
    }
}

#[test]
fn a_wrong_setting_is_reported_in_one_line() {
    let folder = TempDir::new().unwrap();
    for (name, value, expected) in [
        ("DATABASE_URL", "postgre://me:s3cret@h/d", "it must start with sqlite: or postgres://"),
        ("DATABASE_URL", "sqlite::memory:", "name a file"),
        ("LISTEN_ADDR", "nowhere", "use an address of this machine"),
        ("JWT_SECRET", "tooshort", "it needs at least 32 bytes and has 8"),
        ("TICKET_SECRET", "tooshort", "it needs at least 32 bytes and has 8"),
        ("TICKET_ACCEPTED_SECRET", "tooshort", "it needs at least 32 bytes and has 8"),
        ("ALLOWED_ORIGINS", "*", "does not start with https:// or http://"),
        ("REFRESH_COOKIE_SAME_SITE", "lax", "[possible values: strict, none]"),
        ("BOOKING_DELAY_MS", "-1", "write a whole number, in digits alone"),
        ("MAX_BODY_BYTES", "64k", "write a whole number, in digits alone"),
        ("DATABASE_READ_CONNECTIONS", "0", "not in 1..=1000"),
        ("LOG_FORMAT", "xml", "[possible values: text, json]"),
        ("LOG_LEVEL", "bananas", "is not a level"),
        ("LOG_LEVEL", "info,bananas", "is not a level"),
        ("LOG_LEVEL", "rowlock=loud", "expected one of \"off\""),
        ("LOG_LEVEL", "a=b=c", "\"a=b=c\""),
        ("LOG_LEVEL", ",", "names no level"),
        ("LOG_LEVEL", "info rowlock=debug", "commas separate several"),
        ("LOG_LEVEL", "info,rowlock=", "names no part of the program and a level"),
        ("WEB_DIR", "nowhere", "the web client's index.html"),
        ("PAGES_DIR", "nowhere", "it is not a folder that can be read"),
        ("ALLOWED_ORIGINS", "https://a.example:99999", "must be a scheme, a host"),
        ("MAIL_FROM", "nonsense", "use an address such as `Tickets <tickets@example.org>`"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318/v1/traces", "leave out /v1/traces"),
    ] {
        let output = rowlock_command(folder.path()).env(name, value).output().unwrap();
        let line = one_line_error(&output);
        assert!(!folder.path().join("data").exists(), "{name}={value}: nothing has started");
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        assert!(line.contains(&flag) && line.contains(expected), "{name}={value}: {line}");
        let is_secret = name == "DATABASE_URL" || name.ends_with("_SECRET");
        assert_eq!(line.contains(value), !is_secret, "{name}={value}: {line}");
    }
    let output = rowlock_command(folder.path()).args(["jobs", "retry", "xyz"]).output().unwrap();
    assert!(one_line_error(&output).contains("use an id from `rowlock jobs list`"));
    let output = rowlock_command(folder.path()).arg("sell").output().unwrap();
    assert!(one_line_error(&output).contains("sell"));
    for (args, expected) in [
        (&["serv"][..], "did you mean `serve`?"),
        (&["jobs", "lst"], "did you mean `list`?"),
        (&["--listen-adr", "127.0.0.1:1"], "did you mean `--listen-addr`?"),
        (&["jobs", "list", "--state", "ded"], "did you mean `dead`?"),
    ] {
        let line = one_line_error(&rowlock_command(folder.path()).args(args).output().unwrap());
        assert!(line.trim_end().ends_with(expected), "{args:?}: {line}");
    }
    let negative = rowlock_command(folder.path()).args(["seed", "--events", "-1"]).output();
    let line = one_line_error(&negative.unwrap());
    assert!(line.contains("--events <N> \"-1\": "), "{line}");
    for unlike in ["--bind", "--workers", "--limit"] {
        let output = rowlock_command(folder.path()).arg(unlike).output().unwrap();
        let line = one_line_error(&output);
        assert!(line.contains(unlike) && !line.contains("did you mean"), "{line}");
    }
    let mail = rowlock_command(folder.path()).env("SMTP_URL", "smtp://localhost").output().unwrap();
    let line = one_line_error(&mail);
    assert!(line.contains("--mail-from") && line.contains("SMTP_URL needs MAIL_FROM"), "{line}");
    let without_secret =
        rowlock_command(folder.path()).env("DATABASE_URL", "postgres://h/d").output();
    let line = one_line_error(&without_secret.unwrap());
    assert!(line.starts_with("rowlock: JWT_SECRET is not set"), "{line}");
}

#[test]
fn a_server_that_can_write_no_mails_does_not_start() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for wrong in ["file", "file/mail", "/proc/mail"] {
        let mut command = rowlock_command(folder.path());
        command.env("MAIL_DIR", wrong).env("LISTEN_ADDR", "127.0.0.1:0");
        let line = one_line_error(&command.output().unwrap());
        let expected = format!("MAIL_DIR: the folder {wrong} can't be used for mails");
        assert!(line.contains(&expected), "{line}");
    }
}

#[test]
fn a_wrong_sampler_of_traces_is_reported_in_one_line() {
    let folder = TempDir::new().unwrap();
    for (sampler, share) in
        [("bananas", "1"), ("traceidratio", "5"), ("parentbased_traceidratio", "1 %")]
    {
        let mut serve = rowlock_command(folder.path());
        serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        serve.env("OTEL_TRACES_SAMPLER", sampler).env("OTEL_TRACES_SAMPLER_ARG", share);
        let line = one_line_error(&serve.output().unwrap());
        assert!(line.starts_with("rowlock: OTEL_TRACES_SAMPLER"), "{line}");
        assert!(!folder.path().join("data").exists(), "nothing has started");
    }
}

#[test]
fn a_folder_without_a_web_client_is_no_hindrance_to_other_commands() {
    let folder = TempDir::new().unwrap();
    let migrate = rowlock_command(folder.path()).arg("migrate").env("WEB_DIR", "nowhere").output();
    assert!(migrate.unwrap().status.success());
    let serve = rowlock_command(folder.path()).args(["serve", "--web-dir", "nowhere"]).output();
    assert!(one_line_error(&serve.unwrap()).contains("--web-dir \"nowhere\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_web_client_in_the_default_folder_the_api_is_served_alone() {
    let server = Program::serve(&[("LOG_LEVEL", " info, sqlx=error")]).await;
    assert_eq!(server.get("/").send().await.unwrap().status(), 404);
    server.terminate();
    let (_, log) = server.wait();
    let told = log.lines().filter(|line| line.contains("serving the API alone"));
    assert_eq!(told.count(), 1, "{log}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let folder = TempDir::new().unwrap();
    let mut serve = rowlock_command(folder.path());
    for setting in ["LISTEN_ADDR", "JWT_SECRET", "BOOKING_DELAY_MS", "METRICS_TOKEN", "LOG_LEVEL"] {
        serve.env(setting, "");
    }
    // The one setting that is wrong is the one that is reported.
    let output = serve.env("LOG_FORMAT", "xml").output().unwrap();
    assert!(one_line_error(&output).contains("LOG_FORMAT"));
}

#[test]
fn an_unreachable_database_is_reported_in_one_line() {
    let folder = TempDir::new().unwrap();
    for command in ["migrate", "seed", "audit"] {
        let url = "postgres://me:s3cret@127.0.0.1:1/rowlock";
        let output =
            rowlock_command(folder.path()).arg(command).env("DATABASE_URL", url).output().unwrap();
        let line = one_line_error(&output);
        assert!(line.contains("postgres://127.0.0.1:1/rowlock can't be reached"), "{line}");
        assert!(line.to_lowercase().contains("connection refused"), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_up_and_down_and_up_on_both_engines() {
    let folder = TempDir::new().unwrap();
    let database = format!("migrations_{}", uuid::Uuid::now_v7().simple());
    postgres_admin(&format!("CREATE DATABASE {database}")).await;
    for url in ["sqlite:data/m.db".to_owned(), postgres_url(&database)] {
        let run = |args: &[&str]| {
            let output = rowlock_command(folder.path())
                .args(args)
                .env("DATABASE_URL", &url)
                .output()
                .unwrap();
            (output.status.success(), utf8(&output.stdout) + &utf8(&output.stderr))
        };
        let (succeeded, output) = run(&["seed"]);
        assert!(!succeeded && output.contains("run `rowlock migrate` first"), "{output}");
        let (succeeded, output) = run(&["migrate"]);
        let applied = format!("applied {} migrations", Migrator::migrations().len());
        assert!(succeeded && output.contains(&applied), "{output}");
        let (succeeded, output) = run(&["migrate"]);
        assert!(succeeded && !output.contains("applied"), "{output}");
        let (succeeded, output) = run(&["seed"]);
        let is_embedded = url.starts_with("sqlite");
        let added = if is_embedded { " and 3 demo users" } else { ", but no demo users, because" };
        assert!(succeeded && output.contains(&format!("added 12 demo events{added}")), "{output}");
        let (succeeded, output) = run(&["seed", "--demo-users"]);
        let added = if is_embedded { 0 } else { 3 };
        let added = format!("added 0 demo events and {added} demo users");
        assert!(succeeded && output.contains(&added), "{output}");
        assert!(output.contains("--remove-demo-users` removes"), "{output}");
        let (succeeded, output) = run(&["seed", "--demo-users"]);
        assert!(succeeded && output.contains("added 0 demo events and 0 demo users"), "{output}");
        let (succeeded, output) = run(&["audit"]);
        assert!(
            succeeded && output.contains("12 events and 0 bookings checked, 0 violations"),
            "{output}"
        );
        let fill = ["seed", "--events", "50", "--bookings", "120"];
        let (succeeded, output) = run(&fill);
        assert!(
            succeeded && output.contains("50 generated events, 3 users and 120 bookings"),
            "{output}"
        );
        let (succeeded, output) = run(&["jobs", "list"]);
        assert!(succeeded && output.contains("jobs: 0"), "nobody gets a mail: {output}");
        let (succeeded, output) = run(&fill);
        assert!(
            succeeded && output.contains("0 bookings, because there are as many already"),
            "{output}"
        );
        let (succeeded, output) = run(&["seed", "--events", "1", "--bookings", "1000"]);
        assert!(
            succeeded && output.contains(" bookings are missing, because their events"),
            "{output}"
        );
        for args in [&["seed", "--events", "0"][..], &["seed", "--bookings", "5"]] {
            let (succeeded, output) = run(args);
            assert!(!succeeded && output.contains("--events"), "{output}");
        }
        let (succeeded, output) = run(&["audit"]);
        assert!(
            succeeded && output.contains("62 events and 140 bookings checked, 0 violations"),
            "{output}"
        );
        let all = Migrator::migrations().len().to_string();
        let (succeeded, output) = run(&["migrate", "--down", &all]);
        assert!(!succeeded && output.contains("add --yes to confirm"), "{output}");
        let (succeeded, output) = run(&["migrate", "--down", "999", "--yes"]);
        assert!(!succeeded && output.contains(&format!("only {all} migrations")), "{output}");
        assert!(run(&["audit"]).1.contains("62 events and 140 bookings"), "all is still there");
        let (succeeded, output) = run(&["migrate", "--down", &all, "--yes"]);
        assert!(succeeded, "{output}");
        assert!(run(&["migrate"]).0);
        assert!(run(&["seed", "--demo-users"]).1.contains("12 demo events and 3 demo users"));
    }
}

async fn a_migration_is_not_undone_where_its_bookings_break_the_rules_of_before(app: App) {
    let events = [app.event("One", 5).await, app.event("Two", 5).await];
    let user = app.user().await;
    for event in &events {
        let input = json!({ "eventId": event, "idempotencyKey": "k" });
        app.data(Some(&user), BOOK, json!({ "input": input })).await;
    }
    let names = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
    let from = names.skip_while(|name| !name.contains("keys_of_events")).count().to_string();
    let folder = TempDir::new().unwrap();
    let undo = || {
        let mut migrate = rowlock_command(folder.path());
        migrate.args(["migrate", "--down", &from, "--yes"]).env("DATABASE_URL", &app.database_url);
        let output = migrate.output().unwrap();
        (output.status.success(), utf8(&output.stdout) + &utf8(&output.stderr))
    };
    let (succeeded, output) = undo();
    assert!(!succeeded && output.contains("1 idempotency keys belong to several"), "{output}");
    assert!(output.contains("set idempotency_key to NULL in all but one"), "{output}");
    assert!(output.contains("undid 2 migrations, and stopped at the next one: "), "{output}");
    let input = json!({ "eventId": events[1], "idempotencyKey": "k" });
    let repeated = app.data(Some(&user), BOOK, json!({ "input": input })).await;
    assert_eq!(repeated["bookEvent"]["__typename"], "BookEventSuccess", "nothing is half undone");
    let forget = "UPDATE bookings SET idempotency_key = NULL \
                  WHERE event_id = (SELECT id FROM events WHERE title = 'Two')";
    app.execute_sql(forget).await;
    let (succeeded, output) = undo();
    assert!(succeeded, "{output}");
}

async fn migrations_of_a_newer_version_leave_servers_ready(app: App) {
    app.execute_sql("INSERT INTO seaql_migrations VALUES ('m99990101_000001_next', 0)").await;
    let other = app.start_second_server().await;
    for server in [&app, &other] {
        wait_until(Duration::from_secs(20), "the server is ready", async || {
            server.get("/readyz").send().await.unwrap().text().await.unwrap() == "ready\n"
        })
        .await;
    }
    let folder = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let mut command = rowlock_command(folder.path());
        command.args(args).env("DATABASE_URL", &app.database_url).output().unwrap()
    };
    assert!(run(&["audit"]).status.success());
    let migrated = run(&["migrate"]);
    let told = utf8(&migrated.stdout);
    assert!(migrated.status.success() && told.contains("1 migration of a newer version"), "{told}");
    let refused = one_line_error(&run(&["migrate", "--down", "1", "--yes"]));
    assert!(refused.contains("use that version to change the schema"), "{refused}");
}

async fn the_audit_finds_a_count_that_disagrees_with_its_bookings(app: App) {
    let event = app.event("Concert", 5).await;
    app.book(&app.user().await, &event, 2).await;
    let folder = TempDir::new().unwrap();
    let audit = || {
        let mut audit = rowlock_command(folder.path());
        let output = audit.arg("audit").env("DATABASE_URL", &app.database_url).output().unwrap();
        (output.status.code(), utf8(&output.stdout))
    };
    let (code, output) = audit();
    assert_eq!(code, Some(0), "{output}");
    let wrong_count = "UPDATE events SET remaining_tickets = 4 WHERE title = 'Concert'";
    app.execute_sql_keeping_counts(wrong_count).await;
    let (code, output) = audit();
    assert_eq!(code, Some(1));
    let line =
        format!("event {event} (Concert): 5 tickets, 2 booked, but 4 remaining instead of 3");
    assert!(output.contains(&line), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_created_users_work_on_a_server_with_the_same_secret() {
    let app = App::start(Engine::Sqlite).await;
    let folder = TempDir::new().unwrap();
    let create = |secret: Option<&str>| {
        let mut command = rowlock_command(folder.path());
        command.args(["users", "create", "--count", "1500", "--tokens", "tokens"]);
        command
            .env("DATABASE_URL", &app.database_url)
            .envs(secret.map(|secret| ("JWT_SECRET", secret)));
        command.output().unwrap()
    };
    assert!(one_line_error(&create(None)).contains("JWT_SECRET is not set"));
    let file = folder.path().join("tokens");
    let create_elsewhere = || {
        let mut command = rowlock_command(folder.path());
        command.args(["users", "create", "--count", "1", "--tokens", "tokens"]);
        command.env("DATABASE_URL", "sqlite:nowhere/db").env("JWT_SECRET", JWT_SECRET);
        one_line_error(&command.output().unwrap())
    };
    create_elsewhere();
    assert!(!file.exists(), "no file is left without tokens");
    // More than the new ones take.
    let before = "tokens of before\n".repeat(100_000);
    fs::write(&file, &before).unwrap();
    create_elsewhere();
    assert!(fs::read_to_string(&file).unwrap() == before, "they stay");
    let output = create(Some(JWT_SECRET));
    assert!(output.status.success(), "{}", utf8(&output.stderr));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let tokens = std::fs::read_to_string(file).unwrap();
    assert_eq!(tokens.lines().count(), 1500);
    let data = app.data(tokens.lines().last(), "{ me { email } }", json!({})).await;
    assert!(data["me"]["email"].as_str().unwrap().ends_with("@example.test"));
}

async fn the_audit_finds_bookings_that_do_not_fit_their_event(app: App) {
    let event = app.event("Concert", 5).await;
    for user in app.users(2).await {
        app.book(&user, &event, 1).await;
    }
    let violations = async || -> Vec<String> {
        app.audit().await.violations.iter().map(ToString::to_string).collect()
    };
    app.execute_sql("UPDATE events SET currency = 'USD' WHERE title = 'Concert'").await;
    let expected = format!(
        "event {event} (Concert): 2 confirmed bookings have another currency than the event"
    );
    assert_eq!(violations().await, [expected]);
    app.execute_sql("UPDATE bookings SET currency = 'USD'").await;

    app.execute_sql("UPDATE events SET status = 'CANCELLED' WHERE title = 'Concert'").await;
    let expected = format!(
        "event {event} (Concert): it is cancelled, but 2 bookings are confirmed, and no job \
         cancels them"
    );
    assert_eq!(violations().await, [expected]);
    app.execute_sql("UPDATE bookings SET status = 'CANCELLED', cancelled_at = created_at").await;
    assert_eq!(violations().await, [""; 0]);
}

async fn seeding_again_moves_demo_events_that_are_over_and_have_no_bookings(app: App) {
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    app.clock.advance(chrono::Duration::days(22));
    let seeded = seed::add_demo_events(&app.services.db, &app.clock).await.unwrap();
    // Five demo events are over now. One of them is booked, so it stays.
    assert_eq!((seeded.events, seeded.moved), (0, 4));
    let ends_early = event::Column::EndsAt.into_expr().lt(event::Column::StartsAt.into_expr());
    let ends_early = event::Entity::find().filter(ends_early).count(app.db()).await.unwrap();
    assert_eq!(ends_early, 0);
    let booked = app.book(&app.user().await, JAZZ_NIGHT, 1).await;
    assert_eq!(booked["__typename"], "BookEventSuccess");
}

async fn the_operator_creates_organizers_and_names_owners(app: App) {
    let folder = TempDir::new().unwrap();
    let organizers = |args: &[&str]| {
        let mut command = rowlock_command(folder.path());
        command.arg("organizers").args(args).env("DATABASE_URL", &app.database_url);
        command.output().unwrap()
    };
    let output = organizers(&["list"]);
    assert!(output.status.success(), "{}", utf8(&output.stderr));
    let expected = "our-events (Our events): no owner; `rowlock organizers add-owner` adds one\n";
    assert!(utf8(&output.stdout).contains(expected), "{}", utf8(&output.stdout));

    let create = ["create", "--owner", "Ada@Example.org", "Blue Door"];
    for (slug, name) in [("blue-door", "Blue Door"), ("blue-door-2", "Blue Door")] {
        let output = organizers(&create);
        assert!(output.status.success(), "{}", utf8(&output.stderr));
        let expected = format!("created {slug} ({name}); its owner is ada@example.org\n");
        assert_eq!(utf8(&output.stdout), expected);
    }
    let output = organizers(&["create", "--owner", "ada@example.org", "--slug", "bd", "Blue Door"]);
    assert!(utf8(&output.stdout).starts_with("created bd (Blue Door)"));
    for (args, expected) in [
        (&["create", "--owner", "x@example.org", "Jazz"][..], "\"x@example.org\""),
        (&["create", "--owner", "ada@example.org", "J"], "The name needs 2 characters"),
        (&["create", "--owner", "ada@example.org", "--slug", "B D", "Jazz"], "The short name has"),
        (&["create", "--owner", "ada@example.org", "--slug", "bd", "Jazz"], "has this short name"),
        (
            &["create", "--owner", "ada@example.org", "--slug", "new", "Jazz"],
            "The site's own pages",
        ),
        (&["create", "Jazz"], "--owner"),
        (&["add-owner", "nowhere", "ada@example.org"], "no organizer with the slug \"nowhere\""),
        (&["add-owner", "our-events", "x@example.org"], "\"x@example.org\""),
    ] {
        let line = one_line_error(&organizers(args));
        assert!(line.contains(expected), "{args:?}: {line}");
    }

    for _ in 0..2 {
        let output = organizers(&["add-owner", "our-events", "grace@example.org"]);
        let expected = "grace@example.org is an owner of our-events (Our events)\n";
        assert_eq!(utf8(&output.stdout), expected, "{}", utf8(&output.stderr));
    }
    let list = utf8(&organizers(&["list"]).stdout);
    assert!(list.contains("our-events (Our events): grace@example.org\n"), "{list}");
    assert!(list.contains("blue-door-2 (Blue Door): ada@example.org\n"), "{list}");
    let signed_in = app.data(None, LOG_IN_AS_ADA, json!({})).await;
    let ada = signed_in["login"]["accessToken"].as_str().unwrap();
    let mine = app.data(Some(ada), "{ me { organizers { slug viewerRole } } }", json!({})).await;
    let with_that_of_the_demo_data = 4;
    let organizers_of_ada = mine["me"]["organizers"].as_array().unwrap().len();
    assert_eq!(organizers_of_ada, with_that_of_the_demo_data, "{mine}");
    // Without accounts, an organizer has no owner; the operator names another one.
    let mut remove = rowlock_command(folder.path());
    remove.args(["seed", "--remove-demo-users"]).env("DATABASE_URL", &app.database_url);
    assert!(remove.output().unwrap().status.success());
    let list = utf8(&organizers(&["list"]).stdout);
    assert!(list.contains("blue-door-2 (Blue Door): no owner"), "{list}");
}

async fn seeding_again_leaves_demo_users_alone_who_have_changed_their_address(app: App) {
    seed::add_demo_users(&app.services).await.unwrap();
    app.execute_sql("UPDATE users SET email = 'a@example.org' WHERE email = 'ada@example.org'")
        .await;
    assert_eq!(seed::add_demo_users(&app.services).await.unwrap(), 0);
}

async fn seeding_again_gives_demo_events_of_the_first_organizer_their_own(app: App) {
    let organizers = async || {
        let found = event::Entity::find().order_by_asc(event::Column::Id).all(app.db()).await;
        found.unwrap().iter().map(|event| event.organizer_id).collect::<Vec<_>>()
    };
    let give = async |title: &str, organizer: OrganizerId| {
        event::Entity::update_many()
            .col_expr(event::Column::OrganizerId, Expr::val(organizer))
            .filter(event::Column::Title.eq(title))
            .exec(app.db())
            .await
            .unwrap();
    };
    let mut expected = organizers().await;
    assert!(!expected.contains(&FIRST_ORGANIZER));
    give("Jazz Night", FIRST_ORGANIZER).await;
    // Somebody has given this one to another organizer, who keeps it.
    give("Limited Concert", expected[1]).await;
    expected[0] = expected[1];
    let seeded = seed::add_demo_events(&app.services.db, &app.clock).await.unwrap();
    assert_eq!((seeded.events, seeded.moved), (0, 0));
    assert_eq!(organizers().await, expected);
}

async fn demo_users_are_removed_with_their_bookings_even_while_they_book(app: App) {
    let signed_in = app.data(None, LOG_IN_AS_ADA, json!({})).await;
    let ada = signed_in["login"]["accessToken"].as_str().unwrap().to_owned();
    let over = app.event("Over", 5).await;
    app.book(&ada, JAZZ_NIGHT, 2).await;
    app.book(&ada, &over, 1).await;
    app.execute_sql("UPDATE events SET starts_at = created_at WHERE title = 'Over'").await;
    app.book(&app.user().await, JAZZ_NIGHT, 1).await;
    let last_booking = app.event("Concert", 9).await;
    let count_members = async || organizer_member::Entity::find().count(app.db()).await.unwrap();
    assert_eq!(count_members().await, 3);

    let database_url = app.database_url.clone();
    let remove = move || {
        let folder = TempDir::new().unwrap();
        let mut command = rowlock_command(folder.path());
        let command = command.args(["seed", "--remove-demo-users"]);
        let output = command.env("DATABASE_URL", &database_url).output().unwrap();
        assert!(output.status.success(), "{}", utf8(&output.stderr));
        utf8(&output.stdout)
    };
    let removing = tokio::task::spawn_blocking(remove.clone());
    let input = json!({ "input": { "eventId": last_booking, "quantity": 1 } });
    let code = loop {
        let answer = app.send(Some(&ada), BOOK, input.clone()).await;
        let Some(booking) = answer["data"]["bookEvent"]["booking"]["id"].as_str() else {
            break answer["errors"][0]["extensions"]["code"].clone();
        };
        // The booking may be gone already.
        app.send(Some(&ada), CANCEL, json!({ "input": { "bookingId": booking } })).await;
    };
    assert_eq!(code, "UNAUTHENTICATED");
    let output = removing.await.unwrap();
    assert!(output.contains("removed 3 demo users and "), "{output}");
    assert_eq!(app.remaining_tickets(JAZZ_NIGHT).await, 79, "somebody else's booking stays");
    assert_eq!(app.remaining_tickets(&over).await, 5);
    assert_eq!(app.remaining_tickets(&last_booking).await, 9);
    app.assert_nothing_oversold().await;
    let error = app.error(None, LOG_IN_AS_ADA, json!({})).await;
    assert_eq!(error["extensions"]["code"], "INVALID_CREDENTIALS");
    assert_eq!(count_members().await, 0);
    let organizers = organizer::Entity::find().count(app.db()).await.unwrap();
    assert_eq!(organizers, 3, "the demo organizers and the first one stay");
    assert!(remove().contains("removed 0 demo users and 0 bookings"));
}
