//! What an endpoint is told of a change: the body of a message, as Standard Webhooks has it.
//!
//! Never: a person. Whoever is told asks for the order with a key of its own; and what came later:
//! a message that is sent again after days says the same.

use bytes::Bytes;
use domain::event::Shortage;
use domain::id::OrderKey;
use domain::money::{Amount, Money};
use domain::state::{ClaimState, Status};
use domain::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::change::{Audit, Seq, What};
use crate::ledger::{Ledger, Unavailable};
use crate::notify::{OrderFacts, order_facts};
use crate::view::damaged;
use crate::wire::{document, rfc3339};

/// Most bytes of a body. An order that has more is told without its lines.
pub const BYTES_MAX: usize = 20_000;
/// Most violations of invalid input that are told.
const VIOLATIONS_MAX: usize = 20;
/// What is not escaped in an address (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How amounts and documents of this installation read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How documents are read.
    pub documents: document::Settings,
    /// ISO 4217 code of the currency.
    pub currency: Box<str>,
}

#[derive(Serialize)]
struct Message<'a, D> {
    r#type: &'a str,
    timestamp: String,
    data: D,
}

#[derive(Serialize)]
struct Order<'a> {
    merchant_id: &'a str,
    order_id: &'a str,
    revision: u32,
    status: &'static str,
    channel: &'static str,
    currency: &'a str,
    total: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shortages: Vec<Value>,
    lines_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<Line<'a>>>,
    links: Value,
}

#[derive(Serialize)]
struct Line<'a> {
    sku: &'a str,
    quantity: i64,
    status: Option<&'static str>,
    total: Option<String>,
}

/// The body that tells of the change at `seq`, under the name `kind`: the same whenever it is
/// asked.
///
/// # Errors
/// [`Unavailable::Read`] when what happened is not readable, or is told to nobody.
pub fn body(
    ledger: &dyn Ledger,
    settings: &Settings,
    seq: Seq,
    kind: &str,
) -> Result<Bytes, Unavailable> {
    let change = ledger.change(seq)?;
    let at = change.at;
    match &change.what {
        What::Order { first, .. } => {
            let facts = order_facts(ledger, &settings.documents, seq, *first)?;
            let whole = written(kind, at, order(settings, &facts, Lines::Told));
            if whole.len() <= BYTES_MAX {
                return Ok(whole);
            }
            Ok(written(kind, at, order(settings, &facts, Lines::Counted)))
        }
        What::Audit(audit) => Ok(written(kind, at, invalid(seq, audit))),
        What::Flood(flood) => {
            let since = rfc3339(flood.since);
            Ok(written(kind, at, json!({"count": flood.count, "since": since})))
        }
        What::Batch(batch) => Ok(written(
            kind,
            at,
            json!({
                "batch_id": batch.id.as_str(),
                "status": batch.status.as_str(),
                "reason": batch.reason,
                "started_at": rfc3339(batch.started_at),
                "total": batch.total,
                "succeeded": batch.counts.succeeded,
                "failed": batch.counts.failed,
                "skipped": batch.counts.skipped,
                "links": {"batch": format!("/v1/batches/{}", escaped(batch.id.as_str()))},
            }),
        )),
        What::Stray(_)
        | What::Stock { .. }
        | What::Released { .. }
        | What::Products(_)
        | What::Customer(_)
        | What::Rules { .. }
        | What::Endpoint(_)
        | What::Replay(_)
        | What::Letter(_)
        | What::Settled(_)
        | What::Sweep(_)
        | What::Kept(_) => Err(damaged("a message about a change that nobody is told of")),
    }
}

/// Tries an endpoint.
#[must_use]
pub fn ping(kind: &str, at: Timestamp) -> Bytes {
    written(kind, at, json!({}))
}

fn written(kind: &str, at: Timestamp, data: impl Serialize) -> Bytes {
    let message = Message { r#type: kind, timestamp: rfc3339(at), data };
    serde_json::to_vec(&message).expect("texts, numbers and lists of them are JSON").into()
}

/// How much is said of an order's lines.
#[derive(Clone, Copy)]
enum Lines {
    Told,
    Counted,
}

fn order<'a>(settings: &'a Settings, facts: &'a OrderFacts, lines: Lines) -> Order<'a> {
    let OrderFacts { state, .. } = facts;
    let money = |amount: Money| Amount(amount, settings.documents.currency_exponent).to_string();
    let line = |line: &'a crate::notify::Line| Line {
        sku: line.sku.as_str(),
        quantity: line.quantity,
        status: line.claim.map(ClaimState::as_str),
        total: line.total.map(money),
    };
    let (lines, shortages) = match lines {
        Lines::Told => (Some(facts.lines.iter().map(line).collect()), shortages(facts)),
        Lines::Counted => (None, Vec::new()),
    };
    Order {
        merchant_id: state.key.merchant.as_str(),
        order_id: state.key.id.as_str(),
        revision: state.revision,
        status: state.status.as_str(),
        channel: state.channel.as_str(),
        currency: &settings.currency,
        total: state.total.map(money),
        rejection: facts.rejection.as_ref().map(domain::event::Rejection::code),
        shortages,
        lines_count: facts.lines.len(),
        lines,
        links: json!({"order": order_link(&state.key)}),
    }
}

/// What the order waits for.
fn shortages(facts: &OrderFacts) -> Vec<Value> {
    let one =
        |s: &Shortage| json!({"sku": s.sku.as_str(), "wanted": s.wanted, "available": s.available});
    let is_short = facts.state.status == Status::Backordered;
    facts.shortages.iter().filter(|_| is_short).map(one).collect()
}

fn invalid(seq: Seq, audit: &Audit) -> Value {
    let faults = audit.faults.iter().take(VIOLATIONS_MAX);
    let faults = faults.map(|fault| json!({"pointer": fault.pointer, "code": fault.code}));
    json!({
        "merchant_id": audit.merchant.as_ref().map(|id| id.as_str()),
        "order_id": audit.order.as_ref().map(|id| id.as_str()),
        "channel": audit.channel.as_str(),
        "violations_count": audit.faults.len(),
        "violations": faults.collect::<Vec<_>>(),
        "links": {"audit": format!("/v1/audits/{:x}", seq.0)},
    })
}

fn order_link(key: &OrderKey) -> String {
    let (id, merchant) = (escaped(key.id.as_str()), escaped(key.merchant.as_str()));
    format!("/v1/orders/{id}?merchant_id={merchant}")
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}
