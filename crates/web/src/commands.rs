//! Commands for an order that is there: `PATCH /v1/orders/{id}` amends it, `POST …/cancel` calls it
//! off, `POST …/fulfil` hands it over.
//!
//! A patch is merged into the current document and read like any other. It is applied to the
//! revision it was merged into only; when that has been overtaken meanwhile, it is merged again.
//!
//! Never: a decision whether a command may apply. That is the ledger's, and so is its record.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use bytes::Bytes;
use domain::command::{self, Verb};
use domain::id::{MerchantId, OrderId, OrderKey};
use domain::order::{Channel, Order};
use service::change::Stray;
use service::ledger::{Accepted, Amend, Answer, Cancel, Found, OrderView, Request};
use service::once::Key;
use service::wire::document::{self, Command, MissingId};
use service::wire::message::Lang;

use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind};
use crate::guard::{Peer, Spoken};
use crate::idempotency::{self, Shown};
use crate::metrics::Applied;
use crate::openapi::schema::{Cancellation, Name, OrderPatch, OrderRow};
use crate::order::{json_response, written};
use crate::orders::{blocking, row};
use crate::params::{Params, Segment};
use crate::place::{faults, unreadable};
use crate::rows::{self, Row};
use crate::stock::reason;

/// How often a patch is merged again because the order was amended meanwhile.
const MERGES_MAX: usize = 8;

/// Amends an order: merges a patch (RFC 7396) into its document.
///
/// The result is read, priced by the rules the order was first priced with, and allocated anew: a
/// new revision. What the order has and still wants it keeps; what is added stands at the end of
/// the queue. With `If-Match` only the revision named there is amended.
#[utoipa::path(
    patch, path = "/v1/orders/{id}", tag = "orders", operation_id = "amend_order",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
        ("If-Match" = Option<String>, Header, description = "The revision to amend, as `ETag` \
            gave it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Do it once, however often it \
            is sent"),
    ),
    request_body(content(
        (OrderPatch = "application/merge-patch+json"), (OrderPatch = "application/json"),
    )),
    responses(
        (status = 400, description = "`bad_idempotency_key` The key is none"),
        (status = 200, body = OrderRow, description = "The order as it is then",
            headers(("ETag" = String, description = "Its revision"))),
        (status = 409, description = "`wrong_state` Its state does not allow it · `would_reject` \
            The amended order would be rejected · `too_many_revisions` It has been amended as \
            often as it may be · `ambiguous_order` Several sellers have that id"),
        (status = 412, description = "`stale_revision` It has another revision"),
        (status = 422, description = "`other_order` The result names another order · \
            `unsupported_command` The result asks to cancel it · `idempotency_key_reused` The key \
            was used with other content"),
    ),
)]
pub(crate) async fn amend(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let patch = collect(sent, limits.order_bytes_max, limits.request).await?;
    let once = idempotency::key(&app, &parts, &patch)?;
    if let Some(before) = idempotency::before(&app, once.as_ref())? {
        return Ok(before);
    }
    let key = named(&app, &id, &parts.uri, Verb::Amend, Some(&patch)).await?;
    let wanted = Wanted::of(&parts.headers);
    let patched = Patched { app: &app, lang, parts: &parts, key, patch, wanted, once };
    let done = patched.apply().await;
    app.metrics.command(Verb::Amend, if done.is_ok() { Applied::Yes } else { Applied::Refused });
    done
}

/// A patch on its way into an order.
struct Patched<'a> {
    app: &'a Arc<App>,
    lang: Lang,
    parts: &'a Parts,
    key: OrderKey,
    patch: Bytes,
    wanted: Wanted,
    once: Option<Key>,
}

