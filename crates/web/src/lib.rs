//! The HTTP API and its start page: one axum router for every deployable.
//!
//! [`router`](router::router) is the whole API on one page, [`error`] the only place an error
//! becomes a status, [`serve`](serve::serve) the fastest way to put it on a socket.
//!
//! Never: a decision about an order, a store, personal data in a log.
#![forbid(unsafe_code)]

pub mod archived;
pub mod asyncapi;
mod audits;
pub mod batches;
pub mod clients;
pub mod error;
pub mod filing;
pub mod followers;
pub mod hooks;
pub mod keys;
pub mod limits;
pub mod links;
pub mod metrics;
pub mod openapi;
pub mod router;
pub mod serve;

mod asked;
mod body;
mod changes;
mod commands;
mod customers;
mod docs;
mod documents;
mod events;
mod explain;
mod feed;
mod fields;
mod files;
mod gate;
mod guard;
mod idempotency;
mod intake;
mod json;
mod letters;
mod no_request;
mod order;
mod orders;
mod page;
mod params;
mod place;
mod preview;
mod products;
mod query;
mod quotes;
mod rows;
mod rules;
mod rules_test;
mod spool;
mod status;
mod stock;
mod stream;
pub mod trace;
mod waiting;
mod webhooks;

#[cfg(test)]
mod mutated;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::Extensions;
use domain::time::Timestamp;
use service::ledger::Ledger;
use service::measure::Commits;
use service::memory::Clock;
use service::query::Queries;
use service::wire::document;
use service::wire::message::Lang;
use tokio::sync::{Semaphore, watch};

pub use batches::{BatchError, BatchRuns, Format, Live, NewBatch, NoBatches, Shown, Started};
pub use clients::Clients;
pub use error::Error;
pub use events::line as change_line;
pub use filing::{FileName, FileRuns, FileState, NewFile, NoFiles, TakenFile};
pub use followers::{Follower, FollowerRuns, NoFollowers, Standing};
pub use gate::Gate;
pub use hooks::{Hooks, NoHooks};
pub use keys::{Key, Keys, KeysError, Scope};
pub use limits::Limits;
pub use links::Links;
pub use metrics::{Gauges, Metrics};
pub use preview::{Message, NoPreviews, Previews, Reader};
pub use query::NoQueries;
pub use router::router;
pub use serve::serve;
pub use trace::Tracer;

/// Everything a request may need.
pub struct App {
    /// The one durable door.
    pub ledger: Arc<dyn Ledger>,
    /// What runs batches.
    pub batches: Arc<dyn BatchRuns>,
    /// What takes files in.
    pub files: Arc<dyn FileRuns>,
    /// What tells webhook endpoints.
    pub hooks: Arc<dyn Hooks>,
    /// What drives consumers of changes.
    pub followers: Arc<dyn FollowerRuns>,
    /// What writes messages as they would be sent.
    pub previews: Arc<dyn Previews>,
    /// What answers SQL.
    pub queries: Arc<dyn Queries>,
    /// What the installation says.
    pub settings: Settings,
    /// Who may call; everybody, when absent.
    pub keys: Option<Keys>,
    /// Allowances of clients without a key.
    pub clients: Clients,
    /// What links to documents are signed with.
    pub links: Links,
    /// How much invalid input is kept.
    pub gate: Gate,
    /// Who keeps documents beside the log.
    pub archive: Arc<dyn archived::Archived>,
    /// What is counted.
    pub metrics: Metrics,
    /// What time it is, for quotes and for links that expire.
    pub clock: Clock,
    /// How the server fares. Asked often: must be cheap.
    pub health: Arc<dyn Fn() -> Health + Send + Sync>,
    /// How the ledger's commits fare, for `/metrics`.
    pub commits: Arc<Commits>,
    /// Who is told of requests, when anybody is.
    pub tracer: Option<Arc<dyn Tracer>>,
    /// Where the log ends, told after each commit: streams of events wait for it. One that nobody
    /// tells is looked at with every heartbeat.
    pub end: watch::Receiver<u64>,
    /// Streams of events there may still be.
    pub(crate) streams: Arc<Semaphore>,
    /// Whether streams of events are to end.
    pub(crate) closing: watch::Sender<bool>,
    /// Figures of the store, for `/metrics`.
    pub gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
}

