//! Tells alerts about dead letters: to the log, by e-mail and to a webhook where there is one.
//!
//! Never: personal data. An alert says how many letters there are, and of what.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use service::follow::Outcome;
use service::ledger::Task;
use service::letters::{Alert, Tell};

use crate::http::{Call, Client, outcome};
use crate::mail::{self, Letter, Mailbox, Server, Writer};

/// Longest that telling a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where alerts go.
#[derive(Default)]
pub struct Channels {
    webhook: Option<(Client, Url)>,
    mail: Option<Mail>,
}

/// To whom alerts are mailed, and how.
struct Mail {
    server: Arc<Server>,
    settings: mail::Settings,
    to: Mailbox,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}

impl Channels {
    /// Also by `client` to an address; `None` when that is none.
    #[must_use]
    pub fn with_webhook(self, client: Client, url: &str) -> Option<Self> {
        Some(Self { webhook: Some((client, url.parse().ok()?)), ..self })
    }

    /// Also by e-mail.
    #[must_use]
    pub fn with_mail(self, server: Arc<Server>, settings: mail::Settings, to: Mailbox) -> Self {
        Self { mail: Some(Mail { server, settings, to }), ..self }
    }
}

impl Tell for Channels {
    /// To the log in the end: what stands there has been told everywhere. When one of them fails,
    /// all are told again, by the same id.
    fn tell(&self, alert: Alert) -> Task<'_, Outcome> {
        Box::pin(async move {
            if let Some(mail) = &self.mail {
                let told = mail.send(&alert).await;
                if told != Outcome::Delivered {
                    return told;
                }
            }
            if let Some((client, url)) = &self.webhook {
                let told = outcome(&client.post(call(url, &alert)).await);
                if told != Outcome::Delivered {
                    return told;
                }
            }
            log(&alert);
            Outcome::Delivered
        })
    }
}

impl Mail {
    async fn send(&self, alert: &Alert) -> Outcome {
        let lang = self.settings.language;
        let page = Writer { customs: &self.settings.customs, lang }.alert(alert);
        let (to, id) = (self.to.clone(), alert.id.clone());
        let letter = Letter { to, page, lang, id, at: alert.from };
        mail::send(&self.server, &self.settings, &letter).await
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
