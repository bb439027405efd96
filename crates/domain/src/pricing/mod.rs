//! Prices an order: base prices, then the rules of one rule set, and the reason for every cent.
//!
//! Never: floats, a clock, I/O, a price nobody gave. Conditions are a pure function handed in.
//!
//! # From base to total
//!
//! A line's unit price is the order's own, else the catalogue's. Its base is unit price ×
//! quantity, rounded half to even, once. Rules then run in stages ([`Stage`]): price override,
//! line, order, coupon, shipping, tax; within a stage by ascending `priority`, then in the order
//! they were given.
//!
//! **Unpriced.** If any line has neither price, the order has no total and no rule runs: a total
//! that leaves out a line would be an invented value. The bases that are known are kept.
//!
//! **Which rules run.** A rule runs when merchant and channel are in its scope, `now` is within
//! [`valid_from`, `valid_until`), the goods' total is at least its `minimum_total`, and its
//! condition holds. "The goods' total" (also a condition's `order.total`) is the sum of the lines,
//! without shipping and tax, as it stood when the rule's stage began: the outcome of a condition
//! never depends on how far the stage has got. A condition that cannot be evaluated does not hold;
//! the rule is listed in [`Pricing::failed`].
//!
//! **Scope.** SKUs and categories choose lines: a line is in scope when it is in every list that is
//! not empty. Override and line rules act on the lines in scope. Order, coupon and tax rules act on
//! the sum of the lines in scope. Shipping rules need at least one line in scope.
//!
//! **Stacking.** Rules stack: each takes its share of what the ones before left over. `exclusive`
//! concerns one target within one stage; targets are each line (stages override and line), the
//! order (order; coupon), shipping, and tax. An exclusive rule is skipped on a target to which a
//! rule of the stage has applied already; once it has applied, it closes that target to the rest of
//! the stage. A rule has applied to a target when nothing above spoke against it and there was
//! something to act on (the coupon was presented, a tier reached, the group complete, shipping
//! known), even when the amount came out as zero. Of several overrides that stack, the last wins.
//! Taxes do not tax each other.
//!
//! **Rounding.** Each application of a percentage is rounded once, half to even, to the minor unit.
//! What an order or coupon rule takes is rounded as one amount, then spread over the lines in scope
//! by largest remainder, weighted by what they come to (as [`crate::money::spread`]).
//!
//! **Bounds.** A discount takes at most what is there: no line, no shipping and no total is ever
//! below zero, and an [`Effect`] records what was really taken. Zero amounts are not recorded.

mod apply;
mod arithmetic;
mod rule;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use compact_str::CompactString;

use crate::event::Kind;
use crate::id::{Category, Coupon, CustomerId, MerchantId};
use crate::money::{Money, UnitPrice};
use crate::order::{Channel, Line, Purchase};
use crate::time::Timestamp;

pub use apply::price;
pub use rule::{
    Action, Fault, FaultKind, Off, Percent, Rule, RuleSet, Scope, Stage, Tier, TierPrice, UnitOff,
};

/// What a batch says about itself, for conditions to read.
pub type Metadata = BTreeMap<Box<str>, Box<str>>;

/// Everything [`price`] looks at, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Priceable<'a> {
    /// What is bought, by whom, with which coupons.
    pub order: &'a Purchase,
    /// Who sells.
    pub merchant: &'a MerchantId,
    /// Where the order came in.
    pub channel: Channel,
    /// What the catalogue knows, one per line, in order. Lines beyond its end are unknown there.
    pub products: &'a [Product<'a>],
    /// The customer's tags; empty when there is no customer, or none is known.
    pub customer_tags: &'a [CompactString],
    /// What the batch says about itself; none outside a batch.
    pub metadata: Option<&'a Metadata>,
    /// When the order is priced.
    pub now: Timestamp,
    /// Decimals of the currency: 2 for BRL.
    pub exponent: u32,
}

/// What the catalogue knows about a line's product. The default knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Product<'a> {
    /// The list price, used for a line that has none.
    pub unit_price: Option<UnitPrice>,
    /// The category.
    pub category: Option<&'a Category>,
}

/// What an order costs, and why.
///
/// Σ base + shipping + Σ effects = total, and every line's total is its base plus its effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pricing {
    /// The version of the rule set.
    pub rule_set: u64,
    /// One per line of the order, in order.
    pub lines: Vec<LinePrice>,
    /// What the order said shipping costs, before rules. An unknown cost counts as nothing.
    pub shipping: Option<Money>,
    /// What each rule did, in the order it was done.
    pub effects: Vec<Effect>,
    /// Goods, shipping and tax; `None` when a line has no price.
    pub total: Option<Money>,
    /// Rules (as [`Effect::rule`]) with a condition that could not be evaluated somewhere; they
    /// did not apply there. Each once, in the order met.
    pub failed: Vec<u16>,
}

