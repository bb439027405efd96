//! Puts the parts together: the only file of this crate that names both engine and web.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use engine::Engine;
use parking_lot::Mutex;
use service::follow::Sink;
use service::ledger::Ledger;
use service::letters::Sweeper;
use service::webhooks::message;
use service::wire::document::Settings;
use web::metrics::Gauges;
use web::{App, Health, Keys, Links};

use crate::alerts;
use crate::archive;
use crate::batches::{Port, Runner};
use crate::files::{self, Files};
use crate::followers::{Followers, Needs};
use crate::installation::{Installation, clock};
use crate::lake::{self, Listed, Writing};
use crate::notices;
use crate::places;
use crate::queries::{self, Late};
use crate::queues::Queues;
use crate::settled;
use crate::spoken::told;
use crate::steps;
use crate::sweeps::Sweeps;
use crate::telemetry::Traces;
use crate::webhooks;

/// A store with everything around it.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) app: Arc<App>,
    pub(crate) batches: Arc<Runner>,
    /// Where the settings name a collector, and anyone may call.
    pub(crate) traces: Option<Arc<Traces>>,
    pub(crate) files: Arc<Files>,
    /// Whoever follows the log; nobody until something is put there.
    pub(crate) followers: Arc<Followers>,
    /// Who writes the lake: of a server that has one.
    pub(crate) lake: Option<Arc<Writing>>,
    /// What answers SQL over it.
    pub(crate) sql: Option<Arc<sql::Engine>>,
    /// What else is wrong, for `/ready`: found out while the server starts.
    pub(crate) troubles: Arc<Mutex<Vec<String>>>,
    /// Works while this lives.
    _sweeps: Sweeps,
    /// Where orders come from besides; nobody asks a queue until it is started.
    pub(crate) queues: Arc<Queues>,
}

/// Who will call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// Whoever reaches the port: keys are asked for, when there are any.
    Anyone,
    /// A command that may open the store's files: it needs no key.
    Owner,
}

/// The file of API keys, in the store's folder.
pub(crate) const KEYS: &str = "keys.json";
/// The file of secrets that sign links, in the store's folder.
pub(crate) const LINKS: &str = "links.json";
/// The folder of batches' bodies, in the store's folder.
pub(crate) const SPOOL: &str = "spool";

/// Where API keys are kept.
pub(crate) fn keys_path(data_dir: &Path) -> PathBuf {
    data_dir.join(KEYS)
}

/// Where bodies of batches are spooled.
fn spool_dir(data_dir: &Path) -> PathBuf {
    data_dir.join(SPOOL)
}

impl Node {
    /// Opens the store in `data_dir`.
    pub(crate) fn open(
        data_dir: &Path,
        installation: &Installation,
        caller: Caller,
    ) -> Result<Self> {
        settled::check(data_dir, installation)?;
        let engine = Arc::new(Engine::open(data_dir, installation.engine())?);
        settled::settle(data_dir, installation)?;
        let spool = spool_dir(data_dir);
        std::fs::create_dir_all(&spool)
            .with_context(|| told!("no-create", path = spool.display().to_string()))?;
        let documents = installation.documents();
        let batches = Runner::new(engine.clone(), documents.clone(), spool.clone());
        let sweeps = Sweeps::start(sweeper(&engine, &documents, installation))?;
        let language = installation.orders.language;
        let files = Files::open(data_dir, spool.clone(), batches.clone(), language)?;
        let mut settings = web::Settings::new(documents, spool);
        settings.currency = installation.orders.currency.code.clone();
        settings.language = installation.orders.language;
        settings.limits = installation.limits();
        settings.version = env!("CARGO_PKG_VERSION");
        let path = keys_path(data_dir);
        let keys = match caller {
            Caller::Anyone if path.exists() => Some(Keys::load(&path, &settings.limits)?),
            Caller::Anyone | Caller::Owner => None,
        };
        let mut app = App::new(engine.clone(), settings);
        app.batches = Arc::new(Port(batches.clone()));
        app.files = Arc::new(files::Port(files.clone()));
        app.previews = Arc::new(notices::Previews::new(engine.clone(), installation));
        let followers = Followers::new(needs(&engine));
        if let Caller::Anyone = caller {
            for sink in sinks(installation, &(engine.clone() as Arc<dyn Ledger>))? {
                // One that cannot be driven is told of in the log and by `/ready`.
                _ = followers.put(sink);
            }
        }
        let driver = matches!(caller, Caller::Anyone).then(|| followers.clone());
        app.hooks = Arc::new(webhooks(data_dir, installation, &engine, driver));
        let ledger: Arc<dyn Ledger> = engine.clone();
        let archive = match caller {
            Caller::Anyone => places::archive(installation, ledger.clone())?,
            Caller::Owner => None,
        };
        if let Some(archive) = archive {
            _ = followers.put(archive.clone());
            let (followers, ledger) = (followers.clone(), ledger.clone());
            app.archive = Arc::new(archive::Port { archive, followers, ledger });
        }
        app.followers = followers.clone();
        let lake = match caller {
            Caller::Anyone if lake::is_enabled(installation) => {
                Some(Arc::new(write_lake(&engine, data_dir, installation)?))
            }
            Caller::Anyone | Caller::Owner => None,
        };
        if let Some(writing) = &lake {
            let lake = writing.lake.clone();
            app.followers = Arc::new(Listed { followers: followers.clone(), lake });
        }
        let sql = lake.as_ref().map(|writing| queries::open(&writing.lake, data_dir, installation));
        let sql = sql.transpose()?;
        if let Some(sql) = &sql {
            app.queries = sql.clone();
        } else if let (Caller::Owner, true) = (caller, lake::is_enabled(installation)) {
            app.queries = Arc::new(late_queries(&engine, data_dir, installation));
        }
        app.keys = keys;
        let queues = match caller {
            Caller::Anyone => places::queues(installation)?,
            Caller::Owner => Vec::new(),
        };
        let queues = Arc::new(Queues::new(queues, &ledger, &clock()));
        let troubles: Arc<Mutex<Vec<String>>> = Arc::default();
        app.health = health(engine.clone(), queues.clone(), troubles.clone());
        app.clock = clock();
        app.links = Links::open(&data_dir.join(LINKS), (app.clock)())?;
        app.commits = engine.measured();
        app.end = engine.end();
        let traces = match caller {
            Caller::Anyone => Traces::start(installation)?.map(Arc::new),
            Caller::Owner => None,
        };
        app.tracer = traces.clone().map(|traces| traces as Arc<dyn web::Tracer>);
        app.gauges = gauges(engine.clone(), queues.clone(), lake.clone());
        let app = Arc::new(app);
        Ok(Self {
            engine,
            app,
            batches,
            files,
            followers,
            lake,
            sql,
            queues,
            traces,
            troubles,
            _sweeps: sweeps,
        })
    }

