//! Requests under a key: done once, answered as often as they are sent.

use super::Run;
use super::batches::Tally;
use crate::change::{Seq, What};
use crate::ledger::{Answer, Unavailable};
use crate::once::{Hash, KEPT_ANSWER_BYTES_MAX, Kept, Outcome};
use crate::prepare;
use crate::view::{Base, damaged};

impl<B: Base> Run<'_, B> {
    /// Does a request whose key is new, and keeps its answer in the same commit.
    pub(super) fn once(
        &mut self,
        once: &prepare::Once,
        tally: &Tally,
    ) -> Result<Answer, Unavailable> {
        if let Some((seq, _)) = self.view().kept(&once.key.name, self.now)? {
            let What::Kept(kept) = self.change(seq)?.what else {
                return Err(damaged("a key's row names another change"));
            };
            let outcome = if kept.key == once.key {
                Outcome::Before(kept.answer)
            } else {
                Outcome::OtherContent
            };
            return Ok(Answer::Once(Box::new(outcome)));
        }
        let answer = self.prepared(&once.request, tally)?;
        let kept = (once.render.0)(&answer).filter(|kept| kept.len() <= KEPT_ANSWER_BYTES_MAX);
        if let Some(answer) = &kept {
            let record = Kept { key: once.key, answer: answer.clone() };
            let seq = self.push(What::Kept(Box::new(record)));
            self.note_kept(seq, once.key.name);
        }
        Ok(Answer::Once(Box::new(Outcome::Now { answer, kept })))
    }

    pub(super) fn note_kept(&mut self, seq: Seq, name: Hash) {
        self.driver.draft.overlay.kept.insert(name, (seq, self.now));
    }
}
