//! A ledger in memory: the serial driver over a log that is a vector. For tests and simulation.
//!
//! Never durable: what it promises about crashes holds only for whoever keeps its log.

use std::sync::Arc;

use bytes::Bytes;
use domain::facts::Policy;
use domain::time::Timestamp;
use parking_lot::Mutex;

use crate::catalogue::Catalogue;
use crate::change::{self, Change, FRAME_HEADER_BYTES, Seq};
use crate::ledger::{Answer, Changes, Ledger, Look, Request, Task, Unavailable};
use crate::prepare::prepare;
use crate::serial::{Call, Layers, Serial, Settings};
use crate::view::{Base, Nothing, Read, View, damaged};

/// Where a ledger's time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A log that is a vector of bytes: what a disk would hold.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog(pub Vec<u8>);

/// The records of a frame, checked.
type Records<'a> = Vec<(Seq, &'a [u8])>;

impl MemoryLog {
    /// The change at `seq`.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when there is none, or it is damaged.
    pub fn change(&self, seq: Seq) -> Read<Change> {
        let bytes = usize::try_from(seq.0).ok().and_then(|at| self.0.get(at..));
        let body = bytes.and_then(|bytes| change::record_body(bytes, seq).ok());
        let body = body.ok_or_else(|| damaged("no sound record at this place"))?;
        change::decode(&Bytes::copy_from_slice(body)).map_err(|e| damaged(&e.to_string()))
    }

    /// Changes after `after`, at most `limit`. A frame that is cut short ends the log.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when a whole frame's record does not decode.
    pub fn read(&self, after: Option<Seq>, limit: usize) -> Read<Vec<(Seq, Change)>> {
        let (mut at, mut found) = (0, Vec::new());
        while let Some((records, end)) = self.frame(at) {
            for (seq, body) in records {
                if after.is_none_or(|after| seq > after) && found.len() < limit {
                    let change = change::decode(&Bytes::copy_from_slice(body));
                    found.push((seq, change.map_err(|e| damaged(&e.to_string()))?));
                }
            }
            at = end;
        }
        Ok(found)
    }

    /// Where the last whole frame ends; what a crash cut short begins there.
    #[must_use]
    pub fn sound_end(&self) -> usize {
        let mut at = 0;
        while let Some((_, end)) = self.frame(at) {
            at = end;
        }
        at
    }

    /// The records of the whole frame at `at`, and where it ends.
    fn frame(&self, at: usize) -> Option<(Records<'_>, usize)> {
        let header = change::frame_header(self.0.get(at..)?, at as u64)?;
        let start = at + FRAME_HEADER_BYTES;
        let end = start + header.payload as usize;
        let records = change::records(self.0.get(start..end)?, start as u64).ok()?;
        (records.len() == header.records as usize).then_some((records, end))
    }
}

struct Inner {
    driver: Serial,
    layers: Layers,
    log: MemoryLog,
}

/// A ledger in memory.
pub struct MemoryLedger {
    inner: Mutex<Inner>,
    clock: Clock,
    exponent: u32,
}

impl MemoryLedger {
    /// A ledger that takes over a log, as after a restart.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when the log is damaged.
    pub fn open(mut log: MemoryLog, settings: Settings, clock: Clock) -> Result<Self, Unavailable> {
        let exponent = settings.exponent;
        let (mut driver, mut layers) = (Serial::new(settings), Layers::default());
        // The next frame goes where the last whole one ends, not behind the rest of a torn one.
        log.0.truncate(log.sound_end());
        let changes = log.read(None, usize::MAX)?;
        let until = log.0.len() as u64;
        driver.replay(changes, until, &mut layers, &Nothing(|seq| log.change(seq)))?;
        Ok(Self { inner: Mutex::new(Inner { driver, layers, log }), clock, exponent })
    }

    /// What a disk would hold now.
    #[must_use]
    pub fn log(&self) -> MemoryLog {
        self.inner.lock().log.clone()
    }

    /// Bytes of the log.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.inner.lock().log.0.len() as u64
    }

    fn step(&self, call: Call) -> Result<Vec<Answer>, Unavailable> {
        let mut inner = self.inner.lock();
        let answers = inner.step((self.clock)(), vec![call])?;
        while inner.driver.has_releases() {
            inner.step((self.clock)(), Vec::new())?;
        }
        answers.into_iter().next().ok_or(Unavailable::Closed)
    }
}

impl Inner {
    fn step(&mut self, now: Timestamp, calls: Vec<Call>) -> Result<Vec<Vec<Answer>>, Unavailable> {
        let position = self.log.0.len() as u64;
        let base = Nothing(|seq| self.log.change(seq));
        let step = self.driver.decide(now, position, &calls, &self.layers, &base)?;
        if let Some(frame) = self.driver.frame() {
            self.log.0.extend_from_slice(frame);
        }
        self.driver.commit(&mut self.layers);
        Ok(step.answers)
    }
}

impl Changes for MemoryLedger {
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        let inner = self.inner.lock();
        if after.is_some_and(|seq| inner.log.change(seq).is_err()) {
            return Err(Unavailable::Cursor);
        }
        inner.log.read(after, limit)
    }

    fn change(&self, seq: Seq) -> Result<Change, Unavailable> {
        self.inner.lock().log.change(seq)
    }

    fn scan(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable> {
        let changes = self.inner.lock().log.read(None, usize::MAX)?;
        let wanted = changes.into_iter().filter(|(seq, _)| (from..until).contains(seq));
        wanted.for_each(|(seq, change)| visit(seq, change));
        Ok(())
    }
}

impl Ledger for MemoryLedger {
    fn execute(&self, requests: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        let (catalogue, now) = (self.catalogue(), (self.clock)());
        let ready = |request| prepare(request, &catalogue, now, self.exponent);
        let answers = self.step(requests.into_iter().map(ready).collect());
        Box::pin(std::future::ready(answers))
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Unavailable> {
        let inner = self.inner.lock();
        let base = Nothing(|seq| inner.log.change(seq));
        look(&View::<dyn Base>::new([Some(&inner.layers.active), None, None], &base))
    }

    fn policy(&self) -> Policy {
        self.inner.lock().driver.policy()
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.inner.lock().driver.catalogue()
    }
}
