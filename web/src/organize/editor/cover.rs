//! The picture of an event: what it looks like, and the form for another one.

use leptos::{html, prelude::*, task::spawn_local};

use super::editing::Editor;
use crate::{
    browser::focus,
    components::event_card::Picture,
    toasts::{Toast, Tone},
};

#[component]
pub(super) fn CoverForm(editor: Editor) -> impl IntoView {
    let event = RwSignal::new(editor.event.with_untracked(|managed| managed.event.clone()));
    Effect::new(move || event.set(editor.event.with(|managed| managed.event.clone())));
    let has_cover = Memo::new(move |_| event.with(|event| event.cover.is_some()));
    let known_alt = Memo::new(move |_| {
        event.with(|event| event.cover.as_ref().map(|cover| cover.alt.clone()).unwrap_or_default())
    });
    let (file, alt) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None);
    let send = move |picture: Option<web_sys::File>, alt: String| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        problem.set(None);
        let id = event.with_untracked(|event| event.id.clone());
        spawn_local(async move {
            let done =
                if picture.is_some() { "The picture is saved." } else { "The picture is gone." };
            let answer = editor.session.send_cover(id.inner(), picture, &alt).await;
            // The page may be gone by now.
            busy.try_set(false);
            match answer {
                Ok(()) => {
                    // The button to remove the picture is about to go.
                    focus("cover-title");
                    editor.query.refetch();
                    editor.toasts.show(Toast::new(Tone::Success, done).on_this_page());
                }
                Err(failure) => drop(problem.try_set(Some(failure.message()))),
            }
        });
    };
    let submit = move || {
        let Some((file, alt)) = file.get_untracked().zip(alt.get_untracked()) else { return };
        let picture = file.files().and_then(|files| files.get(0));
        match (picture, alt.value().trim()) {
            (None, _) => problem.set(Some("Please choose a picture.".to_owned())),
            (_, "") => problem.set(Some(
                "Please say what the picture shows, for people who don't see it.".to_owned(),
            )),
            (picture, alt) => send(picture, alt.to_owned()),
        }
    };
    view! {
        <form
            class="panel cover-form"
            method="post"
            novalidate
            aria-labelledby="cover-title"
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            <h2 id="cover-title" tabindex="-1">
                "Picture"
            </h2>
            <div class="picture">
                <Picture event sizes="min(100vw, 40rem)" />
            </div>
            <p class="hint" id="cover-hint">
                "A JPEG, PNG or WebP of up to 5 MB. Its middle is shown, 16 wide and 9 high."
            </p>
            <div class="field">
                <label for="cover-file">"File"</label>
                <input
                    id="cover-file"
                    type="file"
                    accept="image/jpeg,image/png,image/webp"
                    aria-describedby="cover-hint cover-problem"
                    node_ref=file
                />
            </div>
            <div class="field">
                <label for="cover-alt">"What it shows"</label>
                <input
                    id="cover-alt"
                    type="text"
                    maxlength="300"
                    autocomplete="off"
                    aria-describedby="cover-problem"
                    prop:value=known_alt
                    node_ref=alt
                />
            </div>
            <div class="form-refusal" id="cover-problem" role="alert">
                {move || problem.get()}
            </div>
            <div class="form-foot">
                <button type="submit" class="button" aria-disabled=move || busy.get().to_string()>
                    {move || if busy.get() { "Saving…" } else { "Save picture" }}
                </button>
                <Show when=move || has_cover.get()>
                    <button
                        type="button"
                        class="button button-quiet"
                        aria-disabled=move || busy.get().to_string()
                        on:click=move |_| send(None, String::new())
                    >
                        "Remove picture"
                    </button>
                </Show>
            </div>
        </form>
    }
}
