//! The heading that a page begins with. It names the page in the browser too, and takes the focus when
//! the page was come to by a link, so that a screen reader says where one is.

use leptos::{html, prelude::*};

use crate::browser;

/// Whether the page that the browser loaded has been shown: it keeps the focus where the browser puts
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
    /// Whether that is its name already.
    #[prop(into, default = true.into())]
    named: Signal<bool>,
    /// What stands beside the title.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    let FirstPageShown(shown) = expect_context();
    Effect::new(move || browser::set_title(&title.get()));
    Effect::new(move |focused: Option<bool>| {
        let (Some(heading), false) = (heading.get(), focused.unwrap_or_default()) else {
            return focused.unwrap_or_default();
        };
        if !named.get() {
            return false;
        }
        if shown.get_value() {
            browser::focus_on(&heading);
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
