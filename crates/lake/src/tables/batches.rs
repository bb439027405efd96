//! Columns of `batches`.

use crate::cell::{Integer, Maybe, Moment, Text, Word, table};

table! {
    /// A version of a batch: how a checkpoint left it. The newest is the batch now; every earlier
    /// one is superseded. What its orders come to is in `orders`, by `batch_id`.
    Batch {
        /// The checkpoint: its place in the log.
        sequence: Integer,
        /// The batch.
        batch_id: Text,
        /// `RUNNING`, `SUCCEEDED`, `FAILED` or `ABORTED`.
        status: Word,
        /// Why it failed, as a code.
        reason: Maybe<Word>,
        /// When its first item was taken.
        started_at: Moment,
        /// When it last got on.
        updated_at: Moment,
        /// When it was over.
        stopped_at: Maybe<Moment>,
        /// Items in the whole input, once it has been read.
        total: Maybe<Integer>,
        /// Items that were taken in.
        succeeded: Integer,
        /// Items that were malformed, invalid, refused or rejected.
        failed: Integer,
        /// Items that repeated orders that were there already.
        skipped: Integer,
        /// The rule set that prices it, where not the installation's.
        rule_set: Maybe<Integer>,
    }
}
