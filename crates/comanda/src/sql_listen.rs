//! Listens for PostgreSQL's clients beside the HTTP server, and knows whose keys they may use.
//!
//! Never: an end of the HTTP server because the port that is only usual is taken.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sql::wire::{Access, Door, Found, Server, Settings};
use tracing::{error, info, warn};
use web::keys::Key;

use crate::config::SqlListen;
use crate::installation::Installation;
use crate::spoken::told;
use crate::wire_up::{Node, keys_path};

/// Where Redshift's clients knock by custom, whose dialect this is; PostgreSQL's own port may well
/// have a PostgreSQL on it.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5439);
/// The file that tells where it listens, in the store's folder.
pub(crate) const ADDRESS_FILE: &str = "sql.url";

/// A server that listens, told of by a file while it does.
pub(crate) struct Listening {
    _server: Server,
    path: PathBuf,
    pub(crate) url: String,
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A leftover is harmless: who reads it finds nobody there.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Listens where the settings say, or where it is usual if that is free; nowhere without a lake.
///
/// # Errors
/// When an address that was given cannot be listened on, or is beyond this machine without keys.
pub(crate) fn listen(
    node: &Node,
    data_dir: &Path,
    installation: &Installation,
) -> Result<Option<Listening>> {
    let (Some(engine), asked) = (&node.sql, installation.sql.listen) else { return Ok(None) };
    let listener = match asked {
        Some(SqlListen::Off) => return Ok(None),
        Some(SqlListen::At(address)) => {
            if !address.ip().is_loopback() && node.app.keys.is_none() {
                bail!(told!(
                    "no-keys-beyond",
                    address = address.to_string(),
                    path = data_dir.display().to_string(),
                ));
            }
            let listener = TcpListener::bind(address);
            listener.with_context(|| told!("no-listen", address = address.to_string()))?
        }
        None => match TcpListener::bind(USUAL) {
            Ok(listener) => listener,
            Err(error) => {
                warn!(%error, "SQL's clients are not listened for: {USUAL} cannot be had");
                let problem =
                    format!("PostgreSQL's clients are not listened for: {USUAL}: {error}");
                node.troubles.lock().push(problem);
                return Ok(None);
            }
        },
    };
    let access = match node.app.keys {
        Some(_) => Access::Keys(Arc::new(KeyFile(keys_path(data_dir)))),
        None => Access::Anyone,
    };
    let server = Server::start(listener, engine, access, Settings::default());
    let server = server.with_context(|| told!("no-sql"))?;
    let (path, url) = (data_dir.join(ADDRESS_FILE), url(server.address()));
    std::fs::write(&path, &url)
        .with_context(|| told!("no-write", path = path.display().to_string()))?;
    info!("listening for PostgreSQL's clients on {url}");
    Ok(Some(Listening { _server: server, path, url }))
}

fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("postgresql://{address}/comanda")
}

/// The file of API keys, read anew for each connection: a key that was revoked is let in no more.
struct KeyFile(PathBuf);

impl Door for KeyFile {
    fn find(&self, user: &str) -> Found {
        let read = || Ok::<_, anyhow::Error>(serde_json::from_slice(&std::fs::read(&self.0)?)?);
        let keys: Vec<Key> = match read() {
            Ok(keys) => keys,
            Err(error) => {
                error!(error = crate::spoken::chain(&error), "API keys cannot be read");
                return Found::Unavailable;
            }
        };
        let Some(key) = keys.into_iter().find(|key| key.id == user) else { return Found::Nobody };
        let verifier = key.scram.as_deref().and_then(|scram| scram.parse().ok());
        verifier.map_or(Found::Older, Found::Verifier)
    }
}
