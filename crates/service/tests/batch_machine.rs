//! The batch machine under a seeded driver: chunks checked out of order, windows of any size,
//! crashes before and after every commit, stops. Whatever happens, every item is done once.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use domain::id::{BatchId, MerchantId};
use domain::time::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use service::batch::machine::{Machine, Parsed, Step};
use service::batch::summary::records;
use service::batch::{BatchState, BatchStatus, Counts, Tolerance};
use service::change::{Audit, Fault, Origin, Seq};
use service::ledger::{Answer, Ledger, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial::{Settings, item_of};
use service::wire::document::{self, Command};

const SEEDS: u64 = 200;

#[test]
fn every_item_is_done_once_whatever_crashes() {
    let seeds = match std::env::var("COMANDA_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).expect("COMANDA_SEED is a number"),
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        // A panic names the seed: COMANDA_SEED replays it.
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "seed {seed} fails; replay with COMANDA_SEED={seed}");
    }
}

fn open(log: MemoryLog) -> MemoryLedger {
    let settings = Settings { exponent: 2, ..Settings::default() };
    MemoryLedger::open(log, settings, Arc::new(|| Timestamp(1))).expect("a sound log opens")
}

struct World {
    rng: ChaCha8Rng,
    ledger: MemoryLedger,
    id: BatchId,
    items: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let items = rng.random_range(1..60);
        let id = BatchId::parse("batch").expect("a name");
        Self { rng, ledger: open(MemoryLog::default()), id, items }
    }

    fn run(mut self) {
        for attempt in 0_u32.. {
            // The last attempts are left in peace, so that every run comes to its end.
            self.attempt(attempt < 20);
            let stored = self.ledger.batch(&self.id).expect("it reads");
            if stored.is_some_and(|batch| batch.status == BatchStatus::Succeeded) {
                break;
            }
            assert!(attempt < 60, "the batch comes to no end");
        }
        self.prove();
    }

    /// One run from the last checkpoint, until it ends or is interrupted.
    fn attempt(&mut self, may_crash: bool) {
        let state = self.opened();
        let window = self.rng.random_range(1..5);
        let mut chunks = self.chunks(state.offset);
        let mut machine = Machine::new(state, window);
        let mut waiting: Vec<Vec<Answer>> = Vec::new();
        loop {
            if may_crash && self.rng.random_ratio(1, 40) {
                machine.stop();
            }
            match machine.step() {
                Step::Done => return,
                Step::Execute(requests) => {
                    if may_crash && self.rng.random_ratio(1, 12) {
                        return self.crash(); // before the commit
                    }
                    let answers = pollster::block_on(self.ledger.execute(requests));
                    if may_crash && self.rng.random_ratio(1, 12) {
                        return self.crash(); // after the commit, before the answer
                    }
                    waiting.insert(0, answers.expect("a ledger in memory answers"));
                }
                Step::Wait if !chunks.is_empty() && machine.wants_chunk() => {
                    let any = self.rng.random_range(0..chunks.len());
                    machine.parsed(chunks.swap_remove(any));
                }
                Step::Wait => {
                    let answers = waiting.pop().expect("something is under way");
                    machine.answered(&answers);
                }
            }
        }
    }

    fn crash(&mut self) {
        self.ledger = open(self.ledger.log());
    }

    fn opened(&self) -> BatchState {
        let stored = self.ledger.batch(&self.id).expect("it reads");
        let mut state = stored.unwrap_or_else(|| BatchState {
            id: self.id.clone(),
            status: BatchStatus::Running,
            reason: None,
            started_at: Timestamp(0),
            updated_at: Timestamp(0),
            counts: Counts::default(),
            total: None,
            offset: 0,
            hash: [0; 32],
            tolerance: Tolerance::default(),
            rules: None,
            max_concurrency: None,
            metadata: "".into(),
            spool: None,
            previous: None,
            from: Seq(0),
        });
        state.status = BatchStatus::Running;
        let request = vec![Request::Checkpoint(Box::new(state))];
        match pollster::block_on(self.ledger.execute(request)).expect("it opens").remove(0) {
            Answer::Batch(state) => *state,
            other => panic!("a checkpoint answers with {other:?}"),
        }
    }

    /// Items from `offset` on, in chunks of random size; an item is a byte long here.
    fn chunks(&mut self, offset: u64) -> Vec<Parsed> {
        let (mut chunks, mut at) = (Vec::new(), offset);
        while at < self.items {
            let end = self.items.min(at + self.rng.random_range(1..8));
            chunks.push(Parsed {
                number: chunks.len() as u64,
                requests: (at..end).map(|index| self.item(index)).collect(),
                end,
                hash: [0; 32],
                is_last: end == self.items,
            });
            at = end;
        }
        chunks
    }

    /// Every seventh item is broken, every fifth repeats the one before it.
    fn item(&self, index: u64) -> Request {
        let place = domain::order::BatchItem { batch: self.id.clone(), index, at: None };
        if index % 7 == 6 {
            let fault = Fault { pointer: "".into(), code: "malformed".into() };
            return Request::Audit(Box::new(Audit {
                order: None,
                merchant: None,
                channel: domain::order::Channel::Batch,
                batch: Some(place),
                faults: vec![fault],
                origin: Origin::of(None, b"{"),
                document: Bytes::from_static(b"{"),
            }));
        }
        let named = if index % 5 == 4 { index - 1 } else { index };
        let document = format!(
            r#"{{"order_id":"O-{named}","customerId":"C","items":[{{"sku":"A","quantity":1,"price":"2.50"}}]}}"#
        );
        let merchant = MerchantId::parse("m").expect("a name");
        let settings = document::Settings::new(merchant);
        let read = document::read(document.as_bytes(), &settings).expect("a valid document");
        let Command::Create(order) = read.command else { panic!("a new order") };
        Request::Receive(Box::new(Receive {
            order,
            document: document.into(),
            warnings: Vec::new(),
            batch: Some(place),
            rules: None,
        }))
    }

    fn prove(&self) {
        let batch = self.ledger.batch(&self.id).expect("it reads").expect("it is there");
        let mut seen = BTreeSet::new();
        let mut twice = Vec::new();
        records(&self.ledger, &batch, &mut |_, change| {
            let index = item_of(&change.what).map_or(u64::MAX, |item| item.index);
            if !seen.insert(index) {
                twice.push(index);
            }
        })
        .expect("the batch's records read");
        assert_eq!(twice, Vec::<u64>::new(), "items done twice");
        assert_eq!(seen, (0..self.items).collect(), "items done");
        assert_eq!(batch.counts.done(), self.items, "items counted");
        assert_eq!(batch.total, Some(self.items));
        let summary = service::batch::summary::summary(&self.ledger, &batch).expect("it sums");
        assert_eq!(summary.counts, batch.counts, "the records say what the checkpoint says");
    }
}
