//! What the tabs of one browser share of a session: who changes the cookie, what came of it, and a note
//! that there is a session at all.

use std::{pin::pin, time::Duration};

use futures_channel::oneshot;
use futures_timer::Delay;
use futures_util::future::{self, Either};
use js_sys::{Object, Reflect};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;
use web_sys::{BroadcastChannel, MessageEvent, Storage};

use super::state::SignedIn;
use crate::api::http::REQUEST_TIMEOUT_MILLIS;

/// Names the channel and the lock.
const CHANNEL_AND_LOCK: &str = "rowlock.session";
/// Holds the id of the user whose refresh cookie the browser keeps. Only a note, which saves those who
/// have no session from asking for one; it proves nothing.
const STORAGE_KEY: &str = "rowlock.user";

/// Longest wait for another tab: as long as its request may take.
const LOCK_TIMEOUT: Duration = Duration::from_millis(REQUEST_TIMEOUT_MILLIS as u64);

/// What one tab tells the others.
#[derive(Serialize, Deserialize)]
pub(super) enum TabMessage {
    SignedIn(SignedIn),
    SignedOut,
    /// The signed-in person has booked or cancelled.
    BookingsChanged,
}

/// The other tabs of this browser.
pub(super) struct TabChannel(Option<BroadcastChannel>);

impl TabChannel {
    /// Listens to the others for as long as the page lives.
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
            // It fails only once it is closed, which it never is.
            let _ = channel.post_message(&JsValue::from_str(&message));
        }
    }
}

/// That no other tab changes the refresh cookie until this is dropped.
pub(super) struct CookieLock {
    /// Whether another tab had it.
    pub(super) waited: bool,
    _release: Option<oneshot::Sender<()>>,
}

/// Waits until this tab alone may change the refresh cookie: two that rotate it at once would look to
/// the server like a thief and his victim. A browser without locks (a page that is neither HTTPS nor
/// loopback) goes ahead; the server forgives what is only seconds apart.
pub(super) async fn lock_cookie() -> CookieLock {
    let at_once = LockOptions { if_available: true };
    if let Some(release) = request(at_once).await {
        return CookieLock { waited: false, _release: Some(release) };
    }
    // A tab that broke while it held the lock must not keep the others out for good.
    let granted = pin!(request(LockOptions { if_available: false }));
    let release = match future::select(granted, Delay::new(LOCK_TIMEOUT)).await {
        Either::Left((release, _)) => release,
        Either::Right(_) => None,
    };
    CookieLock { waited: release.is_some(), _release: release }
}

struct LockOptions {
    /// Rather none than wait.
    if_available: bool,
}

/// What frees the lock when it is dropped; `None` where it can't be had.
async fn request(options: LockOptions) -> Option<oneshot::Sender<()>> {
    let (granted, is_granted) = oneshot::channel::<bool>();
    let (release, is_released) = oneshot::channel::<()>();
    // The browser holds the lock until the promise that its callback gave is settled.
    let hold = Closure::once_into_js(move |lock: JsValue| {
        let _ = granted.send(!lock.is_null());
        future_to_promise(async move {
            let _ = is_released.await;
            Ok(JsValue::UNDEFINED)
        })
    });
    let how = Object::new();
    // Setting a property of a plain object can't fail.
    let _ = Reflect::set(&how, &"ifAvailable".into(), &options.if_available.into());
    request_lock(CHANNEL_AND_LOCK, &how, &hold).ok()?;
    is_granted.await.ok()?.then_some(release)
}

#[wasm_bindgen]
extern "C" {
    /// web-sys has it only as unstable.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, options: &Object, hold: &JsValue) -> Result<JsValue, JsValue>;
}

/// Whether there may be a session: one was noted, or there is nowhere to note it.
pub(super) fn may_have_session() -> bool {
    match storage().map(|storage| storage.get_item(STORAGE_KEY)) {
        Some(Ok(note)) => note.is_some(),
        Some(Err(_)) | None => true,
    }
}

pub(super) fn note_session(user_id: Option<&str>) {
    let Some(storage) = storage() else { return };
    // It fails where storage is forbidden, and then nothing depends on it.
    let _ = match user_id {
        Some(id) => storage.set_item(STORAGE_KEY, id),
        None => storage.remove_item(STORAGE_KEY),
    };
}

fn storage() -> Option<Storage> {
    leptos::prelude::window().local_storage().ok().flatten()
}
