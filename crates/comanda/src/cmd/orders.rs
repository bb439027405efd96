//! `comanda orders`: look orders up, send one, fulfil one.

use anyhow::Result;
use serde_json::Value;

use crate::cli::{Orders, Store};
use crate::client::{Client, encode, path};
use crate::render;

pub(super) fn orders(api: &Client, store: &Store, command: Orders) -> Result<()> {
    match command {
        Orders::List {
            status,
            merchant,
            customer,
            sku,
            line_status,
            batch,
            from,
            until,
            limit,
            cursor,
        } => {
            let parameters = [
                ("status", status),
                ("merchant_id", merchant),
                ("customer_id", customer),
                ("sku", sku),
                ("line_status", line_status),
                ("batch_id", batch),
                ("from", from),
                ("until", until),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor),
            ];
            let answer = api.json("GET", &path("/v1/orders", &parameters), None)?;
            let columns = [
                ("Order", "/order_id", false),
                ("Merchant", "/merchant_id", false),
                ("Status", "/status", false),
                ("Total", "/total", true),
                ("Channel", "/channel", false),
                ("Received", "/received_at", false),
            ];
            super::page(store.json, &answer, "orders", &columns);
        }
        Orders::Show { id, merchant } => {
            let base = format!("/v1/orders/{}", encode(&id));
            let order = api.json("GET", &path(&base, &[("merchant_id", merchant)]), None)?;
            if store.json { render::json(&order) } else { show(&order) }
        }
        Orders::Document { id, merchant, revision } => {
            let base = format!("/v1/orders/{}/document", encode(&id));
            let revision = revision.map(|revision| revision.to_string());
            let parameters = [("merchant_id", merchant), ("revision", revision)];
            render::bytes(&api.bytes(&path(&base, &parameters))?)?;
        }
        Orders::Place { file } => {
            let body = super::input(&file)?;
            let answer = api.json("POST", "/v1/orders", Some(("application/json", body)))?;
            if store.json { render::json(&answer) } else { placed(&answer) }
        }
        Orders::Fulfil { id, merchant } => {
            let base = format!("/v1/orders/{}/fulfil", encode(&id));
            let answer = api.json("POST", &path(&base, &[("merchant_id", merchant)]), None)?;
            if store.json { render::json(&answer) } else { placed(&answer) }
        }
    }
    Ok(())
}

fn text(value: &Value, pointer: &str) -> String {
    render::cell(value.pointer(pointer))
}

fn placed(answer: &Value) {
    let fields = ["/order_id", "/merchant_id", "/status", "/total"];
    let texts: Vec<String> = fields.iter().map(|pointer| text(answer, pointer)).collect();
    render::say(texts.join("  ").trim_end());
}

fn show(order: &Value) {
    render::facts(&[
        ("Order", text(order, "/order_id")),
        ("Merchant", text(order, "/merchant_id")),
        ("Status", text(order, "/status")),
        ("Kind", text(order, "/kind")),
        ("Channel", text(order, "/channel")),
        ("Customer", text(order, "/customer_id")),
        ("Batch", text(order, "/batch_id")),
        ("Received", text(order, "/received_at")),
        ("Total", text(order, "/total")),
        ("Repeats", text(order, "/repeats")),
    ]);
    let rows = |pointer: &str| {
        order.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    if !rows("/lines").is_empty() {
        render::say("");
        let columns = [
            ("SKU", "/sku", false),
            ("Quantity", "/quantity", true),
            ("Unit price", "/unit_price", true),
            ("Base", "/base", true),
            ("Total", "/total", true),
            ("Status", "/status", false),
        ];
        render::table(&rows("/lines"), &columns);
    }
    render::say("");
    let columns = [("When", "/at", false), ("What", "/event", false), ("Seq", "/seq", true)];
    render::table(&rows("/history"), &columns);
}
