//! Random histories in a ledger in memory: few orders and products, so that they meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use domain::command::{
    self, AdjustStock, BelowReserved, StepNews, StepReport, StockChange, Verb, Verdict,
};
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, Sku, StepName, StockKey};
use domain::order::{BatchItem, Channel};
use domain::state::Status;
use domain::time::Timestamp;
use fastrand::Rng;
use service::batch::{BatchState, BatchStatus, Counts, Tolerance};
use service::change::{Audit, Fault, Flood, Origin, Seq, Stray};
use service::conformance::{steps, wait};
use service::ledger::{Amend, By, Cancel, Ledger, Query, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial::Settings;
use service::wire::{document, rules};

/// What is in the documents and belongs in no row.
pub(crate) const PERSONAL: [&str; 7] = [
    "52998224725",
    "529.982.247-25",
    "ana.souza@mail.example",
    "Ana Souza",
    "Rua das Flores",
    "she called",
    "50010-040",
];

const SKUS: [&str; 4] = ["PEN", "CAP", "GUM", "TEA"];
/// `asks` has external steps.
const SELLERS: [&str; 3] = ["loja", "loja", "asks"];
const ORDERS: usize = 16;
const REQUESTS: usize = 200;

/// Two pens in the house.
fn count(seller: &str) -> Request {
    let (merchant, sku) = (MerchantId::parse(seller).unwrap(), Sku::parse(SKUS[0]).unwrap());
    Request::AdjustStock(AdjustStock {
        stock: StockKey { merchant, sku },
        change: StockChange::To(2),
        below_reserved: BelowReserved::Refuse,
        reason: "".into(),
    })
}

/// A history being made.
pub(crate) struct History {
    rng: Rng,
    ledger: Arc<MemoryLedger>,
    items: u64,
}

impl History {
    /// A ledger after a history: over some days, in calls of one request and more.
    pub(crate) fn play(seed: u64) -> Arc<MemoryLedger> {
        let now = AtomicI64::new(1_767_225_600_000_000);
        // An hour a look: a few days in all.
        let clock = Arc::new(move || Timestamp(now.fetch_add(3_600_000_000, Ordering::Relaxed)));
        let settings = Settings { exponent: 2, steps: steps(), ..Settings::default() };
        let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock).unwrap();
        let mut history = Self { rng: Rng::with_seed(seed), ledger: Arc::new(ledger), items: 0 };
        // Who has counted anything is short of everything else: orders wait from the beginning.
        wait(history.ledger.execute(vec![count("loja"), count("asks")])).unwrap();
        let mut left = REQUESTS;
        while left > 0 {
            let call = if history.rng.u8(..8) == 0 { history.batch() } else { history.call() };
            left = left.saturating_sub(call.len());
            wait(history.ledger.execute(call)).unwrap();
        }
        history.ledger
    }

    fn call(&mut self) -> Vec<Request> {
        (0..self.rng.usize(1..4)).map(|_| self.request(None)).collect()
    }

    /// Some items of a batch, and its checkpoint.
    fn batch(&mut self) -> Vec<Request> {
        let id = BatchId::parse("b-1").unwrap();
        let mut call: Vec<Request> = Vec::new();
        for _ in 0..self.rng.usize(1..5) {
            let item = BatchItem { batch: id.clone(), index: self.items, at: None };
            call.push(self.order(Some(item)));
            self.items += 1;
        }
        call.push(Request::Checkpoint(Box::new(BatchState {
            id,
            status: BatchStatus::Running,
            reason: None,
            started_at: Timestamp(0),
            updated_at: Timestamp(0),
            counts: Counts::default(),
            total: None,
            offset: self.items,
            hash: [0; 32],
            tolerance: Tolerance::default(),
            rules: None,
            max_concurrency: None,
            metadata: "".into(),
            spool: None,
            previous: None,
            from: Seq(0),
        })));
        call
    }

    fn request(&mut self, batch: Option<BatchItem>) -> Request {
        match self.rng.u8(..24) {
            0..5 => self.order(batch),
            5..11 => self.adjust(),
            11..14 => self.amend(),
            14 => self.cancel(),
            15..17 => Request::Fulfil(self.key()),
            17..21 => self.step(),
            21 => Request::Redrive(self.failed()),
            22 => self.rules(),
            _ => self.input(),
        }
    }

    fn key(&mut self) -> OrderKey {
        let id = format!("o{}", self.rng.usize(..ORDERS));
        let merchant = SELLERS[self.rng.usize(..SELLERS.len())];
        OrderKey {
            id: OrderId::parse(&id).unwrap(),
            merchant: MerchantId::parse(merchant).unwrap(),
        }
    }

    /// An order that external steps are asked about, if it is there.
    fn asking(&mut self) -> OrderKey {
        OrderKey { merchant: MerchantId::parse("asks").unwrap(), ..self.key() }
    }

    /// An order that has failed, if there is one.
    fn failed(&mut self) -> OrderKey {
        let query = Query { by: By::Status(Status::Failed), limit: 1, ..Query::default() };
        let found = self.ledger.find(&query).unwrap().orders.pop();
        found.map_or_else(|| self.key(), |(_, state)| state.key)
    }

    /// A document of an order, read as an intake does.
    fn document(&mut self) -> (domain::order::Order, Bytes) {
        let OrderKey { id, merchant } = self.key();
        let text = if self.rng.u8(..12) == 0 {
            format!(
                r#"{{"id": "{id}", "merchantId": "{merchant}", "amount": {},
                    "fromAccount": "1", "toAccount": "2"}}"#,
                self.rng.u32(1..10_000)
            )
        } else {
            let items: Vec<String> = (0..self.rng.usize(1..5)).map(|_| self.item()).collect();
            let shipping = if self.rng.bool() { r#""cost": 12.34,"# } else { "" };
            let customer = [
                r#""customerId": "c-7","#,
                r#""customer": {"name": "Ana Souza", "cpf": "529.982.247-25"},"#,
                r#""customer": {"name": "Ana Souza", "email": "ana.souza@mail.example"},"#,
            ][self.rng.usize(..3)];
            let policy = ["partial", "ship_complete", "reject"][self.rng.usize(..3)];
            format!(
                r#"{{"order_id": "{id}", "merchant_id": "{merchant}", {customer}
                    "order_date": "2025-12-31T21:00:00Z", "items": [{}],
                    "shortage_policy": "{policy}", "payment": {{"method": "pix"}},
                    "shipping": {{{shipping} "address": {{"street": "Rua das Flores",
                        "city": "Recife", "state": "PE", "zip_code": "50010-040"}}}}}}"#,
                items.join(", ")
            )
        };
        let settings = document::Settings::new(MerchantId::parse("loja").unwrap());
        match document::read(text.as_bytes(), &settings).unwrap().command {
            document::Command::Create(order) => (order, text.into()),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn item(&mut self) -> String {
        let sku = SKUS[self.rng.usize(..SKUS.len())];
        let price = format!("{}.{:02}", self.rng.u8(..90), self.rng.u8(..100));
        format!(r#"{{"sku": "{sku}", "quantity": {}, "price": {price}}}"#, self.rng.u8(1..5))
    }

    fn order(&mut self, batch: Option<BatchItem>) -> Request {
        let (order, document) = self.document();
        let warnings = match self.rng.u8(..4) {
            0 => vec![Fault { pointer: "/customer/cpf".into(), code: "bad_cpf".into() }],
            _ => Vec::new(),
        };
        Request::Receive(Box::new(Receive { order, document, warnings, batch, rules: None }))
    }

    fn amend(&mut self) -> Request {
        let (order, document) = self.document();
        let (warnings, batch, revision) = (Vec::new(), None, None);
        Request::Amend(Box::new(Amend { order, document, warnings, batch, revision }))
    }

    fn cancel(&mut self) -> Request {
        let (order, reason) = (self.key(), Some("she called".into()));
        let command = command::Cancel { order, reason, channel: Channel::Web, batch: None };
        Request::Cancel(Box::new(Cancel { command, document: None }))
    }

    fn adjust(&mut self) -> Request {
        let change = match self.rng.u8(..4) {
            0 => StockChange::To(self.rng.i64(0..15)),
            1 => StockChange::By(-self.rng.i64(0..12)),
            _ => StockChange::By(self.rng.i64(0..20)),
        };
        let OrderKey { merchant, .. } = self.key();
        let sku = Sku::parse(SKUS[self.rng.usize(..SKUS.len())]).unwrap();
        let refuse = self.rng.u8(..4) == 0;
        Request::AdjustStock(AdjustStock {
            stock: StockKey { merchant, sku },
            change,
            below_reserved: match refuse {
                true => BelowReserved::Refuse,
                false => BelowReserved::ReleaseNewest,
            },
            reason: "counted".into(),
        })
    }

    fn step(&mut self) -> Request {
        let order = self.asking();
        let news = match self.rng.u8(..10) {
            0 => StepNews::TakenUp,
            1 => StepNews::Said(Verdict::Refused { reason: "she called".into() }),
            2 | 3 => StepNews::Said(Verdict::Failed { error: "she called".into(), attempts: 3 }),
            4 => StepNews::Removed,
            _ => StepNews::Said(Verdict::Approved { note: Some("she called".into()) }),
        };
        let step =
            StepName::parse(["fraud", "fraud", "fraud", "erp"][self.rng.usize(..4)]).unwrap();
        let revision = 1 + self.rng.u32(..4) / 3;
        Request::Step(Box::new(StepReport { order, revision, step, news }))
    }

    fn rules(&mut self) -> Request {
        let json = format!(
            r#"[{{"id": "half", "effect": {{"type": "order_percentage_off", "percent": {}}}}},
                {{"id": "ship", "effect": {{"type": "flat_shipping", "amount": 9.99}}}},
                {{"id": "vat", "effect": {{"type": "tax", "percent": 17}}}}]"#,
            self.rng.u8(1..60)
        );
        let rules = rules::parse(json.as_bytes(), 0, 2).expect("sound rules");
        Request::PutRules { rules: Arc::new(rules), installed: true }
    }

    /// Input that is no order.
    fn input(&mut self) -> Request {
        let OrderKey { id, merchant } = self.key();
        match self.rng.u8(..4) {
            0 => Request::Flood(Box::new(Flood {
                source: "key:shop".into(),
                since: Timestamp(0),
                count: 70,
                bytes: 900,
                first: [1; 32],
                last: [2; 32],
            })),
            1 => Request::Stray(Box::new(Stray {
                key: OrderKey { id: OrderId::parse("nobody's").unwrap(), merchant },
                verb: Verb::Cancel,
                channel: Channel::Queue,
                batch: None,
                document: None,
            })),
            kind => {
                let code = if kind == 2 { "malformed" } else { "required" };
                Request::Audit(Box::new(Audit {
                    order: Some(id),
                    merchant: Some(merchant),
                    channel: Channel::Api,
                    batch: None,
                    faults: vec![Fault { pointer: "".into(), code: code.into() }],
                    origin: Origin::of(None, b"Ana Souza"),
                    document: Bytes::from_static(b"Ana Souza"),
                }))
            }
        }
    }
}
