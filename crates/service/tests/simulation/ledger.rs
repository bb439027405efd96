//! The ledger: the serial driver over a log that a crash may cut anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::facts::Policy;
use domain::id::StockKey;
use domain::stock::Stock;
use domain::time::Timestamp;
use parking_lot::Mutex;
use service::catalogue::Catalogue;
use service::change::{Change, Seq};
use service::layer::Entry;
use service::ledger::{Answer, Changes, Ledger, Look, Request, Task, Unavailable};
use service::memory::MemoryLog;
use service::prepare::prepare;
use service::serial::{Call, Layers, Serial, Settings};
use service::view::{Base, Nothing, Read, View};

use crate::log::frames;

/// How a commit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Well.
    Committed,
    /// The disk says no, and the ledger goes on.
    Refused,
    /// Crashed before anything was written.
    Before,
    /// Crashed with so much of the frame written, in thousandths.
    Torn(u64),
    /// Crashed when all was written, before anybody was answered.
    After,
}

impl End {
    pub(crate) fn is_crash(self) -> bool {
        match self {
            Self::Committed | Self::Refused => false,
            Self::Before | Self::Torn(_) | Self::After => true,
        }
    }
}

struct Inner {
    settings: Settings,
    driver: Serial,
    layers: Layers,
    disk: MemoryLog,
    /// What is on the disk, read from its bytes.
    changes: Vec<(Seq, Change)>,
}

pub(crate) struct SimLedger(Mutex<Inner>);

impl SimLedger {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Mutex::new(Inner {
            driver: Serial::new(settings.clone()),
            settings,
            layers: Layers::default(),
            disk: MemoryLog::default(),
            changes: Vec::new(),
        }))
    }

    /// Decides calls as one commit; the answers, if it ended well. After a crash the ledger is
    /// [`SimLedger::reopen`]ed before it is asked again.
    pub(crate) fn commit(
        &self,
        now: Timestamp,
        calls: &[Vec<Request>],
        seen: &Catalogue,
        end: End,
    ) -> Option<Vec<Vec<Answer>>> {
        let inner = &mut *self.0.lock();
        let exponent = inner.settings.exponent;
        let ready = |request| prepare(request, seen, now, exponent);
        let prepared: Vec<Call> =
            calls.iter().map(|call| call.iter().cloned().map(ready).collect()).collect();
        let base = Nothing(|seq| inner.disk.change(seq));
        let position = inner.disk.0.len() as u64;
        let step = inner.driver.decide(now, position, &prepared, &inner.layers, &base);
        let step = step.expect("a sound log reads");
        let frame = inner.driver.frame().unwrap_or_default();
        let cut = match end {
            End::Committed | End::After => frame.len(),
            End::Refused | End::Before => 0,
            End::Torn(part) => frame.len() * part as usize / 1_000,
        };
        inner.disk.0.extend_from_slice(&frame[..cut]);
        if end == End::Committed {
            inner.driver.commit(&mut inner.layers);
        } else {
            inner.driver.abort();
        }
        inner.changes.extend(frames(&inner.disk, position));
        (end == End::Committed).then_some(step.answers)
    }

    /// What is on the disk is all that is left, as after a restart.
    pub(crate) fn reopen(&self) {
        let inner = &mut *self.0.lock();
        let before = std::mem::take(&mut inner.layers);
        let known = before.active.until.max(before.frozen.as_ref().map_or(0, |l| l.until));
        inner.disk.0.truncate(inner.disk.sound_end());
        inner.changes = frames(&inner.disk, 0);
        inner.driver = Serial::new(inner.settings.clone());
        let (until, base) = (inner.disk.0.len() as u64, Nothing(|seq| inner.disk.change(seq)));
        let changes = inner.changes.iter().cloned();
        let replayed = inner.driver.replay(changes, until, &mut inner.layers, &base);
        replayed.expect("a sound log replays");
        if until == known {
            // Replaying comes to what deciding came to.
            assert_eq!(rows(&before), rows(&inner.layers));
        }
    }

    /// Moves what is committed to the frozen layer, as before it is written to a projection.
    pub(crate) fn freeze(&self) {
        let layers = &mut self.0.lock().layers;
        let mut active = std::mem::take(&mut layers.active);
        let frozen = layers.frozen.take().and_then(Arc::into_inner);
        let mut frozen = frozen.unwrap_or_default();
        frozen.absorb(&mut active);
        layers.frozen = Some(Arc::new(frozen));
    }

    pub(crate) fn has_releases(&self) -> bool {
        self.0.lock().driver.has_releases()
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> u64 {
        self.0.lock().disk.0.len() as u64
    }

    /// The changes on the disk, from the `n`th.
    pub(crate) fn changes_from(&self, n: usize) -> Vec<(Seq, Change)> {
        self.0.lock().changes[n..].to_vec()
    }

    pub(crate) fn view<R>(
        &self,
        look: impl FnOnce(&View<'_, Nothing<&dyn Fn(Seq) -> Read<Change>>>) -> Read<R>,
    ) -> R {
        let inner = self.0.lock();
        let change = |seq| inner.disk.change(seq);
        let base = Nothing(&change as &dyn Fn(Seq) -> Read<Change>);
        let layers = [Some(&inner.layers.active), inner.layers.frozen.as_deref(), None];
        look(&View::new(layers, &base)).expect("a sound log reads")
    }
}

type Rows = (BTreeMap<Seq, Entry>, BTreeMap<StockKey, Stock>);

fn rows(layers: &Layers) -> Rows {
    let all = layers.frozen.iter().map(|layer| &**layer).chain([&layers.active]);
    let mut rows = Rows::default();
    for layer in all {
        rows.0.extend(layer.orders.iter().map(|(seq, entry)| (*seq, entry.clone())));
        rows.1.extend(layer.stock.iter().map(|(key, row)| (key.clone(), *row)));
    }
    rows
}

impl Changes for SimLedger {
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        let changes = &self.0.lock().changes;
        let begin = match after {
            Some(after) => match changes.binary_search_by_key(&after, |(seq, _)| *seq) {
                Ok(at) => at + 1,
                Err(_) => return Err(Unavailable::Cursor),
            },
            None => 0,
        };
        Ok(changes[begin..].iter().take(limit).cloned().collect())
    }

    fn change(&self, seq: Seq) -> Result<Change, Unavailable> {
        self.0.lock().disk.change(seq)
    }

    fn scan(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable> {
        let changes = self.0.lock().changes.clone();
        let wanted = changes.into_iter().filter(|(seq, _)| (from..until).contains(seq));
        wanted.for_each(|(seq, change)| visit(seq, change));
        Ok(())
    }
}

impl Ledger for SimLedger {
    /// Nobody here commits behind the world's back.
    fn execute(&self, _: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable::Closed)))
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Unavailable> {
        let inner = self.0.lock();
        let base = Nothing(|seq| inner.disk.change(seq));
        let layers = [Some(&inner.layers.active), inner.layers.frozen.as_deref(), None];
        look(&View::<dyn Base>::new(layers, &base))
    }

    fn policy(&self) -> Policy {
        self.0.lock().settings.policy
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.0.lock().driver.catalogue()
    }
}
