//! One history that chance finds seldom: stock that comes in while stock is being given out.

use bytes::Bytes;
use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::order::{Body, Channel, Line, Lines, Order, Purchase};
use domain::state::Status;
use domain::stock::ShortagePolicy;
use domain::time::Timestamp;
use service::ledger::{Found, Ledger, Receive, Request};
use service::serial::Settings;

use crate::asks::{key, stock};
use crate::ledger::{End, SimLedger};

#[test]
fn stock_that_comes_in_while_a_release_is_under_way_is_offered_from_the_start() {
    let ledger = SimLedger::new(Settings { exponent: 2, ..Settings::default() });
    commit(&ledger, vec![pens(StockChange::To(0))]);
    let mut orders = vec![wants("first".to_owned(), 10)];
    orders.extend((0..299).map(|n| wants(format!("o{n}"), 1)));
    commit(&ledger, orders);
    commit(&ledger, vec![pens(StockChange::By(5))]);
    commit(&ledger, Vec::new());
    assert!(ledger.has_releases(), "one step does not look at everybody");
    commit(&ledger, vec![pens(StockChange::By(10))]);
    while ledger.has_releases() {
        commit(&ledger, Vec::new());
    }
    let first = ledger.view(|view| view.order(&key("first".to_owned()).id, None));
    assert!(matches!(first, Found::Order(order) if order.state.status == Status::Completed));
}

fn commit(ledger: &SimLedger, requests: Vec<Request>) {
    let catalogue = ledger.catalogue();
    let answers = ledger.commit(Timestamp(1), &[requests], &catalogue, End::Committed);
    assert!(answers.is_some(), "nothing fails here");
}

fn pens(change: StockChange) -> Request {
    let (stock, below_reserved) = (stock("PEN"), BelowReserved::Refuse);
    Request::AdjustStock(AdjustStock { stock, change, below_reserved, reason: "".into() })
}

fn wants(id: String, quantity: i64) -> Request {
    let line = Line { sku: stock("PEN").sku, quantity, unit_price: None };
    let purchase = Purchase {
        customer: None,
        lines: Lines::parse(vec![line]).expect("sound lines"),
        shipping: None,
        coupons: Vec::new(),
        ordered_at: None,
        shortage: Some(ShortagePolicy::Partial),
    };
    let order = Order { key: key(id), channel: Channel::Api, body: Body::Purchase(purchase) };
    Request::Receive(Box::new(Receive {
        order,
        document: Bytes::new(),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    }))
}
