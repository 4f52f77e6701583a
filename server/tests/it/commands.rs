//! The program `rowlock` as it is called.

use std::process::Output;

use rowlock::app::seed;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    app::{App, SECRET},
    database::{Engine, postgres_admin, postgres_url},
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    on_both_engines,
    program::rowlock,
};

on_both_engines! {
    the_audit_finds_a_count_that_does_not_fit_its_bookings
    seeding_again_moves_demo_events_that_are_over_and_unbooked
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

/// It failed, and said why in one line.
fn failed_with_one_line(output: &Output) -> String {
    assert!(!output.status.success());
    let line = text(&output.stderr);
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

#[test]
fn every_subcommand_and_setting_is_in_the_help() {
    let folder = TempDir::new().unwrap();
    let help = |args: &[&str]| {
        text(&rowlock(folder.path()).args(args).arg("--help").output().unwrap().stdout)
    };
    let main = help(&[]);
    for subcommand in ["serve", "migrate", "seed", "schema", "audit", "users"] {
        assert!(main.contains(&format!("\n  {subcommand}")), "{subcommand} is not in\n{main}");
    }
    let serve = help(&["serve"]);
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
        assert!(serve.contains(&format!("[env: {setting}")), "{setting} is not in\n{serve}");
    }
    assert!(help(&["users", "create"]).contains("--tokens <FILE>"));
}

#[test]
fn the_schema_is_printed_without_a_database() {
    let folder = TempDir::new().unwrap();
    let output = rowlock(folder.path()).arg("schema").output().unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), rowlock::graphql::sdl());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing");
}

#[test]
fn a_wrong_setting_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    for (name, value, said) in [
        ("DATABASE_URL", "postgre://me:s3cret@h/d", "it must start with sqlite: or postgres://"),
        ("DATABASE_URL", "sqlite::memory:", "name a file"),
        ("LISTEN_ADDR", "nowhere", "invalid socket address"),
        ("JWT_SECRET", "tooshort", "it needs at least 32 bytes and has 8"),
        ("ALLOWED_ORIGINS", "*", "does not start with https:// or http://"),
        ("BOOKING_DELAY_MS", "-1", "invalid digit"),
        ("DATABASE_READ_CONNECTIONS", "0", "not in 1..=1000"),
        ("LOG_FORMAT", "xml", "[possible values: text, json]"),
    ] {
        let output = rowlock(folder.path()).env(name, value).output().unwrap();
        let line = failed_with_one_line(&output);
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        assert!(line.contains(&flag) && line.contains(said), "{name}={value}: {line}");
        let secret = ["DATABASE_URL", "JWT_SECRET"].contains(&name);
        assert_eq!(line.contains(value), !secret, "{name}={value}: {line}");
    }
    let output = rowlock(folder.path()).arg("sell").output().unwrap();
    assert!(failed_with_one_line(&output).contains("sell"));
    let secret_is_missing = rowlock(folder.path()).env("DATABASE_URL", "postgres://h/d").output();
    let line = failed_with_one_line(&secret_is_missing.unwrap());
    assert!(line.starts_with("rowlock: JWT_SECRET is not set"), "{line}");
    let filter = rowlock(folder.path()).env("LOG_LEVEL", "a=b=c").output().unwrap();
    assert!(failed_with_one_line(&filter).contains("LOG_LEVEL"));
}

