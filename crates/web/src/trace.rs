//! What a tracer is told: whether a request belongs to a trace (W3C `traceparent`), and when it
//! passed which stage. Without a tracer none of this is done.

use std::sync::OnceLock;
use std::time::Instant;

use axum::http::HeaderMap;
use service::measure::Moments;

/// Whoever keeps traces. Called by the threads that answer: must not wait.
pub trait Tracer: Send + Sync {
    /// Whether a request is to be traced.
    fn wants(&self, parent: Option<&Parent>) -> bool;
    /// A traced request is answered.
    fn tell(&self, request: &Finished<'_>);
}

/// The span of a caller's that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The span in it.
    pub span_id: [u8; 8],
    /// Whether the caller keeps it.
    pub sampled: bool,
}

impl Parent {
    /// What the `traceparent` of a request says; nothing when it is not as the W3C writes it.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = text.split('-');
        let version = hex::<1>(parts.next()?)?;
        let (trace_id, span_id) = (hex(parts.next()?)?, hex(parts.next()?)?);
        let flags = hex::<1>(parts.next()?)?;
        // Later versions may have more parts; this one has not.
        let is_whole = version != [0xff] && (version != [0] || parts.next().is_none());
        let is_set = trace_id != [0; 16] && span_id != [0; 8];
        (is_whole && is_set).then_some(Self { trace_id, span_id, sampled: flags[0] & 1 == 1 })
    }
}

/// Lower-case hexadecimal digits of exactly so many bytes.
fn hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * BYTES {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// What is seen of a traced request on its way.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    moments: OnceLock<Moments>,
}

impl Trace {
    /// The ledger has answered.
    pub(crate) fn passed(&self, moments: Option<Moments>) {
        if let Some(moments) = moments {
            // The first commit of a request counts: an order has one.
            _ = self.moments.set(moments);
        }
    }

    pub(crate) fn moments(&self) -> Option<Moments> {
        self.moments.get().copied()
    }
}

/// A request that was traced and is answered.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The caller's span.
    pub parent: Option<Parent>,
    /// The request's name.
    pub id: &'a str,
    /// `POST` …
    pub method: &'a str,
    /// The address as the router spells it.
    pub route: &'static str,
    /// The answer's status.
    pub status: u16,
    /// When its head was there.
    pub began: Instant,
    /// When the answer was ready.
    pub ended: Instant,
    /// When it passed the stages of its commit, if it had one.
    pub moments: Option<Moments>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(text: &str) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", text.parse().expect("a header"));
        Parent::of(&headers)
    }

    #[test]
    fn a_traceparent_is_read_as_the_w3c_writes_it() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read = parent(text).expect("it is one");
        assert_eq!((read.trace_id[0], read.span_id[7], read.sampled), (0x0a, 0x31, true));
        assert!(!parent(&text.replace("-01", "-00")).expect("it is one").sampled);
        assert!(parent(&text.replacen("00", "cc", 1)).is_some(), "a later version");
        assert!(parent(&(text.replacen("00", "cc", 1) + "-more")).is_some());
    }

    #[test]
    fn anything_else_is_no_traceparent() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for wrong in [
            "",
            "00",
            &text[..54],
            &format!("{text}-more"),
            &text.replacen("00", "ff", 1),
            &text.to_uppercase(),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(parent(wrong), None, "{wrong}");
        }
    }
}
