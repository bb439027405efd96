//! `POST /v1/orders`: the hot path. One read, one parse, one commit, one answer written by hand.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use bytes::Bytes;
use domain::event::{Refusal, Rejection, Shortage};
use domain::id::OrderKey;
use domain::order::Order;
use domain::state::Status;
use serde_json::{Value, json};
use service::change::Fault;
use service::ledger::{Accepted, Answer, Receive, Request};
use service::wire::document::{self, Command, Found, read};
use service::wire::message::{Lang, text};
use service::wire::violation::{Severity, Violation};

use crate::App;
use crate::audits;
use crate::body::{self, Media};
use crate::error::{Error, Kind};
use crate::guard::Peer;
use crate::json::{Writer, percent};
use crate::metrics::Outcome;
use crate::openapi::schema::{OrderDocument, Placed, purchase, transfer};
use crate::params::Params;
use crate::trace::Trace;

/// Whose names an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Ours.
    V1,
    /// Ours, with those of older systems beside them.
    Older,
}

impl Dialect {
    /// By the address that was called.
    pub(crate) fn of(uri: &Uri) -> Self {
        if uri.path().starts_with("/v1/") { Self::V1 } else { Self::Older }
    }
}

/// Places an order.
///
/// The answer comes when the order is on disk: validated, deduplicated, priced, its stock reserved.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", operation_id = "place_order",
    request_body(
        content = OrderDocument, description = "An order, at most 256 KiB",
        examples(
            ("purchase" = (value = json!(purchase()))),
            ("transfer" = (value = json!(transfer()))),
        ),
    ),
    responses(
        (status = 202, body = Placed, description = "It is on disk",
            headers(("Location" = String, description = "The order"))),
        (status = 409, description = "`duplicate` The seller has an order with that id"),
        (status = 422, description = "`unsupported_command` Amend and cancel are not offered here"),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, body) = request.into_parts();
    let lang = crate::guard::lang(&app, &parts.headers);
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    place(&app, lang, &parts, peer, body, Instant::now()).await
}

/// Takes in one order, of a request that began then.
pub(crate) async fn place<B>(
    app: &App,
    lang: Lang,
    parts: &Parts,
    peer: Option<IpAddr>,
    body: B,
    began: Instant,
) -> Result<Response<Body>, Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let dialect = Dialect::of(&parts.uri);
    let result = take(app, parts, peer, body, began, |key, accepted, warnings| {
        answer(app, dialect, lang, key, accepted, warnings)
    });
    match result.await {
        Ok(response) => Ok(response),
        Err(error) => {
            app.metrics.order(outcome(error.kind()));
            Err(in_dialect(error, dialect))
        }
    }
}

async fn take<B>(
    app: &App,
    parts: &Parts,
    peer: Option<IpAddr>,
    body: B,
    began: Instant,
    answer: impl FnOnce(&OrderKey, &Accepted, &[Violation]) -> Response<Body>,
) -> Result<Response<Body>, Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if parts.uri.query().is_some() {
        Params::read(&parts.uri, &[])?;
    }
    if body::media(&parts.headers, body::JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(body::JSON));
    }
    let limits = &app.settings.limits;
    let document = body::collect(body, limits.order_bytes_max, limits.request).await?;
    let read = match read(&document, &app.settings.documents) {
        Ok(read) => read,
        Err(fault) => return Err(invalid(app, &parts.headers, peer, fault, document).await),
    };
    let order = match read.command {
        Command::Create(order) => order,
        Command::Amend(_) | Command::Cancel(_) => return Err(Error::new(Kind::UnsupportedCommand)),
    };
    let (key, warnings) = (order.key.clone(), read.warnings);
    let accepted = receive(app, parts, began, order, document, &warnings).await?;
    Ok(answer(&key, &accepted, &warnings))
}

