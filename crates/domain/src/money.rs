//! Exact money: minor units in an `i64`, unit prices in millionths, never a float.
//!
//! Rounding is half to even, once per line (see [`UnitPrice::times`]); a share of an amount is
//! spread by largest remainder (see [`spread`]), so that the shares add up to the amount.

use alloc::vec::Vec;
use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use crate::limits::{MONEY_MAX, UNIT_PRICE_DECIMALS_MAX};

/// An amount in minor units of the installation's currency (cents of BRL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
}

/// Currencies that do not have two decimals (ISO 4217, list one).
const DECIMALS: [(&[&str], u32); 3] = [
    (
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
            "VND", "VUV", "XAF", "XOF", "XPF",
        ],
        0,
    ),
    (&["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    (&["CLF", "UYW"], 4),
];

/// Decimals of a currency by its ISO 4217 code; `None` for what is no code.
///
/// ```
/// use domain::money::decimals;
/// assert_eq!(["BRL", "JPY", "TND"].map(decimals), [Some(2), Some(0), Some(3)]);
/// assert_eq!(["brl", "R$", ""].map(decimals), [None; 3]);
/// ```
#[must_use]
pub fn decimals(code: &str) -> Option<u32> {
    let other = DECIMALS.iter().find(|(codes, _)| codes.contains(&code));
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then(|| other.map_or(2, |(_, decimals)| *decimals))
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// A price per unit in millionths of the major unit: 19.90 is 19 900 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitPrice(pub i64);

impl UnitPrice {
    /// Price × quantity in minor units of a currency with `exponent` decimals, rounded half to
    /// even; `None` above [`MONEY_MAX`].
    ///
    /// ```
    /// use domain::money::{Money, UnitPrice};
    /// assert_eq!(UnitPrice(19_900_000).times(3, 2), Some(Money(5970)));
    /// assert_eq!(UnitPrice(5_000).times(1, 2), Some(Money(0)), "0.005 rounds to even");
    /// assert_eq!(UnitPrice(15_000).times(1, 2), Some(Money(2)), "0.015 rounds to even");
    /// ```
    #[must_use]
    pub fn times(self, quantity: i64, exponent: u32) -> Option<Money> {
        let millionths = i128::from(self.0) * i128::from(quantity);
        let minor = if exponent <= UNIT_PRICE_DECIMALS_MAX {
            divide_half_even(millionths, 10_i128.pow(UNIT_PRICE_DECIMALS_MAX - exponent))
        } else {
            millionths * 10_i128.pow(exponent - UNIT_PRICE_DECIMALS_MAX)
        };
        money(minor)
    }
}

fn money(minor: i128) -> Option<Money> {
    i64::try_from(minor).ok().filter(|m| (-MONEY_MAX..=MONEY_MAX).contains(m)).map(Money)
}

/// `dividend ÷ divisor` rounded half to even. The divisor is positive.
///
/// ```
/// use domain::money::divide_half_even;
/// assert_eq!([5, 15, 25, -5, -15, 14].map(|n| divide_half_even(n, 10)), [0, 2, 2, 0, -2, 1]);
/// ```
#[must_use]
pub fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    match (remainder * 2).cmp(&divisor) {
        core::cmp::Ordering::Less => quotient,
        core::cmp::Ordering::Greater => quotient + 1,
        core::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

/// Spreads `amount` over `weights` by largest remainder: the shares add up to `amount` exactly.
/// Ties go to the earlier share. With no positive weight the first share takes it all.
///
/// ```
/// use domain::money::{Money, spread};
/// assert_eq!(spread(Money(-100), &[1, 1, 1]), [Money(-34), Money(-33), Money(-33)]);
/// ```
#[must_use]
pub fn spread(amount: Money, weights: &[i64]) -> Vec<Money> {
    let total: i128 = weights.iter().map(|w| i128::from((*w).max(0))).sum();
    if total == 0 {
        let first = (!weights.is_empty()).then_some(amount);
        return first
            .into_iter()
            .chain(core::iter::repeat(Money::ZERO))
            .take(weights.len())
            .collect();
    }
    let (sign, size) = (amount.0.signum(), i128::from(amount.0).abs());
    let mut shares: Vec<i64> = Vec::with_capacity(weights.len());
    let mut remainders: Vec<(i128, usize)> = Vec::with_capacity(weights.len());
    for (at, weight) in weights.iter().enumerate() {
        let exact = size * i128::from((*weight).max(0));
        shares.push(i64::try_from(exact / total).unwrap_or(i64::MAX));
        remainders.push((exact % total, at));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let left = size - shares.iter().map(|s| i128::from(*s)).sum::<i128>();
    for (_, at) in remainders.iter().take(usize::try_from(left).unwrap_or(0)) {
        if let Some(share) = shares.get_mut(*at) {
            *share += 1;
        }
    }
    shares.into_iter().map(|s| Money(s * sign)).collect()
}

/// A decimal number exactly as it was written: `units × 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    units: i128,
    scale: u32,
}

/// Why a text is no usable decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// No decimal number: `12,50`, `NaN`, an empty text.
    NotANumber,
    /// More digits than any amount has.
    TooLarge,
    /// More decimals than the field keeps.
    TooPrecise,
}

/// Most digits of a decimal on the way in: fifteen before and fifteen after the point, and some.
const DIGITS_MAX: u32 = 34;

impl Decimal {
    /// Parses `-12.50`, `2580` or `1e3`: JSON's grammar for numbers, a leading `+` not allowed.
    ///
    /// # Errors
    /// [`DecimalError`] says what is wrong.
    ///
    /// ```
    /// use domain::money::{Decimal, DecimalError, Money};
    /// let cost = Decimal::parse("23.450000000000003").unwrap();
    /// assert_eq!(cost.to_money(2), Ok(Money(2345)));
    /// assert_eq!(Decimal::parse("12,50"), Err(DecimalError::NotANumber));
    /// ```
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (text, negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (mut units, mut count, mut decimals, mut point) = (0_i128, 0_u32, 0_i32, false);
        let mut seen = false;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    seen = true;
                    count += u32::from(count > 0 || byte != b'0');
                    if count > DIGITS_MAX {
                        return Err(DecimalError::TooLarge);
                    }
                    units = units * 10 + i128::from(byte - b'0');
                    decimals += i32::from(point);
                }
                b'.' if !point && seen => point = true,
                _ => return Err(DecimalError::NotANumber),
            }
        }
        if !seen || digits.ends_with('.') {
            return Err(DecimalError::NotANumber);
        }
        let scale = decimals - exponent;
        if scale < 0 {
            let raised =
                10_i128.checked_pow(scale.unsigned_abs()).and_then(|p| units.checked_mul(p));
            units = raised.ok_or(DecimalError::TooLarge)?;
        }
        let units = if negative { -units } else { units };
        Ok(Self { units, scale: u32::try_from(scale).unwrap_or(0) })
    }

    /// True below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Minor units of a currency with `exponent` decimals, rounded half to even.
    ///
    /// # Errors
    /// `TooLarge` above [`MONEY_MAX`].
    pub fn to_money(self, exponent: u32) -> Result<Money, DecimalError> {
        money(self.scaled(exponent)?).ok_or(DecimalError::TooLarge)
    }

    /// A unit price, exactly.
    ///
    /// # Errors
    /// `TooPrecise` beyond six decimals (trailing zeros do not count), `TooLarge` above
    /// [`MONEY_MAX`] millionths.
    pub fn to_unit_price(self) -> Result<UnitPrice, DecimalError> {
        let price = self.scaled(UNIT_PRICE_DECIMALS_MAX)?;
        if self.scale > UNIT_PRICE_DECIMALS_MAX {
            let step = 10_i128.checked_pow(self.scale - UNIT_PRICE_DECIMALS_MAX);
            if step.is_none_or(|step| price.checked_mul(step) != Some(self.units)) {
                return Err(DecimalError::TooPrecise);
            }
        }
        money(price).map(|m| UnitPrice(m.0)).ok_or(DecimalError::TooLarge)
    }

    /// A unit price, rounded half to even to six decimals.
    ///
    /// # Errors
    /// `TooLarge` above [`MONEY_MAX`] millionths.
    ///
    /// ```
    /// use domain::money::{Decimal, UnitPrice};
    /// let price = Decimal::parse("19.899999999999999").unwrap();
    /// assert_eq!(price.to_rounded_unit_price(), Ok(UnitPrice(19_900_000)));
    /// ```
    pub fn to_rounded_unit_price(self) -> Result<UnitPrice, DecimalError> {
        let price = money(self.scaled(UNIT_PRICE_DECIMALS_MAX)?);
        price.map(|price| UnitPrice(price.0)).ok_or(DecimalError::TooLarge)
    }

    /// A whole number.
    ///
    /// # Errors
    /// `TooPrecise` when it has a fraction, `TooLarge` beyond `i64`.
    pub fn to_integer(self) -> Result<i64, DecimalError> {
        let step = 10_i128.checked_pow(self.scale).ok_or(DecimalError::TooPrecise)?;
        if self.units % step != 0 {
            return Err(DecimalError::TooPrecise);
        }
        i64::try_from(self.units / step).map_err(|_| DecimalError::TooLarge)
    }

    fn scaled(self, decimals: u32) -> Result<i128, DecimalError> {
        if self.scale <= decimals {
            let factor = 10_i128.checked_pow(decimals - self.scale);
            return factor.and_then(|f| self.units.checked_mul(f)).ok_or(DecimalError::TooLarge);
        }
        // More than 38 places below the last kept digit: what is left is less than half a unit.
        let divisor = 10_i128.checked_pow(self.scale - decimals);
        Ok(divisor.map_or(0, |d| divide_half_even(self.units, d)))
    }
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    text.parse::<i32>().ok().filter(|e| e.abs() <= 100).ok_or(DecimalError::TooLarge)
}

