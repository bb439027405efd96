//! `comanda orders`: look orders up, send one, amend, cancel, fulfil or redrive one.

use anyhow::Result;
use serde_json::Value;

use crate::cli::{Orders, Store};
use crate::client::{Client, encode, path};
use crate::render;
use crate::spoken::{told, word};

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
                (word!("word-order"), "/order_id", false),
                (word!("word-merchant"), "/merchant_id", false),
                (word!("word-status"), "/status_label", false),
                (word!("word-total"), "/total", true),
                (word!("word-channel"), "/channel", false),
                (word!("word-received"), "/received_at", false),
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
        Orders::Amend { id, file, merchant } => {
            let base = format!("/v1/orders/{}", encode(&id));
            let address = path(&base, &[("merchant_id", merchant)]);
            let body = ("application/merge-patch+json", super::input(&file)?);
            let answer = api.json("PATCH", &address, Some(body))?;
            if store.json { render::json(&answer) } else { placed(&answer) }
        }
        Orders::Cancel { id, merchant, reason } => {
            let base = format!("/v1/orders/{}/cancel", encode(&id));
            let body = reason.map(|reason| serde_json::json!({"reason": reason}).to_string());
            let body = body.map(|body| ("application/json", body.into_bytes()));
            let answer = api.json("POST", &path(&base, &[("merchant_id", merchant)]), body)?;
            if store.json { render::json(&answer) } else { placed(&answer) }
        }
        Orders::Fulfil { id, merchant } => {
            let base = format!("/v1/orders/{}/fulfil", encode(&id));
            let answer = api.json("POST", &path(&base, &[("merchant_id", merchant)]), None)?;
            if store.json { render::json(&answer) } else { placed(&answer) }
        }
        Orders::Redrive { id, merchant } => {
            let base = format!("/v1/orders/{}/redrive", encode(&id));
            let answer = api.json("POST", &path(&base, &[("merchant_id", merchant)]), None)?;
            if store.json { render::json(&answer) } else { placed(&answer) }
        }
    }
    Ok(())
}

fn text(value: &Value, pointer: &str) -> String {
    render::cell(value.pointer(pointer))
}

/// What it waits for, in words; nothing when it waits for nothing.
fn waits_for(order: &Value) -> String {
    let waiting = &order["waiting_for"];
    if let Some(step) = waiting["step"].as_str() {
        return told!("said-waits-step", step = step, since = text(waiting, "/since"));
    }
    let Some(products) = waiting["products"].as_array() else { return String::new() };
    let product = |row: &Value| format!("{} × {}", text(row, "/quantity"), text(row, "/sku"));
    let products = products.iter().map(product).collect::<Vec<_>>().join(", ");
    told!("said-waits-stock", products = products)
}

fn placed(answer: &Value) {
    let fields = ["/order_id", "/merchant_id", "/status", "/total"];
    let texts: Vec<String> = fields.iter().map(|pointer| text(answer, pointer)).collect();
    render::say(texts.join("  ").trim_end());
}

/// Why an order was turned down: a step's own words, else the code.
fn rejection(order: &Value) -> String {
    let history = order["history"].as_array().map_or(&[][..], Vec::as_slice);
    let last = history.iter().rfind(|entry| entry["event"] == "rejected");
    let Some(entry) = last.filter(|_| order["status"] == "REJECTED") else { return String::new() };
    let of = |field: &str| text(entry, &format!("/details/{field}"));
    match of("step") {
        step if step.is_empty() => of("code"),
        step => format!("{step}: {}", of("reason")),
    }
}

fn show(order: &Value) {
    let status = format!("{} ({})", text(order, "/status_label"), text(order, "/status"));
    let held = if order["failure"].is_object() { "/failure" } else { "/waiting_for" };
    let of = |field: &str| text(order, &format!("{held}/{field}"));
    let error = if held == "/failure" { of("error") } else { of("last_error") };
    render::facts(&[
        (word!("word-order"), text(order, "/order_id")),
        (word!("word-merchant"), text(order, "/merchant_id")),
        (word!("word-status"), status),
        (word!("word-waits-for"), waits_for(order)),
        (word!("word-failed-at"), text(order, "/failure/step")),
        (word!("word-attempts"), of("attempts")),
        (word!("word-last-error"), error),
        (word!("word-next-try"), of("next_try")),
        (word!("word-reason"), rejection(order)),
        (word!("word-kind"), text(order, "/kind")),
        (word!("word-channel"), text(order, "/channel")),
        (word!("word-customer"), text(order, "/customer_id")),
        (word!("word-batch"), text(order, "/batch/batch_id")),
        (word!("word-received"), text(order, "/received_at")),
        (word!("word-total"), text(order, "/total")),
        (word!("word-repeats"), text(order, "/repeats")),
    ]);
    let rows = |pointer: &str| {
        order.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    if !rows("/lines").is_empty() {
        render::say("");
        let columns = [
            (word!("word-sku"), "/sku", false),
            (word!("word-quantity"), "/quantity", true),
            (word!("word-unit-price"), "/unit_price", true),
            (word!("word-base"), "/base", true),
            (word!("word-total"), "/total", true),
            (word!("word-status"), "/status_label", false),
        ];
        render::table(&rows("/lines"), &columns);
    }
    render::say("");
    let columns = [
        (word!("word-when"), "/at", false),
        (word!("word-what"), "/event_label", false),
        (word!("word-sequence"), "/sequence", true),
    ];
    render::table(&rows("/history"), &columns);
}
