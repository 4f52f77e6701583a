//! The cards of a page of the list, or what stands in their place.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

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
    event_list::{ListParams, page_count},
    query::{Query, QueryState},
};

/// Which of its faces the list shows.
#[derive(Clone, PartialEq)]
enum ResultsState {
    Loading,
    Cards,
    /// Nothing fits the words; nothing at all when there are none.
    Empty(ListParams),
    /// There are events, but no such page of them.
    NoSuchPage(ListParams),
    Failed(Failure),
}

#[component]
pub(super) fn Results(events: Query<ListPage>) -> impl IntoView {
    // Cards that stay keep their elements, and the focus in them.
    let state = Memo::new(move |_| {
        events.with(|events| match events {
            QueryState::Loading => ResultsState::Loading,
            QueryState::Failed(failure) => ResultsState::Failed(failure.clone()),
            QueryState::Loaded(found) if !found.events.is_empty() => ResultsState::Cards,
            QueryState::Loaded(found) if found.total == 0 => {
                ResultsState::Empty(found.list.clone())
            }
            QueryState::Loaded(found) => ResultsState::NoSuchPage(found.list.clone()),
        })
    });
    let cards = move || {
        events.with(|events| match events {
            QueryState::Loaded(found) => found.events.clone(),
            _ => Vec::new(),
        })
    };
    let pager = Memo::new(move |_| {
        events.with(|events| match events {
            QueryState::Loaded(found) => Some((found.list.clone(), page_count(found.total))),
            _ => None,
        })
    });
    let found = move || {
        events.with(|events| match events {
            QueryState::Loaded(found) => found.summary(),
            _ => String::new(),
        })
    };
    // The link that led to another page is below what it leads to, or gone.
    let page = Memo::new(move |_| pager.get().map(|(list, _)| list.page));
    let is_list = Memo::new(move |_| state.get() == ResultsState::Cards);
    Effect::watch(
        move || (page.get(), is_list.get()),
        move |(page, _), before, _| {
            let Some((Some(page_before), _)) = before else { return };
            let turned = *page != Some(*page_before);
            request_animation_frame(move || {
                if turned || !browser::has_focus() {
                    browser::focus("found");
                }
            });
        },
        false,
    );
    view! {
        <p class="found" id="found" role="status" tabindex="-1">
            {found}
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
                                key=card_key
                                children=|event| view! { <EventCard event /> }
                            />
                        </div>
                    }
                        .into_any()
                }
                ResultsState::Empty(list) if list.search.is_empty() => {
                    view! {
                        <Notice
                            icon=Calendar
                            title="There are no events yet."
                            text="New ones will be listed here."
                        >
                            <button
                                type="button"
                                class="button"
                                on:click=move |_| events.refetch()
                            >
                                "Look again"
                            </button>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::Empty(list) => {
                    view! {
                        <Notice
                            icon=Search
                            title=format!("No event's title has “{}” in it.", list.search)
                            text="Try fewer or other words."
                        >
                            <a class="button" href=list.with_search("").path()>
                                "Show all events"
                            </a>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::NoSuchPage(list) => {
                    view! {
                        <Notice icon=Search title=format!("There is no page {}.", list.page)>
                            <a class="button" href=list.with_page(1).path()>
                                "To the first page"
                            </a>
                        </Notice>
                    }
                        .into_any()
                }
                ResultsState::Failed(failure) => {
                    let retry = move |()| events.refetch();
                    view! { <FailureNotice failure busy=events.is_fetching() retry /> }.into_any()
                }
            }}
        </div>
        {move || {
            let (list, pages) = pager.get()?;
            (pages > 1).then(|| view! { <Pager list pages /> })
        }}
    }
}

/// What a card shows of an event for good: it is made anew only when that changes.
fn card_key(event: &Event) -> (String, String, String, String, String) {
    let Event { id, title, venue, starts_at, price, .. } = event;
    let price = format!("{} {}", price.amount.0, price.currency);
    (id.inner().to_owned(), title.clone(), venue.clone(), starts_at.0.clone(), price)
}
