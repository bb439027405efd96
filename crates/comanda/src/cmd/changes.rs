//! `comanda changes`: the change log as JSON lines.

use std::io::Write;

use anyhow::{Result, bail};

use crate::client::{Client, path};

pub(super) fn changes(api: &Client, after: Option<String>, limit: usize) -> Result<()> {
    let parameters = [("after", after), ("limit", Some(limit.to_string()))];
    let (status, bytes) = api.call("GET", &path("/v1/changes", &parameters), None)?;
    if status >= 400 {
        bail!("{status}: {}", String::from_utf8_lossy(&bytes));
    }
    match std::io::stdout().lock().write_all(&bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
