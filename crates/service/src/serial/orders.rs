//! Orders: taken in, changed by commands, repeated; and input that is none.

use std::sync::Arc;

use domain::decide::Decision;
use domain::event::{Event, Refusal};
use domain::evolve::begin;
use domain::id::OrderKey;
use domain::order::BatchItem;
use domain::state::OrderState;

use super::Run;
use super::commands::Paper;
use crate::change::{Audit, Change, Seq, What};
use crate::layer::Entry;
use crate::ledger::{Accepted, Answer, Request, Unavailable};
use crate::letters::{DeadLetter, INTERNAL_ERROR, Row, Subject};
use crate::prepare::{self, Prepared, cut};
use crate::view::Base;

impl<B: Base> Run<'_, B> {
    pub(super) fn receive(&mut self, order: &prepare::Order) -> Result<Answer, Unavailable> {
        let current = self.draft_catalogue();
        let repriced;
        let order = if order.catalogue == current.version {
            order
        } else {
            let mut again = order.clone();
            if let Err(audit) =
                prepare::price(&mut again, &current, self.now, self.driver.settings.exponent)
            {
                let faults = audit.faults.clone();
                self.audit(*audit);
                return Ok(Answer::Invalid(faults));
            }
            repriced = again;
            &repriced
        };
        let decision = domain::decide::receive::receive(&order.command, &*self);
        self.check()?;
        match decision {
            Ok(decision) => self.begin(order, decision),
            Err(refusal @ Refusal::Duplicate { .. }) => match self.same_item(order)? {
                Some(done) => Ok(done),
                None => {
                    self.repeated(order)?;
                    Ok(Answer::Refused(refusal))
                }
            },
            Err(refusal) => Ok(Answer::Refused(refusal)),
        }
    }

    /// The answer to the very item of a batch that brought the order: whoever sends it again was
    /// not told of the first time. A ledger whose commits are smaller than a call can die between
    /// two of them, and what calls it without a checkpoint is called again after any failure.
    fn same_item(&self, order: &prepare::Order) -> Result<Option<Answer>, Unavailable> {
        let command = &order.command;
        let (Some(item), key) = (&command.batch, &command.order.key) else { return Ok(None) };
        let Some(first) = self.view().seq_of(key)? else { return Ok(None) };
        let state = self.view().entry(first)?.state;
        let is_same = state.revision == 1
            && state.batch.as_ref() == Some(item)
            && state.document_hash == command.document_hash;
        if !is_same {
            return Ok(None);
        }
        let What::Order { events, .. } = self.change(first)?.what else { return Ok(None) };
        Ok(Some(Answer::Accepted(accepted(first, state, &events))))
    }

    /// Records a new order's events, and what they do.
    pub(super) fn begin(
        &mut self,
        order: &prepare::Order,
        decision: Decision,
    ) -> Result<Answer, Unavailable> {
        let Some((key, events)) = decision.orders.into_iter().next() else {
            return Ok(Answer::Broken);
        };
        let what = What::Order {
            key,
            first: None,
            events,
            document: Some(order.document.clone()),
            warnings: order.warnings.clone(),
        };
        let change = Change { at: self.now, what };
        let seq = self.driver.draft.frame.push(&change);
        let What::Order { key, events, .. } = change.what else { return Ok(Answer::Broken) };
        let state = self.begin_order(seq, key, &events)?;
        Ok(Answer::Accepted(accepted(seq, state, &events)))
    }

    pub(super) fn begin_order(
        &mut self,
        seq: Seq,
        key: OrderKey,
        events: &[Event],
    ) -> Result<Arc<OrderState>, Unavailable> {
        let Some((Event::Received(received), rest)) = events.split_first() else {
            return Err(crate::view::damaged("an order does not begin with its receipt"));
        };
        let mut state = begin(key.clone(), received, self.now);
        self.evolve(&mut state, rest)?;
        self.driver.draft.overlay.begin(key, seq);
        let state = Arc::new(state);
        let entry = Entry { state: state.clone(), later: Vec::new() };
        // A new order has no claim at a place of its own: plainly, and not `put_order`.
        self.driver.draft.overlay.orders.insert(seq, entry);
        Ok(state)
    }

    pub(super) fn repeated(&mut self, order: &prepare::Order) -> Result<(), Unavailable> {
        let key = order.command.order.key.clone();
        let first = self.view().seq_of(&key)?;
        let original = first.map(|seq| self.view().entry(seq)).transpose()?;
        let same = original.is_some_and(|o| o.state.document_hash == order.command.document_hash);
        let event = Event::Repeated {
            channel: order.command.order.channel,
            batch: order.command.batch.clone(),
            same_document: same,
        };
        self.change_order(key, vec![event], Paper::default()).map(|_| ())
    }

    pub(super) fn audit(&mut self, audit: Audit) {
        let seq = self.push(What::Audit(audit.clone()));
        self.note_audit(seq, audit);
    }

    pub(super) fn note_audit(&mut self, seq: Seq, audit: Audit) {
        self.driver.draft.overlay.inputs.insert(seq, audit.merchant.clone());
        if let Some(row) = Row::of_audit(self.now, &audit) {
            self.file_letter(seq, row);
        }
        if let Some(order) = audit.order {
            self.driver.draft.overlay.audits.insert((order, audit.merchant), seq);
        }
    }

    pub(super) fn note_flood(&mut self, seq: Seq) {
        self.driver.draft.overlay.inputs.insert(seq, None);
    }

    /// Buries the document of a request whose decision panics, so that it can be looked into and
    /// sent again.
    pub(super) fn broken(&mut self, request: &Prepared) -> Result<Answer, Unavailable> {
        let (key, batch, document) = match request {
            Prepared::Once(once) => return self.broken(&once.request),
            Prepared::Receive(order) => {
                let command = &order.command;
                (&command.order.key, &command.batch, Some(&order.document))
            }
            Prepared::Other(Request::Amend(amend)) => {
                (&amend.order.key, &amend.batch, Some(&amend.document))
            }
            Prepared::Other(Request::Cancel(cancel)) => {
                (&cancel.command.order, &cancel.command.batch, cancel.document.as_ref())
            }
            // What asks for it again is there still: a letter, a batch, a person.
            Prepared::Settle(_) | Prepared::Unpriceable(_) | Prepared::Other(_) => {
                return Ok(Answer::Broken);
            }
        };
        let letter = DeadLetter {
            subject: Subject::Decision(batch.clone()),
            order: Some(key.clone()),
            cause: Seq(0),
            reason: INTERNAL_ERROR.into(),
            error: "".into(),
            attempts: 1,
            payload: document.map(cut),
        };
        self.bury(&letter)?;
        Ok(Answer::Broken)
    }
}

