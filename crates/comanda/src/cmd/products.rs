//! `comanda products`: the catalogue.

use anyhow::Result;

use crate::cli::{Products, Store};
use crate::client::{Client, path};
use crate::spoken::word;
use messages::id;

pub(super) fn products(api: &Client, store: &Store, command: Products) -> Result<()> {
    match command {
        Products::List { merchant, limit, cursor } => {
            let parameters =
                [("merchant_id", merchant), ("limit", Some(limit.to_string())), ("cursor", cursor)];
            let answer = api.json("GET", &path("/v1/products", &parameters), None)?;
            let columns = [
                (word!("word-merchant"), "/merchant_id", false),
                (word!("word-sku"), "/sku", false),
                (word!("word-description"), "/description", false),
                (word!("word-category"), "/category", false),
                (word!("word-price"), "/price", true),
            ];
            super::page(store.json, &answer, "products", &columns);
            Ok(())
        }
        Products::Import { file } => {
            super::import(api, "PUT", "/v1/products", &file, id!("said-products-stored"))
        }
    }
}
