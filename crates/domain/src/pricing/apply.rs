//! Runs the rules of a set over one order. The semantics are told in [`super`].
//!
//! Never: looks at a rule's text, or evaluates a condition itself.

use alloc::vec::Vec;

use super::arithmetic::{Share, portion, share, spread_over, times};
use super::rule::{Action, Off, Percent, Rule, RuleSet, Scope, Stage, Tier, TierPrice, UnitOff};
use super::{
    ConditionFailed, ConditionRef, ConditionScope, Conditions, Effect, LineFacts, LinePrice,
    Priceable, Pricing, PricingError, Product, Target,
};
use crate::limits::MONEY_MAX;
use crate::money::{Money, UnitPrice};
use crate::order::Line;

/// What an order costs, and why; see [`super`] for how rules work.
///
/// # Errors
/// `OutOfRange` when an amount is below zero or above [`MONEY_MAX`].
pub fn price<C: Conditions + ?Sized>(
    input: &Priceable<'_>,
    rules: &RuleSet,
    conditions: &C,
) -> Result<Pricing, PricingError> {
    let shipping = input.order.shipping.map_or(Ok(0), |m| in_range(m.0))?;
    let lines = bases(input)?;
    let Some(goods) = sum(&lines) else {
        return Ok(Pricing::of(input, rules, lines));
    };
    let goods = in_range(goods)?;
    let mut run = Run {
        input,
        conditions,
        lines,
        work: Vec::new(),
        shares: Vec::new(),
        goods,
        stage: Standing { goods, whole: Mark::default() },
        shipping,
        shipping_known: input.order.shipping.is_some(),
        tax: 0,
        effects: Vec::new(),
        failed: Vec::new(),
    };
    run.all(rules)?;
    let total = in_range(run.goods + run.shipping + run.tax)?;
    let mut pricing = Pricing::of(input, rules, run.lines);
    pricing.effects = run.effects;
    pricing.failed = run.failed;
    pricing.total = Some(Money(total));
    Ok(pricing)
}

impl Pricing {
    fn of(input: &Priceable<'_>, rules: &RuleSet, lines: Vec<LinePrice>) -> Self {
        Self {
            rule_set: rules.version,
            lines,
            shipping: input.order.shipping,
            effects: Vec::new(),
            total: None,
            failed: Vec::new(),
        }
    }
}

fn bases(input: &Priceable<'_>) -> Result<Vec<LinePrice>, PricingError> {
    let lines = input.order.lines.as_slice();
    let mut prices = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let unit_price = line.unit_price.or_else(|| product(input, at).unit_price);
        let base = unit_price.map(|p| amount_of(p, line.quantity, input.exponent)).transpose()?;
        let base = base.map(Money);
        prices.push(LinePrice { unit_price, base, total: base });
    }
    Ok(prices)
}

fn product<'a>(input: &Priceable<'a>, at: usize) -> Product<'a> {
    input.products.get(at).copied().unwrap_or_default()
}

fn amount_of(price: UnitPrice, quantity: i64, exponent: u32) -> Result<i64, PricingError> {
    times(price, quantity, exponent).ok_or(PricingError::OutOfRange).and_then(|m| in_range(m.0))
}

fn in_range(minor: i64) -> Result<i64, PricingError> {
    (0..=MONEY_MAX).contains(&minor).then_some(minor).ok_or(PricingError::OutOfRange)
}

fn sum(lines: &[LinePrice]) -> Option<i64> {
    lines.iter().try_fold(0, |sum, line| Some(sum + line.total?.0))
}

/// What rules have done to one target in the current stage.
#[derive(Clone, Copy, Default)]
struct Mark {
    applied: bool,
    closed: bool,
}

impl Mark {
    fn admits(self, rule: &Rule) -> bool {
        !(self.closed || (rule.exclusive && self.applied))
    }

    fn apply(&mut self, rule: &Rule) {
        self.applied = true;
        self.closed |= rule.exclusive;
    }
}

/// How things stood when the stage began, and what has applied to its one target since.
struct Standing {
    goods: i64,
    whole: Mark,
}

/// What the current stage knows about a line.
#[derive(Clone, Copy, Default)]
struct Work {
    at_stage: i64,
    mark: Mark,
}

/// An order on its way through the stages. Every amount is at least zero.
struct Run<'a, C: ?Sized> {
    input: &'a Priceable<'a>,
    conditions: &'a C,
    lines: Vec<LinePrice>,
    work: Vec<Work>,
    shares: Vec<Share>,
    goods: i64,
    stage: Standing,
    shipping: i64,
    shipping_known: bool,
    tax: i64,
    effects: Vec<Effect>,
    failed: Vec<u16>,
}

