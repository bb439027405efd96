//! `comanda audits`: input that was no order.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::{Audits, Store};
use crate::client::{Client, encode, path};
use crate::render::{self, cell};
use crate::spoken::{told, word};

pub(super) fn audits(api: &Client, store: &Store, command: Audits) -> Result<()> {
    match command {
        Audits::List { merchant, code, from, until, limit, cursor } => {
            let parameters = [
                ("merchant_id", merchant),
                ("code", code),
                ("from", from),
                ("until", until),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor),
            ];
            let mut answer = api.json("GET", &path("/v1/audits", &parameters), None)?;
            if !store.json {
                let rows = answer["audits"].as_array_mut().into_iter().flatten();
                rows.for_each(|row| row["what"] = what(row).into());
            }
            let columns = [
                (word!("word-audit-sequence"), "/sequence", false),
                (word!("word-when"), "/at", false),
                (word!("word-source"), "/source", false),
                (word!("word-order"), "/order_id", false),
                (word!("word-merchant"), "/merchant_id", false),
                (word!("word-bytes"), "/bytes", true),
                (word!("word-what"), "/what", false),
            ];
            super::page(store.json, &answer, "audits", &columns);
        }
        Audits::Show { sequence } => {
            let target = format!("/v1/audits/{}", encode(&sequence));
            let audit = api.json("GET", &target, None)?;
            if store.json { render::json(&audit) } else { show(&audit) }
        }
    }
    Ok(())
}

/// The codes of what was wrong, or how many were only counted.
fn what(row: &Value) -> String {
    if let Some(count) = row["count"].as_u64() {
        return told!("said-only-counted", count = count.to_string());
    }
    let violations = row["violations"].as_array().into_iter().flatten();
    let mut codes: Vec<&str> = violations.filter_map(|v| v["code"].as_str()).collect();
    codes.dedup();
    codes.join(" ")
}

fn show(audit: &Value) {
    let text = |pointer| cell(audit.pointer(pointer));
    let counted = audit.get("count").map(|_| what(audit)).unwrap_or_default();
    render::facts(&[
        (word!("word-audit-sequence"), text("/sequence")),
        (word!("word-when"), text("/at")),
        (word!("word-source"), text("/source")),
        (word!("word-order"), text("/order_id")),
        (word!("word-merchant"), text("/merchant_id")),
        (word!("word-channel"), text("/channel")),
        (word!("word-batch"), text("/batch/batch_id")),
        (word!("word-item"), text("/batch/index")),
        (word!("word-documents"), counted),
        (word!("word-since"), text("/since")),
        (word!("word-bytes"), text("/bytes")),
        (word!("word-blake3"), text("/hash")),
        (word!("word-blake3-first"), text("/first_hash")),
        (word!("word-blake3-last"), text("/last_hash")),
    ]);
    render::violations(audit);
    let document = match (&audit["document"], &audit["document_text"]) {
        (Value::Null, Value::Null) if audit["document_kept"] == json!(false) => {
            Some(told!("said-no-document"))
        }
        (Value::Null, Value::Null) => None,
        // Control characters of hostile documents must not reach the terminal.
        (Value::Null, text) => Some(cell(Some(text))),
        (json, _) => Some(format!("{json:#}")),
    };
    if let Some(document) = document {
        render::say(format_args!("\n{document}"));
    }
}
