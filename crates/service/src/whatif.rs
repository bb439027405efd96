//! What past orders would have cost by other rules, to the cent.
//!
//! An order is priced again as it was priced: at the unit prices it had then, as of the moment it
//! came in, with its channel, coupons and batch metadata. So only the rules differ, and the
//! rules in force give no difference. What the ledger does not keep with an order is taken as it
//! is now: categories of products, tags of customers.
//!
//! Never: a change, an id used, a record.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::event::{Event, Kind};
use domain::id::{BatchId, OrderKey, RuleId};
use domain::money::Money;
use domain::order::{Body, Channel, Line, Lines, Purchase};
use domain::pricing::{Metadata, Priceable, Pricing, PricingError, Product};
use domain::state::{OrderState, Status};
use domain::time::Timestamp;

use crate::batch::open::batch_rules;
use crate::catalogue::Catalogue;
use crate::change::Seq;
use crate::ledger::{BatchRules, Found, Ledger, OrderView, Query, stock_key};
use crate::view::Read;
use crate::wire::document;
use crate::wire::rules::CompiledRules;

/// An order priced again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repriced {
    /// Which.
    pub key: OrderKey,
    /// What it is called in the log.
    pub seq: Seq,
    /// When it came in.
    pub received_at: Timestamp,
    /// Its total; `None` when a price was missing.
    pub before: Option<Money>,
    /// Its total by the other rules; `None` when a price is missing.
    pub after: Result<Option<Money>, PricingError>,
}

/// What one rule did, before and after. Rules of one id are one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Effects as the orders were priced.
    pub effects_before: u64,
    /// What they came to.
    pub before: Money,
    /// Effects by the other rules.
    pub effects_after: u64,
    /// What they come to.
    pub after: Money,
    /// Orders where its condition could not be evaluated; it did not apply there.
    pub failed: u64,
}

/// Orders that are not priced again, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Transfers have no price.
    pub transfers: u64,
    /// Rejected, cancelled or failed: they bring no money by any rules.
    pub not_taken: u64,
    /// Priced by rules that came with their batch.
    pub own_rules: u64,
    /// The document is not read as an order any more.
    pub unreadable: u64,
}

/// A page of orders priced again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tested {
    /// Every order that was, newest first.
    pub orders: Vec<Repriced>,
    /// What each rule did to them.
    pub by_rule: BTreeMap<RuleId, Share>,
    /// What was not.
    pub left_out: LeftOut,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Seq>,
}

/// Prices the orders of one page again by `rules`. Stops early when `goes_on` says no.
///
/// # Errors
/// [`crate::ledger::Unavailable::Read`] when stored data is damaged.
pub fn test(
    ledger: &dyn Ledger,
    rules: &CompiledRules,
    query: &Query,
    documents: &document::Settings,
    goes_on: &mut dyn FnMut() -> bool,
) -> Read<Tested> {
    let page = ledger.find(query)?;
    let mut run = Run {
        ledger,
        rules,
        documents,
        catalogue: ledger.catalogue(),
        batches: BTreeMap::new(),
        sets: BTreeMap::new(),
        tested: Tested { next: page.next, ..Tested::default() },
    };
    for (seq, state) in page.orders {
        run.order(seq, &state)?;
        if !goes_on() {
            run.tested.next = Some(seq);
            break;
        }
    }
    Ok(run.tested)
}

struct Run<'a> {
    ledger: &'a dyn Ledger,
    rules: &'a CompiledRules,
    documents: &'a document::Settings,
    catalogue: Arc<Catalogue>,
    /// At most one a row of the page.
    batches: BTreeMap<BatchId, Option<Arc<BatchRules>>>,
    /// Rule sets by version.
    sets: BTreeMap<u64, Option<Arc<CompiledRules>>>,
    tested: Tested,
}

