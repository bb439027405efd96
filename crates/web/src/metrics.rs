//! What is counted, and how Prometheus reads it.
//!
//! Counters are relaxed and sharded by thread: counting a request is a few nanoseconds, and two
//! cores never fight over a cache line.

use std::cell::Cell;
use std::fmt::Write;
mod intakes;
mod lake;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use domain::command::Verb;
use domain::time::Timestamp;
use service::follow::Status;
use service::measure::{Calls, Commits, Counts, DURATIONS_US, Durations, REQUESTS};
use service::query::Tally;

use crate::followers::{Follower, Standing, lag_seconds, outcomes};
pub use intakes::IntakeState;
pub use lake::LakeState;

/// Figures of the store, as the program knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// How intakes from queues fare.
    pub intakes: Vec<IntakeState>,
    /// How the lake is written, where there is one.
    pub lake: Option<LakeState>,
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

/// What commands for orders came to, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Yes,
    Refused,
}

const APPLIED: [&str; 2] = ["applied", "refused"];

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
pub(crate) const ROUTES: &[&str] = &[
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
    "/v1/orders/{id}/cancel",
    "/v1/link-secrets",
    "/v1/audits",
    "/v1/audits/{sequence}",
    "/v1/audits/{sequence}/document",
    "/v1/files",
    "/v1/files/{name}",
    "/v1/files/{name}/rejects",
    "/v1/webhooks",
    "/v1/webhooks/{id}",
    "/v1/webhooks/{id}/rotate-secret",
    "/v1/webhooks/{id}/test",
    "/v1/webhooks/{id}/enable",
    "/v1/webhooks/{id}/disable",
    "/v1/webhooks/{id}/deliveries",
    "/v1/webhooks/{id}/replay",
    "/v1/orders/{id}/redrive",
    "/v1/followers",
    "/asyncapi.json",
    "/v1/followers/{name}/enable",
    "/v1/dead-letters",
    "/v1/dead-letters/{id}",
    "/v1/dead-letters/{id}/redrive",
    "/v1/dead-letters/redrive",
    "/v1/dead-letters/redrives",
    "/v1/dead-letters/redrives/{id}",
    "/v1/dead-letters/redrives/{id}/stop",
    "/v1/orders/{id}/message",
    "/v1/query",
    "other",
];

const STATUSES: [u16; 21] = [
    202, 200, 201, 204, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 500, 503,
    507, 0,
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

    /// As the router spells it.
    pub(crate) fn as_str(self) -> &'static str {
        ROUTES.get(self.0).copied().unwrap_or("other")
    }

    /// The route that the router calls `path`.
    pub(crate) fn of(path: Option<&str>) -> Self {
        let at = path.and_then(|path| ROUTES.iter().position(|route| *route == path));
        at.map_or(Self::OTHER, Self)
    }
}

#[derive(Default)]
struct PerRoute {
    status: [AtomicU64; STATUSES.len()],
    durations: Durations,
}

#[repr(align(128))]
struct Shard {
    routes: [PerRoute; ROUTES.len()],
    orders: [AtomicU64; OUTCOMES.len()],
    prepared: Durations,
    commands: [[AtomicU64; APPLIED.len()]; Verb::ALL.len()],
    replayed: AtomicU64,
}

/// By hand: arrays this long have no default of their own.
impl Default for Shard {
    fn default() -> Self {
        Self {
            routes: std::array::from_fn(|_| PerRoute::default()),
            orders: Default::default(),
            prepared: Default::default(),
            commands: Default::default(),
            replayed: AtomicU64::default(),
        }
    }
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
    /// Counts a command for an order.
    pub(crate) fn command(&self, verb: Verb, applied: Applied) {
        add(&self.shards[shard()].commands[verb as usize][applied as usize], 1);
    }

    /// Counts an answer that was given before.
    pub(crate) fn replayed(&self) {
        add(&self.shards[shard()].replayed, 1);
    }

    pub(crate) fn request(&self, route: Route, status: u16, took: Duration) {
        let per = &self.shards[shard()].routes[route.0];
        let at = STATUSES.iter().position(|s| *s == status).unwrap_or(STATUSES.len() - 1);
        add(&per.status[at], 1);
        per.durations.took(took);
    }

