//! Events and changes as JSON, for histories and for the change stream.

use bytes::Bytes;
use domain::command::Verdict;
use domain::event::{Event, Kind, Refusal, Rejection, Shortage};
use domain::id::{Sku, StepName, StockKey};
use domain::order::BatchItem;
use domain::stock::ShortagePolicy;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use service::change::{Audit, Change, Fault, Seq, What};
use service::wire::message::Lang;
use service::wire::violation::Severity;

use crate::App;
use crate::audits;
use crate::error::stored;
use crate::explain;
use crate::fields::{money, time};
use crate::letters;
use crate::params::cursor;

/// What an event says beyond its name.
pub(crate) fn details(app: &App, event: &Event) -> Value {
    match event {
        Event::Received(received) => json!({
            "kind": kind(received.kind),
            "channel": received.channel.as_str(),
            "customer_id": received.customer.as_ref().map(|c| c.as_str()),
            "batch": received.batch.as_ref().map(batch),
            "shortage_policy": policy(received.shortage),
            "total": received.total.map(|total| money(total, app.settings.exponent())),
            "demand": demand(&received.demand),
        }),
        Event::Priced(pricing) => explain::pricing(app, pricing),
        Event::Allocated { claims, shortages: short } => json!({
            "lines": claims.iter().map(|claim| claim.as_str()).collect::<Vec<_>>(),
            "shortages": shortages(short),
        }),
        Event::StepsAwaited { steps } => json!({"steps": steps_named(steps)}),
        Event::StepTakenUp { step } | Event::StepRemoved { step } => {
            json!({"step": step.as_str()})
        }
        Event::StepPassed { step, note } => {
            json!({"step": step.as_str(), "note": note.as_deref()})
        }
        Event::StepIgnored(ignored) => json!({
            "step": ignored.step.as_str(),
            "revision": ignored.revision,
            "answer": verdict(&ignored.verdict),
        }),
        Event::Failed { step, error, attempts } => json!({
            "step": step.as_str(),
            "error": &**error,
            "attempts": attempts,
        }),
        Event::Redriven { steps, channel } => {
            json!({"steps": steps_named(steps), "channel": channel.as_str()})
        }
        Event::Rejected(why) => rejection(why),
        Event::Amended(amended) => json!({
            "kind": kind(amended.kind),
            "channel": amended.channel.as_str(),
            "customer_id": amended.customer.as_ref().map(|c| c.as_str()),
            "batch": amended.batch.as_ref().map(batch),
            "shortage_policy": policy(amended.shortage),
            "total": amended.total.map(|total| money(total, app.settings.exponent())),
            "demand": demand(&amended.demand),
        }),
        Event::Filled { claims } | Event::Queued { claims } | Event::Unreserved { claims } => {
            json!({"skus": claims.iter().map(|claim| claim.sku.as_str()).collect::<Vec<_>>()})
        }
        Event::Cancelled { reason, channel, batch: item } => json!({
            "reason": reason.as_deref(),
            "channel": channel.as_str(),
            "batch": item.as_ref().map(batch),
        }),
        Event::Refused(refused) => json!({
            "command": refused.verb.as_str(),
            "code": refused.refusal.code(),
            "channel": refused.channel.as_str(),
            "batch": refused.batch.as_ref().map(batch),
        }),
        Event::Fulfilled => json!({}),
        Event::Repeated { channel, batch: item, same_document } => json!({
            "channel": channel.as_str(),
            "batch": item.as_ref().map(batch),
            "same_document": same_document,
            "is_duplicate": true,
        }),
    }
}

pub(crate) fn rejection(why: &Rejection) -> Value {
    match why {
        Rejection::OutOfStock(short) => json!({"code": why.code(), "shortages": shortages(short)}),
        Rejection::UnknownSku(skus) => json!({"code": why.code(), "skus": names(skus)}),
        Rejection::Step { step, reason } => {
            json!({"code": why.code(), "step": step.as_str(), "reason": &**reason})
        }
    }
}

