//! What is read of messages, and that each document takes effect once.

use std::sync::Arc;

use super::*;
use crate::conformance::ticking;
use crate::ledger::{By, Changes, Query};
use crate::letters::Filter;
use crate::memory::{MemoryLedger, MemoryLog};
use crate::serial::Settings;
use crate::view::Direction;

fn ledger() -> MemoryLedger {
    let settings = Settings { exponent: 2, ..Settings::default() };
    MemoryLedger::open(MemoryLog::default(), settings, ticking()).unwrap()
}

fn intake() -> Intake {
    Intake::new("shop", document::Settings::new(MerchantId::parse("loja").unwrap()))
}

fn message(id: &str, body: &str) -> Message {
    Message {
        id: id.into(),
        receipt: super::super::Receipt("r".into()),
        body: Bytes::copy_from_slice(body.as_bytes()),
        receives: 1,
        sent_at: None,
        group: None,
    }
}

fn order(id: &str) -> String {
    format!(r#"{{"id": "{id}", "customerId": "c", "items": [{{"sku": "P", "quantity": 1}}]}}"#)
}

fn take(ledger: &MemoryLedger, message: &Message) -> Settled {
    match pollster::block_on(intake().take(ledger, message, Timestamp(0))) {
        Verdict::Settled(settled) => settled,
        Verdict::Unavailable(why) => panic!("{why}"),
    }
}

/// The one dead letter there is.
fn letter(ledger: &MemoryLedger) -> DeadLetter {
    let letters = ledger.letters(&Filter::default(), Direction::Oldest, None, 9).unwrap();
    assert_eq!(letters.rows.len(), 1);
    ledger.letter(letters.rows[0].0).unwrap().unwrap().1
}

fn parts(body: &str) -> Vec<String> {
    let items = items(&Bytes::copy_from_slice(body.as_bytes()));
    let text = |item: &Item| String::from_utf8_lossy(&item.bytes).into_owned();
    items.iter().map(|item| item.flaw.map_or_else(|| text(item), str::to_owned)).collect()
}

fn counted(accepted: u64, repeated: u64, invalid: u64, redelivered: u64) -> Settled {
    Settled { accepted, repeated, invalid, redelivered, ..Settled::default() }
}

#[test]
fn a_message_holds_one_document_an_array_or_lines() {
    assert_eq!(parts(" {\"id\": 1}\r\n"), [" {\"id\": 1}\r\n"], "byte for byte");
    assert_eq!(parts("{\n\"id\": 1\n}"), ["{\n\"id\": 1\n}"]);
    assert_eq!(parts("[{\"id\": 1} , {\"id\":2}]"), ["{\"id\": 1}", "{\"id\":2}"]);
    assert_eq!(parts("[{\"id\": 1}]"), ["{\"id\": 1}"]);
    assert_eq!(parts("{\"id\": 1}\n\n {\"id\":2} \r\n"), ["{\"id\": 1}", "{\"id\":2}"]);
    // One bad line among good ones costs itself only.
    assert_eq!(parts("{\"id\": 1,,}\n{\"id\":2}"), ["{\"id\": 1,,}", "{\"id\":2}"]);
    assert_eq!(parts("{\n\"id\": oops\n}"), ["{\n\"id\": oops\n}"]);
    assert_eq!(parts("hello"), ["hello"]);
    assert_eq!(parts("[]"), ["malformed"]);
    assert_eq!(parts(""), [""]);
    let scraps = format!("[{}1]", "1,".repeat(DOCUMENTS_PER_MESSAGE_MAX));
    assert_eq!(parts(&scraps), ["too_many_documents"]);
    let large = format!("{{\"id\": 1, \"notes\": \"{}\"}}", "x".repeat(DOCUMENT_BYTES_MAX));
    assert_eq!(parts(&large), ["too_large"]);
}

#[test]
fn a_redelivered_message_is_no_business_duplicate_and_another_with_the_same_order_is() {
    let ledger = ledger();
    let first = message("m-1", &order("o-1"));
    assert_eq!(take(&ledger, &first), counted(1, 0, 0, 0));
    let log = ledger.log_bytes();
    assert_eq!(take(&ledger, &first), counted(0, 0, 0, 1));
    assert_eq!(ledger.log_bytes(), log, "nothing was recorded");
    assert_eq!(take(&ledger, &message("m-2", &order("o-1"))), counted(0, 1, 0, 0));
    let page =
        ledger.find(&Query { by: By::Channel(Channel::Queue), limit: 9, ..Query::default() });
    let page = page.unwrap();
    assert_eq!(page.orders.len(), 1);
    assert_eq!(page.orders[0].1.repeats, 1);
}

#[test]
fn each_document_of_a_message_takes_effect_once_and_bad_ones_cost_no_neighbour() {
    let ledger = ledger();
    let body = format!("{}\n{{\"id\":\n{}\n{}", order("o-1"), order("o-1"), order("o-2"));
    let message = message("m-1", &body);
    assert_eq!(take(&ledger, &message), counted(2, 1, 1, 0));
    assert_eq!(take(&ledger, &message), counted(0, 0, 0, 4));
    let inputs = ledger.inputs(None, None, 9).unwrap();
    let change = ledger.change(inputs.seqs[0]).unwrap();
    let What::Audit(audit) = change.what else { panic!("an audit") };
    assert_eq!(audit.origin.source.as_deref(), Some("queue:shop"));
    assert_eq!((&*audit.document, audit.channel), (&b"{\"id\":"[..], Channel::Queue));
    let letter = letter(&ledger);
    let subject = Subject::Message { queue: "shop".into(), id: "m-1#2".into() };
    assert_eq!((letter.subject, &*letter.reason), (subject, "malformed"));
    assert_eq!(letter.payload.as_deref(), Some(&b"{\"id\":"[..]));
}

#[test]
fn a_message_without_an_order_id_is_recorded_and_invents_none() {
    let ledger = ledger();
    let body = r#"{"customerId": "c", "items": [{"sku": "P", "quantity": 1}]}"#;
    assert_eq!(take(&ledger, &message("m-1", body)), counted(0, 0, 1, 0));
    assert!(ledger.find(&Query { limit: 1, ..Query::default() }).unwrap().orders.is_empty());
}

#[test]
fn a_message_that_comes_again_after_its_key_is_forgotten_is_known_by_its_document() {
    let now = Arc::new(std::sync::atomic::AtomicI64::new(1));
    let clock = now.clone();
    let clock = Arc::new(move || Timestamp(clock.load(std::sync::atomic::Ordering::Relaxed)));
    let settings = Settings { exponent: 2, ..Settings::default() };
    let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock).unwrap();
    let sent_at = Some(Timestamp(0));
    let message = Message { sent_at, ..message("m-1", &order("o-1")) };
    assert_eq!(take(&ledger, &message), counted(1, 0, 0, 0));
    let again = Message { receives: 2, ..message };
    let late = Timestamp(KEPT_US + 2);
    now.store(late.0, std::sync::atomic::Ordering::Relaxed);
    let verdict = pollster::block_on(intake().take(&ledger, &again, late));
    assert_eq!(verdict, Verdict::Settled(counted(0, 0, 0, 1)));
    // Without looking, it would have been a duplicate.
    let verdict = pollster::block_on(intake().take(&ledger, &again, Timestamp(0)));
    assert_eq!(verdict, Verdict::Settled(counted(0, 1, 0, 0)));
}

