//! Limits on what one client may use of the server.

mod address;
mod clients;
mod held_bytes;
mod rates;
mod work;

pub(crate) use self::{
    address::ClientAddress,
    clients::{Client, ClientArgs, Clients, Count, Open},
    held_bytes::{HeldBytes, Hold, HoldsTooMuch},
    rates::{RateLimitArgs, RateLimits, TooManyRequests},
};
