//! Idempotency keys over HTTP: which requests are one, and what is kept of their answers.
//!
//! A key counts for whoever sent it, the method and the address. What is kept is the whole answer:
//! status, headers, body.
//!
//! Never: a key in a log or an error.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use service::codec::{Corrupt, Decoder, Encoder};
use service::ledger::{Answer, Request};
use service::once::{Key, Once, Outcome, Render};
use service::wire::message::Lang;

use crate::App;
use crate::error::{Error, Kind};
use crate::guard;

/// The header that carries a key.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// The key that a request carries, with what it was sent with.
pub(crate) fn key(app: &App, parts: &Parts, content: &[u8]) -> Result<Option<Key>, Error> {
    let mut values = parts.headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = spelled(value).filter(|_| values.next().is_none());
    let text = text.ok_or_else(|| Error::new(Kind::BadIdempotencyKey))?;
    let mut name = blake3::Hasher::new();
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    for part in [guard::credential(app, &parts.headers), parts.method.as_str(), address, text] {
        // Lengths keep the parts apart.
        name.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let content = *blake3::hash(content).as_bytes();
    Ok(Some(Key { name: *name.finalize().as_bytes(), content }))
}

/// A key's text: printable ASCII, with or without the quotes that the draft wants around it.
fn spelled(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let printable = inner.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (printable && (1..=KEY_BYTES_MAX).contains(&inner.len())).then_some(inner)
}

/// The answer that was given under a key; to be asked where what comes before the ledger may come
/// out differently now.
pub(crate) fn before(app: &App, key: Option<&Key>) -> Result<Option<Response<Body>>, Error> {
    let Some(key) = key else { return Ok(None) };
    let Some(kept) = app.ledger.kept(&key.name, (app.clock)())? else { return Ok(None) };
    if kept.key != *key {
        return Err(Error::new(Kind::IdempotencyKeyReused));
    }
    app.metrics.replayed();
    replay(&kept.answer).map(Some)
}

/// How an answer of the ledger is shown; `Err` is a problem to be shown as well.
pub(crate) type Shown = Result<Response<Body>, Error>;

/// Does one request, once if it has a key, and shows what became of it. With the answer when it
/// was done now, for counting.
pub(crate) async fn execute(
    app: &Arc<App>,
    key: Option<Key>,
    lang: Lang,
    request: Request,
    show: impl Fn(&App, &Answer) -> Shown + Send + Sync + 'static,
) -> Result<(Response<Body>, Option<Answer>), Error> {
    let Some(key) = key else {
        let answers = app.ledger.execute(vec![request]).await?;
        let answer = answers.into_iter().next().unwrap_or(Answer::Broken);
        return Ok((show(app, &answer)?, Some(answer)));
    };
    let show = Arc::new(show);
    let (shown, within) = (show.clone(), app.clone());
    let render = move |answer: &Answer| {
        let shown = shown(&within, answer);
        // A fault of ours, and what another try may overcome, is no answer to keep.
        let passing =
            |error: &Error| error.status().is_server_error() || error.kind() == Kind::StaleRevision;
        match shown {
            Err(error) if passing(&error) => None,
            shown => keep(shown.unwrap_or_else(|error| error.render(lang))),
        }
    };
    let once = Once { key, request, render: Render(Arc::new(render)) };
    let answers = app.ledger.execute(vec![Request::Once(Box::new(once))]).await?;
    match answers.into_iter().next() {
        Some(Answer::Once(outcome)) => match *outcome {
            Outcome::Now { answer, kept: Some(kept) } => Ok((restore(&kept)?, Some(answer))),
            Outcome::Now { answer, kept: None } => Ok((show(app, &answer)?, Some(answer))),
            Outcome::Before(kept) => {
                app.metrics.replayed();
                Ok((replay(&kept)?, None))
            }
            Outcome::OtherContent => Err(Error::new(Kind::IdempotencyKeyReused)),
        },
        Some(_) | None => Err(Error::new(Kind::Internal)),
    }
}

fn replay(kept: &Bytes) -> Shown {
    let mut response = restore(kept)?;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn restore(kept: &Bytes) -> Shown {
    read(kept).map_err(|_| {
        tracing::error!("an answer that was kept under a key does not decode");
        Error::new(Kind::Internal)
    })
}

/// An answer as bytes; `None` for one whose body is not there yet, which none of ours is.
fn keep(response: Response<Body>) -> Option<Bytes> {
    let (parts, body) = response.into_parts();
    let body = pin!(body.collect());
    let Poll::Ready(Ok(body)) = body.poll(&mut Context::from_waker(Waker::noop())) else {
        return None;
    };
    let mut out = Vec::new();
    let mut to = Encoder(&mut out);
    to.u64(parts.status.as_u16().into());
    let headers: Vec<_> = parts.headers.iter().collect();
    to.list(headers.into_iter(), |to, (name, value)| {
        to.text(name.as_str());
        to.bytes(value.as_bytes());
    });
    to.bytes(&body.to_bytes());
    Some(out.into())
}

fn read(kept: &Bytes) -> Result<Response<Body>, Corrupt> {
    let mut from = Decoder(kept);
    let status = u16::try_from(from.u64()?).map_err(|_| Corrupt)?;
    let headers = from.list(|from| {
        let name = HeaderName::from_bytes(from.text()?.as_bytes()).map_err(|_| Corrupt)?;
        let value = HeaderValue::from_bytes(from.bytes()?).map_err(|_| Corrupt)?;
        Ok((name, value))
    })?;
    let mut response = Response::new(Body::from(kept.slice_ref(from.bytes()?)));
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Corrupt)?;
    response.headers_mut().extend(headers);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_printable_ascii_with_or_without_quotes() {
        let spelled = |text: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
            spelled(&value).map(str::to_owned)
        };
        assert_eq!(spelled("a-1"), Some("a-1".to_owned()));
        assert_eq!(spelled("\"a 1\""), Some("a 1".to_owned()));
        assert_eq!(spelled(&"x".repeat(255)).map(|key| key.len()), Some(255));
        for wrong in ["", "\"\"", "é", "a\tb", &"x".repeat(256)] {
            assert_eq!(spelled(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_was_kept() {
        let mut response = Response::new(Body::from("{\"a\": 1}"));
        *response.status_mut() = StatusCode::CONFLICT;
        let etag = HeaderValue::from_static("\"3\"");
        response.headers_mut().insert("etag", etag.clone());
        let kept = keep(response).unwrap();
        let read = read(&kept).unwrap();
        assert_eq!((read.status(), &read.headers()["etag"]), (StatusCode::CONFLICT, &etag));
        assert_eq!(keep(read).unwrap(), kept);
    }
}
