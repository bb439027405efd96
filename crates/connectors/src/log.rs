//! Notices as lines of the log: for whoever collects logs and makes alarms of them.
//!
//! Never: personal data. A line has ids, states and counts, no customer and no document.

use std::sync::Arc;

use service::change::{Change, Seq, What};
use service::follow::{Begin, Delivery, Outcome, Sink, Terms};
use service::ledger::{Ledger, Task, Unavailable};
use service::notify::{Channel, Planned, Planner, Rule, Subject};
use tracing::info;

/// What the sink's cursor is filed under.
pub const NAME: &str = "log";

/// The sink of everything that is told by a line of the log.
#[derive(Debug)]
pub struct LogSink {
    planner: Planner,
}

impl LogSink {
    /// Tells what `rules` say is told by the log.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, rules: &[Rule]) -> Self {
        Self { planner: Planner::new(ledger, rules, |channel| *channel == Channel::Log) }
    }

    fn say(&self, delivery: &Delivery) -> Result<Outcome, Unavailable> {
        let Some((planned, change)) = self.planner.again(delivery)? else {
            let reason = "no rule tells of it any more".into();
            return Ok(Outcome::Skipped { reason });
        };
        self.line(&planned, &change.what)?;
        Ok(Outcome::Delivered)
    }

    fn line(&self, planned: &Planned<'_>, what: &What) -> Result<(), Unavailable> {
        let Planned { delivery, occasion, rule, window, .. } = planned;
        let (notice, notice_id) = (&*delivery.kind, &*delivery.id);
        match (&occasion.subject, what) {
            (Subject::Order { key, revision, .. }, _) => {
                let (order, merchant) = (key.id.as_str(), key.merchant.as_str());
                info!(notice, notice_id, order.id = order, merchant, revision, "{notice} {order}");
            }
            (Subject::Batch(_), What::Batch(batch)) => {
                let (id, status, counts) = (batch.id.as_str(), batch.status.as_str(), batch.counts);
                let (succeeded, failed, skipped) =
                    (counts.succeeded, counts.failed, counts.skipped);
                info!(
                    notice,
                    notice_id,
                    batch.id = id,
                    status,
                    succeeded,
                    failed,
                    skipped,
                    "{notice} {id}: {status}"
                );
            }
            (Subject::Input { .. } | Subject::Batch(_), _) => {
                let Some(window) = window else { return Ok(()) };
                let digest = self.planner.digests.gather(rule, *window, occasion.seq)?;
                let count = digest.count;
                let codes: Vec<&str> = digest.codes.iter().map(|(code, _)| &**code).collect();
                let codes = codes.join(" ");
                info!(notice, notice_id, count, codes, "{notice}: {count}");
            }
        }
        Ok(())
    }
}

impl Sink for LogSink {
    fn name(&self) -> &str {
        NAME
    }

    fn begins(&self) -> Begin {
        Begin::Now
    }

    fn terms(&self) -> Terms {
        Terms { concurrency: 1, ..Terms::default() }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        if let Some(again) = Delivery::again(NAME, change) {
            return Ok(vec![again]);
        }
        Ok(self.planner.plan(seq, change)?.into_iter().map(|planned| planned.delivery).collect())
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        let outcome = self.say(delivery).unwrap_or_else(|error| Outcome::Unavailable {
            reason: error.to_string().into(),
            retry_after: None,
        });
        Box::pin(std::future::ready(outcome))
    }
}
