//! A batch's input as a file: where it is, how it is laid out, and what it says besides its orders.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use domain::id::BatchId;
use service::batch::input::{self, Kind};
use service::batch::split;
use web::batches::Format;

/// What there is to run.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) format: split::Format,
    pub(crate) header: split::Header,
}

impl Input {
    /// Looks at a file: what it says it is, or what its name and its beginning do.
    ///
    /// # Errors
    /// `InvalidData` when it is nothing of the kind, with the reason.
    pub(crate) fn look(path: &Path, format: Option<Format>) -> io::Result<Self> {
        let name = path.to_string_lossy();
        let input::Input { format, header } =
            input::Input::look(|| File::open(path), &name, format.map(kind))?;
        Ok(Self { path: path.to_owned(), format, header })
    }

    /// The document's own id, else the content's hash.
    pub(crate) fn id(&self) -> io::Result<BatchId> {
        self.read().own_id()?.map_or_else(|| self.content_id(), Ok)
    }

    /// The content's hash: what a file's batch is called.
    pub(crate) fn content_id(&self) -> io::Result<BatchId> {
        input::content_id(File::open(&self.path)?)
    }

    /// The metadata as a JSON text; empty when there is none.
    pub(crate) fn metadata(&self) -> String {
        self.read().metadata()
    }

    fn read(&self) -> input::Input {
        input::Input { format: self.format.clone(), header: self.header.clone() }
    }
}

fn kind(format: Format) -> Kind {
    match format {
        Format::JsonDocument => Kind::Document,
        Format::JsonLines => Kind::Lines,
        Format::Table => Kind::Table,
    }
}

/// What a file's name says it holds.
pub(crate) fn named(name: &Path) -> Option<Format> {
    input::named(name).map(|kind| match kind {
        Kind::Document => Format::JsonDocument,
        Kind::Lines => Format::JsonLines,
        Kind::Table => Format::Table,
    })
}
