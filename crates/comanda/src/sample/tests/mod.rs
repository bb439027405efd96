//! What readers of sample data rely on, checked with parsers that share nothing with the writers.

mod document;
mod retail;
mod series;

use std::collections::HashSet;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use document::order;

use super::text::Date;
use super::{Kind, Options, retail_order, write};

fn options(kind: Kind, count: u64, seed: u64) -> Options {
    Options { kind, count, seed, invalid_percent: 0, duplicates_percent: 0 }
}

fn text(options: &Options) -> String {
    let mut out = Vec::new();
    write(options, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("sample data is UTF-8")
}

#[test]
fn the_bytes_are_the_same_for_ever() {
    let hashes = Kind::ALL.map(|(kind, name)| {
        let dirty =
            Options { invalid_percent: 7, duplicates_percent: 5, ..options(kind, 1_000, 42) };
        let hash = |options| xxh3_64(text(&options).as_bytes());
        format!("{name} {:016x} {:016x}", hash(options(kind, 1_000, 42)), hash(dirty))
    });
    assert_eq!(
        hashes,
        [
            "simple 23d0b11466c72b22 1465736a8233d66a",
            "retail 25534b7c78a6d465 4d4f4c2ae6263f09",
            "transfer b35336d374db76a2 ff1dc9b2f09eb6b6",
            "batch 03488267f7d85cda 08fc6e3f016762db",
            "catalogue 87b910a6340a6daf 87b910a6340a6daf",
            "stock 0f21caa1c65e92af 0f21caa1c65e92af",
            "rules 5a4b1868f921b7db 5a4b1868f921b7db"
        ]
    );
}

#[test]
fn single_lines_look_like_this() {
    let places = [
        (Kind::Retail, 123),
        (Kind::Simple, 0),
        (Kind::Transfer, 0),
        (Kind::Catalogue, 41),
        (Kind::Stock, 41),
    ];
    let golden = include_str!("golden.jsonl");
    assert_eq!(golden.lines().count(), places.len());
    for ((kind, place), golden) in places.into_iter().zip(golden.lines()) {
        let lines = text(&options(kind, place + 1, 42));
        assert_eq!(lines.lines().last(), Some(golden));
    }
}

#[test]
fn a_seed_gives_its_own_orders_and_any_order_alone() {
    let lines = text(&options(Kind::Retail, 300, 7));
    assert_eq!(lines, text(&options(Kind::Retail, 300, 7)));
    assert_ne!(lines, text(&options(Kind::Retail, 300, 8)));
    let mut alone = Vec::new();
    for index in [0, 1, 150, 299] {
        alone.clear();
        retail_order(7, index, &mut alone);
        assert_eq!(lines.lines().nth(index as usize).map(str::as_bytes), Some(alone.as_slice()));
    }
    alone.clear();
    retail_order(u64::MAX, u64::MAX, &mut alone);
    order(std::str::from_utf8(&alone).expect("UTF-8"));
}

#[test]
fn days_are_those_of_the_calendar() {
    let mut day = jiff::civil::date(2025, 1, 1);
    for days in 20_089..24_000 {
        let mut out = Vec::new();
        Date::from_days(days).put(&mut out, "-");
        assert_eq!(String::from_utf8_lossy(&out), day.to_string());
        day = day.tomorrow().expect("the calendar goes on");
    }
}

#[test]
fn a_batch_is_one_document_with_the_retail_orders() {
    let batch =
        Options { invalid_percent: 20, duplicates_percent: 5, ..options(Kind::Batch, 500, 3) };
    let document: Value = serde_json::from_str(&text(&batch)).expect("one JSON document");
    assert_eq!(document["batchId"], "LOTE-3-500-20-5");
    assert_eq!(document["metadata"]["region"], "sudeste");
    assert_eq!(document["orders"].as_array().map(Vec::len), Some(500));
    let rules: Value = serde_json::from_str(&text(&options(Kind::Rules, 0, 0))).expect("JSON");
    assert_eq!(document["pricingRules"], rules);
    let clean = text(&options(Kind::Batch, 50, 3));
    let orders = text(&options(Kind::Retail, 50, 3));
    for (inside, line) in
        clean.lines().filter(|l| l.starts_with(r#"{"order_id"#)).zip(orders.lines())
    {
        assert_eq!(inside.trim_end_matches(','), line);
    }
    let none: Value = serde_json::from_str(&text(&options(Kind::Batch, 0, 3))).expect("JSON");
    assert_eq!(none["orders"], Value::Array(Vec::new()));
}

#[test]
fn rules_are_eight_of_which_three_have_a_condition() {
    let document: Value = serde_json::from_str(&text(&options(Kind::Rules, 0, 0))).expect("JSON");
    let rules = document["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 8);
    assert_eq!(rules.iter().filter(|rule| rule["when"].is_string()).count(), 3);
    assert_eq!(rules.iter().map(|r| r["id"].as_str()).collect::<HashSet<_>>().len(), 8);
    assert!(rules.iter().all(|rule| rule["effect"]["type"].is_string()));
}

#[test]
fn a_kind_is_found_by_its_name() {
    for (kind, name) in Kind::ALL {
        assert_eq!((name.parse(), kind.to_string().as_str()), (Ok(kind), name));
    }
    let error = "pedidos".parse::<Kind>().expect_err("no such kind");
    assert!(error.to_string().ends_with("simple retail transfer batch catalogue stock rules"));
}
