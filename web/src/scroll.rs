//! How far each page was scrolled. The browser keeps that too, but goes there before the page's content is
//! there.

use std::{cell::RefCell, collections::HashMap};

use js_sys::Date;
use leptos::{ev, prelude::*};
use web_sys::{PerformanceNavigation, ScrollRestoration, Storage};

use crate::browser::path_and_query;

/// Holds how far a page was scrolled that is about to be loaded again.
const STORAGE_KEY: &str = "rowlock.scroll";
/// Content that takes longer, in milliseconds, no longer moves who waits for it.
const RESTORE_TIMEOUT_MILLIS: f64 = 5_000.0;

thread_local! {
    static POSITIONS: RefCell<HashMap<String, i32>> = RefCell::default();
}

/// The way to where a page was left; a handle that is copied about.
#[derive(Clone, Copy)]
pub(crate) struct ScrollPositions {
    /// When the page was come to by back, forward or reload.
    returned_at: StoredValue<f64>,
}

impl ScrollPositions {
    /// Listens for as long as the page lives.
    pub(crate) fn provide() {
        if let Ok(history) = window().history() {
            let _ = history.set_scroll_restoration(ScrollRestoration::Manual);
        }
        let scroll = Self { returned_at: StoredValue::new(f64::NEG_INFINITY) };
        provide_context(scroll);
        let is_reload = window().performance().is_some_and(|performance| {
            performance.navigation().type_() == PerformanceNavigation::TYPE_RELOAD
        });
        // Only then, since a browser takes its time to open the storage.
        if let Some(y) = is_reload.then(stored_position).flatten() {
            POSITIONS.with_borrow_mut(|positions| positions.insert(path_and_query(), y));
            scroll.returned_at.set_value(Date::now());
        }
        window_event_listener(ev::scroll, |_| {
            POSITIONS.with_borrow_mut(|positions| positions.insert(path_and_query(), position()));
        });
        window_event_listener(ev::popstate, move |_| scroll.returned_at.set_value(Date::now()));
        window_event_listener(ev::pagehide, |_| {
            if let Some(storage) = session_storage() {
                let _ = storage.set_item(STORAGE_KEY, &position().to_string());
            }
        });
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// The page's content is there in a moment: goes where the page was left, if that was returned_at to.
    pub(crate) fn restore(self) {
        if Date::now() - self.returned_at.get_value() > RESTORE_TIMEOUT_MILLIS {
            return;
        }
        self.returned_at.set_value(f64::NEG_INFINITY);
        let left = POSITIONS.with_borrow(|positions| positions.get(&path_and_query()).copied());
        if let Some(y) = left {
            request_animation_frame(move || window().scroll_to_with_x_and_y(0.0, y.into()));
        }
    }
}

/// In whole pixels, as nobody sees less.
fn position() -> i32 {
    window().scroll_y().unwrap_or_default() as i32
}

fn stored_position() -> Option<i32> {
    session_storage()?.get_item(STORAGE_KEY).ok()??.parse().ok()
}

fn session_storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
