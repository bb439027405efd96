//! PostgreSQL's wire: what psql, drivers and tools of analysts speak (protocol 3.0).
//!
//! Sockets have a thread of their own; statements run on the engine's. Without API keys whoever
//! reaches the port may ask, with them an API key is user and password. There is no TLS: a proxy
//! or a tunnel ends it.
//!
//! Never: a statement that changes anything; a message whose length is believed before it is
//! bounded; a connection kept that says nothing for long.

mod begin;
mod catalogue;
mod command;
mod failure;
mod mended;
mod message;
mod parameter;
mod pipe;
mod rows;
mod running;
mod scram;
mod session;
mod talk;
mod variables;

use std::io;
use std::net::{SocketAddr, TcpListener as Listener};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};
use tracing::{debug, error, warn};

use self::begin::{begin, welcome};
use self::catalogue::Catalogue;
use self::command::Reader;
use self::failure::{Failure, code};
use self::pipe::{Cut, Pipe};
use self::running::Running;
pub use self::scram::{NoVerifier, Verifier};
use self::talk::Stop;
use crate::engine::Engine;

/// Connections that are not let in yet, at most: a burst of a pool's, and few to hold for strangers.
const STRANGERS_MAX: usize = 64;
/// The thread's stack: texts are read and planned on it, level by level. Only what is used of it is
/// memory.
const STACK_BYTES: usize = 64 << 20;
/// How long connections may take to end when the server stops.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be accepted, for want of files as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Who may connect.
#[derive(Clone)]
pub enum Access {
    /// Whoever reaches the port, by any name.
    Anyone,
    /// Who proves to know a key.
    Keys(Arc<dyn Door>),
}

/// Knows whose keys count.
pub trait Door: Send + Sync {
    /// What is known of a user, now: a key that was revoked counts no longer.
    fn find(&self, user: &str) -> Found;
}

/// What is known of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// What their password is checked against.
    Verifier(Verifier),
    /// Their key was made before there were verifiers.
    Older,
    /// Nobody.
    Nobody,
    /// It cannot be told now.
    Unavailable,
}

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Connections at once, at most.
    pub connections_max: usize,
    /// Longest until a connection is let in.
    pub startup: Duration,
    /// Longest a connection may say nothing.
    pub idle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: 32,
            startup: Duration::from_secs(10),
            idle: Duration::from_secs(600),
        }
    }
}

/// What is counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    open: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    turned_away: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Connections that are open.
    pub open: u64,
    /// Connections that were let in.
    pub accepted: u64,
    /// Wrong passwords.
    pub refused: u64,
    /// Connections for which there was no room.
    pub turned_away: u64,
}

impl Counts {
    /// What they are now.
    #[must_use]
    pub fn now(&self) -> Counted {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            open: now(&self.open),
            accepted: now(&self.accepted),
            refused: now(&self.refused),
            turned_away: now(&self.turned_away),
        }
    }

    fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// What all connections share.
struct Host {
    catalogue: Catalogue,
    reader: Arc<Reader>,
    access: Access,
    settings: Settings,
    running: Arc<Running>,
    counts: Arc<Counts>,
    closing: watch::Receiver<bool>,
    /// What those who are nobody are asked by.
    secret: [u8; 32],
    strangers: Arc<Semaphore>,
    seats: Arc<Semaphore>,
}

impl Host {
    /// A part of a proof that nobody can foresee.
    fn nonce(&self) -> Result<String, Failure> {
        use base64::Engine as _;
        let random: [u8; 18] = random().map_err(|_| no_random())?;
        Ok(base64::engine::general_purpose::STANDARD.encode(random))
    }

