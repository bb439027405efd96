//! Where changes stand in the log, without a counter that everybody would meet at.
//!
//! A sequence is the millisecond of its commit, a random start within it, and the place in its
//! frame. It grows with time; two that are the same meet at the row of the change, and one of them
//! is decided again.

use domain::time::Timestamp;
use parking_lot::Mutex;
use service::change::Seq;

/// Bits of a sequence below its millisecond.
const BELOW: u32 = 22;
/// A start is drawn from the first half of a millisecond, so that what one process does within
/// one stands behind itself.
const DRAWN: u64 = 1 << (BELOW - 1);
/// Milliseconds by which a sequence may stand behind its change's time: a start and a frame of at
/// most 4 MiB each lie within one.
const AHEAD_MS: u64 = 3;

/// What this process gave out.
#[derive(Debug, Default)]
pub(super) struct Positions {
    next: Mutex<u64>,
}

impl Positions {
    /// Where the next frame begins, and its time: above everything given out here, and at or above
    /// `above`, which is behind everything that the commit follows from. Clocks that are apart
    /// cannot turn an order's history around.
    pub(super) fn begin(&self, now: Timestamp, random: u64, above: u64) -> (Timestamp, u64) {
        let drawn = (milliseconds(now) << BELOW) | (random % DRAWN);
        let mut next = self.next.lock();
        let start = drawn.max(above).max(*next);
        *next = start + 1;
        let begun = i64::try_from((start >> BELOW) * 1_000).unwrap_or(i64::MAX);
        (Timestamp(now.0.max(begun)), start)
    }

    /// A frame ends at `end`.
    pub(super) fn ended(&self, end: u64) {
        let mut next = self.next.lock();
        *next = end.max(*next);
    }
}

fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or_default() / 1_000
}

/// When the frame at that position began, in milliseconds.
pub(super) fn begun_ms(position: u64) -> u64 {
    position >> BELOW
}

/// Where changes of that millisecond begin.
pub(super) fn of_ms(ms: u64) -> Seq {
    Seq(ms.saturating_mul(1 << BELOW))
}

/// A sequence that no change before `time` lies behind; `None` where sequences end.
pub(super) fn not_before(time: Timestamp) -> Option<Seq> {
    let ms = milliseconds(time).checked_add(AHEAD_MS + 1)?;
    ms.checked_mul(1 << BELOW).map(Seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_grow_whatever_the_clock_says() {
        let positions = Positions::default();
        let mut last = 0;
        for (ms, random, above) in [(5, 9, 0), (5, 7, 0), (4, 0, 0), (4, 1, 40 << BELOW), (6, 6, 0)]
        {
            let (at, start) = positions.begin(Timestamp(ms * 1_000), random, above);
            assert!(start >= above && start >= last);
            assert!(at.0 as u64 >= begun_ms(start) * 1_000, "time grows with them");
            last = start + 100;
            positions.ended(last);
            assert!(Seq(start) < not_before(at).expect("sequences go on"));
        }
    }
}