async fn receive(
    app: &App,
    parts: &Parts,
    began: Instant,
    order: Order,
    document: Bytes,
    warnings: &[Violation],
) -> Result<Accepted, Error> {
    let key = order.key.clone();
    let warnings = faults(warnings);
    let receive = Receive { order, document, warnings, batch: None, rules: None };
    let requests = vec![Request::Receive(Box::new(receive))];
    let answers = match parts.extensions.get::<Arc<Trace>>() {
        None => {
            let answers = app.ledger.execute(requests);
            // The call is in the queue now: read, parsed, priced.
            app.metrics.prepared(began.elapsed());
            answers.await?
        }
        Some(trace) => {
            let timed = app.ledger.execute_timed(requests);
            app.metrics.prepared(began.elapsed());
            let timed = timed.await?;
            trace.passed(timed.moments);
            timed.answers
        }
    };
    match answers.into_iter().next() {
        Some(Answer::Accepted(accepted)) => Ok(accepted),
        Some(Answer::Refused(Refusal::Duplicate { status })) => Err(duplicate(&key, status)),
        Some(Answer::Refused(refusal)) => Err(refusal.into()),
        Some(Answer::Invalid(faults)) => Err(faults.into()),
        Some(
            Answer::Recorded
            | Answer::Stock(_)
            | Answer::Rules(_)
            | Answer::Batch(_)
            | Answer::Broken,
        )
        | None => Err(Error::new(Kind::Internal)),
    }
}

fn faults(violations: &[Violation]) -> Vec<Fault> {
    let fault =
        |v: &Violation| Fault { pointer: (&*v.pointer).into(), code: v.code.as_str().into() };
    violations.iter().map(fault).collect()
}

/// Most errors that are kept of one document; the answer lists all.
const FAULTS_KEPT_MAX: usize = 100;

/// Records what is no order, then says why it is none.
async fn invalid(
    app: &App,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    fault: document::Fault,
    document: Bytes,
) -> Error {
    let nothing = || Found { id: None, merchant: None, channel: app.settings.documents.channel };
    let malformed = || vec![Fault { pointer: "".into(), code: "malformed".into() }];
    let (found, kept, error) = match fault {
        document::Fault::Malformed(fault) => (nothing(), malformed(), fault.into()),
        document::Fault::Invalid { found, violations } => {
            // What was merely odd is not why it is no order.
            let errors = violations.iter().filter(|v| v.severity == Severity::Error);
            let kept = errors.take(FAULTS_KEPT_MAX).map(Fault::from).collect();
            (found, kept, Error::documents(violations))
        }
    };
    match audits::record(app, headers, peer, (found, kept), &document).await {
        Ok(()) => error,
        // What was not recorded was not received: the sender hears of it and sends again.
        Err(unavailable) => unavailable.into(),
    }
}

fn duplicate(key: &OrderKey, status: Status) -> Error {
    Error::new(Kind::Duplicate).with(
        "order",
        json!({
            "order_id": key.id.as_str(),
            "merchant_id": key.merchant.as_str(),
            "status": status.as_str(),
            "links": {"self": link(key)},
        }),
    )
}

/// The address of an order.
pub(crate) fn link(key: &OrderKey) -> String {
    let (id, merchant) = (percent(key.id.as_str()), percent(key.merchant.as_str()));
    format!("/v1/orders/{id}?merchant_id={merchant}")
}

fn in_dialect(error: Error, dialect: Dialect) -> Error {
    match dialect {
        Dialect::V1 => error,
        Dialect::Older => {
            let repeated = error.kind() == Kind::Duplicate;
            // The text is filled in where the language is known.
            error.with("valid", repeated).with("isDuplicate", repeated).with("message", Value::Null)
        }
    }
}

fn outcome(kind: Kind) -> Outcome {
    match kind {
        Kind::Duplicate => Outcome::Duplicate,
        Kind::Invalid => Outcome::Invalid,
        Kind::Malformed => Outcome::Malformed,
        Kind::Full
        | Kind::DiskSpace
        | Kind::OutcomeUnknown
        | Kind::Timeout
        | Kind::Closed
        | Kind::Internal => Outcome::Unavailable,
        _ => Outcome::Refused,
    }
}

fn taken(status: Status) -> Outcome {
    match status {
        Status::Completed | Status::Fulfilled => Outcome::Completed,
        Status::Backordered => Outcome::Backordered,
        Status::Rejected | Status::Invalid | Status::Failed | Status::Cancelled => {
            Outcome::Rejected
        }
        Status::Received | Status::Processing => Outcome::Waiting,
    }
}

