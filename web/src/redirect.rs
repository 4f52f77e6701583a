//! Leaving a page that is not for this user.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use crate::{browser, program::Program};

/// Replaces this page by another when the condition holds, so "back" skips this page.
///
/// It navigates in a later task. The router adds a page to the history only once the page is
/// rendered; navigating before that would replace the previous page's entry.
pub(crate) fn redirect_when(
    condition: impl Fn() -> bool + Copy + Send + Sync + 'static,
    to: impl Fn() -> String + Copy + Send + Sync + 'static,
) {
    let navigate = use_navigate();
    let is_needed = Memo::new(move |_| condition());
    Effect::new(move || {
        if !is_needed.get() {
            return;
        }
        let navigate = navigate.clone();
        set_timeout(
            move || {
                // Meanwhile the page may be gone, or the condition may be false again.
                if is_needed.try_get_untracked() == Some(true) {
                    let to = to();
                    match Program::of(&to) == browser::this_program() {
                        true => {
                            navigate(&to, NavigateOptions { replace: true, ..Default::default() });
                        }
                        false => browser::load_instead(&to),
                    }
                }
            },
            Duration::ZERO,
        );
    });
}
