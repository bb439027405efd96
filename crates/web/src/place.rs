//! `POST /v1/orders`: the hot path. One read, one parse, one commit, one answer written by hand.
//! A document whose `order_status` amends or cancels an order is a command for that order.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use bytes::Bytes;
use domain::command::{self, Verb};
use domain::event::{Refusal, Rejection, Shortage};
use domain::id::OrderKey;
use domain::state::Status;
use serde_json::{Value, json};
use service::change::{Audit, Fault};
use service::ledger::{Accepted, Amend, Answer, Cancel, Receive, Request, Unavailable};
use service::once::Key;
use service::wire::document::{self, Command, Found, read};
use service::wire::message::{Lang, line_label, order_label, text};
use service::wire::violation::{Severity, Violation};

use crate::App;
use crate::audits;
use crate::body::{self, Media};
use crate::error::{Error, Kind};
use crate::guard::Peer;
use crate::idempotency;
use crate::json::{Writer, percent};
use crate::metrics::{Applied, Outcome};
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
    params(("Idempotency-Key" = Option<String>, Header, description = "Do it once, however often it \
        is sent: the answer is kept for a day")),
    request_body(
        content = OrderDocument, description = "An order, at most 256 KiB",
        examples(
            ("purchase" = (value = json!(purchase()))),
            ("transfer" = (value = json!(transfer()))),
        ),
    ),
    responses(
        (status = 400, description = "`bad_idempotency_key` The key is none"),
        (status = 202, body = Placed, description = "It is on disk",
            headers(("Location" = String, description = "The order"))),
        (status = 409, description = "`duplicate` The seller has an order with that id · \
            `wrong_state` The state of the order to change does not allow it · `would_reject` The \
            amended order would be rejected · `too_many_revisions` The order has been amended as \
            often as it may be"),
        (status = 404, description = "`not_found` It amends or cancels an order that is not there"),
        (status = 422, description = "`idempotency_key_reused` The key was used with other content"),
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

/// Takes in one order, or a command for one, of a request that began then.
pub(crate) async fn place<B>(
    app: &Arc<App>,
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
    match take(app, dialect, lang, parts, peer, body, began).await {
        Ok(response) => Ok(response),
        Err(error) => {
            app.metrics.order(outcome(error.kind()));
            Err(in_dialect(error, dialect))
        }
    }
}

async fn take<B>(
    app: &Arc<App>,
    dialect: Dialect,
    lang: Lang,
    parts: &Parts,
    peer: Option<IpAddr>,
    body: B,
    began: Instant,
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
    let once = idempotency::key(app, parts, &document)?;
    let (request, asked) = match read(&document, &app.settings.documents) {
        Ok(read) => requested(read, document),
        Err(fault) => match unreadable(app, &parts.headers, peer, fault, &document) {
            (Some(audit), error) => (Request::Audit(audit), Asked::Nothing(error)),
            (None, error) => return Err(error),
        },
    };
    if once.is_some() {
        return Box::pin(take_once(app, dialect, lang, once, request, asked)).await;
    }
    let answer = ask(app, parts, began, request).await?;
    asked.count(app, &answer);
    asked.show(app, dialect, lang, &answer)
}

/// Asks the ledger, and notes where the time goes.
async fn ask(
    app: &App,
    parts: &Parts,
    began: Instant,
    request: Request,
) -> Result<Answer, Unavailable> {
    let requests = vec![request];
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
    Ok(answers.into_iter().next().unwrap_or(Answer::Broken))
}

async fn take_once(
    app: &Arc<App>,
    dialect: Dialect,
    lang: Lang,
    once: Option<Key>,
    request: Request,
    asked: Asked,
) -> Result<Response<Body>, Error> {
    let asked = Arc::new(asked);
    let showing = asked.clone();
    let show = move |app: &App, answer: &Answer| {
        let shown = showing.show(app, dialect, lang, answer);
        shown.map_err(|error| in_dialect(error, dialect))
    };
    let (response, answer) = idempotency::execute(app, once, lang, request, show).await?;
    if let Some(answer) = answer {
        asked.count(app, &answer);
        if let Err(error) = asked.show(app, dialect, lang, &answer) {
            app.metrics.order(outcome(error.kind()));
        }
    }
    Ok(response)
}

/// What a document asks for, as far as the answer needs to know.
enum Asked {
    /// To take in an order; with what was odd about it.
    Order(OrderKey, Vec<Violation>),
    /// To change one.
    Change(Verb, OrderKey, Vec<Violation>),
    /// Nothing that can be done.
    Nothing(Error),
}

/// What to ask of the ledger for a document.
fn requested(read: document::Read, document: Bytes) -> (Request, Asked) {
    let warnings = faults(&read.warnings);
    match read.command {
        Command::Create(order) => {
            let asked = Asked::Order(order.key.clone(), read.warnings);
            let receive = Receive { order, document, warnings, batch: None, rules: None };
            (Request::Receive(Box::new(receive)), asked)
        }
        Command::Amend(order) => {
            let asked = Asked::Change(Verb::Amend, order.key.clone(), read.warnings);
            let amend = Amend { order, document, warnings, batch: None, revision: None };
            (Request::Amend(Box::new(amend)), asked)
        }
        Command::Cancel(order) => {
            let asked = Asked::Change(Verb::Cancel, order.clone(), read.warnings);
            let channel = read.channel;
            let command = command::Cancel { order, reason: None, channel, batch: None };
            (Request::Cancel(Box::new(Cancel { command, document: Some(document) })), asked)
        }
    }
}

impl Asked {
    fn show(
        &self,
        app: &App,
        dialect: Dialect,
        lang: Lang,
        answer: &Answer,
    ) -> Result<Response<Body>, Error> {
        match (answer, self) {
            (
                Answer::Accepted(accepted),
                Self::Order(key, warnings) | Self::Change(_, key, warnings),
            ) => Ok(self::answer(app, dialect, lang, key, accepted, warnings)),
            (Answer::Recorded, Self::Nothing(error)) => Err(error.clone()),
            (Answer::Refused(Refusal::Duplicate { status }), Self::Order(key, _)) => {
                Err(duplicate(key, *status))
            }
            (Answer::Refused(Refusal::UnknownOrder), _) => Err(Error::new(Kind::OrderNotFound)),
            (Answer::Refused(refusal), _) => Err(refusal.clone().into()),
            (Answer::Invalid(faults), _) => Err(faults.clone().into()),
            (
                Answer::Accepted(_)
                | Answer::Recorded
                | Answer::Stock(_)
                | Answer::Rules(_)
                | Answer::Batch(_)
                | Answer::Endpoint(_)
                | Answer::Once(_)
                | Answer::Buried(_)
                | Answer::Settled(_)
                | Answer::Sweep(_)
                | Answer::Broken,
                _,
            ) => Err(Error::new(Kind::Internal)),
        }
    }

    /// Counts what was done; a no is counted where it is answered.
    fn count(&self, app: &App, answer: &Answer) {
        match (self, answer) {
            (Self::Order(..), Answer::Accepted(accepted)) => {
                app.metrics.order(taken(accepted.state.status));
            }
            (Self::Change(verb, ..), Answer::Accepted(_)) => {
                app.metrics.command(*verb, Applied::Yes);
            }
            (Self::Change(verb, ..), _) => app.metrics.command(*verb, Applied::Refused),
            (Self::Order(..) | Self::Nothing(_), _) => {}
        }
    }
}

pub(crate) fn faults(violations: &[Violation]) -> Vec<Fault> {
    let fault =
        |v: &Violation| Fault { pointer: (&*v.pointer).into(), code: v.code.as_str().into() };
    violations.iter().map(fault).collect()
}

/// Most errors that are kept of one document; the answer lists all.
const FAULTS_KEPT_MAX: usize = 100;

/// What to record of a document that is no order, if anything, and why it is none.
pub(crate) fn unreadable(
    app: &App,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    fault: document::Fault,
    document: &Bytes,
) -> (Option<Box<Audit>>, Error) {
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
    (audits::to_record(app, headers, peer, (found, kept), document).map(Box::new), error)
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
    let settings = &app.settings;
    let mut out = Writer(Vec::with_capacity(416 + 128 * accepted.state.claims.len()));
    out.raw("{\"order_id\":").string(key.id.as_str());
    out.raw(",\"merchant_id\":").string(key.merchant.as_str());
    let label = order_label(accepted.state.status, lang);
    out.raw(",\"status\":").string(accepted.state.status.as_str());
    out.raw(",\"status_label\":").string(label);
    out.raw(",\"total\":");
    match accepted.state.total {
        Some(total) => out.money(total.0, settings.exponent()),
        None => out.raw("null"),
    };
    out.raw(",\"currency\":").string(&settings.currency);
    lines(&mut out, accepted, lang);
    shortages(&mut out, &accepted.shortages);
    if let Some(rejection) = &accepted.rejection {
        rejected(&mut out, rejection);
    }
    warned(&mut out, warnings, lang);
    if dialect == Dialect::Older {
        out.raw(",\"orderId\":").string(key.id.as_str());
        out.raw(",\"valid\":true,\"isDuplicate\":false,\"message\":");
        out.string(label);
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

fn lines(out: &mut Writer, accepted: &Accepted, lang: Lang) {
    out.raw(",\"lines\":[");
    for (at, claim) in accepted.state.claims.iter().enumerate() {
        out.raw(if at > 0 { ",{\"sku\":" } else { "{\"sku\":" }).string(claim.sku.as_str());
        out.raw(",\"quantity\":").integer(claim.quantity);
        out.raw(",\"status\":").string(claim.state.as_str());
        out.raw(",\"status_label\":").string(line_label(claim.state, lang)).raw("}");
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
        Rejection::Step { step, reason } => {
            out.raw(",\"step\":").string(step.as_str()).raw(",\"reason\":").string(reason);
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
