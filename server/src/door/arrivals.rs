//! How many people are in.

/// The people at an event's door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrivals {
    /// The number of tickets that were checked in.
    pub(crate) arrived: i32,
    /// The number of tickets that are booked, in or not.
    pub(crate) expected: i32,
}
