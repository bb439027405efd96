//! A server without a socket, and answers as data.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::{Method, Request};
use domain::facts::Policy;
use domain::id::{MerchantId, OrderId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial;
use service::wire::document::{self, MissingId};
use tower::ServiceExt;
use web::{App, Links, Settings};

use crate::contract;

/// The first moment of every test: 2026-01-02T03:04:05Z; each commit is a second later.
const BEGIN: i64 = 1_767_323_045_000_000;

/// A server under test.
pub(crate) struct Api {
    router: axum::Router,
    pub(crate) app: Arc<App>,
    _spool: tempfile::TempDir,
}

/// What is asked.
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path, "")
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::POST, path, body)
    }

    pub(crate) fn put(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::PUT, path, body)
    }

    pub(crate) fn patch(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::PATCH, path, body)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path, "")
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

const HEADERS: [&str; 12] = [
    "content-type",
    "location",
    "retry-after",
    "allow",
    "www-authenticate",
    "content-language",
    "comanda-as-of",
    "comanda-next-cursor",
    "content-disposition",
    "content-security-policy",
    "etag",
    "idempotency-replayed",
];

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut App)) -> Self {
        let spool = tempfile::tempdir().unwrap();
        let mut app = App::new(Arc::new(ledger()), settings(&spool));
        app.clock = Arc::new(|| Timestamp(BEGIN));
        app.links = Links::of([7; 32]);
        change(&mut app);
        let app = Arc::new(app);
        Self { router: web::router(app.clone()), app, _spool: spool }
    }

    pub(crate) fn spool_dir(&self) -> &std::path::Path {
        self._spool.path()
    }

    /// The whole answer: status, headers that matter, body.
    pub(crate) async fn ask(&self, ask: Ask) -> Value {
        let mut request = Request::builder().method(ask.method).uri(&ask.path);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(ask.body)).unwrap();
        let name = format!("{} {}", request.method(), request.uri());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let mut answer = json!({"status": response.status().as_u16()});
        for name in HEADERS {
            if let Some(value) = response.headers().get(name) {
                answer[name] = value.to_str().unwrap().into();
            }
        }
        let is_packed = response.headers().get("content-encoding").is_some_and(|e| e == "gzip");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text =
            if is_packed { unpacked(&body) } else { String::from_utf8(body.into()).unwrap() };
        contract::holds(&name, &method, &path, &answer, &text);
        answer["body"] = serde_json::from_str(&text).unwrap_or_else(|_| {
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into()))
                .collect();
            lines.into()
        });
        answer
    }

    /// An answer whose body may not end.
    pub(crate) async fn send(&self, request: Request<Body>) -> axum::http::Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The body of an answer, digit for digit.
    pub(crate) async fn text(&self, path: &str) -> String {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.into()).unwrap()
    }

    /// Every header of an answer.
    pub(crate) async fn headers(&self, ask: Ask) -> axum::http::HeaderMap {
        let request = Request::builder().method(ask.method).uri(&ask.path);
        let request = request.body(Body::from(ask.body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap().headers().clone()
    }

    /// Everything asked, with its answers, in order.
    pub(crate) async fn story(&self, asks: Vec<Ask>) -> Vec<Value> {
        let mut story = Vec::new();
        for ask in asks {
            let name = format!("{} {}", ask.method, ask.path);
            let answer = self.ask(ask).await;
            story.push(json!({"ask": name, "answer": answer}));
        }
        story
    }
}

fn unpacked(body: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

fn ledger() -> MemoryLedger {
    let ticks = AtomicI64::new(0);
    let clock = move || Timestamp(BEGIN + ticks.fetch_add(1, Ordering::Relaxed) / 2 * 1_000_000);
    let settings =
        serial::Settings { policy: Policy::default(), exponent: 2, ..serial::Settings::default() };
    MemoryLedger::open(MemoryLog::default(), settings, Arc::new(clock)).unwrap()
}

fn settings(spool: &tempfile::TempDir) -> Settings {
    let documents = document::Settings::new(MerchantId::parse("shop").unwrap());
    let mut settings = Settings::new(documents, spool.path().to_owned());
    let made = || OrderId::parse("0190c0de-0000-7000-8000-000000000001").unwrap();
    settings.documents.missing_id = MissingId::Make(Arc::new(made));
    settings.version = "1.2.3";
    settings
}

/// A small order of two lines.
pub(crate) fn order(id: &str) -> String {
    json!({
        "order_id": id,
        "customerId": "c-1",
        "items": [
            {"sku": "PEN", "quantity": 3, "unit_price": "1.50"},
            {"sku": "INK", "quantity": 1, "unit_price": 20},
        ],
        "shipping": {"method": "post", "cost": "7.005"},
        "gift": {"wrap": true},
    })
    .to_string()
}
