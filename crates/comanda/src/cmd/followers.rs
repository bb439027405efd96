//! `comanda followers`: who follows the log, how far behind each is, and why.

use anyhow::Result;
use messages::{Id, id, label};
use serde_json::Value;

use crate::cli::{Followers, Store};
use crate::client::{Client, encode};
use crate::render;
use crate::spoken::{self, told, word};

pub(super) fn followers(api: &Client, store: &Store, command: Followers) -> Result<()> {
    match command {
        Followers::List => list(api, store),
        Followers::Enable { name } => {
            let target = format!("/v1/followers/{}/enable", encode(&name));
            api.json("POST", &target, None)?;
            render::say(told!("said-follower-enabled", name = name));
            Ok(())
        }
    }
}

fn list(api: &Client, store: &Store) -> Result<()> {
    let mut answer = api.json("GET", "/v1/followers", None)?;
    if store.json {
        render::json(&answer);
        return Ok(());
    }
    let rows = answer["followers"].as_array_mut().map(std::mem::take).unwrap_or_default();
    if rows.is_empty() {
        render::say(told!("said-no-followers"));
        return Ok(());
    }
    let rows: Vec<Value> = rows.into_iter().map(shown).collect();
    let columns = [
        (word!("word-follower"), "/name", false),
        (word!("word-status"), "/state_label", false),
        (word!("word-behind-changes"), "/lag/changes", true),
        (word!("word-behind-seconds"), "/lag/seconds", true),
        (word!("word-waiting"), "/waiting_deliveries", true),
        (word!("word-next-try"), "/next_try", false),
        (word!("word-last-error"), "/why", false),
    ];
    render::table(&rows, &columns);
    Ok(())
}

/// A row with its state in words, and what is wrong with it.
fn shown(mut row: Value) -> Value {
    let state = row["state"].as_str().map(state).map(|id| label(id, spoken::lang()));
    row["state_label"] = state.unwrap_or_default().into();
    let error = row.pointer("/last_error/reason").cloned().unwrap_or_default();
    row["why"] = if row["problem"].is_null() { error } else { row["problem"].clone() };
    row
}

/// A state in words; one of a later server's is told as it is not driven by this one.
fn state(name: &str) -> Id {
    match name {
        "running" => id!("follower-running"),
        "held" => id!("follower-held"),
        "crowded" => id!("follower-crowded"),
        "disabled" => id!("follower-disabled"),
        "damaged" => id!("follower-damaged"),
        _ => id!("follower-not-driven"),
    }
}
