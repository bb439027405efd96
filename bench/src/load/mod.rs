//! The load generator: keep-alive connections over epoll, on the calling thread alone.
//!
//! It shares the machine with the server it measures, so it does next to nothing per request:
//! one write, one read, one look at the clock. Never: pipelining, retries, a second thread.

mod connection;
mod histogram;
mod request;
mod response;
mod run;
pub mod trivial;

pub use histogram::Histogram;
pub use request::Requests;
pub use run::run;

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// When requests are due.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Closed loop: the next request leaves as soon as the answer is there.
    Full,
    /// Open loop: so many a second, on schedule whatever the server does. Latency counts from the
    /// scheduled moment, so a server that stalls is charged for everyone it kept waiting.
    PerSecond(u32),
}

/// What to send, where to, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// Keep-alive connections, at least 1.
    pub connections: usize,
    /// When requests are due.
    pub pace: Pace,
    /// Which of the requests to send; the run ends early when they are used up.
    pub range: Range<usize>,
    /// No new request leaves after this long.
    pub time_max: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Answers by status class and the two that matter: 202, 200, 409, 503, other.
    pub statuses: Statuses,
    /// Requests without an answer: the connection broke, or the wait for the last answers ended.
    pub unanswered: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Latency of every answer.
    pub latency: Histogram,
    /// What the generator's thread used.
    pub cpu: Duration,
    /// The request answered 202 last, by its place among the requests.
    pub accepted_last: Option<usize>,
}

/// How many answers had which status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statuses {
    /// 202.
    pub accepted: u64,
    /// 409.
    pub duplicate: u64,
    /// 429 and 503.
    pub full: u64,
    /// Everything else.
    pub other: u64,
}

impl Statuses {
    fn count(&mut self, status: u16) {
        match status {
            202 => self.accepted += 1,
            409 => self.duplicate += 1,
            429 | 503 => self.full += 1,
            _ => self.other += 1,
        }
    }

    /// All answers.
    pub fn total(&self) -> u64 {
        self.accepted + self.duplicate + self.full + self.other
    }
}

impl Outcome {
    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        self.statuses.total() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The whole outcome in one line.
    pub fn text(&self) -> String {
        let ms = |share| self.latency.quantile(share) as f64 / 1e6;
        let Statuses { accepted, duplicate, full, other } = self.statuses;
        format!(
            "{:.0}/s, p50 {:.3} p99 {:.3} p99.9 {:.3} max {:.3} ms, generator {:.2} µs/request, \
             202: {accepted}, 409: {duplicate}, 429+503: {full}, other: {other}, unanswered: {}",
            self.per_second(),
            ms(0.5),
            ms(0.99),
            ms(0.999),
            self.latency.max() as f64 / 1e6,
            self.cpu_micros(),
            self.unanswered
        )
    }

    /// The generator's CPU per answer, in microseconds.
    pub fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.statuses.total().max(1) as f64
    }
}