fn steps_named(steps: &[StepName]) -> Vec<&str> {
    steps.iter().map(StepName::as_str).collect()
}

fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Approved { .. } => "approved",
        Verdict::Refused { .. } => "refused",
        Verdict::Failed { .. } => "failed",
    }
}

fn demand(demand: &[(Sku, i64)]) -> Vec<Value> {
    let one = |(sku, quantity): &(Sku, i64)| json!({"sku": sku.as_str(), "quantity": quantity});
    demand.iter().map(one).collect()
}

fn names(skus: &[Sku]) -> Vec<&str> {
    skus.iter().map(Sku::as_str).collect()
}

pub(crate) fn shortages(shortages: &[Shortage]) -> Vec<Value> {
    let one =
        |s: &Shortage| json!({"sku": s.sku.as_str(), "wanted": s.wanted, "available": s.available});
    shortages.iter().map(one).collect()
}

/// A batch and a place in it.
pub(crate) fn batch(item: &BatchItem) -> Value {
    json!({"batch_id": item.batch.as_str(), "index": item.index})
}

/// Goods or money, on the wire.
pub(crate) fn kind(kind: Kind) -> &'static str {
    kind.as_str()
}

/// A shortage policy, on the wire.
pub(crate) fn policy(policy: ShortagePolicy) -> &'static str {
    match policy {
        ShortagePolicy::Partial => "partial",
        ShortagePolicy::ShipComplete => "ship_complete",
        ShortagePolicy::Reject => "reject",
    }
}

/// A change as one line of JSON, newline included.
pub fn line(app: &App, seq: Seq, change: &Change) -> String {
    let mut members = Map::new();
    members.insert("cursor".into(), cursor(seq).into());
    members.insert("at".into(), time(change.at).into());
    let document = describe(app, change, &mut members);
    let mut line = Value::Object(members).to_string();
    if let Some(document) = document {
        // The document goes in as it came, digit for digit; only line breaks and blanks go.
        line.pop();
        line.push_str(",\"document\":");
        line.push_str(&raw(document).map_or_else(|| text(document), |raw| compact(raw.get())));
        line.push('}');
    }
    line.push('\n');
    line
}

