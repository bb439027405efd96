//! The end of many dead letters: begun here, carried out part by part, asked for later.
//!
//! Never: letters that are buried after it began. One at a time: whoever asks for a second is
//! told which is on its way.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use bytes::Bytes;
use domain::id::{BatchId, MerchantId, OrderId};
use serde_json::{Value, json};
use service::change::Seq;
use service::ledger::{Answer, PAGE_ROWS_MAX, Request};
use service::letters::{
    Filter, How, Kind as Of, PER_SECOND_MAX, Sweep, SweepStatus, Sweeping, Swept,
};
use service::wire::violation::Code;

use super::{FILTERS, filter, word};
use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind, RowCode};
use crate::fields::time;
use crate::openapi::schema::{
    Cursor, DeadLetterFilter, DeadLetterKind, DeadLetterRedrive, DeadLetterRedrives, Name,
};
use crate::orders::blocking;
use crate::params::{NoParams, Params, Segment, cursor, moment, read_cursor};
use crate::rows::{self, Row};

/// How many a second are sent again where nothing is said: what made them fail may be weak still.
const PER_SECOND: u32 = 20;

/// Sends many dead letters again, oldest first, so many a second.
///
/// Those that are open now and match all that is named; all of them, where nothing is. It goes on
/// after a restart where it was. One runs at a time.
#[utoipa::path(
    post, path = "/v1/dead-letters/redrive", tag = "operations",
    operation_id = "redrive_dead_letters",
    request_body(content = DeadLetterFilter, description = "Which, and how fast"),
    responses(
        (status = 202, body = DeadLetterRedrive, description = "It has begun",
            headers(("Location" = String, description = "Its progress"))),
        (status = 409, description = "`redrive_running` Another is on its way"),
    ),
)]
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let bytes = collect(sent, limits.order_bytes_max, limits.request).await?;
    let sweep = asked(&app, &bytes)?;
    begun(&app, sweep).await
}

/// Gives many dead letters up. They stay on record.
///
/// Those that are open now and match all that is named; without any filter only with `all=true`.
#[utoipa::path(
    delete, path = "/v1/dead-letters", tag = "operations", operation_id = "purge_dead_letters",
    params(
        ("kind" = Option<DeadLetterKind>, Query, description = "Of this kind"),
        ("source" = Option<String>, Query, description = "Of this step, sink or queue"),
        ("batch_id" = Option<Name>, Query, description = "Lines and items of this batch"),
        ("merchant_id" = Option<Name>, Query, description = "Of this seller"),
        ("order_id" = Option<Name>, Query, description = "About an order with this id"),
        ("reason" = Option<String>, Query, description = "With this reason"),
        ("from" = Option<String>, Query, description = "Since then (RFC 3339, or a day)"),
        ("until" = Option<String>, Query, description = "Before (RFC 3339), or by the end of a \
            day"),
        ("all" = Option<bool>, Query, description = "Every open letter is meant"),
    ),
    responses(
        (status = 202, body = DeadLetterRedrive, description = "It has begun",
            headers(("Location" = String, description = "Its progress"))),
        (status = 409, description = "`redrive_running` Another is on its way"),
    ),
)]
pub(crate) async fn purge(State(app): State<Arc<App>>, uri: Uri) -> Result<Response<Body>, Error> {
    let params = Params::read(&uri, &[&FILTERS[..], &["all"]].concat())?;
    let all = params.parsed("all", |text| text.parse::<bool>().ok())?.unwrap_or(false);
    let filter = filter(&app, &params)?;
    // A filter that was forgotten must not be every letter.
    if all != (filter == Filter::default()) {
        return Err(Error::parameter("all"));
    }
    begun(&app, Sweep::new(How::Purged, filter, PER_SECOND_MAX)).await
}

/// How sending many dead letters again, or giving them up, got on: newest first.
#[utoipa::path(
    get, path = "/v1/dead-letters/redrives", tag = "operations",
    operation_id = "list_dead_letter_redrives",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most rows; 50 \
            when not named"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
    ),
    responses((status = 200, body = DeadLetterRedrives, description = "A page")),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["limit", "cursor"])?;
    let before = params.parsed("cursor", read_cursor)?;
    let limit = params.limit(50, PAGE_ROWS_MAX)?;
    let page = blocking(&app, move |app| {
        let sweeps = app.ledger.sweeps(before, limit)?;
        let next = (sweeps.len() == limit).then(|| sweeps.last().map(|sweep| cursor(sweep.id)));
        let rows: Vec<Value> = sweeps.iter().map(shown).collect();
        Ok(json!({"redrives": rows, "next_cursor": next.flatten()}))
    });
    Ok(Json(page.await?))
}

/// How one of them got on.
#[utoipa::path(
    get, path = "/v1/dead-letters/redrives/{id}", tag = "operations",
    operation_id = "show_dead_letter_redrive",
    params(("id" = Cursor, Path, description = "Which")),
    responses((status = 200, body = DeadLetterRedrive, description = "How it got on")),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    Ok(Json(shown(&find(&app, id).await?)))
}

