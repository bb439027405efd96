//! External steps: which there are, which of them an order needs, what they are asked and what
//! their answers mean.
//!
//! What an order needs is decided once, when it is prepared, and recorded with it: what the
//! settings say later concerns the orders that come later. Never: a call. That is a connector's
//! business.

mod adrift;
mod heard;
mod question;

use std::sync::Arc;

use domain::id::StepName;
use domain::money::Money;
use domain::pricing::{ConditionScope, OrderFacts};

pub use self::adrift::{begins, release};
pub use self::heard::{approval, cleaned, refusal};
pub use self::question::{KIND, Question, Wording, awaited, question, select};
use crate::cel::Condition;

/// What the sink of a step is called.
#[must_use]
pub fn sink_name(step: &StepName) -> Box<str> {
    format!("step:{step}").into()
}

/// The external steps of an installation, in the order they are asked.
#[derive(Debug, Default)]
pub struct Steps(Vec<Step>);

/// One of them.
#[derive(Debug)]
pub struct Step {
    /// What it is called.
    pub name: StepName,
    /// Which orders it is for; all of them when absent.
    pub when: Option<Arc<Condition>>,
}

impl Steps {
    /// Steps in the order they are asked; at most [`domain::limits::STEPS_MAX`].
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they are called.
    #[must_use]
    pub fn names(&self) -> Vec<StepName> {
        self.0.iter().map(|step| step.name.clone()).collect()
    }

    /// The steps that an order needs. One whose condition cannot be evaluated (an order without a
    /// total, a customer that is not named) is needed: who does not know, asks.
    #[must_use]
    pub fn needed(&self, order: OrderFacts<'_>, total: Option<Money>) -> Vec<StepName> {
        let scope = ConditionScope { order, total, line: None };
        let is_needed =
            |step: &&Step| step.when.as_ref().is_none_or(|when| when.holds(&scope).unwrap_or(true));
        self.0.iter().filter(is_needed).map(|step| step.name.clone()).collect()
    }
}
