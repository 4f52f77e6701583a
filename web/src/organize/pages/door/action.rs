//! What somebody at the door does with a ticket.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    CheckIn,
    Undo,
}
