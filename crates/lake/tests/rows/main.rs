//! Rows of random histories: however the log is cut into stretches they are the same, and they
//! say what the ledger says.
#![allow(clippy::unwrap_used)]

mod history;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::id::MerchantId;
use domain::state::ClaimState;
use fastrand::Rng;
use lake::rows::{MakeRows, Rows};
use lake::scribe::{Scribe, Terms};
use lake::table::Table;
use proptest::prelude::*;
use service::change::Seq;
use service::ledger::{By, Changes, Found, Ledger, Query};
use service::memory::MemoryLedger;

use self::history::History;
use self::read::{Column, Told};

fn terms() -> Terms {
    Terms {
        exponent: 2,
        currency: "BRL".into(),
        time_zone: jiff::tz::TimeZone::UTC,
        pseudonyms: [7; 32],
    }
}

/// The rows of a whole log, taken after every `stretch` changes; begun anew, as after a restart,
/// after every third of them.
fn rows(ledger: &Arc<MemoryLedger>, mut stretch: impl FnMut() -> usize) -> Vec<Rows> {
    let begin = |until| Scribe::new(ledger.clone(), terms(), until);
    let (mut scribe, mut taken) = (begin(0), Vec::new());
    let mut left = stretch();
    for (seq, change) in ledger.read(None, usize::MAX).unwrap() {
        scribe.push(seq, &change).unwrap();
        left -= 1;
        if left == 0 {
            taken.push(scribe.take());
            left = stretch();
            if taken.len() % 3 == 0 {
                scribe = begin(scribe.until());
            }
        }
    }
    taken.push(scribe.take());
    taken
}

proptest! {
    // A smaller seed is no simpler history.
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_same_however_the_log_is_cut(seed in any::<u64>()) {
        let ledger = History::play(seed);
        let whole = Told::of(&rows(&ledger, || usize::MAX));
        let mut rng = Rng::with_seed(seed);
        for most in [1, 2, 40] {
            let cut = rows(&ledger, || rng.usize(1..=most));
            for (before, after) in cut.iter().zip(&cut[1..]) {
                prop_assert_eq!(before.until, after.from);
            }
            prop_assert_eq!(&Told::of(&cut), &whole, "cut after at most {}", most);
        }
    }

    #[test]
    fn the_rows_that_nothing_supersedes_are_what_the_ledger_says(seed in any::<u64>()) {
        let ledger = History::play(seed);
        let told = Told::of(&rows(&ledger, || 1_000));
        orders_agree(&told, &ledger);
        prices_add_up(&told);
        stock_agrees(&told, &ledger);
        batches_agree(&told, &ledger);
    }
}

fn orders_agree(told: &Told, ledger: &MemoryLedger) {
    let query = Query { by: By::All, limit: 1_000, ..Query::default() };
    let known = ledger.find(&query).unwrap().orders;
    let current = told.current(Table::Orders);
    assert_eq!(current.len(), known.len(), "one version an order");
    let mut by_first: BTreeMap<i64, _> =
        current.iter().map(|row| (row.integer("first_sequence"), row)).collect();
    for (Seq(first), state) in known {
        let row = by_first.remove(&(first as i64)).expect("a row of its order");
        assert_eq!(row.text("order_id"), state.key.id.as_str());
        assert_eq!(row.text("status"), state.status.as_str());
        assert_eq!(row.integer("revision"), i64::from(state.revision));
        assert_eq!(row.cents("total"), state.total.map(|total| total.0));
        assert_eq!(row.integer("updated_at"), state.updated_at.0);
        assert_eq!(row.integer("units"), state.claims.iter().map(|c| c.quantity).sum::<i64>());
        let units = |states: &[ClaimState]| {
            let own = state.claims.iter().filter(|claim| states.contains(&claim.state));
            own.map(|claim| claim.quantity).sum::<i64>()
        };
        assert_eq!(row.integer("units_reserved"), units(&[ClaimState::Reserved]));
        let waiting = units(&[ClaimState::Waiting, ClaimState::Standby]);
        assert_eq!(row.integer("units_backordered"), waiting);
        assert_eq!(row.text("step"), state.awaits().map_or(row.text("step"), |s| s.as_str()));
        lines_agree(told, row, ledger);
    }
}

