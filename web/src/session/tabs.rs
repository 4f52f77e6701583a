//! What the tabs of one browser share of a session: who changes the cookie, what came of it, and a note
//! that there is a session at all.

use futures_channel::oneshot;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::future_to_promise;
use web_sys::{BroadcastChannel, MessageEvent, Storage};

use super::state::SignedIn;

/// Names the channel and the lock.
const NAME: &str = "rowlock.session";
/// Holds the id of the user whose refresh cookie the browser keeps. Only a note, which saves those who
/// have no session from asking for one; it proves nothing.
const NOTE: &str = "rowlock.user";

/// What one tab tells the others.
#[derive(Serialize, Deserialize)]
pub(super) enum News {
    SignedIn(SignedIn),
    SignedOut,
}

/// The other tabs of this browser.
pub(super) struct Tabs(Option<BroadcastChannel>);

impl Tabs {
    /// Listens to the others for as long as the page lives.
    pub(super) fn join(mut on_news: impl FnMut(News) + 'static) -> Self {
        let Ok(channel) = BroadcastChannel::new(NAME) else { return Self(None) };
        let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let news = event.data().as_string();
            if let Some(news) = news.and_then(|news| serde_json::from_str(&news).ok()) {
                on_news(news);
            }
        });
        channel.set_onmessage(Some(listener.into_js_value().unchecked_ref()));
        Self(Some(channel))
    }

    pub(super) fn tell(&self, news: &News) {
        if let (Some(channel), Ok(news)) = (&self.0, serde_json::to_string(news)) {
            // It fails only once it is closed, which it never is.
            let _ = channel.post_message(&JsValue::from_str(&news));
        }
    }
}

/// That no other tab changes the refresh cookie until this is dropped.
pub(super) struct CookieLock {
    _release: Option<oneshot::Sender<()>>,
}

/// Waits until this tab alone may change the refresh cookie: two that rotate it at once would look to
/// the server like a thief and his victim. A browser without locks (a page that is neither HTTPS nor
/// loopback) goes ahead; the server forgives what is only seconds apart.
pub(super) async fn lock_cookie() -> CookieLock {
    let (granted, is_granted) = oneshot::channel::<()>();
    let (release, is_released) = oneshot::channel::<()>();
    // The browser holds the lock until the promise that its callback gave is settled.
    let hold = Closure::once_into_js(move |_lock: JsValue| {
        let _ = granted.send(());
        future_to_promise(async move {
            let _ = is_released.await;
            Ok(JsValue::UNDEFINED)
        })
    });
    if request_lock(NAME, &hold).is_err() || is_granted.await.is_err() {
        return CookieLock { _release: None };
    }
    CookieLock { _release: Some(release) }
}

#[wasm_bindgen]
extern "C" {
    /// web-sys has it only as unstable.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, hold: &JsValue) -> Result<JsValue, JsValue>;
}

/// Whether the browser has had a session, as far as anybody noted.
pub(super) fn session_is_noted() -> bool {
    storage().and_then(|storage| storage.get_item(NOTE).ok().flatten()).is_some()
}

pub(super) fn note_session(user_id: Option<&str>) {
    let Some(storage) = storage() else { return };
    // A full or forbidden storage costs one needless question at the next start.
    let _ = match user_id {
        Some(id) => storage.set_item(NOTE, id),
        None => storage.remove_item(NOTE),
    };
}

fn storage() -> Option<Storage> {
    leptos::prelude::window().local_storage().ok().flatten()
}
