//! Child processes: started, watched through /proc, and ended by their own id, whatever happens.
//!
//! Never: a process that this program did not start.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// How long a server may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(120);
/// How long a server may take to end when asked.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// A child process that ends with this value.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`. Its standard input stays open as long as this value lives: a child of
    /// ours ends when it closes.
    ///
    /// # Errors
    /// The program cannot be started; the message names it.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.stdin(Stdio::piped()).spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            io::Error::new(error.kind(), format!("start {program}: {error}"))
        })?;
        Ok(Self { child })
    }

    /// Starts a server and waits for its line `listening on http://ADDRESS`.
    ///
    /// # Errors
    /// It cannot be started, ends, or says nothing for two minutes.
    pub fn serve(command: &mut Command) -> io::Result<(Self, SocketAddr)> {
        let mut process = Self::start(command.stdout(Stdio::piped()))?;
        let stdout = process.child.stdout.take().expect("stdout was piped above");
        let (send, receive) = std::sync::mpsc::channel();
        // Reads on until the end, so that a server that prints more never blocks.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = address(&line) {
                    let _ = send.send(address);
                }
            }
        });
        match receive.recv_timeout(START_MAX) {
            Ok(address) => Ok((process, address)),
            Err(_) => Err(io::Error::other("the server did not say where it listens")),
        }
    }

    /// Runs `command` to its end, at most `limit`; what it printed.
    ///
    /// # Errors
    /// It cannot be started, fails, or does not end in time.
    pub fn output(command: &mut Command, limit: Duration) -> io::Result<Vec<u8>> {
        let mut process = Self::start(command.stdout(Stdio::piped()))?;
        let mut stdout = process.child.stdout.take().expect("stdout was piped above");
        let reader = std::thread::spawn(move || {
            let mut printed = Vec::new();
            stdout.read_to_end(&mut printed).map(|_| printed)
        });
        if !process.wait(limit)? {
            let program = command.get_program().to_string_lossy().into_owned();
            return Err(io::Error::other(format!("{program} failed")));
        }
        reader.join().unwrap_or_else(|_| Err(io::Error::other("the reader stopped")))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, at most `limit`; whether it succeeded.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn wait(&mut self, limit: Duration) -> io::Result<bool> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            if began.elapsed() > limit {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends a signal to it and waits for its end; SIGKILL if it does not end in time.
    pub fn stop(&mut self, signal: Signal) {
        if let Ok(None) = self.child.try_wait() {
            let _ = signal_to(self.id(), signal);
            if self.wait(STOP_MAX).is_err() {
                let _ = self.child.kill();
            }
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(Signal::TERM);
    }
}

/// Sends `signal` to the process `id`.
///
/// # Errors
/// There is no such process any more.
pub fn signal_to(id: u32, signal: Signal) -> io::Result<()> {
    let pid = Pid::from_raw(id as i32).ok_or(io::ErrorKind::NotFound)?;
    kill_process(pid, signal).map_err(Into::into)
}

/// A command whose process ends when this one does, however that happens.
pub fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// Cleans up when a user or a time limit ends this program: ends what it started, removes `folder`.
///
/// # Errors
/// The machine has no threads left.
pub fn clean_up_when_stopped(folder: PathBuf) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stopped = async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        io::Result::Ok(())
    };
    std::thread::Builder::new().spawn(move || {
        if runtime.block_on(stopped).is_ok() {
            for id in family(std::process::id()).into_iter().skip(1) {
                // One that is gone already is what we want.
                let _ = signal_to(id, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(200));
            let _ = fs::remove_dir_all(folder);
            std::process::exit(130);
        }
    })?;
    Ok(())
}

fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':')));
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// The process `id` and every process below it.
pub fn family(id: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return vec![id];
    };
    let parents: Vec<(u32, u32)> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut family = vec![id];
    let mut at = 0;
    while at < family.len() {
        let of = family[at];
        family.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

/// CPU time used by a process and all below it, those that have ended included: user and system,
/// every thread.
pub fn cpu(id: u32) -> Duration {
    let stats = family(id).into_iter().filter_map(stat);
    ticks(stats.map(|stat| stat.ticks + stat.ticks_of_ended).sum())
}

/// CPU time the whole machine has used since it started, the kernel included.
pub fn cpu_of_machine() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let fields: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, (idle, iowait,) irq, softirq, steal, as in proc(5).
    ticks([0, 1, 2, 5, 6, 7].into_iter().filter_map(|at| fields.get(at)).sum())
}

/// CPU time of this program's children that have ended.
pub fn cpu_of_ended() -> Duration {
    ticks(stat(std::process::id()).map_or(0, |stat| stat.ticks_of_ended))
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}

struct Stat {
    parent: u32,
    ticks: u64,
    ticks_of_ended: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold blanks; what follows does not. Numbers as in proc(5).
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: number(11)? + number(12)?,
        ticks_of_ended: number(13)? + number(14)?,
    })
}

/// Private memory of a process and all below it in bytes: anonymous pages of each, and the
/// largest shared segment once (PostgreSQL's buffers). Pages of mapped files are not counted: the
/// kernel takes those back when it needs them.
pub fn memory(id: u32) -> u64 {
    let of_each = family(id).into_iter().filter_map(rss);
    let (anonymous, shared) =
        of_each.fold((0, 0), |(sum, most), (own, shared)| (sum + own, most.max(shared)));
    anonymous + shared
}

fn rss(pid: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((kib("RssAnon:")? * 1_024, kib("RssShmem:")? * 1_024))
}

/// Looks at processes' memory every 50 ms and keeps the peak.
pub struct MemoryPeak {
    peak: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryPeak {
    /// Starts looking at these processes and all below them.
    pub fn watch(ids: Vec<u32>) -> Self {
        let peak = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let (kept, ended) = (Arc::clone(&peak), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                kept.fetch_max(ids.iter().map(|&id| memory(id)).sum(), Ordering::Relaxed);
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        Self { peak, over, thread: Some(thread) }
    }

    /// Stops looking; the peak in bytes.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.peak.load(Ordering::Relaxed)
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for MemoryPeak {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_servers_line() {
        let found = address("2026-08-01T00:00:00Z INFO listening on http://127.0.0.1:8080/docs");
        assert_eq!(found, Some("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(address("starting"), None);
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let id = std::process::id();
        assert!(memory(id) > 100_000);
        assert!(family(id).contains(&id) && stat(id).is_some());
    }
}
