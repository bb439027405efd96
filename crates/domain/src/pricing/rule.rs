//! Pricing rules, checked: what [`super::price`] may rely on.
//!
//! Never: text formats (the border parses those), how a condition is evaluated.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::ConditionRef;
use crate::id::{Category, Coupon, MerchantId, RuleId, Sku};
use crate::limits::{MONEY_MAX, RULES_PER_SET_MAX};
use crate::money::{Money, UnitPrice};
use crate::order::Channel;
use crate::time::Timestamp;

/// One pricing rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in the rule set.
    pub id: RuleId,
    /// Its place within its stage: lower first, equal ones in the order given.
    pub priority: i32,
    /// Whether it tolerates no other rule of its stage on the same target; see [`super`].
    pub exclusive: bool,
    /// When it begins, inclusive; always, when absent.
    pub valid_from: Option<Timestamp>,
    /// When it ends, exclusive; never, when absent.
    pub valid_until: Option<Timestamp>,
    /// What it concerns.
    pub scope: Scope,
    /// The least the goods come to for it to apply; see [`super`].
    pub minimum_total: Option<Money>,
    /// What else must hold.
    pub condition: Option<ConditionRef>,
    /// What it does.
    pub action: Action,
}

/// What a rule concerns. An empty list stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Orders of these sellers.
    pub merchants: Vec<MerchantId>,
    /// Orders that came in there.
    pub channels: Vec<Channel>,
    /// Lines with these products.
    pub skus: Vec<Sku>,
    /// Lines with products of these categories. A product without a category is in none.
    pub categories: Vec<Category>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line costs this much per unit.
    PriceOverride(UnitPrice),
    /// The line gets cheaper by a percentage.
    LinePercentageOff(Percent),
    /// The line gets cheaper by an amount.
    LineFixedOff(UnitOff),
    /// The line's price depends on its quantity: the tier with the greatest `from` not above the
    /// line's own quantity counts. At least one, in ascending order.
    QuantityTiers(Vec<Tier>),
    /// Of every `buy + get` units of the line, `get` are cheaper by `off`, as shares of what the
    /// line comes to.
    BuyXGetY {
        /// Units to pay in full per group; at least 1.
        buy: i64,
        /// Units that are cheaper per group; at least 1.
        get: i64,
        /// By how much; 100 % for free.
        off: Percent,
    },
    /// The order gets cheaper.
    OrderOff(Off),
    /// The order gets cheaper when this coupon was presented.
    CouponOff {
        /// The coupon, letter for letter.
        code: Coupon,
        /// By how much.
        off: Off,
    },
    /// Shipping gets cheaper; nothing to act on while its cost is unknown.
    ShippingOff(Off),
    /// Shipping costs this much, whatever the order said.
    FlatShipping(Money),
    /// Tax on the goods after all discounts.
    Tax {
        /// How much.
        percent: Percent,
        /// Whether shipping, after its rules, is taxed as well.
        include_shipping: bool,
    },
}

/// How much an order, a coupon or shipping gets cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// By a share of it.
    Percent(Percent),
    /// By an amount, or all there is.
    Fixed(Money),
}

/// By what amount a line gets cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitOff {
    /// This much for each unit; their sum is rounded once.
    PerUnit(UnitPrice),
    /// This much for the line, however many units.
    PerLine(Money),
}

/// One step of a quantity discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// From how many units of the line on; at least 1.
    pub from: i64,
    /// What they cost then.
    pub price: TierPrice,
}

/// What a line costs on a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierPrice {
    /// Cheaper by a percentage.
    PercentOff(Percent),
    /// This much per unit; no effect on a line that already costs less.
    UnitPrice(UnitPrice),
}

/// A percentage in basis points: 1250 is 12.5 %. From 0 to 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(i64);

impl Percent {
    /// Basis points of the whole: 100 %.
    pub const WHOLE: i64 = 10_000;

    /// A percentage from basis points; `None` outside 0 to [`Percent::WHOLE`].
    ///
    /// ```
    /// use domain::pricing::Percent;
    /// assert_eq!(Percent::new(1250).map(Percent::basis_points), Some(1250));
    /// assert_eq!(Percent::new(10_001), None);
    /// ```
    #[must_use]
    pub fn new(basis_points: i64) -> Option<Self> {
        (0..=Self::WHOLE).contains(&basis_points).then_some(Self(basis_points))
    }

    /// The percentage in basis points.
    #[must_use]
    pub fn basis_points(self) -> i64 {
        self.0
    }
}

/// When a rule's turn is: stages run in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A line's price is replaced.
    Override,
    /// A line gets cheaper.
    Line,
    /// The order gets cheaper.
    Order,
    /// The order gets cheaper by a coupon.
    Coupon,
    /// Shipping gets cheaper, or costs something else.
    Shipping,
    /// Tax comes on top.
    Tax,
}

