//! `comanda doctor`: proves the invariants on a store, and says what was found.

use std::process::ExitCode;

use anyhow::Result;
use engine::doctor::{Findings, Proof};
use messages::{Id, id, label};
use serde_json::{Value, json};

use crate::cli::Store;
use crate::installation::Installation;
use crate::render;
use crate::settled;
use crate::spoken::{self, told};

pub(super) fn doctor(store: &Store, installation: &Installation) -> Result<ExitCode> {
    settled::check(&store.data_dir, installation)?;
    let engine = match engine::Engine::open(&store.data_dir, installation.engine()) {
        Ok(engine) => engine,
        Err(error @ engine::OpenError::Held(_)) => {
            let error = spoken::text(&spoken::opening(&error));
            eprintln!("comanda: {}", told!("no-doctor-held", error = error));
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
        |check| json!({"check": check.proof.as_str(), "looked_at": check.looked_at, "faults": check.faults}),
    );
    checks.collect()
}

/// What was found, for people.
pub(super) fn print(found: &Findings) {
    for check in &found.checks {
        let is_sound = check.faults.is_empty();
        let verdict = if is_sound { id!("doctor-sound") } else { id!("doctor-faulty") };
        let (check_name, count) =
            (label(name(check.proof), spoken::lang()), check.looked_at.to_string());
        let verdict = format!("{:6}", label(verdict, spoken::lang()));
        let said = told!("doctor-looked-at", verdict = verdict, check = check_name, count = count);
        render::say(said);
        for fault in &check.faults {
            render::say(format_args!("        {fault}"));
        }
    }
}

/// What a check proves, for people.
fn name(proof: Proof) -> Id {
    match proof {
        Proof::Records => id!("doctor-records"),
        Proof::Originals => id!("doctor-originals"),
        Proof::States => id!("doctor-states"),
        Proof::Money => id!("doctor-money"),
        Proof::Stock => id!("doctor-stock"),
        Proof::Queues => id!("doctor-queues"),
        Proof::Lists => id!("doctor-lists"),
        Proof::Batches => id!("doctor-batches"),
        Proof::Letters => id!("doctor-letters"),
        Proof::Followers => id!("doctor-followers"),
    }
}
