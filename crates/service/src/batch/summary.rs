//! What a batch came to: counts by outcome and reason, money, rules, stock problems.
//!
//! The same sums are made from answers while a batch runs, and from its records afterwards.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::event::{Event, Refusal, Rejection, Shortage};
use domain::money::Money;
use domain::pricing::{Pricing, Target};
use domain::state::{OrderState, Status};

use crate::change::{Change, Fault, Seq, What};
use crate::ledger::{Answer, Ledger, Unavailable, seen};
use crate::letters::INTERNAL_ERROR;

use super::state::{BatchState, Counts};

/// Most stock problems listed one by one; all are counted.
pub const ISSUES_LISTED_MAX: usize = 1_000;
/// Most SKUs whose shortages are summed; units beyond them are counted under none.
const SHORT_SKUS_MAX: usize = 10_000;

/// What a batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Items by outcome.
    pub counts: Counts,
    /// Accepted orders by status; RECEIVED and PROCESSING are those that wait for external steps.
    pub by_status: BTreeMap<&'static str, u64>,
    /// Items that were not accepted, by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// Base prices and shipping of what was accepted.
    pub gross: i128,
    /// What rules took off.
    pub discounts: i128,
    /// What rules added, taxes included.
    pub surcharges: i128,
    /// Totals of what was accepted.
    pub net: i128,
    /// What each rule did, by its place in its rule set.
    pub by_rule: BTreeMap<(u64, u16), (u64, i128)>,
    /// Units ordered.
    pub units: i128,
    /// Orders without a total, because a price is missing.
    pub unpriced: u64,
    /// Units missing by seller and SKU.
    pub shortages: BTreeMap<(String, String), i64>,
    /// Stock problems, as far as listed.
    pub issues: Vec<Issue>,
    /// Stock problems in all.
    pub issues_total: u64,
}

/// A stock problem of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The order.
    pub order: String,
    /// Its seller.
    pub merchant: String,
    /// What was short.
    pub sku: String,
    /// How many it wants.
    pub wanted: i64,
    /// How many there were.
    pub available: i64,
}

/// How one item came out.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// An order that is in.
    Order {
        /// Its id and seller.
        key: &'a domain::id::OrderKey,
        /// Where it stands.
        status: Status,
        /// What it comes to.
        total: Option<Money>,
        /// How that was made up.
        pricing: Option<&'a Pricing>,
        /// Units ordered.
        units: i64,
        /// What was short.
        shortages: &'a [Shortage],
        /// Why it was turned down.
        rejection: Option<&'a Rejection>,
    },
    /// An order that was there has changed: its money was counted when it came in.
    Changed {
        /// Its id and seller.
        key: &'a domain::id::OrderKey,
        /// Where it stands.
        status: Status,
        /// What was short.
        shortages: &'a [Shortage],
    },
    /// A repetition.
    Repeated,
    /// Input that is no order, or a refused one.
    Failed {
        /// Code of the first thing wrong.
        reason: &'a str,
    },
}

/// What an item asked for, kept until its answer comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To take in an order.
    Order(domain::id::OrderKey),
    /// To change one.
    Change(domain::id::OrderKey),
    /// Nothing that can be done, for these reasons.
    Nothing(Vec<Fault>),
}

