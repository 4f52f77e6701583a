//! A command whose caller waits for its outcome.

use tokio::sync::oneshot;

use super::{
    command::{Command, CommandScope, InventoryError, Rejection},
    ledger::Ledger,
};
use crate::coalescing::{Call, Refusal};

/// A command in a lane, whatever its type. Commands of different types share a batch, and each
/// answers its caller with an outcome of its own type.
pub(super) type PendingCommand = Box<dyn Pending>;

pub(super) trait Pending: Send + Sync {
    /// The rows that the command locks and reads.
    fn scope(&self) -> &dyn CommandScope;

    /// Decides the command, and keeps the decision until the transaction is committed. A later
    /// attempt replaces it.
    fn decide(&mut self, ledger: &mut Ledger) -> Option<Rejection>;

    /// Whether the decision that was kept only refuses: see [`Command::only_refuses`].
    fn only_refuses(&self) -> bool;

    /// Sends the caller the decision that was kept.
    fn answer(self: Box<Self>);

    /// Tells the caller that there is no outcome.
    fn fail(self: Box<Self>, error: InventoryError);

    fn is_abandoned(&self) -> bool;
}

struct Waiting<C: Command> {
    command: C,
    decision: Option<Result<C::Outcome, Rejection>>,
    caller: oneshot::Sender<Result<C::Outcome, InventoryError>>,
}

/// Pairs a command with the channel to its caller.
pub(super) fn pending<C: Command>(
    command: C,
    caller: oneshot::Sender<Result<C::Outcome, InventoryError>>,
) -> PendingCommand {
    Box::new(Waiting { command, decision: None, caller })
}

impl<C: Command> Pending for Waiting<C> {
    fn scope(&self) -> &dyn CommandScope {
        &self.command
    }

    fn decide(&mut self, ledger: &mut Ledger) -> Option<Rejection> {
        self.decision.insert(self.command.decide(ledger)).as_ref().err().copied()
    }

    fn only_refuses(&self) -> bool {
        self.decision.as_ref().is_some_and(C::only_refuses)
    }

    fn answer(self: Box<Self>) {
        let Self { decision, caller, .. } = *self;
        // Without a decision, which would be a defect, the sender is dropped. The caller then
        // learns that the batch panicked.
        if let Some(decision) = decision {
            // A caller that went away needs no answer.
            let _ = caller.send(decision.map_err(InventoryError::from));
        }
    }

    fn fail(self: Box<Self>, error: InventoryError) {
        let _ = self.caller.send(Err(error));
    }

    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }
}

impl Call for PendingCommand {
    fn is_abandoned(&self) -> bool {
        Pending::is_abandoned(self.as_ref())
    }

    fn refuse(self, refusal: Refusal) {
        self.fail(match refusal {
            Refusal::QueueFull | Refusal::WaitTimeout => InventoryError::Crowded,
            Refusal::BatchPanicked => InventoryError::BatchPanicked,
        });
    }
}
