//! Carries sweeps out, part by part: a page of letters, one call that ends them and says how far
//! it got, and how long to wait before the next. A crash between two parts loses nothing.
//!
//! Never: a thread or a wait of its own.

use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;

use super::again::again;
use super::{How, Settle, Sweep, SweepStatus, Swept};
use crate::change::Seq;
use crate::ledger::{Ledger, Request, Unavailable};
use crate::memory::Clock;
use crate::view::Direction;
use crate::wire::document::Settings;

/// Most letters that one commit ends.
const LETTERS_PER_CALL_MAX: usize = 256;
/// Most letters a second that a sweep may ask for.
pub const PER_SECOND_MAX: u32 = 10_000;

/// Carries out what is begun.
pub struct Sweeper {
    /// Where the letters are.
    pub ledger: Arc<dyn Ledger>,
    /// How documents are read.
    pub documents: Settings,
    /// How long payloads are kept, in microseconds.
    pub kept_us: i64,
    /// What time it is.
    pub clock: Clock,
}

impl std::fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}

impl Sweeper {
    /// Does the next part of the sweep that runs; how long to wait before the one after it, or
    /// nothing when none runs.
    ///
    /// # Errors
    /// [`Unavailable`] when the part was not done, or nobody knows: it is done again.
    pub async fn step(&self) -> Result<Option<Duration>, Unavailable> {
        let Some(sweep) = self.ledger.sweeps(None, 1)?.pop() else { return Ok(None) };
        if sweep.status != SweepStatus::Running {
            return Ok(None);
        }
        let requests = self.part(&sweep)?;
        let letters = requests.len() - 1;
        self.ledger.execute_patiently(requests).await?;
        let micros = letters as u64 * 1_000_000 / u64::from(sweep.per_second.max(1));
        Ok(Some(Duration::from_micros(micros)))
    }

    /// The next letters' ends, and how far that gets.
    fn part(&self, sweep: &Sweep) -> Result<Vec<Request>, Unavailable> {
        let most = (sweep.per_second as usize).clamp(1, LETTERS_PER_CALL_MAX);
        let bound = Some(sweep.after);
        let page = self.ledger.letters(&sweep.filter, Direction::Oldest, bound, most)?;
        let oldest = Timestamp((self.clock)().0.saturating_sub(self.kept_us));
        let (mut requests, mut next) = (Vec::new(), sweep.clone());
        next.swept = Swept::default();
        for (seq, row) in page.rows.iter().filter(|(seq, _)| *seq < sweep.id) {
            next.after = *seq;
            match self.end(*seq, row.at, sweep.how, oldest)? {
                Some(settle) => requests.push(Request::Settle(Box::new(settle))),
                None => next.swept.failed += 1,
            }
        }
        match page.next {
            Some(on) if on < sweep.id => next.after = on,
            Some(_) | None => next.status = SweepStatus::Done,
        }
        requests.push(Request::Sweep(Box::new(next)));
        Ok(requests)
    }

    /// What ends a letter; `None` for one that cannot be sent again.
    fn end(
        &self,
        letter: Seq,
        at: Timestamp,
        how: How,
        oldest: Timestamp,
    ) -> Result<Option<Settle>, Unavailable> {
        match how {
            How::Purged | How::Overtaken => Ok(Some(Settle { letter, how, with: None })),
            How::Redriven => {
                let Some((_, dead)) = self.ledger.letter(letter)? else { return Ok(None) };
                Ok(again(letter, (at, &dead), None, oldest, &self.documents).ok())
            }
        }
    }
}
