//! Does what was handed on: passes the step that an order awaits, gives out free stock, ends
//! commits, goes on with sweeps. Everything here is looked up again before it is done, so that a
//! message that comes twice, or late, finds that there is nothing to do.
//!
//! Never: a step's answer that is lost. It is committed before its message is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use connectors::http::{Client, SetUpError};
use connectors::reach::Reach;
use connectors::step::{Asking, Step, StepSink};
use domain::command::{StepNews, StepReport, Verdict};
use domain::id::{StepName, StockKey};
use service::follow::{Begin, Outcome, Sink};
use service::ledger::{Answer, Found, Ledger, OrderView, Request, Task, Unavailable};
use service::letters::Sweeper;
use service::memory::Clock;
use service::source::Message;
use service::steps::{Wording, awaited};
use service::wire::cloud_event::SOURCE;

use super::events::{Failures, Undone, Unreadable, messages};
use super::relay::Job;
use crate::settings::{Hidden, Installation, StepCall};

/// The step that an order awaits which was taken in without its stock.
pub const ALLOCATION: &str = "allocation";
/// How often a message is handed out before its queue gives it up: the last time, a step that did
/// not answer is given up here, with a record of it.
pub const RECEIVES_MAX: u32 = 5;

/// What a ledger leaves to be done behind its commits.
pub trait Chores: Send + Sync {
    /// Gives out a product's free stock, as far as there is some and somebody waits.
    fn release<'a>(&'a self, stock: &'a StockKey) -> Task<'a, Result<(), Unavailable>>;

    /// Ends a commit whose process may be gone. One that is still under way is
    /// [`Unavailable::Full`]: it is looked at again later.
    fn finish<'a>(&'a self, commit: &'a str) -> Task<'a, Result<(), Unavailable>>;
}

/// Of a ledger that leaves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoChores;

impl Chores for NoChores {
    fn release<'a>(&'a self, _: &'a StockKey) -> Task<'a, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn finish<'a>(&'a self, _: &'a str) -> Task<'a, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Who works.
pub struct Work {
    ledger: Arc<dyn Ledger>,
    chores: Arc<dyn Chores>,
    sweeper: Sweeper,
    steps: BTreeMap<StepName, StepSink>,
}

impl Work {
    /// With the steps of `installation`.
    ///
    /// # Errors
    /// [`SetUpError`] when calls cannot be made at all.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        chores: Arc<dyn Chores>,
        installation: &Installation,
        clock: Clock,
    ) -> Result<Self, SetUpError> {
        let wording = Wording {
            source: SOURCE.into(),
            currency: installation.currency.clone(),
            exponent: installation.documents.currency_exponent,
        };
        let mut steps = BTreeMap::new();
        if !installation.steps.is_empty() {
            // Only the operator can name a step's address.
            let client = Client::new(Reach::Anywhere, clock.clone())?;
            let asking = Asking { ledger: ledger.clone(), client, wording, clock: clock.clone() };
            let asking = Arc::new(asking);
            steps.extend(installation.steps.iter().map(|call| {
                (call.name.clone(), StepSink::new(step(call), asking.clone(), Begin::Now))
            }));
        }
        let days = i64::from(installation.limits.invalid_days);
        let sweeper = Sweeper {
            ledger: ledger.clone(),
            documents: installation.documents.clone(),
            kept_us: days * 24 * 3_600 * 1_000_000,
            clock,
        };
        Ok(Self { ledger, chores, sweeper, steps })
    }

    /// Does what the messages say.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub async fn handle(&self, event: SqsEvent) -> Result<Failures, Unreadable> {
        let broken = async |_: &Message| Err(Undone::why("working on it panicked"));
        messages(event, async |message| self.message(message).await, broken).await
    }

    async fn message(&self, message: &Message) -> Result<(), Undone> {
        // What is no job of ours ends in the queue's dead letters.
        let job: Job = serde_json::from_slice(&message.body)
            .map_err(|_| Undone::why("a message that is no job"))?;
        match &job {
            Job::Step { .. } => {
                let (merchant, id) = job.order().ok_or(Undone::why("a job without an order"))?;
                let found = blocking(|| self.ledger.order(&id, Some(&merchant)));
                match found.map_err(Undone::why)? {
                    Found::Order(order) => self.step(&order, message.receives).await,
                    Found::Ambiguous(_) | Found::Invalid(_) | Found::Nothing => Ok(()),
                }
            }
            Job::Release { .. } => {
                let stock = job.stock().ok_or(Undone::why("a job without a product"))?;
                self.chores.release(&stock).await.map_err(Undone::why)
            }
            Job::Finish { commit } => self.chores.finish(commit).await.map_err(Undone::why),
            // One part: its record is a change of the row, which brings the next.
            Job::Sweep => self.sweeper.step().await.map(|_| ()).map_err(Undone::why),
        }
    }

    /// Sees an order through the step that it awaits now, whatever it awaited when it was told.
    async fn step(&self, order: &OrderView, receives: u32) -> Result<(), Undone> {
        let (Some(step), Some(delivery)) = (order.state.awaits(), awaited(order)) else {
            return Ok(());
        };
        if let Some(sink) = self.steps.get(step) {
            return match sink.deliver(&delivery, receives).await {
                Outcome::Delivered | Outcome::Skipped { .. } => Ok(()),
                Outcome::Refused { reason }
                | Outcome::Unavailable { reason, .. }
                | Outcome::Gone { reason } => Err(Undone(reason)),
            };
        }
        let news = match step.as_str() {
            ALLOCATION => StepNews::Said(Verdict::Approved { note: None }),
            // The settings name it no more: nobody would answer.
            _ => StepNews::Removed,
        };
        let (order, revision, step) = (order.state.key.clone(), order.state.revision, step.clone());
        let report = StepReport { order, revision, step, news };
        let answers = self.ledger.execute(vec![Request::Step(Box::new(report))]).await;
        match answers.map_err(Undone::why)?.pop() {
            Some(Answer::Accepted(_) | Answer::Refused(_)) => Ok(()),
            Some(_) | None => Err(Undone::why("a step's report was not understood")),
        }
    }
}

fn step(call: &StepCall) -> Step {
    Step {
        name: call.name.clone(),
        url: call.url.clone(),
        timeout: call.timeout,
        attempts_max: call.attempts_max.min(RECEIVES_MAX),
        secrets: call.secret.as_ref().and_then(Hidden::secret).into_iter().collect(),
        // How many are asked at once says the queue's mapping.
        concurrency: 1,
        per_second: None,
    }
}

/// Reads of a ledger wait: others go on meanwhile, where the runtime has threads for them.
pub(crate) fn blocking<T>(read: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(read),
        Ok(_) | Err(_) => read(),
    }
}
