//! What clients ask: orders that repeat, change and are called off, stock that comes and goes,
//! rules, products, input that is none, and what people do about dead letters.

use std::sync::Arc;

use bytes::Bytes;
use domain::command::{self, AdjustStock, BelowReserved, StockChange};
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{BatchItem, Body, Channel, Line, Lines, Order, Purchase};
use domain::stock::ShortagePolicy;
use service::catalogue::Product;
use service::change::{Audit, Fault, Origin, Seq};
use service::ledger::{Amend, Answer, Cancel, Receive, Request};
use service::letters::{How, Settle};
use service::once::{Key, Once, Render};
use service::wire::rules;

use crate::dice::Dice;

pub(crate) const SKUS: [&str; 4] = ["PEN", "CAP", "GUM", "TEA"];
/// Most units of a line.
pub(crate) const QUANTITY_MAX: i128 = 4;
/// Orders that clients ask for; few, so that they meet.
const ORDERS: u64 = 40;

/// A dead letter, and the order that is redriven with it when a step failed.
pub(crate) type Open = (Seq, Option<OrderKey>);

/// What has been asked so far, as far as it is asked again.
#[derive(Default)]
pub(crate) struct Asks {
    texts: u64,
    /// Requests under a key, at most one a key.
    keyed: Vec<Request>,
}

pub(crate) fn merchant() -> MerchantId {
    MerchantId::parse("loja").expect("a name")
}

pub(crate) fn key(id: String) -> OrderKey {
    OrderKey { id: OrderId::parse(&id).expect("a name"), merchant: merchant() }
}

pub(crate) fn stock(sku: &str) -> StockKey {
    StockKey { merchant: merchant(), sku: Sku::parse(sku).expect("a name") }
}

impl Asks {
    /// One call; `letters` are the dead letters that are open.
    pub(crate) fn call(&mut self, dice: &mut Dice, letters: &[Open]) -> Vec<Request> {
        (0..1 + dice.below(4)).map(|_| self.any(dice, letters)).collect()
    }

    /// A request, every eighth under a key: a new one, or one that was sent before with it.
    fn any(&mut self, dice: &mut Dice, letters: &[Open]) -> Request {
        if !dice.one_in(8) {
            return self.request(dice, letters);
        }
        if dice.one_in(2) && !self.keyed.is_empty() {
            return self.keyed[dice.index(self.keyed.len())].clone();
        }
        let name = self.keyed.len() as u8;
        let render = Render(Arc::new(|answer: &Answer| Some(format!("{answer:?}").into())));
        let (key, request) = (Key { name: [name; 32], content: [0; 32] }, self.request(dice, &[]));
        let once = Request::Once(Box::new(Once { key, request, render }));
        self.keyed.push(once.clone());
        once
    }

    fn request(&mut self, dice: &mut Dice, letters: &[Open]) -> Request {
        let id = format!("o{}", dice.below(ORDERS));
        match dice.below(28) {
            0..11 => order(dice, id, None),
            11..15 => self.adjust(dice),
            15..17 => Request::Fulfil(key(id)),
            17 => self.input(dice),
            18 => product(dice),
            19 => rule_set(dice),
            20..23 => amend(dice, id, None),
            23..25 => self.cancel(dice, None),
            25 => Request::Redrive(key(id)),
            _ if letters.is_empty() => self.adjust(dice),
            _ => settle(dice, letters),
        }
    }

    /// A text that is nobody else's.
    fn text(&mut self) -> String {
        self.texts += 1;
        format!("text {}", self.texts)
    }

    fn input(&mut self, dice: &mut Dice) -> Request {
        let text = self.text();
        Request::Audit(Box::new(Audit {
            order: Some(key(format!("o{}", dice.below(ORDERS))).id),
            merchant: None,
            channel: Channel::Api,
            batch: None,
            faults: vec![Fault { pointer: "".into(), code: text.as_str().into() }],
            origin: Origin::of(None, b"{"),
            document: Bytes::from_static(b"{"),
        }))
    }

