//! The two small documents: a purchase of customer and items, and a transfer between accounts.
//!
//! Never: a company. The installation's own seller is meant.

use super::catalogue::draw_any;
use super::random::{Random, Stream};
use super::retail::quantity;
use super::text::{put, put_cents, put_number, put_padded};

/// Appends `{"orderId":…,"customerId":…,"items":[…]}`.
pub(super) fn put_simple(seed: u64, index: u64, out: &mut Vec<u8>) {
    let random = &mut Random::at(seed, Stream::Simple, index);
    put(out, r#"{"orderId":"PED-"#);
    put_padded(out, index + 1, 7);
    put(out, r#"","customerId":"CLI-"#);
    put_padded(out, 1 + random.below(50_000), 5);
    put(out, r#"","items":["#);
    for line in 0..=random.below(3) {
        let product = draw_any(random);
        put(out, if line == 0 { r#"{"productId":""# } else { r#",{"productId":""# });
        put(out, product.sku());
        put(out, r#"","quantity":"#);
        put_number(out, quantity(random));
        put(out, r#","price":"#);
        put_cents(out, product.price);
        put(out, "}");
    }
    put(out, "]}");
}

/// Appends `{"id":…,"amount":…,"fromAccount":…,"toAccount":…,"channel":…}`.
pub(super) fn put_transfer(seed: u64, index: u64, out: &mut Vec<u8>) {
    let random = &mut Random::at(seed, Stream::Transfer, index);
    put(out, r#"{"id":"order-"#);
    put_padded(out, index + 1, 3);
    put(out, r#"","amount":"#);
    match random.below(5) {
        0 | 1 => put_number(out, 1 + random.below(5_000)),
        2 => {
            put_number(out, random.below(2_000));
            out.push(b'.');
            put_number(out, 1 + random.below(9));
        }
        _ => put_cents(out, 1 + random.below(1_000_000)),
    }
    let from = 1_000_000 + random.below(9_000_000);
    // One to 8,999,999 places further on, in a circle: always another account.
    let to = 1_000_000 + (from - 1_000_000 + 1 + random.below(8_999_999)) % 9_000_000;
    put(out, r#","fromAccount":""#);
    put_number(out, from);
    put(out, r#"","toAccount":""#);
    put_number(out, to);
    put(out, r#"","channel":""#);
    put(out, random.pick(&["atm", "web", "mobile"]));
    put(out, r#""}"#);
}