impl Run<'_> {
    fn order(&mut self, seq: Seq, state: &OrderState) -> Read<()> {
        if state.kind == Kind::Transfer {
            self.tested.left_out.transfers += 1;
            return Ok(());
        }
        if !is_taken(state.status) {
            self.tested.left_out.not_taken += 1;
            return Ok(());
        }
        let batch = self.batch(state)?;
        if batch.as_ref().is_some_and(|own| own.rules.is_some()) {
            self.tested.left_out.own_rules += 1;
            return Ok(());
        }
        let Found::Order(view) = self.ledger.order(&state.key.id, Some(&state.key.merchant))?
        else {
            return Err(crate::view::damaged("a listed order is not there"));
        };
        let Some((channel, before, purchase)) = self.as_priced(&view) else {
            self.tested.left_out.unreadable += 1;
            return Ok(());
        };
        let metadata = batch.as_ref().map(|own| &own.metadata);
        let after = self.price(&view.state, channel, &purchase, metadata);
        if let Ok(after) = &after {
            self.sum(&before, after)?;
        }
        self.tested.orders.push(Repriced {
            key: view.state.key,
            seq,
            received_at: state.received_at,
            before: before.total,
            after: after.map(|pricing| pricing.total),
        });
        Ok(())
    }

    fn batch(&mut self, state: &OrderState) -> Read<Option<Arc<BatchRules>>> {
        let Some(item) = &state.batch else { return Ok(None) };
        if let Some(known) = self.batches.get(&item.batch) {
            return Ok(known.clone());
        }
        let batch = self.ledger.batch(&item.batch)?;
        // Metadata and rules were checked before the batch's first order.
        let own = batch.and_then(|batch| batch_rules(self.ledger, &batch).ok()).flatten();
        self.batches.insert(item.batch.clone(), own.clone());
        Ok(own)
    }

    /// Where the newest revision came in, what it was priced at, and what it buys, at those prices.
    fn as_priced(&self, view: &OrderView) -> Option<(Channel, Arc<Pricing>, Purchase)> {
        let (mut channel, mut pricing) = (None, None);
        for (_, _, event) in &view.history {
            match event {
                Event::Received(received) => channel = Some(received.channel),
                Event::Amended(amended) => channel = Some(amended.channel),
                Event::Priced(priced) => pricing = Some(priced),
                Event::Allocated { .. }
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
        let (channel, pricing) = (channel?, pricing?.clone());
        let order = document::read_again(&view.document, &view.state.key.id, self.documents)?;
        let Body::Purchase(mut purchase) = order.body else { return None };
        let lines = purchase.lines.as_slice();
        if lines.len() != pricing.lines.len() {
            return None;
        }
        let line = |(line, price): (&Line, &domain::pricing::LinePrice)| Line {
            unit_price: price.unit_price,
            ..line.clone()
        };
        let lines = lines.iter().zip(&pricing.lines).map(line).collect();
        purchase.lines = Lines::parse(lines).ok()?;
        Some((channel, pricing, purchase))
    }

    fn price(
        &self,
        state: &OrderState,
        channel: Channel,
        purchase: &Purchase,
        metadata: Option<&Metadata>,
    ) -> Result<Pricing, PricingError> {
        let merchant = &state.key.merchant;
        let rows = purchase.lines.as_slice().iter();
        let rows = rows.map(|line| self.catalogue.products.get(&stock_key(merchant, &line.sku)));
        let products: Vec<Product<'_>> = rows
            .map(|row| Product {
                unit_price: None,
                category: row.and_then(|product| product.category.as_ref()),
            })
            .collect();
        let customer = purchase.customer.clone().map(|customer| (merchant.clone(), customer));
        let customer = customer.and_then(|key| self.catalogue.customers.get(&key));
        self.rules.price(&Priceable {
            order: purchase,
            merchant,
            channel,
            products: &products,
            customer_tags: customer.map_or(&[], |customer| &customer.tags),
            metadata,
            // Amendments, too, are priced as of then.
            now: state.received_at,
            exponent: self.catalogue.exponent,
        })
    }

    /// Orders that have a total both ways count, so that the rules' differences add up to the
    /// totals' difference.
    fn sum(&mut self, before: &Pricing, after: &Pricing) -> Read<()> {
        for at in &after.failed {
            if let Some(rule) = self.rules.rules.rule(*at) {
                self.tested.by_rule.entry(rule.id.clone()).or_default().failed += 1;
            }
        }
        if before.total.is_none() || after.total.is_none() {
            return Ok(());
        }
        self.sum_after(after);
        self.sum_before(before)
    }

    fn sum_before(&mut self, pricing: &Pricing) -> Read<()> {
        let version = pricing.rule_set;
        if !self.sets.contains_key(&version) {
            self.sets.insert(version, self.ledger.rules(version)?);
        }
        let Some(set) = self.sets.get(&version).and_then(Option::as_ref) else { return Ok(()) };
        for effect in &pricing.effects {
            if let Some(rule) = set.rules.rule(effect.rule) {
                let share = self.tested.by_rule.entry(rule.id.clone()).or_default();
                share.effects_before += 1;
                share.before += effect.amount;
            }
        }
        Ok(())
    }

    fn sum_after(&mut self, pricing: &Pricing) {
        for effect in &pricing.effects {
            if let Some(rule) = self.rules.rules.rule(effect.rule) {
                let share = self.tested.by_rule.entry(rule.id.clone()).or_default();
                share.effects_after += 1;
                share.after += effect.amount;
            }
        }
    }
}

/// Whether the seller gets money for an order in that state, now or later.
fn is_taken(status: Status) -> bool {
    match status {
        Status::Received
        | Status::Processing
        | Status::Completed
        | Status::Backordered
        | Status::Fulfilled => true,
        Status::Invalid | Status::Rejected | Status::Failed | Status::Cancelled => false,
    }
}
