//! The parser's expression becomes our tree, and what does not fit becomes an interpreted part.
//!
//! Never: a guess at types. A part whose types are not known here is the interpreter's.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};

use super::ConditionError;
use super::interpret::Interpreted;
use super::names::{Fact, Named, resolve};
use super::tree::{
    Arithmetic, Bool, Clock, Comparison, Int, LOOPS_MAX, Quantifier, Str, Strs, Text, Time,
};

/// A translated part with its type.
enum Typed {
    Bool(Bool),
    Int(Int),
    Str(Str),
    Strs(Strs),
    Ints(Vec<Int>),
    Metadata,
    Time(Time),
}

/// Why a part was not translated.
enum No {
    /// It is the interpreter's.
    NotOurs,
    /// It is nobody's.
    Refused(ConditionError),
}

impl From<ConditionError> for No {
    fn from(error: ConditionError) -> Self {
        Self::Refused(error)
    }
}

/// Translates a whole condition.
///
/// # Errors
/// The first thing in it that could never be evaluated.
pub(super) fn condition(expression: &IdedExpr) -> Result<Bool, ConditionError> {
    boolean(expression, &mut Vec::new()).map_err(|no| match no {
        No::Refused(error) => error,
        // Outside a loop, what is not ours has been left to the interpreter.
        No::NotOurs => ConditionError::NotBoolean,
    })
}

fn boolean(expression: &IdedExpr, locals: &mut Vec<String>) -> Result<Bool, No> {
    match typed(expression, locals) {
        Ok(Typed::Bool(tree)) => Ok(tree),
        Ok(_) => Err(ConditionError::NotBoolean.into()),
        // Within a loop the whole loop is the interpreter's: it holds the variable.
        Err(No::NotOurs) if locals.is_empty() => {
            Ok(Bool::Interpreted(Box::new(Interpreted::new(expression)?)))
        }
        Err(no) => Err(no),
    }
}

fn typed(expression: &IdedExpr, locals: &mut Vec<String>) -> Result<Typed, No> {
    match &expression.expr {
        Expr::Literal(literal) => self::literal(literal),
        Expr::Ident(_) => named(expression, locals),
        Expr::Select(select) if select.test => presence(expression, locals),
        Expr::Select(_) => named(expression, locals),
        Expr::List(list) => self::list(&list.elements, locals),
        Expr::Comprehension(comprehension) => quantified(comprehension, locals),
        Expr::Call(call) => match (&call.target, call.args.as_slice()) {
            (Some(target), arguments) => method(call, target, arguments, locals),
            (None, [one]) => unary(call, one, locals),
            (None, [left, right]) => binary(call, left, right, locals),
            (None, [condition, yes, no]) if call.func_name == operators::CONDITIONAL => {
                choice(condition, yes, no, locals)
            }
            (None, _) => Err(No::NotOurs),
        },
        Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Err(No::NotOurs),
    }
}

fn literal(literal: &LiteralValue) -> Result<Typed, No> {
    match literal {
        LiteralValue::Boolean(value) => Ok(Typed::Bool(Bool::Is(*value.inner()))),
        LiteralValue::Int(value) => Ok(Typed::Int(Int::Is(*value.inner()))),
        LiteralValue::String(text) => Ok(Typed::Str(Str::Is(text.inner().into()))),
        LiteralValue::Double(_) => Err(ConditionError::Double.into()),
        LiteralValue::UInt(_) | LiteralValue::Bytes(_) | LiteralValue::Null => Err(No::NotOurs),
    }
}

fn named(expression: &IdedExpr, locals: &[String]) -> Result<Typed, No> {
    match resolve(expression, locals)? {
        Named::Fact(fact) => Ok(fact_of(fact)),
        Named::Entry(key) => Ok(Typed::Str(Str::Entry(Box::new(Str::Is(key.into()))))),
        Named::Other => match &expression.expr {
            Expr::Ident(name) => {
                let depth = locals.iter().rposition(|local| local == name);
                depth.map(|depth| Typed::Str(Str::Local(depth))).ok_or(No::NotOurs)
            }
            _ => Err(No::NotOurs),
        },
    }
}

