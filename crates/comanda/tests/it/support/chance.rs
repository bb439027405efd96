//! Seeded chance: a failed test can be run again as it was.

/// SplitMix64: good enough to choose moments and products.
pub(crate) struct Chance(u64);

impl Chance {
    /// Seeded by `COMANDA_TEST_SEED`, else by the clock; says by what.
    pub(crate) fn new(test: &str) -> Self {
        let given = std::env::var("COMANDA_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = given.unwrap_or_else(|| now().map_or(1, |d| u64::from(d.subsec_nanos())));
        println!("{test}: COMANDA_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number of `range`.
    pub(crate) fn of(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (z ^ (z >> 31)) % (range.end - range.start)
    }
}
