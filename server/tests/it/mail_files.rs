//! Mails that a server has written to files, because it has no mail server.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rowlock_entities::job;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};

use crate::{app::App, waiting::wait_until};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A mail, with its text decoded.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Mail {
    /// The token in the mail's link to this page.
    pub(crate) fn token(&self, page: &str) -> String {
        let start = format!("/{page}#token=");
        let rest = self.text.split(&start).nth(1).unwrap_or_else(|| panic!("{start}: {self:?}"));
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
    }
}

/// Waits until no mail about an account is left to be sent, and returns those to this address, oldest
/// first.
pub(crate) async fn mails_to(servers: &[&App], email: &str) -> Vec<Mail> {
    let folders: Vec<_> = servers.iter().map(|app| app.mail_folder()).collect();
    mails_in(servers[0].db(), &folders, email).await
}

/// Like `mails_to`, from these folders.
pub(crate) async fn mails_in(
    db: &DatabaseConnection,
    folders: &[PathBuf],
    email: &str,
) -> Vec<Mail> {
    wait_until(TIMEOUT, "mails about accounts are sent", async || {
        let waiting = job::Entity::find().filter(job::Column::Kind.eq("account_mail"));
        waiting.count(db).await.unwrap() == 0
    })
    .await;
    let mut files: Vec<_> = folders.iter().flat_map(|folder| files_in(folder)).collect();
    files.sort();
    files.into_iter().filter_map(|(_, file)| mail_to(email, &file)).collect()
}

fn files_in(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.map(read).collect()
}

fn mail_to(email: &str, file: &str) -> Option<Mail> {
    let (head, body) = file.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    if !header("To: ").unwrap().contains(email) {
        return None;
    }
    // Quoted-printable breaks long lines.
    let text = body.replace("=\r\n", "").replace("=3D", "=");
    Some(Mail { subject: header("Subject: ").unwrap().to_owned(), text })
}

/// The newest mail to this address.
pub(crate) async fn last_mail_to(app: &App, email: &str) -> Mail {
    let mails = mails_to(&[app], email).await;
    mails.last().unwrap_or_else(|| panic!("no mail to {email}")).clone()
}
