//! Columns of `order_rules`.

use crate::cell::{Amount, Integer, Maybe, Moment, Text, Word, table};

table! {
    /// What a pricing rule did to one part of an order's version.
    Effect {
        /// The change that made this version of the order.
        sequence: Integer,
        /// The change that began the order.
        first_sequence: Integer,
        /// Who sells.
        merchant_id: Word,
        /// The order.
        order_id: Text,
        /// The version of the rule set.
        rule_set: Integer,
        /// The rule, by its id in that set; by its place there, from 0, should the set be lost.
        rule_id: Word,
        /// What it acted on: `line`, `shipping` or `tax`. A rule on the whole order acts on each
        /// of its lines.
        target: Word,
        /// The line, from 1; null for the others.
        line: Maybe<Integer>,
        /// How much: negative is a discount.
        amount: Maybe<Amount>,
        /// Where the order stands, as in `orders`.
        order_status: Word,
        /// When the order came in.
        received_at: Moment,
        /// 1 in the first row of a rule in this version, else 0: its sum says how many orders a
        /// rule had a part in.
        order_count: Integer,
    }
}
