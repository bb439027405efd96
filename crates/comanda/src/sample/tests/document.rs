//! What sample documents hold, read strictly: an unknown field is an error, and so is an escape.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order<'a> {
    pub(super) order_id: &'a str,
    pub(super) company: Company<'a>,
    pub(super) customer: Customer<'a>,
    pub(super) order_date: &'a str,
    #[serde(borrow)]
    pub(super) items: Vec<Item<'a>>,
    pub(super) payment: Payment<'a>,
    pub(super) shipping: Shipping<'a>,
    pub(super) order_status: &'a str,
    pub(super) notes: &'a str,
    pub(super) channel: Option<&'a str>,
    pub(super) coupons: Option<Vec<&'a str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Company<'a> {
    pub(super) name: &'a str,
    pub(super) cnpj: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Customer<'a> {
    pub(super) first_name: &'a str,
    pub(super) last_name: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) cpf: &'a str,
    pub(super) email: &'a str,
    pub(super) phone: &'a str,
    pub(super) address: Address<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Address<'a> {
    pub(super) street: &'a str,
    pub(super) number: &'a str,
    pub(super) complement: &'a str,
    pub(super) neighborhood: &'a str,
    pub(super) city: &'a str,
    pub(super) state: &'a str,
    pub(super) zip_code: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item<'a> {
    pub(super) product_id: &'a str,
    pub(super) description: &'a str,
    pub(super) quantity: u64,
    #[serde(borrow)]
    pub(super) unit_price: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payment<'a> {
    pub(super) method: &'a str,
    pub(super) transaction_id: &'a str,
    #[serde(borrow)]
    pub(super) amount: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shipping<'a> {
    pub(super) method: &'a str,
    #[serde(borrow)]
    pub(super) cost: &'a RawValue,
    pub(super) address: Address<'a>,
    pub(super) expected_delivery_date: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product<'a> {
    pub(super) merchant_id: &'a str,
    pub(super) sku: &'a str,
    pub(super) description: &'a str,
    pub(super) category: &'a str,
    pub(super) price: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stock<'a> {
    pub(super) merchant_id: &'a str,
    pub(super) sku: &'a str,
    pub(super) on_hand: u64,
}

pub(super) fn order(line: &str) -> Order<'_> {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// `129.90` in cents; two decimals, no fewer and no more.
pub(super) fn cents(text: &str) -> u64 {
    let (whole, rest) = text.split_once('.').expect("an amount has decimals");
    assert_eq!(rest.len(), 2, "{text}");
    format!("{whole}{rest}").parse().expect("an amount has digits")
}

pub(super) fn merchant(cnpj: &str) -> String {
    cnpj.chars().filter(char::is_ascii_alphanumeric).collect()
}
