//! The scroll position of each page. The browser's own restoration is off, because it scrolls
//! before the content is rendered.

use std::cell::RefCell;

use js_sys::Date;
use leptos::{ev, prelude::*};
use web_sys::{PerformanceNavigation, ScrollRestoration};

use crate::browser::{path_and_query, session_storage};

/// Holds the position of a page while it is reloaded.
const STORAGE_KEY: &str = "rowlock.scroll";
/// Content that arrives later than this, in milliseconds, no longer scrolls the page.
const RESTORE_TIMEOUT_MILLIS: f64 = 5_000.0;
/// Longest time, in milliseconds, in which a page grows to the height at which it was left.
const GROWING_MILLIS: f64 = 1_000.0;

thread_local! {
    static POSITIONS: RefCell<Vec<(String, i32)>> = RefCell::default();
}

/// A `Copy` handle that restores positions.
#[derive(Clone, Copy)]
pub(crate) struct ScrollPositions {
    /// When the user last came to a page by back, forward, reload or a sign-in.
    returned_at: StoredValue<f64>,
}

impl ScrollPositions {
    /// Installs listeners that stay until the browser leaves the document.
    pub(crate) fn provide() {
        if let Ok(history) = window().history() {
            let _ = history.set_scroll_restoration(ScrollRestoration::Manual);
        }
        let scroll = Self { returned_at: StoredValue::new(f64::NEG_INFINITY) };
        provide_context(scroll);
        let is_reload = window().performance().is_some_and(|performance| {
            performance.navigation().type_() == PerformanceNavigation::TYPE_RELOAD
        });
        // Storage is read after a reload only, because opening it takes a browser some time.
        if let Some(y) = is_reload.then(stored_position).flatten() {
            set_position(y);
            scroll.expect_return();
        }
        window_event_listener(ev::scroll, move |_| {
            // The position of a page that is coming back is not the one that it had. The event may
            // also be that of the page before.
            if !scroll.is_returning() {
                set_position(current_position());
            }
        });
        window_event_listener(ev::popstate, move |_| scroll.expect_return());
        window_event_listener(ev::pagehide, |_| {
            if let Some(storage) = session_storage() {
                let _ = storage.set_item(STORAGE_KEY, &current_position().to_string());
            }
        });
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// The user is coming back to a page, so it will scroll to where it was left.
    pub(crate) fn expect_return(self) {
        self.returned_at.set_value(Date::now());
    }

    fn is_returning(self) -> bool {
        Date::now() - self.returned_at.get_value() <= RESTORE_TIMEOUT_MILLIS
    }

    /// Scrolls to where the page was left, after back, forward, reload or a sign-in. Call it when
    /// the page's content is about to be rendered.
    pub(crate) fn restore(self) {
        if !self.is_returning() {
            return;
        }
        self.returned_at.set_value(f64::NEG_INFINITY);
        let path = path_and_query();
        let position = POSITIONS.with_borrow(|positions| {
            positions.iter().find(|(known, _)| *known == path).map(|(_, y)| *y)
        });
        if let Some(y) = position {
            scroll_in_next_frame(path, y, Date::now() + GROWING_MILLIS);
        }
    }
}

/// Scrolls to this position, or tries again in each frame until `deadline` if the page is too short
/// for it, because a part of its content is rendered in a later frame. Another page is left alone.
fn scroll_in_next_frame(path: String, y: i32, deadline: f64) {
    request_animation_frame(move || {
        if path_and_query() != path {
            return;
        }
        window().scroll_to_with_x_and_y(0.0, y.into());
        if current_position() < y && Date::now() < deadline {
            scroll_in_next_frame(path, y, deadline);
        }
    });
}

/// Keeps the position of the page at the current address.
fn set_position(y: i32) {
    let path = path_and_query();
    POSITIONS.with_borrow_mut(|positions| {
        match positions.iter_mut().find(|(known, _)| *known == path) {
            Some((_, known)) => *known = y,
            None => positions.push((path, y)),
        }
    });
}

/// The current position in whole pixels.
fn current_position() -> i32 {
    window().scroll_y().unwrap_or_default() as i32
}

fn stored_position() -> Option<i32> {
    session_storage()?.get_item(STORAGE_KEY).ok()??.parse().ok()
}
