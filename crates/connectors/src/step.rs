//! Asks an external step about orders: the sink `step:…`.
//!
//! One question is one signed POST with an id that stays. What the step says is committed before
//! the question counts as answered; so a crash in between asks again, and the second answer finds
//! that nobody waits.
//!
//! Never: an order decided here. The ledger does that, by what is reported to it.

use std::sync::Arc;
use std::time::Duration;

use domain::command::{StepNews, StepReport, Verdict};
use domain::id::StepName;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use service::change::{Change, Seq};
use service::follow::{Begin, Delivery, Outcome, Retention, Sink, Terms};
use service::ledger::{Answer, Ledger, Request, Task, Unavailable};
use service::letters::{DeadLetter, Subject};
use service::memory::Clock;
use service::steps::{self, Question, Wording};
use service::wire::cloud_event::MEDIA_TYPE;

use crate::http::{self, Call, Client, Reply, Url};
use crate::signature::{self, Secret};

/// The first pause after a failed call; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// Attempts beyond the last call, to record that it was the last: the ledger may be full.
const ATTEMPTS_TO_RECORD: u32 = 50;

/// A step as the settings have it.
pub struct Step {
    /// What it is called.
    pub name: StepName,
    /// Where it is called.
    pub url: Url,
    /// Longest one call may take.
    pub timeout: Duration,
    /// How often it is called for one order, at most.
    pub attempts_max: u32,
    /// Signs each call; none is signed without.
    pub secrets: Vec<Secret>,
    /// Most calls under way at once.
    pub concurrency: usize,
    /// Most calls a second.
    pub per_second: Option<u32>,
}

/// What the steps of an installation share.
pub struct Asking {
    /// Where orders are read, and answers go.
    pub ledger: Arc<dyn Ledger>,
    /// Who calls.
    pub client: Client,
    /// How questions read.
    pub wording: Wording,
    /// What time it is.
    pub clock: Clock,
}

/// The sink of a step.
pub struct StepSink {
    name: Box<str>,
    step: Step,
    asking: Arc<Asking>,
    begins: Begin,
}

/// What a call came to.
enum Heard {
    /// It has answered.
    Verdict(Verdict),
    /// It has answered, and nobody understands.
    Nonsense(Box<str>),
    /// It does not work.
    Silence { reason: Box<str>, retry_after: Option<Duration> },
}

impl StepSink {
    /// A sink that asks `step`, and begins there when it has no cursor yet ([`steps::begins`]).
    #[must_use]
    pub fn new(step: Step, asking: Arc<Asking>, begins: Begin) -> Self {
        Self { name: steps::sink_name(&step.name), step, asking, begins }
    }

    async fn ask(&self, delivery: &Delivery, attempt: u32) -> Result<Outcome, Unavailable> {
        let Asking { ledger, wording, .. } = &*self.asking;
        let question = steps::question(&**ledger, wording, &self.step.name, delivery)?;
        let Some(question) = question else { return Ok(overtaken()) };
        if question.is_first {
            let taken = self.report(&question, StepNews::TakenUp, None).await?;
            if !self.waits(&taken) {
                return Ok(overtaken());
            }
        }
        // Beyond the last attempt only what it came to is left to be recorded.
        let heard = if attempt <= self.step.attempts_max {
            self.call(&delivery.id, &question).await
        } else {
            Heard::Nonsense("its end could not be recorded at once".into())
        };
        match heard {
            Heard::Verdict(verdict) => {
                self.report(&question, StepNews::Said(verdict), None).await?;
                Ok(Outcome::Delivered)
            }
            Heard::Nonsense(reason) | Heard::Silence { reason, .. }
                if attempt >= self.step.attempts_max =>
            {
                self.give_up(&question, delivery, &reason).await?;
                Ok(Outcome::Skipped { reason })
            }
            Heard::Nonsense(reason) => Ok(Outcome::Refused { reason }),
            Heard::Silence { reason, retry_after } => {
                Ok(Outcome::Unavailable { reason, retry_after })
            }
        }
    }

