//! A server on SQLite whose disk is full.

use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::{
    app::{BOOK, JWT_SECRET, graphql_request, http_client},
    demo::SUMMER_OPEN_AIR,
    program::{free_port, wait_until_ready},
};

/// Serves from its own file system of 2,000 kB, and obeys one command per line.
const SERVE_FROM_SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=2000k tmpfs "$1" && cd "$1" || exit 1
    "$2" migrate && "$2" seed && "$2" users create --count 3 --tokens tokens || exit 1
    "$2" serve 2> /dev/null &
    while read command; do
        case $command in
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
async fn on_a_full_disk_no_booking_is_acknowledged_unless_it_is_stored() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let mut shell = tokio::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", SERVE_FROM_SMALL_DISK, "sh"])
        .arg(folder.path())
        .arg(env!("CARGO_BIN_EXE_rowlock"))
        .env("DATABASE_URL", "sqlite:r.db")
        .env("JWT_SECRET", JWT_SECRET)
        .env("LISTEN_ADDR", format!("127.0.0.1:{port}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut command = async |command: &str| {
        stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let mut output = Vec::new();
        loop {
            match lines.next_line().await.unwrap().expect("the shell is still running").as_str() {
                "done" => return output,
                line => output.push(line.to_owned()),
            }
        }
    };
    let tokens = command("tokens").await;
    let tokens = &tokens[tokens.len() - 3..];

    let http = http_client();
    let url = format!("http://127.0.0.1:{port}");
    wait_until_ready(&url).await;
    let book = async |token: &str| {
        let input = json!({ "input": { "eventId": SUMMER_OPEN_AIR } });
        let request = graphql_request(&http, &url, Some(token), BOOK, input);
        request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    };
    command("fill").await;
    for token in tokens {
        let answer = book(token).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    }
    command("free").await;
    for token in tokens {
        assert_eq!(book(token).await["data"]["bookEvent"]["__typename"], "BookEventSuccess");
    }
    command("kill").await;
    let output = command("audit").await.join("\n");
    assert!(output.contains("12 events and 3 bookings checked, 0 violations"), "{output}");
}
