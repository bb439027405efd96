//! Two hundred histories of a ledger that keeps crashing, each from one seed.
//!
//! The same driver that runs on a disk runs over a log in memory, step by step: calls of every
//! kind, a batch that goes on from its checkpoint, a follower with a cursor, and crashes before the
//! frame is written, after it, and in the middle of it. After each crash the ledger is opened
//! again from what is left, and every promise is checked (see `Sim::prove`).
//!
//! A history that fails prints its seed; `COMANDA_SEED=17 cargo test -p service --test simulator`
//! runs that one again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use domain::command::{self, AdjustStock, BelowReserved, StockChange};
use domain::event::{Event, Refusal};
use domain::evolve::{fold, movements};
use domain::facts::Policy;
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{BatchItem, Body, Channel, Line, Lines, Order, Purchase};
use domain::pricing::{Pricing, Target};
use domain::state::{Claim, ClaimState, OrderState, Status};
use domain::stock::{Movement, ShortagePolicy, Stock};
use domain::time::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use service::batch::{BatchState, BatchStatus, Counts, Tolerance};
use service::catalogue::{Catalogue, Product};
use service::change::{Audit, Change, Fault, Origin, Seq, What};
use service::layer::Entry;
use service::ledger::{Amend, Answer, By, Cancel, Found, OrderView, Receive, Request};
use service::memory::MemoryLog;
use service::once::{Key, Once, Outcome, Render};
use service::prepare::prepare;
use service::serial::{Call, Layers, Serial, Settings, item_of};
use service::view::{Direction, Nothing, Read, View, Waiting};
use service::wire::rules;

const SEEDS: u64 = 200;
const STEPS: usize = 120;
const SKUS: [&str; 4] = ["PEN", "CAP", "GUM", "TEA"];
const BATCHES: [&str; 2] = ["b0", "b1"];
const BATCH_ITEMS: u64 = 60;

#[test]
fn whatever_crashes_nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let one = std::env::var("COMANDA_SEED").ok();
    let one = one.map(|seed| seed.parse().expect("COMANDA_SEED is a number"));
    let seeds = one.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let run = std::panic::catch_unwind(|| Sim::new(seed).run());
        if let Err(failure) = run {
            println!("this history: COMANDA_SEED={seed}");
            std::panic::resume_unwind(failure);
        }
    }
}

#[test]
fn stock_that_comes_in_while_a_release_is_under_way_is_offered_from_the_start() {
    let mut sim = Sim::new(0);
    let stock = StockKey { merchant: merchant(), sku: Sku::parse("PEN").expect("a name") };
    let pens = |change| {
        let (stock, below_reserved) = (stock.clone(), BelowReserved::Refuse);
        let adjust = AdjustStock { stock, change, below_reserved, reason: "".into() };
        vec![vec![Request::AdjustStock(adjust)]]
    };
    let wants = |id: String, quantity| {
        let line = Line { sku: stock.sku.clone(), quantity, unit_price: None };
        bought(id, vec![line], None, Some(ShortagePolicy::Partial), None, Bytes::new())
    };
    sim.commit(pens(StockChange::To(0)), End::Committed);
    let mut orders = vec![wants("first".to_owned(), 10)];
    orders.extend((0..299).map(|n| wants(format!("o{n}"), 1)));
    sim.commit(vec![orders], End::Committed);
    sim.commit(pens(StockChange::By(5)), End::Committed);
    sim.commit(Vec::new(), End::Committed);
    assert!(sim.driver.has_releases(), "one step does not look at everybody");
    sim.commit(pens(StockChange::By(10)), End::Committed);
    while sim.driver.has_releases() {
        sim.commit(Vec::new(), End::Committed);
    }
    let first = sim.view(|view| view.order(&key("first".to_owned()).id, None));
    assert!(matches!(first, Ok(Found::Order(o)) if o.state.status == Status::Completed));
}

/// How the commit of a step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Well.
    Committed,
    /// The disk says no, and the ledger goes on.
    Refused,
    /// Crashed before anything was written.
    Before,
    /// Crashed with part of the frame written.
    Torn,
    /// Crashed when all was written, before anybody was answered.
    After,
}

