//! What rows of the table are called: `MERCHANT#…#ORDER#…` and the like, read back into names.
//!
//! Parts of a name are percent-encoded, so that `#` and `%` in them part nothing.

use domain::id::{MerchantId, OrderId, OrderKey, Sku, StockKey};
use percent_encoding::percent_decode_str;

/// The row that a primary key names, as far as functions care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An order.
    Order(OrderKey),
    /// A product's free stock that is given out.
    Release(StockKey),
    /// A commit of several transactions.
    Commit(Box<str>),
    /// The ending of many dead letters.
    Sweep,
    /// A record of the log.
    Change,
}

impl Place {
    /// The row of that key; `None` for those that nobody follows.
    #[must_use]
    pub fn read(pk: &str, sk: &str) -> Option<Self> {
        let parts: Vec<&str> = pk.split('#').collect();
        match (parts.as_slice(), sk) {
            (["MERCHANT", merchant, "ORDER", id], "ORDER") => {
                let (merchant, id) = (decoded(merchant)?, decoded(id)?);
                let merchant = MerchantId::parse(&merchant).ok()?;
                Some(Self::Order(OrderKey { merchant, id: OrderId::parse(&id).ok()? }))
            }
            (["STOCK", merchant, sku], "RELEASE") => {
                let (merchant, sku) = (decoded(merchant)?, decoded(sku)?);
                let merchant = MerchantId::parse(&merchant).ok()?;
                Some(Self::Release(StockKey { merchant, sku: Sku::parse(&sku).ok()? }))
            }
            (["COMMIT", id], "COMMIT") => Some(Self::Commit((*id).into())),
            (["SWEEPS"], place) if place != "HEAD" => Some(Self::Sweep),
            (["CHANGE", _], "CHANGE") => Some(Self::Change),
            _ => None,
        }
    }
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_with_what_parts_them_inside() {
        let Some(Place::Order(key)) = Place::read("MERCHANT#a%23b#ORDER#5%25%20%C3%A9", "ORDER")
        else {
            panic!("an order")
        };
        assert_eq!((key.merchant.as_str(), key.id.as_str()), ("a#b", "5% é"));
        let Some(Place::Release(key)) = Place::read("STOCK#m#s%2F1", "RELEASE") else {
            panic!("a release")
        };
        assert_eq!(key.sku.as_str(), "s/1");
        assert_eq!(Place::read("COMMIT#7f", "COMMIT"), Some(Place::Commit("7f".into())));
        assert_eq!(Place::read("CHANGE#00000000000000000001", "CHANGE"), Some(Place::Change));
        assert_eq!(Place::read("SWEEPS", "00000000000000000001"), Some(Place::Sweep));
        for (pk, sk) in [
            ("SWEEPS", "HEAD"),
            ("COMMIT#7f", "ROWS#0001"),
            ("CHANGE#00000000000000000001", "PART#01"),
            ("MERCHANT#m", "KEEPS_STOCK"),
            ("STOCK#m#s", "SHARD#00"),
            ("KEY#ab", "KEY"),
            ("MERCHANT#%FF#ORDER#1", "ORDER"),
            ("", ""),
        ] {
            assert_eq!(Place::read(pk, sk), None, "{pk} {sk}");
        }
    }
}
