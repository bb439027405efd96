//! A writer, its log, its store and its clock, stepped by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use domain::time::Timestamp;
use futures_util::StreamExt;
use lake::compact;
use lake::manifest::Segment;
use lake::perform::perform;
use lake::present::Lake;
use lake::read::stretch;
use lake::rows::sequences;
use lake::snapshot::{Files, Present, Snapshot};
use lake::store;
use lake::table::Table;
use lake::writer::{Input, Output, Terms, Writer};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use roaring::RoaringTreemap;
use tokio::sync::{Mutex, watch};

use crate::faulty::Faulty;
use crate::log::{Log, Maker, lines};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const GRACE: i64 = 600 * SECOND;

/// A process that writes the lake.
pub(crate) struct Process {
    pub(crate) store: Arc<Faulty>,
    pub(crate) lake: Arc<Lake>,
    pub(crate) writer: Writer,
    maker: Maker,
    end: watch::Sender<u64>,
    /// What is to be done with files, in any order but commits'.
    pub(crate) pending: VecDeque<Output>,
    pub(crate) wake: Timestamp,
}

pub(crate) fn files(store: Arc<dyn ObjectStore>) -> Files {
    Files { store, root: Path::from("lake") }
}

pub(crate) fn terms(name: &str) -> Terms {
    Terms {
        writer: name.to_owned(),
        flush_us: 10 * SECOND,
        flush_bytes: 1 << 20,
        tail_bytes_max: 2 << 20,
        grace_us: GRACE,
        keep_days: 0,
    }
}

impl Process {
    /// Starts one on what is in the store.
    pub(crate) fn start(store: Arc<Faulty>, log: &Log, terms: Terms, now: Timestamp) -> Self {
        let files = files(store.clone());
        let committed = pollster::block_on(store::open(&files)).expect("the lake opens");
        store::check(&committed.manifest, log).expect("the log is the lake's");
        let until = committed.manifest.until;
        let (end, ended) = watch::channel(log.end());
        let lake = Arc::new(Lake::new(files, committed, ended));
        let writer = Writer::new(lake.clone(), terms, now);
        let maker = Maker::new(log.clone(), until);
        let mut this =
            Self { store, lake, writer, maker, end, pending: VecDeque::new(), wake: now };
        this.step(log, now, Input::Time);
        this
    }

    /// One step, and what of it is read from the log.
    pub(crate) fn step(&mut self, log: &Log, now: Timestamp, input: Input) {
        let mut next = vec![input];
        while let Some(input) = next.pop() {
            for output in self.writer.step(now, input) {
                match output {
                    Output::Read(after) => {
                        let end = *self.end.borrow();
                        next.push(Input::Read(stretch(log, &mut self.maker, after, end)));
                    }
                    Output::Wake(at) => self.wake = at,
                    other => self.pending.push_back(other),
                }
            }
        }
    }

    /// The log has grown.
    pub(crate) fn grown(&mut self, log: &Log, now: Timestamp) {
        self.end.send_replace(log.end());
        self.step(log, now, Input::Grown);
    }

    /// Does the `n`th of what is to be done.
    pub(crate) fn perform(&mut self, log: &Log, now: Timestamp, n: usize) {
        let Some(output) = self.pending.remove(n) else { return };
        let turn = Mutex::new(());
        let done = pollster::block_on(perform(self.lake.files(), &turn, output));
        if let Some(input) = done {
            self.step(log, now, input);
        }
    }

    /// Does all there is to do until nothing is left; `now` passes where it waits.
    pub(crate) fn settle(&mut self, log: &Log, now: &mut Timestamp) {
        for _ in 0..10_000 {
            while !self.pending.is_empty() {
                self.perform(log, *now, 0);
            }
            if self.writer.is_idle() || self.writer.is_over() {
                return;
            }
            now.0 = self.wake.0.max(now.0 + 1);
            self.step(log, *now, Input::Time);
        }
        panic!("it does not settle: {:?}", self.lake.figures());
    }
}

/// What a lake holds: the rows of each table by their sequences.
pub(crate) type Held = BTreeMap<&'static str, Vec<u64>>;

/// What the log comes to up to `until`.
pub(crate) fn expected(log: &Log, until: u64) -> Held {
    let (events, current) = log.versions(until);
    let lines = current.iter().flat_map(|seq| vec![*seq; lines(*seq)]).collect();
    [("orders", current), ("order_lines", lines), ("order_events", events)].into()
}

/// What a reader finds, by a store that does not fail.
pub(crate) fn held(store: &Arc<InMemory>, snapshot: &Snapshot) -> Held {
    let files = files(store.clone());
    let mut held: Held = ["orders", "order_lines", "order_events"].map(|t| (t, vec![])).into();
    let nothing = RoaringTreemap::new();
    for (segment, superseded) in snapshot.segments() {
        let superseded = superseded.map_or(&nothing, |set| &**set);
        for (table, found) in pollster::block_on(in_files(&files, segment)) {
            let rows = held.get_mut(table.name()).expect("one of the three");
            let is_kept = |seq: &u64| !table.is_versioned() || !superseded.contains(*seq);
            rows.extend(found.into_iter().filter(is_kept));
        }
    }
    for (table, _, batch) in snapshot.tail.iter().flat_map(|rows| &rows.batches) {
        let found = sequences(batch).expect("a sequence").iter().map(|seq| *seq as u64);
        let superseded = &snapshot.superseded_in_tail;
        let is_kept = |seq: &u64| !table.is_versioned() || !superseded.contains(*seq);
        let rows = held.get_mut(table.name()).expect("one of the three");
        rows.extend(found.filter(is_kept));
    }
    held
}

/// The sequences in a segment's files, which must be what the manifest says of them.
async fn in_files(files: &Files, segment: &Segment) -> Vec<(Table, Vec<u64>)> {
    let mut all = Vec::new();
    for (table, file) in &segment.files {
        let mut rows = compact::read(files, file).await.expect("a file that is named is there");
        let mut found = Vec::new();
        while let Some(batch) = rows.next().await {
            let batch = batch.expect("it is sound");
            found.extend(sequences(&batch).expect("a sequence").iter().map(|seq| *seq as u64));
        }
        assert!(found.is_sorted(), "{} is sorted", file.path);
        let ends = (found.len() as u64, found.first().copied(), found.last().copied());
        assert_eq!(ends, (file.rows, Some(file.first), Some(file.last)), "{}", file.path);
        assert!(segment.from < file.first && file.last <= segment.until, "{}", file.path);
        all.push((Table::parse(table).expect("a table"), found));
    }
    all
}

/// Everything that is in the store, by path.
pub(crate) fn listed(store: &Arc<InMemory>) -> Vec<String> {
    let listed = pollster::block_on(store.list(None).collect::<Vec<_>>());
    let path = |found: object_store::Result<object_store::ObjectMeta>| {
        found.expect("it is listed").location.as_ref().replacen("lake/", "", 1)
    };
    let mut paths: Vec<String> = listed.into_iter().map(path).collect();
    paths.sort();
    paths
}
