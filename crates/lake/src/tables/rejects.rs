//! Columns of `rejects`.

use crate::cell::{Integer, Maybe, Moment, Text, Word, table};

table! {
    /// Input that was not taken, or a sum of it. Documents are not in the lake.
    Reject {
        /// The change that recorded it.
        sequence: Integer,
        /// When.
        at: Moment,
        /// `malformed` (no document), `invalid` (breaks rules), `duplicate` (the order came
        /// again), `refused` (a command that could not apply), `stray` (a command for an order
        /// that is not there), `broken` (a fault of ours) or `flood` (too much from one source:
        /// only counted).
        kind: Word,
        /// Where it came in.
        channel: Maybe<Word>,
        /// Who sent it, as far as that is known beside a batch: a key's name, a queue, or the
        /// network of an address.
        source: Maybe<Text>,
        /// The seller it names.
        merchant_id: Maybe<Word>,
        /// The order id it carries.
        order_id: Maybe<Text>,
        /// The batch it came in with.
        batch_id: Maybe<Word>,
        /// Its place in that batch, from 0.
        batch_index: Maybe<Integer>,
        /// The first thing wrong with it, as a code.
        code: Maybe<Word>,
        /// How many things were wrong with it.
        violations: Integer,
        /// Their codes, separated by commas, each once.
        codes: Maybe<Text>,
        /// What was asked of the order: `amend`, `cancel`, `fulfil` or `redrive`.
        verb: Maybe<Word>,
        /// How many inputs it stands for: more than 1 only for a `flood`.
        count: Integer,
    }
}
