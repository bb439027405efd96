//! SQL over a store: the engine beside a server, or the one that a command needs for a moment.
//!
//! Never: an engine that nobody asks.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lake::present::Lake;
use lake::snapshot::Present;
use lake::table::Table;
use service::ledger::Task;
use service::query::{Answer, Queries, Question, Refused, Tally, Why};

use crate::cmd::lake::catch_up;
use crate::installation::Installation;
use crate::lake::Writing;
use crate::spoken::{self, told, word};

/// The folder, in the store's, of what statements put aside. It is emptied at every start.
const SPILL: &str = "sql-spill";
/// How much the engine's threads leave to others (`nice`): intake goes first, the lake's own
/// writing last.
const NICE: i32 = 5;

/// The engine over a lake, with the ready-made views.
///
/// # Errors
/// When its folder or its threads cannot be made, or a view is wrong.
pub(crate) fn open(
    lake: &Arc<Lake>,
    data_dir: &Path,
    installation: &Installation,
) -> Result<Arc<sql::Engine>> {
    let settings = &installation.sql;
    let limits = sql::Limits {
        memory_bytes: usize::try_from(settings.memory_mb.0 << 20).unwrap_or(usize::MAX),
        timeout: Duration::from_secs(settings.timeout_s.0),
        concurrency: usize::try_from(settings.concurrency.0).unwrap_or(usize::MAX),
        spill: data_dir.join(SPILL),
    };
    let tables = Table::ALL.map(|table| (table, table.schema()));
    let engine = sql::Engine::open(lake.clone(), &tables, limits, be_nice);
    let engine = engine.with_context(|| told!("no-sql"))?;
    engine.add_views().with_context(|| told!("no-sql"))?;
    Ok(Arc::new(engine))
}

/// Leaves the processor to others. Where that is refused it shares it evenly, which is no harm.
fn be_nice() {
    // Only Linux does this to a thread; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread of the engine is as urgent as others");
    }
}

/// An engine that is opened by the first question, after the lake was brought up to date: for
/// commands that opened the store themselves, of which few ask anything.
pub(crate) struct Late {
    open: Box<dyn Fn() -> Result<Opened> + Send + Sync>,
    opened: OnceLock<Opened>,
}

/// What asking takes. The engine goes first: it reads what is written.
pub(crate) struct Opened {
    pub(crate) engine: Arc<sql::Engine>,
    pub(crate) _writing: Writing,
}

impl Late {
    /// One that `open` opens.
    pub(crate) fn new(open: impl Fn() -> Result<Opened> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), opened: OnceLock::new() }
    }

    fn engine(&self) -> Result<&sql::Engine> {
        if let Some(opened) = self.opened.get() {
            return Ok(&opened.engine);
        }
        let opened = (self.open)()?;
        Ok(&self.opened.get_or_init(|| opened).engine)
    }
}

impl Queries for Late {
    fn ask(&self, question: Question) -> Task<'_, Result<Answer, Refused>> {
        Box::pin(async move {
            // Nobody else is on this thread: a command asks one thing at a time.
            match self.engine() {
                Ok(engine) => engine.ask(question).await,
                Err(error) => {
                    tracing::error!(error = spoken::chain(&error), "nothing can be asked");
                    let (why, message) = (Why::Unavailable, String::new());
                    Err(Refused { why, message, place: None })
                }
            }
        })
    }

    fn tally(&self) -> Tally {
        self.opened.get().map(|opened| opened.engine.tally()).unwrap_or_default()
    }
}

/// Waits until a lake shows all that is committed, and says how far it is where somebody looks.
///
/// # Errors
/// When the lake's writer stands still.
pub(crate) fn caught_up(writing: &Writing) -> Result<()> {
    let bar = bar(writing.lake.committed());
    let done = catch_up(writing, |until| bar.set_position(until));
    bar.finish_and_clear();
    done
}

fn bar(bytes: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let template = format!("{} {{bar:30}} {{percent:>3}} %", word!("said-lake-follows"));
    let style = ProgressStyle::with_template(&template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style)
}
