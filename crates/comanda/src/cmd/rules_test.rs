//! `comanda rules test`: past orders priced again by other rules, page by page.
//!
//! Memory is bounded: sums, one row a rule, and the orders that differ most.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cli::{RulesTest, Store};
use crate::client::{Client, path};
use crate::render;
use crate::spoken::{told, word};

pub(super) fn test(api: &Client, store: &Store, args: &RulesTest) -> Result<()> {
    let rules = super::input(&args.file)?;
    let mut sums = Sums::default();
    let mut cursor = None;
    loop {
        let parameters = [
            ("merchant_id", args.merchant.clone()),
            ("from", args.from.clone()),
            ("until", args.until.clone()),
            ("cursor", cursor),
        ];
        let target = path("/v1/pricing-rules/test", &parameters);
        let page = api.json("POST", &target, Some(("application/json", rules.clone())))?;
        sums.add(&page)?;
        for order in page["changes"].as_array().into_iter().flatten() {
            if store.json {
                render::say(order);
            } else {
                sums.keep(order, usize::from(args.show))?;
            }
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if store.json {
        render::say(sums.json())
    } else {
        sums.show()
    }
    Ok(())
}

/// What the pages so far come to.
#[derive(Default)]
struct Sums {
    orders: BTreeMap<String, u64>,
    totals: BTreeMap<String, i128>,
    rules: BTreeMap<String, Rule>,
    currency: String,
    /// Decimals of the currency.
    decimals: usize,
    /// The orders that differ most, the most first.
    most: Vec<(u128, Value)>,
}

/// What one rule comes to.
#[derive(Default)]
struct Rule {
    effects_before: u64,
    before: i128,
    effects_after: u64,
    after: i128,
    failed: u64,
}

impl Sums {
    fn add(&mut self, page: &Value) -> Result<()> {
        self.currency = page["currency"].as_str().unwrap_or_default().to_owned();
        let counts = page["orders"].as_object().into_iter().flatten();
        let left_out = page["orders"]["left_out"].as_object().into_iter().flatten();
        for (name, count) in counts.chain(left_out) {
            if let Some(count) = count.as_u64() {
                *self.orders.entry(name.clone()).or_default() += count;
            }
        }
        for (name, amount) in page["totals"].as_object().into_iter().flatten() {
            let amount = self.minor(amount)?;
            *self.totals.entry(name.clone()).or_default() += amount;
        }
        for row in page["by_rule"].as_array().into_iter().flatten() {
            let (before, after) = (&row["before"], &row["after"]);
            let amounts = (self.minor(&before["amount"])?, self.minor(&after["amount"])?);
            let rule = self.rules.entry(render::cell(row.get("rule"))).or_default();
            rule.effects_before += before["effects"].as_u64().unwrap_or_default();
            rule.effects_after += after["effects"].as_u64().unwrap_or_default();
            rule.failed += row["failed"].as_u64().unwrap_or_default();
            rule.before += amounts.0;
            rule.after += amounts.1;
        }
        Ok(())
    }

    /// Minor units of an amount, digit for digit.
    fn minor(&mut self, amount: &Value) -> Result<i128> {
        let text = amount.as_str().context("an amount is a text")?;
        self.decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        text.replace('.', "").parse().context("an amount is a number")
    }

    fn keep(&mut self, order: &Value, most: usize) -> Result<()> {
        let by = match &order["difference"] {
            // It had no price, or has none: more than any difference.
            Value::Null => u128::MAX,
            difference => self.minor(difference)?.unsigned_abs(),
        };
        let at = self.most.partition_point(|(other, _)| *other >= by);
        if at < most {
            self.most.insert(at, (by, order.clone()));
            self.most.truncate(most);
        }
        Ok(())
    }

    /// Major units.
    fn amount(&self, minor: i128) -> String {
        let digits = format!("{:0width$}", minor.unsigned_abs(), width = self.decimals + 1);
        let (whole, rest) = digits.split_at(digits.len() - self.decimals);
        let sign = if minor < 0 { "-" } else { "" };
        if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
    }

    fn rules(&self) -> Vec<Value> {
        let row = |(id, rule): (&String, &Rule)| {
            json!({
                "rule": id,
                "before": {
                    "effects": rule.effects_before,
                    "amount": self.amount(rule.before),
                },
                "after": {"effects": rule.effects_after, "amount": self.amount(rule.after)},
                "difference": self.amount(rule.after - rule.before),
                "failed": rule.failed,
            })
        };
        self.rules.iter().map(row).collect()
    }

    fn json(&self) -> Value {
        let totals = self.totals.iter().map(|(name, sum)| (name.clone(), self.amount(*sum).into()));
        json!({
            "orders": self.orders,
            "totals": Value::Object(totals.collect()),
            "currency": self.currency,
            "by_rule": self.rules(),
        })
    }

    fn show(&self) {
        let count = |name: &str| self.orders.get(name).copied().unwrap_or_default();
        let total = |name: &str| {
            let sum = self.totals.get(name).copied().unwrap_or_default();
            format!("{} {}", self.amount(sum), self.currency)
        };
        let some = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        render::facts(&[
            (word!("word-priced-again"), count("tested").to_string()),
            (&render::part(word!("word-that-differ")), count("changed").to_string()),
            (&render::part(word!("word-without-a-price")), some(count("unpriced"))),
            (&render::part(word!("word-out-of-range")), some(count("out_of_range"))),
            (word!("word-left-out-transfers"), some(count("transfers"))),
            (word!("word-left-out-not-taken"), some(count("not_taken"))),
            (word!("word-left-out-own-rules"), some(count("own_rules"))),
            (word!("word-left-out-unreadable"), some(count("unreadable"))),
            (word!("word-total-as-priced"), total("before")),
            (word!("word-total-by-these-rules"), total("after")),
            (word!("word-difference"), total("difference")),
        ]);
        if !self.rules.is_empty() {
            render::say("");
            let columns = [
                (word!("word-rule"), "/rule", false),
                (word!("word-effects-before"), "/before/effects", true),
                (word!("word-amount-before"), "/before/amount", true),
                (word!("word-effects-after"), "/after/effects", true),
                (word!("word-amount-after"), "/after/amount", true),
                (word!("word-difference"), "/difference", true),
                (word!("word-not-evaluated"), "/failed", true),
            ];
            render::table(&self.rules(), &columns);
        }
        if !self.most.is_empty() {
            render::say("");
            render::say(told!("said-differ-most", count = self.most.len()));
            let columns = [
                (word!("word-order"), "/order_id", false),
                (word!("word-merchant"), "/merchant_id", false),
                (word!("word-received"), "/received_at", false),
                (word!("word-before"), "/before", true),
                (word!("word-after"), "/after", true),
                (word!("word-difference"), "/difference", true),
            ];
            let rows: Vec<Value> = self.most.iter().map(|(_, order)| order.clone()).collect();
            render::table(&rows, &columns);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_pages_are_exact_and_the_largest_differences_are_kept() {
        let page = |difference: &str| {
            json!({
                "orders": {"tested": 2, "changed": 1, "left_out": {"transfers": 3}},
                "totals": {"before": "0.10", "after": "0.05", "difference": difference},
                "currency": "BRL",
                "by_rule": [{"rule": "a", "before": {"effects": 1, "amount": "-0.05"},
                    "after": {"effects": 2, "amount": "-99999999999999.99"}, "failed": 0}],
            })
        };
        let mut sums = Sums::default();
        sums.add(&page("-0.05")).unwrap();
        sums.add(&page("0.02")).unwrap();
        let json = sums.json();
        assert_eq!(
            json["totals"],
            json!({"before": "0.20", "after": "0.10", "difference": "-0.03"})
        );
        assert_eq!(json["orders"], json!({"tested": 4, "changed": 2, "transfers": 6}));
        assert_eq!(json["by_rule"][0]["after"]["amount"], "-199999999999999.98");
        for difference in ["0.01", "-3.00", "2.00"] {
            sums.keep(&json!({"difference": difference}), 2).unwrap();
        }
        let kept: Vec<u128> = sums.most.iter().map(|(by, _)| *by).collect();
        assert_eq!(kept, [300, 200]);
    }
}
