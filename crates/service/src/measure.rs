//! How long things take: histograms that any thread adds to, and the moments of one commit.
//!
//! Adding is two relaxed atomic steps. Moments are handed in: nothing here asks what time it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of durations, in microseconds; one bucket more holds the rest.
pub const DURATIONS_US: [u64; 18] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000, 5_000_000, 30_000_000,
];
/// Upper bounds of how many requests one commit holds; one bucket more holds the rest.
pub const REQUESTS: [u64; 12] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048];

/// How often a value fell between two bounds.
#[derive(Debug)]
pub struct Histogram<const BUCKETS: usize> {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

/// Of durations.
pub type Durations = Histogram<{ DURATIONS_US.len() + 1 }>;
/// Of requests in a commit.
pub type Sizes = Histogram<{ REQUESTS.len() + 1 }>;

impl<const BUCKETS: usize> Default for Histogram<BUCKETS> {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0) }
    }
}

/// What a histogram holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// How many values each bucket has, the last those above every bound.
    pub buckets: Vec<u64>,
    /// The sum of all values, in the histogram's unit.
    pub sum: u64,
}

impl Counts {
    /// Nothing, for histograms of so many bounds.
    #[must_use]
    pub fn empty(bounds: usize) -> Self {
        Self { buckets: vec![0; bounds + 1], sum: 0 }
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// With another's values, of the same bounds.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(mine, more)| *mine += more);
        self.sum += other.sum;
        self
    }
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    /// What it holds now. Values that are added meanwhile may be counted and not summed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let buckets = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        Counts { buckets, sum: self.sum.load(Ordering::Relaxed) }
    }

    fn add(&self, bounds: &[u64], value: u64, times: u64) {
        let at = bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(times, Ordering::Relaxed);
        }
        self.sum.fetch_add(value.saturating_mul(times), Ordering::Relaxed);
    }
}

impl Durations {
    /// Something took so long.
    pub fn took(&self, duration: Duration) {
        self.took_each(duration, 1);
    }

    /// So many things took so long each.
    pub fn took_each(&self, duration: Duration, times: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.add(&DURATIONS_US, micros, times);
    }
}

impl Sizes {
    /// A commit held so many requests.
    pub fn held(&self, requests: u64) {
        self.add(&REQUESTS, requests, 1);
    }
}

/// When a call passed the stages of its commit.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// It was put into the queue, read, parsed and priced.
    pub queued: Instant,
    /// The writer had taken it.
    pub taken: Instant,
    /// It was decided, with all that the commit holds.
    pub decided: Instant,
    /// It was on disk.
    pub synced: Instant,
}

/// Who calls: one request that somebody waits for, or a part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// One request.
    Single,
    /// A part of a batch.
    Batch,
}

impl Calls {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Single, Self::Batch];

    /// The name in figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Batch => "batch",
        }
    }
}

/// How long calls took in each stage of their commits.
#[derive(Debug, Default)]
pub struct Stages {
    /// From the queue to the writer's hands.
    pub queue: Durations,
    /// From there until all of the commit was decided.
    pub decide: Durations,
    /// From there until it was on disk.
    pub sync: Durations,
}

/// How a ledger's commits fare.
#[derive(Debug, Default)]
pub struct Commits {
    /// Calls of one request.
    pub single: Stages,
    /// Parts of batches.
    pub batch: Stages,
    /// How many requests each commit held.
    pub requests: Sizes,
    /// How long each write of the projection took.
    pub projection: Durations,
}

impl Commits {
    /// The stages of these calls.
    #[must_use]
    pub fn of(&self, calls: Calls) -> &Stages {
        match calls {
            Calls::Single => &self.single,
            Calls::Batch => &self.batch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let durations = Durations::default();
        for micros in [0, 10, 11, 30_000_000, 30_000_001] {
            durations.took(Duration::from_micros(micros));
        }
        let counts = durations.counts();
        assert_eq!((counts.buckets[0], counts.buckets[1], counts.count()), (2, 1, 5));
        assert_eq!(counts.buckets[DURATIONS_US.len() - 1..], [1, 1]);
        assert_eq!(counts.sum, 60_000_022);
    }

    #[test]
    fn many_of_one_duration_count_as_many() {
        let durations = Durations::default();
        durations.took_each(Duration::from_micros(40), 512);
        let counts = durations.counts();
        assert_eq!((counts.buckets[2], counts.sum), (512, 20_480));
        assert_eq!(counts.clone().and(&counts).count(), 1_024);
    }
}
