//! What every ledger must do, as one suite: whoever implements [`Ledger`] calls [`run`].
//!
//! Everything is looked at twice: as soon as it was answered, and after the ledger was closed and
//! opened again on what it had written. Failures are panics that say what was expected.
//!
//! Never: knowledge of how a ledger works inside, or a wait that its answer does not need.

mod batches;
mod catalogue;
mod changes;
mod commands;
mod find;
mod letters;
mod once;
mod orders;
mod steps;
mod stock;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::command::{self, AdjustStock, BelowReserved, StockChange};
use domain::id::{BatchId, CustomerId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{BatchItem, Body, Channel, Line, Lines, Order, Purchase, Transfer};
use domain::stock::{ShortagePolicy, Stock};
use domain::time::Timestamp;

use crate::change::{Audit, Change, Fault, Origin, Seq};
use crate::ledger::{
    Accepted, Amend, Answer, Cancel, Found, Ledger, OrderView, Receive, Request, Task,
};
use crate::memory::Clock;

pub use self::steps::steps;

/// A ledger that can be closed and opened again.
pub trait Subject {
    /// The ledger, open.
    fn ledger(&self) -> &dyn Ledger;
    /// Closes it and opens it again on what it has written.
    fn reopen(&mut self);
    /// One of how many questions of a kind that there are very many of is asked. All of them,
    /// unless each is a call over a network.
    fn asks_one_in(&self) -> usize {
        1
    }
}

/// Runs the suite; `make` makes an empty ledger with the default policies, a currency of two
/// decimals and the external steps of [`steps`], which takes its time from the clock handed in.
pub fn run(make: impl Fn(Clock) -> Box<dyn Subject>) {
    let stories: [(&str, Story); 11] = [
        ("orders", orders::run),
        ("commands", commands::run),
        ("once", once::run),
        ("steps", steps::run),
        ("stock", stock::run),
        ("catalogue", catalogue::run),
        ("batches", batches::run),
        ("webhooks", webhooks::run),
        ("find", find::run),
        ("changes", changes::run),
        ("letters", letters::run),
    ];
    for (name, story) in stories {
        let begun = Instant::now();
        story(&mut Stage { make: &|| make(ticking()), subject: make(ticking()) });
        println!("{name}: {} ms", begun.elapsed().as_millis());
    }
}

/// A clock that never stands still: a millisecond a look.
#[must_use]
pub fn ticking() -> Clock {
    let now = AtomicI64::new(1_767_225_600_000_000);
    Arc::new(move || Timestamp(now.fetch_add(1_000, Ordering::Relaxed)))
}

/// Waits for a task on this thread, whatever runs it.
pub fn wait<T>(mut task: Task<'_, T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match task.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// One part of the suite.
type Story = fn(&mut Stage<'_>);

/// A ledger being asked.
struct Stage<'a> {
    make: &'a dyn Fn() -> Box<dyn Subject>,
    subject: Box<dyn Subject>,
}

impl Stage<'_> {
    /// Goes on with an empty ledger.
    fn afresh(&mut self) {
        self.subject = (self.make)();
    }

    fn ledger(&self) -> &dyn Ledger {
        self.subject.ledger()
    }

    fn say(&self, requests: Vec<Request>) -> Vec<Answer> {
        let asked = requests.len();
        let answers = wait(self.ledger().execute(requests)).expect("the ledger is available");
        assert_eq!(answers.len(), asked, "one answer each");
        answers
    }

    fn one(&self, request: Request) -> Answer {
        self.say(vec![request]).pop().expect("one answer")
    }

    fn accepted(&self, request: Request) -> Accepted {
        match self.one(request) {
            Answer::Accepted(accepted) => accepted,
            other => panic!("not accepted: {other:?}"),
        }
    }

    fn reopen(&mut self) {
        self.subject.reopen();
    }

    /// Looks now, and again after the ledger was closed and opened.
    fn twice(&mut self, look: impl Fn(&dyn Ledger)) {
        look(self.ledger());
        self.reopen();
        look(self.ledger());
    }

    /// What follows from an answer (free stock given out) may come a moment after it.
    fn until(&self, what: &str, come: impl Fn(&dyn Ledger) -> bool) {
        let begun = Instant::now();
        while !come(self.ledger()) {
            assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn view(ledger: &dyn Ledger, id: &str) -> OrderView {
    match ledger.order(&order_id(id), None).expect("the ledger reads") {
        Found::Order(view) => *view,
        other => panic!("{id} is no order: {other:?}"),
    }
}

fn stock_of(ledger: &dyn Ledger, sku: &str) -> Option<(i64, i64, i64)> {
    let stock = ledger.stock_of(&stock_key("loja", sku)).expect("the ledger reads");
    stock.map(|Stock { on_hand, reserved, waiting }| (on_hand, reserved, waiting))
}

fn all_changes(ledger: &dyn Ledger) -> Vec<(Seq, Change)> {
    ledger.read(None, 10_000).expect("the log reads")
}

fn order_id(id: &str) -> OrderId {
    OrderId::parse(id).expect("a name")
}

fn merchant(id: &str) -> MerchantId {
    MerchantId::parse(id).expect("a name")
}

fn batch_id(id: &str) -> BatchId {
    BatchId::parse(id).expect("a name")
}

fn sku(id: &str) -> Sku {
    Sku::parse(id).expect("a name")
}

fn order_key(seller: &str, id: &str) -> OrderKey {
    OrderKey { id: order_id(id), merchant: merchant(seller) }
}

fn stock_key(seller: &str, id: &str) -> StockKey {
    StockKey { merchant: merchant(seller), sku: sku(id) }
}

fn fault(pointer: &str, code: &str) -> Fault {
    Fault { pointer: pointer.into(), code: code.into() }
}

/// An order to place, to be varied.
#[derive(Clone)]
struct Place {
    seller: &'static str,
    id: String,
    /// SKU, quantity, price in cents.
    lines: Vec<(&'static str, i64, Option<i64>)>,
    customer: Option<&'static str>,
    channel: Channel,
    shortage: Option<ShortagePolicy>,
    batch: Option<(&'static str, u64)>,
    document: Bytes,
}

/// One pen for 1.50, by `loja`.
fn place(id: &str) -> Place {
    Place {
        seller: "loja",
        id: id.to_owned(),
        lines: vec![("PEN", 1, Some(150))],
        customer: None,
        channel: Channel::Api,
        shortage: None,
        batch: None,
        document: format!("{{\"order_id\": \"{id}\"}}\r\n").into(),
    }
}

impl Place {
    fn lines(self, lines: &[(&'static str, i64, Option<i64>)]) -> Self {
        Self { lines: lines.to_vec(), ..self }
    }

    fn seller(self, seller: &'static str) -> Self {
        Self { seller, ..self }
    }

    fn batch(self, batch: &'static str, index: u64) -> Self {
        Self { batch: Some((batch, index)), channel: Channel::Batch, ..self }
    }

    fn receive(self) -> Receive {
        let line = |(id, quantity, cents): (&str, i64, Option<i64>)| {
            let unit_price = cents.map(|cents| UnitPrice(cents * 10_000));
            Line { sku: sku(id), quantity, unit_price }
        };
        let lines = self.lines.iter().copied().map(line).collect();
        let purchase = Purchase {
            customer: self.customer.map(|id| CustomerId::parse(id).expect("a name")),
            lines: Lines::parse(lines).expect("sound lines"),
            shipping: None,
            coupons: Vec::new(),
            ordered_at: None,
            shortage: self.shortage,
        };
        let body = Body::Purchase(purchase);
        Receive {
            order: Order { key: order_key(self.seller, &self.id), channel: self.channel, body },
            document: self.document,
            warnings: Vec::new(),
            batch: self.batch.map(|(id, index)| BatchItem { batch: batch_id(id), index, at: None }),
            rules: None,
        }
    }

    fn amend(self) -> Amend {
        let Receive { order, document, warnings, batch, rules: _ } = self.receive();
        Amend { order, document, warnings, batch, revision: None }
    }

    fn request(self) -> Request {
        Request::Receive(Box::new(self.receive()))
    }
}

/// Calls an order of `loja` off.
fn cancel(id: &str) -> Request {
    let order = order_key("loja", id);
    let reason = Some("too late".into());
    let command = command::Cancel { order, reason, channel: Channel::Web, batch: None };
    Request::Cancel(Box::new(Cancel { command, document: None }))
}

fn transfer(id: &str, amount: Money) -> Request {
    let body =
        Body::Transfer(Transfer { amount, from_account: "1".into(), to_account: "2".into() });
    Request::Receive(Box::new(Receive {
        order: Order { key: order_key("loja", id), channel: Channel::Atm, body },
        document: Bytes::from_static(b"{}"),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    }))
}

fn audit(id: Option<&str>, seller: Option<&str>, code: &str) -> Audit {
    let document = Bytes::from_static(b"\xef\xbb\xbf{not json");
    Audit {
        order: id.map(order_id),
        merchant: seller.map(merchant),
        channel: Channel::Api,
        batch: None,
        faults: vec![fault("/items", code)],
        origin: Origin::of(Some("key:1".into()), &document),
        document,
    }
}

fn adjust(seller: &str, id: &str, change: StockChange, below_reserved: BelowReserved) -> Request {
    let reason = "counted".into();
    Request::AdjustStock(AdjustStock {
        stock: stock_key(seller, id),
        change,
        below_reserved,
        reason,
    })
}

fn count(id: &str, units: i64) -> Request {
    adjust("loja", id, StockChange::To(units), BelowReserved::Refuse)
}

fn restock(id: &str, units: i64) -> Request {
    adjust("loja", id, StockChange::By(units), BelowReserved::Refuse)
}