#[test]
fn a_database_that_cannot_be_reached_is_one_clear_line() {
    let folder = TempDir::new().unwrap();
    for command in ["migrate", "seed", "audit"] {
        let url = "postgres://me:s3cret@127.0.0.1:1/rowlock";
        let output = rowlock(folder.path()).arg(command).env("DATABASE_URL", url).output().unwrap();
        let line = failed_with_one_line(&output);
        assert!(line.contains("postgres://127.0.0.1:1/rowlock can't be reached"), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migrations_run_up_and_down_and_up_on_both_engines() {
    let folder = TempDir::new().unwrap();
    let database = format!("migrations_{}", uuid::Uuid::now_v7().simple());
    postgres_admin(&format!("CREATE DATABASE {database}")).await;
    for url in ["sqlite:data/m.db".to_owned(), postgres_url(&database)] {
        let run = |args: &[&str]| {
            let output =
                rowlock(folder.path()).args(args).env("DATABASE_URL", &url).output().unwrap();
            (output.status.success(), text(&output.stdout) + &text(&output.stderr))
        };
        let (ok, said) = run(&["seed"]);
        assert!(!ok && said.contains("run `rowlock migrate` first"), "{said}");
        assert!(run(&["migrate"]).0);
        assert!(run(&["migrate"]).0, "again changes nothing");
        let (ok, said) = run(&["seed"]);
        assert!(ok && said.contains("added 12 demo events and 3 demo users"), "{said}");
        let (ok, said) = run(&["seed"]);
        assert!(ok && said.contains("added 0 demo events and 0 demo users, moved 0"), "{said}");
        let (ok, said) = run(&["audit"]);
        assert!(ok && said.contains("12 events and 0 bookings checked, 0 violations"), "{said}");
        let size = ["seed", "--events", "50", "--bookings", "120"];
        let (ok, said) = run(&size);
        assert!(ok && said.contains("50 generated events, 3 users and 120 bookings"), "{said}");
        let (ok, said) = run(&size);
        assert!(ok && said.contains("0 generated events, 0 users and 0 bookings"), "{said}");
        let (ok, said) = run(&["seed", "--events", "1", "--bookings", "1000"]);
        assert!(ok && said.contains(" bookings are missing, because their events"), "{said}");
        for wrong in [&["seed", "--events", "0"][..], &["seed", "--bookings", "5"]] {
            let (ok, said) = run(wrong);
            assert!(!ok && said.contains("--events"), "{said}");
        }
        let (ok, said) = run(&["audit"]);
        assert!(ok && said.contains("62 events and 140 bookings checked, 0 violations"), "{said}");
        let (ok, said) = run(&["migrate", "--down", "5"]);
        assert!(ok, "{said}");
        assert!(run(&["migrate"]).0);
        assert!(run(&["seed"]).1.contains("added 12 demo events and 3 demo users"));
    }
}

async fn the_audit_finds_a_count_that_does_not_fit_its_bookings(app: App) {
    let event = app.event("Concert", 5).await;
    app.book(&app.user().await, &event, 2).await;
    let folder = TempDir::new().unwrap();
    let audit = || {
        let mut audit = rowlock(folder.path());
        let output = audit.arg("audit").env("DATABASE_URL", &app.database_url).output().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let (code, said) = audit();
    assert_eq!(code, Some(0), "{said}");
    app.sql("UPDATE events SET remaining_tickets = 4 WHERE title = 'Concert'").await;
    let (code, said) = audit();
    assert_eq!(code, Some(1));
    let line =
        format!("event {event} (Concert): 5 tickets, 2 booked, but 4 remaining instead of 3");
    assert!(said.contains(&line), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn created_users_have_tokens_that_a_server_with_the_same_secret_takes() {
    let app = App::start(Engine::Sqlite).await;
    let folder = TempDir::new().unwrap();
    let create = |secret: Option<&str>| {
        let mut command = rowlock(folder.path());
        command.args(["users", "create", "--count", "1500", "--tokens", "tokens"]);
        command.env("DATABASE_URL", &app.database_url).envs(secret.map(|s| ("JWT_SECRET", s)));
        command.output().unwrap()
    };
    assert!(failed_with_one_line(&create(None)).contains("JWT_SECRET is not set"));
    let output = create(Some(SECRET));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let tokens = std::fs::read_to_string(folder.path().join("tokens")).unwrap();
    assert_eq!(tokens.lines().count(), 1500);
    let data = app.data(tokens.lines().last(), "{ me { email } }", json!({})).await;
    assert!(data["me"]["email"].as_str().unwrap().ends_with("@example.test"));
}

async fn seeding_again_moves_demo_events_that_are_over_and_unbooked(app: App) {
    app.book(&app.user().await, LIMITED_CONCERT, 1).await;
    app.clock.advance(chrono::Duration::days(22));
    let seeded = seed::add_demo(&app.services.db, &app.services.accounts, &app.clock).await;
    let seeded = seeded.unwrap();
    // Five are over by then, and one of them is booked.
    assert_eq!((seeded.events, seeded.moved, seeded.users), (0, 4, 0));
    let refused = app.book(&app.user().await, JAZZ_NIGHT, 1).await;
    assert_eq!(refused["__typename"], "BookEventSuccess");
}
