//! What every system under test does with a document before it stores it: read, check, price.
//!
//! THE SEAM: ceiling and peer call [`Work::read`] and [`answer`] and nothing else, so that both do
//! the same work with the same code as Comanda. Never: a store, a socket, a float for money.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use domain::id::{Category, MerchantId, Sku, StockKey};
use domain::money::Decimal;
use domain::order::Body;
use domain::time::Timestamp;
use serde::Deserialize;
use service::catalogue::{Catalogue, Product};
use service::ledger::{Receive, Request};
use service::prepare::{Prepared, prepare};
use service::wire::document::{Command, Settings, read};
use service::wire::rules;

/// An order that has been read, checked and priced.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Who sells.
    pub merchant: String,
    /// How they call the order.
    pub id: String,
    /// Sum of the lines in cents.
    pub total: i64,
    /// What is bought.
    pub lines: Vec<Line>,
    /// The original document.
    pub document: Bytes,
}

/// One line of an order.
#[derive(Clone, Debug)]
pub struct Line {
    /// What.
    pub sku: String,
    /// How many; at least 1.
    pub quantity: i64,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every line got its stock.
    Completed,
    /// A line waits for stock.
    Backordered,
}

impl Status {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Backordered => "BACKORDERED",
        }
    }
}

/// A row of the catalogue, as `comanda sample` writes it.
#[derive(Deserialize)]
struct Row {
    merchant_id: String,
    sku: String,
    category: String,
    price: String,
}

/// Decimals of the currency.
const EXPONENT: u32 = 2;

/// What reading and pricing need; made once, shared by all threads.
#[derive(Debug)]
pub struct Work {
    settings: Settings,
    catalogue: Catalogue,
}

impl Work {
    /// Reads products and rules from a folder with the files `catalogue` and `rules`.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub fn open(reference: &Path) -> io::Result<Self> {
        let mut catalogue = Catalogue { exponent: EXPONENT, ..Catalogue::default() };
        let file = |name: &str| match std::fs::read(reference.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        for line in file("catalogue")?.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let product = product(line).ok_or_else(|| invalid("a product of the catalogue"))?;
            catalogue.products.insert(product.key.clone(), Arc::new(product));
        }
        let source = file("rules")?;
        if !source.is_empty() {
            let rules = rules::parse(&source, 1, EXPONENT).map_err(|_| invalid("the rules"))?;
            catalogue.rules = Arc::new(rules);
        }
        let merchant = MerchantId::parse("default").map_err(|_| invalid("a name"))?;
        Ok(Self { settings: Settings::new(merchant), catalogue })
    }

    /// Reads, checks and prices one document, with the very code that Comanda does it with.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, bytes: &Bytes) -> Result<Placed, String> {
        let read = read(bytes, &self.settings).map_err(|fault| format!("{fault:?}"))?;
        let Command::Create(order) = read.command else { return Err("not a new order".into()) };
        let receive = Receive {
            order,
            document: bytes.clone(),
            warnings: Vec::new(),
            batch: None,
            rules: None,
        };
        let request = Request::Receive(Box::new(receive));
        match prepare(request, &self.catalogue, Timestamp(0), EXPONENT) {
            Prepared::Receive(order) => placed(*order),
            Prepared::Unpriceable(_)
            | Prepared::Once(_)
            | Prepared::Settle(_)
            | Prepared::Other(_) => Err("cannot be priced".into()),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} cannot be read"))
}

fn product(line: &[u8]) -> Option<Product> {
    let row: Row = serde_json::from_slice(line).ok()?;
    let merchant = MerchantId::parse(&row.merchant_id).ok()?;
    Some(Product {
        key: StockKey { merchant, sku: Sku::parse(&row.sku).ok()? },
        description: "".into(),
        category: Category::parse(&row.category).ok(),
        price: Decimal::parse(&row.price).ok()?.to_unit_price().ok(),
    })
}

fn placed(order: service::prepare::Order) -> Result<Placed, String> {
    let Body::Purchase(purchase) = &order.command.order.body else {
        return Err("not a purchase".into());
    };
    let pricing = order.command.pricing.as_ref().ok_or("not priced")?;
    let lines = purchase
        .lines
        .as_slice()
        .iter()
        .map(|line| Line { sku: line.sku.as_str().to_owned(), quantity: line.quantity });
    Ok(Placed {
        merchant: order.command.order.key.merchant.as_str().to_owned(),
        id: order.command.order.key.id.as_str().to_owned(),
        total: pricing.total.map_or(0, |total| total.0),
        lines: lines.collect(),
        document: order.document,
    })
}

/// The body of the 202: what Comanda answers, field by field.
pub fn answer(order: &Placed, status: Status) -> String {
    let Placed { merchant, id, total, lines, .. } = order;
    let mut text = String::with_capacity(256 + lines.len() * 64);
    let _ = write!(
        text,
        "{{\"order_id\":\"{id}\",\"merchant_id\":\"{merchant}\",\"status\":\"{}\",\
         \"total\":{}.{:02},\"lines\":[",
        status.as_str(),
        total / 100,
        total % 100
    );
    for (at, line) in lines.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{{\"sku\":\"{}\",\"quantity\":{}}}", line.sku, line.quantity);
    }
    let _ = write!(text, "],\"links\":{{\"self\":\"/v1/orders/{id}?merchant_id={merchant}\"}}}}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work::open(Path::new("no such folder")).unwrap()
    }

    #[test]
    fn a_document_is_read_to_the_cent() {
        let text = br#"{"order_id":"A1","company":{"cnpj":"12.345.678/0001-95"},
            "customerId":"C1","items":[{"product_id":"P1","quantity":2,"unit_price":150.10}]}"#;
        let order = work().read(&Bytes::from_static(text)).unwrap();
        assert_eq!((order.merchant.as_str(), order.total), ("12345678000195", 30_020));
        assert!(answer(&order, Status::Completed).contains("\"total\":300.20"));
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["{", "{}", r#"{"order_id":"A","items":[]}"#] {
            assert!(work().read(&Bytes::from(text)).is_err(), "{text}");
        }
    }
}
