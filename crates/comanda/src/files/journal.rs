//! What files came, by name: a line for each, appended and synced. What became of them is the
//! ledger's to say.
//!
//! Never: more names than [`NAMES_MAX`] in memory; a line that a crash cut short taken for one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use domain::id::BatchId;
use serde::{Deserialize, Serialize};
use web::batches::Format;

use crate::installation::clock;

/// The file, in the store's folder.
pub(crate) const FILE: &str = "files.jsonl";
/// Names that are remembered, about 300 bytes each; of more, those that came first are forgotten.
/// Their orders stay, and so does that their content was done.
const NAMES_MAX: usize = 100_000;

/// How a file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CameBy {
    /// `PUT /v1/files/{name}`
    Put,
    /// It lay in the inbox.
    Inbox,
    /// `comanda files run`
    Run,
}

impl CameBy {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Inbox => "inbox",
            Self::Run => "run",
        }
    }
}

/// A file that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    /// Its content's hash.
    pub(super) batch: Box<str>,
    #[serde(with = "format")]
    pub(super) format: Format,
    pub(super) bytes: u64,
    /// Microseconds since 1970.
    pub(super) received_at: i64,
    pub(super) came_by: CameBy,
    /// Its content had come before.
    #[serde(default)]
    pub(super) is_repeat: bool,
    /// The spooled body, in the folder of those, until it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spool: Option<Box<str>>,
    /// Why it could not be read as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Box<str>>,
}

impl Entry {
    pub(super) fn new(name: &str, batch: &BatchId, format: Format, came_by: CameBy) -> Self {
        Self {
            name: name.into(),
            batch: batch.as_str().into(),
            format,
            bytes: 0,
            received_at: clock()().0,
            came_by,
            is_repeat: false,
            spool: None,
            refused: None,
        }
    }
}

mod format {
    //! A format by the ending that stands for it.

    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use web::batches::Format;

    pub(super) fn serialize<S: Serializer>(format: &Format, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(format.suffix())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Format, D::Error> {
        let text = String::deserialize(from)?;
        let all = [Format::JsonDocument, Format::JsonLines, Format::Table];
        let format = all.into_iter().find(|format| format.suffix() == text);
        format.ok_or_else(|| D::Error::custom("not a format"))
    }
}

/// The files that came.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    entries: BTreeMap<Box<str>, Entry>,
    lines: usize,
}

impl Journal {
    /// Reads what is there; the end of a line that a crash cut short is cut off.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).read(true).open(path)?;
        let (mut entries, mut lines, mut sound) = (BTreeMap::new(), 0, 0_u64);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if line.ends_with(b"\n") {
                sound += line.len() as u64;
                // A line of another version is passed over, not lost: it stays in the file.
                if let Ok(entry) = serde_json::from_slice::<Entry>(&line) {
                    entries.insert(entry.name.clone(), entry);
                    lines += 1;
                }
            }
            line.clear();
        }
        file.set_len(sound)?;
        let mut journal = Self { path: path.to_owned(), file, entries, lines };
        if journal.lines > 2 * journal.entries.len() + 1_000 || journal.entries.len() > NAMES_MAX {
            journal.rewrite()?;
        }
        Ok(journal)
    }

    /// Puts a file on record; it survives a crash when this returns.
    pub(super) fn add(&mut self, entry: Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let end = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            // Half a line would swallow the next one.
            drop(self.file.set_len(end));
            return Err(error);
        }
        self.entries.insert(entry.name.clone(), entry);
        self.lines += 1;
        // A tenth more, so that forgetting is rare.
        if self.entries.len() > NAMES_MAX + NAMES_MAX / 10 {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Writes what is remembered and nothing else.
    fn rewrite(&mut self) -> io::Result<()> {
        if self.entries.len() > NAMES_MAX {
            let mut times: Vec<i64> = self.entries.values().map(|e| e.received_at).collect();
            times.sort_unstable();
            let oldest = times.get(self.entries.len() - NAMES_MAX).copied().unwrap_or(0);
            self.entries.retain(|_, entry| entry.received_at >= oldest || entry.spool.is_some());
        }
        let new = self.path.with_extension("new");
        let mut out = io::BufWriter::new(File::create(&new)?);
        for entry in self.entries.values() {
            serde_json::to_writer(&mut out, entry)?;
            out.write_all(b"\n")?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.file = File::options().append(true).read(true).open(&self.path)?;
        self.lines = self.entries.len();
        Ok(())
    }

    /// What last came under a name.
    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Everything, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Names after `after`.
    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> Vec<Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.entries.range::<str, _>((from, Bound::Unbounded));
        range.take(limit).map(|(_, entry)| entry.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        let batch = BatchId::parse("b").expect("a name");
        Entry::new(name, &batch, Format::Table, CameBy::Put)
    }

    #[test]
    fn what_was_added_is_there_after_a_crash_and_half_a_line_is_not() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let path = dir.path().join(FILE);
        let mut journal = Journal::open(&path).expect("it opens");
        for name in ["b.csv", "a.csv", "b.csv"] {
            journal.add(entry(name)).expect("it is added");
        }
        drop(journal);
        let mut file = File::options().append(true).open(&path).expect("it opens");
        file.write_all(b"{\"name\":\"torn").expect("it is written");
        let mut journal = Journal::open(&path).expect("it opens");
        journal.add(entry("c.csv")).expect("it is added");
        drop(journal);
        let journal = Journal::open(&path).expect("it opens");
        let names = |page: Vec<Entry>| page.iter().map(|e| e.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(journal.page(None, 2)), ["a.csv", "b.csv"]);
        assert_eq!(names(journal.page(Some("b.csv"), 2)), ["c.csv"]);
        assert!(journal.find("torn").is_none());
    }
}
