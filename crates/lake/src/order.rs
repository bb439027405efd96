//! An order as one of its changes left it: the fold of its changes up to that one, with everything
//! that its rows tell.
//!
//! Never: what came later. The same changes give the same order, whenever it is asked for.

use std::sync::Arc;

use bytes::Bytes;
use compact_str::CompactString;
use domain::event::{Event, Rejection};
use domain::evolve::{begin, evolve};
use domain::id::{OrderKey, Sku, StepName};
use domain::pricing::Pricing;
use domain::state::{OrderState, Status};
use domain::stock::Movement;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use service::change::{Change, Seq, What};
use service::ledger::{Ledger, Unavailable, seen};
use service::view::damaged;
use service::wire::document::glance;

use crate::personal;

/// An order up to one of its changes.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The change that began it.
    pub(crate) first: Seq,
    /// Where it stands.
    pub(crate) state: OrderState,
    /// Its version, from 1.
    pub(crate) version: i64,
    /// The change that made it.
    pub(crate) sequence: Seq,
    /// When it first was complete.
    pub(crate) completed_at: Option<Timestamp>,
    /// What the document of its revision says.
    pub(crate) paper: Paper,
    /// What it costs, and why; none for a transfer.
    pub(crate) pricing: Option<Arc<Pricing>>,
    /// Why it was last turned down.
    rejection: Option<&'static str>,
    /// The step that last turned it down, or that it last failed at.
    stopped_by: Option<StepName>,
}

/// What the document of a revision says beyond its events. Nothing personal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paper {
    /// Product and quantity of each line.
    pub(crate) lines: Vec<(Sku, i64)>,
    pub(crate) ordered_at: Option<Timestamp>,
    pub(crate) city: Option<CompactString>,
    pub(crate) state: Option<CompactString>,
    pub(crate) postal_prefix: Option<CompactString>,
    pub(crate) payment_method: Option<CompactString>,
    /// How many things were odd about it.
    pub(crate) warnings: i64,
}

/// Who is told what happens while an order takes in a change.
pub(crate) trait Witness {
    /// An event moved stock.
    fn moved(&mut self, event: &Event, sku: &Sku, movement: Movement);
    /// An event has happened, and left the order so.
    fn happened(&mut self, event: &Event, state: &OrderState);
}

/// Nobody looks on.
impl Witness for () {
    fn moved(&mut self, _: &Event, _: &Sku, _: Movement) {}
    fn happened(&mut self, _: &Event, _: &OrderState) {}
}

/// A change of one order, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct OrderChange<'a> {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
    pub(crate) key: &'a OrderKey,
    pub(crate) events: &'a [Event],
    document: Option<&'a Bytes>,
    warnings: usize,
}

impl<'a> OrderChange<'a> {
    /// The change at `seq`, if it is an order's; and the change that began the order, if that is
    /// another.
    pub(crate) fn of(seq: Seq, change: &'a Change) -> Option<(Self, Option<Seq>)> {
        let What::Order { key, first, events, document, warnings } = &change.what else {
            return None;
        };
        let (document, warnings) = (document.as_ref(), warnings.len());
        Some((Self { seq, at: change.at, key, events, document, warnings }, *first))
    }

    /// Whether it alters the order, and so makes a version of it. A repetition does not: it is in
    /// the order's history, of which a ledger lists only so many.
    pub(crate) fn alters(&self) -> bool {
        self.events.iter().any(alters)
    }

    fn paper(&self, demand: &[(Sku, i64)], zone: &TimeZone) -> Paper {
        let seen = self.document.and_then(|document| glance(document, zone)).unwrap_or_default();
        let units = |lines: &[(Sku, i64)]| lines.iter().map(|(_, units)| units).sum::<i64>();
        // A document that is not read any more leaves what was wanted of each product.
        let is_read = units(&seen.lines) == units(demand);
        Paper {
            lines: if is_read { seen.lines } else { demand.to_vec() },
            ordered_at: seen.ordered_at,
            city: seen.city.as_deref().and_then(personal::word),
            state: seen.state.as_deref().and_then(personal::state),
            postal_prefix: seen.zip_code.as_deref().and_then(personal::postal_prefix),
            payment_method: seen.payment_method.as_deref().and_then(personal::word),
            warnings: i64::try_from(self.warnings).unwrap_or(i64::MAX),
        }
    }
}