fn answer(
    app: &App,
    dialect: Dialect,
    lang: Lang,
    key: &OrderKey,
    accepted: &Accepted,
    warnings: &[Violation],
) -> Response<Body> {
    app.metrics.order(taken(accepted.state.status));
    let settings = &app.settings;
    let mut out = Writer(Vec::with_capacity(384 + 96 * accepted.state.claims.len()));
    out.raw("{\"order_id\":").string(key.id.as_str());
    out.raw(",\"merchant_id\":").string(key.merchant.as_str());
    out.raw(",\"status\":").string(accepted.state.status.as_str());
    out.raw(",\"total\":");
    match accepted.state.total {
        Some(total) => out.money(total.0, settings.exponent()),
        None => out.raw("null"),
    };
    out.raw(",\"currency\":").string(&settings.currency);
    lines(&mut out, accepted);
    shortages(&mut out, &accepted.shortages);
    if let Some(rejection) = &accepted.rejection {
        rejected(&mut out, rejection);
    }
    warned(&mut out, warnings, lang);
    if dialect == Dialect::Older {
        out.raw(",\"orderId\":").string(key.id.as_str());
        out.raw(",\"valid\":true,\"isDuplicate\":false,\"message\":");
        out.string(service::wire::message::order_label(accepted.state.status, lang));
    }
    out.raw(",\"links\":{\"self\":\"");
    let begin = out.0.len();
    out.raw("/v1/orders/").percent(key.id.as_str());
    out.raw("?merchant_id=").percent(key.merchant.as_str());
    let end = out.0.len();
    out.raw("\"}}");
    respond(Bytes::from(out.0), begin, end)
}

/// The answer: its `Location` is the part of the body from `begin` to `end`, not a copy.
fn respond(body: Bytes, begin: usize, end: usize) -> Response<Body> {
    let location = HeaderValue::from_maybe_shared(body.slice(begin..end));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(LOCATION, location.expect("percent-encoded text is visible ASCII"));
    response
}

fn lines(out: &mut Writer, accepted: &Accepted) {
    out.raw(",\"lines\":[");
    for (at, claim) in accepted.state.claims.iter().enumerate() {
        out.raw(if at > 0 { ",{\"sku\":" } else { "{\"sku\":" }).string(claim.sku.as_str());
        out.raw(",\"quantity\":").integer(claim.quantity);
        out.raw(",\"status\":").string(claim.state.as_str()).raw("}");
    }
    out.raw("]");
}

fn shortages(out: &mut Writer, shortages: &[Shortage]) {
    out.raw(",\"shortages\":[");
    for (at, short) in shortages.iter().enumerate() {
        out.raw(if at > 0 { ",{\"sku\":" } else { "{\"sku\":" }).string(short.sku.as_str());
        out.raw(",\"wanted\":").integer(short.wanted);
        out.raw(",\"available\":").integer(short.available).raw("}");
    }
    out.raw("]");
}

fn rejected(out: &mut Writer, rejection: &Rejection) {
    out.raw(",\"rejection\":{\"code\":").string(rejection.code());
    match rejection {
        Rejection::OutOfStock(short) => shortages(out, short),
        Rejection::UnknownSku(skus) => {
            out.raw(",\"skus\":[");
            for (at, sku) in skus.iter().enumerate() {
                out.raw(if at > 0 { "," } else { "" }).string(sku.as_str());
            }
            out.raw("]");
        }
    }
    out.raw("}");
}

fn warned(out: &mut Writer, warnings: &[Violation], lang: Lang) {
    out.raw(",\"warnings\":[");
    for (at, warning) in warnings.iter().enumerate() {
        let open = if at > 0 { ",{\"pointer\":" } else { "{\"pointer\":" };
        out.raw(open).string(&warning.pointer);
        out.raw(",\"code\":").string(warning.code.as_str());
        out.raw(",\"severity\":").string(warning.severity.as_str());
        out.raw(",\"message\":").string(&text(warning, lang)).raw("}");
    }
    out.raw("]");
}
