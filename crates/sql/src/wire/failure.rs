//! What a client is told when something fails: a sentence, and the code that drivers react to.
//!
//! Never: a path, a stack, or the name of a file of ours.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use pgwire::error::PgWireError;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::ErrorResponse;
use service::query::{Place, Why};

use crate::error::refused;

/// SQLSTATE codes that are given, by PostgreSQL's names for them.
pub(super) mod code {
    pub(crate) const PROTOCOL_VIOLATION: &str = "08P01";
    pub(crate) const FEATURE_NOT_SUPPORTED: &str = "0A000";
    pub(crate) const DATA_EXCEPTION: &str = "22000";
    pub(crate) const NUMERIC_OUT_OF_RANGE: &str = "22003";
    pub(crate) const DIVISION_BY_ZERO: &str = "22012";
    pub(crate) const INVALID_PARAMETER: &str = "22023";
    pub(crate) const INVALID_TEXT: &str = "22P02";
    pub(crate) const INVALID_BINARY: &str = "22P03";
    pub(crate) const READ_ONLY: &str = "25006";
    pub(crate) const NO_TRANSACTION: &str = "25P01";
    pub(crate) const IN_FAILED_TRANSACTION: &str = "25P02";
    pub(crate) const NO_SUCH_STATEMENT: &str = "26000";
    pub(crate) const INVALID_AUTHORIZATION: &str = "28000";
    pub(crate) const INVALID_PASSWORD: &str = "28P01";
    pub(crate) const NO_SUCH_CURSOR: &str = "34000";
    pub(crate) const SYNTAX_OR_ACCESS: &str = "42000";
    pub(crate) const SYNTAX: &str = "42601";
    pub(crate) const AMBIGUOUS_COLUMN: &str = "42702";
    pub(crate) const UNDEFINED_COLUMN: &str = "42703";
    pub(crate) const UNDEFINED_PARAMETER: &str = "42704";
    pub(crate) const DATATYPE_MISMATCH: &str = "42804";
    pub(crate) const UNDEFINED_FUNCTION: &str = "42883";
    pub(crate) const UNDEFINED_TABLE: &str = "42P01";
    pub(crate) const DUPLICATE_CURSOR: &str = "42P03";
    pub(crate) const OUT_OF_MEMORY: &str = "53200";
    pub(crate) const IO_ERROR: &str = "58030";
    pub(crate) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(crate) const LIMIT_EXCEEDED: &str = "54000";
    pub(crate) const CANCELLED: &str = "57014";
    pub(crate) const SHUTDOWN: &str = "57P01";
    pub(crate) const IDLE: &str = "57P05";
    pub(crate) const INTERNAL: &str = "XX000";
}

/// How grave a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gravity {
    /// The statement failed.
    Error,
    /// The connection ends.
    Fatal,
}

/// What a client is told when something fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: String,
    hint: Option<String>,
    /// Where in the statement, by line and column.
    place: Option<Place>,
    /// The same in characters from 1.
    position: Option<usize>,
    gravity: Gravity,
}

impl Failure {
    /// A statement failed.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message, hint: None, place: None, position: None, gravity: Gravity::Error }
    }

    /// The connection ends.
    pub(super) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self { gravity: Gravity::Fatal, ..Self::new(code, message) }
    }

    /// As the last word of a connection.
    pub(super) fn into_fatal(self) -> Self {
        Self { gravity: Gravity::Fatal, ..self }
    }

    /// With what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A parser's word on a text.
    pub(super) fn of_parser(error: ParserError, sql: &str) -> Self {
        Self::from(DataFusionError::from(error)).located(sql)
    }

    /// With where in `sql` it is, when that is known.
    pub(super) fn located(mut self, sql: &str) -> Self {
        self.position = self.place.and_then(|place| position(sql, place));
        self
    }

    /// Whether the connection ends.
    pub(super) fn is_fatal(&self) -> bool {
        self.gravity == Gravity::Fatal
    }

    /// As the protocol has it.
    pub(super) fn to_message(&self) -> PgWireBackendMessage {
        let severity = match self.gravity {
            Gravity::Error => "ERROR",
            Gravity::Fatal => "FATAL",
        };
        let mut fields = vec![
            (b'S', severity.to_owned()),
            (b'V', severity.to_owned()),
            (b'C', self.code.to_owned()),
            // A zero would end the text, and what follows it would be read as another field.
            (b'M', self.message.replace('\0', "\u{fffd}")),
        ];
        fields.extend(self.hint.clone().map(|hint| (b'H', hint)));
        fields.extend(self.position.map(|position| (b'P', position.to_string())));
        PgWireBackendMessage::ErrorResponse(ErrorResponse::new(fields))
    }

    /// A statement was ended before it was done.
    pub(super) fn cancelled(why: &str) -> Self {
        Self::new(code::CANCELLED, format!("canceling statement due to {why}"))
    }
}

