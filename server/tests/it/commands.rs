//! The program `rowlock` as it is called.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use rowlock::app::seed;
use sea_orm::ConnectionTrait;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    app::{App, BOOK, Engine, SECRET, new_database, postgres_admin, postgres_url, refresh_cookie},
    program::{Program, free_port, rowlock, wait_until_ready},
    socket::Socket,
};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_a_count_that_does_not_fit_its_bookings() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = App::start(engine).await;
        let event = app.event("Concert", 5).await;
        app.book(&app.user().await, &event, 2).await;
        let folder = TempDir::new().unwrap();
        let audit = || {
            let mut audit = rowlock(folder.path());
            let output =
                audit.arg("audit").env("DATABASE_URL", &app.database_url).output().unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn rowlock_alone_serves_from_an_empty_folder_and_stops_when_told() {
    let folder = TempDir::new().unwrap();
    let server = Program::serve(folder.path(), &[("LOG_FORMAT", "json")]).await;
    let url = server.url.clone();
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success(), "{status}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON");
    }
    assert!(log.contains(&format!("serving on {url}")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_finishes_the_bookings_that_wait() {
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Sqlite, &folder).await;
    let app = App::start_on(url.clone(), TempDir::new().unwrap(), &[]).await;
    let (event, users) = (app.event("Concert", 5).await, app.users(3).await);
    let settings = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), ("BOOKING_DELAY_MS", "700")];
    let server = Program::serve(folder.path(), &settings).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let book = |user: &String| {
        let body = json!({ "query": BOOK, "variables": { "input": { "eventId": event } } });
        let asking = app.http.post(format!("{}/graphql", server.url)).json(&body);
        tokio::spawn(asking.bearer_auth(user).send())
    };
    let until = async |metric: &str| {
        let metrics = || app.http.get(format!("{}/metrics", server.url)).send();
        while !metrics().await.unwrap().text().await.unwrap().contains(metric) {
            assert!(Instant::now() < deadline, "never: {metric}");
            sleep(Duration::from_millis(5)).await;
        }
    };
    let mut asking = vec![book(&users[0])];
    until("rowlock_queue_batch_calls_count{queue=\"lane-0\"} 1").await;
    asking.extend(users[1..].iter().map(book));
    until("rowlock_queue_waiting{queue=\"lane-0\"} 2").await;
    server.terminate();
    for answer in asking {
        let answer: serde_json::Value = answer.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["bookEvent"]["__typename"], "BookEventSuccess", "{answer}");
    }
    assert!(server.wait().0.success());
    assert_eq!(app.remaining(&event).await, 2);
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_is_unready_first_and_sends_its_sockets_elsewhere() {
    let folder = TempDir::new().unwrap();
    let server = Program::serve(folder.path(), &[("STOP_DELAY_MS", "1500")]).await;
    let open = || Socket::open(&server.url, "graphql-transport-ws", serde_json::json!({}));
    let (quiet, mut busy) = (open().await, open().await);
    busy.start("subscription { remainingTickets { version } }", serde_json::json!({})).await;
    server.terminate();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let ready = || http.get(format!("{}/readyz", server.url)).send();
    while ready().await.expect("still served").status().is_success() {
        assert!(Instant::now() < deadline, "never unready");
        sleep(Duration::from_millis(5)).await;
    }
    let body = serde_json::json!({ "query": "{ events { totalCount } }" });
    let asked = http.post(format!("{}/graphql", server.url)).json(&body).send().await.unwrap();
    assert!(asked.status().is_success(), "it serves until its balancer knows");
    assert_eq!((quiet.closed().await, busy.closed().await), (Some(1012), Some(1012)));
    assert!(server.wait().0.success());
}

