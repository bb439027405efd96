//! What is stored is read back as it was, and damage is noticed.

use bytes::Bytes;
use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::id::{MerchantId, Sku, StockKey};

use crate::change::{self, Change, FRAME_HEADER_BYTES, Seq, What, frame_header, records};
use crate::codec::Decoder;
use crate::conformance::{ticking, wait};
use crate::ledger::{Changes, Ledger, Receive, Request};
use crate::memory::{MemoryLedger, MemoryLog};
use crate::serial;
use crate::wire::document::{self, Command};
use crate::wire::message::Lang;

/// A ledger that has seen an order completed, one that waits, a repetition and an invalid one.
fn ledger() -> MemoryLedger {
    let settings = serial::Settings { exponent: 2, ..serial::Settings::default() };
    let ledger = MemoryLedger::open(MemoryLog::default(), settings, ticking());
    let ledger = ledger.expect("an empty log is sound");
    let merchant = MerchantId::parse("shop").expect("a name");
    let stock = StockKey { merchant: merchant.clone(), sku: Sku::parse("P").expect("a name") };
    let (change, below_reserved) = (StockChange::To(2), BelowReserved::Refuse);
    let counted = AdjustStock { stock, change, below_reserved, reason: "counted".into() };
    let settings = document::Settings::new(merchant);
    let order = |id: &str| {
        let document = format!(
            r#"{{"id": "{id}", "customerId": "c", "coupons": ["X"], "notes": "ç",
                "items": [{{"sku": "P", "quantity": 2, "price": "1.5"}}]}}"#,
        );
        let read = document::read(document.as_bytes(), &settings).expect("a valid order");
        let Command::Create(order) = read.command else { panic!("an order to place") };
        let document = Bytes::from(document);
        let receive = Receive { order, document, warnings: vec![], batch: None, rules: None };
        Request::Receive(Box::new(receive))
    };
    let requests = vec![Request::AdjustStock(counted), order("a"), order("b"), order("a")];
    wait(ledger.execute(requests)).expect("the ledger is available");
    ledger
}

/// The bodies of every record.
fn bodies() -> Vec<Vec<u8>> {
    let changes = ledger().read(None, 100).expect("the log reads");
    assert!(changes.len() > 3);
    changes.iter().map(|(_, change)| encoded(change)).collect()
}

fn encoded(change: &Change) -> Vec<u8> {
    let mut bytes = Vec::new();
    change::encode(change, &mut bytes);
    bytes
}

#[test]
fn mutated_records_are_refused_or_come_back_the_same() {
    fuzz::check_all(bodies(), |bytes| {
        let Ok(change) = change::decode(&Bytes::copy_from_slice(bytes)) else { return };
        let again = change::decode(&encoded(&change).into()).expect("what was written is read");
        assert_eq!(again, change);
    });
}

#[test]
fn a_mutated_frame_is_the_one_that_was_written_or_none() {
    let frame = ledger().log().0;
    let header = frame_header(&frame, 0).expect("a frame");
    let whole = FRAME_HEADER_BYTES + header.payload as usize;
    let payload = frame.get(FRAME_HEADER_BYTES..whole).expect("a whole frame").to_vec();
    let position = FRAME_HEADER_BYTES as u64;
    let sound: Vec<(Seq, Vec<u8>)> = records(&payload, position)
        .expect("sound records")
        .into_iter()
        .map(|(seq, body)| (seq, body.to_vec()))
        .collect();
    fuzz::check_all(vec![payload], move |bytes| {
        if let Ok(found) = records(bytes, position) {
            // A checksum knows its place: nothing moves, and nothing changes.
            let same = found.iter().zip(&sound).all(|(a, b)| a.0 == b.0 && a.1 == b.1);
            assert!(found.len() <= sound.len() && same, "a record that nobody wrote");
        }
    });
}

#[test]
fn mutated_states_are_refused_or_come_back_the_same() {
    let ledger = ledger();
    let key = |what: &What| match what {
        What::Order { key, .. } => Some(key.clone()),
        _ => None,
    };
    let changes = ledger.read(None, 100).expect("the log reads");
    let keys = changes.iter().filter_map(|(_, change)| key(&change.what));
    let states = keys.filter_map(|key| {
        let found = ledger.order(&key.id, Some(&key.merchant)).expect("it is found");
        let crate::ledger::Found::Order(view) = found else { return None };
        let mut bytes = Vec::new();
        change::encode_state(&view.state, &mut bytes);
        Some(bytes)
    });
    fuzz::check_all(states.collect(), |bytes| {
        let Ok(state) = change::decode_state(&mut Decoder(bytes)) else { return };
        let mut written = Vec::new();
        change::encode_state(&state, &mut written);
        let again = change::decode_state(&mut Decoder(&written)).expect("it is read");
        assert_eq!(again, state);
    });
}

#[test]
fn a_language_depends_on_what_is_asked_for_and_on_no_spelling() {
    fuzz::check("accept-language", |bytes| {
        let Ok(header) = std::str::from_utf8(bytes) else { return };
        let asked = Lang::from_accept_language(header);
        assert_eq!(Lang::from_accept_language(&header.to_ascii_uppercase()), asked);
        let unknown = format!("xx;q=1,{header},tlh");
        assert_eq!(Lang::from_accept_language(&unknown), asked, "{unknown}");
        let unwanted = format!("{header},pt;q=0,es;q=0.000");
        assert_eq!(Lang::from_accept_language(&unwanted), asked, "{unwanted}");
    });
}
