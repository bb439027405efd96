//! A condition as a typed tree, evaluated without allocating.
//!
//! The types are the proof that operands go together; what is left to fail is a missing value, an
//! integer that overflows, a division by zero. Never: deeper than the source was checked to be.

use core::cmp::Ordering;

use compact_str::CompactString;
use domain::money::Money;
use domain::pricing::{ConditionFailed as Failed, ConditionScope, LineFacts, Metadata};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;

use super::interpret::Interpreted;

/// Most loops within loops that the tree evaluates itself.
pub(super) const LOOPS_MAX: usize = 4;

/// What the tree is evaluated over.
pub(super) struct Facts<'e> {
    pub(super) scope: &'e ConditionScope<'e>,
    /// The variables of the loops around, outermost first.
    locals: [&'e str; LOOPS_MAX],
}

#[derive(Debug)]
pub(super) enum Bool {
    Is(bool),
    Not(Box<Bool>),
    All(Vec<Bool>),
    Any(Vec<Bool>),
    If(Box<(Bool, Bool, Bool)>),
    Same(Box<(Bool, Bool)>),
    Int(Comparison, Box<(Int, Int)>),
    Str(Comparison, Box<(Str, Str)>),
    Time(Comparison, Time, Time),
    In(Box<(Str, Strs)>),
    InInts(Box<(Int, Vec<Int>)>),
    HasKey(Box<Str>),
    HasCategory,
    HasCustomer,
    Text(Text, Box<(Str, Str)>),
    Matches(Box<(Str, Regex)>),
    /// `exists` (true as soon as one is) or `all`; the variable is that of this loop depth.
    Loop(Quantifier, Box<(Strs, Bool)>, usize),
    Interpreted(Box<Interpreted>),
}

#[derive(Debug)]
pub(super) enum Int {
    Is(i64),
    Total,
    Quantity,
    UnitPrice,
    LineTotal,
    Negative(Box<Int>),
    Arithmetic(Arithmetic, Box<(Int, Int)>),
    If(Box<(Bool, Int, Int)>),
    Length(Box<Str>),
    Count(Box<Strs>),
    Entries,
    Clock(Clock, Box<TimeZone>),
}

#[derive(Debug)]
pub(super) enum Str {
    Is(Box<str>),
    Kind,
    Channel,
    Merchant,
    Sku,
    Category,
    CustomerId,
    Entry(Box<Str>),
    Local(usize),
    If(Box<(Bool, Str, Str)>),
}

#[derive(Debug)]
pub(super) enum Strs {
    Of(Vec<Str>),
    Coupons,
    Tags,
    Keys,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// Microseconds since 1970.
    At(i64),
    Now,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Divided,
    Remainder,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Text {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Quantifier {
    Exists,
    All,
}

/// A part of a date, counted as CEL does: months, days of the month and of the year from 0, Sunday
/// is day 0 of the week; only `getDate` counts from 1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    Year,
    Month,
    DayOfYear,
    DayOfMonth,
    Date,
    DayOfWeek,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl<'e> Facts<'e> {
    pub(super) fn new(scope: &'e ConditionScope<'e>) -> Self {
        Self { scope, locals: [""; LOOPS_MAX] }
    }

    fn line(&self) -> Result<&LineFacts<'e>, Failed> {
        self.scope.line.as_ref().ok_or(Failed)
    }

    fn metadata(&self) -> Option<&'e Metadata> {
        self.scope.order.metadata
    }

    /// The same facts within a loop whose variable is `text`.
    fn with(&self, depth: usize, text: &'e str) -> Self {
        let mut locals = self.locals;
        if let Some(local) = locals.get_mut(depth) {
            *local = text;
        }
        Self { scope: self.scope, locals }
    }
}

