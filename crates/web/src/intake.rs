//! `/v1/batches`: takes batches in, and shows where they stand.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use bytes::Bytes;
use domain::id::BatchId;
use http_body::Frame;
use serde_json::{Value, json};
use service::batch::{BatchState, BatchStatus, Tolerance};
use service::ledger::PAGE_ROWS_MAX;
use service::wire::message::{Lang, batch_label};

use crate::App;
use crate::batches::{Format, Lines, NewBatch, Shown, Started};
use crate::body::{self, BATCH, Media};
use crate::error::{Error, Kind};
use crate::fields::time;
use crate::guard::Spoken;
use crate::json::percent;
use crate::openapi::schema::{
    self, Batch, BatchPage, BatchResult, BatchSummary, Cursor, Name, OrderDocument,
};
use crate::orders::blocking;
use crate::params::{NoParams, Params, Segment, names_cursor, read_names_cursor};
use crate::spool::spool;

const PARAMETERS: [&str; 5] = [
    "batch_id",
    "max_concurrency",
    "tolerated_failure_count",
    "tolerated_failure_percentage",
    "dry_run",
];

/// Spools a batch and starts it.
#[utoipa::path(
    post, path = "/v1/batches", tag = "batches", operation_id = "start_batch",
    params(
        ("batch_id" = Option<Name>, Query, description = "Its id; else the document's `batchId`, \
            else the content's hash"),
        ("max_concurrency" = Option<u32>, Query, minimum = 1, description = "Most items in flight"),
        ("tolerated_failure_count" = Option<u64>, Query, description = "Give up after more failed \
            items"),
        ("tolerated_failure_percentage" = Option<u8>, Query, minimum = 0, maximum = 100,
            description = "Give up after a greater share of failed items"),
        ("dry_run" = Option<bool>, Query, description = "Validate, price and look for \
            stock without any effect"),
    ),
    request_body(
        description = "One document with `orders`, an array of orders, JSON lines of them, or \
            rows below a header, one for each line of an order; of any length",
        content(
            (schema::BatchBody = "application/json"),
            (OrderDocument = "application/x-ndjson"),
            (String = "text/csv"),
        ),
    ),
    responses(
        (status = 202, body = Batch, description = "It is on disk and runs; or this is the run \
            of the same content, sent earlier",
            headers(("Location" = String, description = "The batch"))),
        (status = 409, description = "`batch_conflict` The id was used for other content"),
        (status = 503, description = "`batches_busy` Too many batches run"),
        (status = 507, description = "`disk_full` The disk filled up while it was written"),
    ),
)]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    let params = Params::read(&parts.uri, &PARAMETERS)?;
    let format = format(&parts.headers)?;
    let options = options(&params, format)?;
    if (app.health)().disk_low {
        return Err(Error::new(Kind::DiskSpace));
    }
    let spooled = spool(&app, sent, format.suffix()).await?;
    let new = NewBatch { path: spooled.path().to_owned(), ..options };
    let started = app.batches.start(new).await?;
    if let Started::New(_) = started {
        spooled.keep();
    }
    Ok(accepted(&app, started.state(), lang))
}

/// What a body says it is.
pub(crate) fn format(headers: &HeaderMap) -> Result<Format, Error> {
    if body::is_table(headers) {
        return Ok(Format::Table);
    }
    Ok(match body::media(headers, BATCH)? {
        Media::Json => Format::JsonDocument,
        Media::JsonLines => Format::JsonLines,
    })
}

fn options(params: &Params, format: Format) -> Result<NewBatch, Error> {
    let number = |text: &str| text.parse::<u64>().ok();
    let percent = |text: &str| text.parse::<u8>().ok().filter(|share| *share <= 100);
    let concurrency = |text: &str| text.parse::<u32>().ok().filter(|most| *most > 0);
    Ok(NewBatch {
        id: params.name("batch_id", BatchId::parse)?,
        format,
        path: Default::default(),
        tolerance: Tolerance {
            count: params.parsed("tolerated_failure_count", number)?,
            percentage: params.parsed("tolerated_failure_percentage", percent)?,
        },
        max_concurrency: params.parsed("max_concurrency", concurrency)?,
        dry_run: params.parsed("dry_run", |text| text.parse().ok())?.unwrap_or(false),
    })
}

fn accepted(app: &App, state: &BatchState, lang: Lang) -> Response<Body> {
    let mut response = (StatusCode::ACCEPTED, Json(show(app, state, lang))).into_response();
    let location = HeaderValue::from_str(&link(&state.id));
    response
        .headers_mut()
        .insert(LOCATION, location.expect("percent-encoded text is visible ASCII"));
    response
}

fn link(id: &BatchId) -> String {
    format!("/v1/batches/{}", percent(id.as_str()))
}

/// A page of batches, by id.
#[utoipa::path(
    get, path = "/v1/batches", tag = "batches", operation_id = "list_batches",
    params(
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Most rows; 50 when not named"),
    ),
    responses((status = 200, body = BatchPage, description = "A page")),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["cursor", "limit"])?;
    let after = params.parsed("cursor", |text| BatchId::parse(&read_names_cursor(text)?.0).ok())?;
    let limit = params.limit(50, PAGE_ROWS_MAX)?;
    blocking(&app, move |app| {
        let batches = app.ledger.batches(after.as_ref(), limit)?;
        let next = batches.last().filter(|_| batches.len() == limit);
        let next = next.map(|batch| names_cursor(&[batch.id.as_str(), ""]));
        let rows: Vec<Value> = batches.iter().map(|batch| show(app, batch, lang)).collect();
        Ok(Json(json!({"batches": rows, "next_cursor": next})))
    })
    .await
}

