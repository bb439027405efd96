//! Makes a store of a backup: beside its place, proved, and then renamed.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use super::copy::{Pace, copy, make_folder, sync, sync_folders, vacant};
use super::manifest::Manifest;
use super::{Damage, Error, failed, read_manifest};
use crate::doctor::Findings;
use crate::{Engine, OpenError, Options, migrate};

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// When the backup was taken.
    pub taken: String,
    /// Bytes of the log.
    pub position: u64,
    /// What doctor's checks found on it: all sound.
    pub findings: Findings,
}

/// Makes a store of a backup in `to`, a folder that is not there or empty: copied beside it,
/// compared with the manifest, opened, proved as `doctor` does, then renamed.
///
/// # Errors
/// [`Error`] says why there is no store; what was begun is removed.
pub fn restore(from: &Path, to: &Path, options: Options) -> Result<Restored, Error> {
    let manifest = read_manifest(from)?;
    if !migrate::is_known(&manifest.store) {
        return Err(Error::Format { found: manifest.store });
    }
    vacant(to)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let beside = to.with_file_name(name);
    // Nothing else is called that: it is what an interrupted restore left.
    remove(&beside)?;
    let made = restore_beside(from, &beside, manifest, options);
    let made = made.and_then(|restored| {
        // Over an empty folder, if there is one; over nothing else.
        std::fs::rename(&beside, to).map_err(failed("rename what was restored to", to))?;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))?;
        Ok(restored)
    });
    if made.is_err() {
        remove(&beside)?;
    }
    made
}

fn restore_beside(
    from: &Path,
    to: &Path,
    manifest: Manifest,
    options: Options,
) -> Result<Restored, Error> {
    make_folder(to)?;
    let mut pace = Pace::new(u64::MAX);
    for entry in &manifest.files {
        let damaged = |why| Error::Damaged { name: entry.name.clone(), why };
        let (source, path) = (from.join(&entry.name), to.join(&entry.name));
        let mut file = match File::open(&source) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(damaged(Damage::Missing));
            }
            Err(error) => return Err(failed("open", &source)(error)),
        };
        let (bytes, hash) = copy(&mut file, &path, u64::MAX, &mut pace)?;
        if bytes != entry.bytes {
            return Err(damaged(Damage::Length));
        }
        if hash != entry.hash {
            return Err(damaged(Damage::Content));
        }
    }
    sync_folders(to)?;
    let engine = Engine::open(to, options)?;
    let findings = engine.examine().map_err(OpenError::from)?;
    let end = engine.log_bytes();
    drop(engine);
    let mut wrong: Vec<String> =
        findings.checks.iter().flat_map(|check| check.faults.iter().cloned()).collect();
    // Opening may have given out stock that was free: the log may be longer, never shorter.
    if end < manifest.position {
        wrong.push(format!("the log ends at {end}, the backup's at {}", manifest.position));
    }
    if !wrong.is_empty() {
        return Err(Error::Unsound(wrong));
    }
    Ok(Restored { taken: manifest.taken, position: manifest.position, findings })
}

fn remove(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", dir)(error)),
        _ => Ok(()),
    }
}