/// What one line costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePrice {
    /// The order's price, else the catalogue's; before any rule.
    pub unit_price: Option<UnitPrice>,
    /// Unit price × quantity.
    pub base: Option<Money>,
    /// The base and all effects on this line; never below zero.
    pub total: Option<Money>,
}

/// What one rule did to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The rule's position in the rule set as given ([`RuleSet::rule`]).
    pub rule: u16,
    /// What it acted on.
    pub target: Target,
    /// How much: negative is a discount. Never zero.
    pub amount: Money,
}

/// What an effect acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The line at this position.
    Line(u16),
    /// The shipping cost.
    Shipping,
    /// Tax, on top of goods and shipping.
    Tax,
}

/// Why an order cannot be priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PricingError {
    /// An amount is below zero or above [`crate::limits::MONEY_MAX`].
    OutOfRange,
}

/// Names a compiled condition: its position in the list that came with the rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionRef(pub u16);

/// A condition could not be evaluated: a missing value, an overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionFailed;

/// The conditions of a rule set: a pure function, handed in.
pub trait Conditions {
    /// Whether the condition holds.
    ///
    /// # Errors
    /// [`ConditionFailed`] when it cannot be evaluated; the rule then does not apply.
    fn holds(
        &self,
        condition: ConditionRef,
        scope: &ConditionScope<'_>,
    ) -> Result<bool, ConditionFailed>;

    /// Whether the outcome may differ between lines. If not, it is asked for once per rule.
    fn reads_line(&self, _condition: ConditionRef) -> bool {
        true
    }
}

/// No conditions at all: any that is asked for fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoConditions;

impl Conditions for NoConditions {
    fn holds(&self, _: ConditionRef, _: &ConditionScope<'_>) -> Result<bool, ConditionFailed> {
        Err(ConditionFailed)
    }
}

/// What a condition may look at.
#[derive(Clone, Copy, Debug)]
pub struct ConditionScope<'a> {
    /// Order, merchant, channel, customer, batch and time.
    pub order: OrderFacts<'a>,
    /// The goods' total when the rule's stage began; `None` when nobody knows what it comes to.
    pub total: Option<Money>,
    /// The line in question; `None` for rules of the order, coupon, shipping and tax stages.
    pub line: Option<LineFacts<'a>>,
}

/// What a condition may know about an order as a whole, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct OrderFacts<'a> {
    /// Goods or money.
    pub kind: Kind,
    /// Who sells.
    pub merchant: &'a MerchantId,
    /// Where it came in.
    pub channel: Channel,
    /// Coupons presented.
    pub coupons: &'a [Coupon],
    /// The buyer, when named.
    pub customer: Option<&'a CustomerId>,
    /// The customer's tags.
    pub customer_tags: &'a [CompactString],
    /// What the batch says about itself; none outside a batch.
    pub metadata: Option<&'a Metadata>,
    /// When it is looked at.
    pub now: Timestamp,
    /// Decimals of the currency.
    pub exponent: u32,
}

impl<'a> Priceable<'a> {
    /// What conditions may know about it.
    #[must_use]
    pub fn facts(&self) -> OrderFacts<'a> {
        OrderFacts {
            kind: Kind::Purchase,
            merchant: self.merchant,
            channel: self.channel,
            coupons: &self.order.coupons,
            customer: self.order.customer.as_ref(),
            customer_tags: self.customer_tags,
            metadata: self.metadata,
            now: self.now,
            exponent: self.exponent,
        }
    }
}

/// What a condition may know about a line.
#[derive(Clone, Copy, Debug)]
pub struct LineFacts<'a> {
    /// SKU and quantity.
    pub line: &'a Line,
    /// What the catalogue knows.
    pub product: Product<'a>,
    /// The order's price, else the catalogue's; before any rule.
    pub unit_price: UnitPrice,
    /// What the line came to when the rule's stage began.
    pub total: Money,
}

impl LineFacts<'_> {
    /// The unit price in minor units, rounded half to even.
    #[must_use]
    pub fn unit_price_minor(&self, exponent: u32) -> Option<Money> {
        arithmetic::times(self.unit_price, 1, exponent)
    }
}
