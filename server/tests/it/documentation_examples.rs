//! Runs all examples of the README and the API guide in their order, and compares the answers with
//! the documented ones.

use std::{env, fs, io::Write, path::Path};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    app::App,
    covers, on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
};

const README: &str = include_str!("../../../README.md");
const API_GUIDE: &str = include_str!("../../../docs/api.md");
/// The server's address in the examples.
const DOCUMENTED_ADDRESS: &str = "127.0.0.1:8080";

on_both_engines! {
    every_example_of_the_readme_gets_the_documented_answer
    every_example_of_the_api_guide_gets_the_documented_answer
}

async fn every_example_of_the_readme_gets_the_documented_answer(app: App) {
    assert!(run_examples(&app, README).await >= 3);
}

async fn every_example_of_the_api_guide_gets_the_documented_answer(app: App) {
    assert!(run_examples(&app, API_GUIDE).await >= 34);
}

/// The fenced blocks, each with its language.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    blocks.map(|block| {
        block.split_once('\n').expect("a fenced block starts with a line for its language")
    })
}

/// Runs the page's examples and returns their number.
async fn run_examples(app: &App, page: &str) -> usize {
    let mut blocks = blocks(page).peekable();
    let mut runner =
        ExampleRunner { app, folder: TempDir::new().unwrap(), token: None, ids: Map::new() };
    fs::write(runner.folder.path().join("hall.jpg"), covers::jpeg(1_600, 900)).unwrap();
    let mut examples = 0;
    while let Some((language, example)) = blocks.next() {
        let answer = match language {
            "graphql" => runner.send(example).await.to_string(),
            "sh" if example.contains("curl") || example.starts_with("rowlock events ") => {
                runner.run_shell(example).await
            }
            "csv" => {
                fs::write(runner.folder.path().join("events.csv"), example).unwrap();
                continue;
            }
            "js" => runner.run_node(example).await,
            _ => continue,
        };
        examples += 1;
        let (language, expected) = blocks.next().expect("an answer follows each example");
        let is_as_documented = match language {
            "json" => {
                let (expected, answer) = (values(expected), values(&answer));
                expected.len() == answer.len()
                    && expected
                        .iter()
                        .zip(&answer)
                        .all(|(expected, answer)| matches(expected, answer))
            }
            _ => expected.trim() == answer.trim(),
        };
        assert!(is_as_documented, "{example}\nanswered\n{answer}\ninstead of\n{expected}");
    }
    examples
}

fn values(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs examples, and keeps the results that later examples need.
struct ExampleRunner<'a> {
    app: &'a App,
    folder: TempDir,
    token: Option<String>,
    /// The newest ids, and the newest code of a ticket, by the names of the variables that stand for them.
    ids: Map<String, Value>,
}

/// The variables that examples use, each with the field of an answer whose id it gets.
const VARIABLES: [(&str, &str); 3] =
    [("bookingId", "booking"), ("organizerId", "createOrganizer"), ("eventId", "createEvent")];

impl ExampleRunner<'_> {
    async fn send(&mut self, operation: &str) -> Value {
        let used = |name: &String| operation.contains(&format!("${name}"));
        let variables = self.ids.iter().filter(|(name, _)| used(name));
        let variables = Value::Object(variables.map(|(n, id)| (n.clone(), id.clone())).collect());
        let answer = if operation.starts_with("subscription") {
            let greeting = match &self.token {
                Some(token) => json!({ "Authorization": format!("Bearer {token}") }),
                None => json!({}),
            };
            let mut socket = Socket::open(&self.app.url, MODERN_PROTOCOL, greeting).await;
            socket.start(operation, variables).await;
            socket.next_result().await
        } else {
            self.app.send(self.token.as_deref(), operation, variables).await
        };
        if let Some(found) = find(&answer, "accessToken") {
            self.token = found.as_str().map(str::to_owned);
        }
        if let Some(code) = find(&answer, "tickets").and_then(|tickets| find(tickets, "code")) {
            self.ids.insert("code".to_owned(), code.clone());
        }
        for (variable, field) in VARIABLES {
            if let Some(id) = find(&answer, field).and_then(|object| object.get("id")) {
                self.ids.insert(variable.to_owned(), id.clone());
            }
        }
        answer
    }

    async fn run_shell(&self, script: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_rowlock"));
        let mut path = program.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(self.with_app_address(script)).current_dir(&self.folder);
        bash.env("PATH", path).env("DATABASE_URL", &self.app.database_url);
        bash.env("token", self.token.as_deref().unwrap_or_default());
        bash.env("event", self.ids.get("eventId").and_then(Value::as_str).unwrap_or_default());
        self.output(&mut bash).await
    }

    async fn run_node(&self, script: &str) -> String {
        let folder = env::var("TEST_CLIENTS")
            .expect("TEST_CLIENTS is not set to the folder of the clients: run `cargo xtask test`");
        let mut file =
            tempfile::Builder::new().prefix("guide-").suffix(".mjs").tempfile_in(folder).unwrap();
        file.write_all(self.with_app_address(script).as_bytes()).unwrap();
        self.output(Command::new("node").arg(file.path())).await
    }

    fn with_app_address(&self, script: &str) -> String {
        script.replace(DOCUMENTED_ADDRESS, self.app.address())
    }

    async fn output(&self, command: &mut Command) -> String {
        let output = command.env("no_proxy", "127.0.0.1").output().await.unwrap();
        let (answer, stderr) = (String::from_utf8(output.stdout), output.stderr);
        assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        answer.unwrap()
    }
}

/// The first value under this name, at any depth.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Whether two answers are equal, where `…` stands for any text. Locations of errors are ignored.
fn matches(expected: &Value, actual: &Value) -> bool {
    let compared_fields =
        |fields: &Map<String, Value>| fields.keys().filter(|key| *key != "locations").count();
    match (expected, actual) {
        (Value::String(expected), Value::String(actual)) => match expected.split_once('…') {
            Some((start, end)) => actual.starts_with(start) && actual.ends_with(end),
            None => expected == actual,
        },
        (Value::Object(expected), Value::Object(actual)) => {
            compared_fields(expected) == compared_fields(actual)
                && expected.iter().all(|(key, value)| {
                    actual.get(key).is_some_and(|actual| matches(value, actual))
                })
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len()
                && expected.iter().zip(actual).all(|(a, b)| matches(a, b))
        }
        _ => expected == actual,
    }
}
