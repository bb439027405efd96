//! A store's folder and the program that works in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use super::documents::sampled;
use super::http::Http;

/// Longest a command may take.
const COMMAND_PATIENCE: Duration = Duration::from_secs(60);
/// Longest a server may take to listen, and to stop.
const SERVER_PATIENCE: Duration = Duration::from_secs(40);

/// The program, without settings of whoever runs the tests.
pub(crate) fn comanda() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_comanda")))
}

fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COMANDA_") {
            command.env_remove(name);
        }
    }
    command.env("COMANDA_LOG", "warn").env("COMANDA_LANG", "en");
    command
}

/// A scratch folder with room for a store and for files beside it.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch folder"))
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    /// A path beside the store.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file beside the store.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file is written");
        path
    }

    /// The program, with this store.
    pub(crate) fn comanda(&self) -> Command {
        let mut command = comanda();
        command.arg("--data-dir").arg(self.store());
        command
    }

    /// Runs a command on this store.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.comanda().args(arguments))
    }

    /// Serves this store.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Serves this store, with more arguments.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.comanda();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        // Servers of tests run side by side: none of them takes the usual port.
        command.env("COMANDA_SQL_LISTEN", "off");
        Server::start(command, &self.path("server.log"))
    }

    /// Serves this store with no file growing beyond `kilobytes`: what is written beyond is an
    /// error, as on a full disk.
    pub(crate) fn serve_on_full_disk(&self, kilobytes: u64) -> Server {
        // The unit of `ulimit -f` in a POSIX shell is 512 bytes.
        self.serve_under(&format!("trap '' XFSZ; ulimit -S -f {}", kilobytes * 2), &[])
    }

    /// Serves this store, with more arguments and with [`Server::limit_files`] being an error to
    /// whoever writes, and no end to the process.
    pub(crate) fn serve_with_limits(&self, arguments: &[&str]) -> Server {
        self.serve_under("trap '' XFSZ", arguments)
    }

    /// Serves this store with at most so many files and sockets open.
    pub(crate) fn serve_with_files(&self, files: u32) -> Server {
        self.serve_under(&format!("ulimit -n {files}"), &[])
    }

    fn serve_under(&self, limits: &str, arguments: &[&str]) -> Server {
        let mut shell = without_settings(Command::new("sh"));
        shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]);
        shell.args([env!("CARGO_BIN_EXE_comanda"), "--data-dir"]);
        shell.arg(self.store()).args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        Server::start(shell, &self.path("server.log"))
    }

    /// Puts the sampled catalogue and stock into the store.
    pub(crate) fn furnish(&self) {
        for (command, kind) in [("products", "catalogue"), ("stock", "stock")] {
            let file = self.file(kind, sampled(&["--kind", kind]));
            let ran = self.run(&[command, "import", &file.to_string_lossy()]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    }

    /// Proves the store's invariants.
    pub(crate) fn examine(&self) {
        let ran = self.run(&["doctor", "--json"]);
        assert_eq!(ran.code, 0, "doctor: {}\n{}", ran.out, ran.err);
        let found: serde_json::Value = serde_json::from_str(&ran.out).expect("doctor says JSON");
        assert_eq!(found["sound"], true, "{found:#}");
    }
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output, as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Runs a command to its end, within its time.
pub(crate) fn run(command: &mut Command) -> Ran {
    run_with_input(command, b"")
}

/// Runs a command that reads `input`.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let (mut stdin, stdout, stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command need not read what it is given.
            drop(stdin.take().map(|mut stdin| stdin.write_all(input)));
        });
        let out = scope.spawn(move || read_all(stdout));
        let err = scope.spawn(move || read_all(stderr));
        let status = ended(&mut child, COMMAND_PATIENCE);
        let bytes = out.join().expect("standard output is read");
        let err = err.join().expect("standard error is read");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = status.code().unwrap_or(-1);
        Ran { code, out: text(&bytes), err: text(&err), bytes }
    })
}

fn read_all(from: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.map(|mut from| from.read_to_end(&mut bytes));
    bytes
}

/// Waits for a process; kills it when that takes too long.
fn ended(child: &mut Child, patience: Duration) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process can be asked") {
            return status;
        }
        if begun.elapsed() > patience {
            drop(child.kill());
            drop(child.wait());
            panic!("a process did not end within {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Asks until the answer is yes, for `seconds` at most; whether it was.
pub(crate) fn until(seconds: u64, mut question: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        if question() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    question()
}

/// A server that runs; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `http://…`
    pub(crate) url: String,
}

impl Server {
    /// Starts a server, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let log_file = File::options().create(true).append(true).open(log);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(log_file.expect("the server's log opens"));
        let mut child = command.spawn().expect("the server starts");
        let (said, heard) = std::sync::mpsc::channel();
        let stdout = child.stdout.take().expect("standard output is piped");
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            drop(said.send(lines.next().and_then(Result::ok).unwrap_or_default()));
            // Whatever else it says is read, so that it never waits for us.
            lines.for_each(drop);
        });
        let line = heard.recv_timeout(SERVER_PATIENCE).unwrap_or_default();
        let Some(url) = line.strip_prefix("listening on ") else {
            drop(child.kill());
            drop(child.wait());
            let log = std::fs::read_to_string(log).unwrap_or_default();
            panic!("the server said {line:?}; its log: {log}");
        };
        assert!(url.starts_with("http://"), "{url}");
        Self { child, url: url.to_owned() }
    }

    /// `host:port`
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap_or(&self.url)
    }

    /// A connection.
    pub(crate) fn connect(&self) -> Http {
        Http::connect(self.address()).expect("the server accepts")
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the server is killed");
        self.child.wait().expect("the server is gone");
    }

    /// Lets its files grow to so many bytes from now on; without a limit when there is none.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        let pid = Some(Pid::from_child(&self.child));
        prlimit(pid, Resource::Fsize, limit).expect("the limit is set");
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the server is asked");
    }

    /// Asks it to stop, and waits until it has; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.terminate();
        ended(&mut self.child, SERVER_PATIENCE).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
