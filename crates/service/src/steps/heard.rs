//! What an answer of a step means: passed, turned down, or nothing one could act upon.
//!
//! Never: an answer that is guessed at. A 2xx whose body is neither empty nor a verdict is no
//! verdict, and is asked for again.

use domain::command::Verdict;
use domain::limits::REASON_BYTES_MAX;
use serde::Deserialize;

/// What a 2xx means.
///
/// # Errors
/// Why its body is no verdict, for people.
pub fn approval(body: &[u8]) -> Result<Verdict, &'static str> {
    if body.trim_ascii().is_empty() {
        return Ok(Verdict::Approved { note: None });
    }
    let said: Said = serde_json::from_slice(body).map_err(|_| "answered with no verdict")?;
    let reason = said.reason.as_deref().map(cleaned).filter(|reason| !reason.is_empty());
    Ok(match said.approved {
        true => Verdict::Approved { note: reason },
        false => Verdict::Refused { reason: reason.unwrap_or_else(|| "no reason given".into()) },
    })
}

/// Why a 4xx turns an order down: the `detail` of a problem, or what else it says, or its status.
#[must_use]
pub fn refusal(status: &str, body: &[u8]) -> Verdict {
    let said: Option<Problem> = serde_json::from_slice(body).ok();
    let said = said.and_then(|said| said.detail.or(said.reason).or(said.title).or(said.message));
    let text = said.or_else(|| plain(body)).map(|text| cleaned(&text));
    let reason = text.filter(|text| !text.is_empty());
    Verdict::Refused { reason: reason.unwrap_or_else(|| format!("answered {status}").into()) }
}

#[derive(Deserialize)]
struct Said {
    approved: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    reason: Option<String>,
    title: Option<String>,
    message: Option<String>,
}

/// A body that is a text of people, and no page or document.
fn plain(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim_start();
    (!text.starts_with(['<', '{', '['])).then(|| text.to_owned())
}

/// A text from outside as one line of at most [`REASON_BYTES_MAX`] bytes without anything that is
/// not shown.
#[must_use]
pub fn cleaned(text: &str) -> Box<str> {
    let mut line = String::with_capacity(text.len().min(REASON_BYTES_MAX));
    for char in text.chars().map(|char| if char.is_control() { ' ' } else { char }) {
        if char == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if line.len() + char.len_utf8() > REASON_BYTES_MAX {
            break;
        }
        line.push(char);
    }
    line.trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: &str) -> Verdict {
        Verdict::Refused { reason: reason.into() }
    }

    #[test]
    fn silence_and_a_yes_approve_and_a_no_turns_down() {
        let note = |note: &str| Verdict::Approved { note: Some(note.into()) };
        for (body, verdict) in [
            ("", Verdict::Approved { note: None }),
            (" \r\n", Verdict::Approved { note: None }),
            (r#"{"approved": true}"#, Verdict::Approved { note: None }),
            (r#"{"approved": true, "reason": " score\t12 "}"#, note("score 12")),
            (r#"{"approved": false, "reason": "stolen card", "x": 1}"#, refused("stolen card")),
            (r#"{"approved": false, "reason": null}"#, refused("no reason given")),
        ] {
            assert_eq!(approval(body.as_bytes()), Ok(verdict), "{body}");
        }
    }

    #[test]
    fn nonsense_is_no_verdict() {
        for body in ["ok", "{}", "[]", "true", r#"{"approved": "yes"}"#, "{\"approved\": fal", "\0"]
        {
            assert!(approval(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_refusal_says_why_in_its_own_words_cleaned_and_cut() {
        let long = "é".repeat(REASON_BYTES_MAX);
        for (body, reason) in [
            (r#"{"type": "x", "title": "No", "detail": "card\r\nexpired"}"#, "card expired"),
            (r#"{"title": "No"}"#, "No"),
            (r#"{"reason": "risky"}"#, "risky"),
            ("limit exceeded", "limit exceeded"),
            ("<html><h1>Forbidden</h1>", "answered 403 Forbidden"),
            ("{broken", "answered 403 Forbidden"),
            ("", "answered 403 Forbidden"),
            ("\u{7}\u{1b}", "answered 403 Forbidden"),
            (&long, &long[..REASON_BYTES_MAX]),
        ] {
            assert_eq!(refusal("403 Forbidden", body.as_bytes()), refused(reason), "{body:?}");
        }
        assert_eq!(refusal("403 Forbidden", b"\xff"), refused("answered 403 Forbidden"));
    }
}
