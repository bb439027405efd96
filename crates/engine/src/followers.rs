//! How far the consumers of changes are: an LMDB environment of its own in the store's folder.
//!
//! One row a sink: a checksum, then the progress as `service` encodes it. Saves are small and
//! rare (the driver's business), and never share a sync with the log: an order waits for none.
//! A save syncs its rows and leaves the sync of what names them to the next one, so a power cut
//! may take the last save back: some things are delivered again then, none is skipped.
//!
//! Never: a row that is not whole taken for progress. To begin anew would send everything again
//! or skip what was due, so it is said instead, and the sink waits for somebody to decide.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use heed::types::{Bytes, Str};
use heed::{CompactionOption, Database, Env, EnvFlags, EnvOpenOptions, WithoutTls};
use service::change::Seq;
use service::follow::{Progress, Store};
use service::ledger::Unavailable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::doctor::Check;
use crate::{Engine, log};

/// The folder in the store's.
const DIR: &str = "followers";
/// The file of LMDB's in it that holds the rows.
pub(crate) const FILE: &str = "followers/data.mdb";
/// Address space: some thousand sinks, each with as much waiting as one may have, several times
/// over. The file is as long as what is in it.
const MAP_BYTES: usize = 1 << 30;
/// Bytes of the checksum before a row's progress.
const CHECKSUM_BYTES: usize = 8;

/// Where sinks' progress is kept, durably.
#[derive(Debug)]
pub struct Followers {
    env: Env<WithoutTls>,
    rows: Database<Str, Bytes>,
}

impl Followers {
    /// Opens or creates it in the store's folder `dir`. The store must be held by this process.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn open(dir: &Path) -> Result<Self, heed::Error> {
        let dir = dir.join(DIR);
        std::fs::create_dir_all(&dir)?;
        let env = environment(&dir, EnvFlags::NO_META_SYNC)?;
        // A backup that was killed left its place among the readers, and old pages with it.
        env.clear_stale_readers()?;
        let mut txn = env.write_txn()?;
        let rows = env.create_database(&mut txn, None)?;
        txn.commit()?;
        Ok(Self { env, rows })
    }

    fn write(&self, sinks: &[(&str, &Progress)]) -> Result<(), heed::Error> {
        let mut txn = self.env.write_txn()?;
        let mut row = Vec::new();
        for (sink, progress) in sinks {
            row.clear();
            row.resize(CHECKSUM_BYTES, 0);
            progress.encode(&mut row);
            let checksum = checksum(sink, &row[CHECKSUM_BYTES..]);
            row[..CHECKSUM_BYTES].copy_from_slice(&checksum);
            self.rows.put(&mut txn, sink, &row)?;
        }
        txn.commit()
    }
}

/// LMDB in `dir`.
fn environment(dir: &Path, flags: EnvFlags) -> Result<Env<WithoutTls>, heed::Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_BYTES);
    // SAFETY: nothing of ours writes to LMDB's files, and a process opens this folder once.
    // Without the sync of its meta page a power cut undoes the last commit, and breaks nothing.
    #[allow(unsafe_code)]
    unsafe {
        options.flags(flags).open(dir)
    }
}

/// A row stands under its sink's name only.
fn checksum(sink: &str, progress: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let seed = xxh3_64_with_seed(sink.as_bytes(), 0);
    xxh3_64_with_seed(progress, seed).to_le_bytes()
}

fn read(sink: &str, row: &[u8]) -> Result<Progress, Unavailable> {
    let damaged = || Unavailable::Read(format!("the progress of {sink} is damaged"));
    let (sum, progress) = row.split_at_checked(CHECKSUM_BYTES).ok_or_else(damaged)?;
    if sum != checksum(sink, progress) {
        return Err(damaged());
    }
    Progress::decode(progress).map_err(|_| damaged())
}

fn failed(error: heed::Error) -> Unavailable {
    Unavailable::Read(format!("progress of followers: {error}"))
}

impl Store for Followers {
    fn load(&self, sink: &str) -> Result<Option<Progress>, Unavailable> {
        let txn = self.env.read_txn().map_err(failed)?;
        let row = self.rows.get(&txn, sink).map_err(failed)?;
        row.map(|row| read(sink, row)).transpose()
    }

    fn save(&self, sinks: &[(&str, &Progress)]) -> Result<(), Unavailable> {
        let first = self.write(sinks);
        let written = first.or_else(|_| {
            // Pages that a killed reader held may be what is missing.
            self.env.clear_stale_readers()?;
            self.write(sinks)
        });
        written.map_err(failed)
    }

    fn names(&self) -> Result<Vec<Box<str>>, Unavailable> {
        let txn = self.env.read_txn().map_err(failed)?;
        let rows = self.rows.iter(&txn).map_err(failed)?;
        rows.map(|row| Ok(row.map_err(failed)?.0.into())).collect()
    }

    fn forget(&self, sink: &str) -> Result<(), Unavailable> {
        let mut txn = self.env.write_txn().map_err(failed)?;
        self.rows.delete(&mut txn, sink).map_err(failed)?;
        txn.commit().map_err(failed)
    }
}

/// Copies the rows of the store in `dir`, whoever has it open, to a new file.
pub(crate) fn copy(dir: &Path, to: &Path) -> io::Result<File> {
    let env = environment(&dir.join(DIR), EnvFlags::READ_ONLY).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create_new(true).mode(0o600).open(to)?;
    env.copy_to_file(&mut file, CompactionOption::Enabled).map_err(io::Error::other)?;
    file.rewind()?;
    Ok(file)
}

impl Engine {
    /// Where sinks' progress is kept; opened when it is first asked for.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when it cannot be opened.
    pub fn followers(&self) -> Result<Arc<Followers>, Unavailable> {
        let mut opened = self.followers.lock();
        if let Some(followers) = opened.as_ref() {
            return Ok(followers.clone());
        }
        let followers = Arc::new(Followers::open(&self.dir).map_err(failed)?);
        Ok(opened.insert(followers).clone())
    }

    /// The sinks that ever had progress, by name. Opens nothing where there never was one.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when it cannot be read.
    pub fn known_followers(&self) -> Result<Vec<Box<str>>, Unavailable> {
        if self.dir.join(FILE).exists() { self.followers()?.names() } else { Ok(Vec::new()) }
    }

    /// The newest change there is. Reads the log from the last order that the projection has
    /// filed by its time on: for what begins, not for every day.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub fn newest(&self) -> Result<Option<Seq>, Unavailable> {
        let from = self.shared.snapshot()?.last_filed()?;
        let mut newest = None;
        let scanned = self.log.scan(from.map_or(0, |seq| seq.0), self.log.end(), |seq, _| {
            newest = Some(seq);
            Ok::<_, log::Error>(true)
        });
        scanned.map(|_| newest).map_err(|error| Unavailable::Read(error.to_string()))
    }

    /// Proves that every sink's progress can be read, and that its cursor is in the log.
    pub(crate) fn examine_followers(&self, check: &mut Check) -> Result<(), Unavailable> {
        for sink in self.known_followers()? {
            let progress = match self.followers()?.load(&sink) {
                Ok(progress) => progress,
                Err(error) => {
                    check.look(false, || error.to_string());
                    continue;
                }
            };
            let cursor = progress.and_then(|progress| progress.cursor);
            let known = cursor.is_none_or(|cursor| self.log.after(cursor).is_ok());
            check.look(known, || format!("{sink} stands behind {cursor:?}, which is no change"));
        }
        Ok(())
    }
}
