//! What a page loads: read when what it depends on changes, and again on demand.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use leptos::{prelude::*, task::spawn_local};

use crate::api::Failure;

/// What came of reading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Loaded<T> {
    NotYet,
    Is(T),
    Failed(Failure),
}

/// Something that is read from the server; a handle that is copied about. It ends with the page that
/// made it: an answer that comes later is dropped.
pub(crate) struct Query<T: Send + Sync + 'static> {
    latest: RwSignal<Loaded<T>>,
    busy: RwSignal<bool>,
    again: Trigger,
}

impl<T: Send + Sync + 'static> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Query<T> {}

impl<T: Send + Sync + 'static> Query<T> {
    /// Reads whenever the key changes, and lets `take` do what an answer is good for beside being shown.
    /// What was read before stays until the answer is there; an answer that another has overtaken is
    /// dropped, and so is a failure to read again what is shown.
    pub(crate) fn new<K, A>(
        key: impl Fn() -> K + 'static,
        read: impl Fn(K) -> A + 'static,
        take: impl Fn(&T) + 'static,
    ) -> Self
    where
        K: Clone + PartialEq + 'static,
        A: Future<Output = Result<T, Failure>> + 'static,
    {
        let query = Self {
            latest: RwSignal::new(Loaded::NotYet),
            busy: RwSignal::new(false),
            again: Trigger::new(),
        };
        let take = Rc::new(take);
        let shown = Rc::new(RefCell::new(None));
        let asked = Rc::new(Cell::new(0_u32));
        Effect::new(move |_| {
            query.again.track();
            let key = key();
            let answer = read(key.clone());
            let (take, shown, asked) = (Rc::clone(&take), Rc::clone(&shown), Rc::clone(&asked));
            let this = asked.get() + 1;
            asked.set(this);
            query.busy.set(true);
            spawn_local(async move {
                let answer = answer.await;
                let is_overtaken = asked.get() != this;
                if is_overtaken || query.latest.is_disposed() {
                    return;
                }
                query.busy.set(false);
                match answer {
                    Ok(data) => {
                        take(&data);
                        shown.replace(Some(key));
                        query.latest.set(Loaded::Is(data));
                    }
                    Err(_) if *shown.borrow() == Some(key) => {}
                    Err(failure) => {
                        shown.replace(None);
                        query.latest.set(Loaded::Failed(failure));
                    }
                }
            });
        });
        query
    }

    /// Reads again whenever this changes.
    pub(crate) fn read_again_when(self, changes: impl Fn() -> u32 + 'static) -> Self {
        Effect::watch(changes, move |_, _, _| self.read_again(), false);
        self
    }

    pub(crate) fn with<R>(self, look: impl FnOnce(&Loaded<T>) -> R) -> R {
        self.latest.with(look)
    }

    /// Changes what was read, as an answer to something else tells it.
    pub(crate) fn change(self, change: impl FnOnce(&mut T)) {
        self.latest.try_update(|latest| {
            if let Loaded::Is(data) = latest {
                change(data);
            }
        });
    }

    /// Whether an answer is on its way.
    pub(crate) fn busy(self) -> Signal<bool> {
        self.busy.into()
    }

    pub(crate) fn read_again(self) {
        self.again.notify();
    }
}
