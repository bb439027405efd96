//! Writes the lake: once a minute, from where its manifest says up to where the log is settled.
//!
//! It is the writer of every lake (`lake::writer`), driven by one invocation from one file to the
//! next instead of by threads. One invocation runs at a time; if there ever are two, the manifest's
//! number decides, and the other stops without harm.
//!
//! Never: a change that is passed by. What is read is old enough that nothing older can appear.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use futures_util::TryStreamExt;
use lake::error::Error;
use lake::manifest::{FOLDER, Manifest};
use lake::perform::{late, patience, perform};
use lake::present::Lake as Present;
use lake::read::stretch;
use lake::scribe::{Scribe, Terms as RowTerms};
use lake::snapshot::Files;
use lake::store;
use lake::writer::{Input, Output, Sweep, Terms, Writer};
use serde::Serialize;
use service::change::{Change, Seq};
use service::ledger::{Changes, Ledger, Unavailable};
use service::memory::Clock;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::work::blocking;

/// Rows go into a file once they take so much memory, the rest with the end of the invocation.
const FLUSH_BYTES: usize = 64 << 20;
/// Nothing more is read while rows take so much memory: below what the function has.
const TAIL_BYTES_MAX: usize = 256 << 20;
/// How long before the invocation ends nothing more is read: what is there is written by then.
const MARGIN: Duration = Duration::from_secs(60);
/// How long replaced files stay for who reads them: longer than any statement may take.
const GRACE: Duration = Duration::from_secs(3_600);
/// How often files are removed that are not named any more, in minutes.
const SWEEP_MINUTES: i64 = 60;
/// Milliseconds stand so far left in a sequence number.
const MILLISECOND_BITS: u32 = 22;

/// Who writes the lake.
pub struct Lake {
    /// Where the log is.
    pub ledger: Arc<dyn Ledger>,
    /// Where files go.
    pub files: Files,
    /// What rows depend on besides the log.
    pub rows: RowTerms,
    /// What time it is.
    pub clock: Clock,
}

/// What an invocation came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The newest manifest.
    pub version: u64,
    /// The log up to here is in files.
    pub until: u64,
    /// Rows that were written, of all tables.
    pub rows: u64,
    /// Files that were removed.
    pub removed: usize,
}

impl Lake {
    /// Writes what is new, until `left` is over. `name` is one that no other invocation has.
    ///
    /// # Errors
    /// [`Error`]: what is not written is written by the next invocation, unless it is final.
    pub async fn handle(&self, name: &str, left: Duration) -> Result<Written, Error> {
        let until = Instant::now() + left.saturating_sub(MARGIN);
        let log = Log(&*self.ledger);
        let committed = store::open(&self.files).await?;
        blocking(|| store::check(&committed.manifest, &log))?;
        let begun = committed.manifest.until;
        let mut make = Scribe::new(self.ledger.clone(), self.rows.clone(), begun);
        let lake = Arc::new(Present::new(self.files.clone(), committed, watch::channel(0).1));
        let mut writer = Writer::new(lake.clone(), terms(name), (self.clock)());
        let (turn, mut stopping) = (Mutex::new(()), false);
        let mut inputs = VecDeque::from([Input::Time]);
        loop {
            let Some(input) = inputs.pop_front() else {
                if stopping {
                    break;
                }
                stopping = true;
                inputs.push_back(Input::Stop);
                continue;
            };
            for output in writer.step((self.clock)(), input) {
                match output {
                    // When there is no time the rest is left to the next invocation.
                    Output::Read(_) if Instant::now() >= until => {}
                    Output::Read(after) => {
                        let read = blocking(|| stretch(&log, &mut make, after, 0));
                        inputs.push_back(Input::Read(read));
                    }
                    Output::Wake(_) => {}
                    Output::Write(..)
                    | Output::Merge(_)
                    | Output::Commit(_)
                    | Output::Delete(_)
                    | Output::Sweep(_) => inputs.extend(self.done(&turn, output, left).await),
                }
            }
        }
        let (figures, manifest) = (lake.figures(), lake.newest().manifest);
        if let Some((_, why)) = figures.last_error {
            tracing::error!(%why, "the lake is not written up to the end");
            return Err(Error::Log(Unavailable::Read(why.into())));
        }
        let removed = self.sweep(name, manifest.version).await?;
        Ok(Written {
            version: manifest.version,
            until: manifest.until,
            rows: figures.rows,
            removed,
        })
    }

    /// Does one thing that concerns files; what takes too long has failed.
    async fn done(&self, turn: &Mutex<()>, output: Output, left: Duration) -> Option<Input> {
        let (patience, late) = (patience(&output).min(left), late(&output));
        let done = tokio::time::timeout(patience, perform(&self.files, turn, output)).await;
        done.unwrap_or(late)
    }

    /// Once an hour, removes files that no manifest of the last one names.
    async fn sweep(&self, name: &str, newest: u64) -> Result<usize, Error> {
        let now = (self.clock)();
        if now.0.div_euclid(60_000_000).rem_euclid(SWEEP_MINUTES) != 0 {
            return Ok(0);
        }
        let listed = self.files.store.list(Some(&self.files.path(FOLDER)));
        let listed: Vec<_> = listed.try_collect().await?;
        let oldest = now.0.div_euclid(1_000_000) - GRACE.as_secs() as i64;
        let mut named = Vec::new();
        for found in listed {
            let Some(version) = Manifest::version_of(found.location.as_ref()) else { continue };
            if version == newest || found.last_modified.timestamp() >= oldest {
                let manifest = store::manifest(&self.files, version).await?;
                named.extend(manifest.paths().map(str::to_owned));
                named.push(Manifest::path(version));
            }
        }
        store::sweep(&self.files, &Sweep { writer: name.to_owned(), named }).await
    }
}

fn terms(name: &str) -> Terms {
    Terms {
        writer: name.to_owned(),
        flush_us: i64::MAX,
        flush_bytes: FLUSH_BYTES,
        tail_bytes_max: TAIL_BYTES_MAX,
        // Files are removed by whoever comes later: an invocation does not live that long.
        grace_us: i64::MAX,
        keep_days: 0,
    }
}

/// The log as the lake reads it. A change is filed under the day of its place: places only grow,
/// while the clocks of those who write may be apart.
struct Log<'a>(&'a dyn Ledger);

fn placed(seq: Seq, mut change: Change) -> Change {
    let milliseconds = i64::try_from(seq.0 >> MILLISECOND_BITS).unwrap_or(i64::MAX);
    change.at = change.at.max(Timestamp(milliseconds.saturating_mul(1_000)));
    change
}

impl Changes for Log<'_> {
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        let read = self.0.read(after, limit)?;
        Ok(read.into_iter().map(|(seq, change)| (seq, placed(seq, change))).collect())
    }

    fn change(&self, seq: Seq) -> Result<Change, Unavailable> {
        Ok(placed(seq, self.0.change(seq)?))
    }

    fn scan(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable> {
        self.0.scan(from, until, &mut |seq, change| visit(seq, placed(seq, change)))
    }
}