/// A place in characters from 1.
fn position(sql: &str, place: Place) -> Option<usize> {
    let (line, column) = (place.line as usize, place.column as usize);
    let lines = sql.split_inclusive('\n').take(line.checked_sub(1)?);
    let before: usize = lines.map(|line| line.chars().count()).sum();
    let position = before + column;
    (column > 0 && position <= sql.chars().count() + 1).then_some(position)
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        let refused = refused(&error);
        let (code, otherwise) = match refused.why {
            Why::Statement => (of_engine(error.find_root()), "the statement cannot be answered"),
            Why::Unsupported => (code::FEATURE_NOT_SUPPORTED, "this is not supported"),
            Why::Forbidden => (code::READ_ONLY, "SQL reads, and changes nothing"),
            Why::TooLong | Why::TooDeep => (code::LIMIT_EXCEEDED, "the statement is too long"),
            Why::Timeout => (code::CANCELLED, "the statement took too long"),
            Why::Memory => (code::OUT_OF_MEMORY, "the statement takes too much memory"),
            Why::Busy => (code::TOO_MANY_CONNECTIONS, "too many statements are under way"),
            Why::Unavailable => (code::IO_ERROR, "the lake cannot be read now"),
            Why::Broken => (code::INTERNAL, "the engine stumbled over this statement"),
        };
        let message = if refused.message.is_empty() { otherwise } else { &refused.message };
        Self { place: refused.place, ..Self::new(code, message) }
    }
}

fn of_engine(error: &DataFusionError) -> &'static str {
    use datafusion::arrow::error::ArrowError;
    match error {
        DataFusionError::SQL(..) => code::SYNTAX,
        DataFusionError::NotImplemented(_) => code::FEATURE_NOT_SUPPORTED,
        DataFusionError::ResourcesExhausted(_) => code::OUT_OF_MEMORY,
        DataFusionError::Plan(message) => of_plan(message),
        DataFusionError::SchemaError(schema, _) => match **schema {
            SchemaError::FieldNotFound { .. } => code::UNDEFINED_COLUMN,
            SchemaError::AmbiguousReference { .. } => code::AMBIGUOUS_COLUMN,
            SchemaError::DuplicateQualifiedField { .. }
            | SchemaError::DuplicateUnqualifiedField { .. } => code::SYNTAX_OR_ACCESS,
        },
        DataFusionError::ArrowError(arrow, _) => match **arrow {
            ArrowError::DivideByZero => code::DIVISION_BY_ZERO,
            ArrowError::ArithmeticOverflow(_) => code::NUMERIC_OUT_OF_RANGE,
            ArrowError::CastError(_) | ArrowError::ParseError(_) => code::INVALID_TEXT,
            _ => code::DATA_EXCEPTION,
        },
        DataFusionError::Execution(_) => code::DATA_EXCEPTION,
        DataFusionError::Configuration(_) => code::INVALID_PARAMETER,
        _ => code::INTERNAL,
    }
}

/// DataFusion says these by their texts only.
fn of_plan(message: &str) -> &'static str {
    if message.starts_with("table '") && message.ends_with("not found") {
        code::UNDEFINED_TABLE
    } else if message.contains("Invalid function") || message.contains("No function matches") {
        code::UNDEFINED_FUNCTION
    } else if message.contains("coerce") || message.contains("Cannot infer common") {
        code::DATATYPE_MISMATCH
    } else {
        code::SYNTAX_OR_ACCESS
    }
}

impl From<PgWireError> for Failure {
    fn from(error: PgWireError) -> Self {
        match error {
            PgWireError::UserError(info) if info.code == code::NUMERIC_OUT_OF_RANGE => {
                Self::new(code::NUMERIC_OUT_OF_RANGE, info.message)
            }
            PgWireError::UserError(info) => Self::new(code::INTERNAL, info.message),
            other => Self::new(code::INTERNAL, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters_from_the_beginning() {
        let sql = "select 'é',\n  fro m";
        let at = |line, column| position(sql, Place { line, column });
        assert_eq!(at(2, 7), Some(19));
        assert_eq!(at(1, 8), Some(8));
        assert_eq!((at(0, 0), at(9, 99)), (None, None));
    }

    #[test]
    fn a_message_says_how_grave_it_is_and_holds_no_zero() {
        let failure = Failure::fatal(code::SHUTDOWN, "good\0bye").hint("later");
        let PgWireBackendMessage::ErrorResponse(said) = failure.to_message() else {
            panic!("an error")
        };
        let fields = [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', "57P01"), (b'M', "good\u{fffd}bye")];
        let expected = fields.map(|(kind, text)| (kind, text.to_owned()));
        assert_eq!(said.fields[..4], expected);
        assert_eq!(said.fields[4], (b'H', "later".to_owned()));
    }
}
