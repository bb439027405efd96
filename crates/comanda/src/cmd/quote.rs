//! `comanda quote`: what an order would come to, without placing it.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::cli::Store;
use crate::client::Client;
use crate::render::{self, cell};

pub(super) fn quote(api: &Client, store: &Store, file: &Path) -> Result<()> {
    let body = super::input(file)?;
    let quote = api.json("POST", "/v1/quotes", Some(("application/json", body)))?;
    if store.json {
        render::json(&quote)
    } else {
        show(&quote)
    }
    Ok(())
}

fn show(quote: &Value) {
    let text = |pointer| cell(quote.pointer(pointer));
    render::facts(&[
        ("Order", text("/order_id")),
        ("Merchant", text("/merchant_id")),
        ("Would be", text("/status_label")),
        ("Because", text("/rejection/code")),
        ("Total", format!("{} {}", text("/total"), text("/currency"))),
    ]);
    let rows = |pointer: &str| quote.pointer(pointer).and_then(Value::as_array).cloned();
    let section = |title: &str, pointer: &str, columns: &[render::Column]| {
        if let Some(rows) = rows(pointer).filter(|rows| !rows.is_empty()) {
            render::say(title);
            render::table(&rows, columns);
        }
    };
    let columns = [
        ("SKU", "/sku", false),
        ("Quantity", "/quantity", true),
        ("Unit price", "/unit_price", true),
        ("Base", "/base", true),
        ("Total", "/total", true),
        ("Would be", "/status_label", false),
    ];
    section("", "/lines", &columns);
    let effects = effects(quote);
    if !effects.is_empty() {
        render::say("\nWhy");
        let columns = [("Rule", "/rule", false), ("On", "/on", false), ("Amount", "/amount", true)];
        render::table(&effects, &columns);
    }
    let columns =
        [("SKU", "/sku", false), ("Wanted", "/wanted", true), ("Available", "/available", true)];
    section("\nShort", "/shortages", &columns);
    let columns = [("Where", "/pointer", false), ("What", "/message", false)];
    section("\nWarnings", "/warnings", &columns);
}

/// Every effect of every rule, with what it acts on.
fn effects(quote: &Value) -> Vec<Value> {
    let of = |value: &Value, on: Value| -> Vec<Value> {
        let effects = value["effects"].as_array().into_iter().flatten();
        effects
            .map(|e| serde_json::json!({"rule": e["rule"], "amount": e["amount"], "on": on}))
            .collect()
    };
    let lines = quote["lines"].as_array().into_iter().flatten();
    let mut all: Vec<Value> = lines.flat_map(|line| of(line, line["sku"].clone())).collect();
    all.extend(of(&quote["pricing"]["shipping"], "shipping".into()));
    all.extend(of(&quote["pricing"]["tax"], "tax".into()));
    all
}
