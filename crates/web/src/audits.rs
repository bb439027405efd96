//! `/v1/audits`: input that was no order, and how much of it was only counted.
//!
//! Never: personal data in a list. Documents are shown one at a time, and for so long as the
//! installation says.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::{Extension, Json};
use bytes::Bytes;
use domain::id::MerchantId;
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use service::change::{Audit, Change, DocumentHash, Fault, Flood, Origin, Seq, What};
use service::ledger::{PAGE_ROWS_MAX, Request};
use service::prepare::cut;
use service::wire::document::Found;
use service::wire::message::Lang;
use service::wire::violation::Severity;

use crate::App;
use crate::documents::served;
use crate::error::{Error, Kind, stored};
use crate::events::{batch, raw};
use crate::fields::time;
use crate::gate::{self, Keep};
use crate::guard::Spoken;
use crate::openapi::schema::{self, AuditPage, Cursor, Name};
use crate::order::json_response;
use crate::orders::blocking;
use crate::params::{NoParams, Params, Segment, cursor, read_cursor};

/// Most changes that one page reads: what is rare is found over several pages.
const EXAMINED_MAX: usize = 2_000;

/// What to record of what is no order, as far as the bounds allow; `None` where it was only
/// counted.
pub(crate) fn to_record(
    app: &App,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    (found, faults): (Found, Vec<Fault>),
    document: &Bytes,
) -> Option<Audit> {
    let origin = Origin::of(Some(gate::source(app, headers, peer)), document);
    let (now, source) = ((app.clock)(), origin.source.clone().unwrap_or_default());
    let sent = (origin.bytes, origin.hash);
    let document = match app.gate.take(&app.settings.limits, &source, sent, now) {
        Keep::Whole => cut(document),
        Keep::Faults => Bytes::new(),
        Keep::Count => return None,
    };
    Some(Audit {
        order: found.id,
        merchant: found.merchant,
        channel: found.channel,
        batch: None,
        faults,
        origin,
        document,
    })
}

/// Records sums of what was only counted. What cannot be recorded now is tried again.
pub(crate) async fn settle(app: &App, floods: Vec<Flood>) {
    for some in floods.chunks(service::ledger::REQUESTS_PER_CALL_MAX) {
        let requests = some.iter().map(|flood| Request::Flood(Box::new(flood.clone()))).collect();
        if app.ledger.execute(requests).await.is_err() {
            app.gate.owe(some.to_vec());
        }
    }
}

/// Whether the document of an audit is there, and may still be shown.
pub(crate) fn kept<'a>(app: &App, at: Timestamp, audit: &'a Audit) -> Option<&'a Bytes> {
    let whole = cut_length(audit.origin.bytes) == audit.document.len() as u64;
    let days = i64::from(app.settings.limits.invalid_days);
    let until = at.0.saturating_add(days.saturating_mul(24 * 3_600 * 1_000_000));
    (whole && (app.clock)().0 < until).then_some(&audit.document)
}

fn cut_length(bytes: u64) -> u64 {
    bytes.min(service::change::AUDIT_DOCUMENT_BYTES_MAX as u64)
}

/// The address of an audit's document, for whoever has the link.
pub(crate) fn document_url(app: &App, seq: Seq) -> String {
    let address = format!("/v1/audits/{}/document", cursor(seq));
    app.links.sign(&address, (app.clock)(), app.settings.limits.document_link)
}

/// What a page of audits is asked for.
struct Asked {
    merchant: Option<MerchantId>,
    code: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    before: Option<Seq>,
    limit: usize,
}

/// Input that was no order, newest first: what was wrong with it, whose it was, not what it said.
/// Beyond a bound a source's input is only counted: a sum of kind `flood` a minute.
#[utoipa::path(
    get, path = "/v1/audits", tag = "orders", operation_id = "list_audits",
    params(
        ("merchant_id" = Option<Name>, Query, description = "That names this seller"),
        ("code" = Option<String>, Query, description = "With a violation of this code"),
        ("from" = Option<String>, Query, description = "Came at or after (RFC 3339, or a day)"),
        ("until" = Option<String>, Query, description = "Came before (RFC 3339), or by the end of \
            a day"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most rows; 50 \
            when not named. A page may be short and still have a next one"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
    ),
    responses((status = 200, body = AuditPage, description = "A page")),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let names = ["merchant_id", "code", "from", "until", "limit", "cursor"];
    let params = Params::read(&uri, &names)?;
    let zone = &app.settings.documents.time_zone;
    let asked = Asked {
        merchant: params.name("merchant_id", MerchantId::parse)?,
        code: params.get("code").map(str::to_owned),
        from: params.from("from", zone)?,
        until: params.until("until", zone)?,
        before: params.parsed("cursor", read_cursor)?,
        limit: params.limit(50, PAGE_ROWS_MAX)?,
    };
    let page = blocking(&app, move |app| {
        let (rows, next) = page(app, &asked)?;
        let rows: Vec<Value> =
            rows.iter().map(|(seq, change)| row(app, *seq, change, lang)).collect();
        Ok(json!({"audits": rows, "next_cursor": next.map(cursor)}))
    });
    Ok(Json(page.await?))
}

type Page = (Vec<(Seq, Change)>, Option<Seq>);

