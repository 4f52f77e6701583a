//! Queries over HTTP POST.

use cynic::{GraphQlResponse, Operation};
use gloo_net::http::Request;
use serde::{Serialize, de::DeserializeOwned};

use super::queries::{Event, event_list};

/// How many events the page lists.
const EVENTS_ON_A_PAGE: i32 = 50;

/// The events of the first page, soonest first.
///
/// # Errors
/// A sentence for the person.
pub(crate) async fn list_events() -> Result<Vec<Event>, String> {
    Ok(post(&event_list(EVENTS_ON_A_PAGE)).await?.events.nodes)
}

async fn post<Q, V>(operation: &Operation<Q, V>) -> Result<Q, String>
where
    Q: DeserializeOwned + 'static,
    V: Serialize,
{
    const UNREACHABLE: &str = "The booking system can't be reached.";
    let request = Request::post("/graphql")
        .header("accept", "application/graphql-response+json")
        .json(operation)
        .map_err(|error| error.to_string())?;
    let answer = request.send().await.map_err(|_| UNREACHABLE.to_owned())?;
    let answer: GraphQlResponse<Q> = answer.json().await.map_err(|_| UNREACHABLE.to_owned())?;
    match (answer.data, answer.errors) {
        (Some(data), _) => Ok(data),
        (None, Some(errors)) if !errors.is_empty() => Err(errors[0].message.clone()),
        _ => Err(UNREACHABLE.to_owned()),
    }
}
