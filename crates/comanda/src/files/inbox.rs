//! A folder that files are dropped into: found by looking, taken when they are whole, moved aside
//! when they are done.
//!
//! ```text
//! inbox/…                what senders drop, by the patterns
//! inbox/processing/…     taken: nobody writes to it any more
//! inbox/done/…           done, with what was not taken of it beside it
//! inbox/rejected/…       no file of orders, or with more failures than tolerated
//! ```
//!
//! It looks every so often instead of being told: network folders and bind mounts tell nobody.
//! Never: a link followed, a file overwritten, a file done twice because it could not be moved.

mod aside;

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use parking_lot::Mutex;
use service::batch::run::Error;
use service::batch::{BatchStatus, Tolerance};
use walkdir::WalkDir;
use web::filing::FILE_NAME_BYTES_MAX;

use super::{AT_A_TIME, CameBy, Done, Files, Job};
use crate::config::{Folders, Installation};

/// Folders of the inbox that are ours.
const OWN: [&str; 3] = ["processing", "done", "rejected"];
/// Files that are taken and not done at a time: enough that none of the threads waits.
const TAKEN_MAX: usize = 2 * AT_A_TIME;
/// Files in sight whose changes are watched; of more, the rest wait their turn.
const WATCHED_MAX: usize = 100_000;
/// How long a file that could not be done is left alone.
const RETRY: Duration = Duration::from_secs(30);
/// Deepest folder that is looked into.
const DEPTH_MAX: usize = 16;

/// How an inbox is watched.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The folder.
    pub(crate) dir: PathBuf,
    /// Which files; compared with the name and with the path below the folder.
    pub(crate) patterns: Vec<String>,
    /// Whether folders in it are looked into.
    pub(crate) nested: bool,
    /// How long a file must not have changed, so that it counts as whole.
    pub(crate) settle: Duration,
    /// How often it is looked at.
    pub(crate) poll: Duration,
    /// How much failure a file bears.
    pub(crate) tolerance: Tolerance,
}

impl Settings {
    /// What an installation says about its inbox; `None` when it has none.
    pub(crate) fn of(installation: &Installation) -> Option<Self> {
        let inbox = &installation.inbox;
        let share = inbox.tolerated_failure_percentage.as_ref();
        let percentage = share.and_then(|share| u8::try_from(share.0).ok());
        Some(Self {
            dir: inbox.dir.clone()?,
            patterns: inbox.patterns.0.clone(),
            nested: inbox.folders == Folders::Nested,
            settle: Duration::from_millis(inbox.settle_ms.0),
            poll: Duration::from_millis(inbox.poll_ms.0),
            tolerance: Tolerance { count: None, percentage },
        })
    }
}

/// A folder that is watched.
pub(crate) struct Inbox {
    settings: Settings,
    patterns: GlobSet,
    files: Arc<Files>,
    /// Files taken and not done, by where they are.
    taken: Arc<Mutex<HashMap<PathBuf, Option<Instant>>>>,
}

/// A file as it was when it was looked at: whether it is the same still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sight {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Sight {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}

/// A file that was taken.
pub(super) struct Claimed {
    inbox: Arc<Inbox>,
    /// Where it is now.
    path: PathBuf,
    /// Its path below the inbox, when it came.
    below: PathBuf,
    /// It is where it came, because it could not be moved.
    in_place: bool,
}

impl Inbox {
    /// Watches a folder from a thread of its own.
    ///
    /// # Errors
    /// When the folder cannot be made or a pattern is none.
    pub(crate) fn start(settings: Settings, files: Arc<Files>) -> anyhow::Result<JoinHandle<()>> {
        use anyhow::Context;
        let dir = settings.dir.clone();
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let mut patterns = GlobSetBuilder::new();
        for pattern in &settings.patterns {
            let glob =
                GlobBuilder::new(pattern).case_insensitive(true).literal_separator(true).build();
            patterns.add(glob.with_context(|| format!("pattern '{pattern}'"))?);
        }
        let patterns = patterns.build()?;
        let inbox = Arc::new(Self { settings, patterns, files, taken: Arc::default() });
        let thread = std::thread::Builder::new().name("inbox".to_owned());
        Ok(thread.spawn(move || inbox.watch())?)
    }

