//! Documents to send.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::home::{comanda, run};

/// Retail orders, by their place: enough for every test.
static RETAIL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let bytes = sampled(&["--kind", "retail", "--count", "50000", "--seed", "7"]);
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(<[u8]>::to_vec).collect()
});

/// The retail order at place `index`, below 50,000.
pub(crate) fn document(index: u64) -> &'static [u8] {
    &RETAIL[index as usize]
}

/// Its id.
pub(crate) fn order_id(index: u64) -> String {
    let text = std::str::from_utf8(document(index)).expect("documents are text");
    let rest = text.strip_prefix("{\"order_id\":\"").expect("documents begin with their id");
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// An order of `quantity` units of `sku`, of the default seller, without a price.
pub(crate) fn simple_order(id: &str, sku: &str, quantity: u64) -> String {
    let items = json!([{"sku": sku, "quantity": quantity}]);
    json!({"order_id": id, "customerId": "c-1", "items": items}).to_string()
}

/// An order of one unit that costs `price`.
pub(crate) fn priced_order(id: &str, sku: &str, price: &str) -> String {
    let items = json!([{"sku": sku, "quantity": 1, "unit_price": price}]);
    json!({"order_id": id, "customerId": "c-1", "items": items}).to_string()
}

/// What `comanda sample` prints.
pub(crate) fn sampled(arguments: &[&str]) -> Vec<u8> {
    let ran = run(comanda().arg("sample").args(arguments));
    assert_eq!(ran.code, 0, "sample {arguments:?}: {}", ran.err);
    ran.bytes
}

/// JSON Lines, read.
pub(crate) fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a line of JSON")).collect()
}

/// Stock rows by seller and product, as (on hand, reserved).
pub(crate) fn stock_rows(
    rows: &[Value],
) -> std::collections::BTreeMap<(String, String), (i64, i64)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let number = |row: &Value, field: &str| row[field].as_i64().unwrap_or_default();
    let key = |row: &Value| (text(row, "merchant_id"), text(row, "sku"));
    rows.iter().map(|row| (key(row), (number(row, "on_hand"), number(row, "reserved")))).collect()
}