/// Shows an amount in major units with the currency's decimals: `Amount(Money(250), 2)` is `2.50`.
#[derive(Clone, Copy, Debug)]
pub struct Amount(pub Money, pub u32);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minor, one) = (self.0.0.unsigned_abs(), 10_u64.pow(self.1.min(6)));
        let sign = if self.0.0 < 0 { "-" } else { "" };
        if self.1 == 0 {
            return write!(f, "{sign}{minor}");
        }
        write!(f, "{sign}{}.{:0width$}", minor / one, minor % one, width = self.1 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_decimals_come_through_to_the_cent() {
        let cost = |text| Decimal::parse(text).and_then(|d| d.to_money(2));
        assert_eq!(cost("29.989999999999998"), Ok(Money(2999)));
        assert_eq!(cost("0.125"), Ok(Money(12)), "half to even");
        assert_eq!(cost("0.135"), Ok(Money(14)), "half to even");
        assert_eq!(cost("1e2"), Ok(Money(10_000)));
        assert_eq!(cost("-0.005"), Ok(Money(0)));
        assert_eq!(cost("1e-90"), Ok(Money(0)));
        assert_eq!(cost("99999999999999999999"), Err(DecimalError::TooLarge));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", ".5", "5.", "+1", "1,5", "1.2.3", "0x10", "NaN", "1e", "1e+"] {
            assert_eq!(Decimal::parse(text), Err(DecimalError::NotANumber), "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(40)), Err(DecimalError::TooLarge));
    }

    #[test]
    fn a_unit_price_keeps_six_decimals_and_no_more() {
        let price = |text| Decimal::parse(text).and_then(Decimal::to_unit_price);
        assert_eq!(price("0.000001"), Ok(UnitPrice(1)));
        assert_eq!(price("1.50000000000"), Ok(UnitPrice(1_500_000)));
        assert_eq!(price("0.0000001"), Err(DecimalError::TooPrecise));
    }
}
