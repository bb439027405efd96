//! What is in no file yet, in memory, beside what is: which versions are superseded is kept for
//! both, so that a snapshot shows each row once.
//!
//! Never: a wait, a file.

use std::collections::VecDeque;
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::error::Error;
use crate::manifest::Manifest;
use crate::rows::Rows;
use crate::snapshot::Snapshot;

/// Rows that come in small pieces are joined up to this size: few pieces to scan, and none is
/// copied more than some times.
const JOINED_BYTES_MAX: usize = 8 << 20;

/// What the newest manifest says, with the sets that it names.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// For each of its segments which versions are superseded, by what the manifest holds.
    pub superseded: Vec<Superseded>,
}

/// The versions of a segment that are superseded; `None` where none is.
pub type Superseded = Option<Arc<RoaringTreemap>>;

/// What is in files, and what is not yet.
#[derive(Debug, Default)]
pub struct Tail {
    committed: Committed,
    /// Like `committed.superseded`, with what the tail supersedes.
    superseded: Vec<Superseded>,
    superseded_in_tail: Arc<RoaringTreemap>,
    rows: VecDeque<Arc<Rows>>,
    /// Rows up to here are being written: they are not joined with later ones.
    sealed: u64,
    until: u64,
    bytes: usize,
}

impl Tail {
    /// Nothing beside what was committed.
    #[must_use]
    pub fn new(committed: Committed) -> Self {
        let until = committed.manifest.until;
        let superseded = committed.superseded.clone();
        Self { committed, superseded, until, sealed: until, ..Self::default() }
    }

    /// What was committed.
    #[must_use]
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// Memory that its rows take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows it holds, of all tables.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.iter().map(|rows| rows.count()).sum()
    }

    /// Up to where the log is in it or in files.
    #[must_use]
    pub fn until(&self) -> u64 {
        self.until
    }

    /// Adds the rows that come next. The log is known to hold nothing more up to `covered`.
    ///
    /// # Errors
    /// [`Error::Rows`] when rows of one table have different columns.
    pub fn push(&mut self, rows: Rows, covered: u64) -> Result<(), Error> {
        self.until = self.until.max(rows.until).max(covered);
        self.bytes += rows.bytes;
        mark(
            &self.committed.manifest,
            &mut self.superseded,
            &mut self.superseded_in_tail,
            &rows.superseded,
        );
        self.rows.push_back(Arc::new(rows));
        self.join()
    }

    /// The log is known to hold nothing more up to here.
    pub fn cover(&mut self, until: u64) {
        self.until = self.until.max(until);
    }

    /// Joins the last pieces while they are about as large as each other: each row is copied a
    /// number of times that grows with the logarithm of the tail.
    fn join(&mut self) -> Result<(), Error> {
        while let [.., before, last] = self.rows.make_contiguous() {
            let is_free = before.from >= self.sealed;
            let bytes = before.bytes + last.bytes;
            if !is_free || before.bytes > 2 * last.bytes || bytes > JOINED_BYTES_MAX {
                return Ok(());
            }
            *before = Arc::new(before.join(last)?);
            self.rows.pop_back();
        }
        Ok(())
    }

    /// All that it holds, to be written: it stays as it is until that is committed.
    pub fn seal(&mut self) -> Sealed {
        let until = self.rows.back().map_or(self.committed.manifest.until, |rows| rows.until);
        self.sealed = until;
        Sealed {
            from: self.committed.manifest.until,
            until,
            newest: self.rows.iter().rev().find_map(|rows| rows.newest),
            rows: self.rows.iter().cloned().collect(),
            superseded: self.superseded_in_tail.clone(),
        }
    }

    /// What was committed is in files from now on; the tail is what is behind it.
    pub fn commit(&mut self, committed: Committed) {
        let until = committed.manifest.until;
        while self.rows.front().is_some_and(|rows| rows.until <= until) {
            self.bytes -= self.rows.pop_front().map_or(0, |rows| rows.bytes);
        }
        self.superseded = committed.superseded.clone();
        let mut in_tail = Arc::default();
        for rows in &self.rows {
            mark(&committed.manifest, &mut self.superseded, &mut in_tail, &rows.superseded);
        }
        self.superseded_in_tail = in_tail;
        self.committed = committed;
        self.until = self.until.max(until);
        self.sealed = self.sealed.max(until);
    }

    /// The present.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            manifest: self.committed.manifest.clone(),
            superseded: self.superseded.clone(),
            tail: self.rows.iter().cloned().collect(),
            superseded_in_tail: self.superseded_in_tail.clone(),
            until: self.until,
        }
    }
}

/// Rows that are to be written.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The log up to here is in files.
    pub from: u64,
    /// The log up to here is in these rows.
    pub until: u64,
    /// When the change at `until` was decided.
    pub newest: Option<domain::time::Timestamp>,
    /// The rows, oldest first.
    pub rows: Vec<Arc<Rows>>,
    /// Which of them are superseded by others of them.
    pub superseded: Arc<RoaringTreemap>,
}

