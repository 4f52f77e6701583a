//! Renders its children in a later task. The browser compiles WebAssembly when it is first called;
//! in between tasks, it can paint and handle input.

use std::time::Duration;

use leptos::prelude::*;

#[component]
pub(crate) fn Deferred(children: ChildrenFn) -> impl IntoView {
    let is_due = RwSignal::new(false);
    set_timeout(
        move || {
            // Meanwhile the surrounding page may be gone.
            is_due.try_set(true);
        },
        Duration::ZERO,
    );
    view! { <Show when=move || is_due.get()>{children()}</Show> }
}
