//! The document, a rule, its scope and its effect.
//!
//! Never: what a rule means; that is `domain::pricing`'s.

use std::sync::Arc;

use domain::id::{Category, Coupon, MerchantId, NameError, RuleId, Sku};
use domain::limits::RULES_PER_SET_MAX;
use domain::money::Money;
use domain::order::Channel;
use domain::pricing::{Action, Off, Percent, Rule, Scope, Stage, Tier, TierPrice, UnitOff};
use messages::phrase;
use serde_json::value::RawValue;

use super::read::{Fields, Value, Violations};
use super::{RuleViolation, When};
use crate::cel;

/// Most names in one list of a scope: a rule set is read whole, by every process.
const SCOPE_NAMES_MAX: usize = 10_000;

/// A document as far as it could be read.
pub(super) struct Document {
    pub(super) extend: bool,
    pub(super) rules: Vec<Read>,
    pub(super) violations: Vec<RuleViolation>,
}

/// A rule without its condition's number.
pub(super) struct Read {
    pub(super) pointer: String,
    pub(super) rule: Rule,
    pub(super) when: Option<Arc<When>>,
}

/// Reads a document.
///
/// # Errors
/// When it is not even a list of rules, or too long a list to look at.
pub(super) fn document(json: &[u8], exponent: u32) -> Result<Document, Vec<RuleViolation>> {
    let mut noted = Violations::default();
    let Ok(json) = serde_json::from_slice::<&RawValue>(json) else {
        noted.note::<()>("", "malformed", phrase!("rules-malformed"));
        return Err(noted.0);
    };
    let whole = Value { pointer: String::new(), json };
    let Some((extend, rules)) = outline(&whole, &mut noted) else { return Err(noted.0) };
    if rules.len() > RULES_PER_SET_MAX {
        let message = phrase!("rules-too-many", limit = RULES_PER_SET_MAX.to_string());
        noted.note::<()>(&whole.pointer, "too_many_rules", message);
        return Err(noted.0);
    }
    let rules = rules.iter().filter_map(|value| rule(value, exponent, &mut noted)).collect();
    Ok(Document { extend, rules, violations: noted.0 })
}

fn outline<'j>(whole: &Value<'j>, noted: &mut Violations) -> Option<(bool, Vec<Value<'j>>)> {
    if whole.is_array() {
        return Some((false, whole.elements(noted)?));
    }
    let mut fields = whole.fields(noted)?;
    let extend = fields.optional("extend").and_then(|v| v.boolean(noted)).unwrap_or_default();
    let rules = fields.required("rules", noted).and_then(|v| v.elements(noted));
    fields.finish(noted);
    Some((extend, rules?))
}

fn rule(value: &Value<'_>, exponent: u32, noted: &mut Violations) -> Option<Read> {
    let before = noted.0.len();
    let mut fields = value.fields(noted)?;
    let id = fields.required("id", noted).and_then(|v| v.name(RuleId::parse, noted));
    let priority = fields.optional("priority").and_then(|v| v.integer(noted));
    let exclusive = fields.optional("exclusive").and_then(|v| v.boolean(noted));
    let valid_from = fields.optional("valid_from").and_then(|v| v.time(noted));
    let valid_until = fields.optional("valid_until").and_then(|v| v.time(noted));
    let scope = fields.optional("scope").map_or_else(Scope::default, |v| scope(&v, noted));
    let when = fields.optional("when");
    let pointer = when.as_ref().map(|v| v.pointer.clone()).unwrap_or_default();
    let when = when.and_then(|v| condition(&v, noted));
    let effect = fields.required("effect", noted).and_then(|v| effect(&v, exponent, noted));
    fields.finish(noted);
    let (action, minimum_total) = effect?;
    let for_lines = matches!(action.stage(), Stage::Override | Stage::Line);
    if !for_lines && when.as_ref().is_some_and(|w| w.condition.reads_line()) {
        noted.note::<()>(&pointer, "bad_condition", phrase!("rules-no-line"));
    }
    let rule = Rule {
        id: id?,
        priority: priority.unwrap_or_default(),
        exclusive: exclusive.unwrap_or_default(),
        valid_from,
        valid_until,
        scope,
        minimum_total,
        condition: None,
        action,
    };
    let flawless = noted.0.len() == before;
    flawless.then(|| Read { pointer: value.pointer.clone(), rule, when })
}

