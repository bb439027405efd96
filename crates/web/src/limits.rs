//! Every bound of the HTTP intake, in one place, with its reason.

use std::num::NonZeroU32;
use std::time::Duration;

/// What one server bears. The defaults suit one machine on an internal network.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest order document, in bytes; more is 413. An order of a thousand lines fits.
    pub order_bytes_max: usize,
    /// Largest body of products, stock counts or customers, in bytes; more is 413.
    pub rows_bytes_max: usize,
    /// Most products, stock counts or customers in one request; more is 413.
    pub rows_max: usize,
    /// Largest set of pricing rules, in bytes.
    pub rules_bytes_max: usize,
    /// Largest batch that is spooled, in bytes; more is 413.
    pub batch_bytes_max: u64,
    /// Longest a batch's body may make no progress.
    pub batch_idle: Duration,
    /// Longest a request may take, its body included; streamed batches and results excepted.
    pub request: Duration,
    /// Longest a client may take over a request's head, and idle between two requests.
    pub header: Duration,
    /// Requests per second of one client: an API key, or an address (IPv6: a /64). `None` is
    /// unlimited. Clients on the loopback interface without a key are never limited: that is
    /// where proxies and operators are.
    pub rate_per_second: Option<NonZeroU32>,
    /// Requests one client may send at once after being quiet.
    pub rate_burst: NonZeroU32,
    /// Most addresses that are told apart; the rest share one allowance.
    pub rate_clients_max: usize,
    /// Most connections; further ones wait to be accepted.
    pub connections_max: u32,
    /// Longest a shutdown waits for requests that were accepted.
    pub shutdown: Duration,
    /// How long a link to a document lasts; at most [`crate::links::LINK_SECONDS_MAX`].
    pub document_link: Duration,
    /// Invalid documents of one source (an API key, or a network) that are recorded one by one a
    /// minute; more are counted, and recorded as one sum.
    pub invalid_records: u32,
    /// Bytes of invalid documents of one source that are kept a minute; of more only what is wrong
    /// with them, their hash and their length. One document of the largest size fits.
    pub invalid_bytes: u64,
    /// The same bounds for all sources together, so that many of them do not fill the disk either:
    /// 6 GB of documents a day at the very most.
    pub invalid_records_of_all: u32,
    /// See [`Limits::invalid_records_of_all`].
    pub invalid_bytes_of_all: u64,
    /// For how many days documents of invalid input are shown.
    pub invalid_days: u32,
    /// Most bytes of one page of changes; a page holds at least one.
    pub changes_bytes_max: usize,
    /// Most clients that follow changes as events at once; each reads the log for itself.
    pub streams_max: usize,
    /// Most rows of a statement's answer in JSON when it does not say: readers hold all of it in
    /// memory. The other forms are streams of any length.
    pub query_rows_max: u64,
    /// How often a quiet stream of events says that it is there: proxies cut off what is silent.
    pub stream_heartbeat: Duration,
    /// Longest a client may take over what it was sent of a stream; it is cut off then, and goes
    /// on from the last event it has.
    pub stream_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            order_bytes_max: 256 << 10,
            rows_bytes_max: 32 << 20,
            rows_max: 50_000,
            rules_bytes_max: 1 << 20,
            batch_bytes_max: 8 << 30,
            batch_idle: Duration::from_secs(60),
            request: Duration::from_secs(30),
            header: Duration::from_secs(30),
            rate_per_second: Some(rate(50_000)),
            rate_burst: rate(100_000),
            rate_clients_max: 10_000,
            connections_max: 10_000,
            shutdown: Duration::from_secs(30),
            document_link: Duration::from_secs(15 * 60),
            invalid_records: 60,
            invalid_bytes: 256 << 10,
            invalid_records_of_all: 1_000,
            invalid_bytes_of_all: 4 << 20,
            invalid_days: 90,
            changes_bytes_max: 8 << 20,
            streams_max: 100,
            query_rows_max: 100_000,
            stream_heartbeat: Duration::from_secs(15),
            stream_idle: Duration::from_secs(30),
        }
    }
}
