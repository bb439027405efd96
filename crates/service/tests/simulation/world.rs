//! One history: clients, batches and followers around one ledger, step by step.

use std::sync::Arc;

use domain::facts::Policy;
use domain::id::StockKey;
use domain::state::{Claim, ClaimState};
use domain::stock::ShortagePolicy;
use domain::time::Timestamp;
use service::catalogue::Catalogue;
use service::change::What;
use service::follow::MemoryStore;
use service::ledger::{Answer, By, Found, Ledger, Request};
use service::serial::Settings;
use service::steps::{Step, Steps};
use service::view::{Direction, Waiting};
use xxhash_rust::xxh3::xxh3_64;

use crate::asks::{Asks, SKUS, stock};
use crate::batches::Runner;
use crate::dice::Dice;
use crate::followers::{Asking, Follower, For};
use crate::ledger::{End, SimLedger};
use crate::log::{Told, Touched};
use crate::promises::Promises;
use crate::sinks::{Questions, sinks, steps};

const STEPS: u64 = 40;
/// Most steps to the end, once nothing goes wrong any more.
const STEPS_TO_THE_END: u64 = 5_000;
const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000);

/// Who waits for the answer to a call.
enum Who {
    Client,
    Batch(usize),
    Follower(usize, For),
}

pub(crate) struct World {
    dice: Dice,
    now: Timestamp,
    ledger: Arc<SimLedger>,
    store: MemoryStore,
    /// The catalogue that calls are prepared with; may be older than the ledger's.
    seen: Arc<Catalogue>,
    asks: Asks,
    promises: Promises,
    told: Told,
    batches: Vec<Runner>,
    followers: Vec<Follower>,
    is_calm: bool,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let shortage = [ShortagePolicy::Partial, ShortagePolicy::ShipComplete][dice.index(2)];
        let policy = Policy { shortage, ..Policy::default() };
        let step = |name| Step { name, when: None };
        let names = if dice.one_in(2) { Vec::from(steps()) } else { Vec::new() };
        let asked = Arc::new(Steps::new(names.iter().cloned().map(step).collect()));
        let settings = Settings { policy, exponent: 2, steps: asked, ..Settings::default() };
        let (ledger, store) = (Arc::new(SimLedger::new(settings)), MemoryStore::default());
        let mut followers = Vec::new();
        for step in names {
            let name = format!("step:{step}").into();
            let asking = Some(Asking { step: step.clone(), ledger: ledger.clone() });
            let sink = Arc::new(Questions { name, step, ledger: ledger.clone() });
            followers.push(Follower::new(sink, asking, &store, BEGIN, dice.any()));
        }
        for sink in sinks(&ledger) {
            followers.push(Follower::new(sink, None, &store, BEGIN, dice.any()));
        }
        Self {
            dice,
            now: BEGIN,
            seen: ledger.catalogue(),
            ledger,
            store,
            asks: Asks::default(),
            promises: Promises::default(),
            told: Told::default(),
            batches: ["b0", "b1"].map(Runner::new).into(),
            followers,
            is_calm: false,
        }
    }

    /// Runs to the end; what the disk holds and who was told what, in one number.
    pub(crate) fn run(mut self) -> u64 {
        for _ in 0..STEPS {
            self.step();
        }
        self.is_calm = true;
        for step in 0.. {
            self.step();
            if self.is_through() {
                break;
            }
            if step > STEPS_TO_THE_END {
                let all = self.followers.iter().map(|f| f.explain(self.now));
                panic!("it comes to no end: {:?}", all.collect::<Vec<_>>().join("\n"));
            }
        }
        self.crash();
        self.batches.iter().for_each(|batch| batch.prove_end(&self.ledger, &self.told));
        self.followers.iter().for_each(Follower::prove_end);
        let taken = self.followers.iter().map(Follower::taken_so_far).collect::<Vec<_>>();
        xxh3_64(format!("{:?} {:?} {taken:?}", self.now, self.ledger.changes_from(0)).as_bytes())
    }

    fn is_through(&self) -> bool {
        self.batches.iter().all(Runner::is_done)
            && !self.ledger.has_releases()
            && self.followers.iter().all(|follower| follower.is_through(&self.ledger))
            && self.told.orders.values().all(|row| row.state.awaits().is_none())
    }

    fn step(&mut self) {
        self.pass_time();
        for batch in &mut self.batches {
            if self.is_calm || self.dice.one_in(3) {
                batch.step(&mut self.dice, &mut self.asks, &self.ledger);
            }
        }
        self.commit();
        for follower in &mut self.followers {
            let Self { dice, now, ledger, store, is_calm, .. } = self;
            follower.step(dice, *now, ledger, store, *is_calm);
        }
        if !self.is_calm && self.dice.one_in(60) {
            self.crash();
        }
        if self.dice.one_in(10) {
            self.ledger.freeze();
        }
        if self.dice.one_in(3) {
            self.seen = self.ledger.catalogue();
        }
        self.followers.iter_mut().for_each(Follower::look);
    }

    fn pass_time(&mut self) {
        let micros = match self.dice.below(20) {
            0 => 30_000_000,
            1..5 => 3_000_000,
            _ => 200_000,
        };
        self.now.0 += 1 + self.dice.below(micros) as i64;
        let next = self.followers.iter().filter_map(Follower::next).min();
        if self.is_calm {
            self.now = next.map_or(self.now, |next| next.max(Timestamp(self.now.0)));
        }
    }

    /// Decides what is asked by now, as one commit; it ends well, mostly.
    fn commit(&mut self) {
        let mut calls: Vec<(Who, Vec<Request>)> = Vec::new();
        if !self.is_calm {
            let letters = self.told.open();
            for _ in 0..self.dice.below(4) {
                calls.push((Who::Client, self.asks.call(&mut self.dice, &letters)));
            }
        }
        for (at, batch) in self.batches.iter().enumerate() {
            calls.extend(batch.call().map(|call| (Who::Batch(at), call)));
        }
        for (at, follower) in self.followers.iter_mut().enumerate() {
            if self.is_calm || self.dice.one_in(2) {
                let call = follower.call();
                calls.extend(call.map(|(of, call)| (Who::Follower(at, of), call)));
            }
        }
        let end = match self.dice.below(80) {
            _ if self.is_calm => End::Committed,
            0 => End::Before,
            1 => End::Torn(self.dice.below(1_000)),
            2 => End::After,
            3 => End::Refused,
            _ => End::Committed,
        };
        let (who, calls): (Vec<Who>, Vec<Vec<Request>>) = calls.into_iter().unzip();
        let answers = self.ledger.commit(self.now, &calls, &self.seen, end);
        if end.is_crash() {
            return self.crash();
        }
        self.read_disk();
        for (at, (who, call)) in who.into_iter().zip(calls).enumerate() {
            self.answer(who, &call, answers.as_ref().map(|answers| &*answers[at]));
        }
    }

    fn answer(&mut self, who: Who, call: &[Request], answers: Option<&[Answer]>) {
        if let Some(answers) = answers {
            assert_eq!(call.len(), answers.len(), "one answer each");
            call.iter().zip(answers).for_each(|(r, a)| self.promises.note(r, a));
        }
        match (who, answers) {
            (Who::Client, _) | (Who::Batch(_), None) => {}
            (Who::Batch(at), Some(answers)) => self.batches[at].answered(answers),
            (Who::Follower(at, of), answers) => {
                let (dice, is_done) = (&mut self.dice, answers.is_some());
                self.followers[at].answered(dice, self.now, of, is_done);
            }
        }
    }

    /// Takes in what is new on the disk, and compares what it touches.
    fn read_disk(&mut self) {
        let mut touched = Touched::default();
        let fresh = self.ledger.changes_from(self.told.changes);
        for (seq, change) in &fresh {
            self.told.take(*seq, change, &mut touched);
            self.followers.iter_mut().for_each(|follower| follower.owe(*seq, change));
            if let What::Letter(letter) = &change.what {
                let (told, now, end) = (&self.told, self.now, self.ledger.end());
                self.followers.iter_mut().for_each(|f| f.settle(letter, told, now, end));
            }
        }
        self.prove(&touched);
    }

    /// What reached the disk is all that is left.
    fn crash(&mut self) {
        self.ledger.reopen();
        self.seen = self.ledger.catalogue();
        self.batches.iter_mut().for_each(Runner::crash);
        for follower in &mut self.followers {
            follower.crash(&mut self.dice, &self.store, self.now);
        }
        self.read_disk();
        self.prove_all();
    }
}

