//! Whether the visitor sees the page. While it is hidden, in a tab in the background or on a phone
//! that is locked, what it shows may become out of date.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};

use crate::browser;

/// A `Copy` handle to how often the page was shown again.
#[derive(Clone, Copy)]
pub(crate) struct PageVisibility {
    times_shown_again: RwSignal<u32>,
}

impl PageVisibility {
    /// Installs a listener that stays until the browser leaves the document.
    pub(crate) fn provide() -> Self {
        let visibility = Self { times_shown_again: RwSignal::new(0) };
        provide_context(visibility);
        let listener = Closure::<dyn Fn()>::new(move || {
            if browser::is_page_visible() {
                visibility.times_shown_again.update(|times| *times = times.wrapping_add(1));
            }
        });
        let listener = listener.into_js_value();
        // A listener can always be added to the document.
        let _ = document()
            .add_event_listener_with_callback("visibilitychange", listener.unchecked_ref());
        visibility
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// Everything on the page may be out of date when this changes.
    pub(crate) fn times_shown_again(self) -> u32 {
        self.times_shown_again.get()
    }
}