/// The lines of an order's version are those of its document, with what the API says of each.
fn lines_agree(told: &Told, order: &read::Row, ledger: &MemoryLedger) {
    let (id, merchant) = (order.text("order_id"), order.text("merchant_id"));
    let merchant = MerchantId::parse(merchant).unwrap();
    let id = domain::id::OrderId::parse(id).unwrap();
    let Found::Order(view) = ledger.order(&id, Some(&merchant)).unwrap() else { panic!("{id}") };
    let document: serde_json::Value = serde_json::from_slice(&view.document).unwrap();
    let said: Vec<(String, i64)> = document["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|item| (item["sku"].as_str().unwrap().to_owned(), item["quantity"].as_i64().unwrap()))
        .collect();
    let lines = told.of_version(Table::OrderLines, order.integer("sequence"));
    let rows: Vec<(String, i64)> =
        lines.iter().map(|row| (row.text("sku").to_owned(), row.integer("quantity"))).collect();
    assert_eq!(rows, said, "the lines of {id}");
    for row in lines {
        let claims = || view.state.claims.iter().filter(|c| c.sku.as_str() == row.text("sku"));
        let open = claims().find(|c| !c.state.is_done()).or_else(|| claims().next());
        assert_eq!(row.text("status"), open.unwrap().state.as_str());
    }
    assert_eq!(order.integer("lines"), said.len() as i64);
}

/// To the cent, in every version there ever was: total = subtotal − discount + shipping + tax, and
/// lines and rules come to the same.
fn prices_add_up(told: &Told) {
    for order in told.all(Table::Orders).iter().filter(|row| row.cents("subtotal").is_some()) {
        let cents = |name| order.cents(name).unwrap_or_default();
        let (goods, off) = (cents("subtotal"), cents("discount"));
        if let Some(total) = order.cents("total") {
            assert_eq!(total, goods - off + cents("shipping") + cents("tax"));
        }
        let sum = |rows: &[&read::Row], name| {
            rows.iter().map(|row| row.cents(name).unwrap()).sum::<i64>()
        };
        let version = order.integer("sequence");
        let lines = told.of_version(Table::OrderLines, version);
        assert_eq!((sum(&lines, "base"), sum(&lines, "total")), (goods, goods - off));
        let effects = told.of_version(Table::OrderRules, version);
        let of = |target: &str| -> Vec<&read::Row> {
            effects.iter().copied().filter(|row| row.text("target") == target).collect()
        };
        assert_eq!((sum(&of("line"), "amount"), sum(&of("tax"), "amount")), (-off, cents("tax")));
        assert!(effects.iter().all(|row| ["half", "vat", "ship"].contains(&row.text("rule_id"))));
    }
}

fn stock_agrees(told: &Told, ledger: &MemoryLedger) {
    let mut sums: BTreeMap<(String, String), [i64; 3]> = BTreeMap::new();
    for row in told.all(Table::StockMovements) {
        let key = (row.text("merchant_id").to_owned(), row.text("sku").to_owned());
        let sum = sums.entry(key).or_default();
        for (sum, name) in sum.iter_mut().zip(["on_hand", "reserved", "waiting"]) {
            *sum += row.integer(name);
        }
    }
    for (key, stock) in ledger.stock(None, 1_000).unwrap() {
        let key = (key.merchant.as_str().to_owned(), key.sku.as_str().to_owned());
        let sum = sums.remove(&key).unwrap_or_default();
        assert_eq!(sum, [stock.on_hand, stock.reserved, stock.waiting], "{key:?}");
    }
    assert!(sums.values().all(|sum| *sum == [0; 3]), "what nobody counts: {sums:?}");
}

fn batches_agree(told: &Told, ledger: &MemoryLedger) {
    let known = ledger.batches(None, 1_000).unwrap();
    let rows = told.current(Table::Batches);
    assert_eq!(rows.len(), known.len());
    for batch in known {
        let row = rows.iter().find(|row| row.text("batch_id") == batch.id.as_str()).unwrap();
        assert_eq!(row.text("status"), batch.status.as_str());
        let counts = ["succeeded", "failed", "skipped"].map(|name| row.integer(name) as u64);
        assert_eq!(counts, [batch.counts.succeeded, batch.counts.failed, batch.counts.skipped]);
    }
}

#[test]
fn every_event_and_every_input_that_was_not_taken_has_a_row() {
    let (mut seen, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..20 {
        let ledger = History::play(seed);
        let told = Told::of(&rows(&ledger, || 1_000));
        let changes = ledger.read(None, usize::MAX).unwrap();
        let events = changes.iter().map(|(_, change)| match &change.what {
            service::change::What::Order { events, .. } => events.len(),
            _ => 0,
        });
        assert_eq!(told.all(Table::OrderEvents).len(), events.sum::<usize>());
        for row in told.all(Table::OrderEvents) {
            *seen.entry(row.text("event").to_owned()).or_insert(0) += 1;
        }
        for row in told.all(Table::Rejects) {
            *kinds.entry(row.text("kind").to_owned()).or_insert(0) += 1;
        }
    }
    for event in ["received", "amended", "allocated", "filled", "cancelled", "fulfilled", "failed"]
        .into_iter()
        .chain(["unreserved", "repeated", "refused", "rejected", "redriven", "step_passed"])
    {
        assert!(seen.contains_key(event), "no {event} among {seen:?}: the histories are too tame");
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["duplicate", "flood", "invalid", "malformed", "refused", "stray"]);
}

#[test]
fn nothing_personal_of_a_document_is_in_any_row() {
    let ledger = History::play(3);
    let told = Told::of(&rows(&ledger, || 1_000));
    let all = format!("{told:?}");
    for secret in history::PERSONAL {
        assert!(!all.contains(secret), "{secret} is in the rows");
    }
    let customers = told.all(Table::Orders);
    assert!(customers.iter().any(|row| row.text("customer_id").starts_with('~')));
    assert!(customers.iter().any(|row| row.text("city") == "Recife"));
    assert!(customers.iter().any(|row| row.text("postal_prefix") == "50010"));
}

#[test]
fn a_schema_of_the_first_columns_is_what_earlier_files_have() {
    for table in Table::ALL {
        let all = table.schema();
        assert_eq!(all.fields().len(), table.columns().len());
        for columns in 0..=table.columns().len() {
            assert_eq!(table.schema_of_first(columns).fields()[..], all.fields()[..columns]);
        }
        assert_eq!(Table::parse(table.name()), Some(table));
        // What files are sorted by, and versions superseded by.
        let sequence: &Column = &table.columns()[0];
        assert_eq!((sequence.name, sequence.nullable), ("sequence", false));
    }
}
