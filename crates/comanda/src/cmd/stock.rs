//! `comanda stock`: counters and what changes them.

use anyhow::Result;
use serde_json::json;

use crate::cli::{Stock, Store};
use crate::client::{Client, encode, path};
use crate::render;

pub(super) fn stock(api: &Client, store: &Store, command: Stock) -> Result<()> {
    match command {
        Stock::List { merchant, sku, limit, cursor } => {
            let parameters = [
                ("merchant_id", merchant),
                ("sku", sku),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor),
            ];
            let answer = api.json("GET", &path("/v1/stock", &parameters), None)?;
            super::page(store.json, &answer, "stock", &COLUMNS);
        }
        Stock::Adjust { sku, merchant, by, on_hand, reason, release_newest } => {
            let mut body = json!({});
            let fields = [
                ("merchant_id", merchant.map(Into::into)),
                ("delta", by.map(Into::into)),
                ("on_hand", on_hand.map(Into::into)),
                ("reason", reason.map(Into::into)),
                ("release", release_newest.then(|| "newest".into())),
            ];
            for (name, value) in fields {
                if let Some(value) = value {
                    body[name] = value;
                }
            }
            let target = format!("/v1/stock/{}/adjustments", encode(&sku));
            let body = ("application/json", body.to_string().into_bytes());
            let row = api.json("POST", &target, Some(body))?;
            if store.json { render::json(&row) } else { render::table(&[row], &COLUMNS) }
        }
        Stock::Import { file } => {
            super::import(api, "POST", "/v1/stock", &file, "stock counts")?;
        }
    }
    Ok(())
}

const COLUMNS: [render::Column; 6] = [
    ("Merchant", "/merchant_id", false),
    ("SKU", "/sku", false),
    ("On hand", "/on_hand", true),
    ("Reserved", "/reserved", true),
    ("Available", "/available", true),
    ("Waiting", "/waiting", true),
];
