//! Tells a webhook endpoint what happened: the sink `webhook:ep_…`.
//!
//! What is told follows from the change and the endpoint's terms, so a crash loses nothing and
//! changes no id. An attempt is a signed POST; 2xx is delivered, 410 the end of the endpoint.
//!
//! Never: a person in a message or in the delivery log, a secret in either.

mod attempts;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use domain::id::OrderKey;
use domain::notice::{Notice, Notices};
use domain::time::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use service::change::{Change, Seq, What};
use service::follow::{Begin, Delivery, Outcome, Retention, Sink, Terms};
use service::ledger::{Ledger, Task, Unavailable};
use service::letters::{self, How, Settled};
use service::memory::Clock;
use service::notify::{Occasion, Subject, occasions};
use service::webhooks::message::{self, body};
use service::webhooks::{Attempt, Endpoint, PING, REPLAY_CHANGES_MAX, Replay};

pub use self::attempts::{ATTEMPTS_KEPT_MAX, Attempts};
pub use self::secrets::{Secrets, SecretsError};
use crate::http::{self, Call, Client, Url};
use crate::signature;

/// Waits after failed attempts: the schedule of the Standard Webhooks specification, three days.
const PAUSES_S: [u64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];
/// Changes older than this are not told any more: whoever was away for a month reads the log.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What all endpoints of an installation share.
pub struct Webhooks {
    /// Where the log is read.
    pub ledger: Arc<dyn Ledger>,
    /// Who calls.
    pub client: Client,
    /// What signs.
    pub secrets: Secrets,
    /// How messages read.
    pub messages: message::Settings,
    /// Longest an attempt may take.
    pub timeout: Duration,
    /// What time it is.
    pub clock: Clock,
    /// What became of attempts, by endpoint.
    pub attempts: Attempts,
}

/// A message to an endpoint.
struct Telling<'a> {
    id: &'a str,
    kind: &'a str,
    order: Option<&'a OrderKey>,
    number: u32,
    body: bytes::Bytes,
}

impl Webhooks {
    /// Tries an endpoint, now.
    pub async fn ping(&self, endpoint: &Endpoint, id: &str) -> Attempt {
        let body = message::ping(PING, (self.clock)());
        let telling = Telling { id, kind: PING, order: None, number: 1, body };
        self.tell(endpoint, telling).await.0
    }

    /// One attempt, on record, and what it means.
    async fn tell(&self, endpoint: &Endpoint, telling: Telling<'_>) -> (Attempt, Outcome) {
        let Telling { id, kind, order, number, body } = telling;
        let at = (self.clock)();
        let result = match self.call(endpoint, id, at, body) {
            Ok(call) => self.client.post(call).await,
            Err(error) => Err(error),
        };
        let outcome = http::outcome(&result);
        let error = match &outcome {
            Outcome::Delivered => None,
            Outcome::Skipped { reason }
            | Outcome::Refused { reason }
            | Outcome::Unavailable { reason, .. }
            | Outcome::Gone { reason } => Some(reason.clone()),
        };
        let Timestamp(until) = (self.clock)();
        let attempt = Attempt {
            at,
            id: id.into(),
            kind: kind.into(),
            order: order.cloned(),
            number,
            status: result.as_ref().ok().map(|reply| reply.status.as_u16()),
            took_us: u64::try_from(until - at.0).unwrap_or_default(),
            error,
        };
        self.attempts.add(&endpoint.id, attempt.clone());
        (attempt, outcome)
    }

    fn call(
        &self,
        endpoint: &Endpoint,
        id: &str,
        at: Timestamp,
        body: bytes::Bytes,
    ) -> Result<Call, http::Error> {
        let failed = |error: &str| http::Error::Broken(error.into());
        let url: Url = endpoint.terms.url.parse().map_err(|_| failed("the address is no URL"))?;
        let secrets: Vec<_> = self.secrets.signing(endpoint, at);
        let seconds = at.0.div_euclid(1_000_000);
        let headers = signature::headers(&secrets, id, seconds, &body);
        let mut headers = headers.map_err(|error| failed(&error.to_string()))?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Call { url, headers, body, timeout: self.timeout })
    }
}

