//! Rules as canonical JSON: keys sorted, decimals as strings, defaults left out.
//!
//! Never: anything [`super::parse`] would not read back as the same rules.

use std::sync::Arc;

use domain::money::{Amount, Money, UnitPrice};
use domain::order::Channel;
use domain::pricing::{
    Action, ConditionRef, Off, Percent, Rule, RuleSet, Scope, Tier, TierPrice, UnitOff,
};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::When;

/// A whole rule set.
pub(super) fn document(
    rules: &RuleSet,
    conditions: &[Arc<When>],
    extend: bool,
    exponent: u32,
) -> String {
    let when = |at: ConditionRef| conditions.get(usize::from(at.0)).map(|w| w.source.as_str());
    let rules = rules.rules().iter();
    let rules: Vec<Value> = rules.map(|r| rule(r, r.condition.and_then(when), exponent)).collect();
    let document =
        if extend { json!({"extend": true, "rules": rules}) } else { json!({"rules": rules}) };
    document.to_string()
}

fn rule(rule: &Rule, when: Option<&str>, exponent: u32) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.into(), value);
    set("id", json!(rule.id.as_str()));
    set("priority", json!(rule.priority));
    set("exclusive", json!(rule.exclusive));
    set("effect", effect(&rule.action, rule.minimum_total, exponent));
    for (name, time) in [("valid_from", rule.valid_from), ("valid_until", rule.valid_until)] {
        if let Some(time) = time {
            set(name, json!(date(time)));
        }
    }
    if rule.scope != Scope::default() {
        set("scope", scope(&rule.scope));
    }
    if let Some(when) = when {
        set("when", json!(when));
    }
    Value::Object(fields)
}

fn scope(scope: &Scope) -> Value {
    let lists: [(&str, Vec<&str>); 4] = [
        ("merchants", scope.merchants.iter().map(|m| m.as_str()).collect()),
        ("skus", scope.skus.iter().map(|s| s.as_str()).collect()),
        ("categories", scope.categories.iter().map(|c| c.as_str()).collect()),
        ("channels", scope.channels.iter().map(|c: &Channel| c.as_str()).collect()),
    ];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    lists.map(|(name, names)| (name.to_string(), json!(names))).collect::<Map<_, _>>().into()
}

fn effect(action: &Action, minimum_total: Option<Money>, exponent: u32) -> Value {
    let money = |amount: Money| Amount(amount, exponent).to_string();
    let mut effect = match action {
        Action::PriceOverride(price) => {
            json!({"type": "price_override", "unit_price": decimal(*price)})
        }
        Action::LinePercentageOff(percent) => {
            json!({"type": "line_percentage_off", "percent": percentage(*percent)})
        }
        Action::LineFixedOff(UnitOff::PerUnit(price)) => {
            json!({"type": "line_fixed_off", "amount": decimal(*price), "per": "unit"})
        }
        Action::LineFixedOff(UnitOff::PerLine(amount)) => {
            json!({"type": "line_fixed_off", "amount": money(*amount), "per": "line"})
        }
        Action::QuantityTiers(tiers) => {
            json!({"type": "quantity_tiers", "tiers": tiers.iter().map(tier).collect::<Vec<_>>()})
        }
        Action::BuyXGetY { buy, get, off } => {
            json!({"type": "buy_x_get_y", "buy": buy, "get": get, "percent": percentage(*off)})
        }
        Action::OrderOff(off) => taken("order", *off, exponent),
        Action::CouponOff { code, off } => {
            let mut effect = taken("coupon", *off, exponent);
            effect["coupon"] = json!(code.as_str());
            effect
        }
        Action::ShippingOff(off) => taken("shipping", *off, exponent),
        Action::FlatShipping(cost) => json!({"type": "flat_shipping", "amount": money(*cost)}),
        Action::Tax { percent, include_shipping } => json!({
            "type": "tax",
            "percent": percentage(*percent),
            "include_shipping": include_shipping,
        }),
    };
    if let Some(minimum) = minimum_total {
        effect["minimum_total"] = json!(money(minimum));
    }
    effect
}

fn taken(from: &str, off: Off, exponent: u32) -> Value {
    match off {
        Off::Percent(percent) => {
            json!({"type": format!("{from}_percentage_off"), "percent": percentage(percent)})
        }
        Off::Fixed(amount) => {
            let amount = Amount(amount, exponent).to_string();
            json!({"type": format!("{from}_fixed_off"), "amount": amount})
        }
    }
}

fn tier(tier: &Tier) -> Value {
    match tier.price {
        TierPrice::PercentOff(percent) => {
            json!({"from": tier.from, "percent": percentage(percent)})
        }
        TierPrice::UnitPrice(price) => json!({"from": tier.from, "unit_price": decimal(price)}),
    }
}

fn percentage(percent: Percent) -> String {
    trimmed(Amount(Money(percent.basis_points()), 2).to_string())
}

fn decimal(price: UnitPrice) -> String {
    trimmed(Amount(Money(price.0), 6).to_string())
}

fn trimmed(decimal: String) -> String {
    decimal.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn date(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.0).map_or_else(|_| String::new(), |t| t.to_string())
}
