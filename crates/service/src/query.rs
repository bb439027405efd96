//! SQL over everything that was taken in: the port between who asks and who answers.
//!
//! Never: a change of anything; a row in memory that was not asked for yet.

use std::time::Duration;

use bytes::Bytes;

use crate::change::Seq;
use crate::ledger::Task;

/// Longest text of a statement, in bytes: a hundred times what people write, and little to parse.
pub const SQL_BYTES_MAX: usize = 64 << 10;

/// A statement, and how its answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The statement, in SQL; at most [`SQL_BYTES_MAX`].
    pub sql: String,
    /// At most so many rows; what is beyond is cut off. `None` for all there are.
    pub rows_max: Option<u64>,
    /// Longest it may take, reading the answer included; never more than the installation's limit.
    pub timeout: Option<Duration>,
    /// How rows are written.
    pub form: Form,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON document: `columns`, `as_of`, `rows`, `truncated`.
    Json,
    /// RFC 4180, with a header.
    Csv,
    /// A Parquet file.
    Parquet,
    /// A stream of Arrow's IPC format.
    Arrow,
}

/// Rows on their way.
pub struct Answer {
    /// Up to where the log is in it; `None` if the statement looked at no table of orders.
    pub as_of: Option<Seq>,
    /// The document, piece by piece.
    pub pieces: Box<dyn Pieces>,
}

/// A document that comes piece by piece. To let it go ends the work on it.
pub trait Pieces: Send {
    /// The next piece; `None` at the end. After an error the document is not whole, and nothing
    /// more comes.
    fn next(&mut self) -> Task<'_, Option<Result<Bytes, Refused>>>;
}

/// Why there is no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Whose doing.
    pub why: Why,
    /// What is wrong, in the engine's words (English); empty where the caller can do nothing.
    pub message: String,
    /// Where in the statement, if that is known.
    pub place: Option<Place>,
}

/// A place in a statement, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// Why a statement has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is no SQL, names what is not there, or computes what cannot be.
    Statement,
    /// It is SQL, and the engine cannot do it.
    Unsupported,
    /// It does more than read.
    Forbidden,
    /// Its text is too long.
    TooLong,
    /// It nests too deep.
    TooDeep,
    /// It took too long.
    Timeout,
    /// It needs more memory than there is for statements.
    Memory,
    /// There are as many statements as there may be.
    Busy,
    /// Files cannot be read, or the engine stops.
    Unavailable,
    /// The engine is at fault.
    Broken,
}

/// How statements went since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered to the end.
    pub answered: u64,
    /// Refused, by a mistake of the statement or a limit.
    pub refused: u64,
    /// Failed by our doing, or a disk's.
    pub failed: u64,
    /// Let go by who asked.
    pub abandoned: u64,
    /// Rows of all answers.
    pub rows: u64,
    /// Time from the question to the end of the answer, together, in microseconds.
    pub busy_us: u64,
    /// Under way.
    pub running: u64,
}

/// What answers SQL.
pub trait Queries: Send + Sync {
    /// Answers a statement. The answer begins when its first rows are there: what goes wrong
    /// before that is an error here, and later one of the pieces.
    fn ask(&self, question: Question) -> Task<'_, Result<Answer, Refused>>;

    /// How statements went.
    fn tally(&self) -> Tally;
}
