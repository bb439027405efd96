//! Amounts and times as readers of a language write them.
//!
//! Never: a float. Amounts are digits that are grouped.

use domain::money::{Money, UnitPrice};
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use messages::Lang;

/// What an installation writes amounts and times in.
#[derive(Clone, Debug)]
pub struct Customs {
    /// ISO 4217 code of the currency.
    pub currency: Box<str>,
    /// Decimals of the currency.
    pub exponent: u32,
    /// Where its clocks are.
    pub time_zone: TimeZone,
}

/// Keeps an amount on one line.
const NO_BREAK: char = '\u{a0}';

impl Customs {
    /// An amount with its currency: `R$ 1.234,50`, in English `R$1,234.50`.
    #[must_use]
    pub fn money(&self, amount: Money, lang: Lang) -> String {
        self.priced(amount.0, self.exponent, lang)
    }

    /// A unit price with its currency, and as many of its six decimals as it needs.
    #[must_use]
    pub fn unit_price(&self, price: UnitPrice, lang: Lang) -> String {
        let (mut units, mut decimals) = (price.0, 6);
        while decimals > self.exponent && units % 10 == 0 {
            (units, decimals) = (units / 10, decimals - 1);
        }
        self.priced(units, decimals, lang)
    }

    fn priced(&self, units: i64, decimals: u32, lang: Lang) -> String {
        let sign = if units < 0 { "-" } else { "" };
        let number = decimal(units.unsigned_abs(), decimals, lang);
        match (symbol(&self.currency), lang) {
            (Some(symbol), Lang::En) => format!("{sign}{symbol}{number}"),
            (Some(symbol), Lang::PtBr | Lang::Es) => format!("{sign}{symbol}{NO_BREAK}{number}"),
            (None, _) => format!("{sign}{}{NO_BREAK}{number}", self.currency),
        }
    }

    /// A moment, to the minute, by the installation's clock: `22/11/2026 06:45`.
    #[must_use]
    pub fn time(&self, at: Timestamp, lang: Lang) -> String {
        let Ok(at) = jiff::Timestamp::from_microsecond(at.0) else { return at.0.to_string() };
        let format = match lang {
            Lang::PtBr | Lang::Es => "%d/%m/%Y %H:%M",
            Lang::En => "%-d %b %Y, %H:%M",
        };
        at.to_zoned(self.time_zone.clone()).strftime(format).to_string()
    }
}

/// How many, with its thousands apart.
#[must_use]
pub(super) fn count(number: u64, lang: Lang) -> String {
    decimal(number, 0, lang)
}

/// Signs that mean one currency wherever Comanda's languages are read; others are told by code.
fn symbol(currency: &str) -> Option<&'static str> {
    match currency {
        "BRL" => Some("R$"),
        "USD" => Some("US$"),
        "EUR" => Some("€"),
        "GBP" => Some("£"),
        _ => None,
    }
}

/// A number of so many tenths (one decimal), hundredths (two) …, with its thousands apart:
/// `1.234,50`, in English `1,234.50`.
#[must_use]
pub fn decimal(units: u64, decimals: u32, lang: Lang) -> String {
    let (group, point) = match lang {
        Lang::PtBr | Lang::Es => ('.', ','),
        Lang::En => (',', '.'),
    };
    let digits = format!("{units:0width$}", width = decimals as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals as usize);
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(group);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push(point);
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customs(currency: &str, exponent: u32) -> Customs {
        let time_zone = TimeZone::get("America/Sao_Paulo").expect("a zone");
        Customs { currency: currency.into(), exponent, time_zone }
    }

    #[test]
    fn amounts_are_written_as_each_language_writes_them() {
        let [pt, es, en] = Lang::ALL;
        let brl = customs("BRL", 2);
        assert_eq!(brl.money(Money(123_456_789), pt), "R$\u{a0}1.234.567,89");
        assert_eq!(brl.money(Money(-5), es), "-R$\u{a0}0,05");
        assert_eq!(brl.money(Money(100_000), en), "R$1,000.00");
        assert_eq!(customs("CLP", 0).money(Money(1_990), es), "CLP\u{a0}1.990");
        assert_eq!(customs("KWD", 3).money(Money(1_234_567), en), "KWD\u{a0}1,234.567");
        assert_eq!(brl.money(Money(i64::MIN), en), "-R$92,233,720,368,547,758.08");
        assert_eq!(count(1_041, pt), "1.041");
    }

    #[test]
    fn unit_prices_keep_the_decimals_they_need() {
        let brl = customs("BRL", 2);
        assert_eq!(brl.unit_price(UnitPrice(19_900_000), Lang::En), "R$19.90");
        assert_eq!(brl.unit_price(UnitPrice(5_000), Lang::PtBr), "R$\u{a0}0,005");
        assert_eq!(customs("CLP", 0).unit_price(UnitPrice(7_000_000), Lang::Es), "CLP\u{a0}7");
    }

    #[test]
    fn times_are_those_of_the_installations_clock() {
        let at = Timestamp(1_795_340_700_000_000);
        assert_eq!(customs("BRL", 2).time(at, Lang::PtBr), "22/11/2026 06:45");
        assert_eq!(customs("BRL", 2).time(at, Lang::En), "22 Nov 2026, 06:45");
    }
}
