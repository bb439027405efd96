//! What the engine's tests share: opening a store, asking it, and orders to ask with.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::id::{MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::order::{Body, Channel, Line, Lines, Order, Purchase};
use domain::time::Timestamp;
use engine::{Engine, Options};
use service::change::What;
use service::conformance::{ticking, wait};
use service::ledger::{Answer, Changes, Ledger, Receive, Request, Unavailable};
use service::memory::Clock;

pub(crate) fn options() -> Options {
    Options { min_free_bytes: 0, ..Options::new(ticking()) }
}

pub(crate) fn open(dir: &Path) -> Engine {
    Engine::open(dir, options()).expect("the store opens")
}

pub(crate) fn without_index(dir: &Path) {
    std::fs::remove_dir_all(dir.join("index")).expect("the projection is deleted");
}

pub(crate) fn say(ledger: &dyn Ledger, requests: Vec<Request>) -> Result<Vec<Answer>, Unavailable> {
    wait(ledger.execute(requests))
}

pub(crate) fn one(ledger: &dyn Ledger, request: Request) -> Result<Answer, Unavailable> {
    say(ledger, vec![request]).map(|mut answers| answers.pop().expect("one answer"))
}

pub(crate) fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted(_))
}

pub(crate) fn is_duplicate(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(domain::event::Refusal::Duplicate { .. }))
}

pub(crate) fn merchant() -> MerchantId {
    MerchantId::parse("loja").expect("a name")
}

pub(crate) fn order_id(id: &str) -> OrderId {
    OrderId::parse(id).expect("a name")
}

pub(crate) fn key(id: &str) -> OrderKey {
    OrderKey { id: order_id(id), merchant: merchant() }
}

pub(crate) fn pen() -> StockKey {
    StockKey { merchant: merchant(), sku: Sku::parse("PEN").expect("a name") }
}

/// One pen, with a document of so many bytes.
pub(crate) fn order(id: &str, document_bytes: usize) -> Request {
    let line = Line { sku: pen().sku, quantity: 1, unit_price: None };
    let purchase = Purchase {
        customer: None,
        lines: Lines::parse(vec![line]).expect("sound lines"),
        shipping: None,
        coupons: Vec::new(),
        ordered_at: None,
        shortage: None,
    };
    Request::Receive(Box::new(Receive {
        order: Order { key: key(id), channel: Channel::Api, body: Body::Purchase(purchase) },
        document: vec![b'd'; document_bytes].into(),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    }))
}

pub(crate) fn adjust(stock: StockKey, change: StockChange, newest: bool) -> Request {
    let below_reserved = if newest { BelowReserved::ReleaseNewest } else { BelowReserved::Refuse };
    Request::AdjustStock(AdjustStock { stock, change, below_reserved, reason: "counted".into() })
}

pub(crate) fn pens(units: i64) -> Request {
    adjust(pen(), StockChange::To(units), false)
}

/// The ids of all orders in the log, in the order they came in.
pub(crate) fn originals(ledger: &dyn Changes) -> Vec<String> {
    let (mut cursor, mut ids) = (None, Vec::new());
    loop {
        let some = ledger.read(cursor, 10_000).expect("the log reads");
        let Some((last, _)) = some.last() else { return ids };
        cursor = Some(*last);
        for (_, change) in &some {
            if let What::Order { key, first: None, .. } = &change.what {
                ids.push(key.id.to_string());
            }
        }
    }
}

/// A clock that is set by hand.
pub(crate) fn by_hand(now: &Arc<AtomicI64>) -> Clock {
    let now = now.clone();
    Arc::new(move || Timestamp(now.load(Ordering::Relaxed)))
}
