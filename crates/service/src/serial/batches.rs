//! Checkpoints of batches, and the sums they carry.

use std::sync::Arc;

use domain::event::Refusal;
use domain::id::BatchId;
use domain::time::Timestamp;

use super::Run;
use crate::batch::{BatchState, BatchStatus, Counts};
use crate::change::{Frame, Seq, What};
use crate::ledger::{Answer, Request, Unavailable};
use crate::letters::{Settlement, Swept};
use crate::prepare::Prepared;
use crate::view::Base;

/// One call's sums, for its checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    counts: Counts,
    pub(super) swept: Swept,
    from: Seq,
}

impl Tally {
    pub(super) fn new(frame: &Frame) -> Self {
        Self { counts: Counts::default(), swept: Swept::default(), from: frame.next() }
    }

    pub(super) fn count(&mut self, request: &Prepared, answer: &Answer) {
        if let (Prepared::Receive(_), Answer::Accepted(accepted)) = (request, answer) {
            // An item that was in before its call could be answered: its record belongs to it.
            self.from = self.from.min(accepted.seq);
        }
        match answer {
            Answer::Accepted(accepted) if accepted.rejection.is_none() => {
                self.counts.succeeded += 1
            }
            Answer::Refused(Refusal::Duplicate { .. }) => self.counts.skipped += 1,
            Answer::Accepted(_)
            | Answer::Refused(_)
            | Answer::Invalid(_)
            | Answer::Recorded
            | Answer::Broken => self.counts.failed += 1,
            Answer::Settled(settlement) => match **settlement {
                Settlement::Done { .. } => self.swept.settled += 1,
                Settlement::Open(_) => self.swept.failed += 1,
                Settlement::Before(_) | Settlement::Unknown => {}
            },
            Answer::Stock(_)
            | Answer::Rules(_)
            | Answer::Batch(_)
            | Answer::Once(_)
            | Answer::Endpoint(_)
            | Answer::Buried(_)
            | Answer::Sweep(_) => {}
        }
    }
}

/// Whether a call's items are those behind the ones that are done.
fn follows(call: &[Prepared], done: &Counts) -> bool {
    let numbered = call
        .iter()
        .zip(done.done()..)
        .find_map(|(request, expected)| Some(request.item()?.index == expected));
    numbered.unwrap_or(true)
}

impl<B: Base> Run<'_, B> {
    /// The batch of a call that takes no more items: it was stopped, or has failed; or a call that
    /// was under way before this one came to nothing, and committing this one would leave a hole.
    pub(super) fn closed_batch(
        &self,
        call: &[Prepared],
    ) -> Result<Option<Box<BatchState>>, Unavailable> {
        let Some(Prepared::Other(Request::Checkpoint(next))) = call.last() else { return Ok(None) };
        let Some(stored) = self.view().batch(&next.id)? else { return Ok(None) };
        let is_open = stored.status == BatchStatus::Running && follows(call, &stored.counts);
        let takes_items = is_open || call.len() == 1;
        Ok((!takes_items).then(|| Box::new(stored)))
    }

    pub(super) fn checkpoint(
        &mut self,
        next: &BatchState,
        tally: &Tally,
    ) -> Result<Answer, Unavailable> {
        let stored = self.view().batch(&next.id)?;
        let mut batch = next.clone();
        batch.updated_at = self.now;
        batch.previous = None;
        batch.from = tally.from;
        if let Some(stored) = &stored {
            batch.started_at = stored.started_at;
            batch.counts = stored.counts;
            batch.previous = Some(self.checkpoint_seq(&next.id)?);
        } else if batch.started_at == Timestamp::default() {
            // One that ran elsewhere comes with its counts, and with when it began.
            batch.started_at = self.now;
            batch.counts = Counts::default();
        }
        batch.counts.succeeded += tally.counts.succeeded;
        batch.counts.failed += tally.counts.failed;
        batch.counts.skipped += tally.counts.skipped;
        let at_end = batch.status == BatchStatus::Succeeded;
        let running = batch.status == BatchStatus::Running || at_end;
        if running && batch.tolerance.is_exceeded(&batch.counts, at_end) {
            batch.status = BatchStatus::Failed;
            batch.reason = Some("tolerated_failures_exceeded".into());
        }
        let seq = self.push(What::Batch(Box::new(batch.clone())));
        self.note_batch(seq, batch.clone());
        batch.previous = Some(seq);
        Ok(Answer::Batch(Box::new(batch)))
    }

    /// A batch's row names its own latest checkpoint in `previous`; the record names the one
    /// before it.
    pub(super) fn checkpoint_seq(&self, id: &BatchId) -> Result<Seq, Unavailable> {
        let row = self.view().batch(id)?.and_then(|batch| batch.previous);
        row.ok_or_else(|| crate::view::damaged("a batch without a checkpoint"))
    }

    pub(super) fn note_batch(&mut self, seq: Seq, mut batch: BatchState) {
        batch.previous = Some(seq);
        self.driver.draft.overlay.batches.insert(batch.id.clone(), Arc::new(batch));
    }
}