fn fact_of(fact: Fact) -> Typed {
    match fact {
        Fact::Kind => Typed::Str(Str::Kind),
        Fact::Channel => Typed::Str(Str::Channel),
        Fact::Merchant => Typed::Str(Str::Merchant),
        Fact::Coupons => Typed::Strs(Strs::Coupons),
        Fact::Total => Typed::Int(Int::Total),
        Fact::Sku => Typed::Str(Str::Sku),
        Fact::Quantity => Typed::Int(Int::Quantity),
        Fact::UnitPrice => Typed::Int(Int::UnitPrice),
        Fact::LineTotal => Typed::Int(Int::LineTotal),
        Fact::Category => Typed::Str(Str::Category),
        Fact::CustomerId => Typed::Str(Str::CustomerId),
        Fact::Tags => Typed::Strs(Strs::Tags),
        Fact::Now => Typed::Time(Time::Now),
        Fact::Metadata => Typed::Metadata,
    }
}

/// `has(a.b)`: the same name, asked for its presence.
fn presence(expression: &IdedExpr, locals: &[String]) -> Result<Typed, No> {
    let Expr::Select(select) = &expression.expr else { return Err(No::NotOurs) };
    let mut select = select.clone();
    select.test = false;
    let plain = IdedExpr { id: expression.id, expr: Expr::Select(select) };
    Ok(Typed::Bool(match resolve(&plain, locals)? {
        Named::Fact(Fact::Category) => Bool::HasCategory,
        Named::Fact(Fact::CustomerId) => Bool::HasCustomer,
        Named::Fact(_) => Bool::Is(true),
        Named::Entry(key) => Bool::HasKey(Box::new(Str::Is(key.into()))),
        Named::Other => return Err(No::NotOurs),
    }))
}

fn list(elements: &[IdedExpr], locals: &mut Vec<String>) -> Result<Typed, No> {
    let elements = elements.iter().map(|e| typed(e, locals));
    let elements = elements.collect::<Result<Vec<Typed>, No>>()?;
    let (mut strs, mut ints) = (Vec::new(), Vec::new());
    let total = elements.len();
    for element in elements {
        match element {
            Typed::Str(text) => strs.push(text),
            Typed::Int(value) => ints.push(value),
            Typed::Bool(_) | Typed::Strs(_) | Typed::Ints(_) | Typed::Metadata | Typed::Time(_) => {
                return Err(No::NotOurs);
            }
        }
    }
    match (strs.len() == total, ints.len() == total) {
        (true, false) => Ok(Typed::Strs(Strs::Of(strs))),
        (false, true) => Ok(Typed::Ints(ints)),
        // Empty, or mixed.
        (true, true) | (false, false) => Err(No::NotOurs),
    }
}

/// `list.exists(v, …)` and `list.all(v, …)` over strings, in the shape their macros expand to.
fn quantified(loop_: &ComprehensionExpr, locals: &mut Vec<String>) -> Result<Typed, No> {
    let is_result = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(n) if *n == loop_.accu_var);
    let Expr::Call(step) = &loop_.loop_step.expr else { return Err(No::NotOurs) };
    let [before, body] = step.args.as_slice() else { return Err(No::NotOurs) };
    let Expr::Literal(LiteralValue::Boolean(start)) = &loop_.accu_init.expr else {
        return Err(No::NotOurs);
    };
    let quantifier = match (step.func_name.as_str(), *start.inner()) {
        (operators::LOGICAL_OR, false) => Quantifier::Exists,
        (operators::LOGICAL_AND, true) => Quantifier::All,
        _ => return Err(No::NotOurs),
    };
    if !is_result(before) || !is_result(&loop_.result) || locals.len() >= LOOPS_MAX {
        return Err(No::NotOurs);
    }
    let range = match typed(&loop_.iter_range, locals)? {
        Typed::Strs(range) => range,
        Typed::Metadata => Strs::Keys,
        Typed::Ints(_) => return Err(No::NotOurs),
        Typed::Bool(_) | Typed::Int(_) | Typed::Str(_) | Typed::Time(_) => {
            return Err(mismatch("exists and all need a list"));
        }
    };
    let depth = locals.len();
    locals.push(loop_.iter_var.clone());
    let body = boolean(body, locals);
    locals.truncate(depth);
    Ok(Typed::Bool(Bool::Loop(quantifier, Box::new((range, body?)), depth)))
}

