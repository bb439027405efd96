//! A stretch of the log, read and made into rows.
//!
//! Never: a record that was not committed, a stretch without a bound.

use service::change::Seq;
use service::ledger::Changes;

use crate::error::Error;
use crate::rows::MakeRows;
use crate::writer::Stretch;

/// Changes read at once: each holds its document in memory.
const CHANGES_PER_READ: usize = 256;
/// A stretch goes on until it has so many bytes of the log: some milliseconds of work, after which
/// whoever reads may leave the processor to others.
const STRETCH_BYTES_MAX: u64 = 1 << 20;

/// The rows of what comes behind `after`, where the log is known to end at `end` or later. What
/// `make` has taken in when this fails comes with the next stretch.
///
/// # Errors
/// [`Error::Log`] when the log cannot be read.
pub fn stretch(
    log: &(impl Changes + ?Sized),
    make: &mut dyn MakeRows,
    after: Option<Seq>,
    end: u64,
) -> Result<Stretch, Error> {
    let begun = make.until();
    let (mut changes, mut oldest) = (0, None);
    let is_end = loop {
        let at = make.until();
        let some = log.read((at > 0).then_some(Seq(at)), CHANGES_PER_READ)?;
        for (seq, change) in &some {
            make.push(*seq, change)?;
            oldest.get_or_insert(change.at);
        }
        changes += some.len() as u64;
        if some.len() < CHANGES_PER_READ {
            break true;
        }
        if make.until() - begun >= STRETCH_BYTES_MAX {
            break false;
        }
    };
    let is_new = make.until() > after.map_or(0, |seq| seq.0);
    let rows = is_new.then(|| make.take());
    Ok(Stretch { rows, changes, oldest, end: is_end.then_some(end) })
}
