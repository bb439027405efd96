//! Writes a plan: as one transaction where it fits, as a commit in several pages where not.
//!
//! Never: a write without the conditions of its plan.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};

use super::door::{Door, Failed};
use super::item::{Item, Key, n};
use super::plan::{Act, Guard, Plan, Write};

/// Most actions of one transaction: DynamoDB's own limit.
pub(super) const ACTIONS_MAX: usize = 100;
/// Most bytes of one transaction: its limit of 4 MB, less what our estimate may be wrong by.
pub(super) const BYTES_MAX: usize = 3_500_000;

/// Whether a plan is written at once.
pub(super) fn is_one(plan: &Plan) -> bool {
    plan.writes.len() <= ACTIONS_MAX && plan.bytes() <= BYTES_MAX
}

/// Writes a plan that fits one transaction.
pub(super) fn at_once(door: &Door, plan: Plan, token: String) -> Result<(), Failed> {
    let writes = plan.writes.into_iter().map(|write| action(door, write));
    door.transact(writes.collect::<Result<_, _>>()?, Some(token))
}

/// An expression with the names and values that it uses.
#[derive(Default)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// A name that stands for an attribute's.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    /// A name that stands for a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.insert(name.clone(), value);
        name
    }

    fn and(&mut self, term: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(term);
    }

    /// The condition of a guard: a row that somebody has locked is not what was read.
    pub(super) fn guard(mut self, guard: &Guard) -> Self {
        match guard {
            Guard::None => {}
            Guard::Absent => {
                let key = self.name("PK");
                self.and(&format!("attribute_not_exists({key})"));
            }
            Guard::Same(attributes) => {
                for (attribute, value) in attributes {
                    let (name, value) = (self.name(attribute), self.value(value.clone()));
                    self.and(&format!("{name} = {value}"));
                }
                let lock = self.name("lock");
                self.and(&format!("attribute_not_exists({lock})"));
            }
        }
        self
    }

    pub(super) fn condition(&self) -> Option<String> {
        (!self.text.is_empty()).then(|| self.text.clone())
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

fn action(door: &Door, Write { key, act, guard }: Write) -> Result<TransactWriteItem, Failed> {
    match act {
        Act::Put(item) => put(door, item, &guard),
        Act::Delete => {
            let condition = Expression::default().guard(&guard);
            let delete = Delete::builder()
                .table_name(&door.table)
                .set_key(Some(key.item()))
                .set_condition_expression(condition.condition())
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values());
            let delete = delete.build().map_err(unbuilt)?;
            Ok(TransactWriteItem::builder().delete(delete).build())
        }
        Act::Take(units, after) => take(door, &key, units, &after),
        Act::Count(by) => count(door, &key, &by),
    }
}

pub(super) fn put(door: &Door, item: Item, guard: &Guard) -> Result<TransactWriteItem, Failed> {
    let condition = Expression::default().guard(guard);
    let put = Put::builder()
        .table_name(&door.table)
        .set_item(Some(item))
        .set_condition_expression(condition.condition())
        .set_expression_attribute_names(condition.names())
        .set_expression_attribute_values(condition.values());
    let put = put.build().map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Takes what is free, whoever else has taken some meanwhile.
fn take(door: &Door, key: &Key, units: i64, after: &Item) -> Result<TransactWriteItem, Failed> {
    let mut update = Expression::default();
    let [reserved, available] = ["reserved", "available"].map(|name| update.name(name));
    let (waiting, lock, version) =
        (update.name("waiting"), update.name("lock"), update.name("version"));
    let (some, less, none) = (update.value(n(units)), update.value(n(-units)), update.value(n(0)));
    let now = update.value(after.get("version").cloned().unwrap_or_else(|| n(0)));
    let change = format!("ADD {reserved} {some}, {available} {less} SET {version} = {now}");
    let free = format!("{available} >= {some} AND {waiting} = {none}");
    update.text = format!("{free} AND attribute_not_exists({lock})");
    updated(door, key, &change, &update)
}

/// Counts on, whatever was counted.
pub(super) fn count(
    door: &Door,
    key: &Key,
    by: &[(&'static str, i64)],
) -> Result<TransactWriteItem, Failed> {
    let mut update = Expression::default();
    let adds: Vec<String> = by
        .iter()
        .map(|(name, by)| format!("{} {}", update.name(name), update.value(n(by))))
        .collect();
    let change = format!("ADD {}", adds.join(", "));
    updated(door, key, &change, &update)
}

/// One row changed under the condition that the expression holds.
pub(super) fn updated(
    door: &Door,
    key: &Key,
    change: &str,
    expression: &Expression,
) -> Result<TransactWriteItem, Failed> {
    let update = Update::builder()
        .table_name(&door.table)
        .set_key(Some(key.item()))
        .update_expression(change)
        .set_condition_expression(expression.condition())
        .set_expression_attribute_names(expression.names())
        .set_expression_attribute_values(expression.values());
    let update = update.build().map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// That a row is so, without writing it.
pub(super) fn check(
    door: &Door,
    key: &Key,
    condition: &Expression,
) -> Result<TransactWriteItem, Failed> {
    let check = ConditionCheck::builder()
        .table_name(&door.table)
        .set_key(Some(key.item()))
        .set_condition_expression(condition.condition())
        .set_expression_attribute_names(condition.names())
        .set_expression_attribute_values(condition.values());
    let check = check.build().map_err(unbuilt)?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// A request that lacks a part: a mistake of ours, and nothing was sent.
fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> Failed {
    Failed::Refused(error.to_string())
}
