//! The ledger on DynamoDB: the same decisions as everywhere, over rows of one table.
//!
//! A call reads the rows it needs, lets the serial driver of `service` decide over them, and writes
//! what that came to under the condition that they still are what was read; if they are not, it
//! decides again. So no rule is written twice, and what is answered is what every other ledger
//! answers.
//!
//! Never: a row that is written without having been read, or an answer before the write.

mod base;
mod catalogue;
mod changes;
mod commit;
mod door;
mod drive;
mod item;
mod keys;
mod named;
mod plan;
mod position;
mod rows;
mod staged;
mod table;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use domain::facts::Policy;
use domain::id::{BatchId, MerchantId, StepName, StockKey};
use parking_lot::{Mutex, RwLock};
use service::catalogue::Catalogue;
use service::change::{Change, Seq};
use service::ledger::{Answer, Changes, Ledger, Look, Request, Task, Unavailable};
use service::memory::Clock;
use service::serial;
use service::view::{Base, View};

pub use self::door::Interrupt;
use self::door::{DECIDERS, Door};
use self::position::Positions;
use self::rows::Rows;
pub use self::table::{create, definition};

/// The built-in step that an order waits for when it was taken in without looking for stock.
pub const ALLOCATION: &str = "allocation";

/// Where a ledger's randomness comes from: positions within a millisecond, waits between tries.
pub type Random = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a ledger on DynamoDB needs to know.
#[derive(Clone)]
pub struct Settings {
    /// What every driver needs to know of its installation.
    pub serial: serial::Settings,
    /// The table.
    pub table: String,
    /// Where its time comes from.
    pub clock: Clock,
    /// Where its randomness comes from.
    pub random: Random,
    /// How old a change is before followers are shown it, so that none that commits late is passed
    /// by: a commit that is not sent within half of it is decided again. Zero where one process is
    /// all there is.
    pub settle: Duration,
    /// Rows that the counters of a product are spread over: 1 to 32. More of them let more orders
    /// for one product commit at the same time, and cost a row each where they are counted.
    pub stock_shards: u32,
    /// Partitions that a list of an index is spread over: 1 to 32, and never fewer later. Each
    /// takes about a thousand orders a second.
    pub list_shards: u32,
    /// For how long the catalogue is not asked for its version again. Prices of orders that come in
    /// meanwhile may be that old.
    pub catalogue_age: Duration,
    /// Whether orders look for stock when they come in.
    pub intake: Intake,
    /// Who gives out free stock.
    pub releases: Releases,
    /// For how long nobody else aborts a commit in several pages.
    pub staging: Duration,
    /// Tests have the process die where it says so.
    pub interrupt: Option<Interrupt>,
}

/// Whether orders look for stock when they come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// They do; after so many lost races they wait for [`ALLOCATION`] instead, which somebody has
    /// to pass.
    AtOnce {
        /// Most races that an order may lose; for ever, where absent.
        races: Option<u32>,
    },
    /// They wait for [`ALLOCATION`].
    Deferred,
}

/// Who gives out stock that has become free to the orders that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Releases {
    /// Whoever freed it, before the answer.
    Here,
    /// Whoever calls [`DynamoLedger::release`].
    Elsewhere,
}

impl Settings {
    /// What a single process would want: everything at once, one row of counters.
    #[must_use]
    pub fn new(table: impl Into<String>, clock: Clock, random: Random) -> Self {
        Self {
            serial: serial::Settings { exponent: 2, ..serial::Settings::default() },
            table: table.into(),
            clock,
            random,
            settle: Duration::ZERO,
            stock_shards: 1,
            list_shards: 4,
            catalogue_age: Duration::ZERO,
            intake: Intake::AtOnce { races: None },
            releases: Releases::Here,
            staging: Duration::from_secs(15),
            interrupt: None,
        }
    }
}

/// How rows of the table are laid out: what reading them needs to know.
#[derive(Clone, Debug)]
struct Shape {
    stock_shards: u32,
    list_shards: u32,
    exponent: u32,
}

