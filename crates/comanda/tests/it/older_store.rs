//! Stores that earlier versions wrote: opened, proved, read back, and gone on with.
//!
//! The first one's fixture has every kind of change that version knew: products, stock, rules, orders in every
//! state, duplicates, a batch with rules of its own, an invalid document. What that version said
//! of it is beside it. The second's has what it knew besides: amendments, cancellations, refusals,
//! strays, a key.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{Home, priced_order, run};

/// Orders and stock as the first version listed them.
const SAID: &str = include_str!("../fixtures/store-1.tsv");
/// As the second did.
const SECOND_SAID: &str = include_str!("../fixtures/store-2.tsv");

fn older_store() -> Home {
    unpacked("store-1")
}

fn unpacked(fixture: &str) -> Home {
    let home = Home::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let fixture = fixtures.join(format!("{fixture}.tar.gz"));
    let mut tar = std::process::Command::new("tar");
    let unpacked = run(tar.arg("xzf").arg(fixture).arg("-C").arg(home.path("")));
    assert_eq!(unpacked.code, 0, "{}", unpacked.err);
    home
}

fn said(home: &Home) -> BTreeSet<String> {
    let row = |kind: &str, row: &Value, fields: [&str; 4]| {
        let cell = |field: &str| match &row[field] {
            Value::String(text) => text.clone(),
            Value::Null => "None".to_owned(),
            other => other.to_string(),
        };
        format!("{kind}\t{}", fields.map(cell).join("\t"))
    };
    let list = |command: &str| home.run(&[command, "list", "--limit", "1000", "--json"]).json();
    let (orders, stock) = (list("orders"), list("stock"));
    let orders = orders["orders"].as_array().into_iter().flatten();
    let orders = orders.map(|o| row("order", o, ["merchant_id", "order_id", "status", "total"]));
    let stock = stock["stock"].as_array().into_iter().flatten();
    orders
        .chain(stock.map(|s| row("stock", s, ["merchant_id", "sku", "on_hand", "reserved"])))
        .collect()
}

fn expected(said: &str) -> BTreeSet<String> {
    said.lines().map(str::to_owned).collect()
}

fn check(home: &Home) {
    home.examine();
    assert_eq!(said(home), expected(SAID));
    let order = home.run(&["orders", "show", "W-1", "--json"]).json();
    assert_eq!((&order["status"], &order["total"]), (&"FULFILLED".into(), &"7.50".into()));
    let history = order["history"].as_array().map_or(0, Vec::len);
    assert!(history >= 3, "{order:#}");
    let batch = home.run(&["batch", "show", "B-1", "--json"]).json();
    let (net, repeated) = (&batch["totals"]["net"], &batch["by_reason"]["duplicate"]);
    assert_eq!((net, repeated), (&"31080.57".into(), &5.into()), "{batch:#}");
    // Its invalid documents are listed, with the length and hash that the first version left out.
    let audits = home.run(&["audits", "list", "--json"]).json();
    let audits = audits["audits"].as_array().cloned().unwrap_or_default();
    assert!(!audits.is_empty());
    for audit in &audits {
        let whole = audit["document_kept"] == true && audit["bytes"].as_u64() > Some(0);
        assert!(whole && audit["hash"].as_str().map_or(0, str::len) == 64, "{audit:#}");
    }
    let rules = home.run(&["rules", "show"]).json();
    assert_eq!(rules["source"]["rules"].as_array().map(Vec::len), Some(8));
}

#[test]
fn a_store_of_the_first_version_is_opened_proved_and_gone_on_with() {
    let home = older_store();
    check(&home);
    let format = std::fs::read_to_string(home.store().join("FORMAT")).expect("it says");
    assert_ne!(format.trim(), "comanda store 1", "it is one of this version now");
    let order = home.file("o", priced_order("NEW-1", "PEN", "1.50")).display().to_string();
    assert_eq!(home.run(&["orders", "place", &order]).code, 0);
    let again = home.file("o", priced_order("W-1", "PEN", "1.50")).display().to_string();
    assert_eq!(home.run(&["orders", "place", &again]).code, 3, "old ids are known");
    home.examine();
}

#[test]
fn its_projection_made_again_from_its_log_says_the_same() {
    let home = older_store();
    std::fs::remove_dir_all(home.store().join("index")).expect("the projection is gone");
    check(&home);
    let home = older_store();
    std::fs::write(home.store().join("index/VERSION"), "0").expect("written");
    check(&home);
}

#[test]
fn a_backup_of_it_is_restored_as_one_of_this_version() {
    let home = older_store();
    let backup = home.path("b").display().to_string();
    assert_eq!(home.run(&["backup", &backup]).code, 0);
    let format = std::fs::read_to_string(home.store().join("FORMAT")).expect("it says");
    assert_eq!(format.trim(), "comanda store 1", "a backup changes nothing");
    std::fs::remove_dir_all(home.store()).expect("the store is lost");
    let restored = home.run(&["restore", &backup]);
    assert_eq!(restored.code, 0, "{}", restored.err);
    check(&home);
}

#[test]
fn a_store_of_the_second_version_is_opened_proved_and_gone_on_with() {
    let home = unpacked("store-2");
    let events = |home: &Home, id: &str| {
        let order = home.run(&["orders", "show", id, "--json"]).json();
        let history = order["history"].as_array().cloned().unwrap_or_default();
        let name = |event: &Value| event["event"].as_str().unwrap_or_default().to_owned();
        history.iter().map(name).collect::<Vec<_>>()
    };
    for index in ["kept", "made again"] {
        if index != "kept" {
            std::fs::remove_dir_all(home.store().join("index")).expect("the projection is gone");
        }
        home.examine();
        assert_eq!(said(&home), expected(SECOND_SAID), "the projection is {index}");
        let amended = ["amended", "priced", "allocated", "filled"];
        assert_eq!(events(&home, "W-2")[3..], amended);
        let cancelled = ["received", "priced", "allocated", "cancelled", "refused"];
        assert_eq!(events(&home, "W-1"), cancelled);
    }
    assert_eq!(home.run(&["orders", "cancel", "W-4"]).code, 0);
    home.examine();
}
