//! A page's heading. It also sets the document's title. After a link was followed it takes the
//! focus, so screen readers announce the new page, and removes what described the one before. Where
//! a form is the page, the form's first field takes the focus instead, and the form has the heading
//! as its name, which screen readers announce with the field.

use leptos::{html, prelude::*};

use crate::browser;

/// Whether the first page has been shown. On the first page, the focus stays where the browser put
/// it.
#[derive(Clone, Copy)]
pub(crate) struct FirstPageShown(StoredValue<bool>);

impl FirstPageShown {
    pub(crate) fn provide() {
        provide_context(Self(StoredValue::new(false)));
    }
}

#[component]
pub(crate) fn PageHeading(
    #[prop(into)] title: Signal<String>,
    /// Whether the title is final. While a page loads, its title is a placeholder.
    #[prop(into, default = true.into())]
    is_final: Signal<bool>,
    /// Whether it takes the focus after a link was followed.
    #[prop(default = true)]
    takes_focus: bool,
    /// Shown beside the title.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    let FirstPageShown(shown) = expect_context();
    Effect::new(move || {
        let title = title.get();
        // The server has written the first page's title, which is better than a placeholder.
        if is_final.get() || shown.get_value() {
            browser::set_title(&title);
        }
    });
    Effect::new(move |focused: Option<bool>| {
        let (Some(heading), false) = (heading.get(), focused.unwrap_or_default()) else {
            return focused.unwrap_or_default();
        };
        if !is_final.get() {
            return false;
        }
        if shown.get_value() {
            if takes_focus {
                browser::focus_on(&heading);
            }
            browser::remove_description_of_loaded_page();
        }
        shown.set_value(true);
        true
    });
    view! {
        <div class="page-head">
            <h1 tabindex="-1" node_ref=heading>
                {title}
            </h1>
            {children.map(|children| children())}
        </div>
    }
}
