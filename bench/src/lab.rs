//! Where the systems under test are started, each on an empty store, and what they are fed.
//!
//! Never: data of one measurement left for the next, or an address that is not loopback.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::documents::{Kind, Source};
use crate::peer::{self, Cluster};
use crate::process::{self, Process};

/// Seed of the documents: the same in every run.
const SEED: u64 = 1;
/// How long one HTTP call of the bench itself may take.
const CALL_MAX: Duration = Duration::from_secs(120);

/// A system under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// The product.
    Comanda,
    /// The same HTTP and the same work without a store.
    Ceiling,
    /// The same work on PostgreSQL.
    Peer,
}

impl System {
    /// The name in progress lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comanda => "Comanda",
            Self::Ceiling => "ceiling",
            Self::Peer => "PostgreSQL",
        }
    }
}

/// What all measurements share.
pub struct Lab {
    /// Comanda's binary.
    pub comanda: PathBuf,
    /// Committers of the peer.
    pub committers: usize,
    source: Source,
    folder: TempDir,
    retail: RefCell<HashMap<usize, PathBuf>>,
}

impl Lab {
    /// A lab in a scratch folder below `base`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(comanda: &Path, base: &Path, committers: usize) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("comanda-bench-").tempdir_in(base)?;
        // PostgreSQL runs as another user and keeps its data in here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        process::clean_up_when_stopped(folder.path().to_owned())?;
        let source = Source::find(comanda);
        let retail = RefCell::default();
        Ok(Self { comanda: comanda.to_owned(), committers, source, folder, retail })
    }

    /// The scratch folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether documents are stand-ins because the binary makes none.
    pub fn has_stand_ins(&self) -> bool {
        matches!(self.source, Source::StandIn)
    }

    /// A file of `count` retail orders, made once.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn retail(&self, count: usize) -> io::Result<PathBuf> {
        if let Some(file) = self.retail.borrow().get(&count) {
            return Ok(file.clone());
        }
        let file = self.folder().join(format!("retail-{count}.jsonl"));
        self.source.write(Kind::Retail, count, SEED, &file)?;
        self.retail.borrow_mut().insert(count, file.clone());
        Ok(file)
    }

    /// A file of `count` retail orders behind the first `skip`, which are others.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn later_retail(&self, skip: usize, count: usize) -> io::Result<PathBuf> {
        let file = self.folder().join(format!("retail-{skip}-{count}.jsonl"));
        if !file.exists() {
            let all = io::BufReader::new(fs::File::open(self.retail(skip + count)?)?);
            let mut later = io::BufWriter::new(fs::File::create(&file)?);
            for line in all.lines().skip(skip) {
                writeln!(later, "{}", line?)?;
            }
            later.flush()?;
        }
        Ok(file)
    }

    /// A hidden subcommand of this program that reads and prices documents.
    ///
    /// # Errors
    /// The products or rules cannot be made.
    pub fn worker(&self, name: &str) -> io::Result<Command> {
        for kind in [Kind::Catalogue, Kind::Rules] {
            self.reference(kind)?;
        }
        let mut command = ours(&[name])?;
        command.arg(self.folder());
        Ok(command)
    }

    /// A file of products, stock or rules, made once.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn reference(&self, kind: Kind) -> io::Result<PathBuf> {
        let file = self.folder().join(kind.as_str());
        if !file.exists() {
            self.source.write(kind, 0, SEED, &file)?;
        }
        Ok(file)
    }

    /// A server on an empty store, with products, stock and rules loaded.
    ///
    /// # Errors
    /// It is missing or does not start.
    pub fn start(&self, system: System) -> io::Result<Running> {
        // What measurements before this one left to be written back would hold up its syncs.
        rustix::fs::sync();
        match system {
            System::Ceiling => self.serve_on(system, None, None),
            System::Comanda => {
                let data = self.scratch("comanda-data-")?;
                self.load_comanda(data.path())?;
                self.serve_on(system, Some(data), None)
            }
            System::Peer => self.serve_on(system, None, Some(self.start_cluster()?)),
        }
    }

    /// A server on a store that is there.
    ///
    /// # Errors
    /// It does not start.
    pub fn serve_on(
        &self,
        system: System,
        data: Option<TempDir>,
        cluster: Option<Cluster>,
    ) -> io::Result<Running> {
        let command = match (&data, &cluster) {
            (Some(data), _) => self.comanda_serve(data.path()),
            (None, Some(cluster)) => self.peer_serve(cluster)?,
            (None, None) => self.worker("ceiling")?,
        };
        let mut running = self.serve(system, command)?;
        (running.data, running.cluster) = (data, cluster);
        Ok(running)
    }

    /// Comanda's server on the store in `data`, with more arguments.
    ///
    /// # Errors
    /// It does not start.
    pub fn serve_comanda(&self, data: TempDir, arguments: &[&str]) -> io::Result<Running> {
        let mut command = self.comanda_serve(data.path());
        command.args(arguments);
        let mut running = self.serve(System::Comanda, command)?;
        running.data = Some(data);
        Ok(running)
    }

    /// A PostgreSQL server with tables and stock.
    ///
    /// # Errors
    /// It is not installed or does not start.
    pub fn start_cluster(&self) -> io::Result<Cluster> {
        let cluster = Cluster::start(self.folder())?;
        peer::load(&cluster, &self.reference(Kind::Stock)?)?;
        Ok(cluster)
    }

    /// A scratch folder of its own.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self, prefix: &str) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix(prefix).tempdir_in(self.folder())
    }

    /// Loads products, stock and rules into Comanda's store in `data`, over HTTP, and stops it.
    ///
    /// # Errors
    /// A call is refused.
    pub fn load_comanda(&self, data: &Path) -> io::Result<()> {
        let mut running = self.serve(System::Comanda, self.comanda_serve(data))?;
        let lines = "application/x-ndjson";
        let calls = [
            ("PUT", "/v1/products", lines, Kind::Catalogue),
            ("POST", "/v1/stock", lines, Kind::Stock),
            ("PUT", "/v1/pricing-rules", "application/json", Kind::Rules),
        ];
        for (method, path, content, kind) in calls {
            let body = fs::read(self.reference(kind)?)?;
            let status = send(running.address, method, path, content, &body)?;
            if !(200..300).contains(&status) {
                return Err(io::Error::other(format!("{method} {path} answered {status}")));
            }
        }
        running.stop();
        Ok(())
    }

    /// Starts a server and waits until it is ready.
    fn serve(&self, system: System, mut command: Command) -> io::Result<Running> {
        let began = Instant::now();
        let (process, address) = Process::serve(&mut command)?;
        let running = Running {
            system,
            address,
            process,
            cluster: None,
            data: None,
            ready_after: Duration::ZERO,
        };
        while get(address, "/ready").map_or(0, |(status, _)| status) != 200 {
            if began.elapsed() > CALL_MAX {
                return Err(io::Error::other(format!("{} is not ready", system.as_str())));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Running { ready_after: began.elapsed(), ..running })
    }

    /// Comanda's server on the store in `data`.
    fn comanda_serve(&self, data: &Path) -> Command {
        let mut command = process::bound(&self.comanda);
        command.arg("serve").arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0"]);
        // The receiver of webhooks is here.
        command.args(["--set", "webhooks.allow_networks=127.0.0.0/8"]);
        command.args(["--set", "webhooks.plain_http=allowed"]);
        command.stderr(Stdio::null());
        command
    }

    /// The peer's server on this PostgreSQL.
    fn peer_serve(&self, cluster: &Cluster) -> io::Result<Command> {
        let mut command = self.worker("peer")?;
        command.arg(cluster.folder()).arg(self.committers.to_string());
        Ok(command)
    }
}

