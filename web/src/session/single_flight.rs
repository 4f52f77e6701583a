//! Runs an async task once for all callers that ask for it at the same time.

use std::{cell::RefCell, rc::Rc};

use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared},
};

/// Callers that come while a task runs share its outcome.
pub(super) struct SingleFlight<T: Clone>(Rc<RefCell<Option<Shared<LocalBoxFuture<'static, T>>>>>);

impl<T: Clone> Clone for SingleFlight<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: Clone + 'static> SingleFlight<T> {
    pub(super) fn new() -> Self {
        Self(Rc::default())
    }

    /// Joins the running task, or starts `work`.
    pub(super) async fn run(&self, work: impl Future<Output = T> + 'static) -> T {
        let running = {
            let mut running = self.0.borrow_mut();
            running.get_or_insert_with(|| work.boxed_local().shared()).clone()
        };
        let outcome = running.clone().await;
        // The first caller to resume clears the slot, unless the next task has started already.
        let mut latest = self.0.borrow_mut();
        if latest.as_ref().is_some_and(|latest| latest.ptr_eq(&running)) {
            *latest = None;
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_channel::oneshot;
    use futures_executor::block_on;
    use futures_util::future::join3;

    use super::*;

    #[test]
    fn concurrent_callers_share_one_run_and_the_next_caller_starts_anew() {
        let runs = Rc::new(Cell::new(0));
        let flight = SingleFlight::new();
        let work = |gate: oneshot::Receiver<()>| {
            let runs = Rc::clone(&runs);
            async move {
                runs.set(runs.get() + 1);
                let _ = gate.await;
                runs.get()
            }
        };
        let (open, gate) = oneshot::channel();
        let (_, never) = oneshot::channel();
        let (first, second, ()) =
            block_on(join3(flight.run(work(gate)), flight.run(work(never)), async {
                open.send(()).unwrap();
            }));
        assert_eq!((first, second), (1, 1));

        let (open, gate) = oneshot::channel();
        open.send(()).unwrap();
        assert_eq!(block_on(flight.run(work(gate))), 2);
    }
}
