//! A version of an order as rows: the order, its lines, and what rules did.

use std::sync::Arc;

use compact_str::format_compact;
use domain::event::Event;
use domain::id::{RuleId, Sku};
use domain::money::Money;
use domain::pricing::{Pricing, Target};
use domain::state::{Claim, ClaimState};
use domain::stock::ShortagePolicy;

use super::{Terms, count, number};
use crate::order::Order;
use crate::personal;
use crate::tables::{Draft, order_lines, order_rules, orders};

/// What prices the order once `events` have happened to it.
pub(super) fn pricing_after(order: &Order, events: &[Event]) -> Option<Arc<Pricing>> {
    let mut pricing = order.pricing.as_ref();
    for event in events {
        if let Event::Priced(newer) = event {
            pricing = Some(newer);
        } else if let Event::Amended(_) = event {
            pricing = None;
        }
    }
    pricing.cloned()
}

/// Writes the order's version; `rules` are the ids of its rule set's rules.
pub(super) fn write(draft: &mut Draft, terms: &Terms, order: &Order, rules: Option<&[RuleId]>) {
    write_order(draft, terms, order);
    write_lines(draft, terms, order);
    if let (Some(pricing), Some(rules)) = (&order.pricing, rules) {
        write_rules(draft, terms, order, pricing, rules);
    }
}

fn write_order(draft: &mut Draft, terms: &Terms, order: &Order) {
    let (state, paper) = (&order.state, &order.paper);
    let merchant = &state.key.merchant;
    let customer = state.customer.as_ref();
    let customer = customer.map(|id| personal::customer(&terms.pseudonyms, merchant, id));
    let sums = order.pricing.as_deref().map(Sums::of).unwrap_or_default();
    let money = |amount: Option<Money>| amount.and_then(|amount| terms.money(amount));
    draft.orders.push(orders::Order {
        sequence: number(order.sequence),
        first_sequence: number(order.first),
        merchant_id: merchant.as_str(),
        order_id: state.key.id.as_str(),
        version: order.version,
        revision: i64::from(state.revision),
        kind: state.kind.as_str(),
        channel: state.channel.as_str(),
        status: state.status.as_str(),
        customer_id: customer.as_deref(),
        batch_id: state.batch.as_ref().map(|item| item.batch.as_str()),
        batch_index: state.batch.as_ref().map(|item| count(item.index)),
        currency: &terms.currency,
        received_at: state.received_at,
        updated_at: state.updated_at,
        ordered_at: paper.ordered_at,
        completed_at: order.completed_at,
        completed_after_ms: order.completed_at.map(|at| (at.0 - state.received_at.0) / 1_000),
        total: money(state.total),
        subtotal: money(sums.goods),
        discount: money(sums.discount),
        shipping: money(sums.shipping),
        tax: money(sums.tax),
        lines: count(paper.lines.len() as u64),
        units: paper.lines.iter().map(|(_, quantity)| quantity).sum(),
        units_reserved: units(&state.claims, is_reserved),
        units_backordered: units(&state.claims, is_backordered),
        shortage_policy: policy(state.shortage),
        city: paper.city.as_deref(),
        state: paper.state.as_deref(),
        postal_prefix: paper.postal_prefix.as_deref(),
        payment_method: paper.payment_method.as_deref(),
        rule_set: order.pricing.as_ref().map(|pricing| count(pricing.rule_set)),
        warnings: paper.warnings,
        rejection: order.rejection(),
        step: order.step().map(|step| step.as_str()),
    });
}

