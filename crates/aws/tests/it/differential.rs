//! DynamoDB, disk and memory do the same: asked the same calls, by the same clock, they give the
//! same answers and come to the same log, change for change. DynamoDB is asked by two processes in
//! turn, as far as it can tell.
//!
//! Each names its changes in its own way, so names are compared by the order in which the log has
//! them. `COMANDA_SEED` asks other calls, `COMANDA_COMMANDS` so many commands.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use aws::ledger::DynamoLedger;
use domain::command::{self, AdjustStock, BelowReserved, StockChange};
use domain::id::{CustomerId, OrderId, Sku};
use domain::money::{Money, UnitPrice};
use domain::order::{Body, Channel, Line, Lines, Order, Purchase, Transfer};
use domain::stock::ShortagePolicy;
use engine::{Engine, Options};
use service::catalogue::{Customer, Product};
use service::change::{Audit, Change, Fault, Origin, Seq, What};
use service::ledger::{Amend, By, Cancel, Ledger, Query, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial;
use service::wire::rules;

use crate::support::{by_hand, log, merchant, open, order_key, say, settings, stock_key, table};

/// Commands of every run; all of the issue's ten thousand are asked by the variable.
const COMMANDS: usize = 2_000;
const ORDERS: u64 = 400;

struct Three {
    random: fastrand::Rng,
    now: Arc<AtomicI64>,
    memory: MemoryLedger,
    disk: Engine,
    /// The one whose turn it is comes first.
    dynamo: [DynamoLedger; 2],
    table: String,
    _dir: tempfile::TempDir,
}

fn number(name: &str, or: u64) -> u64 {
    std::env::var(name).map_or(or, |text| text.parse().expect("a number"))
}

#[test]
fn dynamodb_disk_and_memory_give_the_same_answers_to_the_same_calls() {
    let seed = number("COMANDA_SEED", 7);
    let commands = usize::try_from(number("COMANDA_COMMANDS", COMMANDS as u64)).expect("few");
    println!("COMANDA_SEED={seed} COMANDA_COMMANDS={commands}");
    let mut three = Three::new(seed);
    let (mut asked, mut halfway) = (0, false);
    while asked < commands {
        asked += three.call();
        if asked > commands / 2 && !halfway {
            three.compare();
            three.reopen();
            halfway = true;
        }
    }
    three.compare();
}

impl Three {
    fn new(seed: u64) -> Self {
        let now = Arc::new(AtomicI64::new(1_767_225_600_000_000));
        let options = || serial::Settings { exponent: 2, ..serial::Settings::default() };
        let memory = MemoryLedger::open(MemoryLog::default(), options(), by_hand(&now));
        let dir = tempfile::tempdir().expect("a scratch folder");
        let disk = Options { min_free_bytes: 0, ..Options::new(by_hand(&now)) };
        let disk = Engine::open(dir.path(), disk).expect("the store opens");
        let table = table();
        let dynamo = [seed, seed + 1].map(|seed| open(settings(&table, by_hand(&now), seed)));
        let random = fastrand::Rng::with_seed(seed);
        let memory = memory.expect("an empty log");
        Self { random, now, memory, disk, dynamo, table, _dir: dir }
    }

    fn reopen(&mut self) {
        self.dynamo[1] = open(settings(&self.table, by_hand(&self.now), 1));
    }

    /// One call of each; how many commands it had.
    fn call(&mut self) -> usize {
        self.now.fetch_add(5_000 + self.random.i64(0..5_000), Ordering::Relaxed);
        let many = if self.random.u8(..10) == 0 { 40 } else { 12 };
        let call: Vec<Request> =
            (0..1 + self.random.usize(0..many)).map(|_| self.request()).collect();
        self.dynamo.swap(0, 1);
        let answers = [&self.memory as &dyn Ledger, &self.disk, &self.dynamo[0]]
            .map(|ledger| say(ledger, call.clone()).expect("the ledger is available"));
        // Memory gives free stock out before it answers, the engine after: wait until it has.
        let (length, begun) = (self.memory.log_bytes(), Instant::now());
        while self.disk.log_bytes() < length {
            assert!(begun.elapsed() < Duration::from_secs(10), "the engine does less than memory");
            std::thread::yield_now();
        }
        let [memory, disk, dynamo] = &answers;
        assert_eq!(memory, disk);
        for (at, (memory, dynamo)) in memory.iter().zip(dynamo).enumerate() {
            let (ours, theirs) = (nameless(dynamo), nameless(memory));
            assert_eq!(ours, theirs, "answer {at} to {:?}", call.get(at));
        }
        assert_eq!(memory.len(), dynamo.len());
        call.len()
    }

    fn compare(&self) {
        let ledger = &self.dynamo[0];
        let (memory, disk, dynamo) = (log(&self.memory), log(&self.disk), log(ledger));
        assert!(memory == disk, "memory and disk have the same log");
        assert_eq!(memory.len(), dynamo.len(), "so many changes");
        let (theirs, ours) = (numbered(&memory), numbered(&dynamo));
        for (at, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
            assert_eq!(theirs, ours, "change {at}");
        }
        assert_eq!(self.memory.stock(None, 100), ledger.stock(None, 100));
        for n in 0..ORDERS {
            let id = OrderId::parse(&format!("o{n}")).expect("a name");
            let found = |ledger: &dyn Ledger, log: &[(Seq, Change)]| {
                renamed(log, &format!("{:?}", ledger.order(&id, None)))
            };
            assert_eq!(found(ledger, &dynamo), found(&self.memory, &memory), "{id}");
        }
        let (ours, theirs) = (ledger.catalogue(), self.memory.catalogue());
        assert!(ours.products == theirs.products && ours.customers == theirs.customers);
        assert_eq!(ours.rules.source, theirs.rules.source);
        for by in [By::All, By::Merchant(merchant()), By::Channel(Channel::Atm)] {
            let query = Query { by, limit: 1_000, ..Query::default() };
            let states = |ledger: &dyn Ledger, log: &[(Seq, Change)]| {
                renamed(log, &format!("{:?}", ledger.find(&query)))
            };
            assert_eq!(states(ledger, &dynamo), states(&self.memory, &memory), "{query:?}");
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.u64(0..n)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn sku(&mut self) -> &'static str {
        ["PEN", "CAP", "GUM", "TEA", "INK"][self.below(5) as usize]
    }

    fn id(&mut self) -> String {
        format!("o{}", self.below(ORDERS))
    }

    fn request(&mut self) -> Request {
        match self.below(34) {
            0..18 => self.order(),
            18..23 => self.adjust(),
            23..26 => Request::Fulfil(order_key(&self.id())),
            26 => self.audit(),
            27 => {
                let price = (!self.one_in(5)).then(|| UnitPrice(self.below(9_000_000) as i64));
                let key = stock_key(self.sku());
                let product = Product { key, description: "".into(), category: None, price };
                Request::PutProducts(vec![product])
            }
            28 => Request::PutCustomer(Customer {
                merchant: merchant(),
                id: self.customer(),
                tags: if self.one_in(2) { vec!["vip".into()] } else { Vec::new() },
            }),
            29 => self.rules(),
            30..33 => match self.order() {
                Request::Receive(receive) => {
                    let Receive { order, document, warnings, batch, rules: _ } = *receive;
                    let revision = self.one_in(4).then(|| 1 + self.below(3) as u32);
                    Request::Amend(Box::new(Amend { order, document, warnings, batch, revision }))
                }
                other => other,
            },
            _ => {
                let (order, channel) = (order_key(&self.id()), Channel::Web);
                let reason = self.one_in(2).then(|| "too late".into());
                let command = command::Cancel { order, reason, channel, batch: None };
                Request::Cancel(Box::new(Cancel { command, document: None }))
            }
        }
    }

    fn adjust(&mut self) -> Request {
        let change = match self.below(4) {
            0 => StockChange::To(self.below(40) as i64),
            1 => StockChange::By(-(self.below(9) as i64)),
            _ => StockChange::By(self.below(30) as i64),
        };
        let newest = self.one_in(2);
        let below_reserved =
            if newest { BelowReserved::ReleaseNewest } else { BelowReserved::Refuse };
        let (stock, reason) = (stock_key(self.sku()), "counted".into());
        Request::AdjustStock(AdjustStock { stock, change, below_reserved, reason })
    }

    fn audit(&mut self) -> Request {
        Request::Audit(Box::new(Audit {
            order: self.one_in(2).then(|| order_key(&self.id()).id),
            merchant: None,
            channel: Channel::Queue,
            batch: None,
            faults: vec![Fault { pointer: "/items".into(), code: "empty_items".into() }],
            origin: Origin::of(Some("key:7".into()), b"x"),
            document: vec![b'x'; self.below(900) as usize].into(),
        }))
    }

    fn rules(&mut self) -> Request {
        let percent = self.below(100);
        let effect = format!(r#"{{"type": "order_percentage_off", "percent": {percent}}}"#);
        let when = "'vip' in customer.tags || order.total > 1000";
        let json = format!(r#"[{{"id": "off", "when": "{when}", "effect": {effect}}}]"#);
        let rules = rules::parse(json.as_bytes(), 0, 2).expect("sound rules");
        Request::PutRules { rules: Arc::new(rules), installed: self.one_in(2) }
    }

    fn customer(&mut self) -> CustomerId {
        CustomerId::parse(["ana", "bia", "caio"][self.below(3) as usize]).expect("a name")
    }

    fn order(&mut self) -> Request {
        let id = self.id();
        let (channel, body) = if self.one_in(12) {
            let amount = Money(1 + self.below(9_000) as i64);
            let (from_account, to_account) = ("1".into(), "2".into());
            (Channel::Atm, Body::Transfer(Transfer { amount, from_account, to_account }))
        } else {
            (Channel::Web, Body::Purchase(self.purchase()))
        };
        Request::Receive(Box::new(Receive {
            order: Order { key: order_key(&id), channel, body },
            document: vec![b'd'; self.below(3_000) as usize].into(),
            warnings: Vec::new(),
            batch: None,
            rules: None,
        }))
    }

    fn purchase(&mut self) -> Purchase {
        let lines = (0..1 + self.below(4)).map(|_| Line {
            sku: Sku::parse(self.sku()).expect("a name"),
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

/// A log with its changes called by their place in it.
fn numbered(log: &[(Seq, Change)]) -> Vec<String> {
    log.iter().map(|(seq, change)| renamed(log, &format!("{seq:?} {change:?}"))).collect()
}

/// Names of changes, and places in queues, which are made of them, by their place in the log.
/// A place stands between two changes: within the commit that gave it out.
fn renamed(log: &[(Seq, Change)], text: &str) -> String {
    map_names(text, |name| match log.binary_search_by_key(&name, |(seq, _)| seq.0) {
        Ok(at) | Err(at) => at.to_string(),
    })
}

/// An answer without the names of changes.
fn nameless(answer: &impl Debug) -> String {
    map_names(&format!("{answer:?}"), |_| "?".to_owned())
}

/// Every `Seq(n)` and `Place(n)` of a text, but those that are zero, which names nothing.
fn map_names(text: &str, name: impl Fn(u64) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) =
        ["Seq(", "Place("].iter().filter_map(|tag| rest.find(tag).map(|at| at + tag.len())).min()
    {
        let (before, behind) = rest.split_at(at);
        let digits = behind.find(')').expect("a closed bracket");
        let number = behind[..digits].parse::<u64>();
        out.push_str(before);
        match number {
            Ok(0) | Err(_) => out.push_str(&behind[..digits]),
            Ok(number) => out.push_str(&name(number)),
        }
        rest = &behind[digits..];
    }
    out.push_str(rest);
    out
}

#[test]
fn names_are_mapped_wherever_they_stand() {
    let mapped = map_names("a Seq(12), Place(0) [Seq(7)]", |name| format!("<{name}>"));
    assert_eq!(mapped, "a Seq(<12>), Place(0) [Seq(<7>)]");
    let first = What::Released { stock: stock_key("PEN"), next: Some(Seq(5)) };
    assert!(nameless(&first).contains("next: Some(Seq(?))"));
}
