//! How much room the disk has: intake stops before a commit can fail.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long one look at the file system counts.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Watches the free space of a folder's file system.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    min_free_bytes: u64,
    seen: Mutex<Option<(Instant, bool)>>,
}

impl Disk {
    pub(crate) fn new(dir: PathBuf, min_free_bytes: u64) -> Self {
        Self { dir, min_free_bytes, seen: Mutex::new(None) }
    }

    /// Whether there is more room than the threshold. A file system that cannot be asked counts
    /// as having room: the commit itself will tell.
    pub(crate) fn has_room(&self) -> bool {
        let mut seen = self.seen.lock();
        match *seen {
            Some((at, room)) if at.elapsed() < LOOK_EVERY => room,
            Some(_) | None => {
                let room = self.free_bytes().is_none_or(|free| free >= self.min_free_bytes);
                *seen = Some((Instant::now(), room));
                room
            }
        }
    }

    /// Free bytes, when the system tells.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let fs = rustix::fs::statvfs(&self.dir).ok()?;
        Some(fs.f_bavail.saturating_mul(fs.f_frsize))
    }
}