/// Stops one of them. What has ended stays ended.
#[utoipa::path(
    post, path = "/v1/dead-letters/redrives/{id}/stop", tag = "operations",
    operation_id = "stop_dead_letter_redrive",
    params(("id" = Cursor, Path, description = "Which")),
    responses((status = 200, body = DeadLetterRedrive, description = "Where it stands")),
)]
pub(crate) async fn stop(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    let sweep = find(&app, id).await?;
    if sweep.status != SweepStatus::Running {
        return Ok(Json(shown(&sweep)));
    }
    let stopped = Sweep { status: SweepStatus::Stopped, swept: Swept::default(), ..sweep };
    match execute(&app, stopped).await? {
        Sweeping::On(sweep) => Ok(Json(shown(&sweep))),
        Sweeping::Busy(_) => Err(Error::new(Kind::Internal)),
    }
}

async fn find(app: &Arc<App>, id: String) -> Result<Sweep, Error> {
    let not_found = || Error::new(Kind::NotFound);
    let seq = read_cursor(&id).ok_or_else(not_found)?;
    blocking(app, move |app| app.ledger.sweep(seq)?.ok_or_else(not_found)).await
}

async fn execute(app: &App, sweep: Sweep) -> Result<Sweeping, Error> {
    let answers = app.ledger.execute(vec![Request::Sweep(Box::new(sweep))]).await?;
    let Some(Answer::Sweep(sweeping)) = answers.into_iter().next() else {
        return Err(Error::new(Kind::Internal));
    };
    Ok(sweeping)
}

async fn begun(app: &App, sweep: Sweep) -> Result<Response<Body>, Error> {
    match execute(app, sweep).await? {
        Sweeping::On(sweep) => {
            let mut response =
                crate::order::json_response(StatusCode::ACCEPTED, shown(&sweep).to_string());
            let location = HeaderValue::try_from(address(sweep.id));
            let location = location.map_err(|_| Error::new(Kind::Internal))?;
            response.headers_mut().insert(LOCATION, location);
            Ok(response)
        }
        Sweeping::Busy(other) => {
            Err(Error::new(Kind::RedriveRunning).with("redrive", address(other)))
        }
    }
}

/// Which letters a body means, and how fast.
fn asked(app: &App, bytes: &Bytes) -> Result<Sweep, Error> {
    let parse = |row: &mut Row<'_>| {
        let filter = Filter {
            kind: one_of(row, "kind", Of::parse),
            source: one_of(row, "source", word),
            batch: row.bound("batch_id", BatchId::parse),
            merchant: row.bound("merchant_id", MerchantId::parse),
            order: row.bound("order_id", OrderId::parse),
            reason: one_of(row, "reason", word),
            open: None,
            from: one_of(row, "from", moment),
            until: one_of(row, "until", moment),
        };
        let per_second = row.integer("per_second").unwrap_or(i64::from(PER_SECOND));
        let per_second = u32::try_from(per_second).ok();
        match per_second.filter(|rate| (1..=PER_SECOND_MAX).contains(rate)) {
            Some(rate) => Some(Sweep::new(How::Redriven, filter, rate)),
            None => {
                row.is_wrong("per_second", RowCode::Known(Code::TooLarge));
                None
            }
        }
    };
    let mut rows = rows::read(app, bytes, Media::Json, parse)?;
    match (rows.pop(), rows.is_empty()) {
        (Some(sweep), true) => Ok(sweep),
        _ => Err(Error::new(Kind::Malformed).about(messages::id!("malformed-object"))),
    }
}

fn one_of<T>(row: &mut Row<'_>, field: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = row.string(field)?;
    let value = parse(&text);
    if value.is_none() {
        row.is_wrong(field, RowCode::Known(Code::WrongType));
    }
    value
}

/// The address of one.
fn address(id: Seq) -> String {
    format!("/v1/dead-letters/redrives/{}", cursor(id))
}

fn shown(sweep: &Sweep) -> Value {
    let filter = &sweep.filter;
    json!({
        "id": cursor(sweep.id),
        "what": match sweep.how {
            How::Purged => "purge",
            How::Redriven | How::Overtaken => "redrive",
        },
        "status": sweep.status.as_str(),
        "filter": {
            "kind": filter.kind.map(Of::as_str),
            "source": filter.source.as_deref(),
            "batch_id": filter.batch.as_ref().map(BatchId::as_str),
            "merchant_id": filter.merchant.as_ref().map(MerchantId::as_str),
            "order_id": filter.order.as_ref().map(OrderId::as_str),
            "reason": filter.reason.as_deref(),
            "from": filter.from.map(time),
            "until": filter.until.map(time),
        },
        "per_second": sweep.per_second,
        "started_at": time(sweep.started_at),
        "updated_at": time(sweep.updated_at),
        "settled": sweep.swept.settled,
        "failed": sweep.swept.failed,
        "links": {"self": address(sweep.id)},
    })
}
