//! Any interleaving of outcomes, failing burials and restarts: nothing is lost, every order keeps
//! its order, and the cursor never passes what is not answered for.
//!
//! A run that fails prints its seed; `COMANDA_SEED=17 cargo test -p service --test follow` runs
//! that one again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::time::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use service::change::Seq;
use service::follow::{Delivery, Input, Outcome, Retention, Terms};
use service::letters::{DeadLetter, Subject};

use crate::rig::{BYTES, Rig, SECOND, key, unavailable};

const SEEDS: u64 = 100;
const CHANGES: usize = 80;
const ORDERS: usize = 9;

#[test]
fn whatever_happens_every_delivery_ends_delivered_or_buried_in_its_order() {
    let seeds = match std::env::var("COMANDA_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).expect("COMANDA_SEED is a number"),
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| Run::new(seed).run());
        assert!(run.is_ok(), "seed {seed} fails; replay with COMANDA_SEED={seed}");
    }
}

struct Run {
    random: ChaCha8Rng,
    rig: Rig,
    /// How far each order is, by what the destination has or is among the dead letters.
    ended: BTreeSet<Box<str>>,
    is_calm: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let retention = match random.random_range(0..4) {
            0 => Retention { age: Some(SECOND * 120), bytes: None },
            1 => Retention { age: None, bytes: Some(40 * BYTES) },
            _ => Retention::default(),
        };
        let pauses = (0..random.random_range(0..5)).map(|n| SECOND * (1 << n)).collect();
        let terms = Terms {
            concurrency: random.random_range(1..6),
            per_second: random.random_bool(0.2).then_some(5),
            pauses,
            retention,
        };
        let mut rig = Rig::new(terms);
        rig.buries = false;
        Self { random, rig, ended: BTreeSet::new(), is_calm: false }
    }

    fn run(mut self) {
        while self.rig.log.len() < CHANGES {
            self.anything();
            self.prove();
        }
        self.is_calm = true;
        for _ in 0..4_000 {
            self.anything();
            self.prove();
            if self.is_through() {
                return self.prove_end();
            }
        }
        panic!("it comes to no end: {:?}", self.rig.machine.status(self.rig.now));
    }

    fn is_through(&self) -> bool {
        let progress = self.rig.machine.progress();
        let until = Seq(self.rig.log.len() as u64 * BYTES);
        progress.cursor == Some(until) && progress.waiting.is_empty() && self.rig.graves.is_empty()
    }

    fn anything(&mut self) {
        match self.random.random_range(0..20) {
            0..4 if !self.is_calm => self.grow(),
            0 if !self.is_calm => self.restart(),
            4 if !self.is_calm => self.restart(),
            5..8 => self.bury(),
            8..11 => self.rig.pass(Duration::from_millis(self.random.random_range(1..3_000))),
            _ => self.end(),
        }
    }

    fn grow(&mut self) {
        let some = self.random.random_range(0..3);
        let deliveries = (0..some).map(|n| {
            let order = self.random.random_range(0..ORDERS + 1);
            let id = format!("{}/{n}", self.rig.log.len());
            let order = (order < ORDERS).then(|| key(&format!("o{order}")));
            self.rig.delivery(&id, order)
        });
        let deliveries = deliveries.collect();
        self.rig.change(deliveries);
    }

    fn restart(&mut self) {
        self.rig.restart();
    }

    fn bury(&mut self) {
        let Some((grave, letter)) = self.rig.graves.pop_front() else { return };
        if self.random.random_bool(0.3) && !self.is_calm {
            return self.rig.step(Input::NotBuried(grave));
        }
        match &letter.subject {
            Subject::Delivery { id, .. } => self.has_ended(&id.clone()),
            Subject::Missed { from, until, .. } => self.was_missed(*from, *until),
            other => panic!("nothing else dies here: {other:?}"),
        }
        self.rig.letters.push(letter);
        if self.random.random_bool(0.1) && !self.is_calm {
            return self.restart(); // committed, and nobody was told
        }
        self.rig.step(Input::Buried(grave));
    }

    fn end(&mut self) {
        if self.rig.attempts.is_empty() {
            return self.rig.pass(Duration::from_millis(200));
        }
        let at = self.random.random_range(0..self.rig.attempts.len());
        let attempt = &self.rig.attempts[at];
        let id = attempt.delivery.id.clone();
        // One order is never taken, one makes the destination fail, sometimes all fail.
        let order = attempt.delivery.order.as_ref().map_or("", |key| key.id.as_str());
        let is_down = self.rig.now.0 / 20_000_000 % 3 == 1 && !self.is_calm;
        let outcome = match (order, self.random.random_range(0..10)) {
            ("o0", _) => Outcome::Refused { reason: "404".into() },
            ("o1", _) | (_, 0) => unavailable(),
            (_, 1) if !self.is_calm => Outcome::Refused { reason: "409".into() },
            (_, 2) => Outcome::Skipped { reason: "no address".into() },
            _ if is_down => unavailable(),
            _ => Outcome::Delivered,
        };
        if matches!(outcome, Outcome::Delivered | Outcome::Skipped { .. }) {
            self.has_ended(&id);
        }
        self.rig.end(&id, outcome);
    }

    /// It is delivered or buried, and so was everything of its order before it, if it had time.
    fn has_ended(&mut self, id: &str) {
        let log = self.rig.log.iter().flat_map(|c| c.deliveries.iter().map(|d| (c.at, d)));
        let (_, this) = log.clone().find(|(_, d)| &*d.id == id).expect("it is in the log");
        let same = log.filter(|(_, d)| d.order.is_some() && d.order == this.order);
        for (at, earlier) in same.take_while(|(_, d)| &*d.id != id) {
            let had_time = !self.is_old(earlier.seq, at);
            let ended = self.ended.contains(&earlier.id);
            assert!(ended || !had_time, "{id} came before {}", earlier.id);
        }
        self.ended.insert(id.into());
    }

    /// What a sink was too late for: all of it was old, or had ended, or goes on by itself.
    fn was_missed(&mut self, from: Seq, until: Seq) {
        assert!(from < until, "{from:?} {until:?}");
        let waiting = self.rig.machine.progress().waiting;
        for (at, change) in (1..).zip(&self.rig.log) {
            let seq = Seq(at * BYTES);
            if !(from..until).contains(&seq) {
                continue;
            }
            for Delivery { id, .. } in change.deliveries.iter().map(|delivery| &**delivery) {
                let goes_on = self.rig.attempts.iter().any(|attempt| attempt.delivery.id == *id)
                    || self.rig.graves.iter().any(|(_, letter)| is_about(letter, id))
                    || waiting.iter().any(|waiting| waiting.delivery.id == *id);
                if !goes_on && self.ended.insert(id.clone()) {
                    assert!(self.is_old(seq, change.at), "{id} had time");
                }
            }
        }
    }

    fn is_old(&self, seq: Seq, at: Timestamp) -> bool {
        let Retention { age, bytes } = self.rig.terms.retention;
        age.is_some_and(|age| at.0 + (age.as_micros() as i64) < self.rig.now.0)
            || bytes.is_some_and(|bytes| seq.0 + bytes < (self.rig.log.len() as u64 + 1) * BYTES)
    }

    /// What holds at any time.
    fn prove(&self) {
        let rig = &self.rig;
        assert!(rig.attempts.len() <= rig.terms.concurrency);
        let mut orders = BTreeMap::new();
        for attempt in &rig.attempts {
            if let Some(order) = &attempt.delivery.order {
                assert_eq!(orders.insert(order, ()), None, "two of one order at once");
            }
        }
        for progress in [&rig.saved, &rig.machine.progress()] {
            let kept: BTreeSet<_> = progress.waiting.iter().map(|w| &w.delivery.id).collect();
            let passed = progress.cursor.map_or(0, |seq| seq.0 / BYTES) as usize;
            for delivery in rig.log.iter().take(passed).flat_map(|change| &change.deliveries) {
                let is_there = self.ended.contains(&delivery.id) || kept.contains(&delivery.id);
                assert!(is_there, "the cursor passed {delivery:?}");
            }
        }
    }

    fn prove_end(&self) {
        for delivery in self.rig.log.iter().flat_map(|change| &change.deliveries) {
            assert!(self.ended.contains(&delivery.id), "{delivery:?} is lost");
        }
    }
}

fn is_about(letter: &DeadLetter, delivery: &str) -> bool {
    matches!(&letter.subject, Subject::Delivery { id, .. } if **id == *delivery)
}