#[test]
fn a_message_that_was_handed_out_too_often_is_on_record_once() {
    let ledger = ledger();
    let worn = message("m-1", &order("o-1"));
    for _ in 0..2 {
        let verdict = pollster::block_on(intake().bury(&ledger, &worn, "too_many_receives"));
        let exhausted = Settled { exhausted: 1, ..Settled::default() };
        assert_eq!(verdict, Verdict::Settled(exhausted));
    }
    let inputs = ledger.inputs(None, None, 9).unwrap();
    assert_eq!(inputs.seqs.len(), 1);
    let letter = letter(&ledger);
    assert_eq!((letter.payload, &*letter.reason), (Some(worn.body), "too_many_receives"));
}

#[test]
fn an_order_that_cannot_be_priced_is_a_dead_letter_too() {
    let ledger = ledger();
    let line = r#"{"sku": "P", "quantity": 1000000, "price": 9000000}"#;
    let body = format!(r#"{{"id": "o", "customerId": "c", "items": [{line}, {line}]}}"#);
    assert_eq!(take(&ledger, &message("m-1", &body)), counted(0, 0, 1, 0));
    let letter = letter(&ledger);
    let subject = Subject::Message { queue: "shop".into(), id: "m-1".into() };
    assert_eq!((letter.subject, &*letter.reason), (subject, "total_out_of_range"));
    assert_eq!(letter.order.unwrap().id.as_str(), "o");
}
