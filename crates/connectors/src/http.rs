//! HTTP towards others: one call, one bounded answer, and what it means for a delivery.
//!
//! Never: a redirect followed, more of an answer read than [`REPLY_BYTES_MAX`], an address called
//! that [`Reach`] does not admit, an address in an error (it may hold a token), a proxy.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use domain::time::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
pub use reqwest::{StatusCode, Url, header};
use service::follow::Outcome;
use service::memory::Clock;

use crate::reach::{Forbidden, Reach};

/// Most bytes that are read of an answer: it is a verdict or a reason, never a document.
pub const REPLY_BYTES_MAX: usize = 64 << 10;
/// Longest that a receiver may ask to be left alone; asking for longer counts as this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a connection may take, name and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections kept open towards one host: more than one sink's usual concurrency helps nobody.
const IDLE_PER_HOST_MAX: usize = 16;
/// How long a connection is kept open unused; many servers hang up after 60 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest text of an error that is kept, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 300;

/// Calls others. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    reach: Arc<Reach>,
    clock: Clock,
}

/// A POST to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where to.
    pub url: Url,
    /// Headers beside those of HTTP itself; `content-type` among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long all of it may take, the answer's last byte included.
    pub timeout: Duration,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its body; what is beyond [`REPLY_BYTES_MAX`] was not read.
    pub body: Bytes,
    /// How long the receiver asked to be left alone, at most [`RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
    /// Where it would have liked to send us.
    pub location: Option<Box<str>>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address may not be called.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or it broke; the text says what, without the address.
    #[error("{0}")]
    Broken(Box<str>),
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// TLS could not be set up.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    /// The client could not.
    #[error("set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

impl Client {
    /// A client that calls what `reach` admits. The clock is only asked when a receiver names a
    /// date to come back at.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub fn new(reach: Reach, clock: Clock) -> Result<Self, SetUpError> {
        let reach = Arc::new(reach);
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(tls().map_err(SetUpError::Tls)?)
            .dns_resolver(Resolver(reach.clone()))
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .user_agent(concat!("comanda/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(SetUpError::Client)?;
        Ok(Self { inner, reach, clock })
    }

    /// Makes a call.
    ///
    /// # Errors
    /// [`Error`] when there is no whole answer; one that is longer than is read is whole.
    pub async fn post(&self, call: Call) -> Result<Reply, Error> {
        // Names are judged by the resolver, which literal addresses never meet.
        self.reach.check(&call.url)?;
        let request = self.inner.post(call.url).headers(call.headers).body(call.body);
        let mut response = request.timeout(call.timeout).send().await.map_err(broken)?;
        let mut body = BytesMut::new();
        while body.len() < REPLY_BYTES_MAX
            && let Some(chunk) = response.chunk().await.map_err(broken)?
        {
            body.extend_from_slice(&chunk[..chunk.len().min(REPLY_BYTES_MAX - body.len())]);
        }
        let text = |name| response.headers().get(name)?.to_str().ok();
        Ok(Reply {
            status: response.status(),
            retry_after: text(RETRY_AFTER).and_then(|t| retry_after(t, &self.clock)),
            location: text(LOCATION).map(|to| shortened(to).into()),
            body: body.freeze(),
        })
    }
}

/// What an answer means for a delivery: delivered, the order's own failure, the destination's, or
/// the end of the destination.
#[must_use]
pub fn outcome(result: &Result<Reply, Error>) -> Outcome {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => {
            return Outcome::Unavailable { reason: error.to_string().into(), retry_after: None };
        }
    };
    let status = reply.status;
    let reason = Box::from(format!("answered {status}"));
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        300..=399 => Outcome::Unavailable { reason: redirected(reply), retry_after: None },
        410 => Outcome::Gone { reason },
        // Too slow, too early and too many say nothing about the order.
        408 | 425 | 429 => Outcome::Unavailable { reason, retry_after: reply.retry_after },
        400..=499 => Outcome::Refused { reason },
        _ => Outcome::Unavailable { reason, retry_after: reply.retry_after },
    }
}

fn redirected(reply: &Reply) -> Box<str> {
    let to = reply.location.as_deref().unwrap_or("nowhere");
    format!("answered {}: redirects to {to}; redirects are not followed", reply.status).into()
}

/// A `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(text: &str, clock: &Clock) -> Option<Duration> {
    let text = text.trim();
    let asked = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
            let Timestamp(now) = clock();
            date.saturating_sub(Duration::from_micros(u64::try_from(now).ok()?))
        }
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

/// What went wrong, with all its causes and without the address.
fn broken(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(forbidden) = next.downcast_ref::<Forbidden>() {
            return Error::Forbidden(forbidden.clone());
        }
        write!(text, ": {next}").expect("a String takes any text");
        cause = next.source();
    }
    Error::Broken(shortened(&text).into())
}

/// As much of a text as an error keeps.
pub(crate) fn shortened(text: &str) -> &str {
    let whole = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=REASON_BYTES_MAX.min(text.len())).rev().find(whole).unwrap_or_default();
    &text[..end]
}

/// TLS that trusts what browsers trust, and what this machine trusts beside it.
pub(crate) fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Resolves names to addresses that may be called. It is what the connection is made to, so a name
/// that changes its mind between being checked and being called gains nothing.
struct Resolver(Arc<Reach>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<_> = found.filter(|to| reach.admits(to.ip())).collect();
            if admitted.is_empty() {
                return Err(Forbidden::Resolves { name: name.as_str().into() }.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
