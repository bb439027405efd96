//! What a backup says of itself: its files with lengths and hashes, and a hash of that.
//!
//! ```text
//! comanda backup 1
//! store comanda store 2
//! taken 2026-01-01T00:00:00Z
//! position 268435456
//! file 268435456 <blake3> log/00000000000000000000.log
//! end <blake3 of the lines above>
//! ```

use std::fmt::Write;

use super::{Damage, Error};

/// The name of the file.
pub(super) const NAME: &str = "MANIFEST";
/// Longest manifest that is read: a file is a line of at most some hundred bytes.
pub(super) const BYTES_MAX: u64 = 64 << 20;
const FORMAT: &str = "comanda backup 1";

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) bytes: u64,
    /// BLAKE3, in hex.
    pub(super) hash: String,
    /// Relative to the backup; its parts are separated by slashes and none is `..`.
    pub(super) name: String,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// What the store said it is.
    pub(super) store: String,
    /// When it was taken, as whoever took it writes that.
    pub(super) taken: String,
    /// Bytes of the log.
    pub(super) position: u64,
    pub(super) files: Vec<Entry>,
}

impl Manifest {
    pub(super) fn render(&self) -> String {
        let Self { store, taken, position, files } = self;
        let mut out = format!("{FORMAT}\nstore {store}\ntaken {taken}\nposition {position}\n");
        for Entry { bytes, hash, name } in files {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "file {bytes} {hash} {name}");
        }
        let end = blake3::hash(out.as_bytes()).to_hex();
        let _ = writeln!(out, "end {end}");
        out
    }

    /// Reads what [`Self::render`] wrote.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let damaged = || Error::Damaged { name: NAME.to_owned(), why: Damage::Content };
        let first = text.lines().next().unwrap_or_default();
        if first != FORMAT && first.starts_with("comanda backup ") {
            return Err(Error::Format { found: first.to_owned() });
        }
        let (body, end) = text.rsplit_once("end ").ok_or_else(damaged)?;
        let is_whole = end == format!("{}\n", blake3::hash(body.as_bytes()).to_hex());
        let parsed = is_whole.then(|| Self::parse_body(body)).flatten();
        parsed.ok_or_else(damaged)
    }

    fn parse_body(body: &str) -> Option<Self> {
        let mut lines = body.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        field("comanda backup")?;
        let store = field("store")?.to_owned();
        let taken = field("taken")?.to_owned();
        let position = field("position")?.parse().ok()?;
        let files = lines.map(entry).collect::<Option<_>>()?;
        Some(Self { store, taken, position, files })
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut parts = line.strip_prefix("file ")?.splitn(3, ' ');
    let (bytes, hash, name) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    // A manifest that somebody made up must not reach beyond the folder it is restored to.
    let inside = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let entry = Entry { bytes, hash: hash.to_owned(), name: name.to_owned() };
    (inside && !name.contains(['\\', '\0'])).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let entry = |name: &str| Entry { bytes: 7, hash: "ab".to_owned(), name: name.to_owned() };
        Manifest {
            store: "comanda store 2".to_owned(),
            taken: "2026-01-01T00:00:00Z".to_owned(),
            position: 7,
            files: vec![entry("FORMAT"), entry("spool/the end of it")],
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_not_after_any_change() {
        let text = manifest().render();
        assert_eq!(Manifest::parse(&text).expect("it is whole"), manifest());
        for at in 0..text.len() {
            assert!(Manifest::parse(&text[..at]).is_err(), "cut at {at}");
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(Manifest::parse(&text).is_err(), "flipped at {at}");
        }
    }

    #[test]
    fn a_name_never_leaves_the_folder() {
        for name in ["../x", "a/../../x", "/etc/x", "a//b", ".", ""] {
            let mut manifest = manifest();
            manifest.files[0].name = name.to_owned();
            assert!(Manifest::parse(&manifest.render()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_backup_of_a_later_version_is_refused_by_its_name() {
        let text = manifest().render().replacen("backup 1", "backup 2", 1);
        let error = Manifest::parse(&text).expect_err("it is refused");
        assert!(error.to_string().contains("comanda backup 2"), "{error}");
    }
}
