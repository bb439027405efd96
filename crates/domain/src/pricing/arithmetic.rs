//! Exact arithmetic of pricing: `i64` where the numbers are small, `i128` where they are not.
//!
//! Never: another result than `money`'s, only a faster one (a 128-bit division costs more than the
//! rest of a rule).

use alloc::vec::Vec;

use super::rule::Percent;
use crate::money::{Money, UnitPrice, divide_half_even, spread};

/// As [`UnitPrice::times`].
pub(super) fn times(price: UnitPrice, quantity: i64, exponent: u32) -> Option<Money> {
    // Small amounts of currencies with two decimals or none: most orders there are.
    let divisor = match exponent {
        2 => 10_000,
        0 => 1_000_000,
        _ => return price.times(quantity, exponent),
    };
    match price.0.checked_mul(quantity) {
        Some(millionths) if (0..i64::MAX / 2).contains(&millionths) => {
            let minor = half_even(millionths, divisor);
            (minor <= crate::limits::MONEY_MAX).then_some(Money(minor))
        }
        _ => price.times(quantity, exponent),
    }
}

/// `amount × percent`, rounded half to even. `amount` is at least zero.
pub(super) fn share(amount: i64, percent: Percent) -> i64 {
    portion(amount, percent.basis_points(), Percent::WHOLE)
}

/// `amount × part ÷ whole`, rounded half to even. All at least zero, `whole` above.
pub(super) fn portion(amount: i64, part: i64, whole: i64) -> i64 {
    match amount.checked_mul(part) {
        Some(product) => half_even(product, whole),
        None => {
            let product = i128::from(amount) * i128::from(part);
            // `part` is at most `whole`, so the quotient is at most `amount`.
            i64::try_from(divide_half_even(product, i128::from(whole))).unwrap_or(amount)
        }
    }
}

fn half_even(dividend: i64, divisor: i64) -> i64 {
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    match remainder.cmp(&(divisor - remainder)) {
        core::cmp::Ordering::Less => quotient,
        core::cmp::Ordering::Greater => quotient + 1,
        core::cmp::Ordering::Equal => quotient + quotient % 2,
    }
}

/// One share of an amount that is being spread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// What it is weighted by; at least zero.
    pub(super) weight: i64,
    /// What it gets.
    pub(super) gets: i64,
    remainder: i64,
}

impl Share {
    /// A share of that weight, still without anything.
    pub(super) fn of(weight: i64) -> Self {
        Self { weight, gets: 0, remainder: 0 }
    }
}

/// Most shares that are handed out without sorting.
const FEW: usize = 16;

/// Sets every share's `gets`, as [`spread`] would. `amount` is at least zero and at most the sum of
/// the weights, so that no share exceeds its weight.
pub(super) fn spread_over(amount: i64, shares: &mut [Share]) {
    let total: i64 = shares.iter().map(|s| s.weight).sum();
    let largest = shares.iter().map(|s| s.weight).max().unwrap_or(0);
    if total == 0 || shares.len() > FEW || amount.checked_mul(largest).is_none() {
        let weights: Vec<i64> = shares.iter().map(|s| s.weight).collect();
        for (share, gets) in shares.iter_mut().zip(spread(Money(amount), &weights)) {
            share.gets = gets.0;
        }
        return;
    }
    let mut left = amount;
    for share in shares.iter_mut() {
        let exact = amount * share.weight;
        (share.gets, share.remainder) = (exact / total, exact % total);
        left -= share.gets;
    }
    for _ in 0..left {
        // The first of the largest: `max_by_key` would take the last.
        let next = shares.iter_mut().reduce(|a, b| if b.remainder > a.remainder { b } else { a });
        if let Some(share) = next {
            share.gets += 1;
            share.remainder = -1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_price_times_a_quantity_is_what_money_says(
            price in prop_oneof![0..100_000_000_i64, any::<i64>()],
            quantity in prop_oneof![1..1000_i64, 1..=1_000_000_000_i64],
            exponent in 0..4_u32,
        ) {
            let price = UnitPrice(price);
            prop_assert_eq!(times(price, quantity, exponent), price.times(quantity, exponent));
        }

        #[test]
        fn a_portion_is_what_money_says(
            amount in prop_oneof![0..100_000_i64, 0..=1_000_000_000_000_000_i64],
            (whole, part) in (1..=10_000_i64).prop_flat_map(|w| (Just(w), 0..=w)),
        ) {
            let exact = i128::from(amount) * i128::from(part);
            let expected = divide_half_even(exact, i128::from(whole));
            prop_assert_eq!(i128::from(portion(amount, part, whole)), expected);
        }

        #[test]
        fn shares_are_what_money_says(
            weights in prop_oneof![
                prop::collection::vec(0..50_i64, 1..30),
                prop::collection::vec(0..=1_000_000_000_000_000_i64, 1..20),
            ],
            part in 0..=1000_i64,
        ) {
            let total: i64 = weights.iter().sum();
            let amount = portion(total, part, 1000);
            let mut shares: Vec<Share> = weights.iter().map(|w| Share::of(*w)).collect();
            spread_over(amount, &mut shares);
            let got: Vec<Money> = shares.iter().map(|s| Money(s.gets)).collect();
            prop_assert_eq!(got, spread(Money(amount), &weights));
            prop_assert!(shares.iter().all(|s| s.gets <= s.weight));
        }
    }

    #[test]
    fn half_goes_to_the_even_neighbour() {
        let half = |amount| portion(amount, 1, 2);
        assert_eq!(vec![half(1), half(3), half(5)], [0, 2, 2]);
    }
}
