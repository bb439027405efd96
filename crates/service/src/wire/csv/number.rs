//! Numbers as spreadsheets write them. One mark is the file's decimal mark; the other one is read
//! only where there is one way to read it.
//!
//! Never: a guess. `1.234` in a file with decimal commas may be a thousand or one and a bit.

use std::borrow::Cow;

/// The number with a point as decimal mark and without thousands separators; `None` when it could
/// be read in two ways. What is no number comes back as it is, for the reader to refuse.
///
/// | decimal mark | written | read |
/// |---|---|---|
/// | comma | `12,50` · `1.234,56` · `1.234.567` · `12.5` | 12.50 · 1234.56 · 1234567 · 12.5 |
/// | comma | `1.234` | refused: 1234, or 1.234? |
/// | point | `12.50` · `1,234.56` · `1,234,567` · `12,5` | 12.50 · 1234.56 · 1234567 · 12.5 |
/// | point | `1,234` | refused: 1234, or 1.234? |
pub(super) fn plain(text: &str, decimal_comma: bool) -> Option<Cow<'_, str>> {
    let (mark, other) = if decimal_comma { (',', '.') } else { ('.', ',') };
    let count = |c: char| text.matches(c).count();
    match (count(mark), count(other)) {
        (0, 0) => Some(Cow::Borrowed(text)),
        (1, 0) => Some(Cow::Owned(text.replace(mark, "."))),
        (0, 1) => {
            let (whole, rest) = text.split_once(other)?;
            (!is_group(whole, rest)).then(|| Cow::Owned(format!("{whole}.{rest}")))
        }
        (0, _) if are_groups(text, other) => Some(Cow::Owned(text.replace(other, ""))),
        (1, _) => {
            let (whole, rest) = text.split_once(mark)?;
            are_groups(whole, other)
                .then(|| Cow::Owned(format!("{}.{rest}", whole.replace(other, ""))))
        }
        _ => None,
    }
}

/// Whether a mark between these may be a thousands separator.
fn is_group(whole: &str, rest: &str) -> bool {
    let digits = whole.trim_start_matches('-');
    let head = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    head && rest.len() == 3 && rest.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the marks stand where thousands separators do.
fn are_groups(text: &str, mark: char) -> bool {
    let mut groups = text.split(mark);
    let head = groups.next().unwrap_or_default();
    groups.clone().next().is_some() && groups.all(|group| is_group(head, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_where_there_is_one_way_to_read_it() {
        let comma = [
            ("12", Some("12")),
            ("12,50", Some("12.50")),
            ("-0,01", Some("-0.01")),
            ("1.234,56", Some("1234.56")),
            ("1.234.567", Some("1234567")),
            ("1.234.567,8", Some("1234567.8")),
            ("12.5", Some("12.5")),
            ("1234.567", Some("1234.567")),
            ("1.234", None),
            ("-1.234", None),
            ("1,234.56", None),
            ("1.23.456", None),
            ("1,2,3", None),
            ("abc", Some("abc")),
            ("1,5E+3", Some("1.5E+3")),
        ];
        for (text, plain_text) in comma {
            assert_eq!(plain(text, true).as_deref(), plain_text, "{text}");
            let swap = |text: &str| {
                text.chars()
                    .map(|c| match c {
                        ',' => '.',
                        '.' => ',',
                        other => other,
                    })
                    .collect::<String>()
            };
            assert_eq!(plain(&swap(text), false).as_deref(), plain_text, "{text} with a point");
        }
    }
}
