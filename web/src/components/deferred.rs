//! What comes a moment later than what is around it, so that the browser, which compiles what it runs as
//! it goes, gets to paint and to listen in between.

use std::time::Duration;

use leptos::prelude::*;

#[component]
pub(crate) fn Deferred(children: ChildrenFn) -> impl IntoView {
    let now = RwSignal::new(false);
    set_timeout(
        move || {
            // What is around it may be gone by then.
            now.try_set(true);
        },
        Duration::ZERO,
    );
    view! { <Show when=move || now.get()>{children()}</Show> }
}
