//! `comanda doctor`: proves the invariants on a store, and says what was found.

use std::process::ExitCode;

use anyhow::Result;
use engine::doctor::Findings;
use serde_json::{Value, json};

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
        render::json(&json!({"sound": found.is_sound(), "checks": checks(&found)}));
    } else {
        print(&found);
    }
    let code = if found.is_sound() { 0 } else { super::FAILED };
    Ok(ExitCode::from(code))
}

/// What was found, as JSON.
pub(super) fn checks(found: &Findings) -> Value {
    let checks = found.checks.iter().map(
        |check| json!({"check": check.name, "looked_at": check.looked_at, "faults": check.faults}),
    );
    checks.collect()
}

/// What was found, for people.
pub(super) fn print(found: &Findings) {
    for check in &found.checks {
        let verdict = if check.faults.is_empty() { "sound" } else { "FAULTY" };
        render::say(format_args!("{verdict:7} {}: {} looked at", check.name, check.looked_at));
        for fault in &check.faults {
            render::say(format_args!("        {fault}"));
        }
    }
}