/// The constraints hold without the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_what_breaks_the_guarantee() {
    use sea_orm::ConnectionTrait;

    for engine in [Engine::Sqlite, Engine::Postgres] {
        let folder = TempDir::new().unwrap();
        let url = new_database(engine, &folder).await;
        let app = App::start_on(url, folder, &[]).await;
        let event = app.event("Concert", 5).await;
        let user = app.user().await;
        app.book(&user, &event, 2).await;
        for sql in [
            "UPDATE events SET remaining_tickets = -1",
            "UPDATE events SET remaining_tickets = total_tickets + 1",
            "UPDATE events SET total_tickets = 1 WHERE title = 'Concert'",
            "UPDATE events SET price_minor = -1",
            "UPDATE events SET currency = 'EURO'",
            "UPDATE bookings SET quantity = 0",
            "UPDATE bookings SET quantity = 11",
            "UPDATE bookings SET status = 'LOST'",
            "UPDATE bookings SET status = 'CANCELLED'",
            "DELETE FROM events WHERE title = 'Concert'",
            "DELETE FROM users",
        ] {
            assert!(app.db().execute_unprepared(sql).await.is_err(), "{engine:?}: {sql}");
        }
        let again = "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at) \
                     SELECT event_id, event_id, user_id, 1, 'CONFIRMED', created_at FROM bookings";
        assert!(app.db().execute_unprepared(again).await.is_err(), "{engine:?}: two confirmed");
        let cancelled = again
            .replace("'CONFIRMED', created_at", "'CANCELLED', created_at, created_at")
            .replace("created_at)", "created_at, cancelled_at)");
        assert!(
            app.db().execute_unprepared(&cancelled).await.is_ok(),
            "{engine:?}: cancelled ones"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seeding_again_moves_demo_events_that_are_over_and_unbooked() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = App::start(engine).await;
        let concert = "01990000-0000-7000-8000-000000000001";
        app.book(&app.user().await, concert, 1).await;
        app.clock.advance(chrono::Duration::days(22));
        let seeded = seed::add_demo(&app.services.db, &app.services.accounts, &app.clock).await;
        let seeded = seeded.unwrap();
        // Five are over by then, and one of them is booked.
        assert_eq!((seeded.events, seeded.moved, seeded.users), (0, 4, 0));
        let refused = app.book(&app.user().await, "01990000-0000-7000-8000-000000000004", 1).await;
        assert_eq!(refused["__typename"], "BookEventSuccess");
    }
}

/// Serves from a file system of 700 kB of its own, and obeys a line at a time.
const ON_A_SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=700k tmpfs "$1" && cd "$1" || exit 1
    "$2" migrate && "$2" seed && "$2" users create --count 3 --tokens tokens || exit 1
    "$2" serve 2> /dev/null &
    while read order; do
        case $order in
            tokens) cat tokens ;;
            fill) dd if=/dev/zero of=fill bs=1k 2> /dev/null ;;
            free) rm fill ;;
            kill) kill -9 $! ;;
            audit) "$2" audit ;;
        esac
        echo done
    done
