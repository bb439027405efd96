//! When a destination is left alone: a circuit breaker, and how many attempts a second it takes.
//!
//! Never: a judgement of one order's failure; that needs to know how others fared.

use std::time::Duration;

use domain::time::Timestamp;

use super::machine::Ticket;

/// Failures in a row, of more than one order, after which a destination is left alone.
pub const FAILURES_TO_OPEN: u32 = 5;
/// Longest time between two looks at a destination that does not answer.
pub const OPEN_MAX: Duration = Duration::from_secs(60);
/// Longest time a destination may ask to be left alone: it is not to stop a sink for ever.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// First time a destination is left alone when its sink names no pauses.
const OPEN_FIRST: Duration = Duration::from_secs(1);
/// How far a sink may be ahead of its rate, so that coarse timers do not slow it down.
const BURST_NANOS: i64 = 100_000_000;

/// `span` later.
pub(super) fn later(now: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(micros))
}

/// A destination, as far as its answers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// It answers.
    Closed {
        /// Failures since it last did.
        failures: u32,
        /// Whose the first of them was, and whether another's followed: what happens to one order
        /// alone says nothing about the destination.
        first: Option<Ticket>,
        /// Whether others failed too.
        is_several: bool,
    },
    /// It does not: nothing is sent until then.
    Open {
        /// When it is tried again.
        until: Timestamp,
        /// How many times it was found not to answer since it last did.
        times: u32,
    },
    /// One attempt finds out whether it answers again.
    Probing {
        /// Whose.
        ticket: Ticket,
        /// As when it was open.
        times: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0, first: None, is_several: false }
    }
}

/// Which attempts a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admits {
    /// Any.
    All,
    /// One, to find out.
    One,
    /// None before then.
    After(Timestamp),
    /// None before an answer to the one under way.
    Answer,
}

impl Breaker {
    pub(super) fn admits(&self, now: Timestamp) -> Admits {
        match self {
            Self::Closed { .. } => Admits::All,
            Self::Open { until, .. } if *until <= now => Admits::One,
            Self::Open { until, .. } => Admits::After(*until),
            Self::Probing { .. } => Admits::Answer,
        }
    }

    /// The one attempt is under way.
    pub(super) fn probe(&mut self, ticket: Ticket) {
        if let Self::Open { times, .. } = *self {
            *self = Self::Probing { ticket, times };
        }
    }

    /// The destination answered somebody; whether it had been left alone until now.
    pub(super) fn answered(&mut self) -> bool {
        match std::mem::take(self) {
            Self::Closed { .. } => false,
            Self::Open { .. } | Self::Probing { .. } => true,
        }
    }

    /// The destination did not answer. `is_own` says that it answers others: then this says
    /// nothing, unless it was the attempt to find out.
    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        is_own: bool,
        retry_after: Option<Duration>,
        pauses: &[Duration],
    ) {
        if let Some(wait) = retry_after {
            let until = later(now, wait.min(RETRY_AFTER_MAX));
            *self = Self::Open { until: until.max(self.until()), times: self.times() };
            return;
        }
        match self {
            Self::Open { .. } => {}
            Self::Probing { ticket: probe, times } if *probe == ticket => {
                let times = times.saturating_add(1);
                *self = Self::Open { until: later(now, pause(times, pauses)), times };
            }
            Self::Probing { .. } => {}
            Self::Closed { .. } if is_own => {}
            Self::Closed { failures, first, is_several } => {
                *failures = failures.saturating_add(1);
                *is_several |= *first.get_or_insert(ticket) != ticket;
                if *failures >= FAILURES_TO_OPEN && *is_several {
                    *self = Self::Open { until: later(now, pause(0, pauses)), times: 0 };
                }
            }
        }
    }

    /// The one attempt ended without telling: another is to.
    pub(super) fn lost(&mut self, now: Timestamp, ticket: Ticket) {
        if let Self::Probing { ticket: probe, times } = *self
            && probe == ticket
        {
            *self = Self::Open { until: now, times };
        }
    }

    fn until(&self) -> Timestamp {
        match self {
            Self::Open { until, .. } => *until,
            Self::Closed { .. } | Self::Probing { .. } => Timestamp(i64::MIN),
        }
    }

    fn times(&self) -> u32 {
        match self {
            Self::Open { times, .. } | Self::Probing { times, .. } => *times,
            Self::Closed { .. } => 0,
        }
    }
}