impl Summary {
    /// Adds an item.
    pub fn add(&mut self, outcome: Outcome<'_>) {
        match outcome {
            Outcome::Order { key, status, total, pricing, units, shortages, rejection } => {
                self.issues(key, shortages);
                if let Some(rejection) = rejection {
                    self.counts.failed += 1;
                    *self.by_reason.entry(rejection.code().to_owned()).or_default() += 1;
                    return;
                }
                self.counts.succeeded += 1;
                *self.by_status.entry(status.as_str()).or_default() += 1;
                self.units += i128::from(units);
                self.net += total.map_or(0, |total| i128::from(total.0));
                match pricing {
                    Some(pricing) => self.pricing(pricing),
                    None => self.gross += total.map_or(0, |total| i128::from(total.0)),
                }
            }
            Outcome::Changed { key, status, shortages } => {
                self.issues(key, shortages);
                self.counts.succeeded += 1;
                *self.by_status.entry(status.as_str()).or_default() += 1;
            }
            Outcome::Repeated => {
                self.counts.skipped += 1;
                *self.by_reason.entry("duplicate".to_owned()).or_default() += 1;
            }
            Outcome::Failed { reason } => {
                self.counts.failed += 1;
                *self.by_reason.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }

    fn pricing(&mut self, pricing: &Pricing) {
        if pricing.total.is_none() {
            self.unpriced += 1;
            return;
        }
        let lines = pricing.lines.iter().filter_map(|line| line.base);
        self.gross += lines.chain(pricing.shipping).map(|m| i128::from(m.0)).sum::<i128>();
        for effect in &pricing.effects {
            let amount = i128::from(effect.amount.0);
            match effect.target {
                Target::Line(_) | Target::Shipping if amount < 0 => self.discounts += amount,
                Target::Line(_) | Target::Shipping | Target::Tax => self.surcharges += amount,
            }
            let rule = self.by_rule.entry((pricing.rule_set, effect.rule)).or_default();
            rule.0 += 1;
            rule.1 += amount;
        }
    }

    fn issues(&mut self, key: &domain::id::OrderKey, shortages: &[Shortage]) {
        for shortage in shortages {
            self.issues_total += 1;
            let (merchant, sku) = (key.merchant.as_str(), shortage.sku.as_str());
            let short = (merchant.to_owned(), sku.to_owned());
            if self.shortages.len() < SHORT_SKUS_MAX || self.shortages.contains_key(&short) {
                let missing = shortage.wanted - shortage.available.clamp(0, shortage.wanted);
                *self.shortages.entry(short).or_default() += missing;
            }
            if self.issues.len() < ISSUES_LISTED_MAX {
                self.issues.push(Issue {
                    order: key.id.as_str().to_owned(),
                    merchant: merchant.to_owned(),
                    sku: sku.to_owned(),
                    wanted: shortage.wanted,
                    available: shortage.available,
                });
            }
        }
    }

    /// Adds the answer to an item.
    pub fn answer(&mut self, asked: &Asked, answer: &Answer) {
        match (answer, asked) {
            (Answer::Accepted(accepted), Asked::Order(key)) => self.add(Outcome::Order {
                key,
                status: accepted.state.status,
                total: accepted.state.total,
                pricing: accepted.pricing.as_deref(),
                units: accepted.state.claims.iter().map(|claim| claim.quantity).sum(),
                shortages: &accepted.shortages,
                rejection: accepted.rejection.as_ref(),
            }),
            (Answer::Accepted(accepted), Asked::Change(key)) => self.add(Outcome::Changed {
                key,
                status: accepted.state.status,
                shortages: &accepted.shortages,
            }),
            (Answer::Refused(Refusal::Duplicate { .. }), _) => self.add(Outcome::Repeated),
            (Answer::Refused(refusal), _) => {
                self.add(Outcome::Failed { reason: refusal.code() });
            }
            (Answer::Invalid(faults), _) => self.add(Outcome::Failed { reason: first(faults) }),
            (Answer::Broken, _) => self.add(Outcome::Failed { reason: INTERNAL_ERROR }),
            (Answer::Recorded | Answer::Accepted(_), Asked::Nothing(faults)) => {
                self.add(Outcome::Failed { reason: first(faults) });
            }
            (Answer::Recorded, Asked::Order(_) | Asked::Change(_)) => {}
            (
                Answer::Stock(_)
                | Answer::Rules(_)
                | Answer::Batch(_)
                | Answer::Endpoint(_)
                | Answer::Once(_)
                | Answer::Buried(_)
                | Answer::Settled(_)
                | Answer::Sweep(_),
                _,
            ) => {}
        }
    }

    /// Adds a record of the batch. An order that had to pass external steps is counted as it is
    /// `now`: by then they may have turned it down.
    pub fn record(&mut self, what: &What, now: Option<&OrderState>) {
        match what {
            What::Audit(audit) => self.add(Outcome::Failed { reason: first(&audit.faults) }),
            What::Stray(_) => {
                self.add(Outcome::Failed { reason: Refusal::UnknownOrder.code() });
            }
            What::Order { key, events, .. } => match events.first() {
                Some(Event::Repeated { .. }) => self.add(Outcome::Repeated),
                Some(Event::Received(received)) => self.received(key, received, events, now),
                Some(Event::Amended(_)) => self.amended(key, events),
                Some(Event::Cancelled { .. }) => {
                    let status = Status::Cancelled;
                    self.add(Outcome::Changed { key, status, shortages: &[] });
                }
                Some(Event::Refused(refused)) => {
                    self.add(Outcome::Failed { reason: refused.refusal.code() });
                }
                Some(_) | None => {}
            },
            What::Letter(_) => self.add(Outcome::Failed { reason: INTERNAL_ERROR }),
            What::Flood(_)
            | What::Stock { .. }
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Settled(_)
            | What::Sweep(_)
            | What::Batch(_) => {}
        }
    }

    fn amended(&mut self, key: &domain::id::OrderKey, events: &[Event]) {
        let (mut status, mut short) = (Status::Received, &[][..]);
        for event in events {
            if let Event::Allocated { claims, shortages } = event {
                let done = claims.iter().all(|claim| claim.is_done());
                status = if done { Status::Completed } else { Status::Backordered };
                short = shortages;
            }
        }
        self.add(Outcome::Changed { key, status, shortages: short });
    }

    fn received(
        &mut self,
        key: &domain::id::OrderKey,
        received: &domain::event::Received,
        events: &[Event],
        now: Option<&OrderState>,
    ) {
        match now.map(|now| now.status) {
            Some(Status::Rejected) => return self.add(Outcome::Failed { reason: "rejected" }),
            Some(Status::Failed) => return self.add(Outcome::Failed { reason: "step_failed" }),
            Some(
                Status::Invalid
                | Status::Received
                | Status::Processing
                | Status::Completed
                | Status::Backordered
                | Status::Cancelled
                | Status::Fulfilled,
            )
            | None => {}
        }
        let at = domain::time::Timestamp(0);
        let mut state = domain::evolve::begin(key.clone(), received, at);
        let (mut pricing, mut short, mut rejection) = (None, &[][..], None);
        for event in events {
            domain::evolve::evolve(&mut state, event, at, |_, _| {});
            match event {
                Event::Priced(priced) => pricing = Some(&**priced),
                Event::Allocated { shortages, .. } => short = shortages,
                Event::Rejected(why) => rejection = Some(why),
                Event::Received(_)
                | Event::Amended(_)
                | Event::Filled { .. }
                | Event::Queued { .. }
                | Event::Unreserved { .. }
                | Event::Cancelled { .. }
                | Event::StepsAwaited { .. }
                | Event::StepTakenUp { .. }
                | Event::StepPassed { .. }
                | Event::StepRemoved { .. }
                | Event::StepIgnored(_)
                | Event::Failed { .. }
                | Event::Redriven { .. }
                | Event::Fulfilled
                | Event::Repeated { .. }
                | Event::Refused(_) => {}
            }
        }
        self.add(Outcome::Order {
            key,
            status: now.map_or(state.status, |now| now.status),
            total: state.total,
            pricing,
            units: state.claims.iter().map(|claim| claim.quantity).sum(),
            shortages: short,
            rejection,
        });
    }
}

fn first(faults: &[Fault]) -> &str {
    faults.first().map_or("unknown", |fault| &fault.code)
}

/// Shows a batch's own records to `visit`, in the input's order.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn records(
    ledger: &dyn Ledger,
    batch: &BatchState,
    visit: &mut dyn FnMut(Seq, Change),
) -> Result<(), Unavailable> {
    records_from(ledger, batch, 0, &mut |seq, change| {
        visit(seq, change);
        ControlFlow::Continue(())
    })
}

/// Shows a batch's own records from the item `first` on to `visit`, in the input's order, until it
/// has seen enough. Earlier ones cost a look at each checkpoint.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn records_from(
    ledger: &dyn Ledger,
    batch: &BatchState,
    first: u64,
    visit: &mut dyn FnMut(Seq, Change) -> ControlFlow<()>,
) -> Result<(), Unavailable> {
    // The chain of checkpoints leads from the last to the first.
    let (mut parts, mut next) = (Vec::new(), batch.previous);
    while let Some(seq) = next {
        let What::Batch(state) = ledger.change(seq)?.what else {
            return Err(crate::view::damaged("a checkpoint points at another change"));
        };
        if state.counts.done() <= first && first > 0 {
            break;
        }
        parts.push((state.from, seq));
        next = state.previous;
    }
    let mut flow = ControlFlow::Continue(());
    for (from, until) in parts.into_iter().rev() {
        ledger.scan(from, until, &mut |seq, change| {
            let item = crate::serial::item_of(&change.what);
            let is_one = item.is_some_and(|item| item.batch == batch.id && item.index >= first);
            if is_one && flow.is_continue() {
                flow = visit(seq, change);
            }
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// What a batch has come to so far, from its records.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn summary(ledger: &dyn Ledger, batch: &BatchState) -> Result<Summary, Unavailable> {
    let mut summary = Summary::default();
    let mut unreadable = None;
    records(ledger, batch, &mut |seq, change| {
        let now = awaited_steps(&change.what).then(|| seen(ledger, |view| view.entry(seq)));
        let now = now.transpose().unwrap_or_else(|error| {
            unreadable = Some(error);
            None
        });
        summary.record(&change.what, now.as_ref().map(|entry| &*entry.state));
    })?;
    unreadable.map_or(Ok(summary), Err)
}

/// Whether a record is of a new order that had to pass external steps.
fn awaited_steps(what: &What) -> bool {
    let What::Order { first: None, events, .. } = what else { return false };
    events.iter().any(|event| matches!(event, Event::StepsAwaited { .. }))
}
