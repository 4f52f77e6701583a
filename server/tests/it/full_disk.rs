//! A server on SQLite whose disk is full.

use serde_json::json;
use tempfile::TempDir;

use crate::{
    app::{BOOK, graphql_request, http_client},
    demo::SUMMER_OPEN_AIR,
    program::{MountingShell, free_port, wait_until_ready},
};

/// Serves from its own file system of 2,000 kB, and obeys one command per line. It ends with
/// its input.
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
    kill -9 $! 2> /dev/null
"#;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_no_booking_is_acknowledged_unless_it_is_stored() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let mut shell = MountingShell::start(SERVE_FROM_SMALL_DISK, folder.path(), "sqlite:r.db", port);
    let tokens = shell.run("tokens").await;
    let tokens = &tokens[tokens.len() - 3..];

    let http = http_client();
    let url = format!("http://127.0.0.1:{port}");
    wait_until_ready(&url).await;
    let book = async |token: &str| {
        let input = json!({ "input": { "eventId": SUMMER_OPEN_AIR } });
        let request = graphql_request(&http, &url, Some(token), BOOK, input);
        request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    };
    shell.run("fill").await;
    for token in tokens {
        let answer = book(token).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    }
    shell.run("free").await;
    for token in tokens {
        assert_eq!(book(token).await["data"]["bookEvent"]["__typename"], "BookEventSuccess");
    }
    shell.run("kill").await;
    let output = shell.run("audit").await.join("\n");
    assert!(output.contains("12 events and 3 bookings checked, 0 violations"), "{output}");
}
