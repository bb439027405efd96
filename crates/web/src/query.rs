//! `POST /v1/query`: SQL over everything that was taken in, up to now.
//!
//! Never: more of an answer in memory than a few pieces; a statement run here.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body::Frame;
use messages::phrase;
use service::ledger::Task;
use service::query::{Answer, Form, Pieces, Queries, Question, Refused, SQL_BYTES_MAX, Tally, Why};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::App;
use crate::body::{self, Media, collect};
use crate::error::{Error, Kind, RowCode};
use crate::openapi::schema::{QueryAnswer, QueryQuestion};
use crate::params::{Params, cursor};
use crate::rows::{self, Row};

/// Most bytes of a body: a statement of 64 KiB, each of them escaped as JSON may.
const BODY_BYTES_MAX: usize = 512 << 10;
/// What a statement may be sent as.
const ACCEPTED: &str = "application/json, application/*+json, text/plain";
/// Pieces that wait for a client.
const PIECES_WAITING: usize = 1;

const CSV: &str = "text/csv";
const PARQUET: &str = "application/vnd.apache.parquet";
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// Nobody answers: for deployables without a lake, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoQueries;

impl Queries for NoQueries {
    fn ask(&self, _: Question) -> Task<'_, Result<Answer, Refused>> {
        let (why, message) = (Why::Unavailable, String::new());
        Box::pin(std::future::ready(Err(Refused { why, message, place: None })))
    }

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// Answers a statement in SQL, over everything that was committed when it came in.
///
/// Only reading: SELECT, EXPLAIN, SHOW TABLES, SHOW COLUMNS and DESCRIBE. All tables of a
/// statement are seen at the same moment, `as_of`. `Accept` says how rows are written. In JSON
/// there are at most `rows_max` of them, 100,000 when not named, and `truncated` says whether there
/// are more; in the other forms there are all of them, unless `rows_max` is named.
#[utoipa::path(
    post, path = "/v1/query", tag = "query", operation_id = "query",
    request_body(
        description = "The statement: alone as text, or in JSON with bounds",
        content(
            (QueryQuestion = "application/json", example = json!({
                "sql": "SELECT status, count(*) AS orders FROM orders GROUP BY status",
                "rows_max": 1000,
            })),
            (String = "text/plain", example = "SELECT count(*) FROM orders"),
        ),
    ),
    responses(
        (status = 200, description = "Rows, as they come",
            headers(("Comanda-As-Of" = String, description = "The position of the log up to which \
                changes are in it; not given where the statement names no table of orders")),
            content(
                (QueryAnswer = "application/json"),
                (String = "text/csv"),
                (String = "application/vnd.apache.parquet"),
                (String = "application/vnd.apache.arrow.stream"),
            )),
        (status = 400, description = "`bad_statement` The statement is wrong; `line` and `column` \
            say where, if that is known · `only_reading` It does more than read"),
        (status = 422, description = "`statement_limit` It takes more time or memory than it may"),
        (status = 503, description = "`statements_busy` As many statements run as may · \
            `no_lake` There is nothing to ask, or its files cannot be read"),
    ),
)]
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    let is_text = is_text(&parts.headers);
    if !is_text && body::media(&parts.headers, ACCEPTED)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(ACCEPTED));
    }
    let bytes = collect(sent, BODY_BYTES_MAX, app.settings.limits.request).await?;
    let (form, media) = form(&parts.headers);
    let question = question(&app, &bytes, is_text, form)?;
    let answer = app.queries.ask(question).await?;
    let mut response = ([(CONTENT_TYPE, media), (CACHE_CONTROL, "no-store")], ()).into_response();
    if let Some(seq) = answer.as_of {
        let name = HeaderName::from_static("comanda-as-of");
        let value = cursor(seq).try_into().expect("digits are a header's value");
        response.headers_mut().insert(name, value);
    }
    let (pieces, received) = mpsc::channel(PIECES_WAITING);
    tokio::spawn(told(answer.pieces, pieces, app.settings.limits.stream_idle));
    *response.body_mut() = Body::new(Told(received));
    Ok(response)
}

/// Whether a body is the statement itself.
fn is_text(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("text/plain"))
}

