//! `GET /v1/changes`: the log, for everyone who follows it, as JSON lines.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Response, Uri};
use axum::response::IntoResponse;
use service::change::Seq;

use crate::App;
use crate::error::Error;
use crate::events::line;
use crate::openapi::schema::{Change, Cursor};
use crate::orders::blocking;
use crate::params::{Params, cursor, read_cursor};

/// Most changes of one page.
const CHANGES_MAX: usize = 10_000;
/// Changes read at once: a page of large documents stops soon after its bound.
const CHANGES_PER_READ: usize = 64;

/// A page of changes after a cursor; the header names where the next one begins. A page without a
/// line is the end, for now.
#[utoipa::path(
    get, path = "/v1/changes", tag = "changes", operation_id = "list_changes",
    params(
        ("after" = Option<Cursor>, Query, description = "Begin behind this change"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 10000, description = "Most changes; \
            1,000 when not named"),
    ),
    responses(
        (status = 200, body = Change, content_type = "application/x-ndjson",
            description = "One change a line",
            headers(("Comanda-Next-Cursor" = Cursor, description = "Where the next page begins"))),
    ),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response<Body>, Error> {
    let params = Params::read(&uri, &["after", "limit"])?;
    let after = params.parsed("after", read_cursor)?;
    let limit = params.limit(1_000, CHANGES_MAX)?;
    let (lines, next) = blocking(&app, move |app| page(app, after, limit)).await?;
    let mut response = ([("content-type", "application/x-ndjson")], lines).into_response();
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&cursor(next)).ok()) {
        response.headers_mut().insert(HeaderName::from_static("comanda-next-cursor"), next);
    }
    Ok(response)
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
