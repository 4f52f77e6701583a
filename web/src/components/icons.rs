//! Icons. They are hidden from screen readers, because the text beside them says the same.

use leptos::prelude::*;

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident: $path:literal)*) => { $(
        $(#[$doc])*
        #[component]
        pub(crate) fn $name() -> impl IntoView {
            view! {
                <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
                    <path d=$path></path>
                </svg>
            }
        }
    )* };
}

icons! {
    Calendar: "M3 6.5h14v10H3zM3 9.5h14M6.5 4v4M13.5 4v4"
    Place: "M10 17.5s5.5-5 5.5-9a5.5 5.5 0 0 0-11 0c0 4 5.5 9 5.5 9z\
        M10 10.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
    Person: "M10 9.5a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5zM3.5 17c.5-3.5 3-5 6.5-5s6 1.5 6.5 5"
    Check: "M4 10.5l4 4 8-9"
    Clock: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM10 5.5v5l3 1.5"
    Warning: "M10 3l7.5 13.5h-15zM10 8v4M10 14v.5"
    Close: "M5 5l10 10M15 5L5 15"
    Search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4"
    Ticket: "M2.5 5.5h15v3a1.5 1.5 0 0 0 0 3v3h-15v-3a1.5 1.5 0 0 0 0-3zM12.5 6v8"
    Eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z"
    Back: "M12 4l-6 6 6 6"
    Forward: "M8 4l6 6-6 6"
}