/// What the calls of a ledger share.
struct Shared {
    door: Door,
    settings: Settings,
    shape: Shape,
    positions: Positions,
    catalogue: RwLock<Known>,
    keeps_stock: Mutex<hashbrown::HashSet<MerchantId>>,
    under_way: AtomicUsize,
    conflicts: AtomicUsize,
}

/// The catalogue, and when it was last found to be the table's.
struct Known {
    loaded: catalogue::Loaded,
    at: Option<domain::time::Timestamp>,
}

/// A ledger on DynamoDB.
pub struct DynamoLedger {
    shared: Arc<Shared>,
    /// The last call of each batch that is under way: the next one waits for it.
    batches: Mutex<HashMap<BatchId, Receiver<()>>>,
}

impl DynamoLedger {
    /// A ledger over a table that is there: see [`create`].
    ///
    /// # Errors
    /// When the machine has no threads left.
    pub fn open(client: Client, settings: Settings) -> std::io::Result<Self> {
        let door = Door::open(client, settings.table.clone(), settings.interrupt.clone())?;
        let shape = Shape {
            stock_shards: settings.stock_shards.clamp(1, 32),
            list_shards: settings.list_shards.clamp(1, 32),
            exponent: settings.serial.exponent,
        };
        let empty = Catalogue {
            exponent: shape.exponent,
            steps: settings.serial.steps.clone(),
            ..Catalogue::default()
        };
        let loaded = catalogue::Loaded { catalogue: Arc::new(empty), ..Default::default() };
        let shared = Shared {
            door,
            settings,
            shape,
            positions: Positions::default(),
            catalogue: RwLock::new(Known { loaded, at: None }),
            keeps_stock: Mutex::default(),
            under_way: AtomicUsize::new(0),
            conflicts: AtomicUsize::new(0),
        };
        Ok(Self { shared: Arc::new(shared), batches: Mutex::default() })
    }

    /// Gives free stock of a product to the orders that wait for it, until there is none or nobody
    /// waits. Without any, nothing is done. Blocks; at most [`Self::RELEASE_STEPS_MAX`] steps, and
    /// whoever asked is told whether there is more to give out.
    ///
    /// # Errors
    /// [`Unavailable`]; what was given out stays so, and asking again goes on.
    pub fn release(&self, stock: &StockKey) -> Result<bool, Unavailable> {
        self.shared.release(stock)
    }

    /// Steps of at most 256 orders that one release takes.
    pub const RELEASE_STEPS_MAX: usize = 64;

    /// Takes a commit in several pages to its end, when it has happened or nobody is at it any
    /// more. Blocks. One that has ended is no error.
    ///
    /// # Errors
    /// [`Unavailable`]; asking again goes on.
    pub fn finish(&self, commit: &str) -> Result<(), Unavailable> {
        let now = (self.shared.settings.clock)();
        staged::help(&self.shared.door, commit, now).map_err(Unavailable::from)
    }

    /// What processes that died may have left: products whose free stock is being given out, and
    /// commits in several pages; at most `limit` of each. Blocks.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when the table cannot be read.
    pub fn unfinished(&self, limit: usize) -> Result<(Vec<StockKey>, Vec<String>), Unavailable> {
        let rows = self.shared.rows();
        let releases = rows.named(keys::RELEASES, None, limit)?;
        let stock = |row| keys::read_stock_name(item::maybe_text(row, "name")?);
        let commits = rows.named(keys::COMMITS, None, limit)?;
        let id = |row| item::maybe_text(row, "name").map(str::to_owned);
        let releases = releases.iter().filter_map(stock).collect();
        Ok((releases, commits.iter().filter_map(id).collect()))
    }

    /// How often a decision was made again because a row had changed in between.
    #[must_use]
    pub fn conflicts(&self) -> usize {
        self.shared.conflicts.load(Ordering::Relaxed)
    }

    /// Begins to execute: not when the answer is waited for, but now.
    fn begin(&self, requests: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        let shared = self.shared.clone();
        let turn = self.turn(&requests);
        shared.under_way.fetch_add(1, Ordering::Relaxed);
        let done = self.shared.door.runtime().spawn_blocking(move || {
            let turn = turn.map(Turn::wait);
            let answers = shared.execute(&requests);
            drop(turn);
            shared.under_way.fetch_sub(1, Ordering::Relaxed);
            answers
        });
        Box::pin(async move { done.await.unwrap_or(Err(Unavailable::OutcomeUnknown)) })
    }

