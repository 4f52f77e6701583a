//! A dialog that asks before an action that can't be undone. It is the browser's modal dialog,
//! which traps the focus, closes on Escape and returns the focus.

use leptos::{ev, html, prelude::*};

#[component]
pub(crate) fn ConfirmDialog(
    /// Whether the dialog is open.
    #[prop(into)]
    open: Signal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(into)] text: Signal<String>,
    /// The labels of the button that confirms: normally, and while busy.
    confirm_labels: (&'static str, &'static str),
    /// The label of the button that closes the dialog.
    cancel_label: &'static str,
    #[prop(into)] busy: Signal<bool>,
    #[prop(into)] on_confirm: Callback<()>,
    /// Begins the ids of the dialog's elements, so that a page can have several dialogs.
    #[prop(default = "dialog")]
    id: &'static str,
    /// Whether the button that confirms warns of what it does.
    #[prop(default = true)]
    is_danger: bool,
    /// Fields below the text.
    #[prop(optional)]
    children: Option<Children>,
    /// Called when the dialog was closed or should close.
    #[prop(into)]
    on_close: Callback<()>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        match open.get() {
            // It throws only if the dialog is already open.
            true if !dialog.open() => drop(dialog.show_modal()),
            false if dialog.open() => dialog.close(),
            _ => {}
        }
    });
    let (label, label_busy) = confirm_labels;
    view! {
        <dialog
            class="dialog"
            aria-labelledby=format!("{id}-title")
            aria-describedby=format!("{id}-text")
            node_ref=dialog
            on:close=move |_| on_close.run(())
            on:cancel=move |event: ev::Event| {
                if busy.get_untracked() {
                    event.prevent_default();
                }
            }
        >
            <h2 id=format!("{id}-title")>{title}</h2>
            <p id=format!("{id}-text")>{text}</p>
            {children.map(|children| children())}
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
                    class="button"
                    class:button-danger=is_danger
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
