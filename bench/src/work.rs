//! What every system under test does with a document before it stores it: read, check, price.
//!
//! THE SEAM: ceiling and peer call [`Work::read`] and [`answer`] and nothing else, so that both do
//! the same work with the same code as Comanda. Never: a store, a socket, a float for money.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

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
    /// What the line costs, in cents.
    pub total: i64,
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

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(alias = "orderId", alias = "id")]
    order_id: &'a str,
    #[serde(default)]
    merchant_id: Option<&'a str>,
    #[serde(borrow, default)]
    company: Option<Company<'a>>,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Company<'a> {
    #[serde(default)]
    cnpj: Option<&'a str>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(alias = "productId", alias = "sku")]
    product_id: &'a str,
    quantity: i64,
    #[serde(borrow, default, alias = "unitPrice", alias = "price")]
    unit_price: Option<&'a RawValue>,
}

/// What reading and pricing need; made once, shared by all threads.
#[derive(Debug)]
pub struct Work;

impl Work {
    /// Reads products and rules from a folder with the files `catalogue` and `rules`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(_reference: &Path) -> io::Result<Self> {
        // Nothing is looked up yet: documents carry their prices, and there are no rules.
        Ok(Self)
    }

    /// Reads, checks and prices one document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, bytes: &Bytes) -> Result<Placed, String> {
        read(bytes)
    }
}

fn read(bytes: &Bytes) -> Result<Placed, String> {
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if document.items.is_empty() || document.order_id.is_empty() {
        return Err("an order needs an id and an item".into());
    }
    let mut lines = Vec::with_capacity(document.items.len());
    for item in &document.items {
        lines.push(line(item)?);
    }
    Ok(Placed {
        merchant: merchant(&document),
        id: document.order_id.to_owned(),
        total: lines.iter().map(|line| line.total).sum(),
        lines,
        document: bytes.clone(),
    })
}

fn line(item: &Item<'_>) -> Result<Line, String> {
    if item.quantity < 1 {
        return Err("a quantity is less than 1".into());
    }
    let price = item.unit_price.map_or(Some(0), |raw| cents(raw.get()));
    let total = price.and_then(|cents| cents.checked_mul(item.quantity));
    Ok(Line {
        sku: item.product_id.to_owned(),
        quantity: item.quantity,
        total: total.ok_or("a price is no amount of money")?,
    })
}

fn merchant(document: &Document<'_>) -> String {
    let cnpj = document.company.as_ref().and_then(|company| company.cnpj);
    match (document.merchant_id, cnpj) {
        (Some(id), _) => id.to_owned(),
        (None, Some(cnpj)) => cnpj.chars().filter(char::is_ascii_alphanumeric).collect(),
        (None, None) => "default".to_owned(),
    }
}

/// Cents of a decimal with at most two digits after the point, a JSON number or string.
fn cents(text: &str) -> Option<i64> {
    let (whole, fraction) =
        text.trim_matches('"').split_once('.').unwrap_or((text.trim_matches('"'), ""));
    let fraction = match fraction.trim_end_matches('0') {
        "" => 0,
        tenths if tenths.len() == 1 => tenths.parse::<i64>().ok()? * 10,
        cents if cents.len() == 2 => cents.parse().ok()?,
        _ => return None,
    };
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fraction)
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

    #[test]
    fn a_document_is_read_to_the_cent() {
        let text = br#"{"order_id":"A1","company":{"cnpj":"12.345.678/0001-95"},
            "items":[{"product_id":"P1","quantity":2,"unit_price":150.10}]}"#;
        let order = read(&Bytes::from_static(text)).unwrap();
        assert_eq!((order.merchant.as_str(), order.total), ("12345678000195", 30_020));
        assert!(answer(&order, Status::Completed).contains("\"total\":300.20"));
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["{", "{}", r#"{"order_id":"A","items":[]}"#] {
            assert!(read(&Bytes::from(text)).is_err(), "{text}");
        }
    }
}
