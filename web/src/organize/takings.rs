//! Takings, which no subscription brings: they are read again when a count has changed.

use std::time::Duration;

use leptos::prelude::*;

/// Time between the change of a count and the next read. A popular event's count changes all the
/// time.
const PAUSE: Duration = Duration::from_secs(3);

/// Returns what to call when a count has changed: it calls `reread` after a pause, once for all
/// changes in it.
pub(super) fn reread_after_pause(reread: impl Fn() + Copy + 'static) -> impl Fn() + Copy + 'static {
    let is_waiting = StoredValue::new(false);
    move || {
        if !is_waiting.get_value() {
            is_waiting.set_value(true);
            set_timeout(
                move || {
                    // The page may be gone by now.
                    if is_waiting.try_set_value(false).is_none() {
                        reread();
                    }
                },
                PAUSE,
            );
        }
    }
}
