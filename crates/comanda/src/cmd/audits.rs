//! `comanda audits`: input that was no order.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::{Audits, Store};
use crate::client::{Client, encode, path};
use crate::render::{self, cell};

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
                ("Sequence", "/sequence", false),
                ("When", "/at", false),
                ("Source", "/source", false),
                ("Order", "/order_id", false),
                ("Merchant", "/merchant_id", false),
                ("Bytes", "/bytes", true),
                ("What", "/what", false),
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
        return format!("{count} more, only counted");
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
        ("Sequence", text("/sequence")),
        ("When", text("/at")),
        ("Source", text("/source")),
        ("Order", text("/order_id")),
        ("Merchant", text("/merchant_id")),
        ("Channel", text("/channel")),
        ("Batch", text("/batch/batch_id")),
        ("Item", text("/batch/index")),
        ("Documents", counted),
        ("Since", text("/since")),
        ("Bytes", text("/bytes")),
        ("BLAKE3", text("/hash")),
        ("BLAKE3 of the first", text("/first_hash")),
        ("BLAKE3 of the last", text("/last_hash")),
    ]);
    let violations = audit["violations"].as_array().cloned().unwrap_or_default();
    if !violations.is_empty() {
        render::say("");
        let columns =
            [("Where", "/pointer", false), ("Code", "/code", false), ("What", "/message", false)];
        render::table(&violations, &columns);
    }
    let document = match (&audit["document"], &audit["document_text"]) {
        (Value::Null, Value::Null) if audit["document_kept"] == json!(false) => {
            Some("(the document is not kept, or not any more)".to_owned())
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
