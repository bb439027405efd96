//! What a store says it is, and how a store of an earlier version becomes one of this.
//!
//! Three things have versions of their own. The log's records: what a number means never changes,
//! so every version reads all earlier ones. The folder as a whole: `FORMAT`, brought up step by
//! step. The projection: `index/VERSION`; one of another version is dropped and made again from
//! the log.
//!
//! Never: a store that a crash leaves between two formats. A step may be repeated, and `FORMAT` is
//! written when all of it is on disk.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::OpenError;

/// What a store of this version says. A higher number keeps an earlier version away from records
/// that it cannot read.
pub const FORMAT: &str = "comanda store 3";

/// Raised when rows of the projection, or what they hold, are no longer as they were.
const INDEX_VERSION: u32 = 3;
/// What the projection of stores was that say nothing: the first version did not.
const INDEX_UNSAID: u32 = 1;

/// How a store of one format becomes one of the next. May have been done before, wholly or partly.
struct Step {
    from: &'static str,
    to: &'static str,
    take: fn(&Path) -> io::Result<()>,
}

/// From the first format on. Each has more kinds of records and events than the one before, whose
/// own stay as they are.
const STEPS: [Step; 2] = [
    Step { from: "comanda store 1", to: "comanda store 2", take: |_| Ok(()) },
    Step { from: "comanda store 2", to: FORMAT, take: |_| Ok(()) },
];

/// Makes the folder `dir` one of this version's, whatever it was.
///
/// # Errors
/// [`OpenError::Format`] when it is of a version that this one does not know: it is left alone.
pub(crate) fn bring_up(dir: &Path) -> Result<(), OpenError> {
    walk(dir, &STEPS, FORMAT)
}

/// Whether stores that say `format` can be read.
pub(crate) fn is_known(format: &str) -> bool {
    format == FORMAT || STEPS.iter().any(|step| step.from == format)
}

fn walk(dir: &Path, steps: &[Step], newest: &str) -> Result<(), OpenError> {
    loop {
        let Some(found) = read(&dir.join("FORMAT"))? else {
            return Ok(write(dir, "FORMAT", newest)?);
        };
        if found == newest {
            return Ok(());
        }
        let step = steps.iter().find(|step| step.from == found);
        let Some(step) = step else {
            let found = found.lines().next().unwrap_or_default().to_owned();
            return Err(OpenError::Format { dir: dir.to_owned(), found });
        };
        (step.take)(dir)?;
        write(dir, "FORMAT", step.to)?;
        tracing::info!("the store was \"{}\" and is \"{}\" now", step.from, step.to);
    }
}

/// Drops a projection of another version, so that opening makes it again from the log.
///
/// # Errors
/// When files cannot be read, removed or written.
pub(crate) fn check_index(store: &Path) -> io::Result<()> {
    let index = store.join("index");
    // Whoever was interrupted here had already taken the projection out of the way.
    remove(&store.join("index.old"))?;
    if !index.join("data.mdb").exists() {
        std::fs::create_dir_all(&index)?;
        return write(&index, "VERSION", &INDEX_VERSION.to_string());
    }
    let said = read(&index.join("VERSION"))?;
    let found = said.as_deref().map_or(Some(INDEX_UNSAID), |text| text.parse().ok());
    if found == Some(INDEX_VERSION) {
        return Ok(());
    }
    let found = said.unwrap_or_else(|| INDEX_UNSAID.to_string());
    tracing::info!("the projection is of version {found}, making it again from the log");
    std::fs::rename(&index, store.join("index.old"))?;
    File::open(store)?.sync_all()?;
    check_index(store)
}

fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A file's text without what follows it; nothing when there is no file.
fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a line under its name only when all of it is on disk.
pub(crate) fn write(dir: &Path, name: &str, line: &str) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    std::fs::rename(&new, dir.join(name))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(dir: &Path) -> String {
        std::fs::read_to_string(dir.join("FORMAT")).expect("the store says what it is")
    }

    #[test]
    fn a_store_goes_through_every_step_to_the_newest_format() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let append = |dir: &Path| {
            let steps = std::fs::read_to_string(dir.join("steps")).unwrap_or_default();
            std::fs::write(dir.join("steps"), steps + "+")
        };
        let steps =
            [Step { from: "b", to: "c", take: append }, Step { from: "a", to: "b", take: append }];
        std::fs::write(dir.path().join("FORMAT"), "a\n").expect("written");
        walk(dir.path(), &steps, "c").expect("it comes to c");
        assert_eq!(said(dir.path()), "c\n");
        let taken = std::fs::read_to_string(dir.path().join("steps")).expect("steps were taken");
        assert_eq!(taken, "++");
    }

    #[test]
    fn a_step_that_fails_leaves_the_format_as_it_was_and_is_taken_again() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(dir.path().join("FORMAT"), "a\n").expect("written");
        let half = |dir: &Path| match std::fs::create_dir(dir.join("half")) {
            Ok(()) => Err(io::Error::other("power cut")),
            Err(_) => Ok(()),
        };
        let steps = [Step { from: "a", to: "b", take: half }];
        assert!(matches!(walk(dir.path(), &steps, "b"), Err(OpenError::Io(_))));
        assert_eq!(said(dir.path()), "a\n");
        walk(dir.path(), &steps, "b").expect("it goes on");
        assert_eq!(said(dir.path()), "b\n");
    }

    #[test]
    fn a_format_that_nobody_knows_is_left_alone() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(dir.path().join("FORMAT"), "comanda store 99\n").expect("written");
        let error = bring_up(dir.path()).expect_err("it is refused");
        assert!(error.to_string().contains("comanda store 99"), "{error}");
        assert_eq!(said(dir.path()), "comanda store 99\n");
    }

    #[test]
    fn a_projection_of_another_version_is_dropped_and_one_of_this_is_kept() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let index = dir.path().join("index");
        let data = index.join("data.mdb");
        let fill = |version: Option<&str>| {
            std::fs::create_dir_all(&index).expect("a folder");
            std::fs::write(&data, "rows").expect("written");
            let _ = std::fs::remove_file(index.join("VERSION"));
            if let Some(version) = version {
                std::fs::write(index.join("VERSION"), version).expect("written");
            }
            check_index(dir.path()).expect("it is looked at");
            data.exists()
        };
        assert!(fill(Some(&INDEX_VERSION.to_string())));
        assert_eq!(fill(None), INDEX_UNSAID == INDEX_VERSION);
        assert!(!fill(Some("99")) && !fill(Some("")));
        // A power cut after the rename, or before the last file of the old one was removed.
        fill(None);
        std::fs::rename(&index, dir.path().join("index.old")).expect("renamed");
        check_index(dir.path()).expect("it goes on");
        assert!(!data.exists());
        let version = std::fs::read_to_string(index.join("VERSION")).expect("it is said");
        assert_eq!(version.trim(), INDEX_VERSION.to_string());
        assert!(!dir.path().join("index.old").exists());
    }
}
