//! The port to whatever takes files in. A file is a batch whose id is its content's hash.
//!
//! A name is what its sender calls a file and nothing else: no path is ever made of one.

use std::path::PathBuf;

use domain::id::BatchId;
use domain::time::Timestamp;
use service::batch::BatchState;
use service::ledger::Task;

use crate::batches::{BatchError, Format, Lines};

/// What a file is called: 1 to 255 bytes, parts between `/` as in a folder's folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Box<str>);

/// Most bytes of a name: as many as file systems bear.
pub const FILE_NAME_BYTES_MAX: usize = 255;

impl FileName {
    /// Reads a name; `None` for one that no file has, or that would lead elsewhere: control
    /// characters, `\`, and parts that are empty, `.` or `..`.
    ///
    /// ```
    /// use web::filing::FileName;
    /// assert!(FileName::parse("june/orders.csv").is_some());
    /// for hostile in ["", "../a", "/etc/passwd", "a/./b", "a\\b", "a\0b", "a//b", ".."] {
    ///     assert!(FileName::parse(hostile).is_none(), "{hostile:?}");
    /// }
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        let is_name = text.len() <= FILE_NAME_BYTES_MAX
            && text.split('/').all(is_part)
            && !text.chars().any(|c| c.is_control() || c == '\\');
        is_name.then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes files in.
pub trait FileRuns: Send + Sync {
    /// Takes a file: on record and durable when it answers, done later. The spooled file belongs
    /// to the runner when it answers `New`; otherwise the caller removes it.
    ///
    /// # Errors
    /// [`BatchError::Malformed`] when it cannot be read as a whole: nothing is kept of it.
    /// [`BatchError::Busy`] when too many files wait.
    fn take(&self, new: NewFile) -> Task<'_, Result<TakenFile, BatchError>>;

    /// Files by name, after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`BatchError::Unavailable`] when stored data is damaged.
    fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<FileState>, BatchError>;

    /// The content that last came under a name.
    ///
    /// # Errors
    /// [`BatchError::Unknown`].
    fn find(&self, name: &str) -> Result<FileState, BatchError>;

    /// What of a file was not taken, in its own layout.
    ///
    /// # Errors
    /// [`BatchError::Unknown`]; [`BatchError::WrongState`] while it runs.
    fn rejects(&self, name: &str) -> Task<'_, Result<(Format, Lines), BatchError>>;
}

/// A file to take in.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// What it is called.
    pub name: FileName,
    /// What it holds; told by its name and beginning when absent.
    pub format: Option<Format>,
    /// The spooled body: complete, synced.
    pub path: PathBuf,
}

/// What taking a file came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenFile {
    /// It will be done.
    New(FileState),
    /// This content came before, under whatever name: this is its run.
    Known(FileState),
}

/// A file, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// What it is called.
    pub name: Box<str>,
    /// Its batch: its content's hash.
    pub batch: BatchId,
    /// What it holds.
    pub format: Format,
    /// How long it is.
    pub bytes: u64,
    /// When it came.
    pub received_at: Timestamp,
    /// How it came: `put`, `inbox`, `run`.
    pub came_by: &'static str,
    /// Why it could not be read as a whole.
    pub refused: Option<Box<str>>,
    /// Its content had come before.
    pub is_repeat: bool,
    /// Its run; none while it waits, or when it was refused.
    pub run: Option<BatchState>,
}

/// Takes no files: for deployables without a disk of their own, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl FileRuns for NoFiles {
    fn take(&self, _: NewFile) -> Task<'_, Result<TakenFile, BatchError>> {
        Box::pin(std::future::ready(Err(BatchError::Busy)))
    }
    fn list(&self, _: Option<&str>, _: usize) -> Result<Vec<FileState>, BatchError> {
        Ok(Vec::new())
    }
    fn find(&self, _: &str) -> Result<FileState, BatchError> {
        Err(BatchError::Unknown)
    }
    fn rejects(&self, _: &str) -> Task<'_, Result<(Format, Lines), BatchError>> {
        Box::pin(std::future::ready(Err(BatchError::Unknown)))
    }
}
