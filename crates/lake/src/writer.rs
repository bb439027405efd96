//! What writes a lake, without doing any of it: it is told what happened, and says what to do.
//!
//! One flush and one merge may be under way at a time, and one commit, which is the only thing
//! that changes what readers see. A commit that was begun is tried until it is done: whether a
//! failed one is there after all is found out by trying it again.
//!
//! Never: a thread, a clock, a file.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::time::Timestamp;
use roaring::RoaringTreemap;
use service::change::Seq;

use crate::compact::{self, Merge};
use crate::error::Error;
use crate::manifest::{FORMAT, Manifest, Segment, Superseded as SupersededFile};
use crate::present::Lake;
use crate::rows::{Day, Rows};
use crate::segment::Generation;
use crate::store::Commit;
use crate::tail::{Committed, Sealed, Superseded, by_segment};

/// The first wait after a failure; each further one in a row is twice as long.
const PAUSE_FIRST_US: i64 = 500_000;
/// The longest wait after a failure.
const PAUSE_MAX_US: i64 = 30_000_000;
/// How often it looks whether a day has passed, or files are to be removed.
const LOOK_EVERY_US: i64 = 60_000_000;
/// Manifests that are kept at most beside the newest. Without its manifest a file is still read by
/// who has it open.
const MANIFESTS_KEPT: usize = 100;

/// What a writer keeps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A name that no other start of a writer has: part of its files' names.
    pub writer: String,
    /// Rows are in a file this long after they were made, in microseconds.
    pub flush_us: i64,
    /// Rows go into a file once they take so many bytes of memory.
    pub flush_bytes: usize,
    /// Nothing more is read while rows take so many bytes of memory.
    pub tail_bytes_max: usize,
    /// How long replaced files are kept for who reads them, in microseconds.
    pub grace_us: i64,
    /// Days are dropped that are older than so many; none, when 0.
    pub keep_days: u32,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Time has passed.
    Time,
    /// The log has grown.
    Grown,
    /// What was asked for of the log.
    Read(Result<Stretch, Error>),
    /// What became of a flush.
    Written(Result<Vec<Segment>, Error>),
    /// What became of a merge.
    Merged(Result<Option<Segment>, Error>),
    /// What became of a commit.
    Committed(Result<(), Error>),
    /// Write what there is and begin nothing else.
    Stop,
}

/// A stretch of the log, as rows.
#[derive(Debug)]
pub struct Stretch {
    /// The rows; `None` where there was no change.
    pub rows: Option<Rows>,
    /// How many changes were read.
    pub changes: u64,
    /// When the first of them was decided.
    pub oldest: Option<Timestamp>,
    /// Where the log ended, if there was no more to read.
    pub end: Option<u64>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Read on behind this change, and say [`Input::Read`].
    Read(Option<Seq>),
    /// Write rows as segments, and say [`Input::Written`].
    Write(Sealed, Generation),
    /// Write segments as one, and say [`Input::Merged`].
    Merge(Arc<Merge>),
    /// Commit, and say [`Input::Committed`].
    Commit(Arc<Commit>),
    /// Remove files; whatever is left is removed after the next start.
    Delete(Vec<String>),
    /// Remove every file that an earlier writer left and that is not among these.
    Sweep(Sweep),
    /// Say [`Input::Time`] then.
    Wake(Timestamp),
}

/// What stays when leftovers are removed.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Files of this writer are its own business.
    pub writer: String,
    /// What is named, or was until lately.
    pub named: Vec<String>,
}

/// The writer of a lake.
pub struct Writer {
    lake: Arc<Lake>,
    terms: Terms,
    read: Reading,
    /// Up to here the log was read.
    cursor: Option<Seq>,
    flush: Flush,
    merge: Option<Arc<Merge>>,
    /// A merge that is to be committed.
    merged: Option<(Arc<Merge>, Option<Segment>)>,
    commit: Option<Change>,
    /// The oldest rows of the tail came then; those behind what is sealed, there.
    tail_since: Option<Timestamp>,
    unsealed_since: Option<Timestamp>,
    /// Rows come much faster than they get old: a stretch of the log is made up for, and its last
    /// rows go into files as soon as they are made.
    is_catching_up: bool,
    /// Changes in the tail, those that are sealed first.
    changes: (u64, u64),
    /// After failures of the folder or bucket.
    files: Pause,
    /// After failures of the log.
    log: Pause,
    /// At which manifest, on which day, there was nothing to merge.
    merged_all: Option<(u64, Day)>,
    is_stopped: bool,
    is_stopping: bool,
    garbage: VecDeque<(Timestamp, String)>,
    manifests: VecDeque<(Timestamp, String)>,
    sweep_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// There may be more.
    More,
    /// It is being read.
    UnderWay,
    /// There was no more.
    AtEnd,
}

