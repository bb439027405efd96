//! How long an expression could take at most, told before it is ever evaluated.
//!
//! Loops over lists and growing values multiply; a rule set comes in over the API, and an order
//! must not wait for a condition. Never: an exact cost.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};
use domain::limits::COUPONS_PER_ORDER_MAX;

use super::ConditionError;
use super::names::children;

/// Most steps of one evaluation: some milliseconds where the interpreter takes them, a fraction of
/// one where our own tree does.
const STEPS_MAX: u64 = 50_000;

/// Tags of a customer, or entries of a batch's metadata, that loops are reckoned with.
const NAMES_RECKONED: u64 = 64;

/// An upper bound of what an expression does and yields.
#[derive(Clone, Copy)]
struct Bound {
    steps: u64,
    /// Parts of the value: 1 for a scalar, one for each element of a list.
    size: u64,
    /// Parts of the largest element.
    element: u64,
}

/// Refuses an expression that could take more than [`STEPS_MAX`].
pub(super) fn check(expression: &IdedExpr) -> Result<(), ConditionError> {
    let bound = bound(expression, &mut Vec::new());
    if bound.steps > STEPS_MAX { Err(ConditionError::TooCostly) } else { Ok(()) }
}

fn bound<'e>(expression: &'e IdedExpr, locals: &mut Vec<(&'e str, u64)>) -> Bound {
    match &expression.expr {
        Expr::Comprehension(comprehension) => repeated(comprehension, locals),
        Expr::Ident(name) => {
            let local = locals.iter().rev().find(|(local, _)| local == name);
            let size = local.map_or(1, |(_, size)| *size);
            Bound { steps: 1, size, element: size }
        }
        Expr::Literal(LiteralValue::String(text)) => {
            let size = 1 + text.inner().len() as u64 / 64;
            Bound { steps: 1, size, element: 1 }
        }
        Expr::Select(select) => {
            let of = bound(&select.operand, locals);
            let size = match select.field.as_str() {
                "coupons" => COUPONS_PER_ORDER_MAX as u64,
                "tags" | "metadata" => NAMES_RECKONED,
                _ => of.element,
            };
            Bound { steps: of.steps.saturating_add(1), size, element: 1.max(of.element) }
        }
        _ => combined(expression, locals),
    }
}

/// A call or a literal: at most as large as all its parts together.
fn combined<'e>(expression: &'e IdedExpr, locals: &mut Vec<(&'e str, u64)>) -> Bound {
    let mut all = Bound { steps: 1, size: 1, element: 1 };
    for child in children(expression) {
        let part = bound(child, locals);
        all.steps = all.steps.saturating_add(part.steps);
        all.size = all.size.saturating_add(part.size);
        let is_list = matches!(expression.expr, Expr::List(_) | Expr::Map(_) | Expr::Struct(_));
        all.element = all.element.max(if is_list { part.size } else { part.element });
    }
    // What is built is copied; what is only looked at is cheaper.
    let builds = match &expression.expr {
        Expr::Call(call) => call.func_name == operators::ADD,
        _ => true,
    };
    all.steps = all.steps.saturating_add(if builds { all.size } else { all.size / 8 });
    all
}

fn repeated<'e>(loop_: &'e ComprehensionExpr, locals: &mut Vec<(&'e str, u64)>) -> Bound {
    let range = bound(&loop_.iter_range, locals);
    let start = bound(&loop_.accu_init, locals);
    let known = locals.len();
    locals.push((&loop_.accu_var, 0));
    locals.push((&loop_.iter_var, range.element));
    if let Some(second) = &loop_.iter_var2 {
        locals.push((second, range.element));
    }
    let step = bound(&loop_.loop_step, locals);
    let condition = bound(&loop_.loop_cond, locals);
    locals.truncate(known);
    let once = step.steps.saturating_add(condition.steps);
    Bound {
        steps: range
            .steps
            .saturating_add(start.steps)
            .saturating_add(range.size.saturating_mul(once))
            .saturating_add(1),
        size: start.size.saturating_add(range.size.saturating_mul(step.size)),
        element: start.element.max(step.element).max(step.size),
    }
}
