//! The part of a condition that is left to the `cel` crate's interpreter.
//!
//! Slower by two orders of magnitude, and complete. Never: sees a fact the part does not name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, Value};
use domain::pricing::{ConditionFailed, ConditionScope};

use super::ConditionError;
use super::names::{FACTS, Fact, Named, resolve};

/// The functions an interpreted part may call, besides the operators.
const FUNCTIONS: [&str; 7] =
    ["size", "startsWith", "endsWith", "contains", "int", "string", "bool"];

/// Marks a name whose presence is asked for; no name of CEL ends like this.
const PRESENT: char = '?';

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A part of a condition, checked and ready.
#[derive(Debug)]
pub(super) struct Interpreted {
    expression: IdedExpr,
}

impl Interpreted {
    /// Checks the names and functions of a part that comes out as true or false.
    ///
    /// # Errors
    /// The first thing in it that conditions do not have.
    pub(super) fn new(expression: &IdedExpr) -> Result<Self, ConditionError> {
        let mut checked = expression.clone();
        check(&mut checked, &mut Vec::new())?;
        if is_boolean(expression) {
            Ok(Self { expression: checked })
        } else {
            Err(ConditionError::NotBoolean)
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`ConditionFailed`] for whatever the interpreter could not evaluate.
    pub(super) fn holds(&self, scope: &ConditionScope<'_>) -> Result<bool, ConditionFailed> {
        let facts = Facts(scope);
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(&facts);
        let value = Value::resolve_val(&self.expression, &context).map_err(|_| ConditionFailed)?;
        value.downcast_ref::<CelBool>().map(|b| *b.inner()).ok_or(ConditionFailed)
    }
}

/// Refuses what conditions do not have, and turns `has(customer.id)` into a name of its own.
fn check(expression: &mut IdedExpr, locals: &mut Vec<String>) -> Result<(), ConditionError> {
    if let Some(name) = presence(expression, locals)? {
        expression.expr = Expr::Ident(name);
        return Ok(());
    }
    if let Named::Fact(fact) = resolve(expression, locals)? {
        let what = "'now' can only be compared with a timestamp or asked for getHours and the like";
        let unsupported = || ConditionError::Unsupported(what.into());
        return if fact == Fact::Now { Err(unsupported()) } else { Ok(()) };
    }
    match &mut expression.expr {
        Expr::Literal(LiteralValue::Double(_)) => Err(ConditionError::Double),
        Expr::Literal(_) | Expr::Ident(_) => Ok(()),
        Expr::Select(select) => check(&mut select.operand, locals),
        Expr::List(list) => list.elements.iter_mut().try_for_each(|e| check(e, locals)),
        Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
            EntryExpr::MapEntry(entry) => {
                check(&mut entry.key, locals)?;
                check(&mut entry.value, locals)
            }
            EntryExpr::StructField(field) => check(&mut field.value, locals),
        }),
        Expr::Call(call) => {
            // Operators have names that cannot be written: `_+_`, `!_`, `@in`.
            let can_be_written =
                call.func_name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if can_be_written && !FUNCTIONS.contains(&call.func_name.as_str()) {
                return Err(ConditionError::Unknown(call.func_name.clone()));
            }
            let parts = call.target.as_deref_mut().into_iter().chain(&mut call.args);
            parts.into_iter().try_for_each(|part| check(part, locals))
        }
        Expr::Comprehension(loop_) => {
            check(&mut loop_.iter_range, locals)?;
            check(&mut loop_.accu_init, locals)?;
            let known = locals.len();
            locals.extend([loop_.accu_var.clone(), loop_.iter_var.clone()]);
            locals.extend(loop_.iter_var2.clone());
            check(&mut loop_.loop_cond, locals)?;
            check(&mut loop_.loop_step, locals)?;
            check(&mut loop_.result, locals)?;
            locals.truncate(known);
            Ok(())
        }
        Expr::Struct(fields) => Err(ConditionError::Unknown(fields.type_name.clone())),
        Expr::Unspecified => Err(ConditionError::NotBoolean),
    }
}

