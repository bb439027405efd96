//! `/v1/files`: takes files in, and says line by line what became of them.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use domain::state::Status;
use serde_json::{Value, json};
use service::ledger::PAGE_ROWS_MAX;
use service::wire::message::{Lang, batch_label, order_label};

use crate::App;
use crate::batches::{Format, Shown};
use crate::error::{Error, Kind};
use crate::fields::time;
use crate::filing::{FileName, FileState, NewFile, TakenFile};
use crate::guard::Spoken;
use crate::intake::{self, Streamed};
use crate::json::percent;
use crate::openapi::schema::{BatchResult, Cursor, FileBody, FilePage, FileReport};
use crate::orders::blocking;
use crate::params::{NoParams, Params, Segment, names_cursor, read_names_cursor};
use crate::spool::spool;

/// Lines of a report that one page shows when its reader does not say.
const LINES_SHOWN: usize = 100;

/// Spools a file and takes it.
#[utoipa::path(
    put, path = "/v1/files/{name}", tag = "files", operation_id = "put_file",
    params(("name" = String, Path, min_length = 1, max_length = 255,
        description = "What the file is called; `/` as `%2F`")),
    request_body(
        description = "The file, of any length up to the server's bound for batches",
        content(
            (String = "text/csv"),
            (FileBody = "application/json"),
            (FileBody = "application/x-ndjson"),
            (String = "application/octet-stream"),
        ),
    ),
    responses(
        (status = 200, body = FileReport, description = "This content came before: its run"),
        (status = 202, body = FileReport, description = "It is on disk, and will be done",
            headers(("Location" = String, description = "The file"))),
        (status = 503, description = "`batches_busy` Too many files wait"),
        (status = 507, description = "`disk_full` The disk filled up while it was written"),
    ),
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(name): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    let name = FileName::parse(&name).ok_or_else(|| Error::parameter("name"))?;
    let format = format(&parts.headers)?;
    if (app.health)().disk_low {
        return Err(Error::new(Kind::DiskSpace));
    }
    let spooled = spool(&app, sent, "file").await?;
    let new = NewFile { name, format, path: spooled.path().to_owned() };
    let (status, file) = match app.files.take(new).await? {
        TakenFile::New(file) => {
            spooled.keep();
            (StatusCode::ACCEPTED, file)
        }
        TakenFile::Known(file) => (StatusCode::OK, file),
    };
    let mut response = (status, Json(show(&app, &file, lang))).into_response();
    let location = HeaderValue::from_str(&link(&file.name));
    response
        .headers_mut()
        .insert(LOCATION, location.expect("percent-encoded text is visible ASCII"));
    Ok(response)
}

/// What a body says it is; nothing when its name is to tell.
fn format(headers: &HeaderMap) -> Result<Option<Format>, Error> {
    let kind = headers.get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap_or("?"));
    match kind {
        "" | "application/octet-stream" => Ok(None),
        _ => intake::format(headers).map(Some),
    }
}

fn link(name: &str) -> String {
    format!("/v1/files/{}", percent(name))
}

/// A page of files, by name.
#[utoipa::path(
    get, path = "/v1/files", tag = "files", operation_id = "list_files",
    params(
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Most rows; 50 when not named"),
    ),
    responses((status = 200, body = FilePage, description = "A page")),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["cursor", "limit"])?;
    let after = params.parsed("cursor", |text| Some(read_names_cursor(text)?.0))?;
    let limit = params.limit(50, PAGE_ROWS_MAX)?;
    blocking(&app, move |app| {
        let files = app.files.list(after.as_deref(), limit)?;
        let next = files.last().filter(|_| files.len() == limit);
        let next = next.map(|file| names_cursor(&[&file.name, ""]));
        let rows: Vec<Value> = files.iter().map(|file| show(app, file, lang)).collect();
        Ok(Json(json!({"files": rows, "next_cursor": next})))
    })
    .await
}

