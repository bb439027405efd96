//! The only place an error becomes a status: problem details (RFC 9457) in the reader's language.
//!
//! Never: a value of a document, a path, or a cause. Those go to the log.

mod texts;

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, VARY};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use domain::event::Refusal;
use domain::limits::REVISIONS_MAX;
use domain::state::Status;
use messages::{Arg, Phrase, label};
use serde_json::{Map, Value, json};
use service::change::Fault;
use service::ledger::Unavailable;
use service::wire::document;
use service::wire::message::{self, Lang, batch_state, order_label, order_state};
use service::wire::rules::RuleViolation;
use service::wire::violation::{self, Code, Severity};
use strum::VariantArray;

use crate::batches::BatchError;
use crate::links::LinksError;

/// What kinds of no there are over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, VariantArray)]
pub enum Kind {
    /// The bytes are no document.
    Malformed,
    /// The document breaks rules.
    Invalid,
    /// A parameter of the address is wrong.
    BadParameter,
    /// The filters do not go together.
    UnsupportedFilters,
    /// No key, or none that counts.
    Unauthorized,
    /// The key does not allow it.
    Forbidden,
    /// A link that was not given out.
    LinkUnknown,
    /// A link whose time is over.
    LinkExpired,
    /// No such address.
    NoRoute,
    /// Nothing of that name.
    NotFound,
    /// No order of that id.
    OrderNotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// The body did not come in time.
    BodyTimeout,
    /// The body broke off.
    BodyBroken,
    /// The seller has an order with that id.
    Duplicate,
    /// Several sellers have an order with that id.
    Ambiguous,
    /// The state does not allow it.
    WrongState,
    /// The amended order would be rejected.
    WouldReject,
    /// The order has another revision than the request was made for.
    StaleRevision,
    /// The order has as many revisions as one may have.
    TooManyRevisions,
    /// The amended document names another order.
    OtherOrder,
    /// No idempotency key.
    BadIdempotencyKey,
    /// The idempotency key was used with other content.
    IdempotencyKeyReused,
    /// Less would be left than is promised.
    BelowReserved,
    /// Stock outside its range.
    StockOutOfRange,
    /// More reservations would have to be taken back than one request may touch.
    TooManyReleases,
    /// Too many secrets still have links that count.
    TooManySecrets,
    /// There are as many webhook endpoints as there may be.
    TooManyWebhooks,
    /// The batch id was used for other content.
    BatchConflict,
    /// The dead letter has ended.
    AlreadySettled,
    /// Letters of its kind are not sent again.
    NotRedrivable,
    /// The document of a dead letter is not kept, or no longer.
    PayloadGone,
    /// What is sent again takes no document.
    PayloadNotTaken,
    /// Many dead letters are being ended already.
    RedriveRunning,
    /// The body is too large.
    TooLarge,
    /// Not a media type that is read here.
    UnsupportedMediaType,
    /// Amend or cancel, which cannot be quoted.
    NotQuotable,
    /// The amended document asks to cancel the order.
    UnsupportedCommand,
    /// The client's allowance is used up.
    TooManyRequests,
    /// The disk filled up while the body was written.
    SpoolFull,
    /// The queue is full.
    Full,
    /// Too little disk space is left.
    DiskSpace,
    /// Too many batches run.
    Busy,
    /// No statement in SQL that can be answered.
    BadStatement,
    /// A statement that does more than read.
    OnlyReading,
    /// A statement that takes more than it may.
    StatementLimit,
    /// As many statements run as may.
    StatementsBusy,
    /// There is no lake to ask, or it cannot be read.
    NoLake,
    /// The commit failed: nobody knows.
    OutcomeUnknown,
    /// It took too long: nobody knows.
    Timeout,
    /// Shutting down.
    Closed,
    /// Not where this runs.
    NotOffered,
    /// A fault of ours.
    Internal,
}

/// Why a request is not answered as it hoped.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    /// Boxed, so that what may fail stays small where it does not.
    more: Box<More>,
}

/// What an error says beyond its kind.
#[derive(Clone, Debug, Default)]
struct More {
    /// Fills the place left for it in the kind's text.
    about: Option<Arg>,
    violations: Vec<Wrong>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    /// Where a document stops being one; says it better than the kind does.
    malformed: Option<document::Malformed>,
}

