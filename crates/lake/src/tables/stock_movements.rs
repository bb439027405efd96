//! Columns of `stock_movements`.

use crate::cell::{Integer, Maybe, Moment, Text, Word, table};

table! {
    /// What one event did to the counters of a product. Their sums are the counters now.
    StockMovement {
        /// The change that it is part of.
        sequence: Integer,
        /// Its place among the movements of that change, from 1.
        position: Integer,
        /// When.
        at: Moment,
        /// Who sells.
        merchant_id: Word,
        /// The product.
        sku: Word,
        /// Units that came into the house; negative went out.
        on_hand: Integer,
        /// Units newly promised to orders; negative are no longer.
        reserved: Integer,
        /// Units newly waited for; negative are no longer.
        waiting: Integer,
        /// The order that moved it; null where it was counted or adjusted.
        order_id: Maybe<Text>,
        /// Why: `adjusted` (counted, delivered, written off), else the order's event, such as
        /// `allocated`, `filled`, `unreserved`, `amended`, `cancelled` or `fulfilled`.
        reason: Word,
        /// Why it was adjusted, in the words of whoever did.
        note: Maybe<Text>,
    }
}
