//! Whether the browser has a network.

use std::cell::Cell;

use futures_channel::oneshot;
use leptos::{ev, prelude::*};

/// Waits until the browser reports that it is online again.
pub(crate) async fn until_online() {
    struct Listener(Option<WindowListenerHandle>);
    impl Drop for Listener {
        fn drop(&mut self) {
            if let Some(listener) = self.0.take() {
                listener.remove();
            }
        }
    }
    let (sender, is_online) = oneshot::channel();
    let sender = Cell::new(Some(sender));
    let _listener = Listener(Some(window_event_listener(ev::online, move |_| {
        if let Some(sender) = sender.take() {
            let _ = sender.send(());
        }
    })));
    let _ = is_online.await;
}
