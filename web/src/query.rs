//! What a page loads: read when what it depends on changes, and again on demand.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use leptos::{prelude::*, task::spawn_local};

use crate::api::Failure;

/// What came of reading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum QueryState<T> {
    Loading,
    Loaded(T),
    Failed(Failure),
}

/// Something that is read from the server; a handle that is copied about. It ends with the page that
/// made it: an answer that comes later is dropped.
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
    /// Reads whenever the key changes, and lets `on_data` do what an answer is good for beside being shown.
    /// What was read before stays until the answer is there; an answer that another has overtaken is
    /// dropped, and so is a failure to read again what is shown.
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
            let this = latest_fetch.get() + 1;
            latest_fetch.set(this);
            query.is_fetching.set(true);
            spawn_local(async move {
                let answer = answer.await;
                let is_superseded = latest_fetch.get() != this;
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

    /// Reads again whenever this changes.
    pub(crate) fn refetch_when(self, changes: impl Fn() -> u32 + 'static) -> Self {
        Effect::watch(changes, move |_, _, _| self.refetch(), false);
        self
    }

    pub(crate) fn with<R>(self, look: impl FnOnce(&QueryState<T>) -> R) -> R {
        self.state.with(look)
    }

    /// Changes what was read, as an answer to something else tells it.
    pub(crate) fn update(self, change: impl FnOnce(&mut T)) {
        self.state.try_update(|state| {
            if let QueryState::Loaded(data) = state {
                change(data);
            }
        });
    }

    /// Whether an answer is on its way.
    pub(crate) fn is_fetching(self) -> Signal<bool> {
        self.is_fetching.into()
    }

    pub(crate) fn refetch(self) {
        self.refetches.notify();
    }
}
