//! `GET /v1/changes`: the log, for everyone who follows it: page by page as JSON lines, or as a
//! stream of events that does not end.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, Uri};
use axum::response::IntoResponse;
use domain::id::{MerchantId, OrderId};
use domain::state::Status as OrderStatus;
use service::change::Seq;

use crate::App;
use crate::error::Error;
use crate::events::line;
use crate::feed::{Filter, Position, Wanted};
use crate::openapi::schema::{Change, Cursor, Name, Status};
use crate::orders::blocking;
use crate::params::{Params, cursor, read_cursor};
use crate::stream;

/// Most changes of one page.
const CHANGES_MAX: usize = 10_000;
/// Changes read at once: a page of large documents stops soon after its bound.
const CHANGES_PER_READ: usize = 64;

/// Filters of streams. A page of the log is a piece of it, whole.
const FILTERS: [&str; 4] = ["type", "merchant_id", "order_id", "status"];

/// The change log: a page of it as JSON lines, or a stream of events.
///
/// A page begins behind a cursor; the header names where the next one begins. A page without a
/// line is the end, for now.
///
/// With `Accept: text/event-stream` it is a stream of Server-Sent Events that does not end: each is
/// a CloudEvent (`/asyncapi.json` describes them), whose id goes back as `Last-Event-ID` to go on
/// behind it. Comments keep a quiet stream alive. A client that takes too long over what it was
/// sent is cut off, and may go on.
#[utoipa::path(
    get, path = "/v1/changes", tag = "changes", operation_id = "list_changes",
    params(
        ("after" = Option<String>, Query, description = "Begin behind this change; of a stream, \
            behind this event"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "Most changes \
            of a page; 1,000 when not named"),
        ("type" = Option<String>, Query, description = "Of a stream: these types only, with \
            commas between them; `comanda.order.*` is all that begin so"),
        ("merchant_id" = Option<Name>, Query, description = "Of a stream: this seller's only"),
        ("order_id" = Option<Name>, Query, description = "Of a stream: this order's only"),
        ("status" = Option<Status>, Query, description = "Of a stream: events after which the \
            order stands so"),
        ("Last-Event-ID" = Option<String>, Header, description = "Of a stream: go on behind this \
            event; counts more than `after`"),
    ),
    responses(
        (status = 200, description = "One change a line, or one event after the other",
            content(
                (Change = "application/x-ndjson"),
                (String = "text/event-stream"),
            ),
            headers(("Comanda-Next-Cursor" = Cursor, description = "Where the next page begins"))),
    ),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let known = [&["after", "limit"], &FILTERS[..]].concat();
    let params = Params::read(&uri, &known)?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("text/event-stream") {
        let (after, filter) = (position(&params, &headers)?, filter(&params)?);
        return stream::open(&app, after, filter).await;
    }
    if let Some(name) = FILTERS.into_iter().find(|name| params.get(name).is_some()) {
        return Err(Error::parameter(name));
    }
    let after = params.parsed("after", read_cursor)?;
    let limit = params.limit(1_000, CHANGES_MAX)?;
    let (lines, next) = blocking(&app, move |app| page(app, after, limit)).await?;
    let mut response = ([("content-type", "application/x-ndjson")], lines).into_response();
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&cursor(next)).ok()) {
        response.headers_mut().insert(HeaderName::from_static("comanda-next-cursor"), next);
    }
    Ok(response)
}

/// Where a stream begins.
fn position(params: &Params, headers: &HeaderMap) -> Result<Option<Position>, Error> {
    if params.get("limit").is_some() {
        return Err(Error::parameter("limit"));
    }
    let Some(last) = headers.get("last-event-id").filter(|last| !last.is_empty()) else {
        return params.parsed("after", Position::read);
    };
    let last = last.to_str().ok().and_then(Position::read);
    last.map(Some).ok_or_else(|| Error::parameter("Last-Event-ID"))
}

fn filter(params: &Params) -> Result<Filter, Error> {
    let types = params.parsed("type", |types| types.split(',').map(Wanted::read).collect())?;
    Ok(Filter {
        types: types.unwrap_or_default(),
        merchant: params.name("merchant_id", MerchantId::parse)?,
        order: params.name("order_id", OrderId::parse)?,
        status: params.parsed("status", OrderStatus::parse)?,
    })
}

fn page(app: &App, after: Option<Seq>, limit: usize) -> Result<(String, Option<Seq>), Error> {
    let (mut lines, mut at, mut left) = (String::new(), after, limit);
    let most = app.settings.limits.changes_bytes_max;
    while left > 0 {
        let changes = app.ledger.read(at, left.min(CHANGES_PER_READ))?;
        if changes.is_empty() {
            break;
        }
        for (seq, change) in changes {
            lines.push_str(&line(app, seq, &change));
            at = Some(seq);
            left -= 1;
            if lines.len() >= most {
                return Ok((lines, at));
            }
        }
    }
    Ok((lines, at))
}
