//! Backup and restore: a copy of what cannot be made again, whole or not at all.
//!
//! A backup holds the log up to a whole frame, and files that belong to the store beside it. The
//! log is append-only, so its files are read while a server writes them: nothing is locked, and
//! intake goes on. The projection is left out. It can be made again from the log, which has
//! checksums where LMDB has none; and a copy of it would hold an LMDB snapshot open for as long as
//! it takes, and its file would grow meanwhile. How far followers are is small and cannot be made
//! again: LMDB copies it, and its rows have checksums of their own.
//!
//! The manifest is written last: without it a folder is no backup. A restore is made beside its
//! place, proved, and renamed.
//!
//! Never: a write to the store that is copied, a backup or a store that is overwritten.

mod copy;
mod manifest;
mod restore;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use self::copy::{Pace, copy, hash, make_folder_of, sync_folders, vacant};
use self::manifest::{Entry, Manifest};
pub use self::restore::{Restored, restore};
use crate::{OpenError, followers, log, migrate};

/// How to make a backup.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The store's folder.
    pub store: &'a Path,
    /// Where the backup goes: a folder that is not there, or empty.
    pub to: &'a Path,
    /// An earlier backup: closed segments that it has are linked instead of copied.
    pub since: Option<&'a Path>,
    /// Files and folders of files, in the store's folder, that belong to it besides the log.
    pub beside: &'a [&'a str],
    /// Most bytes a second, so that orders do not wait for the disk.
    pub bytes_per_second: u64,
    /// When it is taken, for people.
    pub taken: String,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the log: every change before this position is there.
    pub position: u64,
    /// Files of the backup.
    pub files: usize,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// Bytes that an earlier backup had.
    pub linked_bytes: u64,
}

/// What can be wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The manifest names it, and it is not there.
    #[error("is missing")]
    Missing,
    /// It is longer or shorter.
    #[error("is not as long as it was")]
    Length,
    /// It holds other bytes.
    #[error("is not what was written")]
    Content,
    /// In the store: damage, or a failed write that the server cut off while it was copied.
    #[error("is shorter in the store than it must be; try again")]
    Shrank,
}

/// Why there is no backup, or no restored store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is where it should go.
    #[error("{} is not empty; name a folder that is not there", .0.display())]
    Occupied(PathBuf),
    /// There is nothing to copy.
    #[error("{} is no store", .0.display())]
    NoStore(PathBuf),
    /// The manifest is not there.
    #[error("{} is no finished backup: it has no MANIFEST", .0.display())]
    Unfinished(PathBuf),
    /// A file is not what the manifest says.
    #[error("the backup's {name} {why}")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: Damage,
    },
    /// A later version wrote it.
    #[error("the backup says \"{found}\", which this version does not know")]
    Format {
        /// What it says.
        found: String,
    },
    /// The copied store does not prove sound.
    #[error("what was restored does not add up: {}", .0.join("; "))]
    Unsound(Vec<String>),
    /// The store's log cannot be read.
    #[error("read the log")]
    Log(#[from] log::Error),
    /// What was restored cannot be opened.
    #[error("open what was restored")]
    Open(#[from] OpenError),
    /// A file cannot be read or written.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io { what, path: path.to_owned(), source }
}

/// Copies a store, whoever has it open.
///
/// # Errors
/// [`Error`] says why there is no backup; what was begun is removed.
pub fn backup(plan: &Plan<'_>) -> Result<Report, Error> {
    let format = std::fs::read_to_string(plan.store.join("FORMAT"));
    let format = format.map_err(|_| Error::NoStore(plan.store.to_owned()))?;
    let format = format.trim_end().to_owned();
    if !migrate::is_known(&format) {
        return Err(Error::Format { found: format });
    }
    let earlier = plan.since.map(read_manifest).transpose()?;
    vacant(plan.to)?;
    let made = Copying::new(plan, earlier).run(format);
    if made.is_err() {
        // It says itself that it is none, as long as it has no manifest.
        let _ = std::fs::remove_dir_all(plan.to);
    }
    made
}

struct Copying<'a> {
    plan: &'a Plan<'a>,
    earlier: Option<Manifest>,
    pace: Pace,
    files: Vec<Entry>,
    report: Report,
}

impl<'a> Copying<'a> {
    fn new(plan: &'a Plan<'a>, earlier: Option<Manifest>) -> Self {
        let report = Report { position: 0, files: 0, copied_bytes: 0, linked_bytes: 0 };
        let pace = Pace::new(plan.bytes_per_second);
        Self { plan, earlier, pace, files: Vec::new(), report }
    }