impl<C: Conditions + ?Sized> Run<'_, C> {
    fn all(&mut self, rules: &RuleSet) -> Result<(), PricingError> {
        let mut stage = None;
        for (at, rule) in rules.running() {
            let this = rule.action.stage();
            if stage != Some(this) {
                self.begin(this);
                stage = Some(this);
            }
            if self.concerned(rule) {
                self.apply(at, rule)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, stage: Stage) {
        self.stage = Standing { goods: self.goods, whole: Mark::default() };
        match stage {
            Stage::Override | Stage::Line => {
                self.work.clear();
                let totals = self.lines.iter().map(|l| l.total.map_or(0, |m| m.0));
                self.work.extend(totals.map(|t| Work { at_stage: t, mark: Mark::default() }));
            }
            Stage::Order | Stage::Coupon | Stage::Shipping | Stage::Tax => {}
        }
    }

    /// All that can be said before lines and the condition are looked at.
    fn concerned(&self, rule: &Rule) -> bool {
        let (now, scope) = (self.input.now, &rule.scope);
        rule.valid_from.is_none_or(|from| from <= now)
            && rule.valid_until.is_none_or(|until| now < until)
            && (scope.channels.is_empty() || scope.channels.contains(&self.input.channel))
            && covers(&scope.merchants, self.input.merchant)
            && rule.minimum_total.is_none_or(|least| least.0 <= self.stage.goods)
    }

    fn apply(&mut self, at: u16, rule: &Rule) -> Result<(), PricingError> {
        match &rule.action {
            Action::PriceOverride(price) => self.each_line(at, rule, |line, exponent| {
                amount_of(*price, line.quantity, exponent).map(Some)
            }),
            Action::LinePercentageOff(percent) => self
                .each_line(at, rule, |line, _| Ok(Some(line.total - share(line.total, *percent)))),
            Action::LineFixedOff(off) => self.each_line(at, rule, |line, exponent| {
                Ok(Some((line.total - unit_off(*off, line.quantity, exponent)).max(0)))
            }),
            Action::QuantityTiers(tiers) => self.each_line(at, rule, |line, exponent| {
                Ok(tier(tiers, line.quantity).map(|t| t.total(line, exponent)))
            }),
            Action::BuyXGetY { buy, get, off } => self.each_line(at, rule, |line, _| {
                Ok(group_off(line, *buy, *get, *off).map(|off| line.total - off))
            }),
            Action::OrderOff(off) => {
                self.order_off(at, rule, *off);
                Ok(())
            }
            Action::CouponOff { code, off } => {
                if self.input.order.coupons.contains(code) {
                    self.order_off(at, rule, *off);
                }
                Ok(())
            }
            Action::ShippingOff(off) => {
                if self.shipping_known && self.whole_order(at, rule) {
                    self.shipping_becomes(at, self.shipping - off.of(self.shipping));
                }
                Ok(())
            }
            Action::FlatShipping(cost) => {
                if self.whole_order(at, rule) {
                    self.shipping_becomes(at, cost.0);
                }
                Ok(())
            }
            Action::Tax { percent, include_shipping } => {
                self.taxed(at, rule, *percent, *include_shipping);
                Ok(())
            }
        }
    }

    /// Gives every line in scope, for which the condition holds, the total `becomes` says.
    fn each_line(
        &mut self,
        at: u16,
        rule: &Rule,
        becomes: impl Fn(Current, u32) -> Result<Option<i64>, PricingError>,
    ) -> Result<(), PricingError> {
        let input = self.input;
        let mut same_for_all = None;
        for (index, line) in input.order.lines.as_slice().iter().enumerate() {
            let product = product(input, index);
            let (Some(work), Some(price)) = (self.work.get(index), self.lines.get(index)) else {
                break;
            };
            if !work.mark.admits(rule) || !in_scope(&rule.scope, line, product) {
                continue;
            }
            let now = Current { quantity: line.quantity, total: price.total.map_or(0, |m| m.0) };
            let Some(total) = becomes(now, input.exponent).transpose() else { continue };
            if let Some(condition) = rule.condition {
                let facts = LineFacts {
                    line,
                    product,
                    unit_price: price.unit_price.unwrap_or_default(),
                    total: Money(work.at_stage),
                };
                let holds = match same_for_all {
                    Some(holds) => holds,
                    None => self.holds(condition, Some(facts)),
                };
                if !self.conditions.reads_line(condition) {
                    same_for_all = Some(holds);
                }
                if !self.settle(at, holds) {
                    continue;
                }
            }
            if let Some(work) = self.work.get_mut(index) {
                work.mark.apply(rule);
            }
            self.line_changes(at, index, total? - now.total);
        }
        in_range(self.goods).map(|_| ())
    }

    /// Takes `off` from the lines in scope together.
    fn order_off(&mut self, at: u16, rule: &Rule, off: Off) {
        if !self.whole_order(at, rule) {
            return;
        }
        let whole_order = rule.scope.is_whole_order();
        let mut shares = core::mem::take(&mut self.shares);
        shares.clear();
        shares.extend(self.lines.iter().enumerate().map(|(index, price)| {
            let counts = whole_order || self.counts(rule, index);
            Share::of(if counts { price.total.map_or(0, |m| m.0) } else { 0 })
        }));
        spread_over(off.of(shares.iter().map(|s| s.weight).sum()), &mut shares);
        for (index, share) in shares.iter().enumerate() {
            self.line_changes(at, index, -share.gets);
        }
        self.shares = shares;
    }

    fn taxed(&mut self, at: u16, rule: &Rule, percent: Percent, include_shipping: bool) {
        if !self.whole_order(at, rule) {
            return;
        }
        let goods = if rule.scope.is_whole_order() {
            self.goods
        } else {
            let lines = self.lines.iter().enumerate().filter(|(i, _)| self.counts(rule, *i));
            lines.filter_map(|(_, price)| price.total).sum::<Money>().0
        };
        let tax = share(goods + if include_shipping { self.shipping } else { 0 }, percent);
        self.tax += tax;
        self.record(at, Target::Tax, tax);
    }

    /// Whether a rule for the order as a whole applies; marks it so.
    fn whole_order(&mut self, at: u16, rule: &Rule) -> bool {
        let lines = 0..self.lines.len();
        let applies = self.stage.whole.admits(rule)
            && (rule.scope.is_whole_order() || lines.into_iter().any(|i| self.counts(rule, i)))
            && rule.condition.is_none_or(|condition| {
                let holds = self.holds(condition, None);
                self.settle(at, holds)
            });
        if applies {
            self.stage.whole.apply(rule);
        }
        applies
    }

    fn counts(&self, rule: &Rule, index: usize) -> bool {
        let line = self.input.order.lines.as_slice().get(index);
        line.is_some_and(|line| in_scope(&rule.scope, line, product(self.input, index)))
    }

    fn holds(
        &self,
        condition: ConditionRef,
        line: Option<LineFacts<'_>>,
    ) -> Result<bool, ConditionFailed> {
        let total = Some(Money(self.stage.goods));
        let scope = ConditionScope { order: self.input.facts(), total, line };
        self.conditions.holds(condition, &scope)
    }

    fn settle(&mut self, at: u16, holds: Result<bool, ConditionFailed>) -> bool {
        holds.unwrap_or_else(|ConditionFailed| {
            if !self.failed.contains(&at) {
                self.failed.push(at);
            }
            false
        })
    }

    fn line_changes(&mut self, at: u16, index: usize, change: i64) {
        let total = self.lines.get_mut(index).and_then(|price| price.total.as_mut());
        if let (Some(total), Ok(line)) = (total, u16::try_from(index)) {
            total.0 += change;
            self.goods += change;
            self.record(at, Target::Line(line), change);
        }
    }

    fn shipping_becomes(&mut self, at: u16, cost: i64) {
        let change = cost - self.shipping;
        self.shipping = cost;
        self.shipping_known = true;
        self.record(at, Target::Shipping, change);
    }

    fn record(&mut self, rule: u16, target: Target, change: i64) {
        if change != 0 {
            self.effects.push(Effect { rule, target, amount: Money(change) });
        }
    }
}

/// A line as it stands when a rule's turn comes.
#[derive(Clone, Copy)]
struct Current {
    quantity: i64,
    total: i64,
}

impl Off {
    /// What is taken from `amount`: at most all of it.
    fn of(self, amount: i64) -> i64 {
        match self {
            Self::Percent(percent) => share(amount, percent),
            Self::Fixed(money) => money.0.min(amount),
        }
    }
}

impl Tier {
    fn total(&self, line: Current, exponent: u32) -> i64 {
        match self.price {
            TierPrice::PercentOff(percent) => line.total - share(line.total, percent),
            TierPrice::UnitPrice(price) => {
                // Beyond what money can be is more than the line costs.
                times(price, line.quantity, exponent).map_or(line.total, |m| m.0.min(line.total))
            }
        }
    }
}

impl Scope {
    fn is_whole_order(&self) -> bool {
        self.skus.is_empty() && self.categories.is_empty()
    }
}

fn unit_off(off: UnitOff, quantity: i64, exponent: u32) -> i64 {
    match off {
        // Beyond what money can be is more than any line costs.
        UnitOff::PerUnit(price) => times(price, quantity, exponent).map_or(MONEY_MAX, |m| m.0),
        UnitOff::PerLine(money) => money.0,
    }
}

fn tier(tiers: &[Tier], quantity: i64) -> Option<&Tier> {
    tiers.iter().rev().find(|tier| tier.from <= quantity)
}

fn group_off(line: Current, buy: i64, get: i64, off: Percent) -> Option<i64> {
    let cheaper = line.quantity / (buy + get) * get;
    let (part, whole) = (cheaper * off.basis_points(), line.quantity * Percent::WHOLE);
    (cheaper > 0).then(|| portion(line.total, part, whole))
}

fn in_scope(scope: &Scope, line: &Line, product: Product<'_>) -> bool {
    covers(&scope.skus, &line.sku)
        && (scope.categories.is_empty()
            || product.category.is_some_and(|category| covers(&scope.categories, category)))
}

/// Most names that are compared one by one.
const FEW: usize = 8;

fn covers<T: Ord>(names: &[T], name: &T) -> bool {
    names.is_empty()
        || if names.len() <= FEW { names.contains(name) } else { names.binary_search(name).is_ok() }
}
