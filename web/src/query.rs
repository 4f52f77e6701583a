//! Data that a page loads from the server. It is fetched when its key changes, and again on demand.
//!
//! ARCHITECTURE.md says why this is not one of Leptos' resources.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use leptos::{prelude::*, task::spawn_local};

use crate::api::Failure;

/// The data, or why it is not there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum QueryState<T> {
    Loading,
    Loaded(T),
    Failed(Failure),
}

impl<T> QueryState<T> {
    pub(crate) fn data(&self) -> Option<&T> {
        match self {
            Self::Loaded(data) => Some(data),
            Self::Loading | Self::Failed(_) => None,
        }
    }
}

/// A `Copy` handle to data from the server. It belongs to the page that created it: an answer that
/// arrives after the page is gone is dropped.
pub(crate) struct Query<T: Send + Sync + 'static> {
    state: RwSignal<QueryState<T>>,
    is_fetching: RwSignal<bool>,
    refetches: Trigger,
}

impl<T: Send + Sync + 'static> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Query<T> {}

impl<T: Send + Sync + 'static> Query<T> {
    /// Fetches whenever the key changes and calls `on_data` with each answer.
    ///
    /// The old data stays until the new answer arrives. An answer is dropped if a newer fetch has
    /// begun. If fetching the same key again fails, the data stays.
    pub(crate) fn new<K, A>(
        key: impl Fn() -> K + 'static,
        fetch: impl Fn(K) -> A + 'static,
        on_data: impl Fn(&T) + 'static,
    ) -> Self
    where
        K: Clone + PartialEq + 'static,
        A: Future<Output = Result<T, Failure>> + 'static,
    {
        let query = Self {
            state: RwSignal::new(QueryState::Loading),
            is_fetching: RwSignal::new(false),
            refetches: Trigger::new(),
        };
        let on_data = Rc::new(on_data);
        let loaded_key = Rc::new(RefCell::new(None));
        let latest_fetch = Rc::new(Cell::new(0_u32));
        Effect::new(move |_| {
            query.refetches.track();
            let key = key();
            let answer = fetch(key.clone());
            let (on_data, loaded_key, latest_fetch) =
                (Rc::clone(&on_data), Rc::clone(&loaded_key), Rc::clone(&latest_fetch));
            let this_fetch = latest_fetch.get() + 1;
            latest_fetch.set(this_fetch);
            query.is_fetching.set(true);
            spawn_local(async move {
                let answer = answer.await;
                let is_superseded = latest_fetch.get() != this_fetch;
                if is_superseded || query.state.is_disposed() {
                    return;
                }
                query.is_fetching.set(false);
                match answer {
                    Ok(data) => {
                        on_data(&data);
                        loaded_key.replace(Some(key));
                        query.state.set(QueryState::Loaded(data));
                    }
                    Err(_) if *loaded_key.borrow() == Some(key) => {}
                    Err(failure) => {
                        loaded_key.replace(None);
                        query.state.set(QueryState::Failed(failure));
                    }
                }
            });
        });
        query
    }

    /// Fetches again whenever the counter changes.
    pub(crate) fn refetch_when(self, counter: impl Fn() -> u32 + 'static) -> Self {
        Effect::watch(counter, move |_, _, _| self.refetch(), false);
        self
    }

    pub(crate) fn with<R>(self, look: impl FnOnce(&QueryState<T>) -> R) -> R {
        self.state.with(look)
    }

    pub(crate) fn with_untracked<R>(self, look: impl FnOnce(&QueryState<T>) -> R) -> R {
        self.state.with_untracked(look)
    }

    /// Changes the loaded data in place, for example after a mutation.
    pub(crate) fn update(self, change: impl FnOnce(&mut T)) {
        self.state.try_update(|state| {
            if let QueryState::Loaded(data) = state {
                change(data);
            }
        });
    }

    /// Whether an answer is outstanding.
    pub(crate) fn is_fetching(self) -> Signal<bool> {
        self.is_fetching.into()
    }

    pub(crate) fn refetch(self) {
        self.refetches.notify();
    }
}
