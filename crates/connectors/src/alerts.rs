//! Tells alerts about dead letters: to the log, and to a webhook where there is one.
//!
//! Never: personal data. An alert says how many letters there are, and of what.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use service::follow::Outcome;
use service::ledger::Task;
use service::letters::{Alert, Tell};

use crate::http::{Call, Client, outcome};

/// Longest that telling a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where alerts go.
#[derive(Default)]
pub struct Channels {
    webhook: Option<(Client, Url)>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}

impl Channels {
    /// To the log, and by `client` to an address; `None` when that is none.
    #[must_use]
    pub fn with_webhook(client: Client, url: &str) -> Option<Self> {
        Some(Self { webhook: Some((client, url.parse().ok()?)) })
    }
}

impl Tell for Channels {
    fn tell(&self, alert: Alert) -> Task<'_, Outcome> {
        let Some((client, url)) = &self.webhook else {
            log(&alert);
            return Box::pin(std::future::ready(Outcome::Delivered));
        };
        Box::pin(async move {
            let outcome = outcome(&client.post(call(url, &alert)).await);
            if outcome == Outcome::Delivered {
                log(&alert);
            }
            outcome
        })
    }
}

fn log(alert: &Alert) {
    let (count, sources) = (alert.count, alert.sources.join(" "));
    tracing::error!(alert.id = %alert.id, count, sources, "{count} dead letters: {sources}");
}

fn call(url: &Url, alert: &Alert) -> Call {
    let kinds = alert.kinds.iter().map(|(kind, count)| (kind.as_str().to_owned(), (*count).into()));
    let kinds: serde_json::Map<String, serde_json::Value> = kinds.collect();
    let text = format!("{} dead letters: {}", alert.count, alert.sources.join(" "));
    let body = serde_json::json!({
        "type": "dead_letters",
        "text": text,
        "count": alert.count,
        "at_least": alert.at_least,
        "kinds": kinds,
        "sources": alert.sources.iter().map(|source| source.as_str()).collect::<Vec<_>>(),
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&alert.id) {
        headers.insert(HeaderName::from_static("webhook-id"), id);
    }
    Call { url: url.clone(), headers, body: body.to_string().into(), timeout: TIMEOUT }
}