impl Patched<'_> {
    async fn apply(&self) -> Result<Response<Body>, Error> {
        let mut tried = 0;
        loop {
            tried += 1;
            let view = self.current().await?;
            let revision = view.state.revision;
            if !self.wanted.is(revision) {
                let stale = Error::new(Kind::StaleRevision).about(revision.to_string());
                return Err(stale.with("revision", revision));
            }
            let request = match self.request(&view) {
                Ok(request) => request,
                Err(Unread::Known(error)) => return Err(error),
                Err(Unread::New(fault, document)) => return self.unread(fault, document).await,
            };
            match self.execute(request).await {
                Err(error) if error.kind() == Kind::StaleRevision => {
                    if self.wanted != Wanted::Any || tried >= MERGES_MAX {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    async fn execute(&self, request: Request) -> Result<Response<Body>, Error> {
        let lang = self.lang;
        let show = move |app: &App, answer: &Answer| changed(app, lang, answer);
        let (response, _) = idempotency::execute(self.app, self.once, lang, request, show).await?;
        Ok(response)
    }

    /// The order as it is now.
    async fn current(&self) -> Result<Box<OrderView>, Error> {
        let key = self.key.clone();
        let found =
            blocking(self.app, move |app| Ok(app.ledger.order(&key.id, Some(&key.merchant))?));
        match found.await? {
            Found::Order(view) => Ok(view),
            Found::Ambiguous(_) | Found::Invalid(_) | Found::Nothing => {
                Err(Error::new(Kind::OrderNotFound))
            }
        }
    }

    /// The amendment that the patch makes of the current document.
    fn request(&self, view: &OrderView) -> Result<Request, Unread> {
        let merged = document::merge(&view.document, &self.patch);
        let merged = merged.map_err(|fault| Unread::New(fault.into(), self.patch.clone()))?;
        let most = self.app.settings.limits.order_bytes_max;
        if merged.len() > most {
            let error = Error::new(Kind::TooLarge).about(format!("{most} bytes"));
            return Err(Unread::Known(error));
        }
        let document = Bytes::from(merged);
        let mut settings = self.app.settings.documents.clone();
        let id = self.key.id.clone();
        settings.missing_id = MissingId::Make(Arc::new(move || id.clone()));
        let read = document::read(&document, &settings);
        let read = read.map_err(|fault| Unread::New(fault, document.clone()))?;
        let order: Order = match read.command {
            Command::Create(order) | Command::Amend(order) => order,
            Command::Cancel(_) => return Err(Unread::Known(Error::new(Kind::UnsupportedCommand))),
        };
        if order.key != self.key {
            return Err(Unread::Known(Error::new(Kind::OtherOrder)));
        }
        let (warnings, revision) = (faults(&read.warnings), Some(view.state.revision));
        Ok(Request::Amend(Box::new(Amend { order, document, warnings, batch: None, revision })))
    }

    /// Records what came of the patch, and says what is wrong with it.
    async fn unread(
        &self,
        fault: document::Fault,
        document: Bytes,
    ) -> Result<Response<Body>, Error> {
        let peer = self.parts.extensions.get::<Peer>().map(|peer| peer.0);
        let headers = &self.parts.headers;
        let (audit, error) = unreadable(self.app, headers, peer, fault, &document);
        let Some(mut audit) = audit else { return Err(error) };
        (audit.order, audit.merchant) =
            (Some(self.key.id.clone()), Some(self.key.merchant.clone()));
        let request = Request::Audit(audit);
        let show = move |_: &App, answer: &Answer| match answer {
            Answer::Recorded => Err(error.clone()),
            other => Err(unexpected(other)),
        };
        let (response, _) =
            idempotency::execute(self.app, self.once, self.lang, request, show).await?;
        Ok(response)
    }
}

/// Why a patch makes no amendment.
enum Unread {
    /// The result is no order: to be recorded.
    New(document::Fault, Bytes),
    /// It asks for what a patch cannot.
    Known(Error),
}

/// Which revision is to be amended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Whichever there is.
    Any,
    /// One of these.
    OneOf(Vec<u32>),
}

impl Wanted {
    /// What `If-Match` says. A tag that is none of ours is no revision's.
    fn of(headers: &HeaderMap) -> Self {
        let values: Vec<&str> =
            headers.get_all(IF_MATCH).iter().map(|value| value.to_str().unwrap_or("")).collect();
        if values.is_empty() || values.iter().any(|value| value.trim() == "*") {
            return Self::Any;
        }
        let tags = values.iter().flat_map(|value| value.split(','));
        let revision =
            |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse::<u32>().ok();
        Self::OneOf(tags.filter_map(revision).collect())
    }

    fn is(&self, revision: u32) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}

/// Cancels an order: what it held is free again, and it waits for nothing.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "orders", operation_id = "cancel_order",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Do it once, however often it \
            is sent"),
    ),
    request_body = Option<Cancellation>,
    responses(
        (status = 400, description = "`bad_idempotency_key` The key is none"),
        (status = 200, body = OrderRow, description = "The order as it is then",
            headers(("ETag" = String, description = "Its revision"))),
        (status = 409, description = "`wrong_state` Its state is final · `ambiguous_order` \
            Several sellers have that id"),
        (status = 422, description = "`idempotency_key_reused` The key was used with other \
            content"),
    ),
)]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    let limits = &app.settings.limits;
    let sent = collect(sent, limits.order_bytes_max, limits.request).await?;
    let reason = why(&app, &parts.headers, &sent)?;
    let request = |order| {
        let channel = Channel::Api;
        let command = command::Cancel { order, reason, channel, batch: None };
        Request::Cancel(Box::new(Cancel { command, document: None }))
    };
    change(&app, lang, Verb::Cancel, &id, &parts, &sent, request).await
}

