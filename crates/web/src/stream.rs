//! Changes as Server-Sent Events: a stream that ends when the client goes, takes too long, or the
//! server stops. Each event is a CloudEvent; see `feed`.
//!
//! Never: more in memory for a client than a few pages, or a reading of the log for each commit.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::IntoResponse;
use bytes::Bytes;
use service::change::Seq;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::timeout;

use crate::App;
use crate::error::{Error, Kind};
use crate::feed::{Filter, Position, told};
use crate::intake::Streamed;
use crate::orders::blocking;
use crate::params::cursor;

/// Changes read at once.
const CHANGES_PER_READ: usize = 256;
/// A page ends once it has so many bytes; it holds at least one change.
const PAGE_BYTES_MAX: usize = 256 << 10;
/// Pages that wait for a client.
const PAGES_WAITING: usize = 2;
/// How long changes may gather before they are read, so that a busy log is not read for each
/// commit.
const GATHER: Duration = Duration::from_millis(20);
/// How long clients are to wait before they come again: long enough for a restart.
const RETRY_MS: u32 = 2_000;
/// When to come again if there are as many streams as there may be.
const CROWDED_RETRY: Duration = Duration::from_secs(10);

/// Where a stream is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Everything up to this change was looked at.
    seq: Option<Seq>,
    /// Events of the change behind it that the client has already.
    past: Option<usize>,
}

impl Place {
    /// Behind a position. One that names no change is refused, as any other cursor is.
    fn behind(app: &App, position: Option<Position>) -> Result<Self, Error> {
        let Some(Position { seq, event }) = position else {
            return Ok(Self { seq: None, past: None });
        };
        app.ledger.read(Some(seq), 1)?;
        Ok(Self { seq: Some(seq), past: event })
    }
}

/// Opens a stream behind a position.
pub(crate) async fn open(
    app: &Arc<App>,
    after: Option<Position>,
    filter: Filter,
) -> Result<Response<Body>, Error> {
    let crowded = |_| Error::new(Kind::TooManyRequests).retry_after(CROWDED_RETRY);
    let permit = app.streams.clone().try_acquire_owned().map_err(crowded)?;
    let place = blocking(app, move |app| Place::behind(app, after)).await?;
    let (pages, received) = mpsc::channel(PAGES_WAITING);
    let stream = Stream { app: app.clone(), filter: Arc::new(filter), place, pages };
    tokio::spawn(stream.run(permit));
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // A proxy that gathers answers would hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(Streamed(received))).into_response())
}

struct Stream {
    app: Arc<App>,
    filter: Arc<Filter>,
    place: Place,
    pages: mpsc::Sender<std::io::Result<Bytes>>,
}

/// What a reading found.
struct Page {
    text: String,
    place: Place,
    is_end: bool,
}

impl Stream {
    /// Until the client goes, takes too long, or the server stops.
    async fn run(mut self, permit: OwnedSemaphorePermit) {
        let (mut end, mut closing) = (self.app.end.clone(), self.app.closing.subscribe());
        let gone = self.pages.clone();
        tokio::select! {
            () = self.follow(&mut end) => {}
            () = gone.closed() => {}
            () = async { _ = closing.wait_for(|closing| *closing).await } => {}
        }
        drop(permit);
    }

    async fn follow(&mut self, end: &mut watch::Receiver<u64>) {
        let heartbeat = self.app.settings.limits.stream_heartbeat;
        if !self.send(format!(": comanda\nretry: {RETRY_MS}\n\n")).await {
            return;
        }
        let mut said = self.place.seq;
        loop {
            end.borrow_and_update();
            let (filter, place) = (self.filter.clone(), self.place);
            let page = match blocking(&self.app, move |app| page(app, &filter, place)).await {
                Ok(page) => page,
                Err(error) => {
                    // The client comes again, and is told what is wrong.
                    tracing::error!(status = error.status().as_u16(), "a stream of events ended");
                    return;
                }
            };
            self.place = page.place;
            if !page.text.is_empty() {
                said = self.place.seq;
                if !self.send(page.text).await {
                    return;
                }
            }
            if !page.is_end {
                continue;
            }
            if let Ok(Ok(())) = timeout(heartbeat, end.changed()).await {
                tokio::time::sleep(GATHER).await;
                continue;
            }
            // Nobody tells any more, or nothing came: both are no reason to be silent. An id of
            // its own lets the client go on from here, and not from the last event it wanted.
            let place = self.place.seq.filter(|_| self.place.seq != said);
            said = self.place.seq;
            let id = place.map_or_else(String::new, |seq| format!("id: {}\n", cursor(seq)));
            if !self.send(format!(": here\n{id}\n")).await {
                return;
            }
            if end.has_changed().is_err() {
                tokio::time::sleep(heartbeat).await;
            }
        }
    }

    /// Sends a piece; whether the client still takes any.
    async fn send(&self, text: String) -> bool {
        let sent = self.pages.send(Ok(text.into()));
        matches!(timeout(self.app.settings.limits.stream_idle, sent).await, Ok(Ok(())))
    }
}

/// The events behind a place, as they are sent.
fn page(app: &App, filter: &Filter, mut place: Place) -> Result<Page, Error> {
    let mut text = String::new();
    if let (Some(seq), Some(past)) = (place.seq, place.past.take()) {
        // The rest of a change that the client has the beginning of.
        let change = app.ledger.change(seq)?;
        for event in told(app, seq, &change, filter, Some(past))? {
            put(&mut text, &event.id, &event.json);
        }
    }
    let changes = app.ledger.read(place.seq, CHANGES_PER_READ)?;
    let mut is_end = changes.len() < CHANGES_PER_READ;
    for (seq, change) in changes {
        if text.len() >= PAGE_BYTES_MAX {
            is_end = false;
            break;
        }
        for event in told(app, seq, &change, filter, None)? {
            put(&mut text, &event.id, &event.json);
        }
        place.seq = Some(seq);
    }
    Ok(Page { text, place, is_end })
}

/// One event. JSON in one line has no line breaks, so it is one line of data.
fn put(text: &mut String, id: &str, json: &str) {
    // Writing to a String cannot fail.
    _ = write!(text, "id: {id}\ndata: {json}\n\n");
}