fn mismatch(what: &str) -> No {
    No::Refused(ConditionError::Types(what.into()))
}

fn unary(call: &CallExpr, inner: &IdedExpr, locals: &mut Vec<String>) -> Result<Typed, No> {
    match call.func_name.as_str() {
        operators::LOGICAL_NOT => Ok(Typed::Bool(Bool::Not(Box::new(boolean(inner, locals)?)))),
        operators::NEGATE => match typed(inner, locals)? {
            Typed::Int(value) => Ok(Typed::Int(Int::Negative(Box::new(value)))),
            _ => Err(mismatch("'-' needs an int")),
        },
        "size" => size(inner, locals),
        "timestamp" => match &inner.expr {
            Expr::Literal(LiteralValue::String(text)) => {
                let at: Result<Timestamp, _> = text.inner().parse();
                let at = at.map_err(|_| mismatch("timestamp needs a date and time in RFC 3339"))?;
                Ok(Typed::Time(Time::At(at.as_microsecond())))
            }
            _ => Err(mismatch("timestamp needs a text between quotes")),
        },
        _ => Err(No::NotOurs),
    }
}

fn size(inner: &IdedExpr, locals: &mut Vec<String>) -> Result<Typed, No> {
    match typed(inner, locals)? {
        Typed::Str(text) => Ok(Typed::Int(Int::Length(Box::new(text)))),
        Typed::Strs(list) => Ok(Typed::Int(Int::Count(Box::new(list)))),
        Typed::Metadata => Ok(Typed::Int(Int::Entries)),
        Typed::Ints(_) => Err(No::NotOurs),
        Typed::Bool(_) | Typed::Int(_) | Typed::Time(_) => {
            Err(mismatch("size needs a string, a list or a map"))
        }
    }
}

fn binary(
    call: &CallExpr,
    left: &IdedExpr,
    right: &IdedExpr,
    locals: &mut Vec<String>,
) -> Result<Typed, No> {
    let comparison = match call.func_name.as_str() {
        operators::LOGICAL_AND => {
            let mut parts = Vec::new();
            joined(operators::LOGICAL_AND, [left, right], locals, &mut parts)?;
            return Ok(Typed::Bool(Bool::All(parts)));
        }
        operators::LOGICAL_OR => {
            let mut parts = Vec::new();
            joined(operators::LOGICAL_OR, [left, right], locals, &mut parts)?;
            return Ok(Typed::Bool(Bool::Any(parts)));
        }
        operators::ADD => return arithmetic(Arithmetic::Plus, left, right, locals),
        operators::SUBSTRACT => return arithmetic(Arithmetic::Minus, left, right, locals),
        operators::MULTIPLY => return arithmetic(Arithmetic::Times, left, right, locals),
        operators::DIVIDE => return arithmetic(Arithmetic::Divided, left, right, locals),
        operators::MODULO => return arithmetic(Arithmetic::Remainder, left, right, locals),
        operators::IN => return membership(left, right, locals),
        operators::INDEX => return entry(left, right, locals),
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return Err(No::NotOurs),
    };
    compared(comparison, left, right, locals).map(Typed::Bool)
}

/// The terms of `a && b && c`, which the parser hands over as a balanced tree.
fn joined(
    operator: &str,
    sides: [&IdedExpr; 2],
    locals: &mut Vec<String>,
    parts: &mut Vec<Bool>,
) -> Result<(), No> {
    for side in sides {
        match &side.expr {
            Expr::Call(call) if call.func_name == operator && call.target.is_none() => {
                if let [left, right] = call.args.as_slice() {
                    joined(operator, [left, right], locals, parts)?;
                }
            }
            _ => parts.push(boolean(side, locals)?),
        }
    }
    Ok(())
}