    fn run(mut self, format: String) -> Result<Report, Error> {
        let (store, to) = (self.plan.store, self.plan.to);
        // Before the log: bodies of batches go away when their batches end, and an open file
        // stays. What the log says of later batches is that they began.
        let mut beside = Vec::new();
        for name in self.plan.beside {
            open_beside(store, name, &mut beside)?;
        }
        // Before the log as well: everything that a follower has done is then in it, and what
        // it does meanwhile is done again after a restore, under the same ids.
        self.followers()?;
        let parts = log::survey(&store.join("log"))?;
        for part in &parts {
            self.segment(part)?;
        }
        for (name, file) in &mut beside {
            self.copy(name, file, u64::MAX)?;
        }
        self.copy("FORMAT", &mut format!("{format}\n").as_bytes(), u64::MAX)?;
        self.report.position = parts.last().map_or(0, |part| part.base + part.bytes);
        self.report.files = self.files.len();
        let (position, taken) = (self.report.position, self.plan.taken.clone());
        let manifest = Manifest { store: format, taken, position, files: self.files };
        sync_folders(to)?;
        let text = manifest.render();
        let written = migrate::write(to, manifest::NAME, text.trim_end());
        written.map_err(failed("write", &to.join(manifest::NAME)))?;
        Ok(self.report)
    }

    fn segment(&mut self, part: &log::Part) -> Result<(), Error> {
        let name = format!("log/{}", part.name);
        if part.is_closed && self.link(&name, part.bytes)? {
            return Ok(());
        }
        let path = self.plan.store.join(&name);
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        let copied = self.copy(&name, &mut file, part.bytes)?;
        if copied < part.bytes {
            return Err(Error::Damaged { name, why: Damage::Shrank });
        }
        Ok(())
    }

    /// Links a file of the earlier backup, when it has all of it and that is still sound.
    fn link(&mut self, name: &str, bytes: u64) -> Result<bool, Error> {
        let (Some(since), Some(earlier)) = (self.plan.since, &self.earlier) else {
            return Ok(false);
        };
        let entry = earlier.files.iter().find(|e| e.name == name && e.bytes == bytes).cloned();
        let Some(entry) = entry else { return Ok(false) };
        let (old, new) = (since.join(name), self.plan.to.join(name));
        let hashed = File::open(&old).and_then(|mut file| hash(&mut file, &mut self.pace));
        if !matches!(hashed, Ok(hashed) if hashed == (entry.bytes, entry.hash.clone())) {
            return Ok(false);
        }
        make_folder_of(&new)?;
        if std::fs::hard_link(&old, &new).is_err() {
            return Ok(false); // another disk
        }
        self.report.linked_bytes += bytes;
        self.files.push(entry);
        Ok(true)
    }

    fn followers(&mut self) -> Result<(), Error> {
        if !self.plan.store.join(followers::FILE).exists() {
            return Ok(());
        }
        let path = self.plan.to.join(followers::FILE);
        make_folder_of(&path)?;
        let copied = followers::copy(self.plan.store, &path);
        let mut file = copied.map_err(failed("copy followers to", &path))?;
        let hashed = hash(&mut file, &mut self.pace).and_then(|hashed| {
            file.sync_all()?;
            Ok(hashed)
        });
        let (bytes, hash) = hashed.map_err(failed("read", &path))?;
        self.report.copied_bytes += bytes;
        self.files.push(Entry { bytes, hash, name: followers::FILE.to_owned() });
        Ok(())
    }

    fn copy(&mut self, name: &str, from: &mut impl Read, most: u64) -> Result<u64, Error> {
        let path = self.plan.to.join(name);
        let (bytes, hash) = copy(from, &path, most, &mut self.pace)?;
        self.report.copied_bytes += bytes;
        self.files.push(Entry { bytes, hash, name: name.to_owned() });
        Ok(bytes)
    }
}

/// Opens a file, or the files of a folder; what is not there is not there.
fn open_beside(store: &Path, name: &str, into: &mut Vec<(String, File)>) -> Result<(), Error> {
    let path = store.join(name);
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            let file = File::open(&path).map_err(failed("open", &path))?;
            into.push((name.to_owned(), file));
            return Ok(());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("list", &path)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("list", &path))?;
        let Ok(file_name) = entry.file_name().into_string() else { continue };
        match File::open(entry.path()) {
            Ok(file) if file.metadata().is_ok_and(|m| m.is_file()) => {
                into.push((format!("{name}/{file_name}"), file));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed("open", &entry.path())(error)),
        }
    }
    Ok(())
}

fn read_manifest(backup: &Path) -> Result<Manifest, Error> {
    let path = backup.join(manifest::NAME);
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => file.take(manifest::BYTES_MAX).read_to_string(&mut text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::Unfinished(backup.to_owned()));
        }
        Err(error) => Err(error),
    }
    .map_err(failed("read", &path))?;
    Manifest::parse(&text)
}
