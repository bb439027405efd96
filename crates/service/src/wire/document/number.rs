//! Numbers of a document, exactly. The common ones are short and fit a machine word; everything
//! else, and every doubt, goes to the domain's [`Decimal`], which decides what a number is.
//!
//! Never: a float, a result that differs from the domain's.

use domain::limits::{MONEY_MAX, UNIT_PRICE_DECIMALS_MAX};
use domain::money::{Decimal, DecimalError, Money, UnitPrice};

/// Minor units of a currency with `exponent` decimals, rounded half to even.
pub(super) fn money(text: &str, exponent: u32) -> Result<Money, DecimalError> {
    match Short::parse(text).and_then(|short| short.scaled(exponent)) {
        Some(minor) => Ok(Money(minor)),
        None => Decimal::parse(text)?.to_money(exponent),
    }
}

/// A price per unit.
pub(super) fn unit_price(text: &str) -> Result<UnitPrice, DecimalError> {
    match Short::parse(text).and_then(|short| short.scaled(UNIT_PRICE_DECIMALS_MAX)) {
        Some(millionths) => Ok(UnitPrice(millionths)),
        None => Decimal::parse(text)?.to_unit_price(),
    }
}

/// A whole number.
pub(super) fn integer(text: &str) -> Result<i64, DecimalError> {
    match Short::parse(text).and_then(|short| short.scaled(0)) {
        Some(number) => Ok(number),
        None => Decimal::parse(text)?.to_integer(),
    }
}

/// A line's total, `None` above [`MONEY_MAX`]: like [`UnitPrice::times`], without a 128-bit
/// division when nothing is to be rounded.
pub(super) fn line_total(price: UnitPrice, quantity: i64, exponent: u32) -> Option<Money> {
    let step = UNIT_PRICE_DECIMALS_MAX.checked_sub(exponent).and_then(power);
    if let (Some(step), Some(millionths)) = (step, price.0.checked_mul(quantity)) {
        let minor = millionths / step;
        if minor * step == millionths && minor.abs() <= MONEY_MAX {
            return Some(Money(minor));
        }
    }
    price.times(quantity, exponent)
}

/// A number of at most fifteen digits without sign or exponent: `units × 10^-scale`.
#[derive(Clone, Copy)]
struct Short {
    units: i64,
    scale: u32,
}

impl Short {
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 16 {
            return None;
        }
        let (mut units, mut point) = (0_i64, None);
        for (at, byte) in bytes.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                // At most sixteen digits: far below the end of an i64.
                units = units.wrapping_mul(10).wrapping_add(i64::from(digit));
            } else if *byte == b'.' && point.is_none() && at > 0 {
                point = Some(at);
            } else {
                return None;
            }
        }
        let scale = point.map_or(0, |at| bytes.len() - 1 - at);
        if point.is_some() && scale == 0 {
            return None;
        }
        Some(Self { units, scale: u32::try_from(scale).ok()? })
    }

    /// The number with exactly `decimals` decimals, if it needs no rounding and is no large one.
    fn scaled(self, decimals: u32) -> Option<i64> {
        let factor = power(decimals.checked_sub(self.scale)?)?;
        self.units.checked_mul(factor).filter(|scaled| *scaled <= MONEY_MAX)
    }
}

fn power(exponent: u32) -> Option<i64> {
    const POWERS: [i64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
    POWERS.get(exponent as usize).copied()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use bigdecimal::{BigDecimal, RoundingMode};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_and_the_long_way_agree(text in "-?[0-9]{0,17}(\\.[0-9]{0,8})?(e[0-9])?") {
            let long = Decimal::parse(&text);
            for exponent in 0..5 {
                let long = long.and_then(|d| d.to_money(exponent));
                prop_assert_eq!(money(&text, exponent), long);
            }
            prop_assert_eq!(unit_price(&text), long.and_then(Decimal::to_unit_price));
            prop_assert_eq!(integer(&text), long.and_then(Decimal::to_integer));
        }

        #[test]
        fn money_is_rounded_as_a_published_big_decimal_rounds_it(
            text in "-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,15})?(e-?[0-3])?", half in any::<bool>(),
        ) {
            // Halves are rare among random numbers, and all that half-even is about.
            let text = if half && !text.contains(['.', 'e']) { text + ".005" } else { text };
            let exact = BigDecimal::from_str(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
            for exponent in 0..4_u32 {
                let rounded = exact.with_scale_round(i64::from(exponent), RoundingMode::HalfEven);
                let minor = (rounded * 10_i64.pow(exponent)).with_scale(0).to_string();
                let ours = money(&text, exponent).map(|money| money.0.to_string());
                let fits = minor.trim_start_matches('-').parse::<i64>().is_ok_and(|m| m <= MONEY_MAX);
                let expected = if fits { Ok(minor) } else { Err(DecimalError::TooLarge) };
                prop_assert_eq!(ours, expected, "{} with {} decimals", text, exponent);
            }
        }

        #[test]
        fn a_line_total_is_price_times_quantity(
            price in 0..=MONEY_MAX, cents in 0..1_000_000_i64, quantity in 1..=1_000_000_000_i64,
        ) {
            for exponent in 0..8 {
                for price in [UnitPrice(price), UnitPrice(cents * 10_000)] {
                    let total = price.times(quantity, exponent);
                    prop_assert_eq!(line_total(price, quantity, exponent), total);
                }
            }
        }
    }
}
