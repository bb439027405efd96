//! `/v1/webhooks`: who is told of what, and how that fares.
//!
//! Never: a secret twice. It is answered when it is made, and in no list.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{Response, StatusCode, Uri};
use axum::response::IntoResponse;
use domain::id::MerchantId;
use domain::notice::Notice;
use domain::time::Timestamp;
use serde_json::{Value, json};
use service::ledger::{Answer, REQUESTS_PER_CALL_MAX, Request};
use service::letters::{How, Settle};
use service::webhooks::replay::{Plan, failed, plan};
use service::webhooks::{
    Attempt, CONCURRENCY_MAX, Command, DESCRIPTION_BYTES_MAX, ENDPOINTS_MAX, Endpoint, EndpointId,
    KINDS_MAX, MERCHANTS_MAX, PER_SECOND_MAX, Patch, REASON_BYTES_MAX, Refused, Scheme,
    State as Told, Terms, URL_BYTES_MAX, covers,
};
use service::wire::violation::Code;

use crate::App;
use crate::error::{Error, Kind, RowCode};
use crate::fields::time;
use crate::openapi::schema::{
    NewWebhook, Reason, ReplayRange, ReplayStarted, SecretOverlap, WebhookAttempt, WebhookAttempts,
    WebhookChange, WebhookPage, WebhookRow,
};
use crate::orders::blocking;
use crate::params::{NoParams, Params, Segment};
use crate::rows::{self, Row};

/// What an endpoint is told when it names no kinds.
const EVERYTHING: &str = "*";
/// Attempts under way towards an endpoint that names no number.
const CONCURRENCY: u16 = 4;
/// How long a replaced secret signs as well when nobody says, and at most, in seconds.
const OVERLAP_S: (i64, i64) = (24 * 3_600, 7 * 24 * 3_600);
/// Most attempts that a list shows.
const ATTEMPTS_MAX: usize = 500;

/// Adds an endpoint.
///
/// It is told what happens from now on. The answer holds the secret that its messages are signed
/// with (Standard Webhooks): it is shown this once.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "add_webhook",
    request_body = NewWebhook,
    responses(
        (status = 201, body = WebhookRow, description = "It is told from now on",
            headers(("Location" = String, description = "The endpoint"))),
        (status = 409, description = "`too_many_webhooks` There are as many as there may be"),
    ),
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let read = |app: &App, row: &mut Row<'_>| {
        let (scheme, patch) = (scheme(row), patch(app, row));
        Some((scheme?, terms(row, patch)?))
    };
    let (scheme, terms) = rows::one(&app, request, read).await?;
    let id = new_id().ok_or_else(|| Error::new(Kind::Internal))?;
    let endpoint = execute(&app, Command::Add { id, terms, scheme }).await?;
    let location = link(&endpoint.id);
    let headers = [(LOCATION, location.as_str()), (CACHE_CONTROL, "no-store")];
    let shown = Json(with_secret(&app, &endpoint)?);
    Ok((StatusCode::CREATED, headers, shown).into_response())
}

/// Every endpoint.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    responses((status = 200, body = WebhookPage, description = "The endpoints, at most 256")),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: NoParams) -> Json<Value> {
    let catalogue = app.ledger.catalogue();
    Json(json!({"webhooks": catalogue.endpoints.values().map(|e| show(e)).collect::<Vec<_>>()}))
}

/// One endpoint.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "show_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = WebhookRow, description = "The endpoint")),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    Ok(Json(show(&*find(&app, &id)?)))
}

/// Sets what is named about an endpoint (a merge patch, RFC 7396).
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "change_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    request_body(content(
        (WebhookChange = "application/merge-patch+json"), (WebhookChange = "application/json"),
    )),
    responses((status = 200, body = WebhookRow, description = "The endpoint as it is then")),
)]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let patch = rows::one(&app, request, |app, row| Some(patch(app, row))).await?;
    Ok(Json(show(&*execute(&app, Command::Change(named(&id)?, patch)).await?)))
}