/// Waits that grow with failures in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    failures: u32,
    until: Option<Timestamp>,
}

impl Pause {
    fn begin(&mut self, now: Timestamp) {
        self.failures += 1;
        let pause = PAUSE_FIRST_US << (self.failures - 1).min(16);
        self.until = Some(Timestamp(now.0 + pause.min(PAUSE_MAX_US)));
    }

    /// Whether it is not over yet.
    fn holds(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until > now)
    }
}

#[derive(Debug)]
enum Flush {
    Idle,
    /// These rows are being written.
    UnderWay(Sealed),
    /// They are to be written again.
    Failed(Sealed),
    /// They are written, and to be committed.
    Written(Sealed, Vec<Segment>),
}

/// A commit under way.
struct Change {
    commit: Arc<Commit>,
    next: Committed,
    kind: Kind,
    /// It failed, and is tried again.
    is_held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flush,
    Merge,
    Expire,
}

impl Writer {
    /// A writer that goes on where `lake` stands, at `now`.
    #[must_use]
    pub fn new(lake: Arc<Lake>, terms: Terms, now: Timestamp) -> Self {
        let until = lake.newest().manifest.until;
        let sweep_at = Some(Timestamp(now.0.saturating_add(terms.grace_us)));
        Self {
            lake,
            terms,
            read: Reading::More,
            cursor: (until > 0).then_some(Seq(until)),
            flush: Flush::Idle,
            merge: None,
            merged: None,
            commit: None,
            tail_since: None,
            unsealed_since: None,
            is_catching_up: false,
            changes: (0, 0),
            files: Pause::default(),
            log: Pause::default(),
            merged_all: None,
            is_stopped: false,
            is_stopping: false,
            garbage: VecDeque::new(),
            manifests: VecDeque::new(),
            sweep_at,
        }
    }

