//! What the server has written into the first page about its event. It shows until the event was read.

use leptos::prelude::*;
use web_sys::Element;

/// The static page, which is visible while the program loads. While it is there, styles hide what
/// comes after it in the body.
pub(crate) fn static_page() -> Option<Element> {
    document().get_element_by_id("shell")
}

/// Parts of the page, as HTML.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preview {
    pub(crate) title: String,
    /// The picture, if there is one.
    pub(crate) hero: String,
    /// The inside of the texts about the event.
    pub(crate) about: String,
}

/// The preview of the first page, until it is taken.
#[derive(Clone, Copy)]
struct OfFirstPage(StoredValue<Option<Preview>>);

impl Preview {
    /// Reads the static page.
    pub(crate) fn of_static_page(page: &Element) -> Option<Self> {
        let part = |css: &str| page.query_selector(css).ok().flatten();
        Some(Self {
            title: part("h1")?.text_content()?,
            hero: part(".hero .poster").map(|picture| picture.inner_html()).unwrap_or_default(),
            about: part(".about")?.inner_html(),
        })
    }

    pub(crate) fn provide(preview: Option<Self>) {
        provide_context(OfFirstPage(StoredValue::new(preview)));
    }

    /// The preview, for the first page of an event and for no other.
    pub(crate) fn take() -> Option<Self> {
        let OfFirstPage(preview) = use_context()?;
        preview.try_update_value(Option::take).flatten()
    }
}
