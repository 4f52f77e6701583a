//! Limits on what one client may use of the server.

mod address;
mod rates;

pub(crate) use self::{
    address::ClientAddress,
    rates::{RateLimitArgs, RateLimits, TooManyRequests},
};