fn compared(
    comparison: Comparison,
    left: &IdedExpr,
    right: &IdedExpr,
    locals: &mut Vec<String>,
) -> Result<Bool, No> {
    let sides = (typed(left, locals)?, typed(right, locals)?);
    match sides {
        (Typed::Int(a), Typed::Int(b)) => Ok(Bool::Int(comparison, Box::new((a, b)))),
        (Typed::Str(a), Typed::Str(b)) => Ok(Bool::Str(comparison, Box::new((a, b)))),
        (Typed::Time(a), Typed::Time(b)) => Ok(Bool::Time(comparison, a, b)),
        (Typed::Bool(a), Typed::Bool(b)) => match comparison {
            Comparison::Equal => Ok(Bool::Same(Box::new((a, b)))),
            Comparison::NotEqual => Ok(Bool::Not(Box::new(Bool::Same(Box::new((a, b)))))),
            Comparison::Less
            | Comparison::LessOrEqual
            | Comparison::Greater
            | Comparison::GreaterOrEqual => Err(No::NotOurs),
        },
        (Typed::Strs(_) | Typed::Ints(_) | Typed::Metadata, _)
        | (_, Typed::Strs(_) | Typed::Ints(_) | Typed::Metadata) => Err(No::NotOurs),
        (a, b) => Err(mismatch(&format!("{} and {} cannot be compared", kind(&a), kind(&b)))),
    }
}

fn kind(typed: &Typed) -> &'static str {
    match typed {
        Typed::Bool(_) => "a bool",
        Typed::Int(_) => "an int",
        Typed::Str(_) => "a string",
        Typed::Strs(_) | Typed::Ints(_) => "a list",
        Typed::Metadata => "a map",
        Typed::Time(_) => "a timestamp",
    }
}

fn arithmetic(
    operator: Arithmetic,
    left: &IdedExpr,
    right: &IdedExpr,
    locals: &mut Vec<String>,
) -> Result<Typed, No> {
    match (typed(left, locals)?, typed(right, locals)?) {
        (Typed::Int(a), Typed::Int(b)) => {
            Ok(Typed::Int(Int::Arithmetic(operator, Box::new((a, b)))))
        }
        (Typed::Str(_), Typed::Str(_))
        | (Typed::Strs(_) | Typed::Ints(_), Typed::Strs(_) | Typed::Ints(_)) => Err(No::NotOurs),
        (a, b) => Err(mismatch(&format!("no arithmetic with {} and {}", kind(&a), kind(&b)))),
    }
}

fn membership(left: &IdedExpr, right: &IdedExpr, locals: &mut Vec<String>) -> Result<Typed, No> {
    match (typed(left, locals)?, typed(right, locals)?) {
        (Typed::Str(text), Typed::Strs(list)) => Ok(Typed::Bool(Bool::In(Box::new((text, list))))),
        (Typed::Str(key), Typed::Metadata) => Ok(Typed::Bool(Bool::HasKey(Box::new(key)))),
        (Typed::Int(value), Typed::Ints(list)) => {
            Ok(Typed::Bool(Bool::InInts(Box::new((value, list)))))
        }
        (a, b @ (Typed::Strs(_) | Typed::Ints(_) | Typed::Metadata)) => {
            Err(mismatch(&format!("{} is never in {} of another type", kind(&a), kind(&b))))
        }
        (_, b) => Err(mismatch(&format!("'in' needs a list or a map, not {}", kind(&b)))),
    }
}

/// `batch.metadata['key']`.
fn entry(left: &IdedExpr, right: &IdedExpr, locals: &mut Vec<String>) -> Result<Typed, No> {
    match (typed(left, locals)?, typed(right, locals)?) {
        (Typed::Metadata, Typed::Str(key)) => Ok(Typed::Str(Str::Entry(Box::new(key)))),
        _ => Err(No::NotOurs),
    }
}

