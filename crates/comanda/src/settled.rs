//! What a store has settled for good: its currency. Amounts are stored as whole minor units; read
//! with other decimals they would be other amounts.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::installation::Installation;
use crate::spoken::told;

/// The file, in the store's folder.
pub(crate) const CURRENCY: &str = "CURRENCY";

/// The settings do not fit the store.
#[derive(Debug, thiserror::Error)]
#[error("the amounts in {} are in {stored}, orders.currency says {set}", path.display())]
pub(crate) struct OtherCurrency {
    pub(crate) path: PathBuf,
    pub(crate) stored: String,
    pub(crate) set: String,
}

/// Refuses a store, or a backup of one, whose currency is another. One that does not say, of a
/// version that did not write it down, passes.
pub(crate) fn check(dir: &Path, installation: &Installation) -> Result<()> {
    let path = dir.join(CURRENCY);
    let stored = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim_end().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| told!("no-read", path = path.display().to_string()));
        }
    };
    let set = installation.orders.currency.code.to_string();
    if stored == set {
        return Ok(());
    }
    Err(OtherCurrency { path: dir.to_owned(), stored, set }.into())
}

/// Writes the currency down where nobody has. For whoever has the store open.
pub(crate) fn settle(dir: &Path, installation: &Installation) -> Result<()> {
    let path = dir.join(CURRENCY);
    if path.exists() {
        return Ok(());
    }
    let write = || {
        // Under its name only when it is on disk: half a name would be another currency.
        let new = dir.join("CURRENCY.new");
        let mut file = std::fs::File::create(&new)?;
        writeln!(file, "{}", installation.orders.currency.code)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        std::fs::File::open(dir)?.sync_all()
    };
    write().with_context(|| told!("no-write", path = path.display().to_string()))
}
