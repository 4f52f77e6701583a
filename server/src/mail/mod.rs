//! Mail: how letters look, and how they are sent. What they say is each domain's own.

mod address;
mod layout;
mod letter;
mod outbox_folder;
mod pace;
mod postman;
mod settings;

pub(crate) use letter::{Block, Calendar, Letter, Method, Recipient, confirmed_name};
pub use postman::Postman;
pub use settings::{MailArgs, PublicUrl, SmtpUrl};