/// The name that stands for `has(a.b)`, if that is what `expression` is.
fn presence(expression: &IdedExpr, locals: &[String]) -> Result<Option<String>, ConditionError> {
    let Expr::Select(select) = &expression.expr else { return Ok(None) };
    if !select.test {
        return Ok(None);
    }
    let mut plain = select.clone();
    plain.test = false;
    let plain = IdedExpr { id: expression.id, expr: Expr::Select(plain) };
    Ok(match resolve(&plain, locals)? {
        Named::Fact(fact) => FACTS
            .iter()
            .find(|(_, _, known)| *known == fact)
            .map(|(group, field, _)| format!("{group}.{field}{PRESENT}")),
        // The interpreter asks the map itself, or the macro's variable.
        Named::Entry(_) | Named::Other => None,
    })
}

fn is_boolean(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => true,
        Expr::Select(select) => select.test,
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [_, yes, no]) => is_boolean(yes) && is_boolean(no),
            (name, _) => BOOLEAN.contains(&name),
        },
        Expr::Comprehension(loop_) => match &loop_.result.expr {
            Expr::Ident(name) if *name == loop_.accu_var => is_boolean(&loop_.accu_init),
            _ => is_boolean(&loop_.result),
        },
        Expr::Literal(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Unspecified => false,
    }
}

/// What always comes out as true or false.
const BOOLEAN: [&str; 14] = [
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    "startsWith",
    "endsWith",
    "contains",
    "bool",
];

/// Facts under their dotted names, made when the interpreter asks for them.
struct Facts<'a>(&'a ConditionScope<'a>);

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let (name, presence) = match name.strip_suffix(PRESENT) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (group, field) = name.split_once('.')?;
        let fact = FACTS.iter().find(|(g, f, _)| *g == group && *f == field);
        let (_, _, fact) = fact?;
        if presence { Some(self.has(*fact)) } else { self.value(*fact) }
    }
}

impl Facts<'_> {
    fn has(&self, fact: Fact) -> CowVal<'_, '_> {
        let category = self.0.line.is_some_and(|l| l.product.category.is_some());
        let customer = self.0.order.customer.is_some();
        let missing =
            (fact == Fact::Category && !category) || (fact == Fact::CustomerId && !customer);
        CowVal::owned(CelBool::from(!missing))
    }

    fn value(&self, fact: Fact) -> Option<CowVal<'_, '_>> {
        let (scope, order, line) = (self.0, &self.0.order, self.0.line.as_ref());
        match fact {
            Fact::Kind => Some(string(order.kind.as_str())),
            Fact::Channel => Some(string(order.channel.as_str())),
            Fact::Merchant => Some(string(order.merchant.as_str())),
            Fact::Coupons => Some(strings(order.coupons.iter().map(|c| c.as_str()))),
            Fact::Total => scope.total.map(|total| int(total.0)),
            Fact::Sku => line.map(|l| string(l.line.sku.as_str())),
            Fact::Quantity => line.map(|l| int(l.line.quantity)),
            Fact::UnitPrice => line?.unit_price_minor(order.exponent).map(|m| int(m.0)),
            Fact::LineTotal => line.map(|l| int(l.total.0)),
            Fact::Category => line?.product.category.map(|c| string(c.as_str())),
            Fact::CustomerId => order.customer.map(|c| string(c.as_str())),
            Fact::Tags => Some(strings(order.customer_tags.iter().map(|t| t.as_str()))),
            Fact::Now => None,
            Fact::Metadata => {
                let entries = order.metadata.into_iter().flatten();
                let map: HashMap<CelMapKey<'_>, Box<dyn Val>> =
                    entries.map(|(k, v)| (CelMapKey::from(&**k), boxed(v))).collect();
                Some(CowVal::owned(CelMap::from(map)))
            }
        }
    }
}

fn string(text: &str) -> CowVal<'_, '_> {
    CowVal::owned(CelString::from(text))
}

fn int<'b>(value: i64) -> CowVal<'b, 'b> {
    CowVal::owned(CelInt::from(value))
}

fn boxed(text: &str) -> Box<dyn Val + '_> {
    Box::new(CelString::from(text))
}

fn strings<'b>(texts: impl Iterator<Item = &'b str>) -> CowVal<'b, 'b> {
    CowVal::owned(CelList::from(texts.map(boxed).collect::<Vec<_>>()))
}