/// Files versions as superseded: those of segments with their segment, later ones with the tail.
fn mark(
    manifest: &Manifest,
    segments: &mut [Superseded],
    in_tail: &mut Arc<RoaringTreemap>,
    superseded: &RoaringTreemap,
) {
    for (at, set) in by_segment(manifest, superseded) {
        let slot = match at {
            Some(at) => segments[at].get_or_insert_default(),
            None => &mut *in_tail,
        };
        *Arc::make_mut(slot) |= set;
    }
}

/// Sequences by the segment that they are in; `None` for what is behind the last one. What fell
/// into no segment (its day was dropped) is left out.
pub(crate) fn by_segment(
    manifest: &Manifest,
    sequences: &RoaringTreemap,
) -> Vec<(Option<usize>, RoaringTreemap)> {
    let mut found: Vec<(Option<usize>, RoaringTreemap)> = Vec::new();
    for sequence in sequences {
        let at = manifest.segments.partition_point(|segment| segment.until < sequence);
        let at = match manifest.segments.get(at) {
            Some(segment) if sequence > segment.from => Some(at),
            None if sequence > manifest.until => None,
            Some(_) | None => continue,
        };
        match found.last_mut() {
            Some((last, set)) if *last == at => _ = set.insert(sequence),
            _ => found.push((at, RoaringTreemap::from_iter([sequence]))),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Segment;

    fn rows(from: u64, until: u64, superseded: &[u64], bytes: usize) -> Rows {
        let superseded = superseded.iter().copied().collect();
        Rows { from, until, newest: None, batches: Vec::new(), superseded, bytes }
    }

    fn segment(from: u64, until: u64) -> Segment {
        let day = "2026-05-01".to_owned();
        Segment { day, from, until, files: [].into(), superseded: None }
    }

    fn committed(segments: Vec<Segment>) -> Committed {
        let until = segments.last().map_or(0, |segment| segment.until);
        let superseded = vec![None; segments.len()];
        let manifest = Manifest { until, segments, ..Manifest::default() };
        Committed { manifest: Arc::new(manifest), superseded }
    }

    fn named(set: Option<&Arc<RoaringTreemap>>) -> Vec<u64> {
        set.map(|set| set.iter().collect()).unwrap_or_default()
    }

    #[test]
    fn what_is_superseded_is_filed_with_what_holds_it_before_and_after_a_commit() {
        let mut tail = Tail::new(committed(vec![segment(0, 10), segment(10, 20)]));
        tail.push(rows(20, 30, &[5, 15, 25], 1), 0).expect("rows");
        let sealed = tail.seal();
        assert_eq!((sealed.from, sealed.until), (20, 30));
        tail.push(rows(30, 40, &[6, 26, 35], 1), 44).expect("rows");
        let shown = tail.snapshot();
        assert_eq!((shown.until, shown.tail.len()), (44, 2), "what is sealed is not joined");
        assert_eq!(named(shown.superseded[0].as_ref()), [5, 6]);
        assert_eq!(named(shown.superseded[1].as_ref()), [15]);
        assert_eq!(named(Some(&shown.superseded_in_tail)), [25, 26, 35]);

        // The first piece is in a file now, its own superseded version left out.
        let mut next = committed(vec![segment(0, 10), segment(10, 20), segment(20, 30)]);
        next.superseded[0] = Some(Arc::new([5].into_iter().collect()));
        next.superseded[1] = Some(Arc::new([15].into_iter().collect()));
        tail.commit(next);
        let shown = tail.snapshot();
        assert_eq!((shown.until, shown.tail.len(), tail.bytes()), (44, 1, 1));
        assert_eq!(named(shown.superseded[0].as_ref()), [5, 6]);
        assert_eq!(named(shown.superseded[1].as_ref()), [15]);
        assert_eq!(named(shown.superseded[2].as_ref()), [26]);
        assert_eq!(named(Some(&shown.superseded_in_tail)), [35]);
    }

    #[test]
    fn small_pieces_are_joined_and_few_are_left() {
        let mut tail = Tail::new(Committed::default());
        for n in 0..1_000 {
            tail.push(rows(n, n + 1, &[], 100), 0).expect("rows");
        }
        let pieces = tail.snapshot().tail;
        assert!(pieces.len() <= 12, "{} pieces", pieces.len());
        assert!(pieces.windows(2).all(|two| two[0].until == two[1].from));
        assert_eq!(tail.bytes(), 100_000);
    }

    #[test]
    fn a_version_of_a_day_that_was_dropped_is_filed_nowhere() {
        let mut all = committed(vec![segment(10, 20)]);
        Arc::make_mut(&mut all.manifest).until = 30;
        let mut tail = Tail::new(all);
        tail.push(rows(30, 40, &[5, 25], 1), 0).expect("rows");
        let shown = tail.snapshot();
        assert_eq!(named(shown.superseded[0].as_ref()), [0; 0]);
        assert!(shown.superseded_in_tail.is_empty());
    }
}