/// What is asked, by a body.
fn question(app: &App, bytes: &Bytes, is_text: bool, form: Form) -> Result<Question, Error> {
    let mut question = match is_text {
        true => Question { sql: text(bytes)?, rows_max: None, timeout: None, form },
        false => read(app, bytes, form)?,
    };
    // Whoever reads JSON holds all of it in memory.
    if form == Form::Json && question.rows_max.is_none() {
        question.rows_max = Some(app.settings.limits.query_rows_max);
    }
    Ok(question)
}

fn read(app: &App, bytes: &Bytes, form: Form) -> Result<Question, Error> {
    let parse = |row: &mut Row<'_>| {
        let sql = row.string("sql");
        if sql.is_none() {
            row.missing("sql");
        }
        let rows_max = whole(row, "rows_max", 0);
        let timeout = whole(row, "timeout_s", 1).map(Duration::from_secs);
        Some(Question { sql: sql?, rows_max, timeout, form })
    };
    let mut rows = rows::read(app, bytes, Media::Json, parse)?;
    match (rows.pop(), rows.is_empty()) {
        (Some(question), true) => Ok(question),
        _ => Err(Error::new(Kind::Malformed).about(messages::id!("malformed-object"))),
    }
}

/// A whole number of at least `least`.
fn whole(row: &mut Row<'_>, field: &str, least: u64) -> Option<u64> {
    let number = row.integer(field)?;
    let number = u64::try_from(number).ok().filter(|number| *number >= least);
    if number.is_none() {
        let most = i64::MAX;
        row.is_wrong(field, RowCode::Range(i64::try_from(least).unwrap_or(most), most));
    }
    number
}

fn text(bytes: &[u8]) -> Result<String, Error> {
    let malformed = |_| Error::new(Kind::Malformed).about(messages::id!("malformed-utf8"));
    Ok(std::str::from_utf8(bytes).map_err(malformed)?.to_owned())
}

/// The first form among those that are accepted; JSON when it is none of ours.
fn form(headers: &HeaderMap) -> (Form, &'static str) {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let essences =
        values.flat_map(|value| value.split(',')).filter_map(|one| one.split(';').next());
    for essence in essences {
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/json" => break,
            CSV => return (Form::Csv, "text/csv; charset=utf-8; header=present"),
            PARQUET => return (Form::Parquet, PARQUET),
            ARROW => return (Form::Arrow, ARROW),
            _ => {}
        }
    }
    (Form::Json, "application/json")
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let kind = match refused.why {
            Why::Statement | Why::Unsupported | Why::TooDeep => Kind::BadStatement,
            Why::Forbidden => Kind::OnlyReading,
            Why::TooLong => {
                let about = phrase!("about-bytes", limit = SQL_BYTES_MAX.to_string());
                return Self::new(Kind::TooLarge).about(about);
            }
            Why::Timeout | Why::Memory => Kind::StatementLimit,
            Why::Busy => Kind::StatementsBusy,
            Why::Unavailable => Kind::NoLake,
            Why::Broken => return Self::new(Kind::Internal),
        };
        let error = Self::new(kind).about(refused.message);
        match refused.place {
            Some(place) => error.with("line", place.line).with("column", place.column),
            None => error,
        }
    }
}

/// Hands pieces to a client until there are no more, or it goes, or takes too long over one.
async fn told(mut from: Box<dyn Pieces>, to: mpsc::Sender<std::io::Result<Bytes>>, idle: Duration) {
    loop {
        let next = tokio::select! {
            next = from.next() => next,
            () = to.closed() => return,
        };
        let (piece, is_last) = match next {
            None => return,
            Some(Ok(piece)) => (Ok(piece), false),
            // The answer has begun: all that is left is to break it off, so that nobody takes
            // what came for the whole.
            Some(Err(refused)) => {
                tracing::warn!(why = ?refused.why, "an answer to a statement broke off");
                (Err(std::io::Error::other("the answer broke off")), true)
            }
        };
        if !matches!(timeout(idle, to.send(piece)).await, Ok(Ok(()))) || is_last {
            return;
        }
    }
}

/// A body of pieces as they come.
struct Told(mpsc::Receiver<std::io::Result<Bytes>>);

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
