//! One notice a transition and channel, the same whenever it is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use domain::command::{self, AdjustStock, BelowReserved, StockChange};
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::money::Money;
use domain::notice::{Notice, Notices};
use domain::order::{BatchItem, Channel as Origins};
use domain::state::Status;
use domain::time::Timestamp;

use super::*;
use crate::change::{Audit, Fault, Flood, Origin};
use crate::ledger::{Amend, Answer, Cancel, Changes, Receive, Request};
use crate::memory::{MemoryLedger, MemoryLog};
use crate::serial;
use crate::wire::document::{self, Command};

const MINUTE: i64 = 60_000_000;

/// A ledger whose clock is set by hand.
struct World {
    ledger: Arc<MemoryLedger>,
    now: Arc<AtomicI64>,
}

impl World {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_000 * MINUTE));
        let clock = now.clone();
        let clock = Arc::new(move || Timestamp(clock.fetch_add(1, Ordering::Relaxed)));
        let settings = serial::Settings { exponent: 2, ..serial::Settings::default() };
        let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock).unwrap();
        Self { ledger: Arc::new(ledger), now }
    }

    fn ask(&self, request: Request) -> Answer {
        pollster::block_on(self.ledger.execute(vec![request])).unwrap().remove(0)
    }

    fn send(&self, document: &str) {
        let read = document::read(document.as_bytes(), &documents()).unwrap();
        let document = Bytes::copy_from_slice(document.as_bytes());
        let (warnings, batch) = (Vec::new(), None);
        let answer = match read.command {
            Command::Create(order) => {
                let rules = None;
                let receive = Receive { order, document, warnings, batch, rules };
                self.ask(Request::Receive(Box::new(receive)))
            }
            Command::Amend(order) => {
                let amend = Amend { order, document, warnings, batch, revision: None };
                self.ask(Request::Amend(Box::new(amend)))
            }
            Command::Cancel(order) => {
                let command =
                    command::Cancel { order, reason: None, channel: Origins::Api, batch: None };
                self.ask(Request::Cancel(Box::new(Cancel { command, document: None })))
            }
        };
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
    }

    fn count(&self, sku: &str, units: i64) {
        let stock =
            StockKey { merchant: MerchantId::parse("m").unwrap(), sku: Sku::parse(sku).unwrap() };
        let adjust = AdjustStock {
            stock,
            change: StockChange::To(units),
            below_reserved: BelowReserved::ReleaseNewest,
            reason: "counted".into(),
        };
        assert!(matches!(self.ask(Request::AdjustStock(adjust)), Answer::Stock(_)));
    }

    fn audit(&self, code: &str, batch: Option<&str>, merchant: Option<&str>) -> Seq {
        let index = 0;
        let item = |id| BatchItem { batch: BatchId::parse(id).unwrap(), index, at: None };
        let audit = Audit {
            order: OrderId::parse("bad").ok(),
            merchant: merchant.map(|id| MerchantId::parse(id).unwrap()),
            channel: Origins::Api,
            batch: batch.map(item),
            faults: vec![Fault { pointer: "/items".into(), code: code.into() }],
            origin: Origin::of(None, b"{"),
            document: Bytes::from_static(b"{"),
        };
        self.ask(Request::Audit(Box::new(audit)));
        self.ledger.read(None, 10_000).unwrap().pop().unwrap().0
    }

    /// What is told of the whole log: what, of which revision, by which id.
    fn told(&self) -> Vec<(&'static str, u32, Box<str>)> {
        let mut told = Vec::new();
        for (seq, change) in self.ledger.read(None, 10_000).unwrap() {
            for occasion in occasions(&*self.ledger, seq, &change, all()).unwrap() {
                let Subject::Order { revision, .. } = occasion.subject else { continue };
                told.push((occasion.notice.as_str(), revision, occasion.id("log")));
            }
        }
        told
    }
}

fn all() -> Notices {
    Notice::ALL.iter().map(|(notice, _)| *notice).collect()
}

fn documents() -> document::Settings {
    document::Settings::new(MerchantId::parse("m").unwrap())
}

fn rule(merchants: &[&str]) -> Rule {
    Rule {
        on: all(),
        merchants: merchants.iter().map(|id| MerchantId::parse(id).unwrap()).collect(),
        channels: vec![Channel::Log],
        language: None,
        every_minutes: 5,
    }
}

const ORDER: &str = r#"{"id": "o1", "customer": {"name": "Ana", "email": "ana@mail.example"},
    "items": [{"sku": "PEN", "description": "Caneta", "quantity": 1, "price": "1.50"}]}"#;

/// The order with so many pens, as an amendment.
fn amended(quantity: u32) -> String {
    let wanted = format!("\"quantity\": {quantity}");
    ORDER.replace("\"quantity\": 1", &wanted).replacen(
        '{',
        "{\"order_status\":\"Alterar Pedido\",",
        1,
    )
}

