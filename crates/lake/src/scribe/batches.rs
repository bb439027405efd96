//! A batch's checkpoint as a row.

use service::batch::{BatchState, BatchStatus};
use service::change::Seq;

use super::{count, number};
use crate::tables::{Draft, batches::Batch};

/// The batch as a checkpoint left it.
pub(super) fn write(draft: &mut Draft, seq: Seq, batch: &BatchState) {
    let is_over = batch.status != BatchStatus::Running;
    draft.batches.push(Batch {
        sequence: number(seq),
        batch_id: batch.id.as_str(),
        status: batch.status.as_str(),
        reason: batch.reason.as_deref(),
        started_at: batch.started_at,
        updated_at: batch.updated_at,
        stopped_at: is_over.then_some(batch.updated_at),
        total: batch.total.map(count),
        succeeded: count(batch.counts.succeeded),
        failed: count(batch.counts.failed),
        skipped: count(batch.counts.skipped),
        rule_set: batch.rules.map(count),
    });
}
