//! Shared by the tabs of one browser: a lock on the refresh cookie, messages about the session, and
//! a note in `localStorage` that there is a session.

use std::time::Duration;

use futures_channel::oneshot;
use futures_timer::Delay;
use futures_util::future::{self, Either};
use js_sys::{Object, Reflect};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;
use web_sys::{BroadcastChannel, MessageEvent};

use super::state::SignedIn;
use crate::{
    api::http::{Boxed, MUTATION_TIMEOUT_MILLIS},
    browser::local_storage,
};

/// The name of the channel and of the lock.
const CHANNEL_AND_LOCK: &str = "rowlock.session";
/// Holds the id of the user whose refresh cookie the browser has. It proves nothing; without it,
/// the client does not ask the server for a session.
const STORAGE_KEY: &str = "rowlock.user";

/// How long to wait for another tab: as long as its request may take.
const LOCK_TIMEOUT: Duration = Duration::from_millis(MUTATION_TIMEOUT_MILLIS as u64);

/// A message to the other tabs.
#[derive(Serialize, Deserialize)]
pub(super) enum TabMessage {
    SignedIn(SignedIn),
    SignedOut,
    /// The user has booked or cancelled.
    BookingsChanged,
}

/// A channel to the other tabs. Empty if the browser has none.
pub(super) struct TabChannel(Option<BroadcastChannel>);

impl TabChannel {
    /// Joins the channel and listens until the browser leaves the document.
    pub(super) fn join(mut on_message: impl FnMut(TabMessage) + 'static) -> Self {
        let Ok(channel) = BroadcastChannel::new(CHANNEL_AND_LOCK) else { return Self(None) };
        let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let message = event.data().as_string();
            if let Some(message) = message.and_then(|message| serde_json::from_str(&message).ok()) {
                on_message(message);
            }
        });
        channel.set_onmessage(Some(listener.into_js_value().unchecked_ref()));
        Self(Some(channel))
    }

    pub(super) fn send(&self, message: &TabMessage) {
        if let (Some(channel), Ok(message)) = (&self.0, serde_json::to_string(message)) {
            // It fails only on a closed channel, and this one is never closed.
            let _ = channel.post_message(&JsValue::from_str(&message));
        }
    }
}

/// While this exists, no other tab changes the refresh cookie.
pub(super) struct CookieLock {
    /// Whether another tab held the lock before.
    pub(super) had_to_wait: bool,
    _release: Option<oneshot::Sender<()>>,
}

/// Waits until only this tab may change the refresh cookie. To the server, two tabs that rotate it
/// at once would look like a stolen token. Browsers have locks on HTTPS and loopback only;
/// elsewhere the client goes ahead, because the server tolerates reuse within seconds.
pub(super) fn lock_cookie() -> Boxed<CookieLock> {
    Box::pin(async {
        let only_if_available = LockOptions { if_available: true };
        if let Some(release) = acquire(only_if_available).await {
            return CookieLock { had_to_wait: false, _release: Some(release) };
        }
        // A tab that hangs while it holds the lock must not block the others for ever.
        let granted = acquire(LockOptions { if_available: false });
        let release = match future::select(granted, Delay::new(LOCK_TIMEOUT)).await {
            Either::Left((release, _)) => release,
            Either::Right(_) => None,
        };
        CookieLock { had_to_wait: release.is_some(), _release: release }
    })
}

struct LockOptions {
    /// Return without the lock instead of waiting for it.
    if_available: bool,
}

/// Requests the lock. Dropping the returned sender frees it. `None` if the lock was not granted.
fn acquire(options: LockOptions) -> Boxed<Option<oneshot::Sender<()>>> {
    Box::pin(async move {
        let (granted, is_granted) = oneshot::channel::<bool>();
        let (release, is_released) = oneshot::channel::<()>();
        // The browser holds the lock until the callback's promise settles.
        let hold = Closure::once_into_js(move |lock: JsValue| {
            let _ = granted.send(!lock.is_null());
            future_to_promise(async move {
                let _ = is_released.await;
                Ok(JsValue::UNDEFINED)
            })
        });
        let js_options = Object::new();
        // Setting a property of a plain object can't fail.
        let _ = Reflect::set(&js_options, &"ifAvailable".into(), &options.if_available.into());
        request_lock(CHANNEL_AND_LOCK, &js_options, &hold).ok()?;
        is_granted.await.ok()?.then_some(release)
    })
}

#[wasm_bindgen]
extern "C" {
    /// In web-sys this is still unstable.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, options: &Object, hold: &JsValue) -> Result<JsValue, JsValue>;
}

/// Whether there may be a session: one was noted, or there is no storage for a note.
pub(super) fn may_have_session() -> bool {
    match local_storage().map(|storage| storage.get_item(STORAGE_KEY)) {
        Some(Ok(note)) => note.is_some(),
        Some(Err(_)) | None => true,
    }
}

pub(super) fn note_session(user_id: Option<&str>) {
    let Some(storage) = local_storage() else { return };
    // It fails where storage is forbidden. The client then asks the server each time.
    let _ = match user_id {
        Some(id) => storage.set_item(STORAGE_KEY, id),
        None => storage.remove_item(STORAGE_KEY),
    };
}
