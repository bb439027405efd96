//! `comanda quote`: what an order would come to, without placing it.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::cli::Store;
use crate::client::Client;
use crate::render::{self, cell};
use crate::spoken::word;

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
        (word!("word-order"), text("/order_id")),
        (word!("word-merchant"), text("/merchant_id")),
        (word!("word-would-be"), text("/status_label")),
        (word!("word-because"), text("/rejection/code")),
        (word!("word-total"), format!("{} {}", text("/total"), text("/currency"))),
    ]);
    let rows = |pointer: &str| quote.pointer(pointer).and_then(Value::as_array).cloned();
    let section = |title: &str, pointer: &str, columns: &[render::Column]| {
        if let Some(rows) = rows(pointer).filter(|rows| !rows.is_empty()) {
            render::say(format_args!("\n{title}").to_string().trim_end());
            render::table(&rows, columns);
        }
    };
    let columns = [
        (word!("word-sku"), "/sku", false),
        (word!("word-quantity"), "/quantity", true),
        (word!("word-unit-price"), "/unit_price", true),
        (word!("word-base"), "/base", true),
        (word!("word-total"), "/total", true),
        (word!("word-would-be"), "/status_label", false),
    ];
    section("", "/lines", &columns);
    let effects = effects(quote);
    if !effects.is_empty() {
        render::say(format_args!("\n{}", word!("said-why")));
        let columns = [
            (word!("word-rule"), "/rule", false),
            (word!("word-on"), "/on", false),
            (word!("word-amount"), "/amount", true),
        ];
        render::table(&effects, &columns);
    }
    let columns = [
        (word!("word-sku"), "/sku", false),
        (word!("word-wanted"), "/wanted", true),
        (word!("word-available"), "/available", true),
    ];
    section(word!("said-short"), "/shortages", &columns);
    let columns =
        [(word!("word-where"), "/pointer", false), (word!("word-what"), "/message", false)];
    section(word!("said-warnings"), "/warnings", &columns);
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
    all.extend(of(&quote["pricing"]["shipping"], word!("said-shipping").into()));
    all.extend(of(&quote["pricing"]["tax"], word!("said-tax").into()));
    all
}