/// What a change says, put into an object; its document goes in as it came.
pub(crate) fn describe<'a>(
    app: &App,
    change: &'a Change,
    to: &mut Map<String, Value>,
) -> Option<&'a Bytes> {
    if let What::Flood(sum) = &change.what {
        audits::flood(to, sum);
    }
    let mut put = |name: &str, value: Value| _ = to.insert(name.to_owned(), value);
    match &change.what {
        What::Order { key, first, events, document, warnings } => {
            put("kind", "order".into());
            put("order_id", key.id.as_str().into());
            put("merchant_id", key.merchant.as_str().into());
            put("first", first.map(cursor).into());
            let event = |e| json!({"event": Event::name(e), "details": details(app, e)});
            put("events", events.iter().map(event).collect());
            put("warnings", faults(warnings, Severity::Warn));
            document.as_ref()
        }
        What::Audit(audit) => {
            put("kind", "invalid".into());
            describe_audit(audit, &mut put);
            audits::kept(app, change.at, audit)
        }
        What::Endpoint(endpoint) => {
            put("kind", "webhook".into());
            put("webhook_id", endpoint.id.as_str().into());
            put("status", crate::webhooks::status(&endpoint.state).into());
            None
        }
        What::Replay(replay) => {
            put("kind", "webhook_replay".into());
            put("webhook_id", replay.endpoint.as_str().into());
            put("after", replay.after.map(cursor).into());
            put("until", cursor(replay.until).into());
            None
        }
        What::Kept(kept) => {
            put("kind", "idempotency_key".into());
            put("key_hash", blake3::Hash::from_bytes(kept.key.name).to_hex().as_str().into());
            None
        }
        What::Stray(stray) => {
            put("kind", "refused".into());
            put("order_id", stray.key.id.as_str().into());
            put("merchant_id", stray.key.merchant.as_str().into());
            put("command", stray.verb.as_str().into());
            put("code", Refusal::UnknownOrder.code().into());
            put("channel", stray.channel.as_str().into());
            put("batch", stray.batch.as_ref().map(batch).into());
            stray.document.as_ref()
        }
        What::Flood(_) => None,
        What::Stock { stock, on_hand, reason } => {
            put("kind", "stock".into());
            product(stock, &mut put);
            put("on_hand_change", (*on_hand).into());
            put("reason", (&**reason).into());
            None
        }
        What::Released { stock, next } => {
            put("kind", "stock_released".into());
            product(stock, &mut put);
            put("next", next.map(cursor).into());
            None
        }
        What::Products(products) => {
            put("kind", "products".into());
            let shown = products.iter().map(|p| crate::products::show(app, p));
            put("products", shown.collect());
            None
        }
        What::Customer(customer) => {
            put("kind", "customer".into());
            put("customer", crate::customers::show(customer));
            None
        }
        What::Rules { version, installed, source } => {
            put("kind", "pricing_rules".into());
            put("version", (*version).into());
            put("installed", (*installed).into());
            put("source", serde_json::from_str(source).unwrap_or(Value::Null));
            None
        }
        What::Letter(letter) => {
            put("kind", "dead_letter".into());
            letters::describe(letter, &mut put);
            letters::kept(app, change.at, letter)
        }
        What::Settled(settled) => {
            put("kind", "dead_letter_settled".into());
            letters::describe_end(settled, &mut put);
            None
        }
        What::Sweep(sweep) => {
            put("kind", "dead_letter_redrive".into());
            put("id", (sweep.id != Seq(0)).then(|| cursor(sweep.id)).into());
            put("status", sweep.status.as_str().into());
            put("settled", sweep.swept.settled.into());
            put("failed", sweep.swept.failed.into());
            None
        }
        What::Batch(state) => {
            put("kind", "batch".into());
            put("batch", crate::intake::show(app, state, Lang::En));
            None
        }
    }
}

fn product(stock: &StockKey, put: &mut impl FnMut(&str, Value)) {
    put("merchant_id", stock.merchant.as_str().into());
    put("sku", stock.sku.as_str().into());
}

fn describe_audit(audit: &Audit, put: &mut impl FnMut(&str, Value)) {
    put("order_id", audit.order.as_ref().map(|id| id.as_str()).into());
    put("merchant_id", audit.merchant.as_ref().map(|id| id.as_str()).into());
    put("channel", audit.channel.as_str().into());
    put("batch", audit.batch.as_ref().map(batch).into());
    put("source", audit.origin.source.as_deref().into());
    put("bytes", audit.origin.bytes.into());
    put("hash", audits::hex(audit.origin.hash).into());
    put("valid", false.into());
    put("violations", faults(&audit.faults, Severity::Error));
}

pub(crate) fn faults(faults: &[Fault], severity: Severity) -> Value {
    faults.iter().map(|fault| stored(fault, severity, Lang::En)).collect()
}

/// A document as the JSON it is, when it is.
pub(crate) fn raw(document: &[u8]) -> Option<&RawValue> {
    let document = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document);
    serde_json::from_slice(document).ok()
}

/// Bytes that are no JSON, as a JSON string.
pub(crate) fn text(document: &[u8]) -> String {
    Value::from(String::from_utf8_lossy(document)).to_string()
}

/// JSON without the blanks and line breaks between its tokens.
pub(crate) fn compact(json: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::with_capacity(json.len()), false, false);
    for char in json.chars() {
        if quoted || !matches!(char, ' ' | '\t' | '\r' | '\n') {
            out.push(char);
        }
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_one_line_and_keeps_its_digits() {
        let json = "{\r\n \"a b\" : [1.10 , \"x\\\" y\\\\\" ] ,\t\"c\":\" \"}";
        assert_eq!(compact(json), "{\"a b\":[1.10,\"x\\\" y\\\\\"],\"c\":\" \"}");
    }
}
