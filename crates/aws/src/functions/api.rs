//! Answers HTTP: the API's own router, behind API Gateway's REST and HTTP APIs.
//!
//! The gateways hand over an address in pieces, and decoded where they please; it is put together
//! here, without the name of the stage. What the API offers on a machine and not here (what lasts
//! longer than an answer, or is another service on AWS) is refused by name, with the place to go
//! to instead.
//!
//! Never: an answer that pretends.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use connectors::archive::key::Layout;
use connectors::archive::{Archive, Document};
use connectors::mail;
use domain::notice::Notice;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Adapter, LambdaEvent, RequestExt, Service};
use messages::{Id, Lang, id};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode_byte, utf8_percent_encode};
use service::ledger::{Ledger, OrderView, Task, Unavailable};
use tower::ServiceExt;
use web::archived::{Archived, Original};
use web::error::{Error, Kind};
use web::{App, Keys, Message};

use super::work::blocking;
use crate::settings::{Access, Installation};

/// What may not stand in the path of an address as it is.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'?')
    .add(b'#');
/// Says that a body is text, whatever it is of: REST APIs decode nothing unless they are told to.
const AS_TEXT: &str = "x-lambda-http-content-encoding";

/// The API.
#[derive(Clone)]
pub struct Api {
    app: Arc<App>,
    router: Router,
}

/// What the API is made of.
pub struct Parts {
    /// Where orders are.
    pub ledger: Arc<dyn Ledger>,
    /// Who may call, where that is for us to say; nobody, with none.
    pub keys: Option<Keys>,
    /// Who keeps documents.
    pub archive: Archive,
}

impl Api {
    /// The API of an installation.
    #[must_use]
    pub fn new(parts: Parts, installation: &Installation, access: Access) -> Self {
        let documents = installation.documents.clone();
        // Nothing is spooled: what would be is refused below.
        let mut settings = web::Settings::new(documents, std::env::temp_dir());
        settings.currency = installation.currency.clone();
        settings.language = installation.language;
        settings.limits = installation.limits.clone();
        settings.version = env!("CARGO_PKG_VERSION");
        let mut app = App::new(parts.ledger.clone(), settings);
        app.keys = match access {
            Access::Gateway => None,
            Access::Keys => parts.keys.or_else(|| Keys::new(&[], &installation.limits).ok()),
        };
        app.archive = Arc::new(Links(parts.archive));
        app.previews = Arc::new(Previews { ledger: parts.ledger, settings: letters(installation) });
        let app = Arc::new(app);
        Self { router: web::router(app.clone()), app }
    }

    /// Answers one request.
    pub async fn answer(&self, request: lambda_http::Request) -> Response<Body> {
        let mut request = restored(request);
        let path = request.uri().path().to_owned();
        let mut response = match elsewhere(request.method(), &path, request.headers()) {
            Some(place) => {
                let lang = lang(request.headers()).unwrap_or(self.app.settings.language);
                Error::new(Kind::NotOffered).about(place).render(lang)
            }
            None => {
                if let Some(peer) = request.extensions_mut().remove::<IpAddr>() {
                    self.app.came_from(peer, request.extensions_mut());
                }
                let answer: Result<_, Infallible> = self.router.clone().oneshot(request).await;
                match answer {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        };
        // An instance may be frozen until its next request: sums of minutes that are over go now.
        self.app.settle_invalid().await;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("application/x-ndjson")) {
            response.headers_mut().insert(AS_TEXT, HeaderValue::from_static("text"));
        }
        response
    }

    /// As a service of Lambda's events.
    pub fn service(
        self,
    ) -> impl Service<
        LambdaEvent<LambdaRequest>,
        Response: serde::Serialize,
        Error = Infallible,
        Future: Send,
    > + Clone {
        let answer = move |request| {
            let api = self.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        };
        let adapter = Adapter::from(tower::service_fn(answer));
        tower::ServiceBuilder::new().map_request(mended).service(adapter)
    }
}

/// An event whose address can be put together: without the stage, escaped where it was decoded.
#[must_use]
pub fn mended(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    match &mut event.payload {
        LambdaRequest::ApiGatewayV1(request) => {
            request.path = request.path.as_deref().map(escaped);
        }
        LambdaRequest::ApiGatewayV2(request) => {
            let stage = request.request_context.stage.as_deref().unwrap_or("$default");
            let path = request.raw_path.as_deref().unwrap_or("/");
            let inner = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
            let inner = inner.filter(|path| path.starts_with('/'));
            request.raw_path = Some(escaped(&rejoined(inner.unwrap_or(path))));
        }
        // Other kinds of events are not subscribed to, and pass as they are.
        _ => {}
    }
    event
}

/// What is below one thing of a list: what stands between the list and it is a name.
const BELOW: [&str; 9] = [
    "adjustments",
    "cancel",
    "document",
    "fulfil",
    "message",
    "redrive",
    "results",
    "stop",
    "summary",
];

/// A path with the slashes of names escaped: HTTP APIs hand them over decoded.
fn rejoined(path: &str) -> String {
    let lists = ["/v1/orders/", "/orders/", "/v1/batches/", "/v1/stock/"];
    let list = lists.into_iter().find(|list| path.starts_with(list));
    let Some((list, rest)) = list.and_then(|list| Some((list, path.strip_prefix(list)?))) else {
        return path.to_owned();
    };
    let (name, below) = match rest.rsplit_once('/') {
        Some((name, below)) if BELOW.contains(&below) => (name, Some(below)),
        Some(_) | None => (rest, None),
    };
    let name = name.replace('/', "%2F");
    below.map_or_else(|| format!("{list}{name}"), |below| format!("{list}{name}/{below}"))
}

/// A path with everything escaped that may not stand in one. What is escaped already stays so: a
/// `%` that begins no escape is one that was decoded.
fn escaped(path: &str) -> String {
    let mut whole = String::with_capacity(path.len());
    let mut parts = path.split('%');
    if let Some(first) = parts.next() {
        whole.extend(utf8_percent_encode(first, ESCAPED));
    }
    for part in parts {
        let is_escape =
            part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        whole.push_str(if is_escape { "%" } else { percent_encode_byte(b'%') });
        whole.extend(utf8_percent_encode(part, ESCAPED));
    }
    whole
}

/// A request as it was sent: the path without its stage, and who sent it.
fn restored(request: lambda_http::Request) -> Request<Body> {
    let path = request.raw_http_path().to_owned();
    let peer = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        Some(_) | None => None,
    };
    let peer: Option<IpAddr> = peer.and_then(|text| text.parse().ok());
    let (parts, body) = request.into_parts();
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    let mut restored = Request::new(body);
    let address = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let address = address.parse::<PathAndQuery>().map(Uri::from).unwrap_or(parts.uri);
    (*restored.method_mut(), *restored.uri_mut()) = (parts.method, address);
    *restored.headers_mut() = parts.headers;
    if let Some(peer) = peer {
        restored.extensions_mut().insert(peer);
    }
    restored
}