    /// Whether nothing is under way and nothing is left to write.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let is_flushed = matches!(self.flush, Flush::Idle) && self.changes == (0, 0);
        is_flushed && self.merge.is_none() && self.merged.is_none() && self.commit.is_none()
    }

    /// Whether it does nothing any more: it stopped, or is done after [`Input::Stop`].
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_stopped || self.is_stopping && (self.is_idle() || self.files.until.is_some())
    }

    /// One step.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        match input {
            Input::Time => {}
            Input::Grown => self.grown(),
            Input::Read(read) => self.has_read(now, read),
            Input::Written(written) => self.has_written(now, written),
            Input::Merged(merged) => self.has_merged(now, merged),
            Input::Committed(committed) => self.has_committed(now, committed),
            Input::Stop => self.is_stopping = true,
        }
        let outputs = if self.is_stopped { Vec::new() } else { self.next(now) };
        self.tell();
        outputs
    }

    fn grown(&mut self) {
        if self.read == Reading::AtEnd {
            self.read = Reading::More;
        }
    }

    fn has_read(&mut self, now: Timestamp, read: Result<Stretch, Error>) {
        self.read = Reading::More;
        let stretch = match read {
            Ok(stretch) => stretch,
            Err(error) => {
                self.log.begin(now);
                return self.failed(now, &error);
            }
        };
        self.log = Pause::default();
        if stretch.end.is_some() {
            self.read = Reading::AtEnd;
        }
        let covered = stretch.end.unwrap_or(0);
        let Some(rows) = stretch.rows else {
            return self.lake.change(|tail| tail.cover(covered));
        };
        self.cursor = Some(Seq(rows.until));
        self.changes.1 += stretch.changes;
        self.unsealed_since.get_or_insert(now);
        let oldest = stretch.oldest;
        self.tail_since = self.tail_since.or(oldest);
        if let Err(error) = self.lake.change(|tail| tail.push(rows, covered)) {
            self.failed(now, &error);
        }
    }

    fn has_written(&mut self, now: Timestamp, written: Result<Vec<Segment>, Error>) {
        let Flush::UnderWay(sealed) = std::mem::replace(&mut self.flush, Flush::Idle) else {
            return;
        };
        self.flush = match written {
            Ok(segments) => Flush::Written(sealed, segments),
            Err(error) => {
                self.files.begin(now);
                self.failed(now, &error);
                Flush::Failed(sealed)
            }
        };
    }

    fn has_merged(&mut self, now: Timestamp, merged: Result<Option<Segment>, Error>) {
        let Some(merge) = self.merge.take() else { return };
        match merged {
            Ok(segment) => self.merged = Some((merge, segment)),
            // What to merge is chosen anew.
            Err(error) => {
                self.files.begin(now);
                self.failed(now, &error);
            }
        }
    }

    fn has_committed(&mut self, now: Timestamp, committed: Result<(), Error>) {
        let Some(mut change) = self.commit.take() else { return };
        if let Err(error) = committed {
            change.is_held = true;
            self.commit = Some(change);
            self.files.begin(now);
            return self.failed(now, &error);
        }
        self.files = Pause::default();
        let Change { commit, next, kind, .. } = change;
        self.discard(now, &next);
        self.count(&commit, kind);
        if kind == Kind::Flush {
            self.flush = Flush::Idle;
            self.changes.0 = 0;
            self.tail_since = self.unsealed_since;
        }
        self.lake.change(|tail| tail.commit(next));
    }

    /// What the next manifest does not name any more is removed after a while.
    fn discard(&mut self, now: Timestamp, next: &Committed) {
        let before = self.lake.newest().manifest;
        let due = Timestamp(now.0.saturating_add(self.terms.grace_us));
        let named: std::collections::HashSet<&str> = next.manifest.paths().collect();
        let gone = before.paths().filter(|path| !named.contains(path));
        self.garbage.extend(gone.map(|path| (due, path.to_owned())));
        if before.version > 0 {
            self.manifests.push_back((due, Manifest::path(before.version)));
        }
        let too_many = self.manifests.len().saturating_sub(MANIFESTS_KEPT);
        self.garbage.extend(self.manifests.drain(..too_many).map(|(_, path)| (now, path)));
    }

    fn count(&self, commit: &Commit, kind: Kind) {
        let filed = self.changes.0;
        self.lake.tell(|figures| {
            figures.bytes += commit.bytes;
            match kind {
                Kind::Flush => {
                    figures.flushes += 1;
                    figures.rows += commit.rows;
                    figures.filed += filed;
                }
                Kind::Merge => figures.compactions += 1,
                Kind::Expire => {}
            }
        });
    }

    /// Says so, and stands still when somebody has to decide.
    fn failed(&mut self, now: Timestamp, error: &Error) {
        self.is_stopped = error.is_final();
        let why: Box<str> = error.to_string().into();
        if self.is_stopped {
            tracing::error!(%error, "the lake stands still: {error}");
        } else {
            tracing::warn!(%error, "the lake waits a while: {error}");
        }
        self.lake.tell(|figures| {
            figures.failures += 1;
            figures.last_error = Some((now, why.clone()));
            figures.stopped = error.is_final().then_some(why);
        });
    }

    fn tell(&self) {
        let (held, oldest) = (self.files.until.max(self.log.until), self.tail_since);
        let changes = self.changes.0 + self.changes.1;
        self.lake.tell(|figures| {
            figures.held = held;
            figures.changes = changes;
            figures.oldest = if changes > 0 { oldest } else { None };
        });
    }

    /// What there is to do now.
    fn next(&mut self, now: Timestamp) -> Vec<Output> {
        let mut outputs = Vec::new();
        // A folder that is full or away holds no reading up: the tail has room for a while.
        if !self.files.holds(now) {
            outputs.extend(self.commit_next(now));
            outputs.extend(self.flush_next(now));
        }
        if self.is_stopping {
            return outputs;
        }
        if !self.files.holds(now) {
            outputs.extend(self.merge_next(now));
            outputs.extend(self.delete_next(now));
        }
        if !self.log.holds(now) {
            outputs.extend(self.read_next());
        }
        outputs.push(Output::Wake(self.wake(now)));
        outputs
    }

    fn wake(&self, now: Timestamp) -> Timestamp {
        let flush = self.unsealed_since.map(|since| since.0.saturating_add(self.terms.flush_us));
        let pauses = [self.files.until, self.log.until].into_iter().flatten().map(|at| at.0);
        let sweep = self.sweep_at.map(|at| at.0);
        // What is due already waits for what is under way, and is looked at when that is over.
        let ahead = pauses.chain(flush).chain(sweep).filter(|at| *at > now.0);
        Timestamp(ahead.min().unwrap_or(i64::MAX).min(now.0 + LOOK_EVERY_US))
    }

    fn read_next(&mut self) -> Option<Output> {
        let has_room = self.lake.tail_bytes() < self.terms.tail_bytes_max;
        (self.read == Reading::More && has_room).then(|| {
            self.read = Reading::UnderWay;
            Output::Read(self.cursor)
        })
    }

    fn flush_next(&mut self, now: Timestamp) -> Option<Output> {
        let sealed = match std::mem::replace(&mut self.flush, Flush::Idle) {
            Flush::Idle if self.is_due(now) => self.seal(now),
            Flush::Failed(sealed) => sealed,
            other @ (Flush::Idle | Flush::UnderWay(_) | Flush::Written(..)) => {
                self.flush = other;
                return None;
            }
        };
        let output = Output::Write(sealed.clone(), self.generation());
        self.flush = Flush::UnderWay(sealed);
        Some(output)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let Some(since) = self.unsealed_since else { return false };
        let is_old = now.0.saturating_sub(since.0) >= self.terms.flush_us;
        let has_caught_up = self.is_catching_up && self.read == Reading::AtEnd;
        is_old || self.is_stopping || has_caught_up || self.is_large()
    }

    fn is_large(&self) -> bool {
        self.lake.tail_bytes() >= self.terms.flush_bytes
    }

    fn seal(&mut self, now: Timestamp) -> Sealed {
        self.changes = (self.changes.1, 0);
        let since = self.unsealed_since.take().unwrap_or(now);
        let is_young = now.0.saturating_sub(since.0) < self.terms.flush_us / 4;
        self.is_catching_up = is_young && self.is_large();
        self.lake.change(crate::tail::Tail::seal)
    }

    fn generation(&self) -> Generation {
        let version = self.lake.newest().manifest.version + 1;
        Generation { version, writer: self.terms.writer.clone() }
    }

    fn merge_next(&mut self, now: Timestamp) -> Option<Output> {
        if self.merge.is_some() || self.merged.is_some() {
            return None;
        }
        let committed = self.lake.newest();
        let looked = (committed.manifest.version, Day::of(now));
        if self.merged_all == Some(looked) {
            return None;
        }
        let Some(range) = compact::choose(&committed, &looked.1.name()) else {
            self.merged_all = Some(looked);
            return None;
        };
        let merge = Arc::new(Merge::of(&committed, range, self.generation()));
        self.merge = Some(merge.clone());
        Some(Output::Merge(merge))
    }

    /// The commit that is due: one that failed, a flush, a merge, days to drop.
    fn commit_next(&mut self, now: Timestamp) -> Option<Output> {
        if let Some(change) = &mut self.commit {
            let again = change.is_held.then(|| Output::Commit(change.commit.clone()));
            change.is_held = false;
            return again;
        }
        let before = self.lake.newest();
        if self.is_stopping {
            self.merged = None;
        }
        let draft = if let Flush::Written(sealed, segments) = &self.flush {
            Some((Draft::flush(&before, sealed, segments), Kind::Flush))
        } else if let Some((merge, segment)) = self.merged.take() {
            Draft::merge(&before, &merge, segment).map(|draft| (draft, Kind::Merge))
        } else {
            self.expired(&before, now).map(|draft| (draft, Kind::Expire))
        };
        let (draft, kind) = draft?;
        let (commit, next) = draft.finish(&before, self.generation());
        let commit = Arc::new(commit);
        self.commit = Some(Change { commit: commit.clone(), next, kind, is_held: false });
        Some(Output::Commit(commit))
    }

    /// What is left without the days that are too old, where there are any.
    fn expired(&self, before: &Committed, now: Timestamp) -> Option<Draft> {
        let keep_days = i32::try_from(self.terms.keep_days).ok().filter(|days| *days > 0)?;
        let oldest = Day(Day::of(now).0.saturating_sub(keep_days)).name();
        let is_old = |segment: &Segment| segment.day < oldest;
        if self.is_stopping || !before.manifest.segments.first().is_some_and(is_old) {
            return None;
        }
        let mut draft = Draft::of(before);
        draft.segments.retain(|(segment, _)| !is_old(segment));
        Some(draft)
    }

    fn delete_next(&mut self, now: Timestamp) -> Option<Output> {
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep_at = None;
            return Some(Output::Sweep(self.sweep()));
        }
        while self.manifests.front().is_some_and(|(due, _)| *due <= now) {
            self.garbage.extend(self.manifests.pop_front());
        }
        let is_due = |(due, _): &&(Timestamp, String)| *due <= now;
        let due: Vec<String> = self.garbage.iter().filter(is_due).map(|g| g.1.clone()).collect();
        self.garbage.retain(|(at, _)| *at > now);
        (!due.is_empty()).then_some(Output::Delete(due))
    }

    fn sweep(&self) -> Sweep {
        let newest = self.lake.newest().manifest;
        let waiting = self.garbage.iter().chain(&self.manifests).map(|(_, path)| path.clone());
        let mut named: Vec<String> = newest.paths().map(str::to_owned).chain(waiting).collect();
        named.push(Manifest::path(newest.version));
        if let Some(change) = &self.commit {
            named.push(Manifest::path(change.next.manifest.version));
        }
        Sweep { writer: self.terms.writer.clone(), named }
    }
}