    /// Calls of one batch are committed in the order they were made.
    fn turn(&self, requests: &[Request]) -> Option<Turn> {
        let Some(Request::Checkpoint(batch)) = requests.last() else { return None };
        let (mine, next) = channel();
        let mut batches = self.batches.lock();
        // Those that are done have hung up.
        let is_over = |last: &Receiver<()>| {
            matches!(last.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected))
        };
        batches.retain(|_, last| !is_over(last));
        Some(Turn { before: batches.insert(batch.id.clone(), next), mine })
    }
}

/// A call's place behind the one before it.
struct Turn {
    before: Option<Receiver<()>>,
    mine: Sender<()>,
}

impl Turn {
    /// Waits until the one before is over, whatever became of it.
    fn wait(self) -> Sender<()> {
        if let Some(before) = self.before {
            let _ = before.recv(); // nobody sends: the other end goes when it is over
        }
        self.mine
    }
}

impl Shared {
    fn rows(&self) -> Rows<'_> {
        Rows::new(&self.door, &self.shape)
    }

    /// The catalogue as it is now, or was not long ago.
    fn refreshed(&self, rows: &Rows<'_>) -> Result<catalogue::Loaded, Unavailable> {
        let now = (self.settings.clock)();
        {
            let known = self.catalogue.read();
            let age = i64::try_from(self.settings.catalogue_age.as_micros()).unwrap_or(i64::MAX);
            if known.at.is_some_and(|at| now.0.saturating_sub(at.0) < age) {
                return Ok(known.loaded.clone());
            }
        }
        let known = self.catalogue.read().loaded.clone();
        let mut loaded = catalogue::load(rows, &known)?;
        if loaded.version != known.version {
            let mut whole = Catalogue::clone(&loaded.catalogue);
            whole.steps = self.settings.serial.steps.clone();
            loaded.catalogue = Arc::new(whole);
        }
        self.know(loaded.clone(), now);
        Ok(loaded)
    }

    fn know(&self, loaded: catalogue::Loaded, at: domain::time::Timestamp) {
        let mut known = self.catalogue.write();
        if loaded.version >= known.loaded.version {
            *known = Known { loaded, at: Some(at) };
        }
    }
}

impl Ledger for DynamoLedger {
    fn execute(&self, requests: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        if self.shared.under_way.load(Ordering::Relaxed) >= DECIDERS {
            return Box::pin(std::future::ready(Err(Unavailable::Full)));
        }
        self.begin(requests)
    }

    fn execute_patiently(
        &self,
        requests: Vec<Request>,
    ) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        self.begin(requests)
    }

    /// Rows are consistent one by one: two of them may be of two moments, as far as a commit came
    /// between the reads.
    fn look(&self, look: &mut Look<'_>) -> Result<(), Unavailable> {
        let rows = self.shared.rows();
        look(&View::<dyn Base>::new([None, None, None], &rows))
    }

    fn policy(&self) -> Policy {
        self.shared.settings.serial.policy
    }

    /// The catalogue that is known, where the table cannot be asked.
    fn catalogue(&self) -> Arc<Catalogue> {
        match self.shared.refreshed(&self.shared.rows()) {
            Ok(loaded) => loaded.catalogue,
            Err(error) => {
                tracing::warn!(%error, "the catalogue could not be asked for its version");
                self.shared.catalogue.read().loaded.catalogue.clone()
            }
        }
    }
}

impl Changes for DynamoLedger {
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        self.shared.read_changes(after, limit)
    }

    fn change(&self, seq: Seq) -> Result<Change, Unavailable> {
        self.shared.rows().change(seq)
    }

    fn scan(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable> {
        self.shared.scan_changes(from, until, visit)
    }
}

/// The step's name.
fn allocation() -> StepName {
    StepName::parse(ALLOCATION).expect("it is a name")
}
