//! README and the API's guide are true: each of their examples runs, in its order, and answers as it says.

use std::{env, io::Write};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    app::App,
    on_both_engines,
    socket::{MODERN, Socket},
};

const README: &str = include_str!("../../../README.md");
const GUIDE: &str = include_str!("../../../docs/api.md");
/// Where the examples think that the server is.
const ADDRESS: &str = "127.0.0.1:8080";

on_both_engines! {
    every_example_of_the_readme_answers_as_it_says
    every_example_of_the_guide_answers_as_it_says
}

async fn every_example_of_the_readme_answers_as_it_says(app: App) {
    assert!(run(&app, README).await >= 3);
}

async fn every_example_of_the_guide_answers_as_it_says(app: App) {
    assert!(run(&app, GUIDE).await >= 16);
}

/// Fenced blocks with their languages.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').expect("a block has a first line"))
}

/// Runs the page's examples, and gives how many there are.
async fn run(app: &App, page: &str) -> usize {
    let mut blocks = blocks(page).peekable();
    let mut talk = Talk { app, folder: TempDir::new().unwrap(), token: None, booking: Value::Null };
    let mut examples = 0;
    while let Some((language, example)) = blocks.next() {
        let said = match language {
            "graphql" => talk.send(example).await.to_string(),
            "sh" if example.contains("curl") => talk.run_shell(example).await,
            "js" => talk.run_node(example).await,
            _ => continue,
        };
        examples += 1;
        let (language, expected) = blocks.next().expect("an answer follows each example");
        let is_so = match language {
            "json" => {
                let (expected, said) = (values(expected), values(&said));
                expected.len() == said.len()
                    && expected.iter().zip(&said).all(|(expected, said)| matches(expected, said))
            }
            _ => expected.trim() == said.trim(),
        };
        assert!(is_so, "{example}\nanswered\n{said}\ninstead of\n{expected}");
    }
    examples
}

fn values(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What the examples before have come to.
struct Talk<'a> {
    app: &'a App,
    folder: TempDir,
    token: Option<String>,
    booking: Value,
}

impl Talk<'_> {
    async fn send(&mut self, operation: &str) -> Value {
        let variables = match operation.contains("$bookingId") {
            true => json!({ "bookingId": self.booking }),
            false => json!({}),
        };
        let answer = if operation.starts_with("subscription") {
            let mut socket = Socket::open(&self.app.url, MODERN, json!({})).await;
            socket.start(operation, variables).await;
            socket.next().await
        } else {
            self.app.send(self.token.as_deref(), operation, variables).await
        };
        if let Some(given) = find(&answer, "accessToken") {
            self.token = given.as_str().map(str::to_owned);
        }
        if let Some(given) = find(&answer, "booking").and_then(|booking| booking.get("id")) {
            self.booking = given.clone();
        }
        answer
    }

    async fn run_shell(&self, script: &str) -> String {
        let mut bash = Command::new("bash");
        self.output(bash.arg("-c").arg(self.at_the_app(script)).current_dir(&self.folder)).await
    }

    async fn run_node(&self, script: &str) -> String {
        let folder = env::var("TEST_CLIENTS")
            .expect("TEST_CLIENTS names the folder with the clients: run `cargo xtask test`");
        let mut file =
            tempfile::Builder::new().prefix("guide-").suffix(".mjs").tempfile_in(folder).unwrap();
        file.write_all(self.at_the_app(script).as_bytes()).unwrap();
        self.output(Command::new("node").arg(file.path())).await
    }

    fn at_the_app(&self, script: &str) -> String {
        script.replace(ADDRESS, self.app.address())
    }

    async fn output(&self, command: &mut Command) -> String {
        let output = command.env("no_proxy", "127.0.0.1").output().await.unwrap();
        let (said, complaint) = (String::from_utf8(output.stdout), output.stderr);
        assert!(complaint.is_empty(), "{}", String::from_utf8_lossy(&complaint));
        said.unwrap()
    }
}

/// The first value under this name, anywhere.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Equal, but for texts that a page leaves open with `…`, and where errors stand in the query.
fn matches(expected: &Value, is: &Value) -> bool {
    let shown =
        |fields: &Map<String, Value>| fields.keys().filter(|key| *key != "locations").count();
    match (expected, is) {
        (Value::String(expected), Value::String(is)) => match expected.split_once('…') {
            Some((start, end)) => is.starts_with(start) && is.ends_with(end),
            None => expected == is,
        },
        (Value::Object(expected), Value::Object(is)) => {
            shown(expected) == shown(is)
                && expected
                    .iter()
                    .all(|(key, value)| is.get(key).is_some_and(|is| matches(value, is)))
        }
        (Value::Array(expected), Value::Array(is)) => {
            expected.len() == is.len() && expected.iter().zip(is).all(|(a, b)| matches(a, b))
        }
        _ => expected == is,
    }
}