/// A manifest that is being made: segments with their sets, and which sets are new.
struct Draft {
    until: u64,
    newest: Option<i64>,
    segments: Vec<(Segment, Set)>,
    rows: u64,
    bytes: u64,
}

enum Set {
    /// As its file says.
    Kept(Superseded),
    /// It needs a file.
    New(RoaringTreemap),
}

impl Draft {
    fn of(before: &Committed) -> Self {
        let Manifest { until, newest, segments, .. } = &*before.manifest;
        let sets = before.superseded.iter().cloned().map(Set::Kept);
        let segments = segments.iter().cloned().zip(sets).collect();
        Self { until: *until, newest: *newest, segments, rows: 0, bytes: 0 }
    }

    /// With rows that were written: what they supersede of earlier segments is filed with those.
    fn flush(before: &Committed, sealed: &Sealed, written: &[Segment]) -> Self {
        let mut draft = Self::of(before);
        let mut superseded = RoaringTreemap::new();
        sealed.rows.iter().for_each(|rows| superseded |= &rows.superseded);
        for (at, set) in by_segment(&before.manifest, &superseded) {
            if let Some((_, slot)) = at.and_then(|at| draft.segments.get_mut(at)) {
                *slot = Set::New(slot.united(set));
            }
        }
        let files = written.iter().flat_map(|segment| segment.files.values());
        draft.rows = files.map(|file| file.rows).sum();
        draft.bytes = written.iter().map(Segment::bytes).sum();
        let written = written.iter().cloned();
        draft.segments.extend(written.map(|segment| (segment, Set::Kept(None))));
        draft.until = sealed.until;
        draft.newest = sealed.newest.map(|at| at.0).or(draft.newest);
        draft
    }