    /// An order was read, parsed and priced: it waits for the writer.
    pub(crate) fn prepared(&self, took: Duration) {
        self.shards[shard()].prepared.took(took);
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
    pub(crate) fn render(
        &self,
        gauges: &Gauges,
        commits: &Commits,
        followers: &[Follower],
        now: Timestamp,
    ) -> String {
        let mut out = Text::default();
        out.family("comanda_orders_total", "counter", "Orders received over HTTP by outcome.");
        for (at, outcome) in OUTCOMES.iter().enumerate() {
            out.sample(&format!("outcome=\"{outcome}\""), self.sum(|shard| &shard.orders[at]));
        }
        self.render_commands(&mut out);
        self.render_requests(&mut out);
        self.render_stages(&mut out, commits);
        render_gauges(&mut out, gauges, commits);
        render_followers(&mut out, followers, now);
        intakes::render(&mut out, &gauges.intakes);
        lake::render(&mut out, gauges.lake.as_ref());
        out.0
    }

    fn render_commands(&self, out: &mut Text) {
        let name = "comanda_order_commands_total";
        out.family(name, "counter", "Commands for orders received over HTTP.");
        for (v, (_, verb)) in Verb::ALL.iter().enumerate() {
            for (a, applied) in APPLIED.iter().enumerate() {
                let labels = format!("command=\"{verb}\",outcome=\"{applied}\"");
                out.sample(&labels, self.sum(|shard| &shard.commands[v][a]));
            }
        }
        let help = "Requests answered as before, by their idempotency key.";
        out.family("comanda_idempotent_replays_total", "counter", help);
        out.sample("", self.sum(|shard| &shard.replayed));
    }

    fn render_requests(&self, out: &mut Text) {
        let name = "comanda_http_requests_total";
        out.family(name, "counter", "HTTP requests by route and status.");
        for (r, route) in ROUTES.iter().enumerate() {
            for (s, status) in STATUSES.iter().enumerate() {
                let n = self.sum(|shard| &shard.routes[r].status[s]);
                if n > 0 {
                    out.sample(&format!("route=\"{route}\",status=\"{status}\""), n);
                }
            }
        }
        let name = "comanda_http_request_duration_seconds";
        out.family(name, "histogram", "From the request's head to its answer.");
        for (r, route) in ROUTES.iter().enumerate() {
            let counts = self.counts(|shard| &shard.routes[r].durations);
            if counts.count() > 0 {
                out.durations(&format!("route=\"{route}\""), &counts);
            }
        }
    }

    /// Where the time of an order goes: each stage, for each call that passed it.
    fn render_stages(&self, out: &mut Text, commits: &Commits) {
        let name = "comanda_stage_duration_seconds";
        let help = "Time of a call in each stage: prepare (head to queue: read, parse, price; \
            orders over HTTP), queue (wait for the writer), decide, sync (write and fdatasync).";
        out.family(name, "histogram", help);
        let prepared = self.counts(|shard| &shard.prepared);
        out.durations("call=\"single\",stage=\"prepare\"", &prepared);
        for calls in Calls::ALL {
            let stages = commits.of(calls);
            for (stage, durations) in
                [("queue", &stages.queue), ("decide", &stages.decide), ("sync", &stages.sync)]
            {
                let labels = format!("call=\"{}\",stage=\"{stage}\"", calls.as_str());
                out.durations(&labels, &durations.counts());
            }
        }
    }

    fn counts(&self, of: impl Fn(&Shard) -> &Durations) -> Counts {
        let empty = Counts::empty(DURATIONS_US.len());
        self.shards.iter().fold(empty, |sum, shard| sum.and(&of(shard).counts()))
    }
}

fn render_gauges(out: &mut Text, gauges: &Gauges, commits: &Commits) {
    let mut one = |name: &'static str, kind: &str, help: &str, value: u64| {
        out.family(name, kind, help);
        out.sample("", value);
    };
    one("comanda_queue_bytes", "gauge", "Bytes that wait for the writer.", gauges.queue_bytes);
    let waiting = gauges.queue_requests;
    one("comanda_queue_requests", "gauge", "Requests that wait for the writer.", waiting);
    one("comanda_commits_total", "counter", "Commits since the start.", gauges.commits);
    let (name, help) = ("comanda_committed_requests_total", "Requests answered by commits.");
    one(name, "counter", help, gauges.committed_requests);
    let (name, help) = ("comanda_projection_lag_bytes", "Bytes of the log not in the projection.");
    one(name, "gauge", help, gauges.projection_lag_bytes);
    one("comanda_log_bytes", "gauge", "Bytes of the log.", gauges.log_bytes);
    if let Some(free) = gauges.disk_free_bytes {
        one("comanda_disk_free_bytes", "gauge", "Free bytes of the store's disk.", free);
    }
    out.family("comanda_commit_requests", "histogram", "Requests that each commit held.");
    out.histogram("", &REQUESTS, &commits.requests.counts(), u64::to_string);
    let (name, help) = ("comanda_projection_write_seconds", "Each write of the projection.");
    out.family(name, "histogram", help);
    out.durations("", &commits.projection.counts());
}

