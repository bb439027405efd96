//! Input that was not taken, as rows. Never: a document, or who a person is.

use domain::command::Verb;
use domain::event::{Refusal, Refused};
use domain::id::OrderKey;
use domain::order::{BatchItem, Channel};
use domain::time::Timestamp;
use service::change::{Audit, Fault, Flood, Seq, Stray};
use service::letters::{DeadLetter, Subject};

use super::{count, number};
use crate::tables::{Draft, rejects::Reject};

/// The code of bytes that are no document.
const MALFORMED: &str = "malformed";

/// Input that is no order.
pub(super) fn audit(draft: &mut Draft, seq: Seq, at: Timestamp, audit: &Audit) {
    let is_malformed = audit.faults.iter().any(|fault| &*fault.code == MALFORMED);
    let codes = codes(&audit.faults);
    draft.rejects.push(Reject {
        channel: Some(audit.channel.as_str()),
        source: audit.origin.source.as_deref(),
        merchant_id: audit.merchant.as_ref().map(|merchant| merchant.as_str()),
        order_id: audit.order.as_ref().map(|order| order.as_str()),
        batch_id: audit.batch.as_ref().map(|item| item.batch.as_str()),
        batch_index: audit.batch.as_ref().map(|item| count(item.index)),
        code: audit.faults.first().map(|fault| &*fault.code),
        violations: count(audit.faults.len() as u64),
        codes: (!codes.is_empty()).then_some(&*codes),
        ..empty(seq, at, if is_malformed { MALFORMED } else { "invalid" })
    });
}

/// Every code once, in their order.
fn codes(faults: &[Fault]) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for fault in faults {
        if !codes.contains(&&*fault.code) {
            codes.push(&fault.code);
        }
    }
    codes.join(",")
}

/// Input that was only counted.
pub(super) fn flood(draft: &mut Draft, seq: Seq, at: Timestamp, flood: &Flood) {
    draft.rejects.push(Reject {
        source: Some(&flood.source),
        violations: 0,
        count: count(flood.count),
        ..empty(seq, at, "flood")
    });
}

/// A command for an order that is not there.
pub(super) fn stray(draft: &mut Draft, seq: Seq, at: Timestamp, stray: &Stray) {
    let code = Refusal::UnknownOrder.code();
    let asked = Asked { key: &stray.key, channel: stray.channel, batch: stray.batch.as_ref() };
    draft.rejects.push(asked.row(empty(seq, at, "stray"), Some(stray.verb), code));
}

/// A command that could not apply.
pub(super) fn refused(
    draft: &mut Draft,
    (seq, at): (Seq, Timestamp),
    key: &OrderKey,
    refused: &Refused,
) {
    let code = refused.refusal.code();
    let asked = Asked { key, channel: refused.channel, batch: refused.batch.as_ref() };
    draft.rejects.push(asked.row(empty(seq, at, "refused"), Some(refused.verb), code));
}

/// The same order again.
pub(super) fn repeated(
    draft: &mut Draft,
    (seq, at): (Seq, Timestamp),
    key: &OrderKey,
    (channel, batch): (Channel, Option<&BatchItem>),
) {
    let asked = Asked { key, channel, batch };
    draft.rejects.push(asked.row(empty(seq, at, "duplicate"), None, "duplicate"));
}

/// A document whose decision came to nothing by a fault of ours. Other letters are of orders that
/// were taken in, or of input that has its row.
pub(super) fn letter(draft: &mut Draft, seq: Seq, at: Timestamp, letter: &DeadLetter) {
    let item = match &letter.subject {
        Subject::Decision(item) => item.as_ref(),
        Subject::Step { .. }
        | Subject::Delivery { .. }
        | Subject::Missed { .. }
        | Subject::Disabled { .. }
        | Subject::Item(_)
        | Subject::Message { .. } => return,
    };
    draft.rejects.push(Reject {
        merchant_id: letter.order.as_ref().map(|key| key.merchant.as_str()),
        order_id: letter.order.as_ref().map(|key| key.id.as_str()),
        batch_id: item.map(|item| item.batch.as_str()),
        batch_index: item.map(|item| count(item.index)),
        code: Some(&letter.reason),
        codes: Some(&letter.reason),
        ..empty(seq, at, "broken")
    });
}

/// What asked for something.
struct Asked<'a> {
    key: &'a OrderKey,
    channel: Channel,
    batch: Option<&'a BatchItem>,
}

impl<'a> Asked<'a> {
    fn row(&self, row: Reject<'a>, verb: Option<Verb>, code: &'a str) -> Reject<'a> {
        Reject {
            channel: Some(self.channel.as_str()),
            merchant_id: Some(self.key.merchant.as_str()),
            order_id: Some(self.key.id.as_str()),
            batch_id: self.batch.map(|item| item.batch.as_str()),
            batch_index: self.batch.map(|item| count(item.index)),
            code: Some(code),
            codes: Some(code),
            verb: verb.map(Verb::as_str),
            ..row
        }
    }
}

/// One input of which nothing is known yet but that one thing is wrong with it.
fn empty<'a>(seq: Seq, at: Timestamp, kind: &'a str) -> Reject<'a> {
    Reject {
        sequence: number(seq),
        at,
        kind,
        channel: None,
        source: None,
        merchant_id: None,
        order_id: None,
        batch_id: None,
        batch_index: None,
        code: None,
        violations: 1,
        codes: None,
        verb: None,
        count: 1,
    }
}
