//! Pricing rules on the wire: JSON in, checked rules with compiled conditions out, or every
//! violation at once.
//!
//! Never: a float (decimals keep the digits they were written with), a field that is ignored: rules
//! are configuration, and a typo must not pass for a default.
//!
//! ```
//! use service::wire::rules::parse;
//! let json = br#"{"rules": [{
//!     "id": "promo-10",
//!     "priority": 10,
//!     "exclusive": false,
//!     "valid_from": "2025-01-01T00:00:00Z",
//!     "valid_until": null,
//!     "scope": {"merchants": [], "skus": [], "categories": [], "channels": []},
//!     "when": "order.total >= 50000 && order.channel == 'web'",
//!     "effect": {"type": "order_percentage_off", "percent": "10"}
//! }]}"#;
//! let compiled = parse(json, 1, 2).unwrap();
//! assert_eq!(compiled.rules.rules().len(), 1);
//!
//! let violations = parse(br#"[{"id": "a", "effect": {"type": "tax", "percent": 7.125}}]"#, 1, 2);
//! let violation = &violations.unwrap_err()[0];
//! assert_eq!((violation.pointer.as_str(), violation.code), ("/0/effect/percent", "too_precise"));
//! ```
//!
//! The document is an object with `rules`, or the bare array of them. `extend` (false) says that a
//! batch's rules come on top of the installation's instead of replacing them. A rule has an `id`
//! and an `effect`; everything else may be left out or null: `priority` (0; lower runs first),
//! `exclusive` (false), `valid_from` and `valid_until` (RFC 3339; the end is exclusive), `scope`
//! (an empty list is everything), `when` (CEL, see [`crate::cel`]). What rules mean is told in
//! [`domain::pricing`]. Percentages are strings or numbers from 0 to 100 with at most two
//! decimals; money is major units, as a string or number with no more decimals than the currency
//! has.
//!
//! | `effect.type` | fields |
//! |---|---|
//! | `price_override` | `unit_price` (up to six decimals) |
//! | `line_percentage_off` | `percent` |
//! | `line_fixed_off` | `amount`, `per`: `unit` (default; up to six decimals) or `line` |
//! | `quantity_tiers` | `tiers`: a list of `from` with `percent` or `unit_price`, ascending |
//! | `buy_x_get_y` | `buy`, `get`, `percent` (100) |
//! | `order_percentage_off` | `percent`, `minimum_total`? |
//! | `order_fixed_off` | `amount`, `minimum_total`? |
//! | `minimum_total` | `minimum_total`, and `percent` or `amount`: the same as the two before |
//! | `coupon_percentage_off` | `coupon`, `percent`, `minimum_total`? |
//! | `coupon_fixed_off` | `coupon`, `amount`, `minimum_total`? |
//! | `shipping_percentage_off` | `percent`, `minimum_total`? |
//! | `shipping_fixed_off` | `amount`, `minimum_total`? |
//! | `free_shipping` | `minimum_total`? |
//! | `flat_shipping` | `amount`, `minimum_total`? |
//! | `tax` | `percent`, `include_shipping` (false) |

mod read;
mod render;
mod rule;

use std::sync::Arc;

use domain::limits::RULES_PER_SET_MAX;
use domain::pricing::{
    ConditionFailed, ConditionRef, ConditionScope, Conditions, Fault, FaultKind, Priceable,
    Pricing, PricingError, Rule, RuleSet, price,
};
use messages::{Phrase, phrase};

use crate::cel::Condition;

/// Something wrong with a document of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleViolation {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What, for programs: `required`, `unknown_field`, `bad_condition`, …
    pub code: &'static str,
    /// What, for people.
    pub message: Phrase,
}

/// A rule set ready to price with. Cheap to share in an `Arc`; the default has no rules.
#[derive(Debug, Default)]
pub struct CompiledRules {
    /// The rules.
    pub rules: RuleSet,
    /// Whether a batch's rules come on top of the installation's.
    pub extend: bool,
    /// The rules as canonical JSON: one text for all spellings, which [`parse`] reads back.
    pub source: String,
    conditions: Vec<Arc<When>>,
    exponent: u32,
}

/// A condition with its source.
#[derive(Debug)]
struct When {
    source: String,
    condition: Condition,
}

