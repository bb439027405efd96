//! The days of a report, by the installation's clocks.
//!
//! Days begin and end where the installation is, while times in the lake are UTC. A zone's offset
//! is the same for months: so a day is a date of the time shifted, with one case for each offset
//! that the period has.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Most days of one report: ten years.
pub(crate) const DAYS_MAX: usize = 3_660;

/// Days, the first and the last included.
#[derive(Clone, Debug)]
pub(crate) struct Period {
    /// The first day.
    pub(crate) from: Date,
    /// The last day.
    pub(crate) to: Date,
    zone: TimeZone,
    begins: Timestamp,
    ends: Timestamp,
}

impl Period {
    /// The days from `from` to `to`; `None` when that is no day at all, or more than [`DAYS_MAX`].
    pub(crate) fn new(from: Date, to: Date, zone: TimeZone) -> Option<Self> {
        let days = (to - from).get_days();
        if !usize::try_from(days).is_ok_and(|days| days < DAYS_MAX) {
            return None;
        }
        let start = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp());
        let (begins, ends) = (start(from)?, start(to.checked_add(1.day()).ok()?)?);
        Some(Self { from, to, zone, begins, ends })
    }

    /// Its days, oldest first.
    pub(crate) fn days(&self) -> Vec<Date> {
        self.from.series(1.day()).take_while(|day| *day <= self.to).collect()
    }

    /// SQL that holds for moments in the period.
    pub(crate) fn holds(&self, column: &str) -> String {
        format!("{column} >= '{}' AND {column} < '{}'", self.begins, self.ends)
    }

    /// SQL for the day of a moment, by the installation's clocks.
    pub(crate) fn day(&self, column: &str) -> String {
        let day = |offset: i32| format!("CAST({column} + INTERVAL '{offset} seconds' AS DATE)");
        let offset = |at: Timestamp| self.zone.to_offset(at).seconds();
        let mut out = String::new();
        let mut since = self.begins;
        let changes = self.zone.following(self.begins).map(|change| change.timestamp());
        for change in changes.take_while(|change| *change < self.ends) {
            out.push_str(&format!("WHEN {column} < '{change}' THEN {} ", day(offset(since))));
            since = change;
        }
        match out.as_str() {
            "" => day(offset(since)),
            cases => format!("CASE {cases}ELSE {} END", day(offset(since))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn period(zone: &str, from: Date, to: Date) -> Option<Period> {
        Period::new(from, to, TimeZone::get(zone).expect("a zone"))
    }

    #[test]
    fn days_are_those_of_the_installations_clocks() {
        let day = date(2026, 11, 22);
        let november = period("America/Sao_Paulo", day, day).expect("a day");
        assert_eq!(november.days(), [day]);
        let holds = "at >= '2026-11-22T03:00:00Z' AND at < '2026-11-23T03:00:00Z'";
        assert_eq!(november.holds("at"), holds);
        assert_eq!(november.day("at"), "CAST(at + INTERVAL '-10800 seconds' AS DATE)");
    }

    #[test]
    fn a_clock_that_is_changed_within_the_period_shifts_the_days_after() {
        let year = period("America/New_York", date(2026, 1, 1), date(2026, 12, 31));
        let winter = "CAST(at + INTERVAL '-18000 seconds' AS DATE)";
        let summer = "CAST(at + INTERVAL '-14400 seconds' AS DATE)";
        let day = format!(
            "CASE WHEN at < '2026-03-08T07:00:00Z' THEN {winter} \
             WHEN at < '2026-11-01T06:00:00Z' THEN {summer} ELSE {winter} END"
        );
        assert_eq!(year.expect("a year").day("at"), day);
    }

    #[test]
    fn what_ends_before_it_begins_or_is_endless_is_no_period() {
        let day = date(2026, 11, 22);
        assert!(period("UTC", day, date(2026, 11, 21)).is_none());
        assert!(period("UTC", day, date(2126, 11, 21)).is_none());
        let years = period("UTC", date(2026, 1, 1), date(2035, 12, 31)).expect("ten years");
        assert_eq!(years.days().len(), 3_652);
    }
}
