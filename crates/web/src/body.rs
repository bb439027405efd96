//! Reads bodies: bounded in bytes and in time.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use messages::phrase;

use crate::error::{Error, Kind};

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`, `application/*+json`, or nothing.
    Json,
    /// `application/x-ndjson` and its other names.
    JsonLines,
}

const JSON_LINES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// Reads the headers that say what a body is; `accepted` tells the sender what would do.
pub(crate) fn media(headers: &HeaderMap, accepted: &'static str) -> Result<Media, Error> {
    let refuse = || Error::new(Kind::UnsupportedMediaType).about(accepted);
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(refuse());
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Media::Json) };
    if value.as_bytes() == b"application/json" {
        return Ok(Media::Json);
    }
    let essence = value.to_str().ok().and_then(|v| v.split(';').next()).map(str::trim);
    let essence = essence.ok_or_else(refuse)?.to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(Media::Json),
        lines if JSON_LINES.contains(&lines) => Ok(Media::JsonLines),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(Media::Json),
        _ => Err(refuse()),
    }
}

const TABLE: [&str; 3] = ["text/csv", "application/csv", "text/tab-separated-values"];

/// Whether a body says it is rows of a table.
pub(crate) fn is_table(headers: &HeaderMap) -> bool {
    let identity = headers.get(CONTENT_ENCODING).is_none_or(|e| e == "identity");
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|v| v.split(';').next()).map(str::trim).unwrap_or_default();
    identity && TABLE.iter().any(|name| essence.eq_ignore_ascii_case(name))
}

/// What an order, or a document of rules, may be.
pub(crate) const JSON: &str = "application/json, application/*+json";
/// What a batch may be.
pub(crate) const BATCH: &str =
    "application/json, application/*+json, application/x-ndjson, text/csv";
/// What rows may be.
pub(crate) const ROWS: &str = "application/json, application/*+json, application/x-ndjson";

/// All of a body of at most `most` bytes. One that is there already costs no copy and no timer.
pub(crate) async fn collect<B>(mut body: B, most: usize, within: Duration) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large =
        || Error::new(Kind::TooLarge).about(phrase!("about-bytes", limit = most.to_string()));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let Some(first) = next(&mut body, within).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() && first.len() <= most {
        return Ok(first);
    }
    let rest = async {
        let mut all = BytesMut::with_capacity(body.size_hint().lower() as usize + first.len());
        all.extend_from_slice(&first);
        while let Some(part) = next(&mut body, within).await? {
            if all.len() + part.len() > most {
                return Err(too_large());
            }
            all.extend_from_slice(&part);
        }
        Ok(all.freeze())
    };
    let late = |_| Error::new(Kind::BodyTimeout);
    tokio::time::timeout(within, rest).await.map_err(late)?
}

/// The next part of a body, that must come within a time.
pub(crate) async fn next<B>(body: &mut B, within: Duration) -> Result<Option<Bytes>, Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        // The timer starts only when there is something to wait for.
        let frame = tokio::time::timeout(within, body.frame());
        match frame.await.map_err(|_| Error::new(Kind::BodyTimeout))? {
            None => return Ok(None),
            Some(Err(_)) => return Err(Error::new(Kind::BodyBroken)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
