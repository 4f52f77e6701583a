//! Asks before something is done that can't be undone. The browser's own dialog: it keeps the focus inside,
//! closes on Escape, and gives the focus back.

use leptos::{ev, html, prelude::*};

/// What the dialog shows, once something is there to ask about.
#[component]
pub(crate) fn ConfirmDialog(
    /// Open while it is true.
    #[prop(into)]
    open: Signal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(into)] text: Signal<String>,
    /// On the button that does it, and while it is done.
    confirm_labels: (&'static str, &'static str),
    /// On the button that does not.
    cancel_label: &'static str,
    #[prop(into)] busy: Signal<bool>,
    #[prop(into)] on_confirm: Callback<()>,
    /// It is closed, or asked to be.
    #[prop(into)]
    on_close: Callback<()>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        match open.get() {
            // It throws only where it is open already, as something else.
            true if !dialog.open() => drop(dialog.show_modal()),
            false if dialog.open() => dialog.close(),
            _ => {}
        }
    });
    let (label, label_busy) = confirm_labels;
    view! {
        <dialog
            class="dialog"
            aria-labelledby="dialog-title"
            aria-describedby="dialog-text"
            node_ref=dialog
            on:close=move |_| on_close.run(())
            on:cancel=move |event: ev::Event| {
                if busy.get_untracked() {
                    event.prevent_default();
                }
            }
        >
            <h2 id="dialog-title">{title}</h2>
            <p id="dialog-text">{text}</p>
            <div class="dialog-foot">
                <button
                    type="button"
                    class="button button-quiet"
                    disabled=busy
                    on:click=move |_| on_close.run(())
                >
                    {cancel_label}
                </button>
                <button
                    type="button"
                    class="button button-danger"
                    aria-disabled=move || busy.get().to_string()
                    on:click=move |_| {
                        if !busy.get_untracked() {
                            on_confirm.run(());
                        }
                    }
                >
                    {move || if busy.get() { label_busy } else { label }}
                </button>
            </div>
        </dialog>
    }
}
