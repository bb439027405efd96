//! What an endpoint is told, by which ids, and in how many bytes.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use domain::id::{BatchId, MerchantId, OrderId};
use domain::order::{BatchItem, Channel};
use serde_json::{Value, json};
use service::change::{Audit, Fault, Origin};
use service::ledger::{Answer, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial;
use service::webhooks::message::BYTES_MAX;
use service::webhooks::replay::plan;
use service::webhooks::{Command, EndpointId, Scheme};
use service::wire::document;

use super::*;
use crate::reach::Reach;

struct World {
    shared: Arc<Webhooks>,
}

fn merchant(id: &str) -> MerchantId {
    MerchantId::parse(id).unwrap()
}

impl World {
    fn new() -> Self {
        let now = AtomicI64::new(1_767_225_600_000_000);
        let clock: Clock = Arc::new(move || Timestamp(now.fetch_add(1_000, Ordering::Relaxed)));
        let settings = serial::Settings { exponent: 2, ..serial::Settings::default() };
        let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock.clone()).unwrap();
        let documents = document::Settings::new(merchant("m"));
        let shared = Webhooks {
            ledger: Arc::new(ledger),
            client: Client::new(Reach::Anywhere, clock.clone()).unwrap(),
            secrets: Secrets::of([7; 32]),
            messages: message::Settings { documents, currency: "BRL".into() },
            timeout: Duration::from_secs(1),
            clock,
            attempts: Attempts::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    fn ledger(&self) -> &dyn Ledger {
        &*self.shared.ledger
    }

    fn ask(&self, request: Request) -> Answer {
        pollster::block_on(self.ledger().execute(vec![request])).unwrap().remove(0)
    }

    fn place(&self, id: &str, seller: &str, lines: usize) {
        let item =
            |n| json!({"sku": format!("A-RATHER-LONG-SKU-{n}"), "quantity": 1, "price": "1.50"});
        let items: Vec<Value> = (0..lines).map(item).collect();
        let sent = json!({"id": id, "merchant_id": seller, "customerId": "Ana", "items": items});
        let document = Bytes::from(sent.to_string());
        let read = document::read(&document, &self.shared.messages.documents).unwrap();
        let document::Command::Create(order) = read.command else { panic!("no order") };
        let (warnings, batch, rules) = (Vec::new(), None, None);
        let receive = Receive { order, document, warnings, batch, rules };
        let answer = self.ask(Request::Receive(Box::new(receive)));
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
    }

    fn audit(&self, batch: Option<&str>) {
        let index = 0;
        let item = |id| BatchItem { batch: BatchId::parse(id).unwrap(), index, at: None };
        let audit = Audit {
            order: OrderId::parse("bad").ok(),
            merchant: None,
            channel: Channel::Api,
            batch: batch.map(item),
            faults: vec![Fault { pointer: "/items".into(), code: "required".into() }],
            origin: Origin::of(None, b"{"),
            document: Bytes::from_static(b"{"),
        };
        self.ask(Request::Audit(Box::new(audit)));
    }

    fn sink(&self, kinds: &[&str], sellers: &[&str]) -> Webhook {
        let terms = service::webhooks::Terms {
            url: "https://example.com/".into(),
            description: "".into(),
            kinds: kinds.iter().map(|kind| Box::from(*kind)).collect(),
            merchants: sellers.iter().map(|id| merchant(id)).collect(),
            per_second: None,
            concurrency: 3,
        };
        let id = EndpointId::parse(&format!("ep_{}", fastrand::u32(..))).unwrap();
        let add = Command::Add { id, terms, scheme: Scheme::V1 };
        match self.ask(Request::Webhook(Box::new(add))) {
            Answer::Endpoint(Ok(endpoint)) => Webhook::new(endpoint, self.shared.clone()),
            other => panic!("{other:?}"),
        }
    }

    fn told(&self, sink: &Webhook) -> Vec<Delivery> {
        let Begin::Behind(after) = sink.begins() else { panic!("it begins somewhere else") };
        let changes = self.ledger().read(Some(after), 10_000).unwrap();
        changes.iter().flat_map(|(seq, change)| sink.select(*seq, change).unwrap()).collect()
    }

    fn body(&self, delivery: &Delivery) -> Value {
        let body =
            body(self.ledger(), &self.shared.messages, delivery.seq, &delivery.kind).unwrap();
        assert!(body.len() <= BYTES_MAX);
        serde_json::from_slice(&body).unwrap()
    }
}

fn kinds(told: &[Delivery]) -> Vec<(&str, &str)> {
    told.iter().map(|d| (&*d.kind, d.order.as_ref().map_or("", |key| key.id.as_str()))).collect()
}

#[test]
fn an_endpoint_is_told_what_it_asked_for_of_the_sellers_it_named() {
    let world = World::new();
    world.place("before", "m", 1);
    let all = world.sink(&["*"], &[]);
    let some = world.sink(&["order.completed", "order.invalid"], &["w"]);
    world.place("o1", "m", 1);
    world.place("o2", "w", 1);
    world.audit(None);
    world.audit(Some("b"));
    let completed = |id| [("order.received", id), ("order.completed", id)];
    let everything = [&completed("o1")[..], &completed("o2"), &[("order.invalid", "")]].concat();
    assert_eq!(kinds(&world.told(&all)), everything);
    let expected = [("order.completed", "o2"), ("order.invalid", "")];
    assert_eq!(kinds(&world.told(&some)), expected);
}

#[test]
fn what_is_told_again_has_the_ids_it_had() {
    let world = World::new();
    let (sink, other) = (world.sink(&["*"], &[]), world.sink(&["*"], &[]));
    (0..300).for_each(|n| world.place(&format!("o{n}"), "m", 1));
    let first = world.told(&sink);
    assert_eq!(first.len(), 600);
    assert_eq!(first, world.told(&sink), "asked again, it is the same");
    let theirs = world.told(&other);
    assert!(first.iter().zip(&theirs).all(|(mine, theirs)| mine.id != theirs.id));
    let plan = plan(world.ledger(), &sink.endpoint.id, Timestamp(0), Timestamp(i64::MAX)).unwrap();
    for replay in plan.replays {
        world.ask(Request::Webhook(Box::new(Command::Replay(replay))));
    }
    let twice = world.told(&sink);
    assert_eq!(twice[600..], first, "the same deliveries, of the same changes");
    assert_eq!(world.told(&other), theirs, "nobody else is told again");
}

#[test]
fn a_message_says_what_happened_and_names_no_person() {
    let world = World::new();
    let sink = world.sink(&["*"], &[]);
    world.place("o/1", "m", 2);
    world.audit(None);
    let told = world.told(&sink);
    let bodies: Vec<Value> = told.iter().map(|delivery| world.body(delivery)).collect();
    let line = |n| {
        let sku = format!("A-RATHER-LONG-SKU-{n}");
        json!({"sku": sku, "quantity": 1, "status": "UNTRACKED", "total": "1.50"})
    };
    let time = bodies[1]["timestamp"].clone();
    assert_eq!(
        bodies[1],
        json!({
            "type": "order.completed",
            "timestamp": time,
            "data": {
                "merchant_id": "m", "order_id": "o/1", "revision": 1, "status": "COMPLETED",
                "channel": "api", "currency": "BRL", "total": "3.00", "lines_count": 2,
                "lines": [line(0), line(1)],
                "links": {"order": "/v1/orders/o%2F1?merchant_id=m"},
            },
        })
    );
    assert_eq!(bodies[2]["data"]["violations"], json!([{"pointer": "/items", "code": "required"}]));
    assert!(bodies.iter().all(|body| !body.to_string().contains("Ana")));
}

#[test]
fn an_order_of_a_thousand_lines_is_told_without_them() {
    let world = World::new();
    let sink = world.sink(&["order.completed"], &[]);
    world.place("large", "m", 1_000);
    let body = world.body(&world.told(&sink)[0]);
    assert_eq!(
        (&body["data"]["lines_count"], &body["data"]["total"]),
        (&json!(1_000), &json!("1500.00"))
    );
    assert!(body["data"].get("lines").is_none());
}
