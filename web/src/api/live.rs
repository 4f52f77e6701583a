//! Live counts: one socket for the page, opened again whenever it breaks.

use std::{cell::Cell, future::IntoFuture, pin::pin, time::Duration};

use futures_timer::Delay;
use futures_util::{StreamExt, future};
use graphql_ws_client::{Client, ws_stream_wasm::Connection};
use wasm_bindgen::UnwrapThrowExt;
use ws_stream_wasm::WsMeta;

use super::queries::{TicketUpdate, remaining_tickets};
use crate::tickets::reconnect_pause;

/// How often an idle socket is asked for a sign of life, so that a silent loss is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Tells `on_update` of every count of these events, and `on_connected` whether it can, for ever.
pub(crate) async fn watch(
    event_ids: Vec<cynic::Id>,
    on_update: impl Fn(TicketUpdate),
    on_connected: impl Fn(bool),
) {
    let mut failures = 0;
    loop {
        // Each new subscription begins with the current counts, so nothing is missed in between.
        let told = watch_once(event_ids.clone(), &on_update, &on_connected).await;
        on_connected(false);
        failures = if told { 0 } else { failures + 1 };
        Delay::new(reconnect_pause(failures, js_sys::Math::random())).await;
    }
}

/// Until the socket closes; says whether it ever told a count.
async fn watch_once(
    event_ids: Vec<cynic::Id>,
    on_update: &impl Fn(TicketUpdate),
    on_connected: &impl Fn(bool),
) -> bool {
    let Ok(socket) = WsMeta::connect(url(), vec!["graphql-transport-ws"]).await else {
        return false;
    };
    let connection = Connection::new(socket).await;
    let client = Client::build(connection).keep_alive_interval(KEEP_ALIVE);
    let Ok((client, actor)) = client.await else { return false };
    let told = Cell::new(false);
    let counts = async {
        let Ok(mut updates) = client.subscribe(remaining_tickets(event_ids)).await else { return };
        while let Some(Ok(update)) = updates.next().await {
            let Some(data) = update.data else { break };
            on_connected(true);
            on_update(data.remaining_tickets);
            told.set(true);
        }
    };
    // Whichever ends first: the subscription can be refused while its socket stays open.
    future::select(pin!(counts), pin!(actor.into_future())).await;
    told.get()
}

/// The socket beside the page's own address.
fn url() -> String {
    let location = web_sys::window().expect_throw("a page has a window").location();
    let scheme = match location.protocol().as_deref() {
        Ok("https:") => "wss",
        _ => "ws",
    };
    format!("{scheme}://{}/graphql", location.host().unwrap_or_default())
}
