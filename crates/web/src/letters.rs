//! `/v1/dead-letters`: what could not be seen through, and what is to become of it.
//!
//! Never: personal data in a list. Payloads are shown one at a time, and for so long as the
//! installation says.

pub(crate) mod ends;
pub(crate) mod sweeps;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::{Extension, Json};
use bytes::Bytes;
use compact_str::CompactString;
use domain::id::{BatchId, MerchantId, OrderId, OrderKey};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use service::change::{Fault, Seq, What};
use service::ledger::PAGE_ROWS_MAX;
use service::letters::{DeadLetter, Filter, Kind as Of, Letters, Row, Settled, Subject, of_change};
use service::view::Direction;
use service::wire::message::Lang;
use service::wire::violation::Severity;

use crate::App;
use crate::error::{Error, Kind, stored};
use crate::events::{batch, raw};
use crate::fields::time;
use crate::guard::Spoken;
use crate::openapi::schema::{
    Cursor, DeadLetter as Shown, DeadLetterKind, DeadLetterPage, DeadLetterState, Name,
};
use crate::order::json_response;
use crate::orders::blocking;
use crate::params::{NoParams, Params, Segment, cursor, read_cursor};
use crate::place::link;

/// The parameters that say which letters are meant.
const FILTERS: [&str; 8] =
    ["kind", "source", "batch_id", "merchant_id", "order_id", "reason", "from", "until"];

/// A code, or the name of a sink: at most so many bytes.
const WORD_BYTES_MAX: usize = 128;

fn word(text: &str) -> Option<CompactString> {
    let sound = (1..=WORD_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
    sound.then(|| text.into())
}

/// Which letters the parameters name.
fn filter(app: &App, params: &Params) -> Result<Filter, Error> {
    let zone = &app.settings.documents.time_zone;
    Ok(Filter {
        kind: params.parsed("kind", Of::parse)?,
        source: params.parsed("source", word)?,
        batch: params.name("batch_id", BatchId::parse)?,
        merchant: params.name("merchant_id", MerchantId::parse)?,
        order: params.name("order_id", OrderId::parse)?,
        reason: params.parsed("reason", word)?,
        open: None,
        from: params.from("from", zone)?,
        until: params.until("until", zone)?,
    })
}

/// Open letters, or those that have ended; all when absent.
fn state(text: &str) -> Option<Option<bool>> {
    match text {
        "open" => Some(Some(true)),
        "settled" => Some(Some(false)),
        "all" => Some(None),
        _ => None,
    }
}

/// What could not be seen through, newest first: calls of steps, deliveries, lines of files and
/// items of batches that are no orders, messages of queues. Open ones, where nothing is said.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "operations", operation_id = "list_dead_letters",
    params(
        ("kind" = Option<DeadLetterKind>, Query, description = "Of this kind"),
        ("source" = Option<String>, Query, description = "Of this step, sink or queue"),
        ("batch_id" = Option<Name>, Query, description = "Lines and items of this batch"),
        ("merchant_id" = Option<Name>, Query, description = "Of this seller"),
        ("order_id" = Option<Name>, Query, description = "About an order with this id"),
        ("reason" = Option<String>, Query, description = "With this reason"),
        ("state" = Option<DeadLetterState>, Query, description = "`open` when not named"),
        ("from" = Option<String>, Query, description = "Since then (RFC 3339, or a day)"),
        ("until" = Option<String>, Query, description = "Before (RFC 3339), or by the end of a \
            day"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most rows; 50 \
            when not named. A page may be short and still have a next one"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
    ),
    responses((status = 200, body = DeadLetterPage, description = "A page, without payloads")),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let names = [&FILTERS[..], &["state", "limit", "cursor"]].concat();
    let params = Params::read(&uri, &names)?;
    let open = params.parsed("state", state)?.unwrap_or(Some(true));
    let filter = Filter { open, ..filter(&app, &params)? };
    let before = params.parsed("cursor", read_cursor)?;
    let limit = params.limit(50, PAGE_ROWS_MAX)?;
    let page = blocking(&app, move |app| {
        let Letters { rows, next } =
            app.ledger.letters(&filter, Direction::Newest, before, limit)?;
        let shown = rows.iter().map(|(seq, row)| {
            let what = app.ledger.change(*seq)?.what;
            Ok(Value::Object(shown(*seq, row, &what, &of_change(what.clone())?, lang)))
        });
        let shown = shown.collect::<Result<Vec<Value>, Error>>()?;
        Ok(json!({"dead_letters": shown, "next_cursor": next.map(cursor)}))
    });
    Ok(Json(page.await?))
}

/// One dead letter: what it was, what went wrong, what became of it, and its payload as long as
/// that is kept.
#[utoipa::path(
    get, path = "/v1/dead-letters/{id}", tag = "operations", operation_id = "show_dead_letter",
    params(("id" = Cursor, Path, description = "The letter")),
    responses((status = 200, body = Shown, description = "All there is to know")),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let shown = blocking(&app, move |app| {
        let found = find(app, &id)?;
        Ok(found.whole(app, lang))
    });
    Ok(json_response(StatusCode::OK, shown.await?))
}