impl App {
    /// An app without API keys and links, on the system's clock, that is always healthy and has no figures of a store: set the
    /// fields that are known better.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, settings: Settings) -> Self {
        Self {
            ledger,
            batches: Arc::new(NoBatches),
            files: Arc::new(NoFiles),
            hooks: Arc::new(NoHooks),
            followers: Arc::new(NoFollowers),
            previews: Arc::new(NoPreviews),
            queries: Arc::new(NoQueries),
            keys: None,
            clients: Clients::new(&settings.limits),
            links: Links::none(),
            archive: Arc::new(archived::NotArchived),
            gate: Gate::default(),
            metrics: Metrics::default(),
            clock: Arc::new(|| Timestamp(jiff::Timestamp::now().as_microsecond())),
            health: Arc::new(Health::default),
            commits: Arc::default(),
            tracer: None,
            end: watch::channel(0).1,
            streams: Arc::new(Semaphore::new(settings.limits.streams_max)),
            closing: watch::Sender::new(false),
            gauges: Arc::new(Gauges::default),
            settings,
        }
    }
}

impl App {
    /// Notes where a request came from that somebody else's socket brought: what is refused is
    /// recorded under its network, and its allowance is that of its address.
    pub fn came_from(&self, peer: IpAddr, extensions: &mut Extensions) {
        extensions.insert(guard::Peer(peer));
        if let allowance @ Some(_) = self.clients.of(peer) {
            extensions.insert(guard::Client(allowance));
        }
    }

    /// Bounds how many streams of events there may be at once.
    pub fn bound_streams(&mut self, most: usize) {
        self.streams = Arc::new(Semaphore::new(most));
    }

    /// Records how much invalid input was only counted in minutes that are over. A server does so
    /// by itself.
    pub async fn settle_invalid(&self) {
        audits::settle(self, self.gate.due((self.clock)())).await;
    }
}

/// What the installation says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How documents are read. REST sets `missing_id` to `Make`.
    pub documents: document::Settings,
    /// The language of those who ask for none of ours.
    pub language: Lang,
    /// ISO 4217 code of the currency.
    pub currency: Box<str>,
    /// Where events say that they come from: a URI reference, of this installation alone.
    pub source: Box<str>,
    /// Every bound.
    pub limits: Limits,
    /// Where bodies of batches are spooled; must exist, on a disk that holds what it syncs.
    pub spool_dir: PathBuf,
    /// The program's version, shown to operators.
    pub version: &'static str,
}

impl Settings {
    /// Brazilian reais, English, the default limits; ids of orders that have none are UUIDv7.
    #[must_use]
    pub fn new(mut documents: document::Settings, spool_dir: PathBuf) -> Self {
        documents.missing_id = document::MissingId::Make(Arc::new(fields::new_order_id));
        Self {
            documents,
            language: Lang::En,
            currency: "BRL".into(),
            source: service::wire::cloud_event::SOURCE.into(),
            limits: Limits::default(),
            spool_dir,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Decimals of the currency.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        self.documents.currency_exponent
    }
}

/// How the server fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the store's writer takes requests.
    pub writer_alive: bool,
    /// Whether disk space is below the safe minimum.
    pub disk_low: bool,
    /// Free bytes of the store's disk, when known.
    pub disk_free_bytes: Option<u64>,
    /// What else is wrong, for operators; empty when nothing is.
    pub problems: Vec<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self { writer_alive: true, disk_low: false, disk_free_bytes: None, problems: Vec::new() }
    }
}

impl Health {
    /// Whether requests are taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.writer_alive && !self.disk_low
    }
}