/// How consumers of changes fare: nothing where there are none.
fn render_followers(out: &mut Text, followers: &[Follower], now: Timestamp) {
    if followers.is_empty() {
        return;
    }
    let label = |follower: &Follower| format!("follower=\"{}\"", escaped(&follower.name));
    let name = "comanda_follower_state";
    out.family(name, "gauge", "1 for the state that each follower is in.");
    for follower in followers {
        for state in Standing::NAMES {
            let is = u64::from(state == follower.standing.as_str());
            out.sample(&format!("{},state=\"{state}\"", label(follower)), is);
        }
    }
    let driven = || {
        followers.iter().filter_map(|follower| match &follower.standing {
            Standing::Driven(status) => Some((label(follower), status)),
            Standing::Damaged(_) | Standing::NotDriven => None,
        })
    };
    let mut gauge = |name: &'static str, help: &str, value: &dyn Fn(&Status) -> u64| {
        out.family(name, "gauge", help);
        driven().for_each(|(label, status)| out.sample(&label, value(status)));
    };
    let (name, help) = ("comanda_follower_lag_changes", "Changes that are not done.");
    gauge(name, help, &|status| status.lag.changes);
    let (name, help) = ("comanda_follower_lag_seconds", "Age of the oldest change not done.");
    gauge(name, help, &|status| lag_seconds(status, now));
    let (name, help) = ("comanda_follower_in_flight", "Attempts under way.");
    gauge(name, help, &|status| status.in_flight as u64);
    let (name, help) = ("comanda_follower_waiting_orders", "Orders that wait apart.");
    gauge(name, help, &|status| status.waiting_orders as u64);
    let (name, help) = ("comanda_follower_waiting_deliveries", "Deliveries that wait apart.");
    gauge(name, help, &|status| status.waiting_deliveries as u64);
    let help = "Deliveries (delivered, skipped, dead, missed) and failed attempts (refused, \
        unavailable).";
    out.family("comanda_follower_deliveries_total", "counter", help);
    for (label, status) in driven() {
        for (outcome, count) in outcomes(status) {
            out.sample(&format!("{label},outcome=\"{outcome}\""), count);
        }
    }
}

/// A label's value as the format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Open dead letters, as Prometheus reads them.
pub(crate) fn letters(open: &service::letters::Counts) -> String {
    let mut out = Text::default();
    out.family("comanda_dead_letters_open", "gauge", "Dead letters that nothing has become of.");
    for (kind, count) in open.iter() {
        out.sample(&format!("kind=\"{}\"", kind.as_str()), count);
    }
    out.0
}

/// How statements in SQL went, as Prometheus reads it.
pub(crate) fn statements(tally: &Tally) -> String {
    let mut out = Text::default();
    out.family("comanda_statements_total", "counter", "Statements in SQL, by how they ended.");
    let outcomes = [
        ("answered", tally.answered),
        ("refused", tally.refused),
        ("failed", tally.failed),
        ("abandoned", tally.abandoned),
    ];
    for (outcome, count) in outcomes {
        out.sample(&format!("outcome=\"{outcome}\""), count);
    }
    out.family("comanda_statements_running", "gauge", "Statements in SQL under way.");
    out.sample("", tally.running);
    out.family("comanda_statement_rows_total", "counter", "Rows of answers to statements.");
    out.sample("", tally.rows);
    let name = "comanda_statement_seconds_total";
    out.family(name, "counter", "From statements to the ends of their answers, together.");
    out.line("", "", &seconds(tally.busy_us));
    out.0
}

/// Prometheus' text format, version 0.0.4.
#[derive(Default)]
struct Text(String, &'static str);

impl Text {
    /// What follows are samples of this.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.1 = name;
        // Writing to a String cannot fail.
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, labels: &str, value: u64) {
        self.line("", labels, &value.to_string());
    }

    fn line(&mut self, suffix: &str, labels: &str, value: &str) {
        let name = self.1;
        _ = match labels {
            "" => writeln!(self.0, "{name}{suffix} {value}"),
            labels => writeln!(self.0, "{name}{suffix}{{{labels}}} {value}"),
        };
    }

    fn durations(&mut self, labels: &str, counts: &Counts) {
        self.histogram(labels, &DURATIONS_US, counts, |micros| seconds(*micros));
    }

    fn histogram(
        &mut self,
        labels: &str,
        bounds: &[u64],
        counts: &Counts,
        show: impl Fn(&u64) -> String,
    ) {
        let (mut below, comma) = (0, if labels.is_empty() { "" } else { "," });
        for (bound, count) in bounds.iter().zip(&counts.buckets) {
            below += count;
            let labels = format!("{labels}{comma}le=\"{}\"", show(bound));
            self.line("_bucket", &labels, &below.to_string());
        }
        let total = counts.count().to_string();
        self.line("_bucket", &format!("{labels}{comma}le=\"+Inf\""), &total);
        self.line("_sum", labels, &show(&counts.sum));
        self.line("_count", labels, &total);
    }
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
        let text = metrics.render(&Gauges::default(), &Commits::default(), &[], Timestamp(0));
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