fn page(app: &App, asked: &Asked) -> Result<Page, Error> {
    let (mut rows, mut before, mut examined) = (Vec::new(), asked.before, 0);
    loop {
        let page = app.ledger.inputs(asked.merchant.as_ref(), before, asked.limit)?;
        for seq in page.seqs {
            let change = app.ledger.change(seq)?;
            examined += 1;
            if asked.from.is_some_and(|from| change.at < from) {
                return Ok((rows, None));
            }
            if asked.until.is_none_or(|until| change.at < until) && has_code(&change, asked) {
                rows.push((seq, change));
                if rows.len() == asked.limit {
                    return Ok((rows, Some(seq)));
                }
            }
        }
        before = page.next;
        if before.is_none() || examined >= EXAMINED_MAX {
            return Ok((rows, before));
        }
    }
}

fn has_code(change: &Change, asked: &Asked) -> bool {
    let Some(code) = &asked.code else { return true };
    match &change.what {
        What::Audit(audit) => audit.faults.iter().any(|fault| *fault.code == **code),
        _ => false,
    }
}

fn row(app: &App, seq: Seq, change: &Change, lang: Lang) -> Value {
    let link = format!("/v1/audits/{}", cursor(seq));
    let mut row = json!({
        "sequence": cursor(seq),
        "at": time(change.at),
        "links": {"self": link},
    });
    if let (Value::Object(row), What::Audit(audit)) = (&mut row, &change.what) {
        invalid(row, audit, lang);
        row.insert("document_kept".into(), kept(app, change.at, audit).is_some().into());
    }
    if let (Value::Object(row), What::Flood(sum)) = (&mut row, &change.what) {
        flood(row, sum);
    }
    row
}

fn invalid(row: &mut Map<String, Value>, audit: &Audit, lang: Lang) {
    let mut put = |name: &str, value: Value| _ = row.insert(name.to_owned(), value);
    put("kind", "invalid".into());
    put("order_id", audit.order.as_ref().map(|id| id.as_str()).into());
    put("merchant_id", audit.merchant.as_ref().map(|id| id.as_str()).into());
    put("channel", audit.channel.as_str().into());
    put("batch", audit.batch.as_ref().map(batch).into());
    put("source", audit.origin.source.as_deref().into());
    put("bytes", audit.origin.bytes.into());
    put("hash", hex(audit.origin.hash).into());
    put("violations", audit.faults.iter().map(|f| stored(f, Severity::Error, lang)).collect());
}

/// A sum of what was only counted, on the wire.
pub(crate) fn flood(row: &mut Map<String, Value>, flood: &Flood) {
    let mut put = |name: &str, value: Value| _ = row.insert(name.to_owned(), value);
    put("kind", "flood".into());
    put("source", flood.source.as_str().into());
    put("since", time(flood.since).into());
    put("count", flood.count.into());
    put("bytes", flood.bytes.into());
    put("first_hash", hex(flood.first).into());
    put("last_hash", hex(flood.last).into());
}

/// A document's hash, on the wire.
pub(crate) fn hex(hash: DocumentHash) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

fn find(app: &App, sequence: &str) -> Result<(Seq, Change), Error> {
    let not_found = || Error::new(Kind::NotFound);
    let seq = read_cursor(sequence).ok_or_else(not_found)?;
    // Listed changes only: a number in between names no change, and others have addresses of
    // their own.
    let page = app.ledger.inputs(None, Some(Seq(seq.0.saturating_add(1))), 1)?;
    let seq = page.seqs.first().copied().filter(|found| *found == seq).ok_or_else(not_found)?;
    Ok((seq, app.ledger.change(seq)?))
}

/// One input that was no order, with its document as long as that is kept.
#[utoipa::path(
    get, path = "/v1/audits/{sequence}", tag = "orders", operation_id = "show_audit",
    params(("sequence" = Cursor, Path, description = "The audit")),
    responses((status = 200, body = schema::Audit, description = "What came, and what was wrong")),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(sequence): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let shown = blocking(&app, move |app| {
        let (seq, change) = find(app, &sequence)?;
        let shown = row(app, seq, &change, lang);
        let What::Audit(audit) = &change.what else { return Ok(shown.to_string()) };
        let Some(document) = kept(app, change.at, audit) else { return Ok(shown.to_string()) };
        // The document goes in as it came, digit for digit.
        let json = raw(document).map(|json| json.get().to_owned());
        let text = json.is_none().then(|| String::from_utf8_lossy(document).into_owned());
        let mut shown = shown.to_string();
        shown.pop();
        let rest = json!({"document_text": text, "document_url": document_url(app, seq)});
        let json = json.as_deref().unwrap_or("null");
        Ok(format!("{shown},\"document\":{json},{}", &rest.to_string()[1..]))
    });
    Ok(json_response(StatusCode::OK, shown.await?))
}

/// The document of an input that was no order, byte for byte. With an API key, or by the link in
/// its `document_url`, which needs none until it expires.
#[utoipa::path(
    get, path = "/v1/audits/{sequence}/document", tag = "orders", operation_id = "audit_document",
    params(
        ("sequence" = Cursor, Path, description = "The audit"),
        ("expires" = Option<i64>, Query, description = "Of a link: seconds since 1970"),
        ("signature" = Option<String>, Query, description = "Of a link: as it was given"),
    ),
    responses(
        (status = 200, body = schema::Bytes, content_type = "application/octet-stream",
            description = "What was sent"),
        (status = 403, description = "`link_unknown` Not a link that was given out · \
            `link_expired` Its time is over"),
    ),
)]
pub(crate) async fn document(
    State(app): State<Arc<App>>,
    Segment(sequence): Segment,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    Params::read(&uri, &["expires", "signature"])?;
    blocking(&app, move |app| {
        let (_, change) = find(app, &sequence)?;
        let document = match &change.what {
            What::Audit(audit) => kept(app, change.at, audit),
            _ => None,
        };
        Ok(served(document.cloned().ok_or_else(|| Error::new(Kind::NotFound))?))
    })
    .await
}