fn scope(value: &Value<'_>, noted: &mut Violations) -> Scope {
    let Some(mut fields) = value.fields(noted) else { return Scope::default() };
    let scope = Scope {
        merchants: names(&mut fields, "merchants", MerchantId::parse, noted),
        channels: channels(&mut fields, noted),
        skus: names(&mut fields, "skus", Sku::parse, noted),
        categories: names(&mut fields, "categories", Category::parse, noted),
    };
    fields.finish(noted);
    scope
}

fn list<'j>(fields: &mut Fields<'j>, field: &str, noted: &mut Violations) -> Vec<Value<'j>> {
    let Some(value) = fields.optional(field) else { return Vec::new() };
    let list = value.elements(noted).unwrap_or_default();
    if list.len() > SCOPE_NAMES_MAX {
        let message = phrase!("rules-too-many-names", limit = SCOPE_NAMES_MAX.to_string());
        noted.note::<()>(&value.pointer, "too_many_names", message);
        return Vec::new();
    }
    list
}

fn names<T>(
    fields: &mut Fields<'_>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, NameError>,
    noted: &mut Violations,
) -> Vec<T> {
    let list = list(fields, field, noted);
    list.iter().filter_map(|name| name.name(&parse, noted)).collect()
}

fn channels(fields: &mut Fields<'_>, noted: &mut Violations) -> Vec<Channel> {
    let list = list(fields, "channels", noted);
    let channels = list.iter().filter_map(|value| {
        let name = value.text(noted)?;
        Channel::parse(&name).or_else(|| {
            let known = Channel::ALL.map(|(_, name)| name).join(", ");
            let message = phrase!("rules-unknown-channel", name = name.as_str(), known = known);
            noted.note(&value.pointer, "unknown_value", message)
        })
    });
    channels.collect()
}

fn condition(value: &Value<'_>, noted: &mut Violations) -> Option<Arc<When>> {
    let source = value.text(noted)?;
    match cel::compile(&source) {
        Ok(condition) => Some(Arc::new(When { source, condition })),
        Err(error) => noted.note(&value.pointer, "bad_condition", error.phrase()),
    }
}

/// What a rule does, and the least the goods come to for it.
fn effect(
    value: &Value<'_>,
    exponent: u32,
    noted: &mut Violations,
) -> Option<(Action, Option<Money>)> {
    let mut fields = value.fields(noted)?;
    let kind = fields.required("type", noted)?;
    let name = kind.text(noted)?;
    let mut effect = Effect { fields, exponent, noted };
    let Some(action) = effect.action(&name) else {
        let message = phrase!("rules-unknown-effect", name = name.as_str());
        return effect.noted.note(&kind.pointer, "unknown_value", message);
    };
    // Read even when the action is flawed, so that its violations are reported as well.
    let minimum = takes_minimum(&name).then(|| effect.minimum(&name));
    effect.fields.finish(effect.noted);
    Some((action?, minimum.flatten()))
}

