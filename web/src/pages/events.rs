//! The list of events: searched, ordered and paged as the address says.

use std::time::Duration;

use leptos::{html, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use crate::{
    api::{
        Failure,
        live::LiveCounts,
        queries::events::{Event, EventConnection, event_list},
    },
    browser,
    components::{
        event_card::{CardSkeleton, EventCard},
        icons::{Calendar, Search},
        live_status::LiveStatus,
        notice::{FailureNotice, Notice},
        page_head::PageHead,
        pager::Pager,
    },
    desk::Desk,
    event_list::{EventList, Order, pages},
    query::{Loaded, Query},
    session::Session,
};

/// How long nobody types before the search begins.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let desk = Desk::from_context();
    let address = use_query_map();
    let list =
        Memo::new(move |_| address.with(|query| EventList::from_query(|name| query.get(name))));
    let events = Query::new(
        move || Some((session.known_viewer()?, live.reconnections(), list.get())),
        move |(_, _, list)| async move {
            let events = session.run(&event_list(list.variables())).await?.events;
            for event in &events.nodes {
                live.read(&event.id, event.remaining_tickets, event.total_tickets);
                desk.learn(event);
            }
            browser::prepare_prices(events.nodes.iter().map(|event| &event.price)).await;
            live.watch_only(events.nodes.iter().map(|event| event.id.clone()).collect());
            // With the list that it is a page of, which may be another than the address's by now.
            Ok((list, events))
        },
    );
    on_cleanup(move || live.watch_only(Vec::new()));

    view! {
        <PageHead title="Events">
            <LiveStatus />
        </PageHead>
        <p class="tagline">
            "Find an event, book your tickets, and watch live how many are left."
        </p>
        <Controls list />
        <Results events />
    }
}

/// Search and order; both change the address, and the address changes the list.
#[component]
fn Controls(list: Memo<EventList>) -> impl IntoView {
    let navigate = use_navigate();
    let go = move |to: EventList, replace: bool| {
        let options = NavigateOptions { replace, scroll: false, ..Default::default() };
        if to != list.get_untracked() {
            navigate(&to.path(), options);
        }
    };
    let input = NodeRef::<html::Input>::new();
    let search = {
        let go = go.clone();
        move || {
            // The page may be gone since.
            let (Some(input), Some(now)) = (input.get_untracked(), list.try_get_untracked()) else {
                return;
            };
            // The way back from a search leads to the whole list, not through each of its letters.
            let refines = !now.search.is_empty();
            go(now.with_search(&input.value()), refines);
        }
    };
    let search_later = debounce(TYPING_PAUSE, {
        let search = search.clone();
        move |()| search()
    });
    // Back and forward change the words too; who is typing keeps what they typed.
    Effect::new(move || {
        let words = list.with(|list| list.search.clone());
        if let Some(input) = input.get()
            && input.value().trim() != words
        {
            input.set_value(&words);
        }
    });
    view! {
        <search class="controls">
            <form
                class="search"
                on:submit=move |event| {
                    event.prevent_default();
                    search();
                }
            >
                <label for="search" class="hidden">
                    "Search events by title"
                </label>
                <Search />
                <input
                    id="search"
                    type="search"
                    placeholder="Search events by title"
                    autocomplete="off"
                    node_ref=input
                    on:input={
                        let mut search_later = search_later;
                        move |_| search_later(())
                    }
                />
            </form>
            <label class="order">
                <span>"Order"</span>
                <select
                    id="order"
                    prop:value=move || list.with(|list| list.order.name)
                    on:change=move |event| {
                        let order = Order::named(&event_target_value(&event));
                        go(list.get_untracked().with_order(order), false);
                    }
                >
                    {Order::ALL
                        .map(|order| {
                            let selected = move || list.with(|list| list.order == order);
                            view! {
                                <option value=order.name selected=selected>
                                    {order.label}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
        </search>
    }
}

/// Which of its faces the list shows.
#[derive(Clone, PartialEq)]
enum Face {
    Loading,
    Cards,
    /// Nothing fits the words; nothing at all when there are none.
    Empty(EventList),
    /// There are events, but no such page of them.
    NoSuchPage(EventList),
    Failed(Failure),
}

#[component]
fn Results(events: Query<(EventList, EventConnection)>) -> impl IntoView {
    // Cards that stay keep their elements, and the focus in them.
    let face = Memo::new(move |_| {
        events.with(|events| match events {
            Loaded::NotYet => Face::Loading,
            Loaded::Failed(failure) => Face::Failed(failure.clone()),
            Loaded::Is((_, found)) if !found.nodes.is_empty() => Face::Cards,
            Loaded::Is((list, found)) if found.total_count == 0 => Face::Empty(list.clone()),
            Loaded::Is((list, _)) => Face::NoSuchPage(list.clone()),
        })
    });
    let cards = move || {
        events.with(|events| match events {
            Loaded::Is((_, found)) => found.nodes.clone(),
            _ => Vec::new(),
        })
    };
    let pager = Memo::new(move |_| {
        events.with(|events| match events {
            Loaded::Is((list, found)) => Some((list.clone(), pages(found.total_count))),
            _ => None,
        })
    });
    let found = move || {
        events.with(|events| match events {
            Loaded::Is((_, found)) => match found.total_count {
                1 => "1 event".to_owned(),
                count => format!("{count} events"),
            },
            _ => String::new(),
        })
    };
    view! {
        <p class="found" role="status">
            {found}
        </p>
        <div class="results" aria-busy=move || events.is_busy().to_string()>
            {move || match face.get() {
                Face::Loading => {
                    view! {
                        <div class="cards">
                            {(0..6).map(|_| view! { <CardSkeleton /> }).collect_view()}
                        </div>
                    }
                        .into_any()
                }
                Face::Cards => {
                    view! {
                        <div class="cards">
                            <For
                                each=cards
                                key=appearance
                                children=|event| view! { <EventCard event /> }
                            />
                        </div>
                    }
                        .into_any()
                }
                Face::Empty(list) if list.search.is_empty() => {
                    view! {
                        <Notice
                            icon=Calendar
                            title="There are no events yet."
                            text="New ones will be listed here."
                        >
                            <button
                                type="button"
                                class="button"
                                on:click=move |_| events.read_again()
                            >
                                "Look again"
                            </button>
                        </Notice>
                    }
                        .into_any()
                }
                Face::Empty(list) => {
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
                Face::NoSuchPage(list) => {
                    view! {
                        <Notice icon=Search title=format!("There is no page {}.", list.page)>
                            <a class="button" href=list.with_page(1).path()>
                                "To the first page"
                            </a>
                        </Notice>
                    }
                        .into_any()
                }
                Face::Failed(failure) => {
                    view! { <FailureNotice failure retry=move |()| events.read_again() /> }
                        .into_any()
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
fn appearance(event: &Event) -> (String, String, String, String, String) {
    let Event { id, title, venue, starts_at, price, .. } = event;
    let price = format!("{} {}", price.amount.0, price.currency);
    (id.inner().to_owned(), title.clone(), venue.clone(), starts_at.0.clone(), price)
}