impl Bool {
    pub(super) fn holds<'e>(&'e self, facts: &Facts<'e>) -> Result<bool, Failed> {
        match self {
            Self::Is(value) => Ok(*value),
            Self::Not(inner) => inner.holds(facts).map(|value| !value),
            Self::All(parts) => decided(parts.iter().map(|p| p.holds(facts)), false),
            Self::Any(parts) => decided(parts.iter().map(|p| p.holds(facts)), true),
            Self::If(parts) => {
                let (condition, yes, no) = &**parts;
                if condition.holds(facts)? { yes.holds(facts) } else { no.holds(facts) }
            }
            Self::Same(sides) => Ok(sides.0.holds(facts)? == sides.1.holds(facts)?),
            Self::Int(comparison, sides) => {
                Ok(comparison.accepts(sides.0.value(facts)?.cmp(&sides.1.value(facts)?)))
            }
            Self::Str(comparison, sides) => {
                let (left, right) = (sides.0.text(facts)?, sides.1.text(facts)?);
                Ok(comparison.accept(left, right))
            }
            Self::Time(comparison, left, right) => {
                Ok(comparison.accepts(left.at(facts).cmp(&right.at(facts))))
            }
            Self::In(sides) => {
                let text = sides.0.text(facts)?;
                sides.1.contains(text, facts)
            }
            Self::InInts(sides) => {
                let value = sides.0.value(facts)?;
                // Every element is evaluated: a list with a failing element is a failure.
                sides.1.iter().try_fold(false, |found, i| Ok(found | (i.value(facts)? == value)))
            }
            Self::HasKey(key) => {
                let key = key.text(facts)?;
                Ok(facts.metadata().is_some_and(|m| m.contains_key(key)))
            }
            Self::HasCategory => Ok(facts.line().is_ok_and(|line| line.product.category.is_some())),
            Self::HasCustomer => Ok(facts.scope.order.customer.is_some()),
            Self::Text(test, sides) => {
                let (text, part) = (sides.0.text(facts)?, sides.1.text(facts)?);
                Ok(match test {
                    Text::StartsWith => text.starts_with(part),
                    Text::EndsWith => text.ends_with(part),
                    Text::Contains => text.contains(part),
                })
            }
            Self::Matches(parts) => Ok(parts.1.is_match(parts.0.text(facts)?)),
            Self::Loop(quantifier, parts, depth) => {
                let (range, body) = &**parts;
                let settles = matches!(quantifier, Quantifier::Exists);
                range.each(facts, settles, |text| body.holds(&facts.with(*depth, text)))
            }
            Self::Interpreted(part) => part.holds(facts.scope),
        }
    }
}

/// `||` (and `exists`) when `settles` is true, `&&` (and `all`) when it is false: the first part
/// that is `settles` decides, whatever fails beside it.
fn decided(
    parts: impl Iterator<Item = Result<bool, Failed>>,
    settles: bool,
) -> Result<bool, Failed> {
    let mut failed = None;
    for part in parts {
        match part {
            Ok(value) if value == settles => return Ok(settles),
            Ok(_) => {}
            Err(failure) => failed = Some(failure),
        }
    }
    failed.map_or(Ok(!settles), Err)
}

impl Int {
    fn value<'e>(&'e self, facts: &Facts<'e>) -> Result<i64, Failed> {
        match self {
            Self::Is(value) => Ok(*value),
            Self::Total => facts.scope.total.map(|total| total.0).ok_or(Failed),
            Self::Quantity => Ok(facts.line()?.line.quantity),
            Self::UnitPrice => {
                let minor = facts.line()?.unit_price_minor(facts.scope.order.exponent);
                minor.map(|Money(minor)| minor).ok_or(Failed)
            }
            Self::LineTotal => Ok(facts.line()?.total.0),
            Self::Negative(inner) => inner.value(facts)?.checked_neg().ok_or(Failed),
            Self::Arithmetic(operator, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                operator.apply(left, right).ok_or(Failed)
            }
            Self::If(parts) => {
                let (condition, yes, no) = &**parts;
                if condition.holds(facts)? { yes.value(facts) } else { no.value(facts) }
            }
            Self::Length(text) => length(text.text(facts)?.chars().count()),
            Self::Count(list) => list.count(facts),
            Self::Entries => length(facts.metadata().map_or(0, Metadata::len)),
            Self::Clock(part, zone) => part.of(facts.scope.order.now.0, zone),
        }
    }
}

fn length(length: usize) -> Result<i64, Failed> {
    i64::try_from(length).map_err(|_| Failed)
}

