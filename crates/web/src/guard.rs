//! What every request passes: the key, the allowance, the time limit, panics, counting, and the
//! reader's language.
//!
//! One layer for all routes; the order route calls the same functions without it (see
//! [`crate::serve`]).

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, Response, Uri};
use axum::middleware::Next;
use axum::response::IntoResponse;
use service::wire::message::Lang;

use crate::App;
use crate::asked::Asked;
use crate::clients::{self, Allowance};
use crate::error::{Error, Kind};
use crate::keys::Scope;
use crate::links::{Bad, is_link};
use crate::metrics::Route;

/// The allowance of the connection a request came over.
#[derive(Clone)]
pub(crate) struct Client(pub(crate) Allowance);

/// Where a request came from.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The layer of all routes.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let lang = lang(&app, request.headers());
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Spoken(lang));
    let path = parts.extensions.get::<MatchedPath>().cloned();
    let path = path.as_ref().map(MatchedPath::as_str);
    let route = Route::of(path);
    let asked = Asked::new(&app, route, &parts.method, &parts.headers, &mut parts.extensions);
    let request = Request::from_parts(parts, body);
    let streamed = match path {
        Some("/v1/batches") => request.method() == Method::POST,
        // A statement has a time limit of its own.
        Some("/v1/query") => true,
        Some("/v1/files/{name}") => request.method() == Method::PUT,
        Some(_) | None => false,
    };
    let client = request.extensions().get::<Client>().and_then(|client| client.0.clone());
    let admitted = match scope(request.method(), path) {
        Some(Scope::Read) if leads_to_document(path) && is_link(request.uri().query()) => {
            follow(&app, request.uri(), client.as_deref())
        }
        Some(scope) => admit(&app, request.headers(), scope, client.as_deref()),
        None => Ok(()),
    };
    let response = match admitted {
        Ok(()) if streamed => caught(next.run(request)).await,
        Ok(()) => within(&app, caught(next.run(request))).await.and_then(|answer| answer),
        Err(error) => Err(error),
    };
    let mut response = response.unwrap_or_else(IntoResponse::into_response);
    if let Some(error) = response.extensions_mut().remove::<Error>() {
        let mut rendered = error.render(lang);
        // What the router said beside it stays: `allow` of a 405.
        rendered.headers_mut().extend(std::mem::take(response.headers_mut()));
        response = rendered;
    }
    asked.answered(&app, &mut response);
    response
}

/// The reader's language, for handlers.
#[derive(Clone, Copy)]
pub(crate) struct Spoken(pub(crate) Lang);

/// What a request needs; `None` for addresses that are open to everybody.
pub(crate) fn scope(method: &Method, path: Option<&str>) -> Option<Scope> {
    match path {
        Some("/health" | "/ready" | "/" | "/openapi.json" | "/asyncapi.json") | None => None,
        Some("/docs" | "/docs/" | "/docs/{*rest}") => None,
        // An address to tell may hold a token, and says who is told what.
        Some(path) if path.starts_with("/v1/webhooks") => Some(Scope::Admin),
        _ if method == Method::GET || method == Method::HEAD => Some(Scope::Read),
        // They change nothing.
        Some("/v1/quotes" | "/v1/pricing-rules/test" | "/v1/query") => Some(Scope::Read),
        Some("/v1/pricing-rules" | "/v1/link-secrets" | "/v1/followers/{name}/enable") => {
            Some(Scope::Admin)
        }
        _ => Some(Scope::Write),
    }
}

/// Whether links lead there.
fn leads_to_document(path: Option<&str>) -> bool {
    matches!(path, Some("/v1/orders/{id}/document" | "/v1/audits/{sequence}/document"))
}

/// Lets in whoever has a link that counts: that is its purpose, a key is not asked for.
fn follow(
    app: &App,
    uri: &Uri,
    client: Option<&governor::DefaultDirectRateLimiter>,
) -> Result<(), Error> {
    count(client)?;
    let address = uri.path_and_query().map_or("", PathAndQuery::as_str);
    app.links.check(address, (app.clock)()).map_err(|bad| match bad {
        Bad::Unknown => Error::new(Kind::LinkUnknown),
        Bad::Expired => Error::new(Kind::LinkExpired),
    })
}

/// Lets a request in, and counts it.
pub(crate) fn admit(
    app: &App,
    headers: &HeaderMap,
    scope: Scope,
    client: Option<&governor::DefaultDirectRateLimiter>,
) -> Result<(), Error> {
    let allowance = match &app.keys {
        None => client,
        Some(keys) => {
            let Some(key) = token(headers).and_then(|token| keys.find(token)) else {
                // Guessing keys uses up an address's allowance.
                count(client)?;
                return Err(Error::new(Kind::Unauthorized));
            };
            if key.scope < scope {
                return Err(Error::new(Kind::Forbidden).about(scope.as_str()));
            }
            key.allowance.as_ref()
        }
    };
    count(allowance)
}

fn count(allowance: Option<&governor::DefaultDirectRateLimiter>) -> Result<(), Error> {
    let wait = |wait| Error::new(Kind::TooManyRequests).retry_after(wait);
    clients::count(allowance).map_err(wait)
}

/// Who calls: the public part of the API key, where keys are in use.
pub(crate) fn credential<'a>(app: &App, headers: &'a HeaderMap) -> &'a str {
    let key = app.keys.as_ref().and_then(|_| token(headers)?.strip_prefix("ck_")?.split_once('_'));
    key.map_or("", |(id, _)| id)
}

pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    headers.get("x-api-key")?.to_str().ok()
}

/// The language a request asks for.
pub(crate) fn lang(app: &App, headers: &HeaderMap) -> Lang {
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    wanted.and_then(Lang::from_accept_language).unwrap_or(app.settings.language)
}

/// Waits for an answer as long as a request may take.
pub(crate) async fn within<T>(app: &App, answer: impl Future<Output = T>) -> Result<T, Error> {
    let late = |_| Error::new(Kind::Timeout);
    tokio::time::timeout(app.settings.limits.request, answer).await.map_err(late)
}

/// An answer, or the error that a panic becomes: the connection and its neighbours go on.
pub(crate) async fn caught<T>(answer: impl Future<Output = T>) -> Result<T, Error> {
    let mut answer = pin!(answer);
    let result = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
        Err(_) => Poll::Ready(Err(())),
    });
    result.await.map_err(|()| {
        tracing::error!("a request panicked");
        Error::new(Kind::Internal)
    })
}
