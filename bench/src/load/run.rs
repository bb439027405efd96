//! The loop: wait for answers, note them, send what is due.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::time::{ClockId, clock_gettime};

use super::connection::Connection;
use super::{Histogram, Outcome, Pace, Plan, Requests, Statuses};

/// How long to wait for the last answers.
const GRACE: Duration = Duration::from_secs(10);
/// Longest sleep of the loop, so that the time limit is noticed.
const SLEEP_MAX_NANOS: u64 = 20_000_000;
/// Connections opened again after they broke, before the run gives up on the server.
const RECONNECTS_MAX: usize = 1_000;

/// Sends `plan.range` of `requests` and waits for the answers. Blocks the calling thread.
///
/// # Errors
/// The server cannot be reached, or breaks connections again and again.
pub fn run(plan: &Plan, requests: &Requests) -> io::Result<Outcome> {
    // A sleep of the open loop may be short: the default slack of 50 µs would blur the schedule.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1_000));
    let mut run = Run::start(plan, requests)?;
    let mut events = Vec::with_capacity(plan.connections.max(16));
    while !run.is_over() {
        run.send_due()?;
        let sleep = run.sleep();
        events.clear();
        let timeout = Timespec { tv_sec: 0, tv_nsec: sleep as _ };
        match epoll::wait(&run.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            run.on_event(event)?;
        }
    }
    Ok(run.finish())
}

struct Run<'a> {
    plan: &'a Plan,
    requests: &'a Requests,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Connections without a request in flight, the one idle longest first.
    idle: VecDeque<usize>,
    buffer: Vec<u8>,
    began: Instant,
    cpu_before: Duration,
    /// Next request to send.
    next: usize,
    /// Requests without an answer yet.
    in_flight: usize,
    last_answer: u64,
    reconnects: usize,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn start(plan: &'a Plan, requests: &'a Requests) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(plan.connections);
        for at in 0..plan.connections {
            connections.push(Connection::open(plan.address)?);
            watch(&epoll, &connections[at], at)?;
        }
        Ok(Self {
            plan,
            requests,
            epoll,
            idle: (0..connections.len()).collect(),
            connections,
            buffer: vec![0; 64 * 1024],
            cpu_before: thread_cpu(),
            began: Instant::now(),
            next: plan.range.start,
            in_flight: 0,
            last_answer: 0,
            reconnects: 0,
            outcome: Outcome {
                statuses: Statuses::default(),
                unanswered: 0,
                elapsed: Duration::ZERO,
                latency: Histogram::new(),
                cpu: Duration::ZERO,
                accepted_last: None,
            },
        })
    }

    #[inline]
    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn time_max(&self) -> u64 {
        self.plan.time_max.as_nanos() as u64
    }

    fn end(&self) -> usize {
        self.plan.range.end.min(self.requests.len())
    }

    /// When the request `index` is due; in a closed loop: now.
    #[inline]
    fn due(&self, index: usize, now: u64) -> u64 {
        match self.plan.pace {
            Pace::Full => now,
            Pace::PerSecond(rate) => {
                let place = (index - self.plan.range.start) as u64;
                place * 1_000_000_000 / u64::from(rate.max(1))
            }
        }
    }

    /// Whether a request may still leave: there is one, and its moment lies within the run.
    #[inline]
    fn has_more(&self, now: u64) -> bool {
        self.next < self.end() && self.due(self.next, now) < self.time_max()
    }

    fn is_over(&self) -> bool {
        let now = self.now();
        let waited = now > self.time_max() + GRACE.as_nanos() as u64;
        waited || (self.in_flight == 0 && !self.has_more(now))
    }

    /// Sends every request that is due, while a connection is idle.
    fn send_due(&mut self) -> io::Result<()> {
        while let Some(&at) = self.idle.front() {
            let now = self.now();
            if !self.has_more(now) || self.due(self.next, now) > now {
                break;
            }
            self.idle.pop_front();
            self.send(at, now)?;
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, at: usize, now: u64) -> io::Result<()> {
        let index = self.next;
        self.next += 1;
        self.in_flight += 1;
        let due = self.due(index, now);
        let bytes = self.requests.get(index);
        if self.connections[at].send(index, due, bytes).is_err() {
            self.replace(at)?;
        }
        Ok(())
    }

    /// How long the loop may sleep, in nanoseconds.
    fn sleep(&self) -> u64 {
        let now = self.now();
        match self.plan.pace {
            Pace::PerSecond(_) if !self.idle.is_empty() && self.has_more(now) => {
                self.due(self.next, now).saturating_sub(now).min(SLEEP_MAX_NANOS)
            }
            Pace::Full | Pace::PerSecond(_) => SLEEP_MAX_NANOS,
        }
    }

    #[inline]
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        let at = event.data.u64() as usize;
        let flags = event.flags;
        let connection = &mut self.connections[at];
        if let Some(flight) = connection.request {
            let bytes = self.requests.get(flight.index);
            if connection.is_sending(bytes.len()) && connection.resume(bytes).is_err() {
                return self.replace(at);
            }
        }
        if !flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            return Ok(());
        }
        match connection.receive(&mut self.buffer) {
            Ok(Some(answer)) => self.on_answer(at, answer.status),
            Ok(None) => Ok(()),
            Err(_) => self.replace(at),
        }
    }

    #[inline]
    fn on_answer(&mut self, at: usize, status: u16) -> io::Result<()> {
        let Some(flight) = self.connections[at].request.take() else {
            return Ok(());
        };
        let now = self.now();
        self.last_answer = now;
        self.in_flight -= 1;
        self.outcome.latency.record(now - flight.due);
        self.outcome.statuses.count(status);
        if status == 202 {
            self.outcome.accepted_last = Some(flight.index);
        }
        match self.plan.pace {
            Pace::Full if self.has_more(now) => self.send(at, now),
            Pace::Full | Pace::PerSecond(_) => {
                self.idle.push_back(at);
                Ok(())
            }
        }
    }

    /// Opens a broken connection again; what was in flight on it stays unanswered.
    fn replace(&mut self, at: usize) -> io::Result<()> {
        if self.connections[at].request.is_some() {
            self.in_flight -= 1;
            self.outcome.unanswered += 1;
        }
        self.reconnects += 1;
        let opened = match Connection::open(self.plan.address) {
            Ok(connection) if self.reconnects <= RECONNECTS_MAX => connection,
            // The server is gone: what was measured until now counts.
            Ok(_) | Err(_) => {
                self.connections[at].request = None;
                self.next = self.end();
                return Ok(());
            }
        };
        watch(&self.epoll, &opened, at)?;
        self.connections[at] = opened;
        self.idle.push_back(at);
        Ok(())
    }

    fn finish(mut self) -> Outcome {
        self.outcome.cpu = thread_cpu().saturating_sub(self.cpu_before);
        self.outcome.unanswered += self.in_flight as u64;
        self.outcome.elapsed = Duration::from_nanos(self.last_answer);
        self.outcome
    }
}

