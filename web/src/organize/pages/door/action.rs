//! What somebody at the door does with a ticket.

/// A ticket that is checked in, with the id by which the server knows a repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) code: String,
    pub(super) id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    CheckIn,
    /// Takes back the check-in that was made by the same scan.
    Undo,
}
