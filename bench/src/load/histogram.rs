//! Latencies in log-linear buckets: 64 per power of two, so a value is off by at most 1.6 %.
//!
//! Never: an allocation while recording.

/// Buckets per power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// How often each latency was seen, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self { counts: vec![0; (64 * STEPS) as usize], count: 0, max: 0 }
    }

    /// One more latency.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// The largest latency.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The latency that `share` (0 to 1) of all did not exceed; 0 when nothing was seen.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return top(at as u64).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = 63 - nanos.leading_zeros() - STEP_BITS;
    ((u64::from(shift) + 1) * STEPS + ((nanos >> shift) - STEPS)) as usize
}

/// The largest value of a bucket.
fn top(bucket: u64) -> u64 {
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    (((bucket % STEPS) + STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_off_by_at_most_a_64th() {
        let mut histogram = Histogram::new();
        (1..=100_000u64).for_each(|n| histogram.record(n * 1_000));
        for (share, exact) in [(0.5, 50_000_000u64), (0.99, 99_000_000), (1.0, 100_000_000)] {
            let seen = histogram.quantile(share);
            assert!(seen.abs_diff(exact) <= exact / 64, "{share}: {seen} instead of {exact}");
        }
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for value in [0, 1, 63, 64, 65, 127, 128, 1_000, 123_456_789, u64::from(u32::MAX)] {
            let at = bucket(value) as u64;
            assert!(value <= top(at) && (at == 0 || value > top(at - 1)), "{value}");
        }
    }
}