"#;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_acknowledged_that_is_not_stored() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    let folder = TempDir::new().unwrap();
    let port = free_port();
    let mut shell = tokio::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"])
        .arg(folder.path())
        .arg(env!("CARGO_BIN_EXE_rowlock"))
        .env("DATABASE_URL", "sqlite:r.db")
        .env("JWT_SECRET", SECRET)
        .env("LISTEN_ADDR", format!("127.0.0.1:{port}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut orders = shell.stdin.take().unwrap();
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut order = async |order: &str| {
        orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        let mut said = Vec::new();
        loop {
            match lines.next_line().await.unwrap().expect("the shell goes on").as_str() {
                "done" => return said,
                line => said.push(line.to_owned()),
            }
        }
    };
    let tokens = order("tokens").await;
    let tokens = &tokens[tokens.len() - 3..];

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    wait_until_ready(&url).await;
    let book = async |token: &str| {
        let input = json!({ "input": { "eventId": "01990000-0000-7000-8000-000000000003" } });
        let request = http.post(format!("{url}/graphql")).bearer_auth(token);
        let request = request.json(&json!({ "query": crate::app::BOOK, "variables": input }));
        request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    };
    order("fill").await;
    for token in tokens {
        let answer = book(token).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    }
    order("free").await;
    for token in tokens {
        assert_eq!(book(token).await["data"]["bookEvent"]["__typename"], "BookEventSuccess");
    }
    order("kill").await;
    let said = order("audit").await.join("\n");
    assert!(said.contains("12 events and 3 bookings checked, 0 violations"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_no_secret_and_at_info_nobodys_data() {
    const EMAIL: &str = "ann-private@example.org";
    const PASSWORDS: [&str; 2] = ["ann-secret-1", "wrong-secret-1"];
    for level in ["info", "debug"] {
        let folder = TempDir::new().unwrap();
        let url = new_database(Engine::Postgres, &folder).await;
        // Nobody asks this server for one, and it is in the URL all the same.
        let url = url.replacen("rowlock@", "rowlock:database-secret@", 1);
        let settings = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), ("LOG_LEVEL", level)];
        let server = Program::serve(folder.path(), &settings).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut said = vec!["database-secret".to_owned(), SECRET.to_owned()];
        said.extend(PASSWORDS.map(str::to_owned));
        let send = async |query: &str, token: &str, cookie: &str| {
            let request = http.post(format!("{}/graphql", server.url)).bearer_auth(token);
            let request = request.header("cookie", cookie).json(&json!({ "query": query }));
            request.send().await.unwrap()
        };
        let with = |act: &str, password: &str, more: &str| {
            format!(
                "mutation {{ {act}(input: {{ email: \"{EMAIL}\", password: \"{password}\"{more} }}) \
                 {{ accessToken }} }}"
            )
        };
        send(&with("login", PASSWORDS[1], ""), "wrong-token", "").await;
        let register = with("register", PASSWORDS[0], ", name: \"Ann\"");
        let registered = send(&register, "", "").await;
        let mut cookie = refresh_cookie(&registered).0;
        let answer: serde_json::Value = registered.json().await.unwrap();
        let token = answer["data"]["register"]["accessToken"].as_str().unwrap().to_owned();
        for act in ["refresh { accessToken }", "logoutEverywhere"] {
            said.push(cookie.split_once('=').unwrap().1.to_owned());
            let answer = send(&format!("mutation {{ {act} }}"), &token, &cookie).await;
            cookie = refresh_cookie(&answer).0;
        }
        said.push(token);
        if level == "info" {
            said.push(EMAIL.to_owned());
        }
        server.terminate();
        let (_, log) = server.wait();
        assert!(log.contains("stopped"), "{log}");
        for secret in said.iter().filter(|secret| !secret.is_empty()) {
            assert!(!log.contains(secret), "{secret} at {level}:\n{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_is_in_the_log_under_the_id_that_its_caller_was_told_whatever_the_way() {
    const QUERY: &str = "{ me { bookings { nodes { id } } } }";
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Postgres, &folder).await;
    let settings = [("DATABASE_URL", &*url), ("JWT_SECRET", SECRET), ("LOG_LEVEL", "warn")];
    let server = Program::serve(folder.path(), &settings).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |query: &str, token: &str, accept: &str| {
        let request = http.post(format!("{}/graphql", server.url)).header("accept", accept);
        let request = request.bearer_auth(token).json(&json!({ "query": query }));
        request.send().await.unwrap().text().await.unwrap()
    };
    let login = "mutation { login(input: { email: \"ada@example.org\", password: \"ada-demo-1\" }) \
                 { accessToken } }";
    let answer = send(login, "x", "application/json").await;
    let token = answer.split('"').find(|part| part.starts_with("eyJ")).unwrap();

    let database = sea_orm::Database::connect(&url).await.unwrap();
    database.execute_unprepared("ALTER TABLE bookings RENAME quantity TO amount").await.unwrap();
    let by_post = send(QUERY, token, "application/json").await;
    let in_a_stream = send(QUERY, token, "text/event-stream").await;
    let payload = json!({ "Authorization": format!("Bearer {token}") });
    let mut socket = Socket::open(&server.url, "graphql-transport-ws", payload).await;
    let on_a_socket = socket.run(QUERY, json!({})).await.to_string();
    server.terminate();
    let (_, log) = server.wait();
    for told in [by_post, in_a_stream, on_a_socket] {
        let (_, id) = told.split_once("\"requestId\":\"").expect(&told);
        let (id, _) = id.split_once('"').unwrap();
        let cause = |line: &&str| line.contains(id) && line.contains("does not exist");
        assert!(log.lines().any(|line| cause(&line)), "{told}\n{log}");
    }
}