/// Forgets an endpoint: what was not delivered is not.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "remove_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 204, description = "It is told no more")),
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<StatusCode, Error> {
    execute(&app, Command::Remove(named(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs with a new secret. The one before it signs as well for a day, or as long as is named, so
/// that the receiver can change over without a gap.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate-secret", tag = "webhooks",
    operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "The endpoint")),
    request_body(content = Option<SecretOverlap>, description = "May be empty"),
    responses((status = 200, body = WebhookRow, description = "With the new secret, which \
        is shown this once")),
)]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let read = |_: &App, row: &mut Row<'_>| Some(ranged(row, "overlap_s", 0, OVERLAP_S.1));
    let overlap = rows::one_or_none(&app, request, read).await?.unwrap_or(OVERLAP_S.0);
    let overlap = overlap.saturating_mul(1_000_000);
    let endpoint = execute(&app, Command::Rotate { id: named(&id)?, overlap }).await?;
    let headers = [(CACHE_CONTROL, "no-store")];
    Ok((headers, Json(with_secret(&app, &endpoint)?)).into_response())
}

/// Sends an endpoint a message that only tries it (`webhook.ping`), and says what came of it.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = WebhookAttempt, description = "What came of it, good or bad")),
)]
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    let endpoint = find(&app, &id)?;
    let came = app.hooks.ping(endpoint).await;
    Ok(Json(attempt(&came.ok_or_else(|| Error::new(Kind::Internal))?)))
}

/// Tells an endpoint again that was disabled, beginning with what it missed.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/enable", tag = "webhooks", operation_id = "enable_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = WebhookRow, description = "The endpoint as it is then")),
)]
pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Json<Value>, Error> {
    Ok(Json(show(&*execute(&app, Command::Enable(named(&id)?)).await?)))
}

/// Tells an endpoint no more until it is enabled; what happens meanwhile waits for it.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/disable", tag = "webhooks", operation_id = "disable_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    request_body(content = Option<Reason>, description = "May be empty"),
    responses((status = 200, body = WebhookRow, description = "The endpoint as it is then")),
)]
pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let read = |_: &App, row: &mut Row<'_>| Some(text(row, "reason", REASON_BYTES_MAX));
    let reason = rows::one_or_none(&app, request, read).await?.unwrap_or_default();
    Ok(Json(show(&*execute(&app, Command::Disable { id: named(&id)?, reason }).await?)))
}

/// The last attempts to tell an endpoint, since the server started, newest first.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    operation_id = "list_webhook_deliveries",
    params(
        ("id" = String, Path, description = "The endpoint"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "Most attempts; 50 when not named"),
    ),
    responses((status = 200, body = WebhookAttempts, description = "The attempts")),
)]
pub(crate) async fn deliveries(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let limit = Params::read(&uri, &["limit"])?.limit(50, ATTEMPTS_MAX)?;
    let endpoint = find(&app, &id)?;
    let attempts = app.hooks.attempts(&endpoint.id, limit);
    Ok(Json(json!({"attempts": attempts.iter().map(attempt).collect::<Vec<_>>()})))
}

/// Tells an endpoint again what happened in a time, by the ids of the first time.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", operation_id = "replay_webhook",
    params(("id" = String, Path, description = "The endpoint")),
    request_body = ReplayRange,
    responses((status = 202, body = ReplayStarted, description = "It will be told")),
)]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let range = rows::one(&app, request, |_, row| Range::read(row)).await?;
    let endpoint = find(&app, &id)?;
    let (requests, started) = match range.only {
        Only::All => blocking(&app, move |app| range.all(app, &endpoint.id)).await?,
        Only::Failed => blocking(&app, move |app| range.failed(app, &endpoint.id)).await?,
    };
    for call in requests.chunks(REQUESTS_PER_CALL_MAX) {
        app.ledger.execute(call.to_vec()).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(started)).into_response())
}

/// What is to be told again.
struct Range {
    since: Timestamp,
    until: Timestamp,
    only: Only,
}

#[derive(Clone, Copy)]
enum Only {
    All,
    Failed,
}

impl Range {
    fn read(row: &mut Row<'_>) -> Option<Self> {
        let (since, until) = (moment(row, "since"), moment(row, "until"));
        if since.is_none() {
            row.missing("since");
        }
        let only = match row.text("only").as_deref() {
            None | Some("all") => Only::All,
            Some("failed") => Only::Failed,
            Some(_) => {
                row.is_wrong("only", RowCode::UnknownName);
                Only::All
            }
        };
        Some(Self { since: since?, until: until.unwrap_or(Timestamp(i64::MAX)), only })
    }

