//! The site within the program, for installations that are one file.

use std::{
    borrow::Cow,
    future::{Ready, ready},
    io::{self, Cursor, ErrorKind, SeekFrom},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use rust_embed::Embed;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File, Metadata};

/// The folder that `cargo xtask web` builds, as it was when the program was compiled.
#[derive(Embed)]
#[folder = "../web/dist"]
struct Site;

/// Reads files from the program. They stay where they are; only the pieces that are sent are copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmbeddedFiles;

impl Backend for EmbeddedFiles {
    type File = EmbeddedFile;
    type Metadata = EmbeddedMetadata;
    type OpenFuture = Ready<io::Result<EmbeddedFile>>;
    type MetadataFuture = Ready<io::Result<EmbeddedMetadata>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        ready(find(within_site(&path)).ok_or_else(|| ErrorKind::NotFound.into()))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let path = within_site(&path);
        let found = find(path).map(|file| file.metadata);
        let folder = || has_folder(path).then_some(EmbeddedMetadata::Folder);
        ready(found.or_else(folder).ok_or_else(|| ErrorKind::NotFound.into()))
    }
}

/// Whether the program has a file.
pub(super) fn has_file(path: &Path) -> bool {
    find(path).is_some()
}

/// `ServeDir` begins relative paths with `./`.
fn within_site(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

fn find(path: &Path) -> Option<EmbeddedFile> {
    let file = Site::get(path.to_str()?)?;
    let metadata = EmbeddedMetadata::File {
        bytes: file.data.len() as u64,
        modified_seconds: file.metadata.last_modified(),
    };
    Some(EmbeddedFile { bytes: Cursor::new(file.data), metadata })
}

fn has_folder(path: &Path) -> bool {
    Site::iter().any(|name| Path::new(&*name).ancestors().skip(1).any(|folder| folder == path))
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct EmbeddedFile {
    bytes: Cursor<Cow<'static, [u8]>>,
    metadata: EmbeddedMetadata,
}

impl File for EmbeddedFile {
    type Metadata = EmbeddedMetadata;
    type MetadataFuture<'a> = Ready<io::Result<EmbeddedMetadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata))
    }
}

impl AsyncRead for EmbeddedFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_read(context, buffer)
    }
}

impl AsyncSeek for EmbeddedFile {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.bytes).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.bytes).poll_complete(context)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum EmbeddedMetadata {
    Folder,
    File { bytes: u64, modified_seconds: Option<u64> },
}

impl Metadata for EmbeddedMetadata {
    fn is_dir(&self) -> bool {
        matches!(self, Self::Folder)
    }

    fn modified(&self) -> io::Result<SystemTime> {
        match self {
            Self::File { modified_seconds: Some(seconds), .. } => {
                Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds))
            }
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Folder => 0,
            Self::File { bytes, .. } => *bytes,
        }
    }
}
