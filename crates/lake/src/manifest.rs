//! The truth about the files of a lake: a JSON document, numbered, written last.
//!
//! Never: a file named before it is whole and durable, a manifest that is changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The layout that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// The folder of manifests, below the lake's root.
pub const FOLDER: &str = "manifest";

/// Every file of the lake at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of the lake: [`FORMAT`].
    pub format: u32,
    /// Its number: one more than that of the one before.
    pub version: u64,
    /// Who wrote it: a name that each start of a writer makes up, also part of its files' names.
    #[serde(default)]
    pub writer: String,
    /// The log up to here is in the segments: where the writer goes on.
    pub until: u64,
    /// When the change at `until` was decided, in microseconds since 1970: by this a log is known
    /// to be the one that the lake was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<i64>,
    /// The segments, in the order of their sequences.
    pub segments: Vec<Segment>,
}

impl Default for Manifest {
    /// An empty lake's.
    fn default() -> Self {
        let (writer, segments) = (String::new(), Vec::new());
        Self { format: FORMAT, version: 0, writer, until: 0, newest: None, segments }
    }
}

/// The rows of a stretch of the log that fell on one day: a file a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The day (UTC), `YYYY-MM-DD`: the partition.
    pub day: String,
    /// Sequences above this are in it …
    pub from: u64,
    /// … up to this one.
    pub until: u64,
    /// The files by table; a table without rows has none.
    pub files: BTreeMap<String, File>,
    /// Which versions of this segment are superseded; none while all are current.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub superseded: Option<Superseded>,
}

/// A Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is, below the lake's root.
    pub path: String,
    /// Rows in it, superseded ones included.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Lowest sequence in it.
    pub first: u64,
    /// Highest sequence in it.
    pub last: u64,
}

/// A bitmap beside the files: superseded versions, by sequence, in the portable 64-bit format of
/// Roaring bitmaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// Where it is, below the lake's root.
    pub path: String,
    /// How many versions it names.
    pub versions: u64,
}

impl Manifest {
    /// Where the manifest of that number is, below the lake's root.
    #[must_use]
    pub fn path(version: u64) -> String {
        format!("{FOLDER}/{version:020}.json")
    }

    /// The number in a manifest's path.
    #[must_use]
    pub fn version_of(path: &str) -> Option<u64> {
        let name = path.rsplit('/').next()?.strip_suffix(".json")?;
        (name.len() == 20).then(|| name.parse().ok()).flatten()
    }

    /// It, as it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data")
    }

    /// The manifest that bytes at `path` are.
    ///
    /// # Errors
    /// [`Error::Manifest`] when they are none, or one of a later version of this program.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self, Error> {
        /// What every layout begins with.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let unfit = |why: String| Error::Manifest { path: path.to_owned(), why };
        let Head { format } = serde_json::from_slice(bytes).map_err(|e| unfit(e.to_string()))?;
        if format > FORMAT {
            return Err(unfit(format!(
                "its format is {format}; this version reads up to {FORMAT}"
            )));
        }
        serde_json::from_slice(bytes).map_err(|e| unfit(e.to_string()))
    }

    /// Every path that it names.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(Segment::paths)
    }

    /// Rows in all files of a table, superseded ones included.
    #[must_use]
    pub fn rows(&self, table: &str) -> u64 {
        self.segments.iter().filter_map(|segment| segment.files.get(table)).map(|f| f.rows).sum()
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }
}

impl Segment {
    /// Every path that it names.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let files = self.files.values().map(|file| file.path.as_str());
        files.chain(self.superseded.as_ref().map(|set| set.path.as_str()))
    }

    /// Bytes of its files, without the bitmap.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_a_later_format_is_refused() {
        let file = File { path: "a".to_owned(), rows: 3, bytes: 9, first: 30, last: 90 };
        let segment = Segment {
            day: "2026-05-01".to_owned(),
            from: 0,
            until: 90,
            files: [("orders".to_owned(), file)].into(),
            superseded: Some(Superseded { path: "b".to_owned(), versions: 1 }),
        };
        let written =
            Manifest { version: 7, until: 90, segments: vec![segment], ..Manifest::default() };
        let path = Manifest::path(7);
        assert_eq!(Manifest::version_of(&path), Some(7));
        assert_eq!(Manifest::parse(&path, &written.to_bytes()).expect("it is one"), written);
        assert_eq!(written.paths().collect::<Vec<_>>(), ["a", "b"]);
        let later = String::from_utf8(written.to_bytes()).expect("JSON");
        let later = later.replace(r#""format":1"#, r#""format":2"#);
        let refused = Manifest::parse(&path, later.as_bytes()).expect_err("a later format");
        assert!(refused.to_string().contains("its format is 2"), "{refused}");
        assert!(Manifest::parse(&path, b"").is_err(), "an empty file is none");
    }
}