fn choice(
    condition: &IdedExpr,
    yes: &IdedExpr,
    no: &IdedExpr,
    locals: &mut Vec<String>,
) -> Result<Typed, No> {
    let condition = boolean(condition, locals)?;
    match (typed(yes, locals)?, typed(no, locals)?) {
        (Typed::Bool(a), Typed::Bool(b)) => Ok(Typed::Bool(Bool::If(Box::new((condition, a, b))))),
        (Typed::Int(a), Typed::Int(b)) => Ok(Typed::Int(Int::If(Box::new((condition, a, b))))),
        (Typed::Str(a), Typed::Str(b)) => Ok(Typed::Str(Str::If(Box::new((condition, a, b))))),
        _ => Err(No::NotOurs),
    }
}

fn method(
    call: &CallExpr,
    target: &IdedExpr,
    arguments: &[IdedExpr],
    locals: &mut Vec<String>,
) -> Result<Typed, No> {
    if let Some(part) = clock(&call.func_name) {
        return match (typed(target, locals)?, arguments) {
            (Typed::Time(Time::Now), []) => {
                Ok(Typed::Int(Int::Clock(part, Box::new(TimeZone::UTC))))
            }
            (Typed::Time(Time::Now), [zone]) => {
                Ok(Typed::Int(Int::Clock(part, Box::new(time_zone(zone)?))))
            }
            _ => Err(mismatch(&format!("{} needs 'now'", call.func_name))),
        };
    }
    let test = match (call.func_name.as_str(), arguments) {
        ("matches", [pattern]) => {
            let Typed::Str(text) = typed(target, locals)? else {
                return Err(mismatch("matches needs a string"));
            };
            return Ok(Typed::Bool(Bool::Matches(Box::new((text, regex(pattern)?)))));
        }
        ("size", []) => return size(target, locals),
        ("startsWith", [_]) => Text::StartsWith,
        ("endsWith", [_]) => Text::EndsWith,
        ("contains", [_]) => Text::Contains,
        _ => return Err(No::NotOurs),
    };
    let Some(argument) = arguments.first() else { return Err(No::NotOurs) };
    match (typed(target, locals)?, typed(argument, locals)?) {
        (Typed::Str(a), Typed::Str(b)) => Ok(Typed::Bool(Bool::Text(test, Box::new((a, b))))),
        _ => Err(mismatch(&format!("{} needs two strings", call.func_name))),
    }
}

fn clock(function: &str) -> Option<Clock> {
    Some(match function {
        "getFullYear" => Clock::Year,
        "getMonth" => Clock::Month,
        "getDayOfYear" => Clock::DayOfYear,
        "getDayOfMonth" => Clock::DayOfMonth,
        "getDate" => Clock::Date,
        "getDayOfWeek" => Clock::DayOfWeek,
        "getHours" => Clock::Hours,
        "getMinutes" => Clock::Minutes,
        "getSeconds" => Clock::Seconds,
        "getMilliseconds" => Clock::Milliseconds,
        _ => return None,
    })
}

/// Largest compiled pattern, in bytes: `(\\w{9}){9}` and worse is refused.
const PATTERN_BYTES_MAX: usize = 128 * 1024;

/// Compiled once, so the pattern is a literal; RE2's syntax, and as there, linear time.
fn regex(pattern: &IdedExpr) -> Result<Regex, No> {
    match &pattern.expr {
        Expr::Literal(LiteralValue::String(text)) => RegexBuilder::new(text.inner())
            .size_limit(PATTERN_BYTES_MAX)
            .nest_limit(32)
            .build()
            .map_err(|_| mismatch(&format!("'{}' is no pattern, or too large", text.inner()))),
        _ => Err(mismatch("the pattern of matches is a text between quotes")),
    }
}

/// A name such as `America/Sao_Paulo`, or an offset such as `-03:00`.
fn time_zone(zone: &IdedExpr) -> Result<TimeZone, No> {
    match &zone.expr {
        Expr::Literal(LiteralValue::String(name)) => DateTimeParser::new()
            .parse_time_zone(name.inner())
            .map_err(|_| mismatch(&format!("unknown time zone '{}'", name.inner()))),
        _ => Err(mismatch("a time zone is a text between quotes")),
    }
}
