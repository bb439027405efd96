//! Why an order costs what it costs: every effect of every rule, by the rule's name.

use domain::money::Money;
use domain::pricing::{Pricing, Target};
use serde_json::{Value, json};
use service::wire::rules::CompiledRules;

use crate::App;
use crate::fields::{money, unit_price};

/// The explanation: one entry a line, then shipping and tax, then the total.
pub(crate) fn pricing(app: &App, pricing: &Pricing) -> Value {
    let exponent = app.settings.exponent();
    let rules = app.ledger.rules(pricing.rule_set).ok().flatten();
    let rules = rules.as_deref();
    let amount = |amount: Option<Money>| amount.map(|amount| money(amount, exponent));
    let effects = |target: Target| -> Vec<Value> {
        let of_target = pricing.effects.iter().filter(|effect| effect.target == target);
        of_target
            .map(|e| json!({"rule": rule(rules, e.rule), "amount": money(e.amount, exponent)}))
            .collect()
    };
    let sum = |target: Target| -> Money {
        let of_target = pricing.effects.iter().filter(|effect| effect.target == target);
        of_target.map(|effect| effect.amount).sum()
    };
    let line = |(at, line): (usize, &domain::pricing::LinePrice)| {
        json!({
            "unit_price": line.unit_price.map(|price| unit_price(price, exponent)),
            "base": amount(line.base),
            "effects": effects(Target::Line(at as u16)),
            "total": amount(line.total),
        })
    };
    let shipping = pricing.shipping.map(|cost| cost + sum(Target::Shipping));
    json!({
        "rule_set": pricing.rule_set,
        "lines": pricing.lines.iter().enumerate().map(line).collect::<Vec<_>>(),
        "shipping": {
            "cost": amount(pricing.shipping),
            "effects": effects(Target::Shipping),
            "total": amount(shipping.or(Some(sum(Target::Shipping)).filter(|s| s.0 != 0))),
        },
        "tax": {"effects": effects(Target::Tax), "total": money(sum(Target::Tax), exponent)},
        "total": amount(pricing.total),
        "failed_rules": pricing.failed.iter().map(|at| rule(rules, *at)).collect::<Vec<_>>(),
    })
}

fn rule(rules: Option<&CompiledRules>, at: u16) -> Value {
    let rule = rules.and_then(|rules| rules.rules.rule(at));
    rule.map_or_else(|| json!(at), |rule| rule.id.as_str().into())
}
