//! The one thread that decides and commits.
//!
//! It takes what is waiting, decides it, writes one frame, and answers: no timer. Batches form by
//! themselves while the previous commit syncs. Nothing it holds in memory changes before the
//! frame is on disk, so a failed write costs its callers an answer and nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use domain::time::Timestamp;
use service::ledger::{Answer, Unavailable};
use service::measure::{Calls, Moments};
use service::serial::{Call, Serial};

use crate::Shared;
use crate::desk::{Caller, Round};
use crate::log::Log;

/// Most requests of one commit: beyond it latency grows and throughput hardly does.
const COMMIT_REQUESTS_MAX: usize = 1_024;
/// Most bytes of documents of one commit.
const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Orders the projection may lag behind before the writer waits for it: about 100 MB of rows.
const LAYER_ORDERS_MAX: usize = 131_072;
/// How long it waits: a projection that has not moved by then will not within a caller's patience.
const PROJECTION_WAIT: Duration = Duration::from_secs(10);
/// Pause after a commit that nobody asked for and that failed.
const RELEASE_RETRY: Duration = Duration::from_millis(100);

/// The requests of one `execute`, and who waits for the answers.
pub(crate) struct Job {
    pub(crate) call: Call,
    pub(crate) bytes: usize,
    pub(crate) waits: Waits,
}

/// Who waits for a call's answers, and since when.
pub(crate) struct Waits {
    pub(crate) caller: Caller,
    pub(crate) calls: Calls,
    pub(crate) queued: Instant,
}

/// What became of a call.
pub(crate) type Reply = Result<Done, Unavailable>;

/// Answers.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) answers: Vec<Answer>,
    /// Comes along so that whoever asked frees it and not the writer.
    #[allow(dead_code, reason = "it is there to be dropped")]
    pub(crate) call: Call,
    pub(crate) moments: Moments,
}

/// When a commit passed its stages.
#[derive(Clone, Copy)]
struct Passed {
    taken: Instant,
    decided: Instant,
    synced: Instant,
}

pub(crate) struct Writer {
    pub(crate) driver: Serial,
    pub(crate) log: Log,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) last: Timestamp,
}

impl Writer {
    /// Works until every sender is gone, then what is queued is done too.
    pub(crate) fn run(mut self) {
        let (mut calls, mut waiting) = (Vec::new(), Vec::new());
        while self.take(&mut calls, &mut waiting) {
            let taken = Instant::now();
            let result = if self.shared.wait_for_projection(LAYER_ORDERS_MAX, PROJECTION_WAIT) {
                self.commit(&calls, taken)
            } else {
                Err(Unavailable::Full)
            };
            if result.is_err() && calls.is_empty() {
                std::thread::sleep(RELEASE_RETRY); // free stock is given out when the disk is well
            }
            if let Ok((_, passed)) = &result {
                self.measure(&calls, &waiting, passed);
            }
            reply(result, &mut calls, &mut waiting);
        }
    }

    /// Takes what is waiting; waits when nothing is, and nothing else is to do.
    fn take(&mut self, calls: &mut Vec<Call>, waiting: &mut Vec<Waits>) -> bool {
        let (mut requests, mut bytes) = (0, 0);
        loop {
            let next = if calls.is_empty() && !self.driver.has_releases() {
                match self.jobs.recv_timeout(Duration::from_secs(3_600)) {
                    Ok(job) => Ok(job),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => Err(TryRecvError::Disconnected),
                }
            } else {
                self.jobs.try_recv()
            };
            match next {
                Ok(job) => {
                    self.shared.queued_bytes.fetch_sub(job.bytes, Ordering::Relaxed);
                    requests += job.call.len();
                    bytes += job.bytes;
                    calls.push(job.call);
                    waiting.push(job.waits);
                    if requests >= COMMIT_REQUESTS_MAX || bytes >= COMMIT_BYTES_MAX {
                        return true;
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return !calls.is_empty(),
            }
        }
    }

    fn commit(
        &mut self,
        calls: &[Call],
        taken: Instant,
    ) -> Result<(Vec<Vec<Answer>>, Passed), Unavailable> {
        if !self.shared.disk.has_room() {
            return Err(Unavailable::DiskSpace);
        }
        // Orders are filed by time: a clock that is set back must not disorder them.
        self.last = self.last.max((self.shared.clock)());
        let step = {
            let layers = self.shared.layers.read();
            let base = self.shared.store.snapshot()?;
            self.driver.decide(self.last, self.log.end(), calls, &layers, &base)?
        };
        let decided = Instant::now();
        if let Some(frame) = self.driver.frame()
            && let Err(error) = self.log.append(frame)
        {
            self.driver.abort();
            tracing::error!(error = &error as &dyn std::error::Error, "commit failed");
            return Err(Unavailable::OutcomeUnknown);
        }
        let synced = Instant::now();
        let mut layers = self.shared.layers.write();
        self.driver.commit(&mut layers);
        let began = layers.active.size();
        drop(layers);
        self.shared.publish(self.driver.catalogue());
        self.shared.end.send_replace(self.log.end());
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        let requests = calls.iter().map(|call| call.len() as u64).sum();
        self.shared.requests.fetch_add(requests, Ordering::Relaxed);
        self.shared.wake_projection(began);
        Ok((step.answers, Passed { taken, decided, synced }))
    }

    /// Notes how long the calls of a commit took. Three readings of the clock a commit.
    fn measure(&self, calls: &[Call], waiting: &[Waits], passed: &Passed) {
        let (commits, mut counts) = (&self.shared.measured, [0_u64; 2]);
        for waits in waiting {
            commits.of(waits.calls).queue.took(passed.taken.duration_since(waits.queued));
            counts[waits.calls as usize] += 1;
        }
        for (calls, count) in Calls::ALL.into_iter().zip(counts) {
            if count > 0 {
                let stages = commits.of(calls);
                stages.decide.took_each(passed.decided.duration_since(passed.taken), count);
                stages.sync.took_each(passed.synced.duration_since(passed.decided), count);
            }
        }
        if !calls.is_empty() {
            commits.requests.held(calls.iter().map(|call| call.len() as u64).sum());
        }
    }
}

fn reply(
    result: Result<(Vec<Vec<Answer>>, Passed), Unavailable>,
    calls: &mut Vec<Call>,
    waiting: &mut Vec<Waits>,
) {
    let (pairs, mut round) = (calls.drain(..).zip(waiting.drain(..)), Round::default());
    match result {
        Ok((answers, Passed { taken, decided, synced })) => {
            for ((call, Waits { caller, queued, .. }), answers) in pairs.zip(answers) {
                let moments = Moments { queued, taken, decided, synced };
                round.deliver(caller, Ok(Done { answers, call, moments }));
            }
        }
        Err(error) => pairs.for_each(|(_, w)| round.deliver(w.caller, Err(error.clone()))),
    }
    round.ring();
}