    /// Everything of that time, by the log.
    fn all(&self, app: &App, id: &EndpointId) -> Result<(Vec<Request>, Value), Error> {
        let Plan { replays, changes, rest } = plan(&*app.ledger, id, self.since, self.until)?;
        let request = |replay| Request::Webhook(Box::new(Command::Replay(replay)));
        let started = json!({"changes": changes, "letters": 0, "rest_since": rest.map(time)});
        Ok((replays.into_iter().map(request).collect(), started))
    }

    /// What was given up on, by its dead letters.
    fn failed(&self, app: &App, id: &EndpointId) -> Result<(Vec<Request>, Value), Error> {
        let letters = failed(&*app.ledger, id, self.since, self.until)?;
        let started = json!({"changes": 0, "letters": letters.len(), "rest_since": Value::Null});
        let settle = |letter| Settle { letter, how: How::Redriven, with: None };
        let requests = letters.into_iter().map(|l| Request::Settle(Box::new(settle(l))));
        Ok((requests.collect(), started))
    }
}

/// A name that nobody guesses, and none had before.
fn new_id() -> Option<EndpointId> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).ok()?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    EndpointId::parse(&format!("ep_{digits}"))
}

fn named(id: &str) -> Result<EndpointId, Error> {
    EndpointId::parse(id).ok_or_else(|| Error::new(Kind::NotFound))
}

fn find(app: &App, id: &str) -> Result<Arc<Endpoint>, Error> {
    let found = app.ledger.catalogue().endpoints.get(&named(id)?).cloned();
    found.ok_or_else(|| Error::new(Kind::NotFound))
}

pub(crate) async fn execute(app: &App, command: Command) -> Result<Arc<Endpoint>, Error> {
    let answers = app.ledger.execute(vec![Request::Webhook(Box::new(command))]).await?;
    let endpoint = told(answers.into_iter().next().ok_or_else(|| Error::new(Kind::Internal))?)?;
    app.hooks.changed();
    Ok(endpoint)
}

fn told(answer: Answer) -> Result<Arc<Endpoint>, Error> {
    let Answer::Endpoint(answer) = answer else { return Err(Error::new(Kind::Internal)) };
    answer.map_err(|refused| match refused {
        Refused::Unknown => Error::new(Kind::NotFound),
        Refused::TooMany => Error::new(Kind::TooManyWebhooks).about(ENDPOINTS_MAX.to_string()),
        // Names are random.
        Refused::Taken => Error::new(Kind::Internal),
    })
}

/// What is asked to be set.
fn patch(app: &App, row: &mut Row<'_>) -> Patch {
    let url = text(row, "url", URL_BYTES_MAX);
    if url.as_ref().is_some_and(|url| !app.hooks.admits(url)) {
        row.is_wrong("url", RowCode::BadUrl);
    }
    let unbounded = row.is_null("per_second");
    let per_second = ranged(row, "per_second", 1, PER_SECOND_MAX.into());
    let per_second = per_second.and_then(|n| u32::try_from(n).ok());
    let cleared = row.is_null("description").then(Box::default);
    Patch {
        url,
        description: text(row, "description", DESCRIPTION_BYTES_MAX).or(cleared),
        kinds: wanted(row),
        merchants: merchants(row),
        per_second: per_second.map(Some).or(unbounded.then_some(None)),
        concurrency: ranged(row, "concurrency", 1, CONCURRENCY_MAX.into())
            .and_then(|n| u16::try_from(n).ok()),
    }
}

/// A new endpoint's terms: an address, and what may be left out.
fn terms(row: &mut Row<'_>, patch: Patch) -> Option<Terms> {
    if patch.url.is_none() {
        row.missing("url");
    }
    Some(Terms {
        url: patch.url?,
        description: patch.description.unwrap_or_default(),
        kinds: patch.kinds.unwrap_or_else(|| vec![EVERYTHING.into()]),
        merchants: patch.merchants.unwrap_or_default(),
        per_second: patch.per_second.flatten(),
        concurrency: patch.concurrency.unwrap_or(CONCURRENCY),
    })
}

fn scheme(row: &mut Row<'_>) -> Option<Scheme> {
    let Some(text) = row.text("signing") else { return Some(Scheme::V1) };
    let scheme = Scheme::parse(&text);
    if scheme.is_none() {
        row.is_wrong("signing", RowCode::UnknownName);
    }
    scheme
}