fn parse_id(id: &str) -> Result<BatchId, Error> {
    BatchId::parse(id).map_err(|_| Error::new(Kind::NotFound))
}

/// Where a batch stands.
#[utoipa::path(
    get, path = "/v1/batches/{id}", tag = "batches", operation_id = "show_batch",
    params(("id" = Name, Path, description = "The batch")),
    responses((status = 200, body = Batch, description = "Where it stands")),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    let id = parse_id(&id)?;
    let state = app.ledger.batch(&id)?.or_else(|| app.batches.dry_run(&id));
    Ok(Json(show(&app, &state.ok_or_else(|| Error::new(Kind::NotFound))?, lang)))
}

/// A batch, by the names of Step Functions' DescribeMapRun. Skipped items are duplicates: they
/// count as succeeded there, because nothing is left to do about them, and are told apart here.
pub(crate) fn show(app: &App, state: &BatchState, lang: Lang) -> Value {
    let live = app.batches.live(&state.id).unwrap_or_default();
    let counts = state.counts;
    let total = state.total.or(live.total);
    let open = total.map(|total| total.saturating_sub(counts.done() + live.running));
    let is_over = state.status != service::batch::BatchStatus::Running;
    let (pending, aborted) = if is_over { (Some(0), open) } else { (open, Some(0)) };
    json!({
        "batch_id": state.id.as_str(),
        "status": state.status.as_str(),
        "status_label": batch_label(state.status, lang),
        "reason": state.reason,
        "started_at": time(state.started_at),
        "updated_at": time(state.updated_at),
        "stopped_at": is_over.then(|| time(state.updated_at)),
        "item_counts": {
            "pending": pending,
            "running": live.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "skipped": counts.skipped,
            "timed_out": live.timed_out,
            "aborted": aborted,
            "total": total,
            "results_written": live.results_written.max(counts.done()),
        },
        "checkpoint_bytes": state.offset,
        "content_hash": blake3::Hash::from_bytes(state.hash).to_hex().as_str(),
        "tolerated_failure_count": state.tolerance.count,
        "tolerated_failure_percentage": state.tolerance.percentage,
        "pricing_rules_version": state.rules,
        "metadata": serde_json::from_str::<Value>(&state.metadata).unwrap_or(Value::Null),
        "links": {
            "self": link(&state.id),
            "results": format!("{}/results", link(&state.id)),
            "summary": format!("{}/summary", link(&state.id)),
        },
    })
}

/// What a batch came to.
#[utoipa::path(
    get, path = "/v1/batches/{id}/summary", tag = "batches", operation_id = "batch_summary",
    params(("id" = Name, Path, description = "The batch")),
    responses((status = 200, body = BatchSummary, description = "What it has come to so far")),
)]
pub(crate) async fn summary(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    let mut summary = app.batches.summary(&parse_id(&id)?).await?;
    let named = |status: &&(BatchStatus, &str)| summary["status"] == status.1;
    if let Some((status, _)) = BatchStatus::ALL.iter().find(named) {
        summary["status_label"] = batch_label(*status, lang).into();
    }
    Ok(Json(summary))
}

/// What became of each item, as JSON lines.
#[utoipa::path(
    get, path = "/v1/batches/{id}/results", tag = "batches", operation_id = "batch_results",
    params(("id" = Name, Path, description = "The batch")),
    responses(
        (status = 200, body = BatchResult, content_type = "application/x-ndjson",
            description = "One item a line, in the input's order"),
        (status = 409, description = "`wrong_state` A dry run leaves no results"),
    ),
)]
pub(crate) async fn results(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let lines = app.batches.results(&parse_id(&id)?, Shown::all(lang)).await?;
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Streamed(lines))).into_response())
}

/// Takes no more items.
#[utoipa::path(
    post, path = "/v1/batches/{id}/stop", tag = "batches", operation_id = "stop_batch",
    params(("id" = Name, Path, description = "The batch")),
    responses(
        (status = 202, body = Batch, description = "It takes no more items",
            headers(("Location" = String, description = "The batch"))),
        (status = 409, description = "`wrong_state` It does not run"),
    ),
)]
pub(crate) async fn stop(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let state = app.batches.stop(&parse_id(&id)?).await?;
    Ok(accepted(&app, &state, lang))
}

/// Runs failed items again.
#[utoipa::path(
    post, path = "/v1/batches/{id}/redrive", tag = "batches", operation_id = "redrive_batch",
    params(("id" = Name, Path, description = "The batch")),
    responses(
        (status = 202, body = Batch, description = "The batch of its failed items",
            headers(("Location" = String, description = "The batch"))),
        (status = 409, description = "`wrong_state` It still runs, or was a dry run"),
        (status = 503, description = "`batches_busy` Too many batches run"),
    ),
)]
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let started = app.batches.redrive(&parse_id(&id)?).await?;
    Ok(accepted(&app, started.state(), lang))
}

/// A body of lines as they are read.
pub(crate) struct Streamed(pub(crate) Lines);

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| line.map(Frame::data)))
    }
}
