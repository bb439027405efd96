//! `comanda backup` and `comanda restore`: a store's copy, and a store of it.
//!
//! A backup reads the store's files, so that it runs where they are; it asks no server.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use engine::backup::{self, Plan};
use serde_json::json;

use crate::cli::{Backup, Store};
use crate::files::journal::FILE as FILES;
use crate::installation::Installation;
use crate::lake;
use crate::render;
use crate::settled::{self, CURRENCY};
use crate::spoken::told;
use crate::webhooks;
use crate::wire_up::{KEYS, LINKS, SPOOL};

pub(super) fn backup(store: &Store, arguments: &Backup) -> Result<ExitCode> {
    if let Some(url) = &store.server {
        bail!(told!("no-backup-here", url = url.as_str()));
    }
    let plan = Plan {
        store: &store.data_dir,
        to: &arguments.to,
        since: arguments.since.as_deref(),
        beside: &[CURRENCY, FILES, KEYS, LINKS, SPOOL, lake::SECRET, webhooks::SECRET],
        bytes_per_second: arguments.mb_per_second.saturating_mul(1 << 20),
        taken: jiff::Timestamp::now().to_string(),
    };
    let made = backup::backup(&plan)?;
    let to = arguments.to.display().to_string();
    if store.json {
        render::json(&json!({
            "backup": to,
            "taken": plan.taken,
            "position": made.position,
            "files": made.files,
            "copied_bytes": made.copied_bytes,
            "linked_bytes": made.linked_bytes,
        }));
    } else {
        render::say(told!(
            "said-backup-made",
            to = to,
            position = made.position.to_string(),
            files = made.files.to_string(),
            copied = made.copied_bytes.to_string(),
            linked = made.linked_bytes.to_string(),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(store: &Store, installation: &Installation, from: &Path) -> Result<ExitCode> {
    let to = &store.data_dir;
    settled::check(from, installation)?;
    let restored = backup::restore(from, to, installation.engine())?;
    if store.json {
        render::json(&json!({
            "store": to.display().to_string(),
            "taken": restored.taken,
            "position": restored.position,
            "checks": super::doctor::checks(&restored.findings),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    super::doctor::print(&restored.findings);
    render::say(told!(
        "said-restored",
        to = to.display().to_string(),
        taken = restored.taken,
        position = restored.position.to_string(),
    ));
    Ok(ExitCode::SUCCESS)
}
