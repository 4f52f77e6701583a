//! Sends letters over SMTP, or writes them to files.

use std::{fmt, io, num::NonZeroU32, sync::Arc, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{self, PoolConfig},
};
use quick_cache::sync::Cache;
use rowlock_entities::JobId;

use super::{
    Calendar, Letter, MailArgs, PublicUrl, SmtpUrl,
    address::{mailbox, one_line},
    layout,
    outbox_folder::OutboxFolder,
    pace::Pace,
};
use crate::jobs::{Failure, Final};

/// Largest number of characters of a subject.
const MAX_SUBJECT_CHARS: usize = 150;
/// Number of mails whose delivery is remembered.
const MAX_ACKNOWLEDGED: usize = 10_000;

/// Sends letters. Clones share everything.
#[derive(Clone)]
pub struct Postman(Arc<Inner>);

struct Inner {
    way: Way,
    from: Mailbox,
    public_url: PublicUrl,
    pace: Pace,
    per_unverified_user: NonZeroU32,
    /// Mails that the mail server has acknowledged. If the end of their jobs could not be stored,
    /// they are not sent again.
    acknowledged: Cache<JobId, ()>,
}

enum Way {
    Smtp {
        /// For messages.
        server: String,
        /// Its pool keeps no connection: one that was used before might still have the answer to a
        /// mail that was given up. But it closes connections beside the mails, so that a mail that
        /// was acknowledged does not wait for the server's answer to QUIT.
        transport: Box<AsyncSmtpTransport<Tokio1Executor>>,
        /// Longest time for a mail.
        timeout: Duration,
    },
    Files(OutboxFolder),
}

impl Postman {
    #[must_use]
    pub fn new(args: &MailArgs) -> Self {
        let timeout = Duration::from_secs(args.smtp_seconds);
        let transport = |url: &SmtpUrl| {
            AsyncSmtpTransport::<Tokio1Executor>::from_url(&url.0).map(|it| (it, url.server()))
        };
        let way = match args.smtp_url.as_ref().map(transport) {
            Some(Ok((transport, server))) => {
                let pool = PoolConfig::new().max_size(0);
                let transport = transport.timeout(Some(timeout)).pool_config(pool);
                let transport = Box::new(transport.build());
                Way::Smtp { server, transport, timeout }
            }
            // The setting was checked when it was parsed.
            Some(Err(_)) | None => {
                let max_files = usize::try_from(args.max_mail_files).unwrap_or(usize::MAX);
                Way::Files(OutboxFolder::new(&args.mail_dir, max_files))
            }
        };
        Self(Arc::new(Inner {
            way,
            from: args.mail_from.clone(),
            public_url: args.public_url.clone(),
            pace: Pace::new(args.mails_per_second),
            per_unverified_user: args.mails_per_hour_per_unverified_user,
            acknowledged: Cache::new(MAX_ACKNOWLEDGED),
        }))
    }

