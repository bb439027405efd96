//! The lake beside a store: two threads that make files of the log, and what the rest of the
//! program sees of them.
//!
//! One thread reads the log and makes rows, one writes files; both are nicer than whoever takes
//! orders. What to do says the lake's writer, which decides nothing about time or files itself.
//!
//! Never: a wait for the lake where an order is taken in.

mod follow;
mod listed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use connectors::place::{self, Objects};
use connectors::webhook::Secrets;
use domain::time::Timestamp;
use lake::manifest::Manifest;
use lake::present::Lake;
use lake::rows::MakeRows;
use lake::scribe::{self, Scribe};
use lake::snapshot::{Files, Present};
use lake::writer;
use parking_lot::Mutex;
use service::ledger::Ledger;
use service::memory::Clock;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use web::metrics::LakeState;

use crate::config::Enabled;
use crate::installation::Installation;
use crate::places;
use crate::spoken::told;

pub(crate) use self::listed::Listed;

/// What it is called among those who follow the log.
pub(crate) const NAME: &str = "lake";
/// Its folder in the store's, where the settings name no other place.
const FOLDER: &str = "lake";
/// The file of the secret that customers' pseudonyms are made with, in the store's folder.
pub(crate) const SECRET: &str = "lake.secret";
/// Rows in memory for each megabyte of the flush that is asked for: one flush is written while
/// the next is gathered.
const TAIL_FLUSHES: usize = 2;
/// How long replaced files stay for who reads them: longer than any statement may take.
const GRACE: Duration = Duration::from_secs(600);
/// How long the last rows may take into files when a server stops; those that are not there are made
/// again at the next start.
const LAST_ROWS: Duration = Duration::from_secs(3);
/// The same for a command that is there to write them.
const ALL_ROWS: Duration = Duration::from_secs(600);
/// How much the threads leave to others (`nice`): intake goes first.
const NICE: i32 = 10;

/// A lake that is written.
pub(crate) struct Writing {
    pub(crate) lake: Arc<Lake>,
    stop: watch::Sender<Option<Duration>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What writing it takes.
pub(crate) struct Needs<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) installation: &'a Installation,
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Where the log ends, told after each commit.
    pub(crate) end: watch::Receiver<u64>,
    pub(crate) clock: Clock,
}

/// The lake's place, by what the settings say.
///
/// # Errors
/// When the settings do not fit together, or its folder cannot be made.
pub(crate) fn files(data_dir: &Path, installation: &Installation) -> Result<Files> {
    let Objects { store, prefix, .. } = match places::lake(installation)? {
        Some(place) => place.open().with_context(|| told!("no-lake"))?,
        None => {
            let folder = folder(data_dir);
            std::fs::create_dir_all(&folder)
                .with_context(|| told!("no-create", path = folder.display().to_string()))?;
            place::folder(&folder).with_context(|| told!("no-lake"))?
        }
    };
    Ok(Files { store, root: prefix })
}

/// Where it is unless the settings say otherwise.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER)
}

/// Whether there is one.
pub(crate) fn is_enabled(installation: &Installation) -> bool {
    installation.lake.enabled == Enabled::Yes
}

impl Writing {
    /// Starts to write, where the lake ends. A place that does not answer is tried again.
    ///
    /// # Errors
    /// When the place cannot be set up, or threads cannot be started.
    pub(crate) fn start(needs: Needs<'_>) -> Result<Self> {
        let Needs { data_dir, installation, ledger, end, clock } = needs;
        // Readers have a client of their own: what one of them waits for holds up no other.
        let (read, write) = (files(data_dir, installation)?, files(data_dir, installation)?);
        sweep_staged(&folder(data_dir));
        let lake = Arc::new(Lake::unopened(read, end.clone()));
        let (stop, stopping) = watch::channel(None);
        // At most one flush, one merge, one commit and one removal are under way.
        let (jobs, ordered) = mpsc::unbounded_channel();
        let (told, tells) = mpsc::unbounded_channel();
        let make = maker(ledger.clone(), data_dir, installation)?;
        let terms = terms(installation)?;
        let follow =
            follow::Follow { lake: lake.clone(), ledger, end, clock, terms, make, jobs, stopping };
        let (following, filing) = (runtime()?, runtime()?);
        let threads = vec![
            thread("lake", move || following.block_on(follow.run(tells)))?,
            thread("lake-files", move || {
                filing.block_on(follow::file(write, ordered, told));
                filing.shutdown_background();
            })?,
        ];
        Ok(Self { lake, stop, threads: Mutex::new(threads) })
    }

