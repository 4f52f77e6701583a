//! The texts of the site's own pages: those that the operator has written, and otherwise those that
//! came with the program. They are read when the server starts.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
    sync::Arc,
};

use super::markdown::{Rendered, render};

/// Largest file with a text, in bytes.
const MAX_TEXT_BYTES: u64 = 262_144;

/// The pages, each with the name of its file and of its address, its title if the text has none, and
/// the text that came with the program.
const PAGES: [(&str, &str, &str); 4] = [
    ("help", "Help", include_str!("../../../pages/help.md")),
    ("terms", "Terms", include_str!("../../../pages/terms.md")),
    ("privacy", "Privacy", include_str!("../../../pages/privacy.md")),
    ("refunds", "Refunds", include_str!("../../../pages/refunds.md")),
];

/// A page of the site's own.
#[derive(Clone, Debug)]
pub(super) struct SiteText {
    /// The address, such as `/help`.
    pub(super) path: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) html: String,
}

/// The reason why the texts in a folder can't be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextsError {
    #[error("it is not a folder that can be read: {0}")]
    Folder(io::Error),
    #[error("it has none of the files {}", file_names())]
    NoText,
    #[error("{file} can't be read: {cause}")]
    File { file: String, cause: io::Error },
    #[error("{0} is not a file")]
    NotAFile(String),
    #[error("{0} has more than {MAX_TEXT_BYTES} bytes")]
    TooLong(String),
    #[error("{0} is not in UTF-8")]
    NotUtf8(String),
    #[error("{0} is empty")]
    Empty(String),
}

/// Checks that the texts in a folder can be shown.
///
/// # Errors
/// When the folder or one of its texts can't be read, or when it has none.
pub(crate) fn check_texts(dir: &Path) -> Result<(), TextsError> {
    read_texts(Some(dir)).map(drop)
}

/// The texts that came with the program, except for those that are in `dir`.
///
/// # Errors
/// When the folder or one of its texts can't be read, or when it has none.
pub(super) fn read_texts(dir: Option<&Path>) -> Result<Vec<Arc<SiteText>>, TextsError> {
    if let Some(dir) = dir {
        dir.read_dir().map_err(TextsError::Folder)?;
    }
    let (mut texts, mut found) = (Vec::new(), 0);
    for (name, default_title, default_text) in PAGES {
        let own = dir.map(|dir| read(dir, format!("{name}.md"))).transpose()?.flatten();
        found += usize::from(own.is_some());
        let Rendered { html, title, summary } = render(own.as_deref().unwrap_or(default_text));
        let has_title = title.is_some();
        let title = title.unwrap_or_else(|| default_title.to_owned());
        texts.push(Arc::new(SiteText {
            path: format!("/{name}"),
            description: summary.unwrap_or_else(|| title.clone()),
            html: if has_title { html } else { format!("<h1>{default_title}</h1>\n{html}") },
            title,
        }));
    }
    if dir.is_some() && found == 0 { Err(TextsError::NoText) } else { Ok(texts) }
}

/// The text of a file; `None` if there is no such file.
fn read(dir: &Path, file: String) -> Result<Option<String>, TextsError> {
    let mut bytes = Vec::new();
    let path = dir.join(&file);
    // To open a pipe would wait for somebody who writes to it.
    let opened = match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return Err(TextsError::NotAFile(file)),
        Ok(_) => File::open(&path),
        Err(error) => Err(error),
    };
    let read = opened.and_then(|opened| opened.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(TextsError::File { file, cause }),
        Ok(_) => {}
    }
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(TextsError::TooLong(file));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => Err(TextsError::Empty(file)),
        // Some editors begin a file with this mark.
        Ok(text) => Ok(Some(text.trim_start_matches('\u{feff}').to_owned())),
        Err(_) => Err(TextsError::NotUtf8(file)),
    }
}

fn file_names() -> String {
    PAGES.map(|(name, ..)| format!("{name}.md")).join(", ")
}