    fn adjust(&mut self, dice: &mut Dice) -> Request {
        let change = match dice.below(4) {
            0 => StockChange::To(dice.below(20) as i64),
            1 => StockChange::By(-(dice.below(6) as i64)),
            _ => StockChange::By(dice.below(25) as i64),
        };
        let below_reserved =
            if dice.one_in(2) { BelowReserved::ReleaseNewest } else { BelowReserved::Refuse };
        let (stock, reason) = (stock(sku(dice)), self.text().into());
        Request::AdjustStock(AdjustStock { stock, change, below_reserved, reason })
    }

    pub(crate) fn cancel(&mut self, dice: &mut Dice, batch: Option<BatchItem>) -> Request {
        let (order, reason) = (key(format!("o{}", dice.below(ORDERS))), Some(self.text().into()));
        let command = command::Cancel { order, reason, channel: Channel::Api, batch };
        Request::Cancel(Box::new(Cancel { command, document: None }))
    }

    /// Every seventh item of a batch is invalid, every fifth repeats the one before, every eleventh
    /// amends an order and every thirteenth cancels one.
    pub(crate) fn item(&mut self, dice: &mut Dice, batch: &BatchId, index: u64) -> Request {
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
            (10, _) => amend(dice, format!("o{}", index * 7 % ORDERS), Some(item)),
            (_, 12) => self.cancel(dice, Some(item)),
            (_, _) => order(dice, id, Some(item)),
        }
    }
}

fn sku(dice: &mut Dice) -> &'static str {
    SKUS[dice.index(SKUS.len())]
}

fn settle(dice: &mut Dice, letters: &[Open]) -> Request {
    let (letter, order) = letters[dice.index(letters.len())].clone();
    let (how, with) = match order {
        _ if dice.one_in(4) => (How::Purged, None),
        Some(order) => (How::Redriven, Some(Request::Redrive(order))),
        None => (How::Redriven, None),
    };
    Request::Settle(Box::new(Settle { letter, how, with }))
}

fn product(dice: &mut Dice) -> Request {
    let key = stock(sku(dice));
    let price = Some(UnitPrice(dice.below(5_000_000) as i64));
    Request::PutProducts(vec![Product { key, description: "".into(), category: None, price }])
}

fn rule_set(dice: &mut Dice) -> Request {
    let effect = format!(r#"{{"type": "order_percentage_off", "percent": {}}}"#, dice.below(100));
    let json = format!(r#"[{{"id": "off", "effect": {effect}}}]"#);
    let rules = rules::parse(json.as_bytes(), 0, 2).expect("sound rules");
    Request::PutRules { rules: Arc::new(rules), installed: dice.one_in(2) }
}

fn order(dice: &mut Dice, id: String, batch: Option<BatchItem>) -> Request {
    let mut lines = Vec::new();
    for _ in 0..1 + dice.below(3) {
        lines.push(Line {
            sku: stock(sku(dice)).sku,
            quantity: 1 + dice.below(QUANTITY_MAX as u64) as i64,
            unit_price: (!dice.one_in(4)).then(|| UnitPrice(dice.below(9_000_000) as i64)),
        });
    }
    let policies = [ShortagePolicy::ShipComplete, ShortagePolicy::Reject];
    let purchase = Purchase {
        customer: None,
        lines: Lines::parse(lines).expect("sound lines"),
        shipping: dice.one_in(2).then(|| Money(dice.below(2_000) as i64)),
        coupons: Vec::new(),
        ordered_at: None,
        shortage: policies.get(dice.below(6) as usize).copied(),
    };
    let document = format!("{id}{}", dice.below(2)).into();
    let order = Order { key: key(id), channel: Channel::Api, body: Body::Purchase(purchase) };
    let (warnings, rules) = (Vec::new(), None);
    Request::Receive(Box::new(Receive { order, document, warnings, batch, rules }))
}

fn amend(dice: &mut Dice, id: String, batch: Option<BatchItem>) -> Request {
    let Request::Receive(receive) = order(dice, id, batch) else { panic!("an order") };
    let Receive { order, document, warnings, batch, rules: _ } = *receive;
    let revision = dice.one_in(4).then(|| 1 + dice.below(3) as u32);
    Request::Amend(Box::new(Amend { order, document, warnings, batch, revision }))
}