fn watch(epoll: &OwnedFd, connection: &Connection, at: usize) -> io::Result<()> {
    let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
    epoll::add(epoll, &connection.socket, EventData::new_u64(at as u64), flags)?;
    Ok(())
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";

    /// A server that stalls once for `stall`, before the answer number `at` of a connection.
    fn server(at: usize, stall: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                socket.set_nodelay(true).unwrap();
                thread::spawn(move || {
                    let mut buffer = [0; 4_096];
                    for answer in 0.. {
                        if !socket.read(&mut buffer).is_ok_and(|read| read > 0) {
                            return;
                        }
                        if answer == at {
                            thread::sleep(stall);
                        }
                        // In two pieces, as a slow network would bring it.
                        let (first, second) = ANSWER.split_at(20);
                        if socket.write_all(first).and(socket.write_all(second)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn check(pace: Pace, address: SocketAddr, count: usize) -> Outcome {
        let documents = vec![b"{}".as_slice(); count];
        let requests = Requests::posts("/v1/orders", documents.into_iter());
        let time_max = Duration::from_secs(5);
        let plan = Plan { address, connections: 1, pace, range: 0..count, time_max };
        run(&plan, &requests).unwrap()
    }

    #[test]
    fn every_request_is_answered_once() {
        let outcome = check(Pace::Full, server(usize::MAX, Duration::ZERO), 500);
        assert_eq!((outcome.statuses.accepted, outcome.unanswered), (500, 0));
        assert_eq!(outcome.accepted_last, Some(499));
    }

    #[test]
    fn a_stall_is_charged_for_everyone_it_kept_waiting() {
        // 200 orders at 1,000/s, and 100 ms of silence: about 100 of them were due meanwhile.
        let stall = Duration::from_millis(100);
        let outcome = check(Pace::PerSecond(1_000), server(50, stall), 200);
        assert_eq!(outcome.statuses.accepted, 200);
        let late = outcome.latency.quantile(0.75);
        assert!(late > 20_000_000, "three quarters within {late} ns: the stall was not charged");
    }

    #[test]
    fn a_server_that_goes_away_ends_the_run() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || drop(listener.accept()));
        let outcome = check(Pace::Full, address, 10);
        assert_eq!(outcome.statuses.total(), 0);
        assert!(outcome.unanswered >= 1);
    }
}
