//! Why a statement has no answer: whose doing it was, where in its text, and what to call it.
//!
//! Never: a path or an address of this machine in a message that a caller sees.

use std::error::Error as _;

use datafusion::common::{DataFusionError, SchemaError};
use service::query::{Place, Refused, Why};

use crate::limits::Exceeded;

/// What a caller is told of an error of DataFusion.
#[must_use]
pub fn refused(error: &DataFusionError) -> Refused {
    let place = place(error);
    let root = root(error);
    let (why, message) = match root {
        DataFusionError::SQL(parse, _) => (Why::Statement, without_place(&parse.to_string())),
        DataFusionError::Plan(message) => (Why::Statement, message.clone()),
        DataFusionError::SchemaError(missing, _) => (Why::Statement, schema(missing)),
        DataFusionError::NotImplemented(message) => (Why::Unsupported, message.clone()),
        DataFusionError::Configuration(message) => (Why::Statement, message.clone()),
        // What only turns up in the rows: an overflow, a division by zero, a text that is no date.
        DataFusionError::Execution(message) => (Why::Statement, message.clone()),
        DataFusionError::ArrowError(error, _) => (Why::Statement, error.to_string()),
        DataFusionError::ResourcesExhausted(message) => (Why::Memory, first_line(message)),
        DataFusionError::External(outside) => match outside.downcast_ref::<Exceeded>() {
            Some(exceeded) => (exceeded.why(), exceeded.to_string()),
            None => (Why::Broken, root.to_string()),
        },
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => return refused(first),
            None => (Why::Broken, root.to_string()),
        },
        DataFusionError::ParquetError(_)
        | DataFusionError::ObjectStore(_)
        | DataFusionError::IoError(_) => (Why::Unavailable, root.to_string()),
        DataFusionError::Internal(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::Context(..)
        | DataFusionError::Substrait(_)
        | DataFusionError::Diagnostic(..)
        | DataFusionError::Shared(_)
        | DataFusionError::Ffi(_) => (Why::Broken, root.to_string()),
    };
    match why {
        Why::Broken | Why::Unavailable => {
            // Details are for operators: they may name files.
            tracing::error!(error = chain(error), "a statement failed");
            Refused { why, message: String::new(), place: None }
        }
        Why::Statement
        | Why::Unsupported
        | Why::Forbidden
        | Why::TooLong
        | Why::TooDeep
        | Why::Timeout
        | Why::Memory
        | Why::Busy => Refused { why, message, place },
    }
}

/// The five characters by which PostgreSQL's clients know an error.
#[must_use]
pub fn sqlstate(error: &DataFusionError) -> &'static str {
    let why = refused(error).why;
    match why {
        Why::Statement => match root(error) {
            DataFusionError::SQL(..) => "42601",
            DataFusionError::SchemaError(..) => "42703",
            DataFusionError::Plan(message) if message.contains("table") => "42P01",
            DataFusionError::Plan(_) => "42000",
            _ => "22000",
        },
        Why::Unsupported => "0A000",
        Why::Forbidden => "25006",
        Why::TooLong | Why::TooDeep => "54001",
        Why::Timeout => "57014",
        Why::Memory => "53200",
        Why::Busy => "53300",
        Why::Unavailable => "58030",
        Why::Broken => "XX000",
    }
}

/// The error within wrappings.
fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::ArrowError(inner, _) => wrapped(inner).map_or(error, root),
        DataFusionError::External(inner) => {
            inner.downcast_ref::<DataFusionError>().map_or(error, root)
        }
        _ => error,
    }
}

/// An error of ours that passed through Arrow.
fn wrapped(error: &arrow::error::ArrowError) -> Option<&DataFusionError> {
    match error {
        arrow::error::ArrowError::ExternalError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

fn schema(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            // Some are enough to see what is meant.
            let known: Vec<_> = valid_fields.iter().take(40).map(|known| known.name()).collect();
            format!("no column {}; there are {}", field.flat_name(), known.join(", "))
        }
        SchemaError::AmbiguousReference { .. }
        | SchemaError::DuplicateQualifiedField { .. }
        | SchemaError::DuplicateUnqualifiedField { .. } => error.to_string(),
    }
}

/// Where in the text: by the planner's spans, or by what the parser says.
fn place(error: &DataFusionError) -> Option<Place> {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    if let Some(span) = error.diagnostic().and_then(|diagnostic| diagnostic.span) {
        return Some(Place { line: number(span.start.line), column: number(span.start.column) });
    }
    let DataFusionError::SQL(parse, _) = root(error) else {
        return None;
    };
    let text = parse.to_string();
    let (_, after) = text.rsplit_once(" at Line: ")?;
    let (line, column) = after.split_once(", Column: ")?;
    Some(Place { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

/// The parser's message without the place, which is told apart.
fn without_place(text: &str) -> String {
    let text = text.strip_prefix("sql parser error: ").unwrap_or(text);
    text.rsplit_once(" at Line: ").map_or(text, |(said, _)| said).to_owned()
}

/// DataFusion lists every consumer of memory; the first line says what happened.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// An error with its causes.
fn chain(error: &DataFusionError) -> String {
    let mut told = error.strip_backtrace();
    let mut cause = error.source();
    while let Some(next) = cause {
        told = format!("{told}: {next}");
        cause = next.source();
    }
    told
}
