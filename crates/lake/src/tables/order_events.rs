//! Columns of `order_events`.

use crate::cell::{Integer, Maybe, Moment, Text, Word, table};

table! {
    /// Something that happened to an order: its history, which nothing supersedes.
    OrderEvent {
        /// The change that it is part of; one may hold several events.
        sequence: Integer,
        /// Its place in that change, from 1.
        position: Integer,
        /// Who sells.
        merchant_id: Word,
        /// The order.
        order_id: Text,
        /// The change that began the order.
        first_sequence: Integer,
        /// The order's revision after it.
        revision: Integer,
        /// What happened, as in the order's history of the API: `received`, `priced`, `amended`,
        /// `allocated`, `filled`, `cancelled`, `fulfilled`, `repeated`, `refused` …
        event: Word,
        /// When.
        at: Moment,
        /// Where the order stood after it.
        status: Word,
        /// Where it came in, for what came in.
        channel: Maybe<Word>,
        /// What matters about it, as a JSON object; null where that is nothing. Words that people
        /// or other systems wrote about the order are not in it.
        detail: Maybe<Text>,
    }
}
