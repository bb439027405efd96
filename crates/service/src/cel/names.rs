//! The facts conditions may name.
//!
//! Never: a field of the document itself. A sender can set those.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use super::ConditionError;

/// A fact a condition may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Kind,
    Channel,
    Merchant,
    Coupons,
    Total,
    Sku,
    Quantity,
    UnitPrice,
    LineTotal,
    Category,
    CustomerId,
    Tags,
    Now,
    Metadata,
}

/// Every fact with its name.
pub(super) const FACTS: [(&str, &str, Fact); 14] = [
    ("order", "kind", Fact::Kind),
    ("order", "channel", Fact::Channel),
    ("order", "merchant", Fact::Merchant),
    ("order", "coupons", Fact::Coupons),
    ("order", "total", Fact::Total),
    ("line", "sku", Fact::Sku),
    ("line", "quantity", Fact::Quantity),
    ("line", "unit_price", Fact::UnitPrice),
    ("line", "total", Fact::LineTotal),
    ("product", "category", Fact::Category),
    ("customer", "id", Fact::CustomerId),
    ("customer", "tags", Fact::Tags),
    ("now", "", Fact::Now),
    ("batch", "metadata", Fact::Metadata),
];

/// What a dotted name stands for.
pub(super) enum Named<'e> {
    /// A fact.
    Fact(Fact),
    /// An entry of the batch's metadata.
    Entry(&'e str),
    /// Nothing of ours: a variable of a macro, or no name at all.
    Other,
}

/// What `expression` names, `locals` being the variables of the macros around it.
///
/// # Errors
/// `Unknown` for a name that is neither, `Types` for a group of facts without a field.
pub(super) fn resolve<'e>(
    expression: &'e IdedExpr,
    locals: &[String],
) -> Result<Named<'e>, ConditionError> {
    let Some(path) = path(expression) else { return Ok(Named::Other) };
    let (root, fields) = path.split_first().map_or(("", &path[..]), |(root, rest)| (*root, rest));
    if root.starts_with('@') || locals.iter().any(|l| l == root) {
        return Ok(Named::Other);
    }
    let unknown = || ConditionError::Unknown(path.join("."));
    if !FACTS.iter().any(|(group, _, _)| *group == root) {
        return Err(unknown());
    }
    let field = if root == "now" { "" } else { fields.first().copied().unwrap_or_default() };
    if field.is_empty() && root != "now" {
        return Err(ConditionError::Types(format!("'{root}' is no value; name one of its fields")));
    }
    let fact = FACTS.iter().find(|(group, name, _)| *group == root && *name == field);
    let (_, _, fact) = fact.ok_or_else(unknown)?;
    match (fact, fields) {
        (Fact::Now, []) | (_, [_]) => Ok(Named::Fact(*fact)),
        (Fact::Metadata, [_, key]) => Ok(Named::Entry(key)),
        _ => Err(unknown()),
    }
}

/// `a.b.c` as its parts; `None` for anything that is no dotted name.
fn path(expression: &IdedExpr) -> Option<Vec<&str>> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name]),
        Expr::Select(select) if !select.test => {
            let mut path = path(&select.operand)?;
            path.push(&select.field);
            Some(path)
        }
        _ => None,
    }
}

/// Whether an expression looks at the line or its product.
pub(super) fn reads_line(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Ident(name) => name == "line" || name == "product",
        _ => children(expression).into_iter().any(reads_line),
    }
}

/// The parts of an expression, in the order they are written.
pub(super) fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(c) => {
            vec![&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result]
        }
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Map(map) => map.entries.iter().flat_map(|e| entry(&e.expr)).collect(),
        Expr::Struct(fields) => fields.entries.iter().flat_map(|e| entry(&e.expr)).collect(),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}