/// Where to go for what is not offered here; `None` for what is.
fn elsewhere(method: &Method, path: &str, headers: &HeaderMap) -> Option<Id> {
    let accepts_events = || {
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/event-stream"))
    };
    let below = |parent: &str| {
        path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_write = method == Method::POST || method == Method::PUT;
    match path {
        "/v1/link-secrets" => Some(id!("not-offered-links")),
        "/v1/query" => Some(id!("not-offered-queries")),
        "/metrics" => Some(id!("not-offered-metrics")),
        "/v1/changes" if accepts_events() => Some(id!("not-offered-events")),
        "/v1/batches" if is_write => Some(id!("not-offered-batches")),
        _ if below("/v1/files") => Some(id!("not-offered-batches")),
        _ if below("/v1/batches") && (path.ends_with("/results") || path.ends_with("/summary")) => {
            Some(id!("not-offered-results"))
        }
        _ if below("/v1/batches") && is_write => Some(id!("not-offered-control")),
        _ if below("/v1/webhooks") => Some(id!("not-offered-webhooks")),
        _ if below("/v1/followers") => Some(id!("not-offered-followers")),
        _ => None,
    }
}

fn lang(headers: &HeaderMap) -> Option<Lang> {
    let wanted = headers.get(axum::http::header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    Lang::from_accept_language(wanted)
}

/// Links to documents: the bucket's own, to what is there.
struct Links(Archive);

impl Archived for Links {
    fn link<'a>(&'a self, of: Original<'a>, lasts: Duration) -> Task<'a, Option<String>> {
        Box::pin(async move {
            let Original { order, revision, at, document, .. } = of;
            let document = Document { order, revision, at, layout: Layout::of(document) };
            match self.0.holds(document).await {
                Ok(true) => self.0.link(document, lasts).await.map(String::from),
                Ok(false) => None,
                Err(error) => {
                    tracing::warn!(%error, "the archive does not answer");
                    None
                }
            }
        })
    }
}

/// Messages as topics' readers get them, and as customers would.
struct Previews {
    ledger: Arc<dyn Ledger>,
    settings: mail::Settings,
}

/// How messages are written.
pub(crate) fn customs(installation: &Installation) -> mail::Customs {
    mail::Customs {
        currency: installation.currency.clone(),
        exponent: installation.documents.currency_exponent,
        time_zone: installation.documents.time_zone.clone(),
    }
}

fn letters(installation: &Installation) -> mail::Settings {
    mail::Settings {
        from: "comanda@localhost.invalid".parse().expect("an address"),
        reply_to: None,
        language: installation.language,
        customs: customs(installation),
        documents: installation.documents.clone(),
        terms: service::follow::Terms::default(),
    }
}

impl web::Previews for Previews {
    fn of_order(
        &self,
        order: &OrderView,
        notice: Notice,
        reader: web::Reader,
        language: Option<Lang>,
    ) -> Result<Option<Message>, Unavailable> {
        let reader = match reader {
            web::Reader::Customer => mail::Reader::Customer,
            web::Reader::Staff => mail::Reader::Staff,
        };
        let shown = blocking(|| {
            mail::preview(&*self.ledger, &self.settings, notice, order, reader, language)
        })?;
        Ok(Some(Message {
            to: shown.to.as_ref().map(ToString::to_string),
            language: shown.lang,
            subject: shown.page.subject.clone(),
            text: shown.text(),
            html: shown.html(),
        }))
    }
}