impl Str {
    fn text<'e>(&'e self, facts: &Facts<'e>) -> Result<&'e str, Failed> {
        let order = &facts.scope.order;
        match self {
            Self::Is(text) => Ok(text),
            Self::Kind => Ok(order.kind.as_str()),
            Self::Channel => Ok(order.channel.as_str()),
            Self::Merchant => Ok(order.merchant.as_str()),
            Self::Sku => facts.scope.line.as_ref().map(|l| l.line.sku.as_str()).ok_or(Failed),
            Self::Category => {
                let category = facts.scope.line.as_ref().and_then(|l| l.product.category);
                category.map(|c| c.as_str()).ok_or(Failed)
            }
            Self::CustomerId => order.customer.map(|c| c.as_str()).ok_or(Failed),
            Self::Entry(key) => {
                let key = key.text(facts)?;
                facts.metadata().and_then(|m| m.get(key)).map(|v| &**v).ok_or(Failed)
            }
            Self::Local(depth) => facts.locals.get(*depth).copied().ok_or(Failed),
            Self::If(parts) => {
                let (condition, yes, no) = &**parts;
                if condition.holds(facts)? { yes.text(facts) } else { no.text(facts) }
            }
        }
    }
}

impl Strs {
    fn contains<'e>(&'e self, text: &str, facts: &Facts<'e>) -> Result<bool, Failed> {
        let order = &facts.scope.order;
        match self {
            // Every element is evaluated: a list with a failing element is a failure.
            Self::Of(list) => {
                list.iter().try_fold(false, |found, s| Ok(found | (s.text(facts)? == text)))
            }
            Self::Coupons => Ok(order.coupons.iter().any(|c| c.as_str() == text)),
            Self::Tags => Ok(order.customer_tags.iter().any(|t| t == text)),
            Self::Keys => Ok(facts.metadata().is_some_and(|m| m.contains_key(text))),
        }
    }

    fn count<'e>(&'e self, facts: &Facts<'e>) -> Result<i64, Failed> {
        let order = &facts.scope.order;
        match self {
            Self::Of(list) => {
                list.iter().try_for_each(|s| s.text(facts).map(|_| ()))?;
                length(list.len())
            }
            Self::Coupons => length(order.coupons.len()),
            Self::Tags => length(order.customer_tags.len()),
            Self::Keys => length(facts.metadata().map_or(0, Metadata::len)),
        }
    }

    /// [`decided`] over what `body` says of each element.
    fn each<'e>(
        &'e self,
        facts: &Facts<'e>,
        settles: bool,
        body: impl Fn(&'e str) -> Result<bool, Failed>,
    ) -> Result<bool, Failed> {
        let order = &facts.scope.order;
        match self {
            Self::Of(list) => {
                list.iter().try_for_each(|s| s.text(facts).map(|_| ()))?;
                decided(list.iter().map(|s| s.text(facts).and_then(&body)), settles)
            }
            Self::Coupons => decided(order.coupons.iter().map(|c| body(c.as_str())), settles),
            Self::Tags => {
                decided(order.customer_tags.iter().map(CompactString::as_str).map(body), settles)
            }
            Self::Keys => {
                let keys = facts.metadata().into_iter().flat_map(Metadata::keys);
                decided(keys.map(|k| body(k)), settles)
            }
        }
    }
}

impl Time {
    fn at(self, facts: &Facts<'_>) -> i64 {
        match self {
            Self::At(microseconds) => microseconds,
            Self::Now => facts.scope.order.now.0,
        }
    }
}

impl Comparison {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }

    fn accept(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => {
                self.accepts(left.cmp(right))
            }
        }
    }
}

impl Arithmetic {
    fn apply(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Self::Plus => left.checked_add(right),
            Self::Minus => left.checked_sub(right),
            Self::Times => left.checked_mul(right),
            Self::Divided => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        }
    }
}

impl Clock {
    fn of(self, microseconds: i64, zone: &TimeZone) -> Result<i64, Failed> {
        let at = Timestamp::from_microsecond(microseconds).map_err(|_| Failed)?;
        let at = zone.to_datetime(at);
        Ok(match self {
            Self::Year => i64::from(at.year()),
            Self::Month => i64::from(at.month()) - 1,
            Self::DayOfYear => i64::from(at.day_of_year()) - 1,
            Self::DayOfMonth => i64::from(at.day()) - 1,
            Self::Date => i64::from(at.day()),
            Self::DayOfWeek => i64::from(at.weekday().to_sunday_zero_offset()),
            Self::Hours => i64::from(at.hour()),
            Self::Minutes => i64::from(at.minute()),
            Self::Seconds => i64::from(at.second()),
            Self::Milliseconds => i64::from(at.millisecond()),
        })
    }
}