/// What must hold.
impl World {
    /// The orders and counters that a step touched are what the log comes to.
    fn prove(&self, touched: &Touched) {
        for key in &touched.orders {
            let row = &self.told.orders[key];
            let found = self.ledger.view(|view| view.order(&key.id, Some(&key.merchant)));
            let Found::Order(found) = found else { panic!("{key:?} is lost: {found:?}") };
            assert_eq!((&found.state, found.seq), (&row.state, row.first));
        }
        touched.stock.iter().for_each(|key| self.prove_stock(key));
    }

    fn prove_stock(&self, key: &StockKey) {
        let row = self.ledger.view(|view| view.stock(key)).unwrap_or_default();
        assert_eq!(row, self.told.stock[key], "{key:?}: counters are the sums of movements");
        assert!(0 <= row.reserved && row.reserved <= row.on_hand, "oversold: {key:?} {row:?}");
    }

    /// Everything there is, and everything that was answered.
    fn prove_all(&self) {
        let keys = self.told.orders.keys().cloned().collect();
        self.prove(&Touched { orders: keys, stock: self.told.stock.keys().cloned().collect() });
        let listed = self.ledger.view(|view| view.list(&By::All, Direction::Newest, None, 100_000));
        assert_eq!(listed.len(), self.told.orders.len());
        let held = self.told.held();
        for (key, row) in &self.told.stock {
            let (reserved, waiting) = held.get(key).copied().unwrap_or_default();
            assert_eq!((row.reserved, row.waiting), (reserved, waiting), "{key:?}");
        }
        self.promises.prove(&self.ledger, &self.told, self.now);
        if !self.ledger.has_releases() {
            SKUS.iter().for_each(|sku| self.prove_nobody_waits_in_vain(&stock(sku)));
        }
    }

    /// When no release is left to do, the oldest order of a queue waits because it must.
    fn prove_nobody_waits_in_vain(&self, key: &StockKey) {
        let row = self.ledger.view(|view| view.stock(key)).unwrap_or_default();
        let queue = self.ledger.view(|view| view.queue(key, None, 100_000));
        assert!(queue.is_sorted_by_key(|waiting| waiting.at));
        let claim = |waiting: &Waiting| {
            let is = |c: &&Claim| c.sku == key.sku && c.place == waiting.place;
            waiting.order.claims.iter().find(is).expect("the claim that waits").clone()
        };
        let claims: Vec<Claim> = queue.iter().map(claim).collect();
        let is_waiting = |claim: &Claim| claim.state == ClaimState::Waiting;
        assert!(claims.iter().all(is_waiting), "{claims:?}");
        let waiting: i64 = claims.iter().map(|claim| claim.quantity).sum();
        assert_eq!(waiting, row.waiting, "everybody is in the queue");
        let Some((oldest, claim)) = queue.first().zip(claims.first()) else { return };
        if oldest.order.shortage != ShortagePolicy::ShipComplete {
            assert!(claim.quantity > row.available(), "{oldest:?} of {row:?}");
        }
    }
}