    /// Writes the lake of a store that a command opened: nobody does so by itself.
    pub(crate) fn write_lake(
        &self,
        data_dir: &Path,
        installation: &Installation,
    ) -> Result<Writing> {
        write_lake(&self.engine, data_dir, installation)
    }
}

/// What answers SQL where a command opened the store: it writes the lake up to date first.
fn late_queries(engine: &Arc<Engine>, data_dir: &Path, installation: &Installation) -> Late {
    let (engine, data_dir) = (engine.clone(), data_dir.to_owned());
    let installation = installation.clone();
    Late::new(move || {
        let writing = write_lake(&engine, &data_dir, &installation)?;
        queries::caught_up(&writing)?;
        let engine = queries::open(&writing.lake, &data_dir, &installation)?;
        Ok(queries::Opened { engine, _writing: writing })
    })
}

fn write_lake(
    engine: &Arc<Engine>,
    data_dir: &Path,
    installation: &Installation,
) -> Result<Writing> {
    let (ledger, end) = (engine.clone(), engine.end());
    Writing::start(lake::Needs { data_dir, installation, ledger, end, clock: clock() })
}

/// Whoever follows the log of an installation. A command that opens the store for a moment drives
/// none of them.
fn sinks(installation: &Installation, ledger: &Arc<dyn Ledger>) -> Result<Vec<Arc<dyn Sink>>> {
    let mut sinks = steps::sinks(installation, ledger)?;
    sinks.extend(notices::sinks(installation, ledger)?);
    sinks.extend(alerts::alerts(installation, ledger)?);
    Ok(sinks)
}

/// What ends many dead letters.
fn sweeper(engine: &Arc<Engine>, documents: &Settings, installation: &Installation) -> Sweeper {
    Sweeper {
        ledger: engine.clone(),
        documents: documents.clone(),
        kept_us: i64::from(installation.limits().invalid_days) * 24 * 3_600 * 1_000_000,
        clock: clock(),
    }
}

/// Who tells webhook endpoints.
fn webhooks(
    data_dir: &Path,
    installation: &Installation,
    engine: &Arc<Engine>,
    followers: Option<Arc<Followers>>,
) -> webhooks::Port {
    let currency = installation.orders.currency.code.clone();
    webhooks::Port::start(webhooks::Needs {
        ledger: engine.clone(),
        followers,
        secret: data_dir.join(webhooks::SECRET),
        reach: installation.reach(),
        timeout: Duration::from_secs(installation.webhooks.timeout_s.0),
        messages: message::Settings { documents: installation.documents(), currency },
        clock: clock(),
    })
}

/// What followers work with. The closures hold the engine as long as they are held.
fn needs(engine: &Arc<Engine>) -> Needs {
    let (store, known, newest) = (engine.clone(), engine.clone(), engine.clone());
    Needs {
        ledger: engine.clone(),
        store: Box::new(move || Ok(store.followers()?)),
        known: Box::new(move || known.known_followers()),
        end: engine.end(),
        newest: Box::new(move || newest.newest()),
        clock: clock(),
    }
}

fn health(
    engine: Arc<Engine>,
    queues: Arc<Queues>,
    troubles: Arc<Mutex<Vec<String>>>,
) -> Arc<dyn Fn() -> Health + Send + Sync> {
    Arc::new(move || Health {
        writer_alive: engine.is_alive(),
        disk_low: !engine.has_room(),
        disk_free_bytes: engine.free_bytes(),
        problems: [queues.problems(), troubles.lock().clone()].concat(),
    })
}

fn gauges(
    engine: Arc<Engine>,
    queues: Arc<Queues>,
    lake: Option<Arc<Writing>>,
) -> Arc<dyn Fn() -> Gauges + Send + Sync> {
    Arc::new(move || Gauges {
        queue_bytes: engine.queued_bytes() as u64,
        queue_requests: engine.queued_calls() as u64,
        commits: engine.commits(),
        committed_requests: engine.committed_requests(),
        projection_lag_bytes: engine.projection_lag_bytes(),
        log_bytes: engine.log_bytes(),
        disk_free_bytes: engine.free_bytes(),
        intakes: queues.faring(),
        lake: lake.as_ref().map(|writing| writing.state()),
    })
}
