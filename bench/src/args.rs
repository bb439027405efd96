//! The command line.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::documents::Lines;
use crate::lab::{Lab, System};
use crate::load::{self, Pace, Plan, Requests};
use crate::machine::{self, Machine};
use crate::report::Report;
use crate::rows::{self, Measure, Options};
use crate::work::Work;
use crate::{ceiling, peer, serve};

/// Comanda beside its ceiling and beside PostgreSQL, in one run.
#[derive(Parser)]
#[command(version)]
pub struct Args {
    /// Length of each HTTP measurement, in seconds.
    #[arg(long, global = true, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each HTTP measurement, the systems taking turns: a shared machine is not the same
    /// from one minute to the next. The median counts.
    #[arg(long, global = true, default_value_t = 3)]
    rounds: usize,
    /// Connections of the full-load rows.
    #[arg(long, global = true, value_delimiter = ',', default_value = "64,256")]
    connections: Vec<usize>,
    /// Orders of the bulk and restart rows.
    #[arg(long, global = true, default_value_t = 200_000)]
    orders: usize,
    /// Comanda's binary.
    #[arg(long, global = true, default_value = "target/release/comanda")]
    comanda: PathBuf,
    /// Measure this system alone.
    #[arg(long, global = true)]
    only: Option<System>,
    /// Committers of the PostgreSQL peer.
    #[arg(long, global = true, default_value_t = peer::COMMITTERS)]
    committers: usize,
    /// Where scratch folders go: a local disk, not memory.
    #[arg(long, global = true)]
    scratch: Option<PathBuf>,
    /// Where the JSON file goes.
    #[arg(long, global = true, default_value = "bench/out")]
    out: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything.
    All,
    /// Orders over HTTP at full load.
    Http,
    /// Latency at 1,000 and 10,000 orders a second.
    Rate,
    /// What telling a webhook receiver costs intake.
    Followers,
    /// What the lake costs intake, how long it takes, and the views over it beside DuckDB
    /// (`--orders 1000000`).
    Lake,
    /// A file of orders.
    Bulk,
    /// Files of 10,000, 100,000 and 1,000,000 orders.
    Linear,
    /// Empty start, power cut, start again.
    Restart,
    /// Every order for one product.
    HotSku,
    /// Everything, on the PostgreSQL peer alone.
    PeerOnly,
    /// What the load generator costs by itself, against a server that does nothing.
    Generator,
    /// Sends the documents of a file, one a line, to a server that runs.
    Load {
        /// Host and port, or an http:// URL with a path; the path is /v1/orders when absent.
        url: String,
        /// JSON Lines.
        file: PathBuf,
        /// Requests a second on schedule; full load when absent.
        #[arg(long)]
        rate: Option<u32>,
    },
    /// One of the servers under test; for the bench itself.
    #[command(subcommand, hide = true)]
    Serve(Server),
}

#[derive(Subcommand)]
enum Server {
    /// No work at all.
    Trivial,
    /// Takes whatever it is told.
    Receiver,
    /// The work without a store.
    Ceiling { reference: PathBuf },
    /// The work on PostgreSQL.
    Peer { reference: PathBuf, folder: PathBuf, committers: usize },
    /// A file on PostgreSQL, in process.
    Bulk { reference: PathBuf, folder: PathBuf, file: PathBuf, committers: usize, batch: usize },
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, for the user.
    pub fn run(mut self) -> io::Result<()> {
        let measures: &[Measure] = match &self.command {
            Command::Serve(server) => return server.run(),
            Command::Load { url, file, rate } => return self.load(url, file, *rate),
            Command::Generator => &[rows::generator],
            Command::Http => &[rows::full],
            Command::Rate => &[rows::rate],
            Command::Followers => &[rows::followers],
            Command::Lake => &[rows::lake],
            Command::Bulk => &[rows::bulk],
            Command::Linear => &[rows::linear],
            Command::Restart => &[rows::restart],
            Command::HotSku => &[rows::hot_sku],
            Command::All | Command::PeerOnly => &rows::ALL,
        };
        if matches!(self.command, Command::PeerOnly) {
            self.only = Some(System::Peer);
        }
        self.measure(measures)
    }

    fn measure(&self, measures: &[Measure]) -> io::Result<()> {
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let mut report = Report::new(Machine::look(&scratch));
        let lab = Lab::open(&self.comanda, &scratch, self.committers)?;
        let options = self.options(&lab, &mut report);
        for measure in measures {
            measure(&lab, &options, &mut report)?;
        }
        report.note(format!("load average after: {}", machine::load_average()));
        println!("{}", report.text());
        println!("{}", report.write(&self.out)?.display());
        Ok(())
    }

    fn options(&self, lab: &Lab, report: &mut Report) -> Options {
        let all = match self.only {
            Some(system) => vec![system],
            None => vec![System::Comanda, System::Ceiling, System::Peer],
        };
        let has_comanda = self.comanda.is_file();
        if !has_comanda && all.contains(&System::Comanda) {
            report.note(format!("Comanda left out: {} is not built", self.comanda.display()));
        }
        if lab.has_stand_ins() {
            report.note("documents are stand-ins: `comanda sample` is not there".into());
        }
        let is_there = |system: &System| has_comanda || *system != System::Comanda;
        Options {
            time: Duration::from_secs(self.seconds.clamp(1, 600)),
            rounds: self.rounds.clamp(1, 100),
            connections: self.connections.iter().map(|&n| n.clamp(1, 4_096)).collect(),
            orders: self.orders.max(1),
            systems: all.into_iter().filter(is_there).collect(),
        }
    }

    fn load(&self, url: &str, file: &std::path::Path, rate: Option<u32>) -> io::Result<()> {
        let (address, path) = target(url)?;
        let requests = Requests::posts(&path, Lines::open(file)?.iter());
        let plan = Plan {
            address,
            connections: self.connections.first().map_or(64, |&n| n.clamp(1, 4_096)),
            pace: rate.map_or(Pace::Full, Pace::PerSecond),
            range: 0..requests.len(),
            time_max: Duration::from_secs(self.seconds.max(1)),
        };
        println!("{}", load::run(&plan, &requests)?.text());
        Ok(())
    }
}

fn target(url: &str) -> io::Result<(SocketAddr, String)> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, "v1/orders"));
    let address = host.to_socket_addrs()?.find(|address| address.ip().is_loopback());
    let refused = || io::Error::other(format!("{host} is not a loopback address"));
    Ok((address.ok_or_else(refused)?, format!("/{path}")))
}

impl Server {
    fn run(&self) -> io::Result<()> {
        match self {
            Self::Trivial => {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                serve::announce(listener.local_addr()?);
                load::trivial::serve(&listener)
            }
            Self::Receiver => serve::runtime()?.block_on(serve::forever(serve::receiver())),
            Self::Ceiling { reference } => ceiling::serve(Work::open(reference)?),
            Self::Peer { reference, folder, committers } => {
                peer::serve(Work::open(reference)?, folder, *committers)
            }
            Self::Bulk { reference, folder, file, committers, batch } => {
                serve::end_with_parent();
                let done = peer::bulk(&Work::open(reference)?, folder, file, *committers, *batch)?;
                println!("{}", serde_json::to_string(&done)?);
                Ok(())
            }
        }
    }
}