/// Why an order is cancelled, when that is said.
fn why(app: &App, headers: &HeaderMap, sent: &Bytes) -> Result<Option<Box<str>>, Error> {
    if sent.is_empty() {
        return Ok(None);
    }
    if body::media(headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let mut rows = rows::read(app, sent, Media::Json, |row: &mut Row<'_>| Some(reason(row)))?;
    match (rows.pop(), rows.is_empty()) {
        (Some(reason), true) => Ok(Some(reason).filter(|reason| !reason.is_empty())),
        _ => Err(Error::new(Kind::Malformed).about(messages::id!("malformed-object"))),
    }
}

/// Notes that an order's goods were handed over; answers the order as it is then.
#[utoipa::path(
    post, path = "/v1/orders/{id}/fulfil", tag = "orders", operation_id = "fulfil_order",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Do it once, however often it \
            is sent"),
    ),
    responses(
        (status = 400, description = "`bad_idempotency_key` The key is none"),
        (status = 200, body = OrderRow, description = "The order as it is then",
            headers(("ETag" = String, description = "Its revision"))),
        (status = 409, description = "`wrong_state` It is not completed · `ambiguous_order` \
            Several sellers have that id"),
        (status = 422, description = "`idempotency_key_reused` The key was used with other \
            content"),
    ),
)]
pub(crate) async fn fulfil(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, _) = request.into_parts();
    change(&app, lang, Verb::Fulfil, &id, &parts, b"", Request::Fulfil).await
}

/// Asks the external steps of a failed order anew, from the first; answers the order as it is then.
#[utoipa::path(
    post, path = "/v1/orders/{id}/redrive", tag = "orders", operation_id = "redrive_order",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Do it once, however often it \
            is sent"),
    ),
    responses(
        (status = 400, description = "`bad_idempotency_key` The key is none"),
        (status = 200, body = OrderRow, description = "The order as it is then",
            headers(("ETag" = String, description = "Its revision"))),
        (status = 409, description = "`wrong_state` It has not failed · `ambiguous_order` \
            Several sellers have that id"),
        (status = 422, description = "`idempotency_key_reused` The key was used with other \
            content"),
    ),
)]
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, _) = request.into_parts();
    change(&app, lang, Verb::Redrive, &id, &parts, b"", Request::Redrive).await
}