fn takes_minimum(name: &str) -> bool {
    ["order_", "coupon_", "shipping_", "free_", "flat_", "minimum_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// The fields of an effect while they are read.
struct Effect<'j, 'n> {
    fields: Fields<'j>,
    exponent: u32,
    noted: &'n mut Violations,
}

impl Effect<'_, '_> {
    /// The action of that name: nothing when there is none, nothing within when it is flawed.
    fn action(&mut self, name: &str) -> Option<Option<Action>> {
        Some(match name {
            "price_override" => self.unit_price("unit_price").map(Action::PriceOverride),
            "line_percentage_off" => self.percent().map(Action::LinePercentageOff),
            "line_fixed_off" => self.line_fixed_off(),
            "quantity_tiers" => self.tiers(),
            "buy_x_get_y" => self.buy_x_get_y(),
            "order_percentage_off" => self.percent_off().map(Action::OrderOff),
            "order_fixed_off" => self.fixed_off().map(Action::OrderOff),
            "minimum_total" => self.either_off().map(Action::OrderOff),
            "coupon_percentage_off" => {
                let (code, off) = (self.coupon(), self.percent_off());
                code.zip(off).map(|(code, off)| Action::CouponOff { code, off })
            }
            "coupon_fixed_off" => {
                let (code, off) = (self.coupon(), self.fixed_off());
                code.zip(off).map(|(code, off)| Action::CouponOff { code, off })
            }
            "shipping_percentage_off" => self.percent_off().map(Action::ShippingOff),
            "shipping_fixed_off" => self.fixed_off().map(Action::ShippingOff),
            "free_shipping" => {
                Percent::new(Percent::WHOLE).map(|all| Action::ShippingOff(Off::Percent(all)))
            }
            "flat_shipping" => self.money("amount").map(Action::FlatShipping),
            "tax" => self.tax(),
            _ => return None,
        })
    }

    fn unit_price(&mut self, field: &str) -> Option<domain::money::UnitPrice> {
        self.fields.required(field, self.noted)?.unit_price(self.noted)
    }

    fn money(&mut self, field: &str) -> Option<Money> {
        self.fields.required(field, self.noted)?.money(self.exponent, self.noted)
    }

    fn percent(&mut self) -> Option<Percent> {
        self.fields.required("percent", self.noted)?.percent(self.noted)
    }

    fn percent_off(&mut self) -> Option<Off> {
        self.percent().map(Off::Percent)
    }

    fn fixed_off(&mut self) -> Option<Off> {
        self.money("amount").map(Off::Fixed)
    }

    fn coupon(&mut self) -> Option<Coupon> {
        self.fields.required("coupon", self.noted)?.name(Coupon::parse, self.noted)
    }

    fn minimum(&mut self, name: &str) -> Option<Money> {
        if name == "minimum_total" {
            return self.money("minimum_total");
        }
        self.fields.optional("minimum_total")?.money(self.exponent, self.noted)
    }

    fn either_off(&mut self) -> Option<Off> {
        let (percent, amount) = (self.fields.optional("percent"), self.fields.optional("amount"));
        match (percent, amount) {
            (Some(percent), None) => percent.percent(self.noted).map(Off::Percent),
            (None, Some(amount)) => amount.money(self.exponent, self.noted).map(Off::Fixed),
            (Some(_), Some(_)) | (None, None) => {
                let message = phrase!("rules-one-of", first = "percent", second = "amount");
                self.noted.note(&self.fields.pointer, "required", message)
            }
        }
    }

    fn line_fixed_off(&mut self) -> Option<Action> {
        let amount = self.fields.required("amount", self.noted);
        let per = self.fields.optional("per");
        let unit = match &per {
            None => true,
            Some(per) => match per.text(self.noted)?.as_str() {
                "unit" => true,
                "line" => false,
                _ => {
                    let message = phrase!("rules-unit-or-line");
                    return self.noted.note(&per.pointer, "unknown_value", message);
                }
            },
        };
        let amount = amount?;
        let off = if unit {
            UnitOff::PerUnit(amount.unit_price(self.noted)?)
        } else {
            UnitOff::PerLine(amount.money(self.exponent, self.noted)?)
        };
        Some(Action::LineFixedOff(off))
    }

    fn tiers(&mut self) -> Option<Action> {
        let tiers = self.fields.required("tiers", self.noted)?.elements(self.noted)?;
        let count = tiers.len();
        let tiers: Vec<Tier> = tiers.iter().filter_map(|value| tier(value, self.noted)).collect();
        (tiers.len() == count).then_some(Action::QuantityTiers(tiers))
    }

    fn buy_x_get_y(&mut self) -> Option<Action> {
        let buy = self.fields.required("buy", self.noted).and_then(|v| v.integer(self.noted));
        let get = self.fields.required("get", self.noted).and_then(|v| v.integer(self.noted));
        let off = match self.fields.optional("percent") {
            Some(percent) => percent.percent(self.noted),
            None => Percent::new(Percent::WHOLE),
        };
        Some(Action::BuyXGetY { buy: buy?, get: get?, off: off? })
    }

    fn tax(&mut self) -> Option<Action> {
        let percent = self.percent();
        let include = self.fields.optional("include_shipping").map(|v| v.boolean(self.noted));
        let include_shipping = include.unwrap_or(Some(false))?;
        Some(Action::Tax { percent: percent?, include_shipping })
    }
}

fn tier(value: &Value<'_>, noted: &mut Violations) -> Option<Tier> {
    let mut fields = value.fields(noted)?;
    let from = fields.required("from", noted).and_then(|v| v.integer(noted));
    let (percent, unit_price) = (fields.optional("percent"), fields.optional("unit_price"));
    let price = match (percent, unit_price) {
        (Some(percent), None) => percent.percent(noted).map(TierPrice::PercentOff),
        (None, Some(price)) => price.unit_price(noted).map(TierPrice::UnitPrice),
        (Some(_), Some(_)) | (None, None) => {
            let message = phrase!("rules-one-of", first = "percent", second = "unit_price");
            noted.note(&value.pointer, "required", message)
        }
    };
    fields.finish(noted);
    Some(Tier { from: from?, price: price? })
}