    fn watch(self: Arc<Self>) {
        let mut seen = HashMap::new();
        let mut done = HashMap::new();
        loop {
            // What was taken before a crash goes first, and so does what has to be tried again.
            self.look(&self.settings.dir.join("processing"), |path, below, _| {
                self.push(path, below, false);
            });
            let mut now_seen = HashMap::new();
            self.look(&self.settings.dir, |path, below, file| {
                if !self.wants(&below) || now_seen.len() >= WATCHED_MAX {
                    return;
                }
                let sight = Sight::of(file);
                let is_same = seen.get(&path) == Some(&sight);
                now_seen.insert(path.clone(), sight);
                if done.get(&path) != Some(&sight) && self.is_whole(file, is_same) {
                    self.take(path, below, sight, &mut done);
                }
            });
            done.retain(|path, _| now_seen.contains_key(path));
            seen = now_seen;
            if !self.files.runner.sleep(self.settings.poll) {
                return;
            }
        }
    }

    /// Shows every file below `dir` that is one, with its path below it.
    fn look(&self, dir: &Path, mut visit: impl FnMut(PathBuf, PathBuf, &Metadata)) {
        let depth = if self.settings.nested { DEPTH_MAX } else { 1 };
        let is_processing = dir != self.settings.dir;
        let walk = WalkDir::new(dir).min_depth(1).follow_links(false).sort_by_file_name();
        let walk = walk.max_depth(if is_processing { DEPTH_MAX } else { depth });
        let entries = walk.into_iter().filter_entry(|entry| {
            let name = entry.file_name().as_encoded_bytes();
            let is_own = entry.depth() == 1 && OWN.iter().any(|own| own.as_bytes() == name);
            is_processing || !(is_own || name.starts_with(b"."))
        });
        // A folder that cannot be read now may be at the next look; a missing one is empty.
        for entry in entries.flatten() {
            // Links, pipes and sockets are not files that anybody dropped here.
            if let Ok(file) = entry.metadata()
                && file.is_file()
                && let Ok(below) = entry.path().strip_prefix(dir)
            {
                visit(entry.path().to_owned(), below.to_owned(), &file);
            }
        }
    }

    fn wants(&self, below: &Path) -> bool {
        let ending = below.extension().map(|e| e.to_ascii_lowercase());
        let is_partial = ending.is_some_and(|e| e == "part" || e == "tmp" || e == "filepart");
        let name = below.file_name().map(Path::new).unwrap_or(below);
        !is_partial && (self.patterns.is_match(below) || self.patterns.is_match(name))
    }

    /// Whether nobody writes to it any more: unchanged for the settle time; or unchanged since the
    /// last look and renamed after it was written, which is how senders that know say that it is.
    fn is_whole(&self, file: &Metadata, is_same: bool) -> bool {
        let age = file.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        let is_settled = age.is_some_and(|age| age >= self.settings.settle);
        let nanos = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        let written = nanos(file.mtime(), file.mtime_nsec());
        let is_renamed = nanos(file.ctime(), file.ctime_nsec()) - written > 10_000_000;
        is_settled || (is_same && is_renamed)
    }

    /// Takes a file out of its senders' hands.
    fn take(
        self: &Arc<Self>,
        path: PathBuf,
        below: PathBuf,
        sight: Sight,
        done: &mut HashMap<PathBuf, Sight>,
    ) {
        if self.taken.lock().len() >= TAKEN_MAX || !self.files.has_room(1) {
            return;
        }
        match aside::claim(&self.settings.dir, &path, &below) {
            Ok(at) => self.push(at, below, false),
            Err(error) => {
                tracing::warn!(file.name = %below.display(), %error,
                    "a file of the inbox cannot be moved, and is done where it is: {error}");
                done.insert(path.clone(), sight);
                self.push(path, below, true);
            }
        }
    }

    fn push(self: &Arc<Self>, path: PathBuf, below: PathBuf, in_place: bool) {
        let mut taken = self.taken.lock();
        let is_known = match taken.get(&path) {
            Some(None) => true,
            Some(Some(again)) => *again > Instant::now(),
            None => taken.len() >= TAKEN_MAX,
        };
        if !is_known {
            taken.insert(path.clone(), None);
            let inbox = self.clone();
            self.files.push(Job::Inbox(Claimed { inbox, path, below, in_place }));
        }
    }
}

