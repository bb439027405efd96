//! What every request has: a name, a beginning, and an end that is counted, logged and traced.
//!
//! Never: a path, a query or anything else a sender wrote in a log, save a sane `x-request-id`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Response};
use bytes::Bytes;

use crate::App;
use crate::metrics::Route;
use crate::trace::{Finished, Parent, Trace};

/// The header that names a request, in questions and answers.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name of a caller's that is taken over.
const ID_BYTES_MAX: usize = 128;

/// A request that was asked and not yet answered.
pub(crate) struct Asked {
    pub(crate) began: Instant,
    route: Route,
    id: HeaderValue,
    trace: Option<(Arc<Trace>, Method, Option<Parent>)>,
}

impl Asked {
    /// A request's head is there. Whoever is traced finds that in the request's extensions.
    pub(crate) fn new(
        app: &App,
        route: Route,
        method: &Method,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Self {
        let (began, id) = (Instant::now(), request_id(headers));
        let tracer = app.tracer.as_deref();
        let parent = tracer.and_then(|_| Parent::of(headers));
        let traced = tracer.is_some_and(|tracer| tracer.wants(parent.as_ref()));
        let trace = traced.then(|| {
            let trace = Arc::new(Trace::default());
            extensions.insert(trace.clone());
            (trace, method.clone(), parent)
        });
        Self { began, route, id, trace }
    }

    /// It is answered.
    pub(crate) fn answered(self, app: &App, response: &mut Response<Body>) {
        let (status, ended) = (response.status().as_u16(), Instant::now());
        let (took, route) = (ended.duration_since(self.began), self.route.as_str());
        let id = self.id.to_str().unwrap_or_default();
        let ms = took.as_millis();
        match status {
            // A full server says 503 thousands of times a second: those are counted.
            500.. if status != 503 => {
                tracing::error!(request.id = id, route, status, ms, "answered {status}");
            }
            _ => tracing::debug!(request.id = id, route, status, ms, "answered {status}"),
        }
        if let (Some((trace, method, parent)), Some(tracer)) = (&self.trace, &app.tracer) {
            let began = self.began;
            let (method, moments) = (method.as_str(), trace.moments());
            tracer.tell(&Finished {
                parent: *parent,
                id,
                method,
                route,
                status,
                began,
                ended,
                moments,
            });
        }
        app.metrics.request(self.route, status, took);
        response.headers_mut().insert(&REQUEST_ID, self.id);
    }
}

/// The caller's name for its request when it is sane, else one of ours.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(b);
        (1..=ID_BYTES_MAX).contains(&id.len()) && id.as_bytes().iter().all(plain)
    };
    headers.get(&REQUEST_ID).filter(sane).cloned().unwrap_or_else(made)
}

/// Names that are made at once: an allocation and a random number for all of them.
const IDS: usize = 1_000;
/// 16 digits of the block's random number, and three of the place in it.
const ID_BYTES: usize = 19;

/// Names that are ready.
struct Block {
    ids: Bytes,
    next: usize,
}

impl Block {
    fn new() -> Self {
        let mut random = [0_u8; 8];
        // Without random numbers names repeat after a restart; requests are not held up for that.
        _ = getrandom::fill(&mut random);
        let random = u64::from_le_bytes(random);
        let ids: String = (0..IDS).map(|n| format!("{random:016x}{n:03}")).collect();
        Self { ids: ids.into(), next: 0 }
    }
}

thread_local!(static BLOCK: RefCell<Block> = RefCell::new(Block::new()));

fn made() -> HeaderValue {
    BLOCK.with_borrow_mut(|block| {
        if block.next == IDS {
            *block = Block::new();
        }
        let begin = block.next * ID_BYTES;
        block.next += 1;
        let id = HeaderValue::from_maybe_shared(block.ids.slice(begin..begin + ID_BYTES));
        id.expect("hexadecimal digits are visible ASCII")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(&REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).expect("a header"));
        headers
    }

    #[test]
    fn a_sane_name_is_kept_and_any_other_replaced() {
        for sane in ["a", "7f9c-11_2.x", "Root=1-67891233-abcdef012345678912345678"] {
            assert_eq!(request_id(&asked(sane)), sane);
        }
        let long = "x".repeat(ID_BYTES_MAX + 1);
        for other in ["", "a b", "maria@example.com", "\"}", &long] {
            let id = request_id(&asked(other));
            assert!(id != other && id.len() == ID_BYTES, "{other}: {id:?}");
        }
    }

    #[test]
    fn names_that_are_made_are_all_different() {
        let ids: std::collections::HashSet<_> = (0..2 * IDS + 1).map(|_| made()).collect();
        assert_eq!(ids.len(), 2 * IDS + 1);
    }
}
