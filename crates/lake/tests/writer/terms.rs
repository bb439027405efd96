//! What a writer keeps to, one by one: bounds, days, its rivals, its log.

use std::sync::Arc;

use domain::time::Timestamp;
use lake::error::Error;
use lake::manifest::Manifest;
use lake::snapshot::Present;
use lake::store;
use lake::writer::{Input, Output, Terms};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::faulty::Faulty;
use crate::log::Log;
use crate::world::{Process, SECOND, expected, files, held, terms};

const DAY: i64 = 86_400 * SECOND;
const NOON: Timestamp = Timestamp(20_600 * DAY + DAY / 2);

struct Scene {
    disk: Arc<InMemory>,
    store: Arc<Faulty>,
    log: Log,
    now: Timestamp,
}

impl Scene {
    fn new() -> Self {
        let disk = Arc::new(InMemory::new());
        Self { store: Faulty::new(disk.clone(), 1), disk, log: Log::default(), now: NOON }
    }

    fn start(&self, terms: Terms) -> Process {
        Process::start(self.store.clone(), &self.log, terms, self.now)
    }

    /// Adds versions of orders, and lets the writer read them.
    fn grow(&self, process: &mut Process, orders: std::ops::Range<u64>) {
        orders.for_each(|order| self.log.append(self.now, order, 100));
        process.grown(&self.log, self.now);
    }

    /// Lets time pass, and everything that is to be done be done.
    fn pass(&mut self, process: &mut Process, us: i64) {
        self.now.0 += us;
        process.step(&self.log, self.now, Input::Time);
        while !process.pending.is_empty() {
            process.perform(&self.log, self.now, 0);
        }
    }
}

#[test]
fn rows_are_shown_at_once_and_go_into_one_file_a_table_after_a_while() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    for _ in 0..50 {
        scene.grow(&mut process, 0..10);
    }
    assert!(process.pending.is_empty(), "nothing is written yet");
    let shown = process.lake.snapshot();
    assert_eq!(held(&scene.disk, &shown), expected(&scene.log, u64::MAX));
    assert!(pollster::block_on(async { shown.until == process.lake.committed() }));
    scene.pass(&mut process, 9 * SECOND);
    assert_eq!(process.lake.newest().manifest.version, 0, "not yet");
    scene.pass(&mut process, SECOND);
    let manifest = process.lake.newest().manifest;
    assert_eq!((manifest.version, manifest.segments.len()), (1, 1));
    assert_eq!(manifest.segments[0].files["orders"].rows, 10, "superseded ones are left out");
    assert_eq!(process.lake.snapshot().tail.len(), 0);
    assert_eq!(held(&scene.disk, &process.lake.snapshot()), expected(&scene.log, u64::MAX));
}

#[test]
fn a_log_that_is_made_up_for_is_in_files_without_a_wait_for_its_last_rows() {
    let mut scene = Scene::new();
    (0..30_000).for_each(|order| scene.log.append(scene.now, order, 100));
    let mut process = scene.start(terms("a"));
    scene.pass(&mut process, 0);
    let manifest = process.lake.newest().manifest;
    assert!(manifest.version > 1, "more than one flush: {}", manifest.version);
    assert_eq!(process.lake.tail_rows(), 0);
    assert!(scene.log.end() - manifest.until < 100, "the last change is in a file");

    scene.grow(&mut process, 0..10);
    scene.pass(&mut process, SECOND);
    assert!(process.lake.tail_rows() > 0, "what comes after it waits for others as before");
}

#[test]
fn a_store_that_is_away_holds_the_files_and_not_the_present_until_memory_is_full() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    scene.store.fail(100);
    let (mut steps, mut read) = (0, 0);
    while process.lake.tail_bytes() < terms("a").tail_bytes_max {
        scene.grow(&mut process, 0..500);
        scene.pass(&mut process, 5 * SECOND);
        (steps, read) = (steps + 1, process.lake.snapshot().until);
        assert!(steps < 1_000, "memory is bounded");
    }
    assert!(process.lake.figures().failures > 1);
    assert!(process.lake.figures().held.is_some());
    scene.grow(&mut process, 0..500);
    assert_eq!(process.lake.snapshot().until, read, "nothing more is read");
    scene.store.fail(0);
    scene.pass(&mut process, 60 * SECOND);
    scene.pass(&mut process, 60 * SECOND);
    assert_eq!(process.lake.figures().held, None);
    assert_eq!(held(&scene.disk, &process.lake.snapshot()), expected(&scene.log, u64::MAX));
}

#[test]
fn a_second_writer_stops_and_says_so() {
    let mut scene = Scene::new();
    let (mut one, mut other) = (scene.start(terms("a")), scene.start(terms("b")));
    scene.grow(&mut one, 0..3);
    other.grown(&scene.log, scene.now);
    scene.pass(&mut one, 20 * SECOND);
    scene.pass(&mut other, 20 * SECOND);
    assert_eq!(one.lake.figures().stopped, None);
    let why = other.lake.figures().stopped.expect("it stands still");
    assert!(why.contains("another writer"), "{why}");
    scene.grow(&mut one, 0..3);
    scene.pass(&mut one, 20 * SECOND);
    assert_eq!(held(&scene.disk, &one.lake.snapshot()), expected(&scene.log, u64::MAX));
}