impl Claimed {
    /// Does the file, and moves it aside.
    pub(super) fn process(&self, files: &Files) {
        match self.try_process(files) {
            // Closed in the middle: it is gone on with after the next start.
            Ok(false) => {}
            Ok(true) => drop(self.inbox.taken.lock().remove(&self.path)),
            Err(_) if files.runner.is_closing() => {}
            Err(error) => {
                tracing::error!(file.name = %self.below.display(), error = %format!("{error:#}"),
                    "a file of the inbox is not done, and tried again: {error:#}");
                let again = Instant::now() + RETRY;
                self.inbox.taken.lock().insert(self.path.clone(), Some(again));
            }
        }
    }

    fn try_process(&self, files: &Files) -> anyhow::Result<bool> {
        let before = Sight::of(&std::fs::symlink_metadata(&self.path)?);
        let name = name(&self.below);
        let tolerance = self.inbox.settings.tolerance;
        let done = match files.run(&self.path, None, tolerance) {
            Ok(done) => done,
            Err(Error::Input(error)) if error.kind() == io::ErrorKind::InvalidData => {
                files.note_refused(&name, &self.path, &error.to_string())?;
                tracing::warn!(file.name = name, "a file of the inbox is no file of orders");
                return self.reject(&error.to_string()).map(|()| true);
            }
            Err(error @ (Error::Rules(_) | Error::Metadata)) => {
                files.note_refused(&name, &self.path, &error.to_string())?;
                return self.reject(&error.to_string()).map(|()| true);
            }
            Err(error) => return Err(error.into()),
        };
        if Sight::of(&std::fs::symlink_metadata(&self.path)?) != before {
            // Somebody still wrote to it: what is new in it is done at the next look.
            return Ok(true);
        }
        self.finish(files, &name, &done)
    }

    fn finish(&self, files: &Files, name: &str, done: &Done) -> anyhow::Result<bool> {
        let state = &done.finished.state;
        let folder = match state.status {
            BatchStatus::Running => return Ok(false),
            BatchStatus::Succeeded => "done",
            BatchStatus::Failed | BatchStatus::Aborted => "rejected",
        };
        files.note(name, done, &self.path, CameBy::Inbox)?;
        let counts = state.counts;
        tracing::info!(file.name = name, batch.id = %state.id, succeeded = counts.succeeded,
            failed = counts.failed, skipped = counts.skipped, "a file of the inbox is {folder}");
        if self.in_place {
            return Ok(true);
        }
        let dir = &self.inbox.settings.dir;
        let to = aside::free(dir, folder, &self.below, state.id.as_str())?;
        aside::write_rejects(files, done, &self.path, &to)?;
        aside::rename(&self.path, &to)?;
        Ok(true)
    }

    /// Moves a file aside that cannot be read as a whole, with the reason.
    fn reject(&self, why: &str) -> anyhow::Result<()> {
        if self.in_place {
            return Ok(());
        }
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut std::fs::File::open(&self.path)?, &mut hasher)?;
        let dir = &self.inbox.settings.dir;
        let to = aside::free(dir, "rejected", &self.below, &hasher.finalize().to_hex())?;
        std::fs::write(aside::beside(&to, "reason.txt"), format!("{why}\n"))?;
        Ok(aside::rename(&self.path, &to)?)
    }
}

/// A path below the inbox as a name: what is no text in it, or too long, is told by a hash.
fn name(below: &Path) -> String {
    let text = below.to_string_lossy();
    let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if below.to_str() == Some(&clean) && clean.len() <= FILE_NAME_BYTES_MAX {
        return clean;
    }
    let hash = blake3::hash(below.as_os_str().as_encoded_bytes()).to_hex();
    let kept: String = clean.chars().take(40).collect();
    format!("{kept}~{}", &hash[..8])
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn every_path_has_a_name_and_no_two_have_the_same() {
        assert_eq!(name(Path::new("june/a.csv")), "june/a.csv");
        let odd = [&b"a\xff.csv"[..], b"a\xfe.csv", b"a\n.csv", b"a\r.csv", &[b'x'; 300]];
        let names = odd.map(|bytes| name(Path::new(OsStr::from_bytes(bytes))));
        for (at, name) in names.iter().enumerate() {
            assert!(web::FileName::parse(name).is_some(), "{name:?}");
            assert!(!names[..at].contains(name), "{name:?}");
        }
    }
}
