//! Commands for orders that are there, or should be: amended, called off, handed over.
//!
//! A command that cannot apply is recorded: in its order's history, or as a stray when there is no
//! such order. Only an amendment made for another revision is not: nothing was asked of this one.

use std::sync::Arc;

use bytes::Bytes;
use domain::command::{self, Command, StepReport, Verb};
use domain::decide::decide;
use domain::event::{Event, Refusal, Refused};
use domain::id::OrderKey;
use domain::order::{BatchItem, Channel};
use domain::state::OrderState;
use domain::stock::Movement;
use domain::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::Run;
use super::orders::accepted;
use crate::change::{Audit, Change, Fault, Seq, Stray, What};
use crate::layer::{CHANGES_LISTED_MAX, Entry};
use crate::ledger::{Amend, Answer, BatchRules, Cancel, Unavailable};
use crate::letters::How;
use crate::prepare;
use crate::view::{Base, Read, damaged};
use crate::wire::rules::CompiledRules;

/// The document that came with a change, and what was odd about it.
#[derive(Debug, Default)]
pub(super) struct Paper {
    pub(super) document: Option<Bytes>,
    pub(super) warnings: Vec<Fault>,
}

/// Whether an order may now want less of what it waits for, or stand before others who wait.
fn moves_up(event: &Event) -> bool {
    match event {
        Event::Amended(_)
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::Redriven { .. } => true,
        Event::Received(_)
        | Event::Priced(_)
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Allocated { .. }
        | Event::Rejected(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Cancelled { .. }
        | Event::Fulfilled
        | Event::Repeated { .. }
        | Event::Refused(_) => false,
    }
}

/// Who asks for what: what a refusal is recorded with.
struct Asked {
    verb: Verb,
    key: OrderKey,
    channel: Channel,
    batch: Option<BatchItem>,
}

/// What an amended order is priced by: what its first revision was.
struct Terms {
    rules: Arc<BatchRules>,
    received_at: Timestamp,
}

impl<B: Base> Run<'_, B> {
    /// Puts a new document in the place of an order's.
    pub(super) fn amend(&mut self, amend: &Amend) -> Result<Answer, Unavailable> {
        let order = &amend.order;
        let asked = Asked {
            verb: Verb::Amend,
            key: order.key.clone(),
            channel: order.channel,
            batch: amend.batch.clone(),
        };
        let (document, warnings) = (amend.document.clone(), amend.warnings.clone());
        let paper = Paper { document: Some(document), warnings };
        let Some(first) = self.view().seq_of(&order.key)? else {
            return Ok(self.stray(asked, paper));
        };
        let document_hash = xxh3_64(&amend.document);
        let priced = match self.price_again(first, amend, document_hash)? {
            Ok(priced) => priced,
            Err(audit) => {
                let faults = audit.faults.clone();
                self.audit(*audit);
                return Ok(Answer::Invalid(faults));
            }
        };
        let command = Command::Amend(Box::new(command::Amend {
            order: priced.order,
            pricing: priced.pricing,
            batch: priced.batch,
            document_hash,
            revision: amend.revision,
            steps: priced.steps,
        }));
        self.ask(&command, asked, paper)
    }

    /// Calls an order off.
    pub(super) fn cancel(&mut self, cancel: &Cancel) -> Result<Answer, Unavailable> {
        let asked = Asked {
            verb: Verb::Cancel,
            key: cancel.command.order.clone(),
            channel: cancel.command.channel,
            batch: cancel.command.batch.clone(),
        };
        let paper = Paper { document: cancel.document.clone(), warnings: Vec::new() };
        self.ask(&Command::Cancel(cancel.command.clone()), asked, paper)
    }

    /// Notes that the goods of an order were handed over.
    pub(super) fn fulfil(&mut self, order: &OrderKey) -> Result<Answer, Unavailable> {
        let (key, channel) = (order.clone(), Channel::Api);
        let asked = Asked { verb: Verb::Fulfil, key, channel, batch: None };
        self.ask(&Command::Fulfil { order: order.clone() }, asked, Paper::default())
    }

    /// Takes in what became of an external step of an order.
    pub(super) fn step(&mut self, report: &StepReport) -> Result<Answer, Unavailable> {
        let decision = decide(&Command::Step(Box::new(report.clone())), &*self);
        self.check()?;
        match decision.map(|decision| decision.orders.into_iter().next()) {
            Ok(Some((key, events))) => self.change_order(key, events, Paper::default()),
            Ok(None) => self.as_it_is(&report.order),
            Err(refusal) => Ok(Answer::Refused(refusal)),
        }
    }

    /// Answers with an order to which nothing happened.
    fn as_it_is(&self, key: &OrderKey) -> Result<Answer, Unavailable> {
        let Some(seq) = self.view().seq_of(key)? else {
            return Ok(Answer::Refused(Refusal::UnknownOrder));
        };
        Ok(Answer::Accepted(accepted(seq, self.view().entry(seq)?.state, &[])))
    }

    /// Asks the steps of a failed order anew.
    pub(super) fn redrive(&mut self, order: &OrderKey) -> Result<Answer, Unavailable> {
        let (key, channel) = (order.clone(), Channel::Api);
        let known = self.draft_catalogue().steps.names();
        let redrive = command::Redrive { order: key.clone(), known, channel };
        let asked = Asked { verb: Verb::Redrive, key, channel, batch: None };
        self.ask(&Command::Redrive(redrive), asked, Paper::default())
    }

    /// Decides a command for one order, and records it whatever comes of it.
    fn ask(
        &mut self,
        command: &Command,
        asked: Asked,
        paper: Paper,
    ) -> Result<Answer, Unavailable> {
        let decision = decide(command, &*self);
        self.check()?;
        match decision {
            Ok(decision) => match decision.orders.into_iter().next() {
                Some((key, events)) => self.change_order(key, events, paper),
                None => Ok(Answer::Broken),
            },
            Err(Refusal::UnknownOrder) => Ok(self.stray(asked, paper)),
            // Every item of a batch leaves a record, this one too.
            Err(refusal @ Refusal::StaleRevision { .. }) if asked.batch.is_none() => {
                Ok(Answer::Refused(refusal))
            }
            Err(refusal) => {
                let Asked { verb, key, channel, batch } = asked;
                let refused = Refused { verb, refusal: refusal.clone(), channel, batch };
                self.change_order(key, vec![Event::Refused(Box::new(refused))], paper)?;
                Ok(Answer::Refused(refusal))
            }
        }
    }

    /// Records a command for an order that is not there.
    fn stray(&mut self, asked: Asked, paper: Paper) -> Answer {
        let Asked { verb, key, channel, batch } = asked;
        self.push(What::Stray(Stray { key, verb, channel, batch, document: paper.document }));
        Answer::Refused(Refusal::UnknownOrder)
    }

    /// Prices an amended order by the rules, the metadata and the time of its first revision, and
    /// says which external steps the new one needs.
    fn price_again(
        &self,
        first: Seq,
        amend: &Amend,
        document_hash: u64,
    ) -> Read<Result<command::Receive, Box<Audit>>> {
        let Terms { rules, received_at } = self.terms(first)?;
        let command = command::Receive {
            order: amend.order.clone(),
            pricing: None,
            batch: amend.batch.clone(),
            document_hash,
            steps: Vec::new(),
        };
        let document = amend.document.clone();
        let mut order = prepare::Order {
            command,
            document,
            warnings: Vec::new(),
            rules: Some(rules),
            catalogue: 0,
        };
        let exponent = self.driver.settings.exponent;
        let priced = prepare::price(&mut order, &self.draft_catalogue(), received_at, exponent);
        Ok(priced.map(|()| order.command))
    }

    fn terms(&self, first: Seq) -> Read<Terms> {
        let began = self.change(first)?;
        let What::Order { events, .. } = began.what else {
            return Err(damaged("no order begins at this change"));
        };
        let (mut version, mut batch) = (None, None);
        for event in &events {
            match event {
                Event::Received(received) => batch = received.batch.as_ref(),
                Event::Priced(pricing) => version = Some(pricing.rule_set),
                Event::Amended(_)
                | Event::Allocated { .. }
                | Event::Rejected(_)
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
        let batch = batch.map(|item| self.view().batch(&item.batch)).transpose()?.flatten();
        let metadata = batch.map(|batch| batch.parsed_metadata()).transpose();
        let metadata = metadata.map_err(|_| damaged("a batch's metadata does not parse"))?;
        let rules = version.map(|version| self.rules_of(version)).transpose()?;
        let rules = BatchRules { rules, metadata: metadata.unwrap_or_default() };
        Ok(Terms { rules: Arc::new(rules), received_at: began.at })
    }

    /// A rule set, compiled once for the amendments that follow.
    fn rules_of(&self, version: u64) -> Read<Arc<CompiledRules>> {
        let installed = self.draft_catalogue().rules.clone();
        if installed.rules.version == version {
            return Ok(installed);
        }
        if let Some(rules) = self.driver.rule_sets.borrow().get(&version) {
            return Ok(rules.clone());
        }
        if version == 0 {
            return Ok(Arc::default()); // before any rules were saved
        }
        let rules = self.view().rules(version)?;
        let rules = rules.ok_or_else(|| damaged("a rule set that priced an order is not there"))?;
        let mut sets = self.driver.rule_sets.borrow_mut();
        if sets.len() >= super::RULE_SETS_CACHED_MAX {
            sets.clear();
        }
        sets.insert(version, rules.clone());
        Ok(rules)
    }

    /// A change, of this commit or an earlier one.
    pub(super) fn change(&self, seq: Seq) -> Read<Change> {
        match self.driver.draft.frame.read(seq) {
            Ok(change) => Ok(change),
            Err(_) => self.base.change(seq),
        }
    }

    /// Runs a command that concerns known orders or stock.
    pub(super) fn command(
        &mut self,
        command: &Command,
        reason: &str,
    ) -> Result<Answer, Unavailable> {
        let decision = decide(command, &*self);
        self.check()?;
        let decision = match decision {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        let mut answer = Answer::Recorded;
        for (key, events) in decision.orders {
            answer = self.change_order(key, events, Paper::default())?;
        }
        if let Some(event) = decision.stock {
            let (stock, on_hand) = (event.stock, event.on_hand);
            self.push(What::Stock { stock: stock.clone(), on_hand, reason: reason.into() });
            self.move_stock(stock.clone(), Movement { on_hand, ..Movement::default() })?;
            answer = Answer::Stock(self.stock_now(&stock)?.unwrap_or_default());
        }
        Ok(answer)
    }

    /// Records what happened to an order that is there.
    pub(super) fn change_order(
        &mut self,
        key: OrderKey,
        events: Vec<Event>,
        paper: Paper,
    ) -> Result<Answer, Unavailable> {
        let Some(first) = self.view().seq_of(&key)? else {
            return Err(crate::view::damaged("a decided order is not there"));
        };
        let Paper { document, warnings } = paper;
        let what = What::Order { key, first: Some(first), events, document, warnings };
        let change = Change { at: self.now, what };
        let seq = self.driver.draft.frame.push(&change);
        let What::Order { events, .. } = change.what else { return Ok(Answer::Broken) };
        let state = self.append_order(seq, first, &events)?;
        for event in &events {
            if let Event::Redriven { .. } = event {
                self.overtake(&state.key, How::Redriven)?;
            } else if let Event::Cancelled { .. } = event {
                self.overtake(&state.key, How::Overtaken)?;
            }
        }
        Ok(Answer::Accepted(accepted(first, state, &events)))
    }

    pub(super) fn append_order(
        &mut self,
        seq: Seq,
        first: Seq,
        events: &[Event],
    ) -> Result<Arc<OrderState>, Unavailable> {
        let entry = self.view().entry(first)?;
        let (mut state, mut later) = (Arc::unwrap_or_clone(entry.state), entry.later);
        self.evolve(&mut state, events)?;
        let only_noted = events.iter().all(|e| {
            matches!(e, Event::Repeated { .. } | Event::Refused(_) | Event::StepIgnored(_))
        });
        if !only_noted || later.len() < CHANGES_LISTED_MAX {
            later.push(seq);
        }
        let state = Arc::new(state);
        let entry = Entry { state: state.clone(), later };
        self.driver.draft.overlay.put_order(first, entry);
        if events.iter().any(moves_up) {
            self.wake_queues(&state)?;
        }
        Ok(state)
    }
}
