//! An order as it was when a change had happened: what a message about that change tells.
//!
//! Never: what came later. A message that is sent again after days says the same.

use std::sync::Arc;

use bytes::Bytes;
use domain::event::{Event, Rejection, Shortage};
use domain::evolve::{begin, evolve};
use domain::id::{Sku, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{Body, Transfer};
use domain::pricing::{Pricing, Target};
use domain::state::{ClaimState, OrderState};

use super::people::Addressee;
use super::{changes_before, order_of};
use crate::change::{Change, Seq};
use crate::ledger::{Ledger, Unavailable};
use crate::view::damaged;
use crate::wire::document;

/// An order as it was when a change had happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// Where it stood.
    pub state: OrderState,
    /// Whom it was from.
    pub addressee: Addressee,
    /// Its lines, as the document has them.
    pub lines: Vec<Line>,
    /// What goods came to before rules; `None` when a price is missing.
    pub goods: Option<Money>,
    /// What rules did to goods: negative is a discount.
    pub discounts: Money,
    /// What shipping came to, where it was named or changed by a rule.
    pub shipping: Option<Money>,
    /// Tax on top.
    pub tax: Money,
    /// Where money goes, when it is no purchase.
    pub transfer: Option<Transfer>,
    /// What it was short of when it was last looked for.
    pub shortages: Vec<Shortage>,
    /// Why it was turned down.
    pub rejection: Option<Rejection>,
    /// Why it was called off, in the words of whoever asked.
    pub reason: Option<Box<str>>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// What it is, for people: the document's word, else the catalogue's of today.
    pub description: Option<String>,
    /// How many.
    pub quantity: i64,
    /// At what price.
    pub unit_price: Option<UnitPrice>,
    /// What the line comes to, rules included.
    pub total: Option<Money>,
    /// What the order has of its product.
    pub claim: Option<ClaimState>,
}

/// What happened to an order up to a change.
#[derive(Default)]
struct Past {
    state: Option<OrderState>,
    document: Bytes,
    pricing: Option<Arc<Pricing>>,
    shortages: Vec<Shortage>,
    rejection: Option<Rejection>,
    reason: Option<Box<str>>,
}

impl Past {
    fn take_in(&mut self, change: Change) -> Result<(), Unavailable> {
        let (key, events, document) = order_of(change.what)?;
        for event in &events {
            match event {
                Event::Received(received) => {
                    self.state = Some(begin(key.clone(), received, change.at));
                    self.document = document.clone().unwrap_or_default();
                }
                Event::Amended(_) => {
                    self.document = document.clone().unwrap_or_default();
                    self.pricing = None;
                }
                Event::Priced(pricing) => self.pricing = Some(pricing.clone()),
                Event::Allocated { shortages, .. } => self.shortages.clone_from(shortages),
                Event::Rejected(rejection) => self.rejection = Some(rejection.clone()),
                Event::Cancelled { reason, .. } => self.reason.clone_from(reason),
                Event::Failed { error, .. } => self.reason = Some(error.clone()),
                Event::StepsAwaited { .. }
                | Event::StepTakenUp { .. }
                | Event::StepPassed { .. }
                | Event::StepRemoved { .. }
                | Event::StepIgnored(_)
                | Event::Redriven { .. }
                | Event::Filled { .. }
                | Event::Queued { .. }
                | Event::Unreserved { .. }
                | Event::Fulfilled
                | Event::Repeated { .. }
                | Event::Refused(_) => {}
            }
            if let Some(state) = &mut self.state {
                evolve(state, event, change.at, |_, _| {});
            }
        }
        Ok(())
    }
}

/// The order that the change at `seq` is about, as that change left it. `documents` says how its
/// document was read.
///
/// # Errors
/// [`Unavailable::Read`] when what happened to it is not readable, or the change is about no order.
pub fn order_facts(
    ledger: &dyn Ledger,
    documents: &document::Settings,
    seq: Seq,
    first: Option<Seq>,
) -> Result<OrderFacts, Unavailable> {
    let mut past = Past::default();
    let earlier = first.map(|first| changes_before(ledger, first, seq)).transpose()?;
    for at in earlier.into_iter().flatten().chain([seq]) {
        past.take_in(ledger.change(at)?)?;
    }
    let state = past.state.ok_or_else(|| damaged("an order does not begin with its receipt"))?;
    let addressee = Addressee::read(&past.document);
    let order = document::read_again(&past.document, &state.key.id, documents);
    let mut facts = OrderFacts {
        lines: Vec::new(),
        goods: None,
        discounts: Money::ZERO,
        shipping: None,
        tax: Money::ZERO,
        transfer: None,
        shortages: past.shortages,
        rejection: past.rejection,
        reason: past.reason,
        addressee,
        state,
    };
    match order.map(|order| order.body) {
        Some(Body::Purchase(purchase)) => {
            facts.shipping = purchase.shipping;
            facts.lines = lines(ledger, &facts, purchase.lines.as_slice());
        }
        Some(Body::Transfer(transfer)) => facts.transfer = Some(transfer),
        None => {}
    }
    if let Some(pricing) = past.pricing {
        facts.price(&pricing);
    }
    Ok(facts)
}

fn lines(ledger: &dyn Ledger, facts: &OrderFacts, lines: &[domain::order::Line]) -> Vec<Line> {
    let catalogue = ledger.catalogue();
    let merchant = &facts.state.key.merchant;
    let described = |sku: &Sku| {
        let key = StockKey { merchant: merchant.clone(), sku: sku.clone() };
        let product = catalogue.products.get(&key)?;
        (!product.description.is_empty()).then(|| product.description.to_string())
    };
    let waits = |sku: &Sku| {
        let claims = facts.state.claims.iter().filter(|claim| claim.sku == *sku);
        // What a line waits for says more than what it has of it already.
        claims.map(|claim| claim.state).min_by_key(|state| state.is_done())
    };
    let line = |(at, line): (usize, &domain::order::Line)| Line {
        description: facts
            .addressee
            .descriptions
            .get(at)
            .cloned()
            .flatten()
            .or_else(|| described(&line.sku)),
        sku: line.sku.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        total: None,
        claim: waits(&line.sku),
    };
    lines.iter().enumerate().map(line).collect()
}

impl OrderFacts {
    /// Fills in what the order was priced at.
    fn price(&mut self, pricing: &Pricing) {
        for (line, price) in self.lines.iter_mut().zip(&pricing.lines) {
            line.unit_price = price.unit_price;
            line.total = price.total;
        }
        self.goods = pricing.lines.iter().map(|line| line.base).sum();
        self.shipping = pricing.shipping;
        for effect in &pricing.effects {
            match effect.target {
                Target::Line(_) => self.discounts += effect.amount,
                Target::Shipping => *self.shipping.get_or_insert_default() += effect.amount,
                Target::Tax => self.tax += effect.amount,
            }
        }
    }
}
