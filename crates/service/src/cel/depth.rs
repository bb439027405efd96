//! How deep an expression may be at most, told from its text alone.
//!
//! The parser recurses, so this runs before it. Never: an exact depth; chains (`a.b.c`,
//! `1 + 1 + 1`) count as nesting, because the parser makes them so.

use domain::limits::CONDITION_DEPTH_MAX;

use super::ConditionError;

/// Refuses a source whose expression could be deeper than [`CONDITION_DEPTH_MAX`].
pub(super) fn check(source: &str) -> Result<(), ConditionError> {
    let mut levels = vec![Level::default()];
    let mut rest = source.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let mut skip = 1;
        match byte {
            b'(' | b'[' | b'{' => levels.push(Level::default()),
            b')' | b']' | b'}' => {
                levels.pop();
            }
            b'/' if tail.first() == Some(&b'/') => {
                skip = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            }
            b'\'' | b'"' => skip = text(rest, false),
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                skip = rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(skip);
                let raw = matches!(word, b"r" | b"R" | b"br" | b"bR" | b"Br" | b"BR");
                if raw && matches!(after.first(), Some(b'\'' | b'"')) {
                    skip += text(after, true);
                } else if word == b"in" {
                    level(&mut levels).chain += 1;
                }
            }
            b',' => *level(&mut levels) = Level::default(),
            b'?' | b':' => {
                let level = level(&mut levels);
                *level = Level { choices: level.choices + 1, chain: 0 };
            }
            // `a && b && c` becomes a balanced tree.
            b'&' | b'|' => level(&mut levels).chain = 0,
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' => {
                level(&mut levels).chain += 1;
            }
            _ => {}
        }
        let depth: usize = levels.iter().map(|l| l.chain + l.choices).sum();
        if depth + levels.len() > CONDITION_DEPTH_MAX + 1 {
            return Err(ConditionError::TooDeep);
        }
        rest = rest.get(skip..).unwrap_or_default();
    }
    Ok(())
}

/// What one pair of brackets adds.
#[derive(Default)]
struct Level {
    chain: usize,
    choices: usize,
}

/// The innermost level. A closing bracket too many is the parser's to report.
fn level(levels: &mut Vec<Level>) -> &mut Level {
    if levels.is_empty() {
        levels.push(Level::default());
    }
    let last = levels.len() - 1;
    &mut levels[last]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Bytes of the string literal at the beginning of `rest`, quotes included.
fn text(rest: &[u8], raw: bool) -> usize {
    let quote = rest.first().copied().unwrap_or(b'"');
    let triple = [quote; 3];
    let end: &[u8] = if rest.starts_with(&triple) { &triple } else { &triple[..1] };
    let mut at = end.len();
    while let Some(byte) = rest.get(at) {
        if rest[at..].starts_with(end) {
            return at + end.len();
        }
        at += if *byte == b'\\' && !raw { 2 } else { 1 };
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_say_is_not_deep() {
        for source in [
            "order.total >= 50000 && order.channel == 'web' && line.quantity * line.unit_price > 5",
            "line.sku in ['a.b', 'c((((((((((((((((((((((((((((((((((((', r'\\', \"'\", '''a'b''']",
            "now.getHours('America/Sao_Paulo') < 12 // ((((((((((((((((((((((((((((((((((((((((",
            &(["order.total == 1"; 100].join(" || ")),
            &format!("line.sku in [{}]", ["'LIV-1.0-X'"; 150].join(", ")),
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn what_would_recurse_is_deep() {
        for part in ["(", "[", "{", "!", "-", "!(", "a.", "a+", "a<", "a in ", "a?b:", "a?b&&c:d||"]
        {
            assert_eq!(check(&part.repeat(40)), Err(ConditionError::TooDeep), "{part}");
        }
        assert_eq!(check(&"(".repeat(CONDITION_DEPTH_MAX)), Ok(()));
        assert_eq!(check(&"(".repeat(CONDITION_DEPTH_MAX + 1)), Err(ConditionError::TooDeep));
    }
}
