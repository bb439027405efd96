//! Dead letters: buried once, ended once, one by one or many.
//!
//! What is done for a letter commits with its end, or neither does: a crash cannot part the two,
//! and two who end it at once meet here.

use domain::id::OrderKey;

use super::Run;
use super::batches::Tally;
use crate::change::{AUDIT_DOCUMENT_BYTES_MAX, Seq, What};
use crate::ledger::{Answer, Unavailable};
use crate::letters::{
    DeadLetter, End, Filter, How, Kind, Row, Settled, Settlement, Sweep, SweepStatus, Sweeping,
    of_change,
};
use crate::prepare::Settle;
use crate::view::{Base, Direction, damaged};

/// Most open letters of one order that end when it goes another way; the rest stay open. Each
/// needs a redrive of its own, so there is one as a rule.
const OVERTAKEN_MAX: usize = 100;

impl<B: Base> Run<'_, B> {
    /// Files a letter, unless it is there.
    pub(super) fn bury(&mut self, letter: &DeadLetter) -> Result<Answer, Unavailable> {
        self.disable_webhook(letter)?;
        if let Some(seq) = self.view().letter_named(&letter.identity())? {
            let row = self.view().letter(seq)?;
            let row = row.ok_or_else(|| damaged("a letter's name leads to no letter"))?;
            if row.end.is_none() || !letter.may_come_again() {
                return Ok(Answer::Buried(seq));
            }
        }
        let mut letter = letter.clone();
        let cut = |bytes: bytes::Bytes| bytes.slice(..bytes.len().min(AUDIT_DOCUMENT_BYTES_MAX));
        letter.payload = letter.payload.map(cut);
        let letter = Box::new(letter);
        let seq = self.push(What::Letter(letter.clone()));
        self.note_letter(seq, &letter);
        Ok(Answer::Buried(seq))
    }

    pub(super) fn note_letter(&mut self, seq: Seq, letter: &DeadLetter) {
        self.driver.draft.overlay.letter_names.insert(letter.identity(), seq);
        self.file_letter(seq, Row::of_letter(self.now, letter));
    }

    pub(super) fn file_letter(&mut self, seq: Seq, row: Row) {
        let overlay = &mut self.driver.draft.overlay;
        overlay.letters_open.add(row.kind, 1);
        overlay.letters.insert(seq, row);
    }

    /// Ends a letter, with what is done for it, unless it has an end.
    pub(super) fn settle(&mut self, settle: &Settle, tally: &Tally) -> Result<Answer, Unavailable> {
        let answer = |settlement| Ok(Answer::Settled(Box::new(settlement)));
        match self.view().letter(settle.letter)? {
            None => return answer(Settlement::Unknown),
            Some(Row { end: Some(end), .. }) => return answer(Settlement::Before(end)),
            Some(Row { end: None, .. }) => {}
        }
        let with = match &settle.with {
            Some(request) => Some(self.prepared(request, tally)?),
            None => None,
        };
        if let Some(refused) = with.clone().filter(|answer| !is_accepted(answer)) {
            return answer(Settlement::Open(refused));
        }
        let row = self.view().letter(settle.letter)?;
        // An order's redrive ends the letters of its steps by itself.
        let seq = match row.and_then(|row| row.end) {
            Some(end) => end.seq,
            None => self.end_letter(settle.letter, settle.how)?,
        };
        answer(Settlement::Done { seq, with })
    }

    pub(super) fn end_letter(&mut self, letter: Seq, how: How) -> Result<Seq, Unavailable> {
        let DeadLetter { subject, order, .. } = of_change(self.change(letter)?.what)?;
        let settled = Box::new(Settled { letter, how, subject, order });
        let seq = self.push(What::Settled(settled.clone()));
        self.note_settled(seq, &settled)?;
        self.enable_webhook(&settled)?;
        Ok(seq)
    }

    pub(super) fn note_settled(&mut self, seq: Seq, settled: &Settled) -> Result<(), Unavailable> {
        let row = self.view().letter(settled.letter)?;
        let mut row = row.ok_or_else(|| damaged("a letter that ends was never buried"))?;
        row.end = Some(End { how: settled.how, seq, at: self.now });
        let overlay = &mut self.driver.draft.overlay;
        overlay.letters_open.add(row.kind, -1);
        overlay.letters.insert(settled.letter, row);
        Ok(())
    }

    /// Ends the open letters of an order's steps: the order goes on, or nowhere, without them.
    pub(super) fn overtake(&mut self, order: &OrderKey, how: How) -> Result<(), Unavailable> {
        let filter = Filter {
            kind: Some(Kind::Step),
            order: Some(order.id.clone()),
            merchant: Some(order.merchant.clone()),
            open: Some(true),
            ..Filter::default()
        };
        let page = self.view().letters(&filter, Direction::Oldest, None, OVERTAKEN_MAX)?;
        page.rows.into_iter().try_for_each(|(seq, _)| self.end_letter(seq, how).map(|_| ()))
    }

    /// Records how far the ending of many letters got, unless it is over.
    pub(super) fn sweep(&mut self, next: &Sweep, tally: &Tally) -> Result<Answer, Unavailable> {
        let mut sweep = next.clone();
        sweep.updated_at = self.now;
        if next.id == Seq(0) {
            if let Some(other) = self.view().sweeps(None, 1)?.pop()
                && other.status == SweepStatus::Running
            {
                return Ok(Answer::Sweep(Sweeping::Busy(other.id)));
            }
            sweep.started_at = self.now;
        } else {
            let stored = self.view().sweep(next.id)?;
            let stored = stored.ok_or_else(|| damaged("a sweep that never began"))?;
            sweep.swept.settled += stored.swept.settled + tally.swept.settled;
            sweep.swept.failed += stored.swept.failed + tally.swept.failed;
            if stored.status != SweepStatus::Running {
                sweep.status = stored.status;
            }
        }
        let seq = self.push(What::Sweep(Box::new(sweep.clone())));
        self.note_sweep(seq, sweep.clone());
        sweep.id = if sweep.id == Seq(0) { seq } else { sweep.id };
        Ok(Answer::Sweep(Sweeping::On(Box::new(sweep))))
    }

    pub(super) fn note_sweep(&mut self, seq: Seq, mut sweep: Sweep) {
        sweep.id = if sweep.id == Seq(0) { seq } else { sweep.id };
        self.driver.draft.overlay.sweeps.insert(sweep.id, sweep);
    }
}

/// Whether what was done for a letter went through.
fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted(_))
}
