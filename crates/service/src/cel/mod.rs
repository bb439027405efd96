//! Conditions of pricing rules and of external steps: CEL, compiled once, evaluated for every order.
//!
//! Never: a panic or a deep recursion whatever the source says, a float, a look at anything but the
//! facts below.
//!
//! | variable | type | what it is |
//! |---|---|---|
//! | `order.kind` | string | `'purchase'`; `'transfer'` where steps look at one |
//! | `order.channel` | string | `'web'`, `'mobile'`, … as [`domain::order::Channel`] |
//! | `order.merchant` | string | the seller |
//! | `order.coupons` | list of strings | the coupons presented |
//! | `order.total` | int | goods in minor units, when the rule's stage began; for steps all it comes to; may be missing there |
//! | `line.sku`, `line.quantity` | string, int | of the line in question; rules for lines only |
//! | `line.unit_price` | int | in minor units, rounded half to even, before any rule |
//! | `line.total` | int | in minor units, when the rule's stage began |
//! | `product.category` | string | from the catalogue; may be missing; rules for lines only |
//! | `customer.id` | string | may be missing |
//! | `customer.tags` | list of strings | empty when there are none |
//! | `now` | timestamp | when the order is priced |
//! | `batch.metadata` | map of strings | empty outside a batch |
//!
//! `now` can be compared with `timestamp('2025-01-31T00:00:00Z')`, or asked for
//! `now.getHours('America/Sao_Paulo')` and the like; without a zone, that is UTC.
//!
//! A value that is missing makes the condition fail, which is recorded and is not "false"; ask
//! `has(product.category)` first. `&&` and `||` do not care about a failure on one side when the
//! other decides.
//!
//! **Two evaluators.** What conditions are made of nearly always (comparisons, logic, `in`,
//! integers, string functions, `matches` with a literal pattern, `exists` and `all` over strings)
//! becomes a typed tree of our own that is evaluated without allocating. The rest (other macros,
//! maps, string concatenation, conversions) is left to the `cel` crate's interpreter, part by
//! part, with only the facts it names.
//!
//! ```
//! use service::cel::{ConditionError, compile};
//! assert!(compile("order.total >= 50000 && order.channel == 'web'").is_ok());
//! assert_eq!(compile("order.total > 0.5").unwrap_err(), ConditionError::Double);
//! let unknown = ConditionError::Unknown("order.note".into());
//! assert_eq!(compile("order.note == ''").unwrap_err(), unknown);
//! ```

mod cost;
mod depth;
mod interpret;
mod names;
mod translate;
mod tree;

use cel::parser::Parser;
use domain::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};
use domain::pricing::{ConditionFailed, ConditionScope};
use messages::{Phrase, phrase};

/// A condition, ready to be evaluated.
#[derive(Debug)]
pub struct Condition {
    tree: tree::Bool,
    reads_line: bool,
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// More than [`CONDITION_BYTES_MAX`] bytes.
    #[error("the condition is longer than {CONDITION_BYTES_MAX} bytes")]
    TooLong,
    /// Nested deeper than [`domain::limits::CONDITION_DEPTH_MAX`].
    #[error("the condition is nested too deeply")]
    TooDeep,
    /// Loops within loops that an order could not wait for.
    #[error("the condition could take too long to evaluate")]
    TooCostly,
    /// Not CEL.
    #[error("syntax error at line {line}, column {column}: {what}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 when unknown.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// A number with a fraction: money is whole minor units.
    #[error("decimal numbers are not allowed: money is in whole minor units")]
    Double,
    /// A variable, field or function there is not.
    #[error("unknown name '{0}'")]
    Unknown(String),
    /// Operands that do not go together; it could never be evaluated.
    #[error("{0}")]
    Types(String),
    /// Something CEL has, and conditions do not.
    #[error("{0}")]
    Unsupported(String),
    /// The outcome is not true or false.
    #[error("the condition does not come out as true or false")]
    NotBoolean,
}

impl ConditionError {
    /// What is wrong, for people.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        let limit = CONDITION_BYTES_MAX.to_string();
        match self {
            Self::TooLong => phrase!("condition-too-long", limit = limit),
            Self::TooDeep => phrase!("condition-too-deep"),
            Self::TooCostly => phrase!("condition-too-costly"),
            Self::Syntax { line, column, what } => phrase!(
                "condition-syntax",
                line = line.to_string(),
                column = column.to_string(),
                what = what.as_str(),
            ),
            Self::Double => phrase!("condition-double"),
            Self::Unknown(name) => phrase!("condition-unknown", name = name.as_str()),
            Self::Types(what) => phrase!("condition-types", what = what.as_str()),
            Self::Unsupported(what) => phrase!("condition-unsupported", what = what.as_str()),
            Self::NotBoolean => phrase!("condition-not-boolean"),
        }
    }
}

/// Compiles the source of a condition.
///
/// # Errors
/// The first thing wrong with it.
pub fn compile(source: &str) -> Result<Condition, ConditionError> {
    if source.len() > CONDITION_BYTES_MAX {
        return Err(ConditionError::TooLong);
    }
    depth::check(source)?;
    // Its own limit is a second line: it counts brackets only, and so would not do as the first.
    let parser = Parser::new().max_recursion_depth(CONDITION_DEPTH_MAX as u16);
    let expression = parser.parse(source).map_err(|errors| {
        let first = errors.errors.into_iter().next();
        let (position, what) = first.map_or(((0, 0), String::new()), |e| (e.pos, e.msg));
        let [line, column] = [position.0, position.1].map(|n| usize::try_from(n).unwrap_or(0));
        ConditionError::Syntax { line, column, what }
    })?;
    cost::check(&expression)?;
    let tree = translate::condition(&expression)?;
    Ok(Condition { tree, reads_line: names::reads_line(&expression) })
}

impl Condition {
    /// Whether it holds.
    ///
    /// # Errors
    /// [`ConditionFailed`] when a value is missing or an integer overflows.
    pub fn holds(&self, scope: &ConditionScope<'_>) -> Result<bool, ConditionFailed> {
        self.tree.holds(&tree::Facts::new(scope))
    }

    /// Whether it looks at the line or its product: rules for the order as a whole have neither.
    #[must_use]
    pub fn reads_line(&self) -> bool {
        self.reads_line
    }
}

#[cfg(test)]
mod tests;
