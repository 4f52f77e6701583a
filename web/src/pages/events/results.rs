//! The cards of one page of the list, or a notice in their place.

use leptos::prelude::*;

use super::list_page::ListPage;
use crate::{
    api::Failure,
    browser,
    components::{
        event_card::{CardSkeleton, EventCard},
        icons::{Calendar, Search},
        notice::{FailureNotice, Notice},
        pager::Pager,
    },
    event_list::{Filters, ListParams, page_count},
    pages::not_found::NotFound,
    query::{Query, QueryState},
};

/// The state of the page. It does not change when only the events change, so cards keep their
/// elements and the focus.
#[derive(Clone, PartialEq)]
enum ResultsState {
    Loading,
    Cards,
    /// No event matches the search; without a search, there are no events at all.
    Empty(ListParams),
    /// There are events, but not this many pages.
    NoSuchPage(ListParams),
    NoSuchOrganizer,
    Failed(Failure),
}

#[component]
pub(super) fn Results(events: Query<ListPage>) -> impl IntoView {
    let state = Memo::new(move |_| {
        events.with(|events| match events {
            QueryState::Loading => ResultsState::Loading,
            QueryState::Failed(failure) => ResultsState::Failed(failure.clone()),
            QueryState::Loaded(page) if page.is_missing() => ResultsState::NoSuchOrganizer,
            QueryState::Loaded(page) if !page.events.is_empty() => ResultsState::Cards,
            QueryState::Loaded(page) if page.total == 0 => ResultsState::Empty(page.params.clone()),
            QueryState::Loaded(page) => ResultsState::NoSuchPage(page.params.clone()),
        })
    });
    let cards = move || {
        events.with(|events| {
            let listed = events.data().into_iter().flat_map(|page| &page.events);
            listed.map(|listed| listed.event.clone()).collect::<Vec<_>>()
        })
    };
    let pager = Memo::new(move |_| {
        events
            .with(|events| events.data().map(|page| (page.params.clone(), page_count(page.total))))
    });
    let summary =
        move || events.with(|events| events.data().map(ListPage::summary).unwrap_or_default());
    // After the user has turned the page, the focus moves to the summary above the cards. Otherwise
    // it would stay on the pager below them, or be lost with a removed element.
    let page = Memo::new(move |_| pager.get().map(|(params, _)| params.page));
    let is_list = Memo::new(move |_| state.get() == ResultsState::Cards);
    Effect::watch(
        move || (page.get(), is_list.get()),
        move |(page, _), before, _| {
            let Some((Some(page_before), _)) = before else { return };
            let is_turned = *page != Some(*page_before);
            request_animation_frame(move || {
                if is_turned || !browser::has_focus() {
                    browser::focus("found");
                }
            });
        },
        false,
    );
    view! {
        <p class="found" id="found" role="status" tabindex="-1">
            {summary}
        </p>
        <div class="results" aria-busy=move || events.is_fetching().get().to_string()>
            {move || match state.get() {
                ResultsState::Loading => {
                    view! {
                        <div class="cards">
                            {(0..6).map(|_| view! { <CardSkeleton /> }).collect_view()}
                        </div>
                    }
                        .into_any()
                }
                ResultsState::Cards => {
                    view! {
                        <div class="cards">
                            <For
                                each=cards
                                key=|event| event.id.inner().to_owned()
                                children=|event| view! { <EventCard event /> }
                            />
                        </div>
                    }
                        .into_any()
                }
                ResultsState::Empty(params) if params.filters != Filters::default() => {
                    view! {
                        <Notice
                            icon=Search
                            title="No events match these filters."
                            text="Take some away to see more."
                        >
                            <a class="button" href=params.with_filters(Filters::default()).path()>
                                "Remove all filters"
                            </a>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::Empty(params) if params.search.is_empty() => {
                    view! {
                        <Notice
                            icon=Calendar
                            title="There are no events yet."
                            text="New events will appear here."
                        >
                            <button
                                type="button"
                                class="button"
                                on:click=move |_| events.refetch()
                            >
                                "Check again"
                            </button>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::Empty(params) => {
                    view! {
                        <Notice
                            icon=Search
                            title=format!("No events match “{}”.", params.search)
                            text="Check the spelling, or try fewer words, a venue or a city."
                        >
                            <a class="button" href=params.with_search("").path()>
                                "Show all events"
                            </a>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::NoSuchPage(params) => {
                    view! {
                        <Notice icon=Search title=format!("There is no page {}.", browser::number(params.page))>
                            <a class="button" href=params.with_page(1).path()>
                                "Go to the first page"
                            </a>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::NoSuchOrganizer => {
                    view! { <NotFound title="There is no such organizer." /> }.into_any()
                }
                ResultsState::Failed(failure) => {
                    let retry = move |()| events.refetch();
                    view! { <FailureNotice failure busy=events.is_fetching() retry /> }.into_any()
                }
            }}
        </div>
        {move || {
            let (params, pages) = pager.get()?;
            (pages > 1).then(|| view! { <Pager params pages /> })
        }}
    }
}