/// The sink of one endpoint.
pub struct Webhook {
    name: Box<str>,
    endpoint: Arc<Endpoint>,
    wanted: Notices,
    shared: Arc<Webhooks>,
}

impl Webhook {
    /// The sink of `endpoint`.
    #[must_use]
    pub fn new(endpoint: Arc<Endpoint>, shared: Arc<Webhooks>) -> Self {
        let wants = |(_, kind): &&(Notice, &str)| endpoint.terms.wants(kind);
        let wanted = Notice::ALL.iter().filter(wants).map(|(notice, _)| *notice).collect();
        Self { name: endpoint.id.sink().into(), endpoint, wanted, shared }
    }

    fn of_change(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        let occasions = occasions(&*self.shared.ledger, seq, change, self.wanted)?;
        Ok(occasions.iter().filter(|o| self.tells(o)).map(|o| self.delivery(o)).collect())
    }

    fn tells(&self, occasion: &Occasion) -> bool {
        let of_batch = match &occasion.subject {
            // What is wrong with a batch's items is told with the batch.
            Subject::Input { batch, .. } => batch.is_some(),
            Subject::Order { .. } | Subject::Batch(_) => false,
        };
        !of_batch && self.endpoint.terms.concerns(occasion.merchant())
    }

    fn delivery(&self, occasion: &Occasion) -> Delivery {
        Delivery {
            id: occasion.id(&self.name),
            seq: occasion.seq,
            order: occasion.order().cloned(),
            kind: occasion.notice.as_str().into(),
            due: None,
        }
    }

    /// The delivery that an ended dead letter asks to be made again.
    fn redriven(&self, settled: &Settled) -> Option<Delivery> {
        match &settled.subject {
            letters::Subject::Delivery { sink, id, kind, seq }
                if settled.how == How::Redriven && *sink == self.name =>
            {
                let (id, kind, order) = (id.clone(), kind.clone(), settled.order.clone());
                Some(Delivery { id, seq: *seq, order, kind, due: None })
            }
            letters::Subject::Delivery { .. }
            | letters::Subject::Step { .. }
            | letters::Subject::Missed { .. }
            | letters::Subject::Disabled { .. }
            | letters::Subject::Item(_)
            | letters::Subject::Message { .. }
            | letters::Subject::Decision(_) => None,
        }
    }

    fn again(&self, replay: &Replay) -> Result<Vec<Delivery>, Unavailable> {
        let mut deliveries = Vec::new();
        for (seq, change) in self.shared.ledger.read(replay.after, REPLAY_CHANGES_MAX)? {
            if seq <= replay.until {
                deliveries.extend(self.of_change(seq, &change)?);
            }
        }
        Ok(deliveries)
    }
}

impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn begins(&self) -> Begin {
        Begin::Behind(self.endpoint.since)
    }

    fn terms(&self) -> Terms {
        Terms {
            concurrency: self.endpoint.terms.concurrency.into(),
            per_second: self.endpoint.terms.per_second,
            pauses: PAUSES_S.map(Duration::from_secs).to_vec(),
            retention: Retention { age: Some(RETENTION), bytes: None },
        }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        match &change.what {
            What::Replay(replay) if replay.endpoint == self.endpoint.id => self.again(replay),
            What::Settled(settled) => Ok(self.redriven(settled).into_iter().collect()),
            _ => self.of_change(seq, change),
        }
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> Task<'a, Outcome> {
        Box::pin(async move {
            let Delivery { id, seq, order, kind, .. } = delivery;
            let shared = &self.shared;
            let body = match body(&*shared.ledger, &shared.messages, *seq, kind) {
                Ok(body) => body,
                // A disk that does not read is nobody's fault out there: it is tried again.
                Err(error) => {
                    let reason = error.to_string().into();
                    return Outcome::Unavailable { reason, retry_after: None };
                }
            };
            let telling = Telling { id, kind, order: order.as_ref(), number: attempt, body };
            shared.tell(&self.endpoint, telling).await.1
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