#[test]
fn a_lake_of_more_log_than_there_is_or_of_another_is_refused() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    scene.grow(&mut process, 0..5);
    scene.pass(&mut process, 20 * SECOND);
    let manifest = process.lake.newest().manifest;
    assert!(store::check(&manifest, &scene.log).is_ok());
    let shorter = Log::default();
    shorter.append(NOON, 1, 100);
    let refused = store::check(&manifest, &shorter).expect_err("it ends before");
    assert!(matches!(refused, Error::OtherLog { .. }), "{refused}");
    assert!(refused.to_string().contains("comanda lake rebuild"), "{refused}");
    let other = Log::default();
    (0..5).for_each(|order| other.append(Timestamp(NOON.0 + 1), order, 100));
    assert!(store::check(&manifest, &other).is_err(), "another change is there");
}

#[test]
fn a_manifest_that_cannot_be_used_is_refused_and_an_empty_lake_replaces_it() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    scene.grow(&mut process, 0..5);
    scene.pass(&mut process, 20 * SECOND);
    let lake = files(scene.disk.clone());
    let broken = PutPayload::from_static(b"{\"format\": 99}");
    let at = lake.path(&Manifest::path(2));
    pollster::block_on(scene.disk.put(&at, broken)).expect("it is put");
    let refused = pollster::block_on(store::open(&lake)).expect_err("a later format");
    assert!(refused.to_string().contains("its format is 99"), "{refused}");
    let empty = pollster::block_on(store::empty(&lake, "b")).expect("an empty lake");
    assert_eq!((empty.manifest.version, empty.manifest.until), (3, 0));
    let mut process = scene.start(terms("c"));
    process.settle(&scene.log, &mut scene.now);
    assert_eq!(held(&scene.disk, &process.lake.snapshot()), expected(&scene.log, u64::MAX));
}

#[test]
fn days_that_are_too_old_are_dropped_as_a_whole() {
    let mut scene = Scene::new();
    let mut process = scene.start(Terms { keep_days: 2, ..terms("a") });
    let first = scene.now;
    for order in 0..5 {
        scene.grow(&mut process, order * 10..order * 10 + 5);
        scene.pass(&mut process, 20 * SECOND);
        scene.pass(&mut process, DAY - 20 * SECOND);
    }
    scene.pass(&mut process, 20 * SECOND);
    let manifest = process.lake.newest().manifest;
    let days: Vec<&str> = manifest.segments.iter().map(|segment| &*segment.day).collect();
    let kept = [3, 4].map(|n| lake::rows::Day::of(Timestamp(first.0 + n * DAY)).name());
    assert_eq!(days, kept);
    // A version of a day that is gone is superseded without harm.
    scene.grow(&mut process, 0..5);
    scene.pass(&mut process, 20 * SECOND);
    assert_eq!(process.lake.figures().stopped, None);
}

#[test]
fn a_segment_much_of_which_is_superseded_is_written_anew() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    scene.grow(&mut process, 0..100);
    scene.pass(&mut process, 20 * SECOND);
    scene.pass(&mut process, DAY);
    let before = process.lake.newest().manifest.segments[0].files["orders"].clone();
    scene.grow(&mut process, 0..20);
    scene.pass(&mut process, 20 * SECOND);
    let few = process.lake.newest().manifest.segments[0].clone();
    assert_eq!(few.files["orders"], before, "some superseded versions are only named");
    assert_eq!(few.superseded.map(|set| set.versions), Some(20));
    scene.grow(&mut process, 20..40);
    scene.pass(&mut process, 20 * SECOND);
    let anew = process.lake.newest().manifest.segments[0].clone();
    assert_eq!((anew.files["orders"].rows, anew.superseded), (60, None));
    assert_eq!(anew.files["order_events"].rows, 100, "what happened stays");
    assert_eq!(held(&scene.disk, &process.lake.snapshot()), expected(&scene.log, u64::MAX));
}

#[test]
fn a_flush_does_not_wait_for_a_merge_and_the_merge_keeps_what_came_meanwhile() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    for n in 0..8 {
        scene.grow(&mut process, n * 10..n * 10 + 10);
        scene.now.0 += 11 * SECOND;
        process.step(&scene.log, scene.now, Input::Time);
        while process.pending.iter().any(|output| !matches!(output, Output::Merge(_))) {
            process.perform(&scene.log, scene.now, 0);
        }
    }
    assert!(matches!(process.pending.front(), Some(Output::Merge(_))), "{:?}", process.pending);
    // While it is under way, orders of the segments that it merges change, and are flushed.
    let merge = process.pending.pop_front().expect("it is there");
    scene.grow(&mut process, 5..25);
    scene.pass(&mut process, 20 * SECOND);
    assert_eq!(process.lake.newest().manifest.segments.len(), 9);
    process.pending.push_back(merge);
    scene.pass(&mut process, 0);
    let manifest = process.lake.newest().manifest;
    assert_eq!(manifest.segments.len(), 2);
    assert_eq!(manifest.segments[0].superseded.as_ref().map(|set| set.versions), Some(20));
    assert_eq!(held(&scene.disk, &process.lake.snapshot()), expected(&scene.log, u64::MAX));
    let again = scene.start(terms("b"));
    assert_eq!(held(&scene.disk, &again.lake.snapshot()), expected(&scene.log, u64::MAX));
}

#[test]
fn a_stop_writes_what_there_is() {
    let mut scene = Scene::new();
    let mut process = scene.start(terms("a"));
    scene.grow(&mut process, 0..5);
    process.step(&scene.log, scene.now, Input::Stop);
    while !process.pending.is_empty() {
        process.perform(&scene.log, scene.now, 0);
    }
    assert!(process.writer.is_over());
    assert_eq!(process.lake.newest().manifest.until + 20, scene.log.end());
    let _: &dyn ObjectStore = &*scene.disk;
    scene.now.0 += 1;
}