    /// Makes the folder for mails that are written to files, and sees whether it takes files. Says how
    /// mails go, for the log.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub(crate) fn prepare(&self) -> io::Result<String> {
        match &self.0.way {
            Way::Smtp { server, .. } => Ok(format!("mails go to the mail server {server}")),
            Way::Files(folder) => {
                let path = folder.prepare()?;
                Ok(format!("SMTP_URL is not set, so mails are written to files in {path}"))
            }
        }
    }

    /// The address of a page or a file of the site.
    pub(crate) fn link(&self, path: &str) -> String {
        self.0.public_url.link(path)
    }

    /// Number of mails about bookings that go in an hour to somebody who has not confirmed the
    /// address.
    pub(crate) fn per_unverified_user(&self) -> NonZeroU32 {
        self.0.per_unverified_user
    }

    /// The address that mails come from.
    pub(crate) fn sender(&self) -> String {
        self.0.from.email.to_string()
    }

    /// The domain of everything that has an address of its own, such as entries of calendars.
    pub(crate) fn domain(&self) -> &str {
        self.0.from.email.domain()
    }

    /// Sends the letter of a job when it is this letter's turn. However often it is sent, its
    /// `Message-ID` is the same, so that mail programs recognise it.
    ///
    /// # Errors
    /// [`Final`] when the mail server refuses the letter for good, or the person's address is none.
    /// No error names the person.
    pub(crate) async fn send(&self, id: JobId, letter: &Letter) -> Result<(), Failure> {
        let inner = &self.0;
        if inner.acknowledged.get(&id).is_some() {
            return Ok(());
        }
        let message = inner.message(id, letter)?;
        inner.pace.turn().await;
        match &inner.way {
            Way::Smtp { server, transport, timeout } => {
                let sent = tokio::time::timeout(*timeout, transport.send(message)).await;
                sent.map_err(|_| too_slow(server))?.map_err(|error| failure(server, &error))?;
            }
            Way::Files(folder) => folder.write(id, message.formatted()).await.map_err(|error| {
                format!("the mail could not be written to a file in MAIL_DIR: {error}")
            })?,
        }
        inner.acknowledged.insert(id, ());
        Ok(())
    }
}

impl Inner {
    fn message(&self, id: JobId, letter: &Letter) -> Result<Message, Failure> {
        let to = mailbox(&letter.to)
            .ok_or_else(|| Final("the person's address is none that mail can be sent to".into()))?;
        let subject = one_line(&letter.subject).chars().take(MAX_SUBJECT_CHARS).collect::<String>();
        let message = Message::builder()
            .message_id(Some(format!("<{}@{}>", id.0, self.from.email.domain())))
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .date_now()
            // Answering machines don't answer it.
            .raw_header(header("Auto-Submitted", "auto-generated"));
        let message = match &letter.unsubscribe {
            Some(url) => message
                .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")),
            None => message,
        };
        let texts = MultiPart::alternative()
            .singlepart(SinglePart::plain(layout::text(letter)))
            .singlepart(SinglePart::html(layout::html(letter)));
        let body = match &letter.calendar {
            Some(Calendar { method, file }) => {
                let kind = format!("text/calendar; method={}; charset=utf-8", method.name());
                let kind = ContentType::parse(&kind).map_err(|error| error.to_string())?;
                let attachment = Attachment::new("event.ics".to_owned()).body(file.clone(), kind);
                MultiPart::mixed().multipart(texts).singlepart(attachment)
            }
            None => texts,
        };
        // The same letter can't be made another time.
        Ok(message.multipart(body).map_err(|error| Final(error.to_string()))?)
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// What became of an attempt, in words without the person's address, which servers repeat in their
/// answers.
fn failure(server: &str, error: &smtp::Error) -> Failure {
    let code = error.status().map(|code| code.to_string());
    match code {
        Some(code) if error.is_permanent() && !is_about_us(&code) => {
            let text =
                format!("the mail server {server} refused the mail for good, with code {code}");
            Final(text).into()
        }
        Some(code) => {
            format!("the mail server {server} did not take the mail, with code {code}").into()
        }
        None if error.is_timeout() => too_slow(server),
        None if error.is_response() => {
            format!("the answer of the mail server {server} can't be understood").into()
        }
        // No answer of the server is in these errors, and so no address. Each of them says what
        // caused it.
        None => format!("the mail server {server} could not be reached: {error}").into(),
    }
}

fn too_slow(server: &str) -> Failure {
    format!("the mail server {server} did not take the mail within SMTP_SECONDS").into()
}

/// Whether a code is about the server's settings, such as a wrong password. An operator can mend
/// these, and then the mail goes.
fn is_about_us(code: &str) -> bool {
    matches!(code, "500" | "501" | "502" | "503" | "504" | "530" | "534" | "535" | "538")
}

impl fmt::Debug for Postman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postman(…)")
    }
}