#[test]
fn each_transition_of_each_revision_is_told_once_however_often_it_comes_back() {
    let world = World::new();
    world.count("PEN", 1);
    world.send(ORDER);
    world.count("PEN", 0);
    world.count("PEN", 1);
    world.count("PEN", 0);
    world.count("PEN", 1);
    world.send(&amended(2));
    world.count("PEN", 2);
    world.send(r#"{"id": "o1", "order_status": "Cancela Pedido"}"#);
    let told = world.told();
    let names: Vec<(&str, u32)> =
        told.iter().map(|(name, revision, _)| (*name, *revision)).collect();
    let expected = [
        ("order.received", 1),
        ("order.completed", 1),
        ("stock.pending", 1),
        ("order.completed", 1),
        ("stock.pending", 1),
        ("order.completed", 1),
        ("order.amended", 2),
        ("stock.pending", 2),
        ("order.completed", 2),
        ("order.cancelled", 2),
    ];
    assert_eq!(names, expected);
    let ids: BTreeSet<&str> = told.iter().map(|(_, _, id)| &**id).collect();
    assert_eq!(ids.len(), told.len(), "no two have one id");
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    assert_eq!(world.told(), told, "whoever asks again hears the same");
}

#[test]
fn an_id_is_of_its_channel_and_does_not_change() {
    let occasion = Occasion {
        notice: Notice::OrderCompleted,
        seq: Seq(28),
        at: Timestamp(0),
        subject: Subject::Order {
            key: OrderKey {
                id: OrderId::parse("o1").unwrap(),
                merchant: MerchantId::parse("m").unwrap(),
            },
            revision: 1,
            event: 2,
        },
    };
    let ids = ["log", "email:customer", "email:ops@shop.example"].map(|way| occasion.id(way));
    assert_eq!(BTreeSet::from(ids.clone()).len(), 3);
    // Receivers keep these: they may never be made in another way.
    assert_eq!(&*ids[1], "764c51dd5c39e63f14d429b5f7db4014");
}

#[test]
fn a_message_says_what_was_true_when_its_change_happened() {
    let world = World::new();
    world.count("PEN", 5);
    world.send(ORDER);
    world.send(&amended(2));
    world.send(r#"{"id": "o1", "order_status": "Cancela Pedido"}"#);
    let orders: Vec<Seq> = world.ledger.read(None, 100).unwrap()[1..].iter().map(|c| c.0).collect();
    let facts = |at: usize| {
        let first = (at > 0).then_some(orders[0]);
        order_facts(&*world.ledger, &documents(), orders[at], first).unwrap()
    };
    let [received, amended, cancelled] = [0, 1, 2].map(facts);
    assert_eq!((received.state.status, received.state.revision), (Status::Completed, 1));
    assert_eq!((received.lines[0].quantity, received.lines[0].total), (1, Some(Money(150))));
    assert_eq!(received.lines[0].description.as_deref(), Some("Caneta"));
    assert_eq!((amended.lines[0].quantity, amended.goods), (2, Some(Money(300))));
    assert_eq!((cancelled.state.status, cancelled.state.revision), (Status::Cancelled, 2));
    assert_eq!(cancelled.addressee.email.as_deref(), Some("ana@mail.example"));
}

#[test]
fn a_flood_of_bad_input_is_one_message_a_window() {
    let world = World::new();
    let rule = rule(&[]);
    let window = Window::of(Timestamp(world.now.load(Ordering::Relaxed)), 5);
    let mut seqs: Vec<Seq> = (0..40).map(|_| world.audit("required", None, None)).collect();
    seqs.push(world.audit("bad_date", None, None));
    let flood = Flood {
        source: "key:1".into(),
        since: window.from,
        count: 1_000,
        bytes: 7,
        first: [0; 32],
        last: [0; 32],
    };
    world.ask(Request::Flood(Box::new(flood)));
    world.now.store(window.until.0, Ordering::Relaxed);
    let next = world.audit("required", None, None);
    // Asked in order, or by a follower that starts anywhere after a crash: the same is first.
    for from in [0, 1, 20] {
        let digests = Digests::new(world.ledger.clone());
        let firsts: Vec<Seq> = seqs[from..]
            .iter()
            .copied()
            .filter(|seq| digests.is_first(&rule, 0, window, *seq).unwrap())
            .collect();
        assert_eq!(firsts, if from == 0 { vec![seqs[0]] } else { Vec::new() });
        let after = Window::of(window.until, 5);
        assert!(digests.is_first(&rule, 0, after, next).unwrap());
    }
    let digest = Digests::new(world.ledger.clone()).gather(&rule, window, seqs[0]).unwrap();
    assert_eq!((digest.count, digest.at_least), (1_041, false));
    assert_eq!(digest.codes, [("required".into(), 40), ("bad_date".into(), 1)]);
    assert_eq!(digest.listed.len(), LISTED_MAX);
    assert_eq!(digest.listed[0].seq, seqs[0]);
}

#[test]
fn bad_items_of_a_batch_are_told_with_their_batch() {
    let world = World::new();
    let told = |seq: Seq, rule: &Rule| {
        let change = world.ledger.change(seq).unwrap();
        let occasions = occasions(&*world.ledger, seq, &change, all()).unwrap();
        occasions.iter().filter(|occasion| rule.tells(occasion)).count()
    };
    let (alone, batch) =
        (world.audit("required", None, Some("w")), world.audit("x", Some("b"), None));
    assert_eq!((told(alone, &rule(&[])), told(batch, &rule(&[]))), (1, 0));
    assert_eq!((told(alone, &rule(&["w"])), told(alone, &rule(&["v"]))), (1, 0));
}