/// How long a destination is left alone: as an order would wait after as many attempts.
fn pause(times: u32, pauses: &[Duration]) -> Duration {
    let at = usize::try_from(times).unwrap_or(usize::MAX).min(pauses.len().saturating_sub(1));
    pauses.get(at).copied().unwrap_or(OPEN_FIRST).min(OPEN_MAX)
}

/// Attempts a second, as a bucket that fills up with time (GCRA).
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Nanoseconds an attempt; 0 when there is no bound.
    interval: i64,
    /// When the bucket is full again, in nanoseconds since 1970.
    full_at: i64,
}

impl Pace {
    pub(super) fn new(per_second: Option<u32>) -> Self {
        let interval = per_second.map_or(0, |n| 1_000_000_000 / i64::from(n.max(1)));
        Self { interval, full_at: i64::MIN }
    }

    /// Takes the right to one attempt, or says when there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if self.interval == 0 {
            return Ok(());
        }
        let nanos = now.0.saturating_mul(1_000);
        let ahead = BURST_NANOS.max(self.interval) - self.interval;
        let may_at = self.full_at.saturating_sub(ahead);
        if may_at > nanos {
            return Err(Timestamp(may_at.saturating_add(999) / 1_000));
        }
        self.full_at = self.full_at.max(nanos) + self.interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fails(breaker: &mut Breaker, ticket: u64) {
        breaker.failed(Timestamp(0), Ticket(ticket), false, None, &[SECOND, SECOND * 3]);
    }

    #[test]
    fn failures_of_several_orders_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        for ticket in 0..u64::from(FAILURES_TO_OPEN) {
            assert_eq!(breaker.admits(Timestamp(0)), Admits::All);
            fails(&mut breaker, ticket);
        }
        assert_eq!(breaker.admits(Timestamp(0)), Admits::After(Timestamp(1_000_000)));
        assert_eq!(breaker.admits(Timestamp(1_000_000)), Admits::One);
    }

    #[test]
    fn failures_of_one_order_alone_leave_it_closed() {
        let mut breaker = Breaker::default();
        (0..100).for_each(|_| fails(&mut breaker, 7));
        assert_eq!(breaker.admits(Timestamp(0)), Admits::All);
    }

    #[test]
    fn a_failed_probe_lengthens_the_pause_and_an_answer_ends_it() {
        let mut breaker = Breaker::Open { until: Timestamp(0), times: 0 };
        breaker.probe(Ticket(1));
        assert_eq!(breaker.admits(Timestamp(0)), Admits::Answer);
        fails(&mut breaker, 2);
        assert_eq!(breaker.admits(Timestamp(0)), Admits::Answer, "only the probe tells");
        fails(&mut breaker, 1);
        assert_eq!(breaker.admits(Timestamp(0)), Admits::After(Timestamp(3_000_000)));
        assert!(breaker.answered());
        assert_eq!(breaker.admits(Timestamp(0)), Admits::All);
        assert!(!breaker.answered());
    }

    #[test]
    fn a_destination_is_left_alone_as_long_as_it_asks_but_not_for_ever() {
        for (asked, left) in [(SECOND * 90, SECOND * 90), (SECOND * 1_000_000, RETRY_AFTER_MAX)] {
            let mut breaker = Breaker::default();
            breaker.failed(Timestamp(0), Ticket(1), false, Some(asked), &[SECOND]);
            assert_eq!(breaker.admits(Timestamp(0)), Admits::After(later(Timestamp(0), left)));
        }
    }

    #[test]
    fn no_second_has_more_attempts_than_the_rate_and_the_burst() {
        for per_second in [1, 7, 50, 1_000, 2_000_000_000] {
            let mut pace = Pace::new(Some(per_second));
            let (mut now, mut taken) = (Timestamp(1_767_225_600_000_000), 0_u64);
            let end = now.0 + 3_000_000;
            while now.0 < end && taken < 10_000 {
                match pace.take(now) {
                    Ok(()) => taken += 1,
                    Err(at) => {
                        assert!(at > now, "it waits");
                        now = at;
                    }
                }
            }
            let most = 3 * u64::from(per_second) + 1 + u64::from(per_second) / 10;
            assert!(taken <= most, "{taken} of {most}");
            assert!(taken >= (3 * u64::from(per_second)).min(10_000), "{taken} of {per_second}/s");
        }
    }
}
