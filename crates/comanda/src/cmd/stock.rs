//! `comanda stock`: counters and what changes them.

use anyhow::Result;
use messages::id;
use serde_json::json;

use crate::cli::{Stock, Store};
use crate::client::{Client, encode, path};
use crate::render;
use crate::spoken::word;

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
            super::page(store.json, &answer, "stock", &columns());
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
            if store.json { render::json(&row) } else { render::table(&[row], &columns()) }
        }
        Stock::Import { file } => {
            super::import(api, "POST", "/v1/stock", &file, id!("said-stock-stored"))?;
        }
    }
    Ok(())
}

fn columns() -> [render::Column; 6] {
    [
        (word!("word-merchant"), "/merchant_id", false),
        (word!("word-sku"), "/sku", false),
        (word!("word-on-hand"), "/on_hand", true),
        (word!("word-reserved"), "/reserved", true),
        (word!("word-available"), "/available", true),
        (word!("word-waiting"), "/waiting", true),
    ]
}
