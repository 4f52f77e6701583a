//! Shows messages in a corner of the page, where screen readers read them out.

use leptos::prelude::*;

use super::icons::{Calendar, Check, Clock, Close, Warning};
use crate::{
    browser::{self, focus},
    toasts::{Toasts, Tone},
};

#[component]
pub(crate) fn ToastRegion() -> impl IntoView {
    let toasts = Toasts::from_context();
    view! {
        <section class="toasts" aria-label="Messages" aria-live="polite" node_ref=toasts.region>
            <For
                each=move || toasts.shown()
                key=|toast| toast.id
                children=move |toast| {
                    let (class, icon) = match toast.tone {
                        Tone::Success => ("toast toast-good", Check().into_any()),
                        Tone::Info => ("toast toast-plain", Check().into_any()),
                        Tone::Waiting => ("toast toast-plain", Clock().into_any()),
                        Tone::Change => ("toast toast-plain", Calendar().into_any()),
                        Tone::Error => ("toast toast-bad", Warning().into_any()),
                    };
                    let (id, text, action) = (toast.id, toast.text.clone(), toast.action);
                    let link = toast.link.clone();
                    Effect::new(move || {
                        if !toast.still_holds() {
                            toasts.dismiss(id);
                        }
                    });
                    view! {
                        <div class=class>
                            {icon} <div class="toast-text">
                                <p>{text}</p>
                                {action
                                    .map(|(label, act)| {
                                        view! {
                                            <button
                                                type="button"
                                                class="link-button"
                                                on:click=move |_| {
                                                    toasts.dismiss(id);
                                                    act.run(());
                                                    focus("content");
                                                }
                                            >
                                                {label}
                                            </button>
                                        }
                                    })}
                                {link
                                    .map(|(label, path)| {
                                        view! {
                                            <a
                                                class="link-button"
                                                rel=browser::rel_of(&path)
                                                href=path
                                                on:click=move |_| toasts.dismiss(id)
                                            >
                                                {label}
                                            </a>
                                        }
                                    })}
                            </div>
                            <button
                                type="button"
                                class="icon-button"
                                aria-label="Dismiss"
                                on:click=move |_| {
                                    toasts.dismiss(id);
                                    // The focus was on this button, which is gone now.
                                    focus("content");
                                }
                            >
                                <Close />
                            </button>
                        </div>
                    }
                }
            />
        </section>
    }
}
