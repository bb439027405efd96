//! The ledger on disk and the ledger in memory do the same: asked the same two thousand calls, they
//! give the same answers and write the same log, change for change and byte for byte.
//!
//! `COMANDA_SEED` asks others.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use domain::command::{self, StockChange};
use domain::id::{CustomerId, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{Body, Channel, Line, Lines, Order, Purchase, Transfer};
use domain::stock::ShortagePolicy;
use engine::{Engine, Options};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use service::catalogue::{Customer, Product};
use service::change::{Audit, Fault, Origin};
use service::ledger::{Amend, By, Cancel, Changes, Ledger, PAGE_ROWS_MAX, Query, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::wire::rules;
use support::{adjust, by_hand, key, merchant, options, order_id, say, without_index};

const CALLS: usize = 2_000;

struct Both {
    random: ChaCha8Rng,
    now: Arc<AtomicI64>,
    dir: tempfile::TempDir,
    disk: Option<Engine>,
    memory: MemoryLedger,
}

#[test]
fn disk_and_memory_give_the_same_answers_to_the_same_calls() {
    let seed = std::env::var("COMANDA_SEED").map_or(7, |seed| seed.parse().expect("a number"));
    println!("COMANDA_SEED={seed}");
    let mut both = Both::new(seed);
    for call in 0..CALLS {
        both.call();
        match call % 400 {
            150 => both.reopen(false),
            350 => both.reopen(true),
            _ => {}
        }
        if call % 100 == 99 {
            both.compare();
        }
    }
    both.reopen(false);
    both.compare();
    let findings = both.disk().examine().expect("the store reads");
    assert!(findings.is_sound(), "{findings:?}");
}

impl Both {
    fn new(seed: u64) -> Self {
        let now = Arc::new(AtomicI64::new(1_767_225_600_000_000));
        let dir = tempfile::tempdir().expect("a scratch folder");
        let memory = memory(MemoryLog::default(), &now);
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut both = Self { random, now, dir, disk: None, memory };
        both.disk = Some(both.open());
        both
    }

    fn open(&self) -> Engine {
        let options = Options { clock: by_hand(&self.now), ..options() };
        Engine::open(self.dir.path(), options).expect("the store opens")
    }

    fn disk(&self) -> &Engine {
        self.disk.as_ref().expect("an open engine")
    }

    fn reopen(&mut self, from_log: bool) {
        drop(self.disk.take());
        if from_log {
            without_index(self.dir.path());
        }
        self.disk = Some(self.open());
        self.memory = memory(self.memory.log(), &self.now);
    }

    fn call(&mut self) {
        let passed = 1 + self.below(5_000) as i64;
        self.now.fetch_add(passed, Ordering::Relaxed);
        let call: Vec<Request> = (0..1 + self.below(3)).map(|_| self.request()).collect();
        let (disk, memory) = (say(self.disk(), call.clone()), say(&self.memory, call));
        assert_eq!(disk, memory);
        // Memory gives free stock out before it answers, the engine after: wait until it has.
        let (length, begun) = (self.memory.log_bytes(), Instant::now());
        while self.disk().log_bytes() < length {
            assert!(begun.elapsed() < Duration::from_secs(10), "the engine does less than memory");
            std::thread::yield_now();
        }
        assert_eq!(self.disk().log_bytes(), length, "the engine does more than memory");
    }

    fn compare(&self) {
        let (disk, memory) = (self.disk(), &self.memory);
        let log = memory.read(None, usize::MAX).expect("the log reads");
        let (mut cursor, mut read) = (None, Vec::new());
        loop {
            let some = disk.read(cursor, 1_000).expect("the log reads");
            let Some((last, _)) = some.last() else { break };
            cursor = Some(*last);
            read.extend(some);
        }
        assert!(read == log, "the same log");
        assert_eq!(disk.stock(None, 100), memory.stock(None, 100));
        for n in 0..400 {
            let id = order_id(&format!("o{n}"));
            assert_eq!(disk.order(&id, None), memory.order(&id, None), "{id}");
        }
        let (ours, theirs) = (disk.catalogue(), memory.catalogue());
        assert!(ours.products == theirs.products && ours.customers == theirs.customers);
        assert_eq!(ours.rules.source, theirs.rules.source);
        let seller = merchant();
        for by in [By::All, By::Merchant(seller.clone()), By::Channel(Channel::Atm)] {
            let query = Query { by, limit: PAGE_ROWS_MAX, ..Query::default() };
            assert!(disk.find(&query) == memory.find(&query), "{query:?}");
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn stock_key(&mut self) -> StockKey {
        let sku = ["PEN", "CAP", "GUM", "TEA", "INK"][self.below(5) as usize];
        StockKey { merchant: merchant(), sku: domain::id::Sku::parse(sku).expect("a name") }
    }

    fn request(&mut self) -> Request {
        match self.below(34) {
            0..18 => self.order(),
            18..23 => {
                let change = match self.below(4) {
                    0 => StockChange::To(self.below(40) as i64),
                    1 => StockChange::By(-(self.below(9) as i64)),
                    _ => StockChange::By(self.below(30) as i64),
                };
                let newest = self.one_in(2);
                adjust(self.stock_key(), change, newest)
            }
            30..33 => match self.order() {
                Request::Receive(receive) => {
                    let Receive { order, document, warnings, batch, rules: _ } = *receive;
                    let revision = self.one_in(4).then(|| 1 + self.below(3) as u32);
                    Request::Amend(Box::new(Amend { order, document, warnings, batch, revision }))
                }
                other => other,
            },
            33 => {
                let (order, channel) = (key(&format!("o{}", self.below(400))), Channel::Web);
                let reason = self.one_in(2).then(|| "too late".into());
                let command = command::Cancel { order, reason, channel, batch: None };
                Request::Cancel(Box::new(Cancel { command, document: None }))
            }
            23..26 => Request::Fulfil(key(&format!("o{}", self.below(400)))),
            26 => Request::Audit(Box::new(Audit {
                order: self.one_in(2).then(|| order_id(&format!("o{}", self.below(400)))),
                merchant: None,
                channel: Channel::Queue,
                batch: None,
                faults: vec![Fault { pointer: "/items".into(), code: "empty_items".into() }],
                origin: Origin::of(Some("key:7".into()), b"x"),
                document: vec![b'x'; self.below(900) as usize].into(),
            })),
            27 => {
                let price = (!self.one_in(5)).then(|| UnitPrice(self.below(9_000_000) as i64));
                let key = self.stock_key();
                let product = Product { key, description: "".into(), category: None, price };
                Request::PutProducts(vec![product])
            }
            28 => Request::PutCustomer(Customer {
                merchant: merchant(),
                id: self.customer(),
                tags: if self.one_in(2) { vec!["vip".into()] } else { Vec::new() },
            }),
            _ => {
                let percent = self.below(100);
                let effect = format!(r#"{{"type": "order_percentage_off", "percent": {percent}}}"#);
                let when = "'vip' in customer.tags || order.total > 1000";
                let json = format!(r#"[{{"id": "off", "when": "{when}", "effect": {effect}}}]"#);
                let rules = rules::parse(json.as_bytes(), 0, 2).expect("sound rules");
                Request::PutRules { rules: Arc::new(rules), installed: self.one_in(2) }
            }
        }
    }

    fn customer(&mut self) -> CustomerId {
        CustomerId::parse(["ana", "bia", "caio"][self.below(3) as usize]).expect("a name")
    }

    fn order(&mut self) -> Request {
        let id = format!("o{}", self.below(400));
        let (channel, body) = if self.one_in(12) {
            let amount = Money(1 + self.below(9_000) as i64);
            let (from_account, to_account) = ("1".into(), "2".into());
            (Channel::Atm, Body::Transfer(Transfer { amount, from_account, to_account }))
        } else {
            (Channel::Web, Body::Purchase(self.purchase()))
        };
        Request::Receive(Box::new(Receive {
            order: Order { key: key(&id), channel, body },
            document: vec![b'd'; self.below(3_000) as usize].into(),
            warnings: Vec::new(),
            batch: None,
            rules: None,
        }))
    }

    fn purchase(&mut self) -> Purchase {
        let lines = (0..1 + self.below(4)).map(|_| Line {
            sku: self.stock_key().sku,
            quantity: 1 + self.below(3) as i64,
            unit_price: (!self.one_in(4)).then(|| UnitPrice(self.below(9_000_000) as i64)),
        });
        let lines = Lines::parse(lines.collect()).expect("sound lines");
        let policies = [ShortagePolicy::ShipComplete, ShortagePolicy::Reject];
        Purchase {
            customer: self.one_in(2).then(|| self.customer()),
            lines,
            shipping: self.one_in(2).then(|| Money(self.below(2_000) as i64)),
            coupons: Vec::new(),
            ordered_at: None,
            shortage: policies.get(self.below(5) as usize).copied(),
        }
    }
}

fn memory(log: MemoryLog, now: &Arc<AtomicI64>) -> MemoryLedger {
    MemoryLedger::open(log, options().settings, by_hand(now)).expect("a sound log")
}
