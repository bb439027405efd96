//! The whole service on one thread, thousands of histories, each from one seed.
//!
//! What runs is what runs on a disk: the serial driver over a log, batches and followers as their
//! machines, sinks as they select. What surrounds them is made up: a clock, a disk that crashes
//! between any two commits and in the middle of one, clients that repeat themselves, destinations
//! that fail, hang, refuse, answer late, in another order and twice. After every step, every
//! promise is checked against what is on that disk (see `world::World::prove`).
//!
//! A history that fails prints the command that runs it again. `make simulate` runs many more.

mod asks;
mod batches;
mod dice;
mod followers;
mod ledger;
mod log;
mod outside;
mod promises;
mod releases;
mod sinks;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::world::World;

/// Histories of an ordinary run: in a build without optimisation each takes twenty times as long.
const SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 2_000 };

#[test]
fn whatever_happens_every_promise_is_kept() {
    for seed in seeds() {
        if let Err(failure) = catch_unwind(AssertUnwindSafe(|| World::new(seed).run())) {
            println!("again: COMANDA_SEED={seed} cargo test -p service --test simulation");
            resume_unwind(failure);
        }
    }
}

#[test]
fn a_seed_is_one_history() {
    assert_eq!(World::new(11).run(), World::new(11).run());
    assert_ne!(World::new(11).run(), World::new(12).run());
}

/// `COMANDA_SEED=17` is that one, `COMANDA_SEEDS=2000..50000` are those.
fn seeds() -> Range<u64> {
    let number = |text: &str| text.parse::<u64>().expect("a seed is a number");
    if let Ok(seed) = std::env::var("COMANDA_SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    let Ok(seeds) = std::env::var("COMANDA_SEEDS") else { return 0..SEEDS };
    let (from, until) = seeds.split_once("..").expect("COMANDA_SEEDS is FROM..UNTIL");
    number(from)..number(until)
}
