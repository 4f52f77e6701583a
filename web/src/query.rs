//! What a page loads: read when what it depends on changes, and again on demand.

use std::{cell::Cell, rc::Rc};

use leptos::{prelude::*, task::spawn_local};

use crate::api::Failure;

/// What came of reading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Loaded<T> {
    NotYet,
    Is(T),
    Failed(Failure),
}

/// Something that is read from the server; a handle that is copied about.
pub(crate) struct Query<T: Send + Sync + 'static> {
    /// Outlives the page, as answers do.
    latest: StoredValue<ArcRwSignal<Loaded<T>>>,
    busy: StoredValue<ArcRwSignal<bool>>,
    again: Trigger,
}

impl<T: Send + Sync + 'static> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Query<T> {}

impl<T: Clone + Send + Sync + 'static> Query<T> {
    /// Reads whenever the key changes, once there is one. What was read before stays until the answer is there; an answer
    /// that another has overtaken is dropped, and so is a failure to read the same again.
    pub(crate) fn new<K, A>(
        key: impl Fn() -> Option<K> + 'static,
        read: impl Fn(K) -> A + 'static,
    ) -> Self
    where
        K: Clone + PartialEq + 'static,
        A: Future<Output = Result<T, Failure>> + 'static,
    {
        let latest = ArcRwSignal::new(Loaded::NotYet);
        let busy = ArcRwSignal::new(false);
        let again = Trigger::new();
        let query = Self {
            latest: StoredValue::new(latest.clone()),
            busy: StoredValue::new(busy.clone()),
            again,
        };
        let asked = Rc::new(Cell::new(0_u32));
        Effect::new(move |before: Option<Option<K>>| {
            again.track();
            let key = key()?;
            let same = before.flatten().as_ref() == Some(&key);
            let answer = read(key.clone());
            let (latest, busy, asked) = (latest.clone(), busy.clone(), Rc::clone(&asked));
            let this = asked.get() + 1;
            asked.set(this);
            busy.set(true);
            spawn_local(async move {
                let answer = answer.await;
                if asked.get() != this {
                    return;
                }
                busy.set(false);
                match answer {
                    Ok(data) => latest.set(Loaded::Is(data)),
                    Err(_) if same && matches!(*latest.read_untracked(), Loaded::Is(_)) => {}
                    Err(failure) => latest.set(Loaded::Failed(failure)),
                }
            });
            Some(key)
        });
        query
    }

    pub(crate) fn with<R>(self, look: impl FnOnce(&Loaded<T>) -> R) -> R {
        self.latest.get_value().with(look)
    }

    /// Changes what was read, as an answer to something else tells it.
    pub(crate) fn change(self, change: impl FnOnce(&mut T)) {
        self.latest.get_value().update(|latest| {
            if let Loaded::Is(data) = latest {
                change(data);
            }
        });
    }

    /// Whether an answer is on its way.
    pub(crate) fn is_busy(self) -> bool {
        self.busy.get_value().get()
    }

    pub(crate) fn read_again(self) {
        self.again.notify();
    }
}