/// A letter with all that is known of it.
struct Found {
    seq: Seq,
    row: Row,
    what: What,
    letter: DeadLetter,
}

fn find(app: &App, id: &str) -> Result<Found, Error> {
    let not_found = || Error::new(Kind::NotFound);
    let seq = read_cursor(id).ok_or_else(not_found)?;
    let (row, letter) = app.ledger.letter(seq)?.ok_or_else(not_found)?;
    let what = app.ledger.change(seq)?.what;
    Ok(Found { seq, row, what, letter })
}

impl Found {
    /// The letter as JSON, its payload as it came, digit for digit.
    fn whole(&self, app: &App, lang: Lang) -> String {
        let payload = kept(app, self.row.at, &self.letter);
        let mut members = shown(self.seq, &self.row, &self.what, &self.letter, lang);
        members.insert("payload_kept".into(), payload.is_some().into());
        let Some(payload) = payload else { return Value::Object(members).to_string() };
        let json = raw(payload).map(|json| json.get().to_owned());
        let text = json.is_none().then(|| String::from_utf8_lossy(payload).into_owned());
        members.insert("payload_text".into(), text.into());
        let mut whole = Value::Object(members).to_string();
        whole.pop();
        format!("{whole},\"payload\":{}}}", json.as_deref().unwrap_or("null"))
    }
}

fn shown(seq: Seq, row: &Row, what: &What, letter: &DeadLetter, lang: Lang) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| _ = shown.insert(name.to_owned(), value);
    put("id", cursor(seq).into());
    put("at", time(row.at).into());
    put("state", if row.end.is_none() { "open" } else { "settled" }.into());
    put(
        "settled",
        row.end.map_or(
            Value::Null,
            |end| json!({"how": end.how.as_str(), "at": time(end.at), "change": cursor(end.seq)}),
        ),
    );
    put("kind", row.kind.as_str().into());
    put("source", row.source.as_str().into());
    describe_subject(&letter.subject, &mut put);
    // An audit may know one of them alone.
    put("order_id", row.order.as_ref().map(OrderId::as_str).into());
    put("merchant_id", row.merchant.as_ref().map(MerchantId::as_str).into());
    put("reason", row.reason.as_str().into());
    put("error", (&*letter.error).into());
    put("attempts", letter.attempts.into());
    put("violations", faults(what).iter().map(|f| stored(f, Severity::Error, lang)).collect());
    put("redrivable", is_redrivable(row.kind).into());
    let mut links = json!({"self": address(seq)});
    if let Some(key) = &letter.order {
        links["order"] = link(key).into();
    }
    put("links", links);
    shown
}

/// Whether letters of a kind can be sent again.
fn is_redrivable(kind: Of) -> bool {
    match kind {
        Of::Step | Of::Delivery | Of::Item | Of::Message | Of::Decision => true,
        Of::Missed | Of::Disabled => false,
    }
}

/// What was wrong with a line or an item.
fn faults(what: &What) -> &[Fault] {
    let What::Audit(audit) = what else { return &[] };
    &audit.faults
}

/// The address of a letter.
fn address(seq: Seq) -> String {
    format!("/v1/dead-letters/{}", cursor(seq))
}

/// How long payloads are kept, in microseconds.
fn kept_us(app: &App) -> i64 {
    i64::from(app.settings.limits.invalid_days).saturating_mul(24 * 3_600 * 1_000_000)
}

/// What was buried before is not shown or sent again as it came.
fn oldest(app: &App) -> Timestamp {
    Timestamp((app.clock)().0.saturating_sub(kept_us(app)))
}

/// The payload of a letter, while it may still be shown.
pub(crate) fn kept<'a>(app: &App, at: Timestamp, letter: &'a DeadLetter) -> Option<&'a Bytes> {
    letter.payload.as_ref().filter(|_| at > oldest(app))
}

/// A letter in the log, but for its payload.
pub(crate) fn describe(letter: &DeadLetter, put: &mut impl FnMut(&str, Value)) {
    put("subject", letter.subject.kind().as_str().into());
    describe_subject(&letter.subject, put);
    describe_order(letter.order.as_ref(), put);
    put("reason", (&*letter.reason).into());
    put("error", (&*letter.error).into());
    put("attempts", letter.attempts.into());
}

/// The end of a letter in the log.
pub(crate) fn describe_end(settled: &Settled, put: &mut impl FnMut(&str, Value)) {
    put("dead_letter", cursor(settled.letter).into());
    put("how", settled.how.as_str().into());
    put("subject", settled.subject.kind().as_str().into());
    describe_subject(&settled.subject, put);
    describe_order(settled.order.as_ref(), put);
}

fn describe_order(order: Option<&OrderKey>, put: &mut impl FnMut(&str, Value)) {
    put("order_id", order.map(|order| order.id.as_str()).into());
    put("merchant_id", order.map(|order| order.merchant.as_str()).into());
}

/// What a letter was.
fn describe_subject(subject: &Subject, put: &mut impl FnMut(&str, Value)) {
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
            put("missed_from", cursor(*from).into());
            put("missed_until", cursor(*until).into());
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
