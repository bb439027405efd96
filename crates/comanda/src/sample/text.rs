//! Appends numbers, amounts and dates to a byte buffer, without formatting machinery.
//!
//! Never: escapes. Every text of the tables is plain JSON text already; a test parses them all.

/// Seconds in a day.
pub(super) const DAY_S: i64 = 86_400;

pub(super) fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// `value` with leading zeros up to `width` digits; wider values keep all theirs.
pub(super) fn put_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let (mut at, mut rest) = (digits.len(), value);
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len().saturating_sub(width))..]);
}

pub(super) fn put_number(out: &mut Vec<u8>, value: u64) {
    put_padded(out, value, 1);
}

/// Cents in major units with two decimals: 12 990 is `129.90`.
pub(super) fn put_cents(out: &mut Vec<u8>, cents: u64) {
    put_number(out, cents / 100);
    out.push(b'.');
    put_padded(out, cents % 100, 2);
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy)]
pub(super) struct Date {
    year: u64,
    month: u64,
    day: u64,
}

/// 2025-01-01, in days since 1970-01-01.
const YEAR_2025: i64 = 20_089;

impl Date {
    /// The day so many days after 1970-01-01; from 2025 on, walked year by year and month by
    /// month, as sample data stays within a few years.
    pub(super) fn from_days(days: i64) -> Self {
        let (mut rest, mut year, mut month) = ((days - YEAR_2025).unsigned_abs(), 2025, 1);
        while rest >= 365 + leap(year) {
            rest -= 365 + leap(year);
            year += 1;
        }
        while rest >= month_days(year, month) {
            rest -= month_days(year, month);
            month += 1;
        }
        Self { year, month, day: rest + 1 }
    }

    /// `2025-01-09` with separator `-`, `20250109` without.
    pub(super) fn put(self, out: &mut Vec<u8>, separator: &str) {
        put_padded(out, self.year, 4);
        put(out, separator);
        put_padded(out, self.month, 2);
        put(out, separator);
        put_padded(out, self.day, 2);
    }
}

fn leap(year: u64) -> u64 {
    u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + leap(year),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `09:28:37`, from seconds since midnight.
pub(super) fn put_time(out: &mut Vec<u8>, second: i64) {
    let second = second.unsigned_abs();
    put_padded(out, second / 3_600, 2);
    out.push(b':');
    put_padded(out, second / 60 % 60, 2);
    out.push(b':');
    put_padded(out, second % 60, 2);
}
