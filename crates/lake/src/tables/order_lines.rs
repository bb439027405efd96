//! Columns of `order_lines`.

use crate::cell::{Amount, Integer, Maybe, Moment, Price, Text, Word, table};

table! {
    /// A line of an order's version.
    Line {
        /// The change that made this version of the order.
        sequence: Integer,
        /// The change that began the order.
        first_sequence: Integer,
        /// Who sells.
        merchant_id: Word,
        /// The order.
        order_id: Text,
        /// The line's place in the document, from 1.
        line: Integer,
        /// The product.
        sku: Word,
        /// Units wanted.
        quantity: Integer,
        /// The price per unit: the document's, else the catalogue's of then; before any rule.
        unit_price: Maybe<Price>,
        /// `unit_price` × `quantity`, rounded once.
        base: Maybe<Amount>,
        /// What the line comes to after rules; those on the order are spread over its lines.
        total: Maybe<Amount>,
        /// What the order has of the product: `OPEN` (nothing, and it waits for nothing),
        /// `UNTRACKED` (nobody counts it), `RESERVED`, `BACKORDERED` or `FULFILLED`.
        status: Word,
        /// Where the order stands, as in `orders`.
        order_status: Word,
        /// When the order came in.
        received_at: Moment,
    }
}
