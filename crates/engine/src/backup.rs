//! Backup and restore: a copy of what cannot be made again, whole or not at all.
//!
//! A backup holds the log up to a whole frame, and files that belong to the store beside it. The
//! log is append-only, so its files are read while a server writes them: nothing is locked, and
//! intake goes on. The projection is left out. It can be made again from the log, which has
//! checksums where LMDB has none; and a copy of it would hold an LMDB snapshot open for as long as
//! it takes, and its file would grow meanwhile.
//!
//! The manifest is written last: without it a folder is no backup. A restore is made beside its
//! place, proved, and renamed.
//!
//! Never: a write to the store that is copied, a backup or a store that is overwritten.

mod manifest;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::manifest::{Entry, Manifest};
use crate::doctor::Findings;
use crate::{Engine, OpenError, Options, log, migrate};

/// Bytes that are read and written at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Written bytes that may wait for the disk: many would hold up the syncs of orders.
const UNSYNCED_BYTES_MAX: u64 = 16 << 20;

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
        why: &'static str,
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
            // Either damage, or a failed write that the server cut off while it was copied.
            let why = "is shorter in the store than it must be; try again";
            return Err(Error::Damaged { name, why });
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

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// When the backup was taken.
    pub taken: String,
    /// Bytes of the log.
    pub position: u64,
    /// What doctor's checks found on it: all sound.
    pub findings: Findings,
}

/// Makes a store of a backup in `to`, a folder that is not there or empty: copied beside it,
/// compared with the manifest, opened, proved as `doctor` does, then renamed.
///
/// # Errors
/// [`Error`] says why there is no store; what was begun is removed.
pub fn restore(from: &Path, to: &Path, options: Options) -> Result<Restored, Error> {
    let manifest = read_manifest(from)?;
    if !migrate::is_known(&manifest.store) {
        return Err(Error::Format { found: manifest.store });
    }
    vacant(to)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let beside = to.with_file_name(name);
    // Nothing else is called that: it is what an interrupted restore left.
    remove(&beside)?;
    let made = restore_beside(from, &beside, manifest, options);
    let made = made.and_then(|restored| {
        remove(to)?;
        std::fs::rename(&beside, to).map_err(failed("rename to", to))?;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))?;
        Ok(restored)
    });
    if made.is_err() {
        remove(&beside)?;
    }
    made
}

fn restore_beside(
    from: &Path,
    to: &Path,
    manifest: Manifest,
    options: Options,
) -> Result<Restored, Error> {
    make_folder(to)?;
    let mut pace = Pace::new(u64::MAX);
    for entry in &manifest.files {
        let damaged = |why| Error::Damaged { name: entry.name.clone(), why };
        let (source, path) = (from.join(&entry.name), to.join(&entry.name));
        let mut file = match File::open(&source) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(damaged("is missing")),
            Err(error) => return Err(failed("open", &source)(error)),
        };
        let (bytes, hash) = copy(&mut file, &path, u64::MAX, &mut pace)?;
        if bytes != entry.bytes {
            return Err(damaged("is not as long as it was"));
        }
        if hash != entry.hash {
            return Err(damaged("is not what was written"));
        }
    }
    sync_folders(to)?;
    let engine = Engine::open(to, options)?;
    let findings = engine.examine().map_err(OpenError::from)?;
    let end = engine.log_bytes();
    drop(engine);
    let mut wrong: Vec<String> =
        findings.checks.iter().flat_map(|check| check.faults.iter().cloned()).collect();
    // Opening may have given out stock that was free: the log may be longer, never shorter.
    if end < manifest.position {
        wrong.push(format!("the log ends at {end}, the backup's at {}", manifest.position));
    }
    if !wrong.is_empty() {
        return Err(Error::Unsound(wrong));
    }
    Ok(Restored { taken: manifest.taken, position: manifest.position, findings })
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

/// Refuses a folder with anything in it.
fn vacant(dir: &Path) -> Result<(), Error> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::Occupied(dir.to_owned())),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("list", dir)(error)),
    }
}

fn remove(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", dir)(error)),
        _ => Ok(()),
    }
}

/// Orders are personal data: what is made here is its owner's alone.
fn make_folder(dir: &Path) -> Result<(), Error> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(failed("create", dir))
}

fn make_folder_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Copies at most `most` bytes to a new file; its length and hash.
fn copy(
    from: &mut impl Read,
    path: &Path,
    most: u64,
    pace: &mut Pace,
) -> Result<(u64, String), Error> {
    make_folder_of(path)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed("create", path))?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; CHUNK_BYTES]);
    let (mut left, mut unsynced) = (most, 0);
    while left > 0 {
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = match from.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("read for", path)(error)),
        };
        hasher.update(&buffer[..got]);
        file.write_all(&buffer[..got]).map_err(failed("write", path))?;
        left -= got as u64;
        unsynced += got as u64;
        if unsynced >= UNSYNCED_BYTES_MAX {
            file.sync_data().map_err(failed("sync", path))?;
            unsynced = 0;
        }
        pace.keep(got as u64);
    }
    file.sync_all().map_err(failed("sync", path))?;
    Ok((most - left, hasher.finalize().to_hex().to_string()))
}

fn hash(from: &mut impl Read, pace: &mut Pace) -> io::Result<(u64, String)> {
    let (mut hasher, mut buffer, mut bytes) = (blake3::Hasher::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        let got = from.read(&mut buffer)?;
        if got == 0 {
            return Ok((bytes, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&buffer[..got]);
        bytes += got as u64;
        pace.keep(got as u64);
    }
}

/// Syncs a folder and the folders in it: files are there after a crash only then.
fn sync_folders(dir: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(dir).map_err(failed("list", dir))? {
        let path = entry.map_err(failed("list", dir))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    sync(dir)
}

fn sync(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

/// Holds a copy to a number of bytes a second.
struct Pace {
    bytes_per_second: u64,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), begun: Instant::now(), bytes: 0 }
    }

    /// Waits until `bytes` more are due.
    fn keep(&mut self, bytes: u64) {
        self.bytes += bytes;
        let due_ms = self.bytes.saturating_mul(1_000) / self.bytes_per_second;
        std::thread::sleep(Duration::from_millis(due_ms).saturating_sub(self.begun.elapsed()));
    }
}
