//! The head of the pages about one organizer: its name, and the links between these pages.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::components::page_heading::PageHeading;

/// A page about an organizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrganizerTab {
    Events,
    Members,
    Settings,
}

impl OrganizerTab {
    const ALL: [Self; 3] = [Self::Events, Self::Members, Self::Settings];

    fn label(self) -> &'static str {
        match self {
            Self::Events => "My events",
            Self::Members => "Members",
            Self::Settings => "Settings",
        }
    }

    fn path(self, slug: &str) -> String {
        match self {
            Self::Events => format!("/organize/{slug}"),
            Self::Members => format!("/organize/{slug}/members"),
            Self::Settings => format!("/organize/{slug}/settings"),
        }
    }
}

#[component]
pub(crate) fn OrganizerHead(
    #[prop(into)] slug: String,
    #[prop(into)] name: Signal<String>,
    tab: OrganizerTab,
    /// Shown beside the title.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let links = OrganizerTab::ALL
        .map(|tab| {
            view! {
                <A href=tab.path(&slug) exact=true>
                    {tab.label()}
                </A>
            }
        })
        .collect_view();
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href="/organize">"Your organizers"</a>
        </nav>
        <PageHeading title=tab.label()>
            {children.map(|children| children())}
        </PageHeading>
        <p class="organizer-name" dir="auto">{name}</p>
        <nav class="tabs" aria-label="Organizer">
            {links}
        </nav>
    }
}
