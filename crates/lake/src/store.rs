//! A lake's files in their folder or bucket: opening it, committing, removing what is left over.
//!
//! The manifest comes last, and only where there is none of its number: whoever comes second
//! learns that there is another writer. A folder must be opened with its files synced before they
//! are named (`LocalFileSystem::with_fsync`); an object store answers when an object is durable.
//!
//! Never: a file replaced by other bytes.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode};
use roaring::RoaringTreemap;
use service::change::Seq;
use service::ledger::{Changes, Unavailable};

use crate::error::Error;
use crate::manifest::{FOLDER, Manifest, Segment};
use crate::snapshot::Files;
use crate::tail::{Committed, Superseded};
use crate::writer::Sweep;

/// Reads under way at once while a lake is opened.
const READS: usize = 16;

/// What is to be committed: sets of superseded versions, then the manifest that names them.
#[derive(Debug)]
pub struct Commit {
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// The sets that are new, by their paths.
    pub sets: Vec<(String, Arc<RoaringTreemap>)>,
    /// Rows that it adds.
    pub rows: u64,
    /// Bytes of files that were written for it.
    pub bytes: u64,
}

/// What the newest manifest says; an empty lake where there is none.
///
/// # Errors
/// [`Error::Manifest`] or [`Error::Damaged`] when it cannot be used.
pub async fn open(files: &Files) -> Result<Committed, Error> {
    let Some(version) = newest(files).await? else { return Ok(Committed::default()) };
    let manifest = manifest(files, version).await?;
    let sets = manifest.segments.iter().map(|segment| superseded(files, segment));
    let superseded = stream::iter(sets.collect::<Vec<_>>()).buffered(READS).try_collect().await?;
    Ok(Committed { manifest: Arc::new(manifest), superseded })
}

/// The number of the newest manifest, readable or not.
///
/// # Errors
/// [`Error::Store`]
pub async fn newest(files: &Files) -> Result<Option<u64>, Error> {
    let folder = files.path(FOLDER);
    let mut listed = files.store.list(Some(&folder));
    let mut newest = None;
    while let Some(found) = listed.next().await {
        newest = newest.max(Manifest::version_of(found?.location.as_ref()));
    }
    Ok(newest)
}

/// The manifest of that number.
///
/// # Errors
/// [`Error::Manifest`] when it cannot be used.
pub async fn manifest(files: &Files, version: u64) -> Result<Manifest, Error> {
    let path = Manifest::path(version);
    let bytes = files.store.get(&files.path(&path)).await?.bytes().await?;
    Manifest::parse(&path, &bytes)
}

/// The set beside a segment.
async fn superseded(files: &Files, segment: &Segment) -> Result<Superseded, Error> {
    let Some(set) = &segment.superseded else { return Ok(None) };
    let damaged = || Error::Damaged { path: set.path.clone() };
    let bytes = files.store.get(&files.path(&set.path)).await?.bytes().await?;
    let read = RoaringTreemap::deserialize_from(&bytes[..]).map_err(|_| damaged())?;
    if read.len() == set.versions { Ok(Some(Arc::new(read))) } else { Err(damaged()) }
}

/// Whether the log is the one that a lake was made of, as far as that goes.
///
/// # Errors
/// [`Error::OtherLog`] when it is not.
pub fn check(manifest: &Manifest, log: &(impl Changes + ?Sized)) -> Result<(), Error> {
    let until = manifest.until;
    if until == 0 {
        return Ok(());
    }
    let is_same = match log.change(Seq(until)) {
        Ok(change) => manifest.newest.is_none_or(|newest| newest == change.at.0),
        Err(Unavailable::Read(_) | Unavailable::Cursor) => false,
        Err(other) => return Err(other.into()),
    };
    if is_same { Ok(()) } else { Err(Error::OtherLog { until }) }
}

/// Commits. Done again it is done once.
///
/// # Errors
/// [`Error::OtherWriter`] when another manifest has that number; else it is tried again.
pub async fn commit(files: &Files, commit: &Commit) -> Result<(), Error> {
    for (path, set) in &commit.sets {
        let mut bytes = Vec::with_capacity(set.serialized_size());
        set.serialize_into(&mut bytes).expect("a vector takes all bytes");
        files.store.put(&files.path(path), bytes.into()).await?;
    }
    let path = Manifest::path(commit.manifest.version);
    let (bytes, at) = (commit.manifest.to_bytes(), files.path(&path));
    let put = files.store.put_opts(&at, bytes.clone().into(), PutMode::Create.into()).await;
    match put {
        Ok(_) => Ok(()),
        Err(object_store::Error::AlreadyExists { .. }) => {
            let found = files.store.get(&at).await?.bytes().await?;
            // An answer that was lost on its way: it was ours.
            if found == bytes { Ok(()) } else { Err(Error::OtherWriter { path }) }
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes an empty lake of what is there, whatever that is: a manifest that names nothing. The
/// files are left over then.
///
/// # Errors
/// [`Error::Store`], [`Error::OtherWriter`]
pub async fn empty(files: &Files, writer: &str) -> Result<Committed, Error> {
    let version = newest(files).await?.unwrap_or(0) + 1;
    let manifest = Manifest { version, writer: writer.to_owned(), ..Manifest::default() };
    let manifest = Arc::new(manifest);
    let empty = Commit { manifest: manifest.clone(), sets: Vec::new(), rows: 0, bytes: 0 };
    commit(files, &empty).await?;
    Ok(Committed { manifest, superseded: Vec::new() })
}

/// Removes files. Those that are gone already are no failure.
///
/// # Errors
/// [`Error::Store`]: the others are removed all the same.
pub async fn delete(files: &Files, paths: &[String]) -> Result<(), Error> {
    let mut failed = None;
    for path in paths {
        match files.store.delete(&files.path(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Removes what earlier writers left: every file of a lake that is not named.
///
/// # Errors
/// [`Error::Store`]
pub async fn sweep(files: &Files, sweep: &Sweep) -> Result<usize, Error> {
    let named: HashSet<Path> = sweep.named.iter().map(|path| files.path(path)).collect();
    let own = format!("-{}.", sweep.writer);
    let newest = sweep.named.iter().filter_map(|path| Manifest::version_of(path)).max();
    let mut left = Vec::new();
    let folders = crate::table::Table::ALL.map(crate::table::Table::name);
    for folder in folders.into_iter().chain([FOLDER]) {
        let mut listed = files.store.list(Some(&files.path(folder)));
        while let Some(found) = listed.next().await {
            let path = found?.location;
            let is_own = path.filename().is_some_and(|name| name.contains(&own));
            // What this writer commits meanwhile is newer than all that was there.
            let is_later = Manifest::version_of(path.as_ref()) > newest && folder == FOLDER;
            if !is_own && !is_later && !named.contains(&path) {
                left.push(path);
            }
        }
    }
    let removed = left.len();
    for path in left {
        match files.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(removed)
}
