//! Sends operations to the server whose statements are explained, and remembers them.

use std::cell::RefCell;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    program::Program,
    socket::{MODERN_PROTOCOL, Socket},
};

/// A person who is signed in.
pub(super) struct Player<'a> {
    server: &'a Program,
    pub(super) token: String,
    /// The texts of all operations.
    sent: RefCell<Vec<String>>,
}

impl<'a> Player<'a> {
    pub(super) fn new(server: &'a Program, token: String) -> Self {
        Self { server, token, sent: RefCell::default() }
    }

    /// Whether an operation had this field.
    pub(super) fn has_sent(&self, field: &str) -> bool {
        let has_field = |operation: &String| {
            operation.split(|c: char| !c.is_alphanumeric()).any(|word| word == field)
        };
        self.sent.borrow().iter().any(has_field)
    }

    /// Remembers an operation that somebody else sends.
    pub(super) fn note(&self, query: &str) {
        self.sent.borrow_mut().push(query.to_owned());
    }

    /// Sends an operation that must succeed, and returns its data.
    pub(super) async fn send(&self, query: &str, variables: Value) -> Value {
        let answer = self.request(query, variables).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].take()
    }

    pub(super) fn request(&self, query: &str, variables: Value) -> RequestBuilder {
        self.sent.borrow_mut().push(query.to_owned());
        self.server.request(Some(&self.token), query, variables)
    }

    /// Downloads a file that must be there.
    pub(super) async fn download(&self, path: &str) -> String {
        let answer = self.server.get(path).bearer_auth(&self.token).send().await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    }

    /// Sends a request that must succeed to an address beside `/graphql`.
    pub(super) async fn change(&self, method: Method, path: &str, body: Vec<u8>) {
        let request = self.server.http.request(method, format!("{}{path}", self.server.url));
        let answer = request.bearer_auth(&self.token).body(body).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// Starts a subscription on a socket of its own.
    pub(super) async fn watch(&self, query: &str, variables: Value) -> Socket {
        self.sent.borrow_mut().push(query.to_owned());
        let greeting = json!({ "Authorization": format!("Bearer {}", self.token) });
        let mut socket = Socket::open(&self.server.url, MODERN_PROTOCOL, greeting).await;
        socket.start(query, variables).await;
        socket
    }
}