fn write_lines(draft: &mut Draft, terms: &Terms, order: &Order) {
    let (state, lines) = (&order.state, &order.paper.lines);
    let prices = order.pricing.as_ref().map_or(&[][..], |pricing| &pricing.lines);
    // Prices are the document's lines' own: without those, nobody's.
    let prices = if prices.len() == lines.len() { prices } else { &[] };
    let money = |amount: Option<Money>| amount.and_then(|amount| terms.money(amount));
    for (at, (sku, quantity)) in lines.iter().enumerate() {
        let price = prices.get(at);
        draft.order_lines.push(order_lines::Line {
            sequence: number(order.sequence),
            first_sequence: number(order.first),
            merchant_id: state.key.merchant.as_str(),
            order_id: state.key.id.as_str(),
            line: count(at as u64 + 1),
            sku: sku.as_str(),
            quantity: *quantity,
            unit_price: price.and_then(|price| price.unit_price),
            base: money(price.and_then(|price| price.base)),
            total: money(price.and_then(|price| price.total)),
            status: claimed(&state.claims, sku).as_str(),
            order_status: state.status.as_str(),
            received_at: state.received_at,
        });
    }
}

fn write_rules(
    draft: &mut Draft,
    terms: &Terms,
    order: &Order,
    pricing: &Pricing,
    rules: &[RuleId],
) {
    // As few as rules apply to one order.
    let mut counted = Vec::new();
    for effect in &pricing.effects {
        let is_first = !counted.contains(&effect.rule);
        if is_first {
            counted.push(effect.rule);
        }
        let (target, line) = match effect.target {
            Target::Line(at) => ("line", Some(i64::from(at) + 1)),
            Target::Shipping => ("shipping", None),
            Target::Tax => ("tax", None),
        };
        let id = rules.get(usize::from(effect.rule));
        let place = format_compact!("{}", effect.rule);
        draft.order_rules.push(order_rules::Effect {
            sequence: number(order.sequence),
            first_sequence: number(order.first),
            merchant_id: order.state.key.merchant.as_str(),
            order_id: order.state.key.id.as_str(),
            rule_set: count(pricing.rule_set),
            rule_id: id.map_or(&*place, RuleId::as_str),
            target,
            line,
            amount: terms.money(effect.amount),
            order_status: order.state.status.as_str(),
            received_at: order.state.received_at,
            order_count: i64::from(is_first),
        });
    }
}

/// What an order's total is made of.
#[derive(Default)]
struct Sums {
    goods: Option<Money>,
    discount: Option<Money>,
    shipping: Option<Money>,
    tax: Option<Money>,
}

impl Sums {
    fn of(pricing: &Pricing) -> Self {
        let (mut off, mut tax) = (Money::ZERO, Money::ZERO);
        let mut shipping = pricing.shipping;
        for effect in &pricing.effects {
            match effect.target {
                Target::Line(_) => off -= effect.amount,
                Target::Shipping => *shipping.get_or_insert_default() += effect.amount,
                Target::Tax => tax += effect.amount,
            }
        }
        Self {
            goods: pricing.lines.iter().map(|line| line.base).sum(),
            discount: Some(off),
            shipping,
            tax: Some(tax),
        }
    }
}

fn units(claims: &[Claim], counts: fn(ClaimState) -> bool) -> i64 {
    claims.iter().filter(|claim| counts(claim.state)).map(|claim| claim.quantity).sum()
}

fn is_reserved(state: ClaimState) -> bool {
    match state {
        ClaimState::Reserved => true,
        ClaimState::Open
        | ClaimState::Untracked
        | ClaimState::Waiting
        | ClaimState::Standby
        | ClaimState::Consumed => false,
    }
}

/// A claim that stands by waits with its order.
fn is_backordered(state: ClaimState) -> bool {
    match state {
        ClaimState::Waiting | ClaimState::Standby => true,
        ClaimState::Open | ClaimState::Untracked | ClaimState::Reserved | ClaimState::Consumed => {
            false
        }
    }
}

/// What an order has of a product: of several claims, what it still waits for says more.
fn claimed(claims: &[Claim], sku: &Sku) -> ClaimState {
    let own = || claims.iter().filter(|claim| claim.sku == *sku);
    let open = own().find(|claim| !claim.state.is_done()).or_else(|| own().next());
    open.map_or(ClaimState::Open, |claim| claim.state)
}

fn policy(policy: ShortagePolicy) -> &'static str {
    match policy {
        ShortagePolicy::Partial => "partial",
        ShortagePolicy::ShipComplete => "ship_complete",
        ShortagePolicy::Reject => "reject",
    }
}