fn alters(event: &Event) -> bool {
    match event {
        Event::Repeated { .. } | Event::Refused(_) | Event::StepIgnored(_) => false,
        Event::Received(_)
        | Event::Priced(_)
        | Event::Amended(_)
        | Event::Allocated { .. }
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::Failed { .. }
        | Event::Redriven { .. }
        | Event::Rejected(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Cancelled { .. }
        | Event::Fulfilled => true,
    }
}

impl Order {
    /// The order that a change begins, before any of its events.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when it does not begin with a receipt.
    pub(crate) fn begin(change: &OrderChange<'_>) -> Result<Self, Unavailable> {
        let Some(Event::Received(received)) = change.events.first() else {
            return Err(damaged("an order does not begin with its receipt"));
        };
        Ok(Self {
            first: change.seq,
            state: begin(change.key.clone(), received, change.at),
            version: 0,
            sequence: change.seq,
            completed_at: None,
            paper: Paper::default(),
            pricing: None,
            rejection: None,
            stopped_by: None,
        })
    }

    /// The order as its changes before `before` left it, read from the ledger.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub(crate) fn read(
        ledger: &dyn Ledger,
        first: Seq,
        before: Seq,
        zone: &TimeZone,
    ) -> Result<Self, Unavailable> {
        let mut order: Option<Self> = None;
        let later = seen(ledger, |view| Ok(view.entry(first)?.later))?;
        for seq in std::iter::once(first).chain(later).take_while(|seq| *seq < before) {
            let change = ledger.change(seq)?;
            let (change, _) = OrderChange::of(seq, &change)
                .ok_or_else(|| damaged("an order's history points at another change"))?;
            match &mut order {
                Some(order) => order.take_in(&change, zone, &mut ()),
                None => order.insert(Self::begin(&change)?).take_in(&change, zone, &mut ()),
            }
        }
        order.ok_or_else(|| damaged("an order's change is before the one that began it"))
    }

    /// Takes in one of its changes, the next one.
    pub(crate) fn take_in(
        &mut self,
        change: &OrderChange<'_>,
        zone: &TimeZone,
        witness: &mut impl Witness,
    ) {
        for event in change.events {
            self.note(event, change, zone);
            let moved = |sku: &Sku, movement| witness.moved(event, sku, movement);
            evolve(&mut self.state, event, change.at, moved);
            witness.happened(event, &self.state);
        }
        if change.alters() {
            self.version += 1;
            self.sequence = change.seq;
        }
        if let Status::Completed | Status::Fulfilled = self.state.status {
            self.completed_at.get_or_insert(change.at);
        }
    }

    /// Keeps of an event what the state of an order does not.
    fn note(&mut self, event: &Event, change: &OrderChange<'_>, zone: &TimeZone) {
        match event {
            Event::Received(received) => self.paper = change.paper(&received.demand, zone),
            Event::Amended(amended) => {
                self.paper = change.paper(&amended.demand, zone);
                self.pricing = None;
            }
            Event::Priced(pricing) => self.pricing = Some(pricing.clone()),
            Event::Rejected(rejection) => {
                self.rejection = Some(rejection.code());
                self.stopped_by = match rejection {
                    Rejection::Step { step, .. } => Some(step.clone()),
                    Rejection::OutOfStock(_) | Rejection::UnknownSku(_) => None,
                };
            }
            Event::Failed { step, .. } => self.stopped_by = Some(step.clone()),
            Event::Allocated { .. }
            | Event::StepsAwaited { .. }
            | Event::StepTakenUp { .. }
            | Event::StepPassed { .. }
            | Event::StepRemoved { .. }
            | Event::StepIgnored(_)
            | Event::Redriven { .. }
            | Event::Filled { .. }
            | Event::Queued { .. }
            | Event::Unreserved { .. }
            | Event::Cancelled { .. }
            | Event::Fulfilled
            | Event::Repeated { .. }
            | Event::Refused(_) => {}
        }
    }

    /// Why it is turned down, if it is.
    pub(crate) fn rejection(&self) -> Option<&'static str> {
        self.rejection.filter(|_| self.state.status == Status::Rejected)
    }

    /// The step that it waits for, or that stopped it.
    pub(crate) fn step(&self) -> Option<&StepName> {
        match self.state.status {
            Status::Received | Status::Processing => self.state.awaits(),
            Status::Rejected | Status::Failed => self.stopped_by.as_ref(),
            Status::Invalid
            | Status::Completed
            | Status::Backordered
            | Status::Cancelled
            | Status::Fulfilled => None,
        }
    }

    /// About what it takes in memory, in units of a line.
    pub(crate) fn weight(&self) -> usize {
        let effects = self.pricing.as_ref().map_or(0, |p| p.lines.len() + p.effects.len());
        // The order itself takes about as much as eight lines.
        8 + self.state.claims.len() + self.paper.lines.len() + effects
    }
}
