//! The present: what is in files and what is not yet, at one moment.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use roaring::RoaringTreemap;

use crate::manifest::{Manifest, Segment};
use crate::rows::Rows;

/// One moment of the lake: every change up to [`Snapshot::until`], once.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The files.
    pub manifest: Arc<Manifest>,
    /// Which versions of each of the manifest's segments are superseded, by anything up to
    /// `until`; in their order. `None` where none is.
    pub superseded: Vec<Option<Arc<RoaringTreemap>>>,
    /// What is in no file yet, oldest first; begins where the manifest ends.
    pub tail: Vec<Arc<Rows>>,
    /// Versions of the tail that the tail itself supersedes.
    pub superseded_in_tail: Arc<RoaringTreemap>,
    /// The log up to here is in it.
    pub until: u64,
}

/// What shows the present to whoever asks.
pub trait Present: Send + Sync {
    /// The present, now. Cheap: nothing is read or copied.
    fn snapshot(&self) -> Snapshot;

    /// Where the files are.
    fn files(&self) -> &Files;

    /// Where the log ends: what is committed up to here is to be asked about soon.
    fn committed(&self) -> u64;

    /// Why there is nothing to be asked about yet, in English: the snapshot is empty then, whatever
    /// the log holds. `None` when there is.
    fn unready(&self) -> Option<String> {
        None
    }

    /// Waits until the snapshot holds the log up to `until`, or `patience_ms` is over; whether it
    /// does.
    fn wait_for(&self, until: u64, patience_ms: u64) -> service::ledger::Task<'_, bool>;
}

/// Where a lake's files are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The folder or bucket.
    pub store: Arc<dyn ObjectStore>,
    /// What every path of a manifest is below.
    pub root: Path,
}

impl Files {
    /// Where a file of the manifest is.
    #[must_use]
    pub fn path(&self, path: &str) -> Path {
        self.root.parts().chain(Path::from(path).parts()).collect()
    }
}

impl Snapshot {
    /// The segments with what is superseded in each.
    pub fn segments(&self) -> impl Iterator<Item = (&Segment, Option<&Arc<RoaringTreemap>>)> {
        let superseded = self.superseded.iter().map(Option::as_ref);
        self.manifest.segments.iter().zip(superseded)
    }
}