/// Reads the rules of a currency with `exponent` decimals as version `version`.
///
/// # Errors
/// Everything that is wrong with the document.
pub fn parse(
    json: &[u8],
    version: u64,
    exponent: u32,
) -> Result<CompiledRules, Vec<RuleViolation>> {
    let document = rule::document(json, exponent)?;
    let pointers: Vec<String> = document.rules.iter().map(|r| r.pointer.clone()).collect();
    let (rules, conditions) = numbered(document.rules.into_iter().map(|r| (r.rule, r.when)));
    let mut violations = document.violations;
    match RuleSet::new(version, rules) {
        Ok(rules) if violations.is_empty() => {
            Ok(CompiledRules::of(rules, conditions, document.extend, exponent))
        }
        Ok(_) => Err(violations),
        Err(faults) => {
            violations.extend(faults.iter().map(|fault| violation(*fault, &pointers)));
            Err(violations)
        }
    }
}

/// Gives every condition its number.
fn numbered(rules: impl Iterator<Item = (Rule, Option<Arc<When>>)>) -> (Vec<Rule>, Vec<Arc<When>>) {
    let (mut numbered, mut conditions) = (Vec::new(), Vec::new());
    for (mut rule, when) in rules {
        let number = u16::try_from(conditions.len()).ok();
        rule.condition = when.as_ref().and(number).map(ConditionRef);
        conditions.extend(when);
        numbered.push(rule);
    }
    (numbered, conditions)
}

fn violation(fault: Fault, pointers: &[String]) -> RuleViolation {
    let (field, code, message) = match fault.kind {
        FaultKind::TooMany => {
            let limit = RULES_PER_SET_MAX.to_string();
            ("", "too_many_rules", phrase!("rules-too-many", limit = limit))
        }
        FaultKind::DuplicateId => ("/id", "duplicate_id", phrase!("rules-duplicate-id")),
        FaultKind::EmptyPeriod => ("/valid_until", "empty_period", phrase!("rules-empty-period")),
        FaultKind::Amount => ("/effect", "out_of_range", phrase!("rules-amount")),
        FaultKind::Tiers => ("/effect/tiers", "bad_tiers", phrase!("rules-tiers")),
        FaultKind::Units => ("/effect", "out_of_range", phrase!("rules-units")),
    };
    let rule = pointers.get(fault.rule).map_or("", String::as_str);
    RuleViolation { pointer: format!("{rule}{field}"), code, message }
}

impl CompiledRules {
    fn of(rules: RuleSet, conditions: Vec<Arc<When>>, extend: bool, exponent: u32) -> Self {
        let source = render::document(&rules, &conditions, extend, exponent);
        Self { rules, extend, source, conditions, exponent }
    }

    /// What an order costs by these rules.
    ///
    /// # Errors
    /// As [`domain::pricing::price`].
    pub fn price(&self, input: &Priceable<'_>) -> Result<Pricing, PricingError> {
        price(input, &self.rules, self)
    }

    /// These rules on top of `base`: a rule with an id of `base` takes that one's place.
    ///
    /// # Errors
    /// `too_many_rules` when there are too many together.
    pub fn extending(&self, base: &Self) -> Result<Self, Vec<RuleViolation>> {
        let ours: Vec<&Rule> = self.rules.rules().iter().collect();
        let theirs = base.rules.rules().iter().filter(|r| ours.iter().all(|o| o.id != r.id));
        let theirs = theirs.map(|rule| (rule.clone(), base.when(rule).cloned()));
        let ours = ours.iter().map(|rule| ((*rule).clone(), self.when(rule).cloned()));
        let (rules, conditions) = numbered(theirs.chain(ours));
        let rules = RuleSet::new(self.rules.version, rules)
            .map_err(|faults| faults.iter().map(|f| violation(*f, &[])).collect::<Vec<_>>())?;
        Ok(Self::of(rules, conditions, false, self.exponent))
    }

    fn when(&self, rule: &Rule) -> Option<&Arc<When>> {
        rule.condition.and_then(|at| self.conditions.get(usize::from(at.0)))
    }
}

impl Conditions for CompiledRules {
    fn holds(
        &self,
        condition: ConditionRef,
        scope: &ConditionScope<'_>,
    ) -> Result<bool, ConditionFailed> {
        let when = self.conditions.get(usize::from(condition.0));
        when.ok_or(ConditionFailed)?.condition.holds(scope)
    }

    fn reads_line(&self, condition: ConditionRef) -> bool {
        let when = self.conditions.get(usize::from(condition.0));
        when.is_none_or(|when| when.condition.reads_line())
    }
}

#[cfg(test)]
mod mutated;
#[cfg(test)]
mod tests;
