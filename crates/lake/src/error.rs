//! Why a lake cannot be written or read.

/// Why a lake cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or bucket does not do it: it is tried again.
    #[error("the lake's files: {}", innermost(.0))]
    Store(#[from] object_store::Error),
    /// Rows do not go into a file, or a file does not come out as rows.
    #[error("a Parquet file of the lake: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Rows do not fit together.
    #[error("rows of the lake: {0}")]
    Rows(#[from] arrow::error::ArrowError),
    /// A manifest that this version cannot use.
    #[error("the lake's manifest {path} cannot be used: {why}; see `comanda lake rebuild`")]
    Manifest {
        /// Which, below the lake's root.
        path: String,
        /// Why.
        why: String,
    },
    /// The set of superseded versions beside a segment is not what was written.
    #[error("the lake's file {path} is damaged; see `comanda lake rebuild`")]
    Damaged {
        /// Which, below the lake's root.
        path: String,
    },
    /// Somebody else writes this lake.
    #[error("the lake has another writer: it wrote {path}")]
    OtherWriter {
        /// The manifest that was there already.
        path: String,
    },
    /// The lake was made of another log, or of more of it than there is.
    #[error(
        "the lake goes on to {until}, which is not in this log (a restored backup?); see \
        `comanda lake rebuild`"
    )]
    OtherLog {
        /// The position that the manifest says.
        until: u64,
    },
    /// The log cannot be read.
    #[error("{0}")]
    Log(#[from] service::ledger::Unavailable),
    /// The folder or bucket did not answer in time: it is tried again.
    #[error("the lake's files: no answer in time")]
    Late,
    /// Making rows of a change panicked.
    #[error("a fault of ours: a change does not become rows; please report it")]
    Broken,
    /// Rows came in an order that the log cannot have.
    #[error("rows of {day} came after rows of a later day")]
    Order {
        /// The day.
        day: String,
    },
}

impl Error {
    /// Whether trying again is of no use: somebody has to decide.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Store(_) | Self::Parquet(_) | Self::Rows(_) | Self::Log(_) | Self::Late => false,
            Self::Manifest { .. }
            | Self::Damaged { .. }
            | Self::OtherWriter { .. }
            | Self::OtherLog { .. }
            | Self::Broken
            | Self::Order { .. } => true,
        }
    }
}

/// The innermost cause: what a store says around it repeats names of files.
fn innermost(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
