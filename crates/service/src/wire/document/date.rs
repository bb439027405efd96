//! Dates of a document: RFC 3339, or a civil time in the installation's zone.
//!
//! The two common spellings are read here; everything else, and every doubt, goes to jiff.
//! Never: today. A date without a zone is the installation's, a date without a time its midnight.

use domain::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A date of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// When it is; for a date without a time, the beginning of that day.
    pub(super) at: Timestamp,
    /// The day as it was written, in days since 1970-01-01.
    pub(super) day: i64,
    /// Whether a time was written.
    pub(super) has_time: bool,
}

impl Moment {
    /// Reads a date; `None` when it is none.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim_ascii();
        short(text, zone).or_else(|| long(text, zone))
    }
}

/// The day it was in `zone`.
pub(super) fn day_in(at: Timestamp, zone: &TimeZone) -> Option<i64> {
    let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
    let date = zone.to_datetime(at).date();
    days(date.year().into(), date.month().into(), date.day().into())
}

/// `2025-01-09T09:28:37Z`, `2025-01-09 09:28:37` or `2025-01-09`.
fn short(text: &str, zone: &TimeZone) -> Option<Moment> {
    let (date, time) = text.as_bytes().split_first_chunk::<10>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = date else {
        return None;
    };
    let (year, month) = (two(*y0, *y1)? * 100 + two(*y2, *y3)?, two(*m0, *m1)?);
    let date = two(*d0, *d1)?;
    let day = days(year, month, date)?;
    let (seconds, utc) = match time {
        [] => (0, false),
        [b'T' | b't' | b' ', h0, h1, b':', m0, m1, b':', s0, s1, zone @ ..] => {
            let (h, m, s) = (two(*h0, *h1)?, two(*m0, *m1)?, two(*s0, *s1)?);
            let utc = matches!(zone, [b'Z' | b'z']);
            if h > 23 || m > 59 || s > 59 || !(utc || zone.is_empty()) {
                return None;
            }
            (h * 3_600 + m * 60 + s, utc)
        }
        _ => return None,
    };
    let has_time = !time.is_empty();
    let at = if utc {
        Timestamp((day * 86_400 + seconds) * 1_000_000)
    } else {
        let part = |number: i64| i8::try_from(number).ok();
        let (month, date) = (part(month)?, part(date)?);
        let (h, m, s) = (part(seconds / 3_600)?, part(seconds / 60 % 60)?, part(seconds % 60)?);
        local(DateTime::new(i16::try_from(year).ok()?, month, date, h, m, s, 0).ok()?, zone)?
    };
    Some(Moment { at, day, has_time })
}

/// Whatever else jiff reads: fractions of a second, offsets, a leap second.
fn long(text: &str, zone: &TimeZone) -> Option<Moment> {
    let written =
        |civil: DateTime| days(civil.year().into(), civil.month().into(), civil.day().into());
    if let Ok(pieces) = jiff::fmt::temporal::Pieces::parse(text) {
        let civil = pieces.date().to_datetime(pieces.time()?);
        let at = if pieces.offset().is_some() {
            Timestamp(text.parse::<jiff::Timestamp>().ok()?.as_microsecond())
        } else if pieces.time_zone_annotation().is_none() {
            local(civil, zone)?
        } else {
            return None;
        };
        return Some(Moment { at, day: written(civil)?, has_time: true });
    }
    None
}

/// A civil time in a zone. A time that a clock change skips is taken as the clock before it
/// would have shown it, one that comes twice as the first.
fn local(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Timestamp(at.as_microsecond()))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` when there is no such day.
fn days(year: i64, month: i64, date: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=last).contains(&date) {
        return None;
    }
    // Counted from March, so that a leap day is the last of its year: then the days before a
    // month follow one line, (153 m + 2) / 5.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + date - 719_469)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Option<String> {
        let moment = Moment::parse(text, &zone("America/Sao_Paulo"))?;
        Some(jiff::Timestamp::from_microsecond(moment.at.0).unwrap().to_string())
    }

    #[test]
    fn dates_with_and_without_a_zone() {
        let table = [
            ("2023-10-01T10:30:00Z", "2023-10-01T10:30:00Z"),
            ("2023-10-01T10:30:00.250Z", "2023-10-01T10:30:00.25Z"),
            ("2023-10-01T10:30:00-03:00", "2023-10-01T13:30:00Z"),
            ("2023-10-01 10:30:00+05:30", "2023-10-01T05:00:00Z"),
            ("2025-01-09 09:28:37", "2025-01-09T12:28:37Z"),
            ("2025-01-09T09:28:37", "2025-01-09T12:28:37Z"),
            ("2025-01-09 09:28:37.5", "2025-01-09T12:28:37.5Z"),
            (" 2025-01-09 09:28:37 ", "2025-01-09T12:28:37Z"),
            ("2018-12-01 12:00:00", "2018-12-01T14:00:00Z"),
            ("2023-10-03", "2023-10-03T03:00:00Z"),
            ("2024-02-29", "2024-02-29T03:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ];
        for (text, instant) in table {
            assert_eq!(at(text).as_deref(), Some(instant), "{text}");
        }
    }

    #[test]
    fn what_is_no_date() {
        let table = [
            "",
            "amanhã",
            "2023-13-01",
            "2023-02-29",
            "2023-1-1",
            "01/10/2023",
            "2023-10-01T",
            "2023-10-01T25:00:00Z",
            "2023-10-01T10:61:00Z",
            "1696156200",
            "2023-10-01T10:30:00Zebra",
            "2023-10-01T10:30:00+99:00",
            "-2023-10-01T10:30:00Z[",
            "10:30:00",
        ];
        for text in table {
            assert_eq!(at(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_and_jiff_agree(second in -62_100_000_000_i64..253_402_200_000) {
            let instant = jiff::Timestamp::from_second(second).unwrap();
            let utc = instant.to_string();
            prop_assert_eq!(short(&utc, &TimeZone::UTC), long(&utc, &TimeZone::UTC));
            prop_assert!(short(&utc, &TimeZone::UTC).is_some());
            let names = ["America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "Asia/Kolkata"];
            for zone in names.map(zone) {
                let civil = zone.to_datetime(instant).to_string().replace('T', " ");
                prop_assert_eq!(short(&civil, &zone), long(&civil, &zone), "{}", civil);
                let day = Moment::parse(&civil, &zone).map(|moment| moment.day);
                prop_assert_eq!(day_in(Timestamp(second * 1_000_000), &zone), day);
            }
        }
    }
}
