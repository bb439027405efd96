//! What is counted, and how Prometheus reads it.
//!
//! Counters are relaxed and sharded by thread: counting a request is a few nanoseconds, and two
//! cores never fight over a cache line.

use std::cell::Cell;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Figures of the store, as the program knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Bytes of documents that wait for the writer.
    pub queue_bytes: u64,
    /// Requests that wait for the writer.
    pub queue_requests: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Requests that those commits answered.
    pub committed_requests: u64,
    /// Bytes of the log that are not yet in the projection.
    pub projection_lag_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Free bytes of the store's disk, when known.
    pub disk_free_bytes: Option<u64>,
}

/// How an order came out, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Backordered,
    Rejected,
    Waiting,
    Duplicate,
    Invalid,
    Malformed,
    Refused,
    Unavailable,
}

const OUTCOMES: [&str; 9] = [
    "completed",
    "backordered",
    "rejected",
    "waiting",
    "duplicate",
    "invalid",
    "malformed",
    "refused",
    "unavailable",
];

/// Addresses that are counted, as the router spells them; the last stands for all others.
pub(crate) const ROUTES: [&str; 32] = [
    "/v1/orders",
    "/v1/orders/{id}",
    "/v1/orders/{id}/document",
    "/v1/orders/{id}/fulfil",
    "/v1/products",
    "/v1/products/{sku}",
    "/v1/stock",
    "/v1/stock/{sku}",
    "/v1/stock/{sku}/adjustments",
    "/v1/customers",
    "/v1/customers/{id}",
    "/v1/pricing-rules",
    "/v1/batches",
    "/v1/batches/{id}",
    "/v1/batches/{id}/results",
    "/v1/batches/{id}/summary",
    "/v1/batches/{id}/stop",
    "/v1/batches/{id}/redrive",
    "/v1/changes",
    "/v1/status",
    "/health",
    "/ready",
    "/metrics",
    "/orders",
    "/orders/{id}",
    "/",
    "/docs",
    "/openapi.json",
    "/v1/pricing-rules/test",
    "/v1/quotes",
    "/v1/link-secrets",
    "other",
];

const STATUSES: [u16; 20] = [
    202, 200, 201, 204, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503, 507,
    0,
];

/// Upper bounds of the histogram's buckets, in microseconds; one more holds the rest.
const BUCKETS: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000, 30_000_000,
];

/// A route as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route(usize);

impl Route {
    /// `POST /v1/orders` and its list.
    pub(crate) const ORDERS: Self = Self(0);
    /// The older name.
    pub(crate) const OLD_ORDERS: Self = Self(23);
    const OTHER: Self = Self(ROUTES.len() - 1);

    /// The route that the router calls `path`.
    pub(crate) fn of(path: Option<&str>) -> Self {
        let at = path.and_then(|path| ROUTES.iter().position(|route| *route == path));
        at.map_or(Self::OTHER, Self)
    }
}