/// A server that runs; it ends with this value.
pub struct Running {
    /// Which.
    pub system: System,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first 200 of `/ready`.
    pub ready_after: Duration,
    // In this order: the server ends before its database, and both before their files go.
    process: Process,
    /// The peer's database.
    pub cluster: Option<Cluster>,
    data: Option<TempDir>,
}

impl Running {
    /// Its processes: the server, and the database behind it.
    pub fn ids(&self) -> Vec<u32> {
        let database = self.cluster.as_ref().map(Cluster::id);
        std::iter::once(self.process.id()).chain(database).collect()
    }

    /// How long the database behind it took to start.
    pub fn database_after(&self) -> Duration {
        self.cluster.as_ref().map_or(Duration::ZERO, |cluster| cluster.ready_after)
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Duration {
        self.ids().into_iter().map(process::cpu).sum()
    }

    /// Commits so far, if the server counts them.
    pub fn commits(&self) -> Option<u64> {
        self.metric("commits_total").map(|commits| commits as u64)
    }

    /// The first of the server's metrics whose name, labels aside, ends like this.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = get(self.address, "/metrics").ok()?;
        let value = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_it = series.split('{').next()?.ends_with(name);
            is_it.then(|| value.parse::<f64>().ok())?
        };
        text.lines().find_map(value)
    }

    /// Ends it as an operator would.
    pub fn stop(&mut self) {
        self.process.stop(Signal::TERM);
    }

    /// Ends it as a power cut would, its database too.
    pub fn kill(&mut self) {
        self.process.stop(Signal::KILL);
        if let Some(cluster) = &mut self.cluster {
            cluster.kill();
        }
    }

    /// Hands over the folder or the database, for the next start.
    pub fn into_store(mut self) -> (Option<TempDir>, Option<Cluster>) {
        (self.data.take(), self.cluster.take())
    }
}

/// A hidden subcommand of this program.
///
/// # Errors
/// This program does not know where it is.
pub fn ours(arguments: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").args(arguments);
    Ok(command)
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    config.timeout_global(Some(CALL_MAX)).http_status_as_error(false).build().into()
}

/// Posts a JSON document.
///
/// # Errors
/// There is no answer, or it is not 2xx.
pub fn post_json(address: SocketAddr, path: &str, body: &serde_json::Value) -> io::Result<()> {
    let body = body.to_string();
    let status = send(address, "POST", path, "application/json", body.as_bytes())?;
    if !(200..300).contains(&status) {
        return Err(io::Error::other(format!("POST {path} answered {status}")));
    }
    Ok(())
}

/// Status and body of a GET.
///
/// # Errors
/// There is no answer.
pub fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let answer = agent().get(format!("http://{address}{path}")).call();
    let mut answer = answer.map_err(io::Error::other)?;
    let body = answer.body_mut().read_to_string().unwrap_or_default();
    Ok((answer.status().as_u16(), body))
}

fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    content: &str,
    body: &[u8],
) -> io::Result<u16> {
    let (agent, url) = (agent(), format!("http://{address}{path}"));
    let request = if method == "PUT" { agent.put(url) } else { agent.post(url) };
    let answer = request.content_type(content).send(body).map_err(io::Error::other)?;
    Ok(answer.status().as_u16())
}