    async fn call(&self, id: &str, question: &Question) -> Heard {
        let silence = |reason: &str| Heard::Silence { reason: reason.into(), retry_after: None };
        let seconds = (self.asking.clock)().0.div_euclid(1_000_000);
        let body = question.body.clone();
        let mut headers = match signature::headers(&self.step.secrets, id, seconds, &body) {
            Ok(headers) => headers,
            Err(error) => return silence(&error.to_string()),
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let (url, timeout) = (self.step.url.clone(), self.step.timeout);
        heard(self.asking.client.post(Call { url, headers, body, timeout }).await)
    }

    /// Tells the ledger, together with a dead letter where there is one.
    async fn report(
        &self,
        question: &Question,
        news: StepNews,
        letter: Option<DeadLetter>,
    ) -> Result<Answer, Unavailable> {
        let (order, step) = (question.order.clone(), self.step.name.clone());
        let report = StepReport { order, revision: question.revision, step, news };
        let mut call = vec![Request::Step(Box::new(report))];
        call.extend(letter.map(|letter| Request::Bury(Box::new(letter))));
        let answer = self.asking.ledger.execute(call).await?.into_iter().next();
        match answer {
            Some(answer @ (Answer::Accepted(_) | Answer::Refused(_))) => Ok(answer),
            Some(other) => Err(Unavailable::Read(format!("a report was answered {other:?}"))),
            None => Err(Unavailable::Closed),
        }
    }

    /// The order has failed: in the same commit it is among the dead letters.
    async fn give_up(
        &self,
        question: &Question,
        delivery: &Delivery,
        reason: &str,
    ) -> Result<(), Unavailable> {
        let (error, attempts) = (steps::cleaned(reason), self.step.attempts_max);
        let letter = DeadLetter {
            subject: Subject::Step {
                step: self.step.name.as_str().into(),
                revision: question.revision,
            },
            order: Some(question.order.clone()),
            cause: delivery.seq,
            reason: "retries_exhausted".into(),
            error: error.clone(),
            attempts,
            payload: Some(question.body.clone()),
        };
        let failed = StepNews::Said(Verdict::Failed { error, attempts });
        self.report(question, failed, Some(letter)).await.map(|_| ())
    }

    fn waits(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Accepted(accepted) => accepted.state.awaits() == Some(&self.step.name),
            _ => false,
        }
    }
}

fn overtaken() -> Outcome {
    Outcome::Skipped { reason: "the order does not wait for this any more".into() }
}

/// What an answer means. Too many, too slow and too early say nothing about the order; nor does a
/// redirect, which is not followed.
fn heard(result: Result<Reply, http::Error>) -> Heard {
    let outcome = http::outcome(&result);
    match (outcome, result) {
        (Outcome::Delivered, Ok(reply)) => match steps::approval(&reply.body) {
            Ok(verdict) => Heard::Verdict(verdict),
            Err(why) => Heard::Nonsense(format!("answered {}: {why}", reply.status).into()),
        },
        (Outcome::Refused { .. } | Outcome::Gone { .. }, Ok(reply)) => {
            Heard::Verdict(steps::refusal(&reply.status.to_string(), &reply.body))
        }
        (Outcome::Unavailable { reason, retry_after }, _) => Heard::Silence { reason, retry_after },
        (
            Outcome::Delivered
            | Outcome::Skipped { .. }
            | Outcome::Refused { .. }
            | Outcome::Gone { .. },
            _,
        ) => Heard::Silence { reason: "no answer".into(), retry_after: None },
    }
}

impl Sink for StepSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn begins(&self) -> Begin {
        self.begins
    }

    fn terms(&self) -> Terms {
        let pause = |n: u32| PAUSE_FIRST.saturating_mul(1 << n.min(16)).min(PAUSE_MAX);
        Terms {
            concurrency: self.step.concurrency,
            per_second: self.step.per_second,
            pauses: (0..self.step.attempts_max + ATTEMPTS_TO_RECORD).map(pause).collect(),
            retention: Retention::default(),
        }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        let delivery = steps::select(&*self.asking.ledger, &self.step.name, seq, change)?;
        Ok(delivery.into_iter().collect())
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> Task<'a, Outcome> {
        Box::pin(async move {
            self.ask(delivery, attempt).await.unwrap_or_else(|error| Outcome::Unavailable {
                reason: format!("the order could not be read or changed: {error}").into(),
                retry_after: None,
            })
        })
    }
}
