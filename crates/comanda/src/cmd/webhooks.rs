//! `comanda webhooks`: who is told of what, and how that fares.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::cli::{Store, WebhookTerms, Webhooks};
use crate::client::{Client, encode, path};
use crate::render::{self, cell};
use crate::spoken::{told, word};

pub(super) fn webhooks(api: &Client, store: &Store, command: Webhooks) -> Result<()> {
    match command {
        Webhooks::List => {
            let mut answer = api.json("GET", "/v1/webhooks", None)?;
            if !store.json {
                let rows = answer["webhooks"].as_array_mut().into_iter().flatten();
                rows.for_each(|row| row["kinds"] = list(row, "kinds").into());
            }
            let columns = [
                (word!("word-id"), "/id", false),
                (word!("word-status"), "/status", false),
                (word!("word-address"), "/url", false),
                (word!("word-kinds"), "/kinds", false),
                (word!("word-description"), "/description", false),
            ];
            super::page(store.json, &answer, "webhooks", &columns);
        }
        Webhooks::Add { url, signing, terms } => {
            let mut body = fields(&terms);
            body.insert("url".into(), url.into());
            body.insert("signing".into(), signing.into());
            let endpoint = api.json("POST", "/v1/webhooks", Some(sent(&body)))?;
            shown_once(store, &endpoint);
        }
        Webhooks::Show { id } => {
            let endpoint = api.json("GET", &address(&id, ""), None)?;
            if store.json { render::json(&endpoint) } else { show(&endpoint) }
        }
        Webhooks::Change { id, url, terms } => {
            let mut body = fields(&terms);
            body.extend(url.map(|url| ("url".to_owned(), url.into())));
            let endpoint = api.json("PATCH", &address(&id, ""), Some(sent(&body)))?;
            if store.json { render::json(&endpoint) } else { show(&endpoint) }
        }
        Webhooks::Remove { id } => {
            api.json("DELETE", &address(&id, ""), None)?;
            eprintln!("{}", told!("said-webhook-removed", id = id));
        }
        Webhooks::Test { id } => {
            let attempt = api.json("POST", &address(&id, "/test"), None)?;
            attempts(store, &attempt, std::slice::from_ref(&attempt));
            if attempt["delivered"] != json!(true) {
                anyhow::bail!(told!("no-webhook-answer", error = cell(attempt.get("error"))));
            }
        }
        Webhooks::Deliveries { id, limit } => {
            let limit = [("limit", Some(limit.to_string()))];
            let answer = api.json("GET", &path(&address(&id, "/deliveries"), &limit), None)?;
            let rows = answer["attempts"].as_array().cloned().unwrap_or_default();
            attempts(store, &answer, &rows);
        }
        Webhooks::Replay { id, since, until, failed } => {
            let only = if failed { "failed" } else { "all" };
            let body = json!({"since": since, "until": until, "only": only});
            let body = body.as_object().cloned().unwrap_or_default();
            let started = api.json("POST", &address(&id, "/replay"), Some(sent(&body)))?;
            replayed(store, &started);
        }
        Webhooks::Rotate { id, overlap_s } => {
            let body = Map::from_iter([("overlap_s".to_owned(), overlap_s.into())]);
            let rotated = api.json("POST", &address(&id, "/rotate-secret"), Some(sent(&body)))?;
            shown_once(store, &rotated);
        }
        Webhooks::Enable { id } => switch(api, store, &id, "/enable", &Map::new())?,
        Webhooks::Disable { id, reason } => {
            let body = reason.map(|reason| ("reason".to_owned(), reason.into()));
            switch(api, store, &id, "/disable", &body.into_iter().collect())?;
        }
    }
    Ok(())
}

fn switch(
    api: &Client,
    store: &Store,
    id: &str,
    how: &str,
    body: &Map<String, Value>,
) -> Result<()> {
    let endpoint = api.json("POST", &address(id, how), Some(sent(body)))?;
    if store.json {
        render::json(&endpoint)
    } else {
        show(&endpoint)
    }
    Ok(())
}

fn address(id: &str, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", encode(id))
}

fn sent(body: &Map<String, Value>) -> (&'static str, Vec<u8>) {
    ("application/json", Value::Object(body.clone()).to_string().into_bytes())
}

/// What was named on the command line, and nothing else.
fn fields(terms: &WebhookTerms) -> Map<String, Value> {
    let WebhookTerms { kinds, merchants, description, per_second, concurrency } = terms;
    let list = |texts: &Vec<String>| (!texts.is_empty()).then(|| json!(texts));
    let fields = [
        ("kinds", list(kinds)),
        ("merchant_ids", list(merchants)),
        ("description", description.as_ref().map(|text| json!(text))),
        ("per_second", per_second.map(|n| json!(n))),
        ("concurrency", concurrency.map(|n| json!(n))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// An endpoint with its secret: standard output has the secret alone, for scripts.
fn shown_once(store: &Store, endpoint: &Value) {
    if store.json {
        return render::json(endpoint);
    }
    render::say(cell(endpoint.get("secret")));
    eprintln!("{}", told!("said-webhook-secret", id = cell(endpoint.get("id"))));
}

fn replayed(store: &Store, started: &Value) {
    if store.json {
        return render::json(started);
    }
    let count = |field: &str| started[field].as_u64().unwrap_or_default();
    if count("letters") > 0 {
        render::say(told!("said-webhook-letters", count = count("letters")));
    } else {
        render::say(told!("said-webhook-replayed", count = count("changes")));
    }
    if let Some(since) = started["rest_since"].as_str() {
        render::say(told!("said-webhook-rest", since = since));
    }
}

fn show(endpoint: &Value) {
    let text = |pointer| cell(endpoint.pointer(pointer));
    render::facts(&[
        (word!("word-id"), text("/id")),
        (word!("word-status"), text("/status")),
        (word!("word-since"), text("/disabled/at")),
        (word!("word-why"), text("/disabled/reason")),
        (word!("word-address"), text("/url")),
        (word!("word-description"), text("/description")),
        (word!("word-kinds"), list(endpoint, "kinds")),
        (word!("word-merchant"), list(endpoint, "merchant_ids")),
        (word!("word-per-second"), text("/per_second")),
        (word!("word-at-once"), text("/concurrency")),
        (word!("word-signing"), text("/signing")),
        (word!("word-secret-number"), text("/secret_number")),
        (word!("word-previous-until"), text("/previous_secret_until")),
        (word!("word-created"), text("/created_at")),
    ]);
}

/// A list of texts as one.
fn list(row: &Value, field: &str) -> String {
    let texts = row[field].as_array().into_iter().flatten().map(|text| cell(Some(text)));
    texts.collect::<Vec<_>>().join(" ")
}

fn attempts(store: &Store, answer: &Value, rows: &[Value]) {
    if store.json {
        return render::json(answer);
    }
    let columns = [
        (word!("word-when"), "/at", false),
        (word!("word-kind"), "/kind", false),
        (word!("word-order"), "/order_id", false),
        (word!("word-attempt"), "/attempt", true),
        (word!("word-status"), "/status", true),
        (word!("word-ms"), "/duration_ms", true),
        (word!("word-why"), "/error", false),
        (word!("word-id"), "/id", false),
    ];
    render::table(rows, &columns);
}
