//! Small translations between the domain's types and what the wire shows.

use std::borrow::Cow;

use domain::document::brazil::cpf_is_valid;
use domain::id::{CustomerId, OrderId};
use domain::money::{Amount, Money, UnitPrice};

pub(crate) use service::wire::rfc3339 as time;

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

/// A customer's id, for lists: one that is personal data (a CPF or an e-mail address, where the
/// seller has no id of their own) is told apart by it, and not told.
pub(crate) fn masked(id: &CustomerId) -> Cow<'_, str> {
    let id = id.as_str();
    if let Some((name, domain)) = id.split_once('@') {
        let first = name.chars().next().map(String::from).unwrap_or_default();
        return format!("{first}***@{domain}").into();
    }
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    let is_written = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | ' ');
    if digits.len() == 11 && id.chars().all(is_written) && cpf_is_valid(&digits) {
        return format!("***.{}.{}-**", &digits[3..6], &digits[6..9]).into();
    }
    id.into()
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
    fn personal_data_is_masked_and_other_ids_are_not() {
        for (id, shown) in [
            ("52998224725", "***.982.247-**"),
            ("529.982.247-25", "***.982.247-**"),
            ("52998224726", "52998224726"),
            ("529982247250", "529982247250"),
            ("ana.souza@mail.example", "a***@mail.example"),
            ("@", "***@"),
            ("c-7", "c-7"),
        ] {
            assert_eq!(masked(&CustomerId::parse(id).unwrap()), shown);
        }
    }

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
