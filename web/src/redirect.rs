//! Pages that are not for everybody.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// Goes to another page instead of this one, which the way back then leads past.
///
/// A moment later, because the router adds a page that was come to by a link to the history only when the
/// page is there: at once, this would replace the page before it.
pub(crate) fn redirect_when(
    is_wanted: impl Fn() -> bool + Copy + Send + Sync + 'static,
    to: impl Fn() -> String + Copy + Send + Sync + 'static,
) {
    let navigate = use_navigate();
    let is_wanted = Memo::new(move |_| is_wanted());
    Effect::new(move || {
        if !is_wanted.get() {
            return;
        }
        let navigate = navigate.clone();
        set_timeout(
            move || {
                // The page may be gone by now, or fit again.
                if is_wanted.try_get_untracked() == Some(true) {
                    navigate(&to(), NavigateOptions { replace: true, ..Default::default() });
                }
            },
            Duration::ZERO,
        );
    });
}
