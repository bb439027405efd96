//! `comanda doctor`: proves the invariants on a store, and says what was found.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::cli::Store;
use crate::installation::Installation;
use crate::render;

pub(super) fn doctor(store: &Store, installation: &Installation) -> Result<ExitCode> {
    let engine = match engine::Engine::open(&store.data_dir, installation.engine()) {
        Ok(engine) => engine,
        Err(error @ engine::OpenError::Held(_)) => {
            eprintln!("comanda: {error}; stop the server first: proving needs the store at rest");
            return Ok(ExitCode::from(super::HELD));
        }
        Err(error) => return Err(error.into()),
    };
    let found = engine.examine()?;
    if store.json {
        let checks = found.checks.iter().map(|check| {
            json!({"check": check.name, "looked_at": check.looked_at, "faults": check.faults})
        });
        render::json(&json!({"sound": found.is_sound(), "checks": checks.collect::<Vec<_>>()}));
    } else {
        for check in &found.checks {
            let verdict = if check.faults.is_empty() { "sound" } else { "FAULTY" };
            println!("{verdict:7} {}: {} looked at", check.name, check.looked_at);
            for fault in &check.faults {
                println!("        {fault}");
            }
        }
    }
    let code = if found.is_sound() { 0 } else { super::FAILED };
    Ok(ExitCode::from(code))
}