/// Patterns of kinds, each of which names at least one.
fn wanted(row: &mut Row<'_>) -> Option<Vec<Box<str>>> {
    let patterns = row.texts("kinds")?;
    if patterns.is_empty() {
        row.missing("kinds");
    }
    if patterns.len() > KINDS_MAX {
        row.is_wrong("kinds", RowCode::TooMany);
    } else if !patterns.iter().all(|pattern| is_known(pattern)) {
        row.is_wrong("kinds", RowCode::UnknownName);
    }
    Some(patterns.into_iter().map(Into::into).collect())
}

fn is_known(pattern: &str) -> bool {
    Notice::ALL.iter().any(|(_, kind)| covers(pattern, kind))
}

fn merchants(row: &mut Row<'_>) -> Option<Vec<MerchantId>> {
    let cleared = row.is_null("merchant_ids");
    let Some(names) = row.texts("merchant_ids") else { return cleared.then(Vec::new) };
    if names.len() > MERCHANTS_MAX {
        row.is_wrong("merchant_ids", RowCode::TooMany);
        return None;
    }
    let merchants: Result<Vec<_>, _> = names.iter().map(|name| MerchantId::parse(name)).collect();
    if let Err(error) = &merchants {
        row.is_wrong("merchant_ids", RowCode::Known(rows::name_code(*error)));
    }
    merchants.ok()
}

/// A text of at most so many bytes.
fn text(row: &mut Row<'_>, field: &str, most: usize) -> Option<Box<str>> {
    let text = row.string(field)?;
    if text.len() > most {
        row.is_wrong(field, RowCode::TooLong(most));
    }
    Some(text.into())
}

/// A whole number from `least` to `most`.
fn ranged(row: &mut Row<'_>, field: &str, least: i64, most: i64) -> Option<i64> {
    let number = row.integer(field)?;
    if !(least..=most).contains(&number) {
        row.is_wrong(field, RowCode::Range(least, most));
    }
    Some(number)
}

/// A moment, RFC 3339.
fn moment(row: &mut Row<'_>, field: &str) -> Option<Timestamp> {
    let text = row.text(field)?;
    let at = text.parse::<jiff::Timestamp>().ok();
    if at.is_none() {
        row.is_wrong(field, RowCode::Known(Code::BadDate));
    }
    at.map(|at| Timestamp(at.as_microsecond()))
}

fn link(id: &EndpointId) -> String {
    format!("/v1/webhooks/{}", id.as_str())
}

/// Whether an endpoint is told, on the wire.
pub(crate) fn status(state: &Told) -> &'static str {
    match state {
        Told::Active => "active",
        Told::Disabled { .. } => "disabled",
        Told::Removed => "removed",
    }
}

fn show(endpoint: &Endpoint) -> Value {
    let Endpoint { id, terms, signing, state, since: _, created_at, changed_at } = endpoint;
    let disabled = match state {
        Told::Disabled { reason, at } => json!({"reason": reason, "at": time(*at)}),
        Told::Active | Told::Removed => Value::Null,
    };
    json!({
        "id": id.as_str(),
        "url": terms.url,
        "description": terms.description,
        "kinds": terms.kinds,
        "merchant_ids": terms.merchants.iter().map(MerchantId::as_str).collect::<Vec<_>>(),
        "per_second": terms.per_second,
        "concurrency": terms.concurrency,
        "signing": signing.scheme.as_str(),
        "secret_number": signing.key,
        "previous_secret_until": signing.previous_until.map(time),
        "status": status(state),
        "disabled": disabled,
        "created_at": time(*created_at),
        "changed_at": time(*changed_at),
        "links": {"self": link(id), "deliveries": format!("{}/deliveries", link(id))},
    })
}

fn with_secret(app: &App, endpoint: &Endpoint) -> Result<Value, Error> {
    let secret = app.hooks.secret(endpoint).ok_or_else(|| Error::new(Kind::Internal))?;
    let mut shown = show(endpoint);
    shown["secret"] = secret.into();
    Ok(shown)
}

fn attempt(attempt: &Attempt) -> Value {
    let Attempt { at, id, kind, order, number, status, took_us, error } = attempt;
    json!({
        "at": time(*at),
        "id": id,
        "kind": kind,
        "order_id": order.as_ref().map(|key| key.id.as_str()),
        "merchant_id": order.as_ref().map(|key| key.merchant.as_str()),
        "attempt": number,
        "delivered": error.is_none(),
        "status": status,
        "duration_ms": took_us / 1_000,
        "error": error,
    })
}
