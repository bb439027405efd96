//! A PostgreSQL server of our own: made in a scratch folder, tuned, started, ended.
//!
//! Never: a server that was there before, a TCP port, settings that trade durability for speed.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::wire::Client;
use crate::process::{self, Process};

/// The database's superuser.
pub const USER: &str = "bench";

/// What differs from PostgreSQL's defaults, and why.
const SETTINGS: &[(&str, &str)] = &[
    // Durability: the defaults, spelled out.
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    // Room for the working set; the checkpoint comes rarely, so few pages are logged whole.
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("min_wal_size", "2GB"),
    ("checkpoint_timeout", "30min"),
    ("wal_buffers", "64MB"),
    ("wal_compression", "off"),
    // No replica here, as Comanda has none here.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    // Nothing per statement that the work does not need.
    ("jit", "off"),
    ("track_activities", "off"),
    ("update_process_title", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("max_connections", "16"),
    ("max_parallel_workers", "0"),
    ("deadlock_timeout", "100ms"),
    ("huge_pages", "try"),
    ("random_page_cost", "1.1"),
    // Private: a socket in the scratch folder.
    ("listen_addresses", ""),
    ("logging_collector", "off"),
];

/// A running server; ends with this value and takes its folder along.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    account: Option<Account>,
    server: Option<Process>,
    /// How long the last start took.
    pub ready_after: Duration,
}

/// The account PostgreSQL runs as when we are root: it refuses root.
struct Account {
    user: u32,
    group: u32,
}

impl Cluster {
    /// Makes and starts a server below `base`.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start; the message says what to do.
    pub fn start(base: &Path) -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("comanda-bench-pg-").tempdir_in(base)?;
        let account = if rustix::process::geteuid().is_root() { Some(account()?) } else { None };
        if let Some(Account { user, group, .. }) = &account {
            chown(folder.path(), Some(*user), Some(*group))?;
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        let mut cluster =
            Self { folder, programs, account, server: None, ready_after: Duration::ZERO };
        cluster.init()?;
        cluster.restart()?;
        Ok(cluster)
    }

    /// Folder of the socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process id of the server; every other process of it is below.
    pub fn id(&self) -> u32 {
        self.server.as_ref().map_or(0, Process::id)
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let Some(Account { user, group, .. }) = &self.account else {
            return process::bound(path);
        };
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={user}"), format!("--regid={group}")]);
        command.args(["--clear-groups", "--pdeathsig", "INT", "--"]).arg(path);
        command
    }

    fn init(&self) -> io::Result<()> {
        let mut command = self.command("initdb");
        command.arg("-D").arg(self.folder().join("data")).current_dir(self.folder());
        command.args(["--locale=C", "-E", "UTF8", "-A", "trust", "-U", USER, "--no-sync"]);
        command.arg("--wal-segsize=64").stdin(Stdio::null());
        let made = command.output()?;
        let why = || io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned());
        made.status.success().then_some(()).ok_or_else(why)
    }

    /// Starts the server on the folder as it is, and waits until it answers.
    ///
    /// # Errors
    /// It does not answer within ten minutes, which leaves room for a long recovery.
    pub fn restart(&mut self) -> io::Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder().join("data")).current_dir(self.folder());
        for (name, value) in SETTINGS {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", self.folder().display()));
        command.stdout(Stdio::null()).stderr(log);
        let began = Instant::now();
        let mut server = Process::start(&mut command)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        while runtime.block_on(Client::connect(self.folder(), USER)).is_err() {
            let ended = server.wait(Duration::from_millis(2)).is_ok();
            if ended || began.elapsed() > Duration::from_secs(600) {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return Err(io::Error::other(format!("postgres did not start:\n{log}")));
            }
        }
        self.server = Some(server);
        self.ready_after = began.elapsed();
        Ok(())
    }

    /// Ends the server and every process of it as a power cut would end them.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        for id in process::family(server.id()) {
            // One that is gone already is what we want.
            let _ = process::signal_to(id, Signal::KILL);
        }
        server.stop(Signal::KILL);
    }

    fn log(&self) -> PathBuf {
        self.folder().join("postgres.log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown. The data is thrown away: no need to write it out.
        if let Some(mut server) = self.server.take() {
            server.stop(Signal::QUIT);
        }
    }
}

fn programs() -> io::Result<PathBuf> {
    let named = std::env::var_os("PG_BIN").map(PathBuf::from);
    let debian = (13..=18).rev().map(|n| PathBuf::from(format!("/usr/lib/postgresql/{n}/bin")));
    // Version 15 first: that is what the figures in the documentation are about.
    let first = PathBuf::from("/usr/lib/postgresql/15/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain([first])
        .chain(debian)
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .ok_or_else(|| {
            let why = "PostgreSQL is missing: apt-get install postgresql-15, or set PG_BIN";
            io::Error::new(io::ErrorKind::NotFound, why)
        })
}

/// `postgres` if there is such an account, else `nobody`.
fn account() -> io::Result<Account> {
    let text = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|entry| {
            let (user, group) = (entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?);
            (entry[0] == name).then_some(Account { user, group })
        })
    };
    let found = find("postgres").or_else(|| find("nobody"));
    found.ok_or_else(|| io::Error::other("no account to run PostgreSQL as: it refuses root"))
}
