//! Numbers that look random, found at any place of any stream without walking there, and the
//! same on every machine.
//!
//! Never: a source of secrets. Whoever knows the seed knows every number.

/// What the numbers are for: each purpose has a stream of its own, so that a change to one kind
/// of document leaves the others as they were.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    /// The fixed catalogue.
    Product = 1,
    /// Quantities in stock.
    Stock,
    /// People who buy.
    Customer,
    /// Full purchase documents.
    Retail,
    /// Small purchase documents.
    Simple,
    /// Transfers.
    Transfer,
    /// Which documents are broken or repeated.
    Series,
}

/// SplitMix64: one addition and one mix per number, a state of eight bytes.
pub(super) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Random {
    /// The numbers of document `index` in a stream.
    pub(super) fn at(seed: u64, stream: Stream, index: u64) -> Self {
        let stream = mix(seed.wrapping_add((stream as u64).wrapping_mul(STEP)));
        Self(mix(stream ^ mix(index.wrapping_add(STEP))))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// 0 to `bound` − 1; 0 when `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        // The upper half of a 128-bit product always fits.
        (wide >> 64) as u64
    }

    /// True in `percent` of 100 cases.
    pub(super) fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    pub(super) fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len() as u64) as usize]
    }
}
