//! `comanda keys`: who may call the API.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use web::keys::{Key, Scope};

use crate::cli::{Keys, Store};
use crate::client::Client;
use crate::installation::Installation;
use crate::spoken::{told, word};
use crate::wire_up::keys_path;

pub(super) fn keys(store: &Store, installation: &Installation, command: Keys) -> Result<ExitCode> {
    match command {
        Keys::Create { scope } => create(&store.data_dir, &scope)?,
        Keys::List => {
            let rows = serde_json::to_value(load(&store.data_dir)?)?;
            let columns = [
                (word!("word-id"), "/id", false),
                (word!("word-scope"), "/scope", false),
                (word!("word-created"), "/created_at", false),
            ];
            crate::render::table(rows.as_array().map_or(&[], Vec::as_slice), &columns);
        }
        Keys::Revoke { id } => {
            let mut keys = load(&store.data_dir)?;
            let before = keys.len();
            keys.retain(|key| key.id != id);
            if keys.len() == before {
                bail!(told!("no-such-key", id = id));
            }
            save(&store.data_dir, &keys)?;
            eprintln!("{}", told!("said-key-revoked"));
        }
        Keys::RotateLinks { end_earlier } => {
            return super::done(Client::connect(store, installation)?, |api| {
                let earlier = if end_earlier { "end" } else { "count" };
                api.json("POST", &format!("/v1/link-secrets?earlier={earlier}"), None)?;
                crate::render::say(told!("said-links-rotated"));
                Ok(())
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn create(data_dir: &Path, scope: &str) -> Result<()> {
    let mut keys = load(data_dir)?;
    let all = [Scope::Read, Scope::Write, Scope::Admin];
    let Some(scope) = all.into_iter().find(|s| s.as_str() == scope) else {
        bail!(told!("no-scope"));
    };
    let (secret, mut key) = web::Keys::create(scope, jiff::Timestamp::now())?;
    key.scram = Some(sql::wire::Verifier::salted(&secret)?.to_string());
    keys.push(key);
    save(data_dir, &keys)?;
    println!("{secret}");
    eprintln!("{}", told!("said-key-shown-once"));
    Ok(())
}

fn load(data_dir: &Path) -> Result<Vec<Key>> {
    let path = keys_path(data_dir);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| told!("no-read", path = path.display().to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            Err(error).with_context(|| told!("no-read", path = path.display().to_string()))
        }
    }
}

/// Writes the file anew beside the old one, readable by its owner alone.
fn save(data_dir: &Path, keys: &[Key]) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::create_dir_all(data_dir)?;
    let (path, scratch) = (keys_path(data_dir), data_dir.join("keys.json.new"));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&scratch)?;
    file.write_all(&serde_json::to_vec_pretty(keys)?)?;
    file.sync_all()?;
    std::fs::rename(scratch, path)?;
    Ok(())
}