impl Action {
    /// The stage it belongs to.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::PriceOverride(_) => Stage::Override,
            Self::LinePercentageOff(_)
            | Self::LineFixedOff(_)
            | Self::QuantityTiers(_)
            | Self::BuyXGetY { .. } => Stage::Line,
            Self::OrderOff(_) => Stage::Order,
            Self::CouponOff { .. } => Stage::Coupon,
            Self::ShippingOff(_) | Self::FlatShipping(_) => Stage::Shipping,
            Self::Tax { .. } => Stage::Tax,
        }
    }
}

/// The rules of an installation, a seller's price list or a batch: at most
/// [`RULES_PER_SET_MAX`], checked, in the order they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// Which version this is; set by whoever stores it.
    pub version: u64,
    rules: Vec<Rule>,
    running: Vec<u16>,
}

/// Something wrong with one rule of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule's position.
    pub rule: usize,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// One more than [`RULES_PER_SET_MAX`].
    TooMany,
    /// Another rule before it has the same id.
    DuplicateId,
    /// It ends before it begins, or as it begins.
    EmptyPeriod,
    /// An amount below zero or above [`MONEY_MAX`].
    Amount,
    /// No tier, a tier from less than one unit, or tiers not in ascending order.
    Tiers,
    /// To buy or to get less than one unit.
    Units,
}

impl RuleSet {
    /// Checks rules and puts them into the order they run in.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn new(version: u64, mut rules: Vec<Rule>) -> Result<Self, Vec<Fault>> {
        let faults = faults(&rules);
        if !faults.is_empty() {
            return Err(faults);
        }
        for rule in &mut rules {
            sort(&mut rule.scope.merchants);
            sort(&mut rule.scope.channels);
            sort(&mut rule.scope.skus);
            sort(&mut rule.scope.categories);
        }
        let mut running: Vec<(Stage, i32, u16)> =
            (0..).zip(&rules).map(|(at, r)| (r.action.stage(), r.priority, at)).collect();
        running.sort_unstable();
        Ok(Self { version, rules, running: running.into_iter().map(|(_, _, at)| at).collect() })
    }

    /// The rules as they were given, except that the lists of each scope are sorted.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule at that position, as an [`super::Effect`] names it.
    #[must_use]
    pub fn rule(&self, at: u16) -> Option<&Rule> {
        self.rules.get(usize::from(at))
    }

    /// The rules in the order they run, each with its position as given.
    pub fn running(&self) -> impl Iterator<Item = (u16, &Rule)> {
        self.running.iter().filter_map(|at| self.rule(*at).map(|rule| (*at, rule)))
    }
}

fn sort<T: Ord>(names: &mut Vec<T>) {
    names.sort_unstable();
    names.dedup();
}

fn faults(rules: &[Rule]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for (at, rule) in rules.iter().enumerate() {
        let mut fault = |wrong: bool, kind: FaultKind| {
            if wrong {
                faults.push(Fault { rule: at, kind });
            }
        };
        let period = rule.valid_from.zip(rule.valid_until);
        fault(at == RULES_PER_SET_MAX, FaultKind::TooMany);
        fault(!ids.insert(&rule.id), FaultKind::DuplicateId);
        fault(period.is_some_and(|(from, until)| from >= until), FaultKind::EmptyPeriod);
        fault(rule.minimum_total.is_some_and(|m| !is_amount(m.0)), FaultKind::Amount);
        if let Some(kind) = fault_of(&rule.action) {
            fault(true, kind);
        }
    }
    faults
}

fn fault_of(action: &Action) -> Option<FaultKind> {
    let amount = |minor: i64| (!is_amount(minor)).then_some(FaultKind::Amount);
    let off = |off: &Off| match off {
        Off::Percent(_) => None,
        Off::Fixed(money) => amount(money.0),
    };
    match action {
        Action::PriceOverride(price) | Action::LineFixedOff(UnitOff::PerUnit(price)) => {
            amount(price.0)
        }
        Action::LineFixedOff(UnitOff::PerLine(money)) | Action::FlatShipping(money) => {
            amount(money.0)
        }
        Action::QuantityTiers(tiers) => fault_of_tiers(tiers),
        Action::BuyXGetY { buy, get, off: _ } => {
            let units = 1..=crate::limits::QUANTITY_MAX;
            (!units.contains(buy) || !units.contains(get)).then_some(FaultKind::Units)
        }
        Action::OrderOff(o) | Action::CouponOff { code: _, off: o } | Action::ShippingOff(o) => {
            off(o)
        }
        Action::LinePercentageOff(_) | Action::Tax { .. } => None,
    }
}

fn fault_of_tiers(tiers: &[Tier]) -> Option<FaultKind> {
    let ascending = tiers.is_sorted_by(|a, b| a.from < b.from);
    if !ascending || tiers.first().is_none_or(|t| t.from < 1) {
        return Some(FaultKind::Tiers);
    }
    let too_much = tiers.iter().any(|tier| match tier.price {
        TierPrice::PercentOff(_) => false,
        TierPrice::UnitPrice(price) => !is_amount(price.0),
    });
    too_much.then_some(FaultKind::Amount)
}

fn is_amount(minor: i64) -> bool {
    (0..=MONEY_MAX).contains(&minor)
}
