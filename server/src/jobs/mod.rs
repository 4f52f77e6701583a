//! Work that is decided in one transaction and done after it.
//!
//! A job is a row that is written in the transaction that causes it, so it exists exactly if that
//! transaction was committed. Workers on all servers take jobs, each under a lease that another
//! worker waits for. A job may run twice, because a server can end between its work and the end of
//! the job; so each handler's work must be harmless if it is done again. A job that is done is
//! deleted: the table is as small as what is left to do, and keeps nothing about anybody.
//!
//! All times are the database's. Servers, whose clocks differ, only say how much later something is
//! due. So no lease ends early because a server's clock is wrong.

mod attempt;
mod handlers;
mod job;
mod operator;
mod queue;
mod retry_policy;
mod store;
mod workers;

pub use handlers::{Failure, Final, Handlers, Progress, Rest, TooEarly};
pub(crate) use job::part_id;
pub use job::{Job, NewJob};
pub use operator::State;
pub(crate) use operator::{
    ListedJob, discard, discard_all_dead, kinds_of_dead, list, retry, retry_all_dead,
};
pub use queue::Queue;
pub use store::enqueue;
pub use workers::Workers;
