//! The program: its commands, the running server, and the data to begin with.

pub mod commands;
pub mod seed;
pub mod server;