/// Does what changes one order, once if it has a key.
async fn change(
    app: &Arc<App>,
    lang: Lang,
    verb: Verb,
    id: &str,
    parts: &Parts,
    sent: &[u8],
    request: impl FnOnce(OrderKey) -> Request,
) -> Result<Response<Body>, Error> {
    let once = idempotency::key(app, parts, sent)?;
    let key = named(app, id, &parts.uri, verb, None).await?;
    let show = move |app: &App, answer: &Answer| changed(app, lang, answer);
    let done = idempotency::execute(app, once, lang, request(key), show).await;
    let applied = matches!(&done, Ok((response, _)) if response.status().is_success());
    app.metrics.command(verb, if applied { Applied::Yes } else { Applied::Refused });
    done.map(|(response, _)| response)
}

/// The order after a command, as it is listed.
fn changed(app: &App, lang: Lang, answer: &Answer) -> Shown {
    match answer {
        Answer::Accepted(Accepted { seq, state, .. }) => {
            let shown = written(&row(app, *seq, state, lang))?;
            let mut response = json_response(StatusCode::OK, shown);
            response.headers_mut().insert(ETAG, etag(state.revision));
            Ok(response)
        }
        Answer::Refused(domain::event::Refusal::UnknownOrder) => {
            Err(Error::new(Kind::OrderNotFound))
        }
        Answer::Refused(refusal) => Err(refusal.clone().into()),
        Answer::Invalid(faults) => Err(faults.clone().into()),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: &Answer) -> Error {
    tracing::error!(?answer, "a command was answered with something else");
    Error::new(Kind::Internal)
}

/// A revision as a tag.
pub(crate) fn etag(revision: u32) -> HeaderValue {
    let tag = HeaderValue::try_from(format!("\"{revision}\""));
    tag.expect("digits in quotes are visible ASCII")
}

/// The one order that an id, and perhaps a seller, names. A command for one that is not there is
/// recorded.
async fn named(
    app: &Arc<App>,
    id: &str,
    uri: &Uri,
    verb: Verb,
    document: Option<&Bytes>,
) -> Result<OrderKey, Error> {
    let params = Params::read(uri, &["merchant_id"])?;
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    let Ok(id) = OrderId::parse(id) else { return Err(Error::new(Kind::OrderNotFound)) };
    let (asked, of) = (id.clone(), merchant.clone());
    let found = blocking(app, move |app| Ok(app.ledger.order(&asked, of.as_ref())?)).await?;
    match found {
        Found::Order(view) => Ok(view.state.key),
        Found::Ambiguous(merchants) => {
            let merchants: Vec<&str> = merchants.iter().map(MerchantId::as_str).collect();
            Err(Error::new(Kind::Ambiguous).with("merchants", merchants))
        }
        Found::Invalid(_) | Found::Nothing => {
            let merchant =
                merchant.unwrap_or_else(|| app.settings.documents.default_merchant.clone());
            let (key, document) = (OrderKey { id, merchant }, document.cloned());
            let stray = Stray { key, verb, channel: Channel::Api, batch: None, document };
            app.ledger.execute(vec![Request::Stray(Box::new(stray))]).await?;
            app.metrics.command(verb, Applied::Refused);
            Err(Error::new(Kind::OrderNotFound))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_revisions() {
        let wanted = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.append(IF_MATCH, HeaderValue::from_str(value).unwrap());
            Wanted::of(&headers)
        };
        assert_eq!(Wanted::of(&HeaderMap::new()), Wanted::Any);
        assert_eq!(wanted("*"), Wanted::Any);
        assert_eq!(wanted("\"3\""), Wanted::OneOf(vec![3]));
        assert_eq!(wanted("\"3\", \"12\""), Wanted::OneOf(vec![3, 12]));
        for none in ["3", "W/\"3\"", "\"x\"", "", "\"-1\""] {
            assert_eq!(wanted(none), Wanted::OneOf(Vec::new()), "{none}");
        }
    }
}