    /// With one segment in the place of some; `None` where they are not there any more.
    fn merge(before: &Committed, merge: &Merge, merged: Option<Segment>) -> Option<Self> {
        let mut draft = Self::of(before);
        let first = merge.segments.first()?;
        let at = draft.segments.iter().position(|(segment, _)| segment.files == first.files)?;
        let range = at..at + merge.segments.len();
        let found = draft.segments.get(range.clone())?.iter();
        let is_same = |((a, _), b): (&(Segment, Set), &Segment)| a.files == b.files;
        if !found.zip(&merge.segments).all(is_same) {
            return None;
        }
        // What was superseded meanwhile still is; what was then is not there any more.
        let mut superseded = RoaringTreemap::new();
        for ((_, set), dropped) in draft.segments.drain(range).zip(&merge.superseded) {
            let mut set = set.united(RoaringTreemap::new());
            dropped.iter().for_each(|dropped| set -= &**dropped);
            superseded |= set;
        }
        draft.bytes = merged.as_ref().map_or(0, Segment::bytes);
        let set = if superseded.is_empty() { Set::Kept(None) } else { Set::New(superseded) };
        draft.segments.splice(at..at, merged.map(|segment| (segment, set)));
        Some(draft)
    }

    fn finish(self, before: &Committed, generation: Generation) -> (Commit, Committed) {
        let (mut segments, mut superseded, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        for (mut segment, set) in self.segments {
            let set = match set {
                Set::Kept(set) => set,
                Set::New(set) => {
                    let set = Arc::new(set);
                    let path = generation.superseded(&segment);
                    segment.superseded =
                        Some(SupersededFile { path: path.clone(), versions: set.len() });
                    sets.push((path, set.clone()));
                    Some(set)
                }
            };
            segments.push(segment);
            superseded.push(set);
        }
        let manifest = Arc::new(Manifest {
            format: FORMAT,
            version: before.manifest.version + 1,
            writer: generation.writer,
            until: self.until,
            newest: self.newest,
            segments,
        });
        let commit =
            Commit { manifest: manifest.clone(), sets, rows: self.rows, bytes: self.bytes };
        (commit, Committed { manifest, superseded })
    }
}

impl Set {
    /// All of it, with more.
    fn united(&self, more: RoaringTreemap) -> RoaringTreemap {
        match self {
            Self::Kept(Some(set)) => &**set | more,
            Self::Kept(None) => more,
            Self::New(set) => set | more,
        }
    }
}