/// One thing wrong with what was sent.
#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    /// With an order document.
    Document(violation::Violation),
    /// With an order document that was read earlier.
    Stored(Fault),
    /// With pricing rules.
    Rule(RuleViolation),
    /// With a row of products, stock or customers; the line is counted from 1.
    Row { line: usize, pointer: String, code: RowCode },
}

/// What can be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowCode {
    /// One of an order's rules, which means the same here.
    Known(Code),
    /// Not a JSON object.
    Malformed,
    /// A field that does not exist here.
    UnknownField,
    /// Of two fields exactly one is needed.
    OneOf,
    /// Too many tags.
    TooMany,
    /// Not a whole number.
    NotWhole,
    /// Not a list of texts.
    NotTexts,
    /// Not from the one to the other.
    Range(i64, i64),
    /// Not an address that may be called.
    BadUrl,
    /// The name of nothing there is.
    UnknownName,
    /// More than so many bytes.
    TooLong(usize),
}

impl Error {
    /// A no of that kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let retry_after = texts::of(kind).retry_after_s.map(Duration::from_secs);
        Self { kind, more: Box::new(More { retry_after, ..More::default() }) }
    }

    /// What the text says beyond its kind: a name of ours, a limit, never a value of a document.
    #[must_use]
    pub fn about(mut self, about: impl Into<Arg>) -> Self {
        self.more.about = Some(about.into());
        self
    }

    /// A member of the problem of its own.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.more.retry_after = Some(wait);
        self
    }

    pub(crate) fn invalid(violations: Vec<Wrong>) -> Self {
        let mut error = Self::new(Kind::Invalid);
        error.more.violations = violations;
        error
    }

    pub(crate) fn documents(violations: Vec<violation::Violation>) -> Self {
        Self::invalid(violations.into_iter().map(Wrong::Document).collect())
    }

    /// A wrong parameter of the address.
    pub(crate) fn parameter(name: &str) -> Self {
        Self::new(Kind::BadParameter).about(name).with("parameter", name)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The error of one row among many, whose neighbours are unharmed.
    pub(crate) fn row(&self, key: &domain::id::StockKey) -> Value {
        let mut row = self.more.members.clone();
        row.insert("merchant_id".into(), key.merchant.as_str().into());
        row.insert("sku".into(), key.sku.as_str().into());
        row.insert("code".into(), texts::of(self.kind).code.into());
        Value::Object(row)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind {
            Kind::Malformed
            | Kind::Invalid
            | Kind::BadParameter
            | Kind::BadIdempotencyKey
            | Kind::UnsupportedFilters
            | Kind::BadStatement
            | Kind::OnlyReading
            | Kind::BodyBroken => StatusCode::BAD_REQUEST,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden | Kind::LinkUnknown | Kind::LinkExpired => StatusCode::FORBIDDEN,
            Kind::NoRoute | Kind::NotFound | Kind::OrderNotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Kind::Duplicate
            | Kind::Ambiguous
            | Kind::WrongState
            | Kind::WouldReject
            | Kind::TooManyRevisions
            | Kind::BelowReserved
            | Kind::StockOutOfRange
            | Kind::TooManyReleases
            | Kind::TooManySecrets
            | Kind::TooManyWebhooks
            | Kind::AlreadySettled
            | Kind::NotRedrivable
            | Kind::PayloadGone
            | Kind::RedriveRunning
            | Kind::BatchConflict => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::StaleRevision => StatusCode::PRECONDITION_FAILED,
            Kind::UnsupportedCommand
            | Kind::OtherOrder
            | Kind::PayloadNotTaken
            | Kind::IdempotencyKeyReused
            | Kind::StatementLimit
            | Kind::NotQuotable => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Kind::SpoolFull => StatusCode::INSUFFICIENT_STORAGE,
            Kind::Full
            | Kind::DiskSpace
            | Kind::Busy
            | Kind::StatementsBusy
            | Kind::NoLake
            | Kind::OutcomeUnknown
            | Kind::Timeout
            | Kind::Closed => StatusCode::SERVICE_UNAVAILABLE,
            Kind::NotOffered => StatusCode::NOT_IMPLEMENTED,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What older systems' `message` says: what is wrong with the document, where that is told.
    fn said(&self, problem: &Map<String, Value>) -> Option<String> {
        let violations = problem.get("violations")?.as_array()?.iter();
        let errors = violations.filter(|violation| violation["severity"] == "error");
        let said: Vec<&str> =
            errors.filter_map(|violation| violation["message"].as_str()).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    /// The answer, in the reader's language.
    #[must_use]
    pub fn render(&self, lang: Lang) -> Response<Body> {
        let (status, text) = (self.status(), texts::of(self.kind));
        let mut problem = Map::new();
        problem.insert("type".into(), format!("urn:comanda:problem:{}", text.code).into());
        problem.insert("title".into(), label(text.title, lang).into());
        problem.insert("status".into(), status.as_u16().into());
        let detail = match &self.more.malformed {
            Some(fault) => message::malformed(fault, lang),
            None => {
                let about = self.more.about.clone().unwrap_or_else(|| "".into());
                Phrase::new(text.detail).with("about", about).to(lang)
            }
        };
        problem.insert("detail".into(), detail.clone().into());
        problem.insert("code".into(), text.code.into());
        if !self.more.violations.is_empty() {
            let violations = self.more.violations.iter().map(|wrong| wrong.json(lang));
            problem.insert("violations".into(), violations.collect());
        }
        problem.extend(self.more.members.clone());
        let said = self.said(&problem).unwrap_or(detail);
        if let Some(message @ Value::Null) = problem.get_mut("message") {
            *message = said.into();
        }
        if let Some(Value::Object(order)) = problem.get_mut("order")
            && let Some(status) =
                order.get("status").and_then(Value::as_str).and_then(Status::parse)
        {
            order.insert("status_label".into(), order_label(status, lang).into());
        }
        let mut response = Response::new(Body::from(Value::Object(problem).to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(VARY, HeaderValue::from_static("accept-language"));
        headers
            .insert(axum::http::header::CONTENT_LANGUAGE, HeaderValue::from_static(lang.as_str()));
        if let Some(wait) = self.more.retry_after {
            let seconds = wait.as_millis().div_ceil(1_000).max(1) as u64;
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthorized {
            let challenge = HeaderValue::from_static("Bearer realm=\"comanda\"");
            headers.insert(axum::http::header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A kind's code, and its title in English.
pub(crate) fn name(kind: Kind) -> (&'static str, &'static str) {
    let text = texts::of(kind);
    (text.code, label(text.title, Lang::En))
}

/// Every code a problem may have.
pub(crate) fn codes() -> Vec<&'static str> {
    let mut codes: Vec<_> = Kind::VARIANTS.iter().map(|kind| texts::of(*kind).code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

impl Wrong {
    fn json(&self, lang: Lang) -> Value {
        match self {
            Self::Document(wrong) => violation(wrong, lang),
            Self::Stored(fault) => stored(fault, Severity::Error, lang),
            Self::Rule(violation) => json!({
                "pointer": violation.pointer,
                "code": violation.code,
                "severity": "error",
                "message": violation.message.to(lang),
            }),
            Self::Row { line, pointer, code } => json!({
                "line": line,
                "pointer": pointer,
                "code": code.as_str(),
                "severity": "error",
                "message": code.message(pointer, lang),
            }),
        }
    }
}

impl RowCode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Known(code) => code.as_str(),
            Self::Malformed => "malformed",
            Self::UnknownField => "unknown_field",
            Self::OneOf => "one_of",
            Self::TooMany => "too_many",
            Self::NotWhole => "not_whole",
            Self::NotTexts => Code::WrongType.as_str(),
            Self::TooLong(_) => Code::TooLong.as_str(),
            Self::Range(..) => "out_of_range",
            Self::BadUrl => "bad_url",
            Self::UnknownName => "unknown_name",
        }
    }

    fn message(self, pointer: &str, lang: Lang) -> String {
        let field = pointer.rsplit('/').next().unwrap_or_default();
        match texts::of_row(self) {
            texts::RowText::Own(id) => {
                let phrase = Phrase::new(id).with("field", field);
                let Self::Range(least, most) = self else { return phrase.to(lang) };
                phrase.with("least", least.to_string()).with("most", most.to_string()).to(lang)
            }
            texts::RowText::Documents(code, detail) => {
                let pointer = pointer.to_owned().into();
                let severity = Severity::Error;
                message::text(&violation::Violation { pointer, code, severity, detail }, lang)
            }
        }
    }
}

/// A violation of an order document.
pub(crate) fn violation(violation: &violation::Violation, lang: Lang) -> Value {
    json!({
        "pointer": violation.pointer,
        "code": violation.code.as_str(),
        "severity": violation.severity.as_str(),
        "message": message::text(violation, lang),
    })
}

/// A violation that the ledger kept.
pub(crate) fn stored(fault: &Fault, severity: Severity, lang: Lang) -> Value {
    json!({
        "pointer": fault.pointer,
        "code": fault.code,
        "severity": severity.as_str(),
        "message": message::stored(fault, lang),
    })
}

impl From<document::Malformed> for Error {
    fn from(fault: document::Malformed) -> Self {
        let mut error = Self::new(Kind::Malformed);
        error.more.malformed = Some(fault);
        error
    }
}

impl From<Vec<RuleViolation>> for Error {
    fn from(violations: Vec<RuleViolation>) -> Self {
        Self::invalid(violations.into_iter().map(Wrong::Rule).collect())
    }
}

impl From<Vec<Fault>> for Error {
    fn from(faults: Vec<Fault>) -> Self {
        Self::invalid(faults.into_iter().map(Wrong::Stored).collect())
    }
}

impl From<Unavailable> for Error {
    fn from(unavailable: Unavailable) -> Self {
        let kind = match &unavailable {
            Unavailable::Full => Kind::Full,
            Unavailable::DiskSpace => Kind::DiskSpace,
            Unavailable::OutcomeUnknown => Kind::OutcomeUnknown,
            Unavailable::Closed => Kind::Closed,
            Unavailable::Cursor => Kind::BadParameter,
            Unavailable::Read(_) => Kind::Internal,
        };
        if kind == Kind::Internal {
            tracing::error!(error = %unavailable, "a request could not be answered: {unavailable}");
        }
        Self::new(kind)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Duplicate { status } => {
                Self::new(Kind::Duplicate).with("order", json!({"status": status.as_str()}))
            }
            Refusal::UnknownOrder => Self::new(Kind::OrderNotFound),
            Refusal::WrongState { status } => Self::new(Kind::WrongState)
                .about(order_state(status))
                .with("state", status.as_str()),
            Refusal::WouldReject(rejection) => {
                Self::new(Kind::WouldReject).with("rejection", crate::events::rejection(&rejection))
            }
            Refusal::StaleRevision { current } => {
                Self::new(Kind::StaleRevision).about(current.to_string()).with("revision", current)
            }
            Refusal::TooManyRevisions => {
                Self::new(Kind::TooManyRevisions).about(REVISIONS_MAX.to_string())
            }
            Refusal::BelowReserved { reserved } => {
                Self::new(Kind::BelowReserved).with("reserved", reserved)
            }
            Refusal::StockOutOfRange => Self::new(Kind::StockOutOfRange),
            Refusal::TooManyReleases => Self::new(Kind::TooManyReleases),
        }
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Unknown => Self::new(Kind::NotFound),
            BatchError::OtherContent(state) => {
                Self::new(Kind::BatchConflict).with("batch_id", state.id.as_str())
            }
            BatchError::WrongState(state) => Self::new(Kind::WrongState)
                .about(batch_state(state.status))
                .with("batch_id", state.id.as_str())
                .with("state", state.status.as_str()),
            BatchError::Malformed(about) => Self::new(Kind::Malformed).about(about),
            BatchError::Rules(violations) => violations.into(),
            BatchError::Busy => Self::new(Kind::Busy),
            BatchError::Unavailable(unavailable) => unavailable.into(),
            BatchError::Io(error) => error.into(),
        }
    }
}

impl From<LinksError> for Error {
    fn from(error: LinksError) -> Self {
        match error {
            LinksError::TooMany => Self::new(Kind::TooManySecrets),
            LinksError::Io(..) | LinksError::Parse(_) | LinksError::Random => {
                let cause = &error as &dyn std::error::Error;
                tracing::error!(error = cause, "no new secret for links");
                Self::new(Kind::Internal)
            }
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::new(Kind::SpoolFull)
            }
            _ => {
                tracing::error!(%error, "a file of a batch cannot be used: {error}");
                Self::new(Kind::Internal)
            }
        }
    }
}

/// An error on its way out: `guard` renders it in the reader's language.
impl IntoResponse for Error {
    fn into_response(self) -> axum::response::Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}