    /// Ends, with everything in files that it shows; what is there then.
    ///
    /// # Errors
    /// When files could not be written.
    pub(crate) fn finish(&self) -> Result<Arc<Manifest>> {
        let shown = self.lake.snapshot();
        self.end(ALL_ROWS);
        let made = self.lake.newest().manifest;
        let last = shown.tail.last().map_or(0, |rows| rows.until);
        if made.until < last {
            let why =
                self.lake.figures().last_error.map_or_else(String::new, |(_, why)| why.into());
            bail!(told!("no-lake-files", why = why));
        }
        Ok(made)
    }

    /// How it is written, for metrics.
    pub(crate) fn state(&self) -> LakeState {
        let (figures, manifest) = (self.lake.figures(), self.lake.newest().manifest);
        LakeState {
            tail_bytes: self.lake.tail_bytes() as u64,
            tail_rows: self.lake.tail_rows(),
            segments: manifest.segments.len() as u64,
            file_bytes: manifest.bytes(),
            flushes: figures.flushes,
            rows: figures.rows,
            written_bytes: figures.bytes,
            compactions: figures.compactions,
            failures: figures.failures,
        }
    }

    /// Ends in good order: what is in memory is written if that is quick, else read again later.
    pub(crate) fn stop(&self) {
        self.end(LAST_ROWS);
    }

    fn end(&self, patience: Duration) {
        self.stop.send_replace(Some(patience));
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the lake panicked");
            }
        }
    }
}

/// Nobody leaves threads behind that hold the store open.
impl Drop for Writing {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes the rows, beginning behind a change.
type Make = Box<dyn Fn(u64) -> Box<dyn MakeRows> + Send>;

fn maker(ledger: Arc<dyn Ledger>, data_dir: &Path, installation: &Installation) -> Result<Make> {
    let secret = data_dir.join(SECRET);
    let pseudonyms = Secrets::open(&secret)?.pseudonyms();
    let currency = &installation.orders.currency;
    let terms = scribe::Terms {
        exponent: currency.exponent,
        currency: currency.code.clone(),
        time_zone: installation.orders.time_zone.clone(),
        pseudonyms,
    };
    Ok(Box::new(move |until| Box::new(Scribe::new(ledger.clone(), terms.clone(), until))))
}

fn terms(installation: &Installation) -> Result<writer::Terms> {
    let settings = &installation.lake;
    let megabytes = |number: u64| usize::try_from(number << 20).unwrap_or(usize::MAX);
    let flush_bytes = megabytes(settings.flush_mb.0);
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Ok(writer::Terms {
        writer: format!("{:08x}", getrandom::u32().with_context(|| told!("no-lake"))?),
        flush_us: micros(Duration::from_secs(settings.flush_s.0)),
        flush_bytes,
        tail_bytes_max: flush_bytes.saturating_mul(TAIL_FLUSHES),
        grace_us: micros(GRACE),
        keep_days: u32::try_from(settings.keep_days.0).unwrap_or(u32::MAX),
    })
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        be_nice();
        run();
    })
}

/// Leaves the processor to others. Where that is refused it shares it evenly, which is no harm.
fn be_nice() {
    // Only Linux does this to a thread; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the lake's thread is as urgent as others");
    }
}

/// Removes what a crash left of files that were being written: listings do not show them.
fn sweep_staged(folder: &Path) {
    let entries = walkdir::WalkDir::new(folder).follow_links(false).into_iter().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_file()) {
        let name = entry.file_name().to_string_lossy();
        let is_staged = name.rsplit_once('#').is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        if is_staged && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(%error, "a leftover of the lake stays: {}", entry.path().display());
        }
    }
}

/// How long from `now` until `at`.
fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0))
}
