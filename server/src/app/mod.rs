//! The program: its command line, its commands, and the running server.

pub mod cli;
mod command_database;
pub mod commands;
mod connection_stream;
mod event_commands;
mod job_commands;
mod open_files;
mod organizer_commands;
pub mod seed;
pub mod server;
mod sole_server;
mod supervisor;
mod user_commands;