    /// What a connection is cancelled by.
    fn secret(&self) -> Result<[u8; 4], Failure> {
        random().map_err(|_| no_random())
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn no_random() -> Failure {
    Failure::fatal(code::INTERNAL, "the machine gives no random numbers")
}

/// A server that listens.
pub struct Server {
    address: SocketAddr,
    counts: Arc<Counts>,
    closing: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves what `engine` answers to whoever connects to `listener`.
    ///
    /// # Errors
    /// When the thread cannot be started, or the catalogue cannot be put beside the engine.
    pub fn start(
        listener: Listener,
        engine: &Engine,
        access: Access,
        settings: Settings,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let (closing, closed) = watch::channel(false);
        let host = Arc::new(Host {
            catalogue: Catalogue::new(engine.session()).map_err(io::Error::other)?,
            reader: Arc::new(Reader::new()),
            access,
            settings,
            running: Arc::default(),
            counts: counts.clone(),
            closing: closed,
            secret: random()?,
            strangers: Arc::new(Semaphore::new(STRANGERS_MAX)),
            seats: Arc::new(Semaphore::new(settings.connections_max)),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            std::thread::Builder::new().name("sql-wire".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || {
            // Sessions stay on this thread: rows of an answer are nothing to share.
            let served = LocalSet::new().block_on(&runtime, serve(listener, host));
            if let Err(error) = served {
                error!(error = &error as &dyn std::error::Error, "SQL is not served any more");
            }
        })?;
        Ok(Self { address, counts, closing, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is counted.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }
}

impl Drop for Server {
    /// Ends every connection, telling it so.
    fn drop(&mut self) {
        // Nobody left to tell is as good as told.
        let _ = self.closing.send(true);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: Listener, host: Arc<Host>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    let mut closing = host.closing.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, from)) => {
                    connections.spawn_local(connection(socket, from, host.clone()));
                }
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "no connection for SQL");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = closing.wait_for(|closing| *closing) => break,
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, ended).await.is_err() {
        warn!("connections of SQL were cut off");
    }
    Ok(())
}

/// Serves a connection; a panic in it is its own.
async fn connection(socket: TcpStream, from: SocketAddr, host: Arc<Host>) {
    match AssertUnwindSafe(served(socket, &host)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(cut)) => debug!(%from, error = &cut as &dyn std::error::Error, "SQL was cut"),
        Err(_) => error!(%from, "a connection of SQL panicked"),
    }
}

async fn served(socket: TcpStream, host: &Host) -> Result<(), Cut> {
    let Ok(stranger) = host.strangers.clone().try_acquire_owned() else {
        host.counts.turned_away.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    };
    socket.set_nodelay(true)?;
    let mut pipe = Pipe::new(socket);
    let begun = tokio::time::timeout(host.settings.startup, begin(&mut pipe, host)).await;
    drop(stranger);
    let failure = match begun {
        Ok(Ok(Some((session, variables)))) => match host.seats.clone().try_acquire_owned() {
            Ok(_seat) => {
                let user = session.parameter("user").unwrap_or_default();
                return seated(pipe, host, user, variables).await;
            }
            Err(_) => {
                host.counts.turned_away.fetch_add(1, Ordering::Relaxed);
                Failure::fatal(code::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
            }
        },
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(Stop::Failed(failure))) => failure,
        Ok(Err(Stop::Cut(Cut::Malformed(what)))) => {
            Failure::fatal(code::PROTOCOL_VIOLATION, what.to_string())
        }
        Ok(Err(Stop::Cut(cut))) => return Err(cut),
        Err(_) => Failure::fatal(code::PROTOCOL_VIOLATION, "the startup took too long"),
    };
    pipe.put(&failure.to_message())?;
    pipe.flush().await
}

async fn seated(
    pipe: Pipe<TcpStream>,
    host: &Host,
    user: &str,
    variables: variables::Variables,
) -> Result<(), Cut> {
    host.counts.accepted.fetch_add(1, Ordering::Relaxed);
    let _open = Open::new(&host.counts);
    match welcome(pipe, host, user, variables).await {
        Ok(talk) => talk.go_on().await,
        Err(Stop::Cut(cut)) => Err(cut),
        // There was nobody to tell it to yet, and it is ours.
        Err(Stop::Failed(failure)) => Err(Cut::Answer(failure.message)),
    }
}

/// A connection that is counted as open.
struct Open<'a>(&'a Counts);

impl<'a> Open<'a> {
    fn new(counts: &'a Counts) -> Self {
        counts.open.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
