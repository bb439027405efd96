//! `comanda dlq`: what could not be seen through, and what is to become of it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::cli::{Dlq, Ends, Letters, Store};
use crate::client::{Client, encode, path};
use crate::render::{self, cell};
use crate::spoken::{told, word};

/// Most letters that are counted before somebody is asked about them.
const COUNTED_MAX: usize = 1_000;

pub(super) fn dlq(api: &Client, store: &Store, command: Dlq) -> Result<ExitCode> {
    match command {
        Dlq::List { letters, state, limit, cursor } => {
            let mut parameters = filters(&letters);
            parameters.extend([
                ("state", Some(state)),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor),
            ]);
            list(api, store, &parameters)?;
        }
        Dlq::Show { id } => {
            let letter = api.json("GET", &address(&id), None)?;
            told_of(store, &letter);
        }
        Dlq::Redrive { id: Some(id), payload, .. } => redrive_one(api, store, &id, payload)?,
        Dlq::Redrive { id: None, letters, ends, per_second, .. } => {
            if ends.all == any(&letters) {
                return Ok(usage(told!("no-dlq-filter")));
            }
            let mut body = Map::new();
            for (name, value) in filters(&letters) {
                body.extend(value.map(|value| (name.to_owned(), value.into())));
            }
            body.insert("per_second".into(), per_second.into());
            let body = ("application/json", Value::Object(body).to_string().into_bytes());
            let begun = api.json("POST", "/v1/dead-letters/redrive", Some(body))?;
            return follow(api, store, begun, &ends);
        }
        Dlq::Purge { id: Some(id), .. } => {
            let letter = api.json("DELETE", &address(&id), None)?;
            told_of(store, &letter);
        }
        Dlq::Purge { id: None, letters, ends, yes } => {
            if ends.all == any(&letters) {
                return Ok(usage(told!("no-dlq-filter")));
            }
            if !yes && !sure(api, &letters)? {
                return Ok(usage(told!("no-dlq-yes")));
            }
            let mut parameters = filters(&letters);
            parameters.push(("all", ends.all.then(|| "true".to_owned())));
            let begun = api.json("DELETE", &path("/v1/dead-letters", &parameters), None)?;
            return follow(api, store, begun, &ends);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn usage(text: String) -> ExitCode {
    eprintln!("comanda: {text}");
    ExitCode::from(super::USAGE)
}

fn address(id: &str) -> String {
    format!("/v1/dead-letters/{}", encode(id))
}

fn filters(letters: &Letters) -> Vec<(&'static str, Option<String>)> {
    let Letters { kind, source, batch, merchant, order, reason, from, until } = letters.clone();
    vec![
        ("kind", kind),
        ("source", source),
        ("batch_id", batch),
        ("merchant_id", merchant),
        ("order_id", order),
        ("reason", reason),
        ("from", from),
        ("until", until),
    ]
}

/// Whether anything says which letters are meant.
fn any(letters: &Letters) -> bool {
    filters(letters).iter().any(|(_, value)| value.is_some())
}

fn list(api: &Client, store: &Store, parameters: &[(&str, Option<String>)]) -> Result<()> {
    let answer = api.json("GET", &path("/v1/dead-letters", parameters), None)?;
    let columns = [
        (word!("word-id"), "/id", false),
        (word!("word-when"), "/at", false),
        (word!("word-kind"), "/kind", false),
        (word!("word-source"), "/source", false),
        (word!("word-order"), "/order_id", false),
        (word!("word-merchant"), "/merchant_id", false),
        (word!("word-reason"), "/reason", false),
        (word!("word-attempts"), "/attempts", true),
        (word!("word-ended"), "/settled/how", false),
    ];
    super::page(store.json, &answer, "dead_letters", &columns);
    Ok(())
}

fn redrive_one(api: &Client, store: &Store, id: &str, payload: Option<PathBuf>) -> Result<()> {
    let body = match payload {
        Some(file) => Some(("application/json", super::input(&file)?)),
        None => None,
    };
    let letter = api.json("POST", &format!("{}/redrive", address(id)), body)?;
    told_of(store, &letter);
    Ok(())
}

fn told_of(store: &Store, letter: &Value) {
    if store.json {
        return render::json(letter);
    }
    let text = |pointer| cell(letter.pointer(pointer));
    render::facts(&[
        (word!("word-id"), text("/id")),
        (word!("word-when"), text("/at")),
        (word!("word-kind"), text("/kind")),
        (word!("word-source"), text("/source")),
        (word!("word-order"), text("/order_id")),
        (word!("word-merchant"), text("/merchant_id")),
        (word!("word-item"), text("/batch/index")),
        (word!("word-line"), text("/batch/line")),
        (word!("word-what"), text("/tells")),
        (word!("word-reason"), text("/reason")),
        (word!("word-error"), text("/error")),
        (word!("word-attempts"), text("/attempts")),
        (word!("word-ended"), format!("{} {}", text("/settled/how"), text("/settled/at"))),
        (word!("word-status"), text("/order/status_label")),
    ]);
    render::violations(letter);
    let payload = match (&letter["payload"], &letter["payload_text"]) {
        (Value::Null, Value::Null) => return,
        // Control characters of hostile documents must not reach the terminal.
        (Value::Null, text) => cell(Some(text)),
        (json, _) => format!("{json:#}"),
    };
    render::say(format_args!("\n{payload}"));
}

/// Asks whether that many letters are really meant.
fn sure(api: &Client, letters: &Letters) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(false);
    }
    let mut parameters = filters(letters);
    parameters.push(("limit", Some(COUNTED_MAX.to_string())));
    let page = api.json("GET", &path("/v1/dead-letters", &parameters), None)?;
    let count = page["dead_letters"].as_array().map_or(0, Vec::len);
    let more = if page["next_cursor"].is_null() { "" } else { "+" };
    eprint!("{} ", told!("ask-dlq-purge", count = format!("{count}{more}")));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    // As people say yes in the languages there are.
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "s" | "sim" | "si" | "sí"))
}

/// Waits until what was begun has come to its end.
fn follow(api: &Client, store: &Store, begun: Value, ends: &Ends) -> Result<ExitCode> {
    let mut sweep = begun;
    let target = cell(sweep.pointer("/links/self"));
    while !ends.no_wait && sweep["status"] == "RUNNING" {
        std::thread::sleep(Duration::from_millis(100));
        sweep = api.json("GET", &target, None)?;
    }
    if store.json {
        render::json(&sweep);
    } else {
        let text = |pointer| cell(sweep.pointer(pointer));
        render::facts(&[
            (word!("word-id"), text("/id")),
            (word!("word-status"), text("/status")),
            (word!("word-settled"), text("/settled")),
            (word!("word-still-open"), text("/failed")),
        ]);
    }
    let is_well = sweep["failed"] == 0;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) })
}