/// What has been promised.
#[derive(Default)]
struct Promised {
    orders: BTreeMap<OrderKey, Bytes>,
    repeats: BTreeMap<OrderKey, u32>,
    fulfilled: BTreeSet<OrderKey>,
    cancelled: BTreeSet<OrderKey>,
    revisions: BTreeMap<OrderKey, u32>,
    strays: usize,
    keys: BTreeMap<[u8; 32], Bytes>,
    /// Adjustments and invalid documents, by a text that is theirs alone.
    once: BTreeSet<String>,
    rules: BTreeMap<u64, String>,
    batches: BTreeMap<BatchId, u64>,
}

struct Sim {
    random: ChaCha8Rng,
    settings: Settings,
    driver: Serial,
    layers: Layers,
    log: MemoryLog,
    now: i64,
    /// The catalogue that calls are prepared with; may be older than the driver's.
    seen: Arc<Catalogue>,
    promised: Promised,
    texts: u64,
    /// Requests under a key, so far; at most one a key.
    keyed: Vec<Request>,
    cursor: Option<Seq>,
    followed: Vec<(Seq, Change)>,
    crashes: u32,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let shortage = [ShortagePolicy::Partial, ShortagePolicy::ShipComplete];
        let shortage = shortage[(random.next_u64() % 2) as usize];
        let policy = Policy { shortage, ..Policy::default() };
        let settings = Settings { policy, exponent: 2, ..Settings::default() };
        let driver = Serial::new(settings.clone());
        Self {
            seen: driver.catalogue(),
            random,
            driver,
            settings,
            layers: Layers::default(),
            log: MemoryLog::default(),
            now: 1_767_225_600_000_000,
            promised: Promised::default(),
            texts: 0,
            keyed: Vec::new(),
            cursor: None,
            followed: Vec::new(),
            crashes: 0,
        }
    }

    fn run(mut self) {
        for _ in 0..STEPS {
            self.step();
            self.follow();
            if self.one_in(10) {
                self.freeze();
            }
            if self.one_in(3) {
                self.seen = self.driver.catalogue();
            }
        }
        self.finish();
    }

    /// Without further trouble: what is under way ends.
    fn finish(&mut self) {
        for batch in BATCHES {
            while let Some(call) = self.batch_call(batch) {
                self.commit(vec![call], End::Committed);
            }
        }
        while self.driver.has_releases() {
            self.commit(Vec::new(), End::Committed);
        }
        while self.followed.len() < self.changes().len() {
            self.follow();
        }
        self.reopen();
        self.prove();
        self.prove_batches();
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Decides some calls; the commit ends well, mostly.
    fn step(&mut self) {
        let mut calls: Vec<_> = (0..self.below(4)).map(|_| self.call()).collect();
        // A batch has one runner, which waits for its answer; the two may run side by side.
        for batch in BATCHES {
            if self.one_in(5) {
                calls.extend(self.batch_call(batch));
            }
        }
        let end = match self.below(40) {
            0 => End::Before,
            1 => End::Torn,
            2 => End::After,
            3 => End::Refused,
            _ => End::Committed,
        };
        self.commit(calls, end);
    }

    fn commit(&mut self, calls: Vec<Vec<Request>>, end: End) {
        self.now += 1 + self.below(5_000) as i64;
        let now = Timestamp(self.now);
        let ready = |request| prepare(request, &self.seen, now, self.settings.exponent);
        let prepared: Vec<Call> =
            calls.iter().map(|call| call.iter().cloned().map(ready).collect()).collect();
        let (position, base) = (self.log.0.len() as u64, Nothing(|seq| self.log.change(seq)));
        let step = self.driver.decide(now, position, &prepared, &self.layers, &base);
        let step = step.expect("a sound log reads");
        let frame = self.driver.frame().map(<[u8]>::to_vec).unwrap_or_default();
        match end {
            End::Committed => {
                self.log.0.extend_from_slice(&frame);
                self.driver.commit(&mut self.layers);
                for (call, answers) in calls.iter().zip(&step.answers) {
                    assert_eq!(call.len(), answers.len(), "one answer each");
                    call.iter().zip(answers).for_each(|(r, a)| self.promised.note(r, a));
                }
            }
            End::Refused => self.driver.abort(),
            End::Before => self.crash(&[]),
            End::After => self.crash(&frame),
            End::Torn => {
                let cut = self.below(frame.len().max(1) as u64) as usize;
                self.crash(&frame[..cut.min(frame.len())]);
            }
        }
    }

    /// What reached the disk is all that is left.
    fn crash(&mut self, written: &[u8]) {
        self.crashes += 1;
        self.log.0.extend_from_slice(written);
        let before = std::mem::take(&mut self.layers);
        let length = self.log.0.len() - written.len();
        self.reopen();
        if self.log.0.len() == length {
            self.same_as(&before);
        }
        self.prove();
    }

    /// As `MemoryLedger::open` does.
    fn reopen(&mut self) {
        self.log.0.truncate(self.log.sound_end());
        (self.driver, self.layers) = (Serial::new(self.settings.clone()), Layers::default());
        let changes = self.log.read(None, usize::MAX).expect("a sound log reads");
        let (until, base) = (self.log.0.len() as u64, Nothing(|seq| self.log.change(seq)));
        let replayed = self.driver.replay(changes, until, &mut self.layers, &base);
        replayed.expect("a sound log replays");
        self.seen = self.driver.catalogue();
    }

    /// Replaying comes to what deciding came to.
    fn same_as(&self, before: &Layers) {
        let rows = |layers: &Layers| {
            let all = layers.frozen.iter().map(|l| &**l).chain([&layers.active]);
            let mut orders: BTreeMap<Seq, Entry> = BTreeMap::new();
            let mut stock: BTreeMap<StockKey, Stock> = BTreeMap::new();
            let mut batches = BTreeMap::new();
            for layer in all {
                orders.extend(layer.orders.iter().map(|(seq, entry)| (*seq, entry.clone())));
                stock.extend(layer.stock.iter().map(|(key, row)| (key.clone(), *row)));
                batches.extend(layer.batches.iter().map(|(id, row)| (id.clone(), row.clone())));
            }
            (orders, stock, batches)
        };
        assert_eq!(rows(before), rows(&self.layers));
    }

    /// Moves what is committed to the frozen layer, as before it is written to a projection.
    fn freeze(&mut self) {
        let mut active = std::mem::take(&mut self.layers.active);
        let frozen = self.layers.frozen.take().and_then(Arc::into_inner);
        let mut frozen = frozen.unwrap_or_default();
        frozen.absorb(&mut active);
        self.layers.frozen = Some(Arc::new(frozen));
    }

    fn follow(&mut self) {
        if self.one_in(2) {
            let limit = 1 + self.below(60) as usize;
            let read = self.log.read(self.cursor, limit).expect("a sound log reads");
            self.cursor = read.last().map(|(seq, _)| *seq).or(self.cursor);
            self.followed.extend(read);
        }
    }

    fn changes(&self) -> Vec<(Seq, Change)> {
        self.log.read(None, usize::MAX).expect("a sound log reads")
    }

    fn view<R>(
        &self,
        look: impl FnOnce(&View<'_, Nothing<&dyn Fn(Seq) -> Read<Change>>>) -> R,
    ) -> R {
        let change = |seq| self.log.change(seq);
        let base = Nothing(&change as &dyn Fn(Seq) -> Read<Change>);
        look(&View::new([Some(&self.layers.active), self.layers.frozen.as_deref(), None], &base))
    }
}

/// What is asked.
impl Sim {
    fn call(&mut self) -> Vec<Request> {
        (0..1 + self.below(4)).map(|_| self.any()).collect()
    }

    /// A request, every eighth under a key: a new one, or one that was sent before with it.
    fn any(&mut self) -> Request {
        if !self.one_in(8) {
            return self.request();
        }
        if self.one_in(2) && !self.keyed.is_empty() {
            let at = self.below(self.keyed.len() as u64) as usize;
            return self.keyed[at].clone();
        }
        let name = self.keyed.len() as u8;
        let render = Render(Arc::new(|answer: &Answer| Some(format!("{answer:?}").into())));
        let (key, request) = (Key { name: [name; 32], content: [0; 32] }, self.request());
        let once = Request::Once(Box::new(Once { key, request, render }));
        self.keyed.push(once.clone());
        once
    }

    fn request(&mut self) -> Request {
        match self.below(25) {
            20..23 => {
                let id = self.below(60);
                self.amend(format!("o{id}"), None)
            }
            23 => self.cancel(None),
            0..11 | 24 => {
                let id = self.below(60);
                self.order(format!("o{id}"), None)
            }
            11..15 => self.adjust(),
            15..17 => Request::Fulfil(key(format!("o{}", self.below(60)))),
            17 => {
                let text = self.text();
                Request::Audit(Box::new(Audit {
                    order: Some(key(format!("o{}", self.below(60))).id),
                    merchant: None,
                    channel: Channel::Api,
                    batch: None,
                    faults: vec![Fault { pointer: "".into(), code: text.as_str().into() }],
                    origin: Origin::of(None, b"{"),
                    document: Bytes::from_static(b"{"),
                }))
            }
            18 => {
                let sku = self.sku();
                let price = Some(UnitPrice(self.below(5_000_000) as i64));
                let key = StockKey { merchant: merchant(), sku };
                let product = Product { key, description: "".into(), category: None, price };
                Request::PutProducts(vec![product])
            }
            _ => {
                let percent = self.below(100);
                let effect = format!(r#"{{"type": "order_percentage_off", "percent": {percent}}}"#);
                let json = format!(r#"[{{"id": "off", "effect": {effect}}}]"#);
                let rules = rules::parse(json.as_bytes(), 0, 2).expect("sound rules");
                Request::PutRules { rules: Arc::new(rules), installed: self.one_in(2) }
            }
        }
    }

    fn order(&mut self, id: String, batch: Option<BatchItem>) -> Request {
        let lines = (0..1 + self.below(3)).map(|_| Line {
            sku: self.sku(),
            quantity: 1 + self.below(4) as i64,
            unit_price: (!self.one_in(4)).then(|| UnitPrice(self.below(9_000_000) as i64)),
        });
        let lines = lines.collect();
        let policies = [ShortagePolicy::ShipComplete, ShortagePolicy::Reject];
        let shortage = policies.get(self.below(6) as usize).copied();
        let shipping = self.one_in(2).then(|| Money(self.below(2_000) as i64));
        let document = format!("{id}{}", self.below(2)).into();
        bought(id, lines, shipping, shortage, batch, document)
    }

    fn amend(&mut self, id: String, batch: Option<BatchItem>) -> Request {
        let Request::Receive(receive) = self.order(id, batch) else { panic!("an order") };
        let Receive { order, document, warnings, batch, rules: _ } = *receive;
        let revision = self.one_in(4).then(|| 1 + self.below(3) as u32);
        Request::Amend(Box::new(Amend { order, document, warnings, batch, revision }))
    }

    fn cancel(&mut self, batch: Option<BatchItem>) -> Request {
        let (order, reason) = (key(format!("o{}", self.below(60))), Some(self.text().into()));
        let command = command::Cancel { order, reason, channel: Channel::Api, batch };
        Request::Cancel(Box::new(Cancel { command, document: None }))
    }

    fn adjust(&mut self) -> Request {
        let change = match self.below(4) {
            0 => StockChange::To(self.below(20) as i64),
            1 => StockChange::By(-(self.below(6) as i64)),
            _ => StockChange::By(self.below(25) as i64),
        };
        let newest = self.one_in(2);
        Request::AdjustStock(AdjustStock {
            stock: StockKey { merchant: merchant(), sku: self.sku() },
            change,
            below_reserved: if newest {
                BelowReserved::ReleaseNewest
            } else {
                BelowReserved::Refuse
            },
            reason: self.text().into(),
        })
    }

    /// The next items of a batch, from where its checkpoint says; `None` when it is done.
    fn batch_call(&mut self, name: &str) -> Option<Vec<Request>> {
        let id = BatchId::parse(name).expect("a name");
        let stored = self.view(|view| view.batch(&id)).expect("a sound log reads");
        let from = match &stored {
            Some(batch) if batch.status == BatchStatus::Running => batch.offset,
            Some(_) => return None,
            None => 0,
        };
        let until = (from + 1 + self.below(9)).min(BATCH_ITEMS);
        let mut call: Vec<Request> = (from..until).map(|n| self.item(&id, n)).collect();
        let done = until == BATCH_ITEMS;
        call.push(Request::Checkpoint(Box::new(BatchState {
            id,
            status: if done { BatchStatus::Succeeded } else { BatchStatus::Running },
            reason: None,
            started_at: Timestamp(0),
            updated_at: Timestamp(0),
            counts: Counts::default(),
            total: done.then_some(BATCH_ITEMS),
            offset: until,
            hash: [0; 32],
            tolerance: Tolerance::default(),
            rules: None,
            max_concurrency: None,
            metadata: "".into(),
            spool: None,
            previous: None,
            from: Seq(0),
        })));
        Some(call)
    }

    /// Every seventh item of a batch is invalid, every fifth repeats the one before, every eleventh
    /// amends an order and every thirteenth cancels one.
    fn item(&mut self, batch: &BatchId, index: u64) -> Request {
        let item = BatchItem { batch: batch.clone(), index, at: None };
        let id = format!("{batch}-{}", if index % 5 == 4 { index - 1 } else { index });
        if index % 7 == 6 {
            return Request::Audit(Box::new(Audit {
                order: None,
                merchant: None,
                channel: Channel::Batch,
                batch: Some(item),
                faults: Vec::new(),
                origin: Origin::of(None, b""),
                document: Bytes::new(),
            }));
        }
        match (index % 11, index % 13) {
            (10, _) => self.amend(format!("o{}", index * 7 % 60), Some(item)),
            (_, 12) => self.cancel(Some(item)),
            (_, _) => self.order(id, Some(item)),
        }
    }

    fn sku(&mut self) -> Sku {
        Sku::parse(SKUS[self.below(4) as usize]).expect("a name")
    }

    fn text(&mut self) -> String {
        self.texts += 1;
        format!("text {}", self.texts)
    }
}

impl Promised {
    fn note(&mut self, request: &Request, answer: &Answer) {
        match (request, answer) {
            (Request::Once(once), Answer::Once(outcome)) => self.note_once(once, outcome),
            (_, Answer::Broken) => panic!("nothing here can break: {request:?}"),
            (Request::Receive(receive), Answer::Accepted(_)) => {
                let key = receive.order.key.clone();
                let new = self.orders.insert(key, receive.document.clone());
                assert_eq!(new, None, "an order was accepted twice: {request:?}");
            }
            (Request::Receive(receive), Answer::Refused(Refusal::Duplicate { .. })) => {
                *self.repeats.entry(receive.order.key.clone()).or_default() += 1;
            }
            (Request::Amend(amend), Answer::Accepted(accepted)) => {
                let key = amend.order.key.clone();
                self.orders.insert(key.clone(), amend.document.clone());
                let before = self.revisions.insert(key, accepted.state.revision).unwrap_or(1);
                assert!(accepted.state.revision > before, "{request:?}");
                let made_for = accepted.state.revision - 1;
                assert!(amend.revision.is_none_or(|revision| revision == made_for));
            }
            (Request::Cancel(cancel), Answer::Accepted(_)) => {
                let new = self.cancelled.insert(cancel.command.order.clone());
                assert!(new, "cancelled twice: {request:?}");
            }
            (Request::Amend(_) | Request::Cancel(_), Answer::Refused(Refusal::UnknownOrder)) => {
                self.strays += 1;
            }
            (Request::Fulfil(key), Answer::Accepted(_)) => {
                assert!(self.fulfilled.insert(key.clone()), "fulfilled twice: {request:?}");
            }
            (Request::AdjustStock(adjust), Answer::Stock(_)) => {
                self.once.insert(adjust.reason.to_string());
            }
            (Request::Audit(audit), Answer::Recorded) => {
                self.once.extend(audit.faults.iter().map(|fault| fault.code.to_string()));
            }
            (Request::PutRules { rules, .. }, Answer::Rules(version)) => {
                let new = self.rules.insert(*version, rules.source.clone());
                assert_eq!(new, None, "a version was given twice: {version}");
            }
            (Request::Checkpoint(_), Answer::Batch(batch)) => {
                self.batches.insert(batch.id.clone(), batch.offset);
            }
            (_, _) => {}
        }
    }
}

impl Promised {
    /// What was answered under a key is answered so for ever; nothing is done for it twice.
    fn note_once(&mut self, once: &Once, outcome: &Outcome) {
        match outcome {
            Outcome::Now { answer, kept } => {
                let kept = kept.clone().expect("every answer is kept here");
                let new = self.keys.insert(once.key.name, kept);
                assert_eq!(new, None, "a key was used twice: {once:?}");
                self.note(&once.request, answer);
            }
            Outcome::Before(answer) => {
                // A crash may have left it before anybody was answered.
                let known = self.keys.entry(once.key.name).or_insert_with(|| answer.clone());
                assert_eq!(known, answer);
            }
            Outcome::OtherContent => panic!("every key has one content here: {once:?}"),
        }
    }
}

/// What happened to each order, as the log tells it.
type Histories = BTreeMap<OrderKey, Vec<(Timestamp, Event)>>;
/// Every order, as it is found.
type Orders = BTreeMap<OrderKey, OrderView>;

/// What must hold.
impl Sim {
    fn prove(&self) {
        let log = self.changes();
        let (histories, orders) = self.prove_states(&log);
        self.prove_stock(&log, &histories);
        self.prove_promises(&log, &orders);
        let followed = self.followed.len();
        assert!(log.len() >= followed, "the follower knows more than the log");
        assert_eq!(&self.followed[..], &log[..followed], "every change once, in order");
        histories.values().flatten().for_each(|(_, event)| prove_money(event));
        if !self.driver.has_releases() {
            self.prove_nobody_waits_in_vain();
        }
    }

    /// One original a key, and every order the fold of its changes.
    fn prove_states(&self, log: &[(Seq, Change)]) -> (Histories, Orders) {
        let (mut histories, mut orders) = (Histories::new(), Orders::new());
        let mut firsts = BTreeMap::new();
        for (seq, change) in log {
            let What::Order { key, first, events, .. } = &change.what else { continue };
            match first {
                None => {
                    assert_eq!(firsts.insert(key.clone(), *seq), None, "two originals: {key:?}")
                }
                Some(first) => assert_eq!(firsts.get(key), Some(first)),
            }
            let events = events.iter().map(|event| (change.at, event.clone()));
            histories.entry(key.clone()).or_default().extend(events);
        }
        for (key, history) in &histories {
            let found = self.view(|view| view.order(&key.id, Some(&key.merchant)));
            let Ok(Found::Order(found)) = found else { panic!("{key:?} is lost: {found:?}") };
            let folded = fold(key.clone(), history.iter().map(|(at, event)| (*at, event)));
            assert_eq!(Some(&found.state), folded.as_ref());
            assert_eq!(Some(&found.seq), firsts.get(key));
            orders.insert(key.clone(), *found);
        }
        let listed = self.list(&By::All, Direction::Newest);
        assert_eq!(listed.len(), histories.len());
        (histories, orders)
    }

    fn list(&self, by: &By, way: Direction) -> Vec<(Seq, Arc<OrderState>)> {
        self.view(|view| view.list(by, way, None, 100_000)).expect("a sound log reads")
    }

    fn prove_stock(&self, log: &[(Seq, Change)], histories: &Histories) {
        let mut sums: BTreeMap<StockKey, Stock> = BTreeMap::new();
        for (_, change) in log {
            if let What::Stock { stock, on_hand, .. } = &change.what {
                sums.entry(stock.clone()).or_default().on_hand += on_hand;
            }
        }
        for (key, history) in histories {
            let events = history.iter().map(|(at, event)| (*at, event));
            for (sku, movement) in movements(key.clone(), events) {
                let key = StockKey { merchant: key.merchant.clone(), sku };
                let sum = sums.entry(key).or_default();
                *sum = Movement::apply(movement, *sum);
            }
        }
        let rows = self.view(|view| view.stock_after(None, 100)).expect("a sound log reads");
        assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), sums);
        for (key, stock) in sums {
            assert!(0 <= stock.reserved && stock.reserved <= stock.on_hand, "{key:?} {stock:?}");
            let held =
                self.list(&By::SkuStatus(key.clone(), ClaimState::Reserved), Direction::Oldest);
            let claims = held.iter().flat_map(|(_, order)| &order.claims);
            let is_held = |c: &&Claim| c.sku == key.sku && c.state == ClaimState::Reserved;
            let held: i64 = claims.filter(is_held).map(|c| c.quantity).sum();
            assert_eq!(held, stock.reserved, "{key:?}");
        }
    }

    fn prove_promises(&self, log: &[(Seq, Change)], orders: &Orders) {
        let find = |key| orders.get(key).unwrap_or_else(|| panic!("{key:?} is lost"));
        for (key, document) in &self.promised.orders {
            // A crash may leave a revision that nobody was answered for.
            let found = find(key);
            let revision = self.promised.revisions.get(key).copied().unwrap_or(1);
            assert!(found.document == *document || found.state.revision > revision, "{key:?}");
        }
        for (key, repeats) in &self.promised.repeats {
            assert!(find(key).state.repeats >= *repeats, "a repetition of {key:?} is lost");
        }
        for key in &self.promised.fulfilled {
            assert_eq!(find(key).state.status, Status::Fulfilled);
        }
        for key in &self.promised.cancelled {
            assert_eq!(find(key).state.status, Status::Cancelled);
        }
        for (key, revision) in &self.promised.revisions {
            assert!(find(key).state.revision >= *revision, "{key:?} fell back");
        }
        let strays = log.iter().filter(|(_, change)| matches!(change.what, What::Stray(_)));
        assert!(strays.count() >= self.promised.strays, "a refusal is lost");
        for (name, answer) in &self.promised.keys {
            let row = self.view(|view| view.kept(name, Timestamp(self.now)));
            let (seq, _) = row.expect("a sound log reads").expect("a key is lost");
            match self.log.change(seq).expect("a sound log reads").what {
                What::Kept(kept) => assert_eq!(kept.answer, *answer),
                other => panic!("a key's row names another change: {other:?}"),
            }
        }
        let mut texts: BTreeMap<&str, u32> = BTreeMap::new();
        for (_, change) in log {
            match &change.what {
                What::Stock { reason, .. } => *texts.entry(reason).or_default() += 1,
                What::Audit(audit) => {
                    audit.faults.iter().for_each(|f| *texts.entry(&f.code).or_default() += 1);
                }
                What::Order { .. }
                | What::Stray(_)
                | What::Flood(_)
                | What::Released { .. }
                | What::Products(_)
                | What::Customer(_)
                | What::Rules { .. }
                | What::Endpoint(_)
                | What::Replay(_)
                | What::Kept(_)
                | What::Letter(_)
                | What::Settled(_)
                | What::Sweep(_)
                | What::Batch(_) => {}
            }
        }
        assert!(texts.values().all(|times| *times == 1), "something was done twice");
        for text in &self.promised.once {
            assert!(texts.contains_key(text.as_str()), "{text} is lost");
        }
        for (version, source) in &self.promised.rules {
            let stored = self.view(|view| view.rules(*version)).expect("a sound log reads");
            assert_eq!(stored.map(|rules| rules.source.clone()).as_ref(), Some(source));
        }
        for (id, offset) in &self.promised.batches {
            let stored = self.view(|view| view.batch(id)).expect("a sound log reads");
            assert!(stored.is_some_and(|batch| batch.offset >= *offset), "{id} fell back");
        }
    }

    /// When no release is left to do, the oldest order of a queue waits because it must.
    fn prove_nobody_waits_in_vain(&self) {
        for sku in SKUS {
            let key = StockKey { merchant: merchant(), sku: Sku::parse(sku).expect("a name") };
            let stock = self.view(|view| view.stock(&key)).expect("a sound log reads");
            let free = stock.unwrap_or_default().available();
            let queue = self.view(|view| view.queue(&key, None, 100_000));
            let queue = queue.expect("a sound log reads");
            assert!(queue.is_sorted_by_key(|waiting| waiting.at));
            let claim = |waiting: &Waiting| {
                let is = |c: &&Claim| c.sku == key.sku && c.place == waiting.place;
                waiting.order.claims.iter().find(is).expect("the claim that waits").quantity
            };
            let waiting: i64 = queue.iter().map(claim).sum();
            assert_eq!(waiting, stock.unwrap_or_default().waiting, "everybody is in the queue");
            let Some(oldest) = queue.first() else { continue };
            if oldest.order.shortage != ShortagePolicy::ShipComplete {
                assert!(claim(oldest) > free, "{oldest:?} of {free}");
            }
        }
    }

    /// Both batches are through, with every item exactly once.
    fn prove_batches(&self) {
        for name in BATCHES {
            let id = BatchId::parse(name).expect("a name");
            let log = self.changes();
            let items = log.iter().filter_map(|(_, change)| item_of(&change.what));
            let items: Vec<u64> = items.filter(|i| i.batch == id).map(|i| i.index).collect();
            assert_eq!(items, (0..BATCH_ITEMS).collect::<Vec<_>>(), "{name}: each item once");
            let stored = self.view(|view| view.batch(&id)).expect("a sound log reads");
            let batch = stored.expect("the batch is there");
            assert_eq!((batch.status, batch.offset), (BatchStatus::Succeeded, BATCH_ITEMS));
            assert_eq!(batch.counts.done(), BATCH_ITEMS);
        }
    }
}

/// Lines, shipping and tax come to the total.
fn prove_money(event: &Event) {
    let Event::Priced(pricing) = event else { return };
    let Pricing { lines, shipping, effects, total: Some(total), .. } = &**pricing else { return };
    let mut sum: Money = lines.iter().filter_map(|line| line.total).sum();
    sum += shipping.unwrap_or_default();
    for effect in effects {
        match effect.target {
            Target::Line(_) => {}
            Target::Shipping | Target::Tax => sum += effect.amount,
        }
    }
    assert_eq!(sum, *total);
    for (at, line) in (0..).zip(lines) {
        let own = effects.iter().filter(|effect| effect.target == Target::Line(at));
        let own: Money = own.map(|effect| effect.amount).sum();
        assert_eq!(line.total, line.base.map(|base| base + own));
    }
}

fn merchant() -> MerchantId {
    MerchantId::parse("loja").expect("a name")
}

fn key(id: String) -> OrderKey {
    OrderKey { id: OrderId::parse(&id).expect("a name"), merchant: merchant() }
}

fn bought(
    id: String,
    lines: Vec<Line>,
    shipping: Option<Money>,
    shortage: Option<ShortagePolicy>,
    batch: Option<BatchItem>,
    document: Bytes,
) -> Request {
    let purchase = Purchase {
        customer: None,
        lines: Lines::parse(lines).expect("sound lines"),
        shipping,
        coupons: Vec::new(),
        ordered_at: None,
        shortage,
    };
    let order = Order { key: key(id), channel: Channel::Api, body: Body::Purchase(purchase) };
    Request::Receive(Box::new(Receive {
        order,
        document,
        warnings: Vec::new(),
        batch,
        rules: None,
    }))
}