#[derive(Default)]
struct PerRoute {
    status: [AtomicU64; STATUSES.len()],
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

#[derive(Default)]
#[repr(align(128))]
struct Shard {
    routes: [PerRoute; ROUTES.len()],
    orders: [AtomicU64; OUTCOMES.len()],
}

const SHARDS: usize = 8;

/// What is counted.
#[derive(Default)]
pub struct Metrics {
    shards: Box<[Shard; SHARDS]>,
}

fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed)));
    MINE.get() % SHARDS
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn request(&self, route: Route, status: u16, took: Duration) {
        let per = &self.shards[shard()].routes[route.0];
        let at = STATUSES.iter().position(|s| *s == status).unwrap_or(STATUSES.len() - 1);
        let micros = took.as_micros() as u64;
        let bucket = BUCKETS.iter().position(|most| micros <= *most).unwrap_or(BUCKETS.len());
        add(&per.status[at], 1);
        add(&per.buckets[bucket], 1);
        add(&per.micros, micros);
    }

    pub(crate) fn order(&self, outcome: Outcome) {
        add(&self.shards[shard()].orders[outcome as usize], 1);
    }

    fn sum(&self, of: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| of(shard).load(Ordering::Relaxed)).sum()
    }

    /// Orders taken in since the start: completed, backordered, rejected or waiting.
    pub(crate) fn taken(&self) -> u64 {
        (0..4).map(|at| self.sum(|shard| &shard.orders[at])).sum()
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut out = String::with_capacity(8 << 10);
        head(&mut out, "comanda_orders_total", "counter", "Orders received over HTTP by outcome.");
        for (at, outcome) in OUTCOMES.iter().enumerate() {
            let n = self.sum(|shard| &shard.orders[at]);
            _ = writeln!(out, "comanda_orders_total{{outcome=\"{outcome}\"}} {n}");
        }
        self.render_requests(&mut out);
        self.render_durations(&mut out);
        render_gauges(&mut out, gauges);
        out
    }

    fn render_requests(&self, out: &mut String) {
        head(out, "comanda_http_requests_total", "counter", "HTTP requests by route and status.");
        for (r, route) in ROUTES.iter().enumerate() {
            for (s, status) in STATUSES.iter().enumerate() {
                let n = self.sum(|shard| &shard.routes[r].status[s]);
                if n > 0 {
                    let labels = format!("route=\"{route}\",status=\"{status}\"");
                    _ = writeln!(out, "comanda_http_requests_total{{{labels}}} {n}");
                }
            }
        }
    }

    fn render_durations(&self, out: &mut String) {
        let name = "comanda_http_request_duration_seconds";
        head(out, name, "histogram", "From the request's head to its answer.");
        for (r, route) in ROUTES.iter().enumerate() {
            let counts: Vec<u64> = (0..=BUCKETS.len())
                .map(|b| self.sum(|shard| &shard.routes[r].buckets[b]))
                .collect();
            let total: u64 = counts.iter().sum();
            if total == 0 {
                continue;
            }
            let mut below = 0;
            for (most, count) in BUCKETS.iter().zip(&counts) {
                below += count;
                let le = seconds(*most);
                _ = writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"{le}\"}} {below}");
            }
            let sum = seconds(self.sum(|shard| &shard.routes[r].micros));
            _ = writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {total}");
            _ = writeln!(out, "{name}_sum{{route=\"{route}\"}} {sum}");
            _ = writeln!(out, "{name}_count{{route=\"{route}\"}} {total}");
        }
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn render_gauges(out: &mut String, gauges: &Gauges) {
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        head(out, name, kind, help);
        _ = writeln!(out, "{name} {value}");
    };
    let Gauges { queue_bytes, queue_requests, commits, committed_requests, .. } = *gauges;
    one("comanda_queue_bytes", "gauge", "Bytes that wait for the writer.", queue_bytes);
    one("comanda_queue_requests", "gauge", "Requests that wait for the writer.", queue_requests);
    one("comanda_commits_total", "counter", "Commits since the start.", commits);
    let help = "Requests answered by commits.";
    one("comanda_committed_requests_total", "counter", help, committed_requests);
    let help = "Bytes of the log not yet in the projection.";
    one("comanda_projection_lag_bytes", "gauge", help, gauges.projection_lag_bytes);
    one("comanda_log_bytes", "gauge", "Bytes of the log.", gauges.log_bytes);
    if let Some(free) = gauges.disk_free_bytes {
        one("comanda_disk_free_bytes", "gauge", "Free bytes of the store's disk.", free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_and_seconds_are_exact() {
        let metrics = Metrics::default();
        metrics.request(Route::ORDERS, 202, Duration::from_micros(90));
        metrics.request(Route::ORDERS, 202, Duration::from_millis(3));
        metrics.order(Outcome::Completed);
        let text = metrics.render(&Gauges::default());
        for line in [
            "comanda_orders_total{outcome=\"completed\"} 1",
            "comanda_http_requests_total{route=\"/v1/orders\",status=\"202\"} 2",
            "_bucket{route=\"/v1/orders\",le=\"0.0001\"} 1",
            "_bucket{route=\"/v1/orders\",le=\"0.005\"} 2",
            "_bucket{route=\"/v1/orders\",le=\"+Inf\"} 2",
            "_sum{route=\"/v1/orders\"} 0.00309",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_older_name_is_where_it_is_said_to_be() {
        assert_eq!(Route::of(Some("/orders")), Route::OLD_ORDERS);
        assert_eq!(Route::of(Some("/v1/orders")), Route::ORDERS);
        assert_eq!(Route::of(None), Route::OTHER);
    }
}
