//! Broken and repeated documents.

use std::collections::HashSet;

use serde_json::Value;

use super::super::fault::{break_document, faults};
use super::super::random::{Random, Stream};
use super::super::{Kind, Options};
use super::{options, text};

/// Whether a document is one a strict reader takes: right types, whole quantities, known status.
fn is_valid(kind: Kind, line: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(line) else {
        return false;
    };
    let text = |name: &str| document[name].as_str();
    match kind {
        Kind::Transfer => {
            let digits = |name| text(name).is_some_and(|a| a.bytes().all(|b| b.is_ascii_digit()));
            text("id").is_some()
                && document["amount"].as_number().is_some_and(|a| !a.to_string().starts_with('-'))
                && digits("fromAccount")
                && digits("toAccount")
                && text("fromAccount") != text("toAccount")
        }
        Kind::Simple | Kind::Retail | Kind::Batch => {
            let items = document["items"].as_array();
            (text("order_id").is_some() || text("orderId").is_some())
                && items.is_some_and(|i| !i.is_empty())
                && items.is_some_and(|i| i.iter().all(|i| i["quantity"].as_u64() >= Some(1)))
                && matches!(text("order_status"), None | Some("Pendente"))
        }
        Kind::Catalogue | Kind::Stock | Kind::Rules => true,
    }
}

#[test]
fn so_many_are_broken_and_so_many_come_again() {
    for kind in [Kind::Simple, Kind::Retail, Kind::Transfer] {
        let dirty =
            Options { invalid_percent: 10, duplicates_percent: 5, ..options(kind, 10_000, 4) };
        let (mut seen, mut broken, mut again) = (HashSet::new(), 0, 0);
        let lines = text(&dirty);
        for line in lines.lines() {
            if is_valid(kind, line) {
                again += usize::from(!seen.insert(line));
            } else {
                broken += 1;
            }
        }
        assert_eq!(lines.lines().count(), 10_000);
        assert!((900..1_100).contains(&broken), "{kind}: {broken} broken");
        assert!((430..570).contains(&again), "{kind}: {again} repeated");
        let all = Options { invalid_percent: 0, duplicates_percent: 100, ..dirty };
        assert_eq!(text(&all).lines().collect::<HashSet<_>>().len(), 1, "the first, over and over");
    }
}

#[test]
fn every_fault_makes_a_document_invalid() {
    for (kind, name) in Kind::ALL {
        for fault in faults(kind) {
            for index in 0..50 {
                let line_kind = if kind == Kind::Batch { Kind::Retail } else { kind };
                let clean = text(&options(line_kind, index + 1, 6));
                let clean = clean.lines().last().expect("a line");
                assert!(is_valid(kind, clean), "{name}: {clean}");
                let mut out = format!("before{clean}").into_bytes();
                let random = &mut Random::at(6, Stream::Series, index);
                break_document(*fault, random, &mut out, "before".len());
                let out = String::from_utf8(out).expect("still UTF-8");
                let broken = out.strip_prefix("before").expect("what was before is untouched");
                assert!(!is_valid(kind, broken), "{name}: {broken}");
                let json = serde_json::from_str::<Value>(broken).is_ok();
                assert!(json || kind != Kind::Batch, "{name}: {broken}");
            }
        }
    }
}
