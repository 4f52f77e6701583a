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
        queries::events::{Event, event_list},
    },
    browser,
    components::{
        event_card::{CardSkeleton, EventCard},
        icons::{Calendar, Search},
        live_status::LiveStatus,
        notice::{FailureNotice, Notice},
        page_head::PageHead,
        pager::Pager,
        soon::Soon,
    },
    desk::{Asked, Desk},
    event_list::{EventList, LONGEST_SEARCH, Order, pages},
    query::{Loaded, Query},
    scroll::Scroll,
    session::Session,
};

/// How long nobody types before the search begins.
const TYPING_PAUSE: Duration = Duration::from_millis(300);

/// The list that was last looked at: the way back from an event.
#[derive(Clone, Copy)]
pub(crate) struct LastList(pub(crate) RwSignal<String>);

impl LastList {
    pub(crate) fn provide() {
        provide_context(Self(RwSignal::new("/events".to_owned())));
    }
}

#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let desk = Desk::from_context();
    let scroll = Scroll::from_context();
    let address = use_query_map();
    let list =
        Memo::new(move |_| address.with(|query| EventList::from_query(|name| query.get(name))));
    let events = Query::new(
        move || (session.viewer(), list.get()),
        move |(_, list)| async move {
            let asked = desk.now();
            let found = session.run(&event_list(list.variables())).await?.events;
            browser::prepare_prices(found.nodes.iter().map(|event| &event.price)).await;
            Ok(Found { list, asked, events: found.nodes, total: found.total_count })
        },
        move |found| {
            live.watch_only(found.events.iter().map(|event| event.id.clone()).collect());
            for event in &found.events {
                live.read(&event.id, event.remaining_tickets, event.total_tickets);
                desk.learn(event, found.asked);
            }
            scroll.content_is_there();
        },
    )
    .read_again_when(move || live.reconnections())
    .read_again_when(move || session.changes_in_other_tabs());
    let LastList(last) = expect_context();
    Effect::new(move || last.set(list.with(EventList::path)));
    on_cleanup(move || live.watch_only(Vec::new()));

    view! {
        <PageHead title="Events">
            <LiveStatus />
        </PageHead>
        <p class="tagline">
            "Find an event, book your tickets, and watch live how many are left."
        </p>
        <Controls list />
        <Soon>
            <Results events />
        </Soon>
    }
}

/// One page of a list.
struct Found {
    list: EventList,
    asked: Asked,
    events: Vec<Event>,
    /// On all pages together.
    total: i32,
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
    // Back and forward change the words too. Nothing else does: who is typing keeps what they typed.
    let words = Memo::new(move |_| list.with(|list| list.search.clone()));
    Effect::new(move || {
        let words = words.get();
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
                    maxlength=LONGEST_SEARCH.to_string()
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

impl Found {
    fn in_words(&self) -> String {
        let events = match self.total {
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        };
        match pages(self.total) {
            1 => events,
            pages => format!("{events}, page {} of {pages}", self.list.page),
        }
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
fn Results(events: Query<Found>) -> impl IntoView {
    // Cards that stay keep their elements, and the focus in them.
    let face = Memo::new(move |_| {
        events.with(|events| match events {
            Loaded::NotYet => Face::Loading,
            Loaded::Failed(failure) => Face::Failed(failure.clone()),
            Loaded::Is(found) if !found.events.is_empty() => Face::Cards,
            Loaded::Is(found) if found.total == 0 => Face::Empty(found.list.clone()),
            Loaded::Is(found) => Face::NoSuchPage(found.list.clone()),
        })
    });
    let cards = move || {
        events.with(|events| match events {
            Loaded::Is(found) => found.events.clone(),
            _ => Vec::new(),
        })
    };
    let pager = Memo::new(move |_| {
        events.with(|events| match events {
            Loaded::Is(found) => Some((found.list.clone(), pages(found.total))),
            _ => None,
        })
    });
    let found = move || {
        events.with(|events| match events {
            Loaded::Is(found) => found.in_words(),
            _ => String::new(),
        })
    };
    // The link that led to another page is below what it leads to, or gone.
    let page = Memo::new(move |_| pager.get().map(|(list, _)| list.page));
    let is_list = Memo::new(move |_| face.get() == Face::Cards);
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
                    let retry = move |()| events.read_again();
                    view! { <FailureNotice failure busy=events.busy() retry /> }.into_any()
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
