//! `/v1/dead-letters`: what could not be seen through, and what is to become of it.
//!
//! Never: personal data in a list. Payloads are shown one at a time, and for so long as the
//! installation says.

use bytes::Bytes;
use domain::time::Timestamp;
use serde_json::Value;
use service::letters::{DeadLetter, Settled, Subject};

use crate::App;
use crate::events::batch;
use crate::params::cursor;

/// The payload of a letter, while it may still be shown.
pub(crate) fn kept<'a>(app: &App, at: Timestamp, letter: &'a DeadLetter) -> Option<&'a Bytes> {
    let days = i64::from(app.settings.limits.invalid_days);
    let until = at.0.saturating_add(days.saturating_mul(24 * 3_600 * 1_000_000));
    letter.payload.as_ref().filter(|_| (app.clock)().0 < until)
}

/// A letter, but for its payload.
pub(crate) fn describe(letter: &DeadLetter, put: &mut impl FnMut(&str, Value)) {
    describe_subject(&letter.subject, put);
    put("order_id", letter.order.as_ref().map(|order| order.id.as_str()).into());
    put("merchant_id", letter.order.as_ref().map(|order| order.merchant.as_str()).into());
    put("reason", (&*letter.reason).into());
    put("error", (&*letter.error).into());
    put("attempts", letter.attempts.into());
}

/// The end of a letter.
pub(crate) fn describe_end(settled: &Settled, put: &mut impl FnMut(&str, Value)) {
    put("dead_letter", cursor(settled.letter).into());
    put("how", settled.how.as_str().into());
    describe_subject(&settled.subject, put);
    put("order_id", settled.order.as_ref().map(|order| order.id.as_str()).into());
    put("merchant_id", settled.order.as_ref().map(|order| order.merchant.as_str()).into());
}

/// What a letter was.
fn describe_subject(subject: &Subject, put: &mut impl FnMut(&str, Value)) {
    put("subject", subject.kind().as_str().into());
    match subject {
        Subject::Step { step, revision } => {
            put("step", (&**step).into());
            put("revision", (*revision).into());
        }
        Subject::Delivery { sink, id, kind, seq } => {
            put("sink", (&**sink).into());
            put("delivery_id", (&**id).into());
            put("tells", (&**kind).into());
            put("change", cursor(*seq).into());
        }
        Subject::Missed { sink, from, until } => {
            put("sink", (&**sink).into());
            put("from", cursor(*from).into());
            put("until", cursor(*until).into());
        }
        Subject::Disabled { sink } => put("sink", (&**sink).into()),
        Subject::Item(item) => put("batch", batch(item)),
        Subject::Message { queue, id } => {
            put("queue", (&**queue).into());
            put("message_id", (&**id).into());
        }
        Subject::Decision(item) => put("batch", item.as_ref().map(batch).into()),
    }
}
