//! `comanda serve`: the API over a store, until it is told to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::client::ADDRESS_FILE;
use crate::files::inbox::{self, Inbox};
use crate::installation::Installation;
use crate::spoken::told;
use crate::sql_listen;
use crate::steps;
use crate::wire_up::{Caller, Node};
use crate::workers::Workers;

pub(super) fn serve(
    data_dir: &Path,
    installation: &Installation,
    listen: SocketAddr,
    listening: impl FnOnce(&str, Option<&str>),
) -> Result<ExitCode> {
    let node = Node::open(data_dir, installation, Caller::Anyone)?;
    if !listen.ip().is_loopback() && node.app.keys.is_none() {
        bail!(told!(
            "no-keys-beyond",
            address = listen.to_string(),
            path = data_dir.display().to_string(),
        ));
    }
    let workers = Workers::start(engine::hand_out)?;
    let mut threads = Vec::new();
    let closing = Arc::new(AtomicBool::new(false));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener =
            bind(listen).with_context(|| told!("no-listen", address = listen.to_string()))?;
        let address = Address::write(data_dir, listener.local_addr()?)?;
        let listens = sql_listen::listen(&node, data_dir, installation)?;
        // From the line on that says where it listens, it may be told to stop.
        let stopped = stopped()?;
        listening(&address.url, listens.as_ref().map(|listens| &*listens.url));
        node.batches.resume()?;
        let ledger = node.engine.clone();
        threads.push(steps::let_go(ledger, installation.external_steps(), closing.clone())?);
        threads.extend(node.files.start()?);
        if let Some(settings) = inbox::Settings::of(installation) {
            info!(dir = %settings.dir.display(), "watching the inbox");
            threads.push(Inbox::start(settings, node.files.clone())?);
        }
        node.queues.start()?;
        web::serve(listener, node.app.clone(), &workers.handles, stopped).await;
        drop(address);
        drop(listens);
        Ok::<_, anyhow::Error>(())
    })?;
    info!("stopping: finishing what was accepted");
    closing.store(true, Ordering::Relaxed);
    node.queues.stop();
    node.batches.close();
    node.followers.stop();
    if let Some(lake) = &node.lake {
        lake.stop();
    }
    for thread in threads {
        drop(thread.join());
    }
    workers.stop();
    drop(runtime);
    if let Some(traces) = &node.traces {
        traces.close();
    }
    drop(node);
    Ok(ExitCode::SUCCESS)
}

/// Connections that may wait to be accepted: with fewer, a burst of them waits for a second and
/// more until the callers' kernels knock again.
const BACKLOG: u32 = 4_096;

fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

/// Listens for Ctrl-C and SIGTERM from now on; resolves at the first.
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

/// The file that tells the other commands where the server listens.
struct Address {
    path: PathBuf,
    url: String,
}

impl Address {
    fn write(data_dir: &Path, mut address: SocketAddr) -> Result<Self> {
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let (path, url) = (data_dir.join(ADDRESS_FILE), format!("http://{address}"));
        std::fs::write(&path, &url)
            .with_context(|| told!("no-write", path = path.display().to_string()))?;
        Ok(Self { path, url })
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        // A leftover is harmless: it is only read while somebody holds the store.
        drop(std::fs::remove_file(&self.path));
    }
}
