//! Copies files at a pace, with their hashes, and makes sure that they stay.
//!
//! Never: a file that others can read; many written bytes that wait for the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Error, failed};

/// Bytes that are read and written at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Written bytes that may wait for the disk: many would hold up the syncs of orders.
const UNSYNCED_BYTES_MAX: u64 = 16 << 20;

/// Refuses a folder with anything in it.
pub(super) fn vacant(dir: &Path) -> Result<(), Error> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::Occupied(dir.to_owned())),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("list", dir)(error)),
    }
}

/// Orders are personal data: what is made here is its owner's alone.
pub(super) fn make_folder(dir: &Path) -> Result<(), Error> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(failed("create", dir))
}

pub(super) fn make_folder_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Copies at most `most` bytes to a new file; its length and hash.
pub(super) fn copy(
    from: &mut impl Read,
    path: &Path,
    most: u64,
    pace: &mut Pace,
) -> Result<(u64, String), Error> {
    make_folder_of(path)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed("create", path))?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; CHUNK_BYTES]);
    let (mut left, mut unsynced) = (most, 0);
    while left > 0 {
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = match from.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("read for", path)(error)),
        };
        hasher.update(&buffer[..got]);
        file.write_all(&buffer[..got]).map_err(failed("write", path))?;
        left -= got as u64;
        unsynced += got as u64;
        if unsynced >= UNSYNCED_BYTES_MAX {
            file.sync_data().map_err(failed("sync", path))?;
            unsynced = 0;
        }
        pace.keep(got as u64);
    }
    file.sync_all().map_err(failed("sync", path))?;
    Ok((most - left, hasher.finalize().to_hex().to_string()))
}

pub(super) fn hash(from: &mut impl Read, pace: &mut Pace) -> io::Result<(u64, String)> {
    let (mut hasher, mut buffer, mut bytes) = (blake3::Hasher::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        let got = from.read(&mut buffer)?;
        if got == 0 {
            return Ok((bytes, hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&buffer[..got]);
        bytes += got as u64;
        pace.keep(got as u64);
    }
}

/// Syncs a folder and the folders in it: files are there after a crash only then.
pub(super) fn sync_folders(dir: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(dir).map_err(failed("list", dir))? {
        let path = entry.map_err(failed("list", dir))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    sync(dir)
}

pub(super) fn sync(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

/// Holds a copy to a number of bytes a second.
pub(super) struct Pace {
    bytes_per_second: u64,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), begun: Instant::now(), bytes: 0 }
    }

    /// Waits until `bytes` more are due.
    pub(super) fn keep(&mut self, bytes: u64) {
        self.bytes += bytes;
        let due_ms = self.bytes.saturating_mul(1_000) / self.bytes_per_second;
        std::thread::sleep(Duration::from_millis(due_ms).saturating_sub(self.begun.elapsed()));
    }
}
