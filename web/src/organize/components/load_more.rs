//! A button that loads the rows after the last one shown.

use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::Failure,
    toasts::{Toast, Toasts, Tone},
};

#[component]
pub(crate) fn LoadMore<L, A>(
    /// The cursor of the last row, if there are rows after it.
    #[prop(into)]
    cursor: Signal<Option<String>>,
    /// Loads the rows after the cursor and shows them.
    load: L,
) -> impl IntoView
where
    L: Fn(String) -> A + Copy + Send + Sync + 'static,
    A: Future<Output = Result<(), Failure>> + 'static,
{
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let load_more = move |_| {
        let Some(after) = cursor.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        spawn_local(async move {
            if let Err(failure) = load(after).await {
                toasts.show(Toast::new(Tone::Error, failure.message()).on_this_page());
            }
            busy.try_set(false);
        });
    };
    move || {
        cursor.get().is_some().then(|| {
            view! {
                <button
                    type="button"
                    class="button button-quiet more"
                    aria-disabled=move || busy.get().to_string()
                    on:click=load_more
                >
                    {move || if busy.get() { "Loading…" } else { "Show more" }}
                </button>
            }
        })
    }
}