/// A file, and what became of its items: a page of them, or all as JSON lines.
#[utoipa::path(
    get, path = "/v1/files/{name}", tag = "files", operation_id = "show_file",
    params(
        ("name" = String, Path, description = "The file; `/` as `%2F`"),
        ("from" = Option<u64>, Query, description = "The first item to show, from 0"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Most items of a page; 100 when not named. JSON lines have no bound"),
        ("outcome" = Option<String>, Query, description = "`failed`: no others"),
    ),
    responses(
        (status = 200, description = "The file with a page of its items; or, asked for with \
            `Accept: application/x-ndjson`, every item from `from` on, one a line",
            content(
                (FileReport = "application/json"),
                (BatchResult = "application/x-ndjson"),
            )),
    ),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(name): Segment,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let params = Params::read(&uri, &["from", "limit", "outcome"])?;
    let place = |text: &str| text.parse::<i64>().ok().and_then(|at| u64::try_from(at).ok());
    let first = params.parsed("from", place)?.unwrap_or(0);
    let limit = params.limit(LINES_SHOWN, PAGE_ROWS_MAX)?;
    let only_failed = params.parsed("outcome", |text| (text == "failed").then_some(()))?.is_some();
    let file = app.files.find(&name)?;
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepted.contains("ndjson") {
        let show = Shown { lang, first, limit: u64::MAX, only_failed };
        let lines = app.batches.results(&file.batch, show).await?;
        let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
        return Ok((headers, Body::new(Streamed(lines))).into_response());
    }
    let mut shown = show(&app, &file, lang);
    if file.run.is_some() {
        let show = Shown { lang, first, limit: limit as u64, only_failed };
        let items = items(&app, &file, show).await?;
        let next = items.last().and_then(|item| item["index"].as_u64());
        let next = next.filter(|_| items.len() == limit).map(|index| index + 1);
        shown["items"] = items.into();
        shown["next_from"] = next.into();
    }
    Ok(Json(shown).into_response())
}

async fn items(app: &App, file: &FileState, show: Shown) -> Result<Vec<Value>, Error> {
    let (mut lines, mut items) = (app.batches.results(&file.batch, show).await?, Vec::new());
    while let Some(line) = lines.recv().await {
        let item = serde_json::from_slice(&line?).map_err(|_| Error::new(Kind::Internal))?;
        items.push(item);
    }
    Ok(items)
}

/// What of a file was not taken, to be corrected and sent again.
#[utoipa::path(
    get, path = "/v1/files/{name}/rejects", tag = "files", operation_id = "file_rejects",
    params(("name" = String, Path, description = "The file; `/` as `%2F`")),
    responses(
        (status = 200, description = "In the file's own layout: rows with a column for what is \
            wrong, JSON lines, or one document",
            content(
                (String = "text/csv"),
                (FileBody = "application/x-ndjson"),
                (FileBody = "application/json"),
            )),
        (status = 409, description = "`wrong_state` It still runs"),
    ),
)]
pub(crate) async fn rejects(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let (format, lines) = app.files.rejects(&name).await?;
    let kind = match format {
        Format::Table => "text/csv; charset=utf-8",
        Format::JsonLines => "application/x-ndjson",
        Format::JsonDocument => "application/json",
    };
    let attachment = format!("attachment; filename=\"rejects.{}\"", format.suffix());
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_DISPOSITION, attachment.as_str()),
    ];
    Ok((headers, Body::new(Streamed(lines))).into_response())
}

/// A file, as its readers see it.
fn show(app: &App, file: &FileState, lang: Lang) -> Value {
    let (status, label) = match (&file.run, &file.refused) {
        (Some(run), _) => (run.status.as_str(), batch_label(run.status, lang)),
        (None, Some(_)) => (Status::Rejected.as_str(), order_label(Status::Rejected, lang)),
        (None, None) => (Status::Received.as_str(), order_label(Status::Received, lang)),
    };
    let batch = file.run.as_ref().map(|run| intake::show(app, run, lang));
    json!({
        "name": file.name,
        "status": status,
        "status_label": label,
        "reason": file.refused,
        "format": file.format.suffix(),
        "bytes": file.bytes,
        "received_at": time(file.received_at),
        "came_by": file.came_by,
        "is_repeat": file.is_repeat,
        "batch_id": file.batch.as_str(),
        "batch": batch,
        "links": {
            "self": link(&file.name),
            "rejects": format!("{}/rejects", link(&file.name)),
        },
    })
}
