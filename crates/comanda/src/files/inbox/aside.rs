//! Moves files of an inbox aside.
//!
//! Never: over another file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use service::batch::rejects;
use service::batch::report;
use service::batch::summary::records;
use service::ledger::Ledger;

use crate::files::{Done, Files, format_of, shape};
use crate::input::Input;

/// Names that are tried until one is free.
const NAMES_TRIED: u32 = 1_000;

/// Takes a file into a folder where nobody writes to it; where it is then.
pub(super) fn claim(inbox: &Path, path: &Path, below: &Path) -> io::Result<PathBuf> {
    let own = folder(inbox, "processing", below)?;
    for n in 0..NAMES_TRIED {
        let to = if n == 0 { own.clone() } else { marked(&own, &n.to_string()) };
        match rename(path, &to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(to),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A free place for a file in one of our folders: its own name, or that with some of its content's
/// hash.
pub(super) fn free(inbox: &Path, ours: &str, below: &Path, hash: &str) -> io::Result<PathBuf> {
    let own = folder(inbox, ours, below)?;
    let with_hash = marked(&own, hash.get(..8).unwrap_or(hash));
    let numbered = (2..NAMES_TRIED).map(|n| marked(&with_hash, &n.to_string()));
    let mut names = [own.clone(), with_hash.clone()].into_iter().chain(numbered);
    let is_free = |path: &PathBuf| std::fs::symlink_metadata(path).is_err();
    names.find(is_free).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// A path below one of our folders, whose folders are made where they are missing. A link among
/// them would lead out of the inbox.
fn folder(inbox: &Path, ours: &str, below: &Path) -> io::Result<PathBuf> {
    let mut at = inbox.to_owned();
    let parts = below.parent().into_iter().flat_map(Path::components);
    let parts = parts.map(|part| part.as_os_str());
    for part in [OsStr::new(ours)].into_iter().chain(parts) {
        at.push(part);
        match std::fs::create_dir(&at) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !std::fs::symlink_metadata(&at)?.is_dir() {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
            }
            made => made?,
        }
    }
    Ok(at.join(below.file_name().unwrap_or(OsStr::new("file"))))
}

/// `a.csv` as `a-mark.csv`.
fn marked(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(mark);
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

/// `a.csv` as `a.ending`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Renames a file, never over another one.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot do it in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if std::fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

/// Writes what of a file was not taken, and what is wrong with it, beside its new place. Written
/// before the file is moved: a crash in between writes the same again.
pub(super) fn write_rejects(
    files: &Files,
    done: &Done,
    path: &Path,
    to: &Path,
) -> anyhow::Result<()> {
    let state = &done.finished.state;
    if state.counts.failed == 0 {
        return Ok(());
    }
    let format = format_of(&Input::look(path, None)?);
    let engine = files.runner.engine();
    let mut out = BufWriter::new(File::create(beside(to, &ending(format.suffix())))?);
    rejects::write(engine, state, shape(format), files.lang, &mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let mut out = BufWriter::new(File::create(beside(to, "faults.jsonl"))?);
    let (exponent, mut failed) = (engine.catalogue().exponent, Ok(()));
    records(engine, state, &mut |_, change| {
        if report::has_failed(&change)
            && failed.is_ok()
            && let Some(line) = report::line(&change, exponent, files.lang)
        {
            failed = out.write_all(&line);
        }
    })?;
    failed?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?)
}

fn ending(suffix: &str) -> String {
    format!("rejects.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_written_over() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let at = |name: &str| dir.path().join(name);
        for content in ["one", "two", "three"] {
            std::fs::write(at("new.csv"), content).expect("it is written");
            let to =
                free(dir.path(), "done", Path::new("sub/a.csv"), "0123456789").expect("it is free");
            rename(&at("new.csv"), &to).expect("it is moved");
        }
        let read = |name: &str| std::fs::read_to_string(at("done/sub").join(name)).expect("there");
        assert_eq!(read("a.csv"), "one");
        assert_eq!(read("a-01234567.csv"), "two");
        assert_eq!(read("a-01234567-2.csv"), "three");
        std::fs::write(at("new.csv"), "four").expect("it is written");
        let over = rename(&at("new.csv"), &at("done/sub/a.csv")).expect_err("it is there");
        assert_eq!(over.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read("a.csv"), "one");
        std::os::unix::fs::symlink("/tmp", at("rejected")).expect("a link is made");
        assert!(free(dir.path(), "rejected", Path::new("a.csv"), "0123456789").is_err());
    }
}