/// The answer to whoever sent the order.
pub(super) fn accepted(seq: Seq, state: Arc<OrderState>, events: &[Event]) -> Accepted {
    let mut answer = Accepted { state, shortages: Vec::new(), rejection: None, seq, pricing: None };
    for event in events {
        match event {
            Event::Allocated { shortages, .. } => answer.shortages.clone_from(shortages),
            Event::Rejected(rejection) => answer.rejection = Some(rejection.clone()),
            Event::Priced(pricing) => answer.pricing = Some(pricing.clone()),
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
    answer
}

/// The batch item that a record tells the outcome of.
#[must_use]
pub fn item_of(what: &What) -> Option<&BatchItem> {
    match what {
        What::Audit(audit) => audit.batch.as_ref(),
        What::Stray(stray) => stray.batch.as_ref(),
        // A letter that was sent again is no item any more, whatever became of it.
        What::Letter(letter) => match &letter.subject {
            Subject::Decision(item) => item.as_ref(),
            Subject::Step { .. }
            | Subject::Delivery { .. }
            | Subject::Missed { .. }
            | Subject::Disabled { .. }
            | Subject::Item(_)
            | Subject::Message { .. } => None,
        },
        What::Order { events, .. } => events.iter().find_map(|event| match event {
            Event::Received(received) => received.batch.as_ref(),
            Event::Amended(amended) => amended.batch.as_ref(),
            Event::Refused(refused) => refused.batch.as_ref(),
            Event::Cancelled { batch, .. } | Event::Repeated { batch, .. } => batch.as_ref(),
            Event::Priced(_)
            | Event::StepsAwaited { .. }
            | Event::StepTakenUp { .. }
            | Event::StepPassed { .. }
            | Event::StepRemoved { .. }
            | Event::StepIgnored(_)
            | Event::Failed { .. }
            | Event::Redriven { .. }
            | Event::Allocated { .. }
            | Event::Rejected(_)
            | Event::Filled { .. }
            | Event::Queued { .. }
            | Event::Unreserved { .. }
            | Event::Fulfilled => None,
        }),
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
        | What::Batch(_) => None,
    }
}
