//! Numbers, shares, times and long names as readers of a language write them.
//!
//! Never: a float. They are digits that are grouped.

use connectors::mail::decimal;
use jiff::civil::Date;
use messages::Lang;

/// How many, with its thousands apart.
pub(super) fn count(number: i64, lang: Lang) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(number.unsigned_abs(), 0, lang))
}

/// A share of a whole in per cent, with one decimal; empty where there is no whole.
pub(super) fn share(part: i64, whole: i64, lang: Lang) -> String {
    let (part, whole) = (i128::from(part), i128::from(whole));
    if whole <= 0 || part < 0 {
        return String::new();
    }
    let permille = (part * 1_000 + whole / 2) / whole;
    let permille = u64::try_from(permille).unwrap_or(u64::MAX);
    match lang {
        Lang::PtBr | Lang::En => format!("{}%", decimal(permille, 1, lang)),
        Lang::Es => format!("{}\u{a0}%", decimal(permille, 1, lang)),
    }
}

/// A length of time, as exact as one wants to read it.
pub(super) fn lasted(ms: i64, lang: Lang) -> String {
    let ms = ms.unsigned_abs();
    let (minutes, hours, days) = (ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let and = |rest: u64, unit: &str| match rest {
        0 => String::new(),
        rest => format!(" {rest}\u{a0}{unit}"),
    };
    match ms {
        0..1_000 => format!("{ms}\u{a0}ms"),
        1_000..60_000 => format!("{}\u{a0}s", decimal(ms / 100, 1, lang)),
        60_000..3_600_000 => format!("{minutes}\u{a0}min{}", and(ms / 1_000 % 60, "s")),
        3_600_000..86_400_000 => format!("{hours}\u{a0}h{}", and(minutes % 60, "min")),
        _ => format!("{}\u{a0}d{}", decimal(days, 0, lang), and(hours % 24, "h")),
    }
}

/// A day.
pub(super) fn day(date: Date, lang: Lang) -> String {
    let format = match lang {
        Lang::PtBr | Lang::Es => "%d/%m/%Y",
        Lang::En => "%-d %b %Y",
    };
    date.strftime(format).to_string()
}

/// A day without its year, for an axis.
pub(super) fn short_day(date: Date, lang: Lang) -> String {
    let format = match lang {
        Lang::PtBr | Lang::Es => "%d/%m",
        Lang::En => "%-d %b",
    };
    date.strftime(format).to_string()
}

/// A month, as a number: it is the same in every language.
pub(super) fn month(date: Date) -> String {
    date.strftime("%m/%Y").to_string()
}

/// A name cut to so many characters, with a sign that it was.
pub(super) fn cut(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_each_language_writes_them() {
        let [pt, es, en] = Lang::ALL;
        assert_eq!(count(1_234_567, pt), "1.234.567");
        assert_eq!(count(-1_234, en), "-1,234");
        assert_eq!(share(1, 3, pt), "33,3%");
        assert_eq!(share(2, 3, es), "66,7\u{a0}%");
        assert_eq!(share(i64::MAX, i64::MAX, en), "100.0%");
        assert_eq!(share(0, 0, en), "");
    }

    #[test]
    fn times_are_as_exact_as_one_reads_them() {
        let [pt, _, en] = Lang::ALL;
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (60_999, "1 min"),
            (61_000, "1 min 1 s"),
        ];
        for (ms, said) in table {
            assert_eq!(lasted(ms, en).replace('\u{a0}', " "), said);
        }
        assert_eq!(lasted(1_250, pt), "1,2\u{a0}s");
        assert_eq!(lasted(90_061_000, pt), "1\u{a0}d 1\u{a0}h");
        assert_eq!(lasted(7_260_000, en), "2\u{a0}h 1\u{a0}min");
    }

    #[test]
    fn long_names_are_cut_by_characters() {
        assert_eq!(cut("camião", 6), "camião");
        assert_eq!(cut("camiãozinho", 6), "camiã…");
    }
}
