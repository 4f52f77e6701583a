//! The folder that mails are written to while there is no mail server.

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rowlock_entities::JobId;

/// A folder with one file for each mail, the oldest of which are removed.
#[derive(Clone, Debug)]
pub(super) struct OutboxFolder {
    path: PathBuf,
    max_files: usize,
    /// The files, oldest first; `None` before the folder was read.
    files: Arc<Mutex<Option<VecDeque<PathBuf>>>>,
}

impl OutboxFolder {
    pub(super) fn new(path: &Path, max_files: usize) -> Self {
        Self { path: path.to_owned(), max_files, files: Arc::default() }
    }

    /// Makes the folder, if it is missing, and sees whether a file can be made in it. Returns its path.
    pub(super) fn prepare(&self) -> io::Result<String> {
        self.create()?;
        // Several servers may share the folder.
        let file = self.path.join(format!("{}.part", JobId::new().0));
        match fs::write(&file, "").and_then(|()| fs::remove_file(&file)) {
            // It is full for now. Mails wait for room.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            written => written?,
        }
        Ok(self.path.display().to_string())
    }

    fn create(&self) -> io::Result<()> {
        // Mails have links that let people in.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// Writes a mail. One that was written before, for the same job, is replaced.
    pub(super) async fn write(&self, id: JobId, mail: Vec<u8>) -> io::Result<()> {
        let folder = self.clone();
        let written = tokio::task::spawn_blocking(move || folder.write_blocking(id, &mail));
        written.await.map_err(io::Error::other)?
    }

    fn write_blocking(&self, id: JobId, mail: &[u8]) -> io::Result<()> {
        let mut files = self.files.lock();
        // Somebody may have removed the folder.
        self.create()?;
        let files = match &mut *files {
            Some(files) => files,
            unread => unread.insert(self.read()?),
        };
        let path = self.path.join(format!("{}.eml", id.0));
        // Whoever looks into the folder sees whole mails only.
        let unfinished = path.with_extension("part");
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
        file?.write_all(mail)?;
        let is_new = !path.try_exists()?;
        fs::rename(&unfinished, &path)?;
        if is_new {
            files.push_back(path);
        }
        while files.len() > self.max_files
            && let Some(oldest) = files.pop_front()
        {
            match fs::remove_file(oldest) {
                // Somebody else has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    fn read(&self) -> io::Result<VecDeque<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "eml") {
                files.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        files.sort();
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_mails_are_kept() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("mail");
        let ids: Vec<JobId> = (0..5).map(|_| JobId::new()).collect();
        let names = || {
            let mut names: Vec<String> = fs::read_dir(&path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let name = |id: &JobId| format!("{}.eml", id.0);
        let outbox = OutboxFolder::new(&path, 3);
        for id in &ids[..4] {
            outbox.write(*id, b"mail".to_vec()).await.unwrap();
        }
        outbox.write(ids[3], b"again".to_vec()).await.unwrap();
        assert_eq!(names(), [name(&ids[1]), name(&ids[2]), name(&ids[3])]);
        assert_eq!(fs::read(path.join(name(&ids[3]))).unwrap(), b"again");
        // Another start finds what is there.
        OutboxFolder::new(&path, 2).write(ids[4], Vec::new()).await.unwrap();
        assert_eq!(names(), [name(&ids[3]), name(&ids[4])]);
        // Removing the folder loses the mails in it, and none of those after them.
        fs::remove_dir_all(&path).unwrap();
        outbox.write(ids[0], Vec::new()).await.unwrap();
        assert_eq!(names(), [name(&ids[0])]);
    }
}
