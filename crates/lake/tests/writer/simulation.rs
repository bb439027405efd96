//! Random histories: changes, time, failures, deaths, readers.

use std::sync::Arc;

use domain::time::Timestamp;
use lake::manifest::Manifest;
use lake::snapshot::{Present, Snapshot};
use lake::store;
use lake::writer::Input;
use object_store::memory::InMemory;

use crate::faulty::{Faulty, Moment};
use crate::log::Log;
use crate::world::{GRACE, Process, SECOND, expected, files, held, listed, terms};

/// A reader that took a snapshot and takes its time.
struct Reader {
    since: Timestamp,
    snapshot: Snapshot,
    saw: crate::world::Held,
}

fn run(seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let (disk, log) = (Arc::new(InMemory::new()), Log::default());
    // Two hours before midnight: a history often spans two days.
    let mut now =
        Timestamp(1_780_000_000_000_000 / 86_400_000_000 * 86_400_000_000 - 7_200 * SECOND);
    let mut starts = 0;
    let mut start = |now: Timestamp, chance: &mut fastrand::Rng| {
        starts += 1;
        let store = Faulty::new(disk.clone(), chance.u64(..));
        Process::start(store, &log, terms(&format!("w{starts}")), now)
    };
    let mut process = start(now, &mut chance);
    let mut readers: Vec<Reader> = Vec::new();
    for _ in 0..chance.usize(50..400) {
        match chance.u32(0..100) {
            0..40 => {
                for _ in 0..chance.usize(1..6) {
                    log.append(now, chance.u64(0..12), chance.u64(21..400));
                }
                process.grown(&log, now);
            }
            40..60 => {
                now.0 += chance.i64(0..30) * SECOND;
                process.step(&log, now, Input::Time);
            }
            60..90 if !process.pending.is_empty() => {
                let n = chance.usize(0..process.pending.len());
                process.perform(&log, now, n);
            }
            60..92 => {
                let snapshot = process.lake.snapshot();
                let saw = held(&disk, &snapshot);
                assert_eq!(saw, expected(&log, snapshot.until), "seed {seed}: the present");
                readers.push(Reader { since: now, snapshot, saw });
            }
            92..94 => process.store.fail(chance.u64(0..40)),
            94..96 => now.0 += chance.i64(0..3_600) * SECOND,
            96..98 => {
                let moment = if chance.bool() { Moment::Before } else { Moment::After };
                process.store.die_at(chance.u64(0..12), moment);
            }
            _ => process = start(now, &mut chance),
        }
        assert_eq!(process.lake.figures().stopped, None, "seed {seed}");
        if process.store.is_dead() {
            process = start(now, &mut chance);
        }
        // Who reads keeps what he reads for the grace time.
        readers.retain(|reader| now.0 - reader.since.0 < GRACE);
        if let Some(reader) = readers.first()
            && chance.u32(0..10) == 0
        {
            assert_eq!(held(&disk, &reader.snapshot), reader.saw, "seed {seed}: a slow reader");
        }
        let until = process.lake.newest().manifest.until;
        let read = pollster::block_on(store::open(&files(disk.clone()))).expect("it opens");
        assert!(read.manifest.until >= until, "seed {seed}: a commit that is shown is durable");
    }
    finish(seed, process, &disk, &log, now);
}

/// At the end everything is in files, and nothing else is there.
fn finish(seed: u64, process: Process, disk: &Arc<InMemory>, log: &Log, mut now: Timestamp) {
    drop(process);
    let store = Faulty::new(disk.clone(), 0);
    let mut process = Process::start(store, log, terms("last"), now);
    process.settle(log, &mut now);
    let end = process.lake.snapshot();
    assert!(end.tail.is_empty(), "seed {seed}: all is in files");
    assert_eq!(held(disk, &end), expected(log, u64::MAX), "seed {seed}: in the end");
    // Once a day is over it is put in order; then what that replaced is removed.
    for wait in [86_400 * SECOND, GRACE + SECOND, GRACE + SECOND, GRACE + SECOND] {
        now.0 += wait;
        process.step(log, now, Input::Time);
        process.settle(log, &mut now);
    }
    let manifest = process.lake.newest().manifest;
    let mut named: Vec<String> = manifest.paths().map(str::to_owned).collect();
    named.extend((manifest.version > 0).then(|| Manifest::path(manifest.version)));
    named.sort();
    assert_eq!(listed(disk), named, "seed {seed}: nothing is left over");
    let days = manifest.segments.chunk_by(|a, b| a.day == b.day).count();
    assert_eq!(manifest.segments.len(), days, "seed {seed}: a day that is over is one segment");
}

#[test]
fn the_lake_is_the_log_whatever_fails_and_wherever_it_dies() {
    let histories = std::env::var("LAKE_HISTORIES").ok().and_then(|n| n.parse().ok());
    let first = std::env::var("LAKE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for seed in first..first + histories.unwrap_or(8) {
        run(seed);
    }
}

#[test]
fn a_death_before_or_after_any_call_of_a_flush_and_a_merge_loses_and_doubles_nothing() {
    for moment in [Moment::Before, Moment::After] {
        for call in 0.. {
            let (disk, log) = (Arc::new(InMemory::new()), Log::default());
            let mut now = Timestamp(1_780_000_000_000_000);
            let store = Faulty::new(disk.clone(), 0);
            let mut process = Process::start(store.clone(), &log, terms("a"), now);
            for flush in 0..8 {
                // Each supersedes the version before, in the tail and in files.
                (0..3).for_each(|order| log.append(now, order, 30));
                log.append(now, 0, 30);
                process.grown(&log, now);
                if flush == 7 {
                    store.die_at(call, moment);
                }
                now.0 += 11 * SECOND;
                process.step(&log, now, Input::Time);
                while !process.pending.is_empty() && !store.is_dead() {
                    process.perform(&log, now, 0);
                }
            }
            let was_reached = store.is_dead();
            finish(call, process, &disk, &log, now);
            if !was_reached {
                assert!(call > 20, "a flush and a merge are more than {call} calls");
                break;
            }
        }
    }
}
