//! Small translations between the domain's types and what the wire shows.

use domain::id::OrderId;
use domain::money::{Amount, Money, UnitPrice};
use domain::time::Timestamp;

/// A time as RFC 3339, UTC, to the microsecond.
pub(crate) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}

/// An amount in major units, as text: money is never a float, not in the reader either.
pub(crate) fn money(amount: Money, exponent: u32) -> String {
    Amount(amount, exponent).to_string()
}

/// A unit price in major units, with as many of its six decimals as it needs beyond the
/// currency's.
pub(crate) fn unit_price(price: UnitPrice, exponent: u32) -> String {
    let mut text = Amount(Money(price.0), 6).to_string();
    while text.ends_with('0') && decimals(&text) > exponent as usize {
        text.pop();
    }
    text.trim_end_matches('.').to_owned()
}

fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

/// An id for an order whose sender has none.
pub(crate) fn new_order_id() -> OrderId {
    OrderId::parse(uuid::Uuid::now_v7().hyphenated().encode_lower(&mut [0; 36]))
        .expect("a UUID is a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_keep_the_decimals_they_need() {
        let shown = |millionths, exponent| unit_price(UnitPrice(millionths), exponent);
        assert_eq!(shown(19_900_000, 2), "19.90");
        assert_eq!(shown(19_900_001, 2), "19.900001");
        assert_eq!(shown(5_000, 2), "0.005");
        assert_eq!(shown(7_000_000, 0), "7");
        assert_eq!(money(Money(-1), 2), "-0.01");
    }
}
