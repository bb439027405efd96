//! The log on disk: the one write that acknowledges an order.
//!
//! A commit is one frame (see `service::change`), written in one piece behind the last one and
//! synced before anybody hears of it. Segments are files named after the position they begin at;
//! a frame never spans two. What a crash cuts short is a frame nobody was answered for: opening
//! the log cuts it off. Damage anywhere else is refused, never skipped.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use service::change::{
    self, Change, FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, Seq, frame_header, is_frame_start,
};

/// A segment is closed once it is this long: small enough to copy and to drop one by one.
pub const SEGMENT_BYTES: u64 = 256 << 20;
/// What one read of a single record fetches: nearly every order fits.
const RECORD_READ_BYTES: usize = 2_560;
/// What the first step of a scan fetches: some readers want no more than the next change.
const SCAN_FIRST_BYTES: usize = 16 << 10;
/// What a step of a long scan fetches.
const SCAN_BYTES_MAX: usize = 1 << 20;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk said no.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("the log is damaged at byte {at}; restore a backup, or see `comanda doctor`")]
    Damaged {
        /// Where.
        at: u64,
    },
    /// The log is shorter than the projection knows it was.
    #[error("the log ends at byte {end}, but {applied} bytes of it were applied: it was cut")]
    Cut {
        /// Where it ends.
        end: u64,
        /// Where the projection stands.
        applied: u64,
    },
}

#[derive(Debug)]
struct Segment {
    base: u64,
    file: File,
}

/// A segment, and how much of it is whole frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The file's name.
    pub(crate) name: String,
    /// The position it begins at.
    pub(crate) base: u64,
    pub(crate) bytes: u64,
    /// Whether another segment follows: this one never changes again.
    pub(crate) is_closed: bool,
}

/// What the log in `dir` holds now, read while another process may write it: every frame that
/// was acknowledged before. Changes nothing.
///
/// # Errors
/// [`Error`] when a file cannot be read, or segments do not follow each other.
pub(crate) fn survey(dir: &Path) -> Result<Vec<Part>, Error> {
    let open = |base| {
        let path = segment_path(dir, base);
        let file = File::open(&path).map_err(|e| io_error("open", &path, e))?;
        Ok(Arc::new(Segment { base, file }))
    };
    let mut segments = bases(dir)?.into_iter().map(open).collect::<Result<Vec<_>, Error>>()?;
    segments.sort_by_key(|segment| segment.base);
    let Some(last) = segments.last().cloned() else { return Ok(Vec::new()) };
    let mut ends: Vec<u64> = segments.iter().skip(1).map(|next| next.base).collect();
    let length = last.file.metadata().map_err(|e| io_error("size", dir, e))?.len();
    let (file_end, bases) =
        (last.base + length, segments.iter().map(|s| s.base).collect::<Vec<_>>());
    let segments = RwLock::new(segments);
    let reader = Reader { dir: dir.to_owned(), segments, end: AtomicU64::new(file_end) };
    // What is being written at this moment is a frame that nobody was answered for.
    ends.push(reader.sound_end(last.base, file_end)?);
    let part = |(base, end): (u64, u64)| Part {
        name: segment_name(base),
        base,
        bytes: end - base,
        is_closed: base != last.base,
    };
    Ok(bases.into_iter().zip(ends).map(part).collect())
}

/// What readers share: segments, and how far they may read.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    segments: RwLock<Vec<Arc<Segment>>>,
    end: AtomicU64,
}

/// The writing end; there is one.
#[derive(Debug)]
pub struct Log {
    reader: Arc<Reader>,
    active: Arc<Segment>,
    end: u64,
    /// Bytes behind `end` may be left over from a write that failed.
    untidy: bool,
}

impl Log {
    /// Opens the log in `dir`, and cuts off a frame that a crash left incomplete. Frames before
    /// `applied` are taken to be sound: they were checked when they were applied.
    ///
    /// # Errors
    /// [`Error`] when files cannot be opened or hold anything but whole frames.
    pub fn open(dir: &Path, applied: u64) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
        let open = |base| open_segment(dir, base).map(Arc::new);
        let mut segments = bases(dir)?.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        if segments.is_empty() {
            segments.push(Arc::new(open_segment(dir, 0)?));
            sync_dir(dir)?;
        }
        segments.sort_by_key(|segment| segment.base);
        let active = segments.last().cloned().ok_or(Error::Damaged { at: 0 })?;
        let length = active.file.metadata().map_err(|e| io_error("size", dir, e))?.len();
        let file_end = active.base + length;
        if file_end < applied {
            return Err(Error::Cut { end: file_end, applied });
        }
        let reader = Arc::new(Reader {
            dir: dir.to_owned(),
            segments: RwLock::new(segments),
            end: AtomicU64::new(file_end),
        });
        let end = reader.sound_end(applied.max(active.base), file_end)?;
        let mut log = Self { reader, active, end, untidy: end < file_end };
        log.tidy()?;
        Ok(log)
    }

    /// Where the next frame goes.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// What readers share.
    #[must_use]
    pub fn reader(&self) -> Arc<Reader> {
        self.reader.clone()
    }

    /// Writes a frame and syncs it. After an error nothing of it is there, or nothing can be
    /// written at all until it has been cut off.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk is full or broken.
    pub fn append(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.tidy()?;
        if self.end - self.active.base >= SEGMENT_BYTES {
            self.rotate()?;
        }
        self.untidy = true;
        let at = self.end - self.active.base;
        self.active.file.write_all_at(frame, at).map_err(|e| self.error("append to", e))?;
        // The answer waits for this: nobody may see an order that a crash can lose.
        rustix::fs::fdatasync(&self.active.file).map_err(|e| self.error("sync", e.into()))?;
        self.untidy = false;
        self.end += frame.len() as u64;
        self.reader.end.store(self.end, Ordering::Release);
        Ok(())
    }

    /// Cuts off what a failed write may have left.
    fn tidy(&mut self) -> Result<(), Error> {
        if self.untidy {
            let length = self.end - self.active.base;
            self.active.file.set_len(length).map_err(|e| self.error("truncate", e))?;
            self.active.file.sync_all().map_err(|e| self.error("sync", e))?;
            self.untidy = false;
        }
        self.reader.end.store(self.end, Ordering::Release);
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Error> {
        let next = Arc::new(open_segment(&self.reader.dir, self.end)?);
        sync_dir(&self.reader.dir)?;
        self.reader.segments.write().push(next.clone());
        self.active = next;
        Ok(())
    }

    fn error(&self, what: &'static str, source: io::Error) -> Error {
        io_error(what, &segment_path(&self.reader.dir, self.active.base), source)
    }
}

impl Reader {
    /// Where the committed log ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// The change at `seq`.
    ///
    /// # Errors
    /// [`Error::Damaged`] when no sound record starts there.
    pub fn change(&self, seq: Seq) -> Result<Change, Error> {
        let damaged = |_| Error::Damaged { at: seq.0 };
        let bytes = self.record(seq)?;
        let body = change::record_body(&bytes, seq).map_err(damaged)?;
        change::decode(&bytes.slice_ref(body)).map_err(damaged)
    }

    /// The bytes of the record at `seq`, not yet checked.
    fn record(&self, seq: Seq) -> Result<Bytes, Error> {
        let segment = self.segment_of(seq.0).ok_or(Error::Damaged { at: seq.0 })?;
        let mut bytes = vec![0; RECORD_READ_BYTES];
        let got = self.read_at(&segment, seq.0, &mut bytes)?;
        bytes.truncate(got);
        let length = change::record_length(&bytes).map_err(|_| Error::Damaged { at: seq.0 })?;
        let whole = RECORD_HEADER_BYTES + length;
        if whole > bytes.len() {
            bytes.resize(whole, 0);
            let got = self.read_at(&segment, seq.0, &mut bytes)?;
            bytes.truncate(got);
        }
        Ok(bytes.into())
    }

    /// Changes from the record or frame at `from` up to `until`, oldest first, until `visit` says
    /// stop. Returns where it stopped.
    ///
    /// # Errors
    /// [`Error::Damaged`] at the first unsound record; what `visit` returns.
    pub fn scan<E: From<Error>>(
        &self,
        from: u64,
        until: u64,
        mut visit: impl FnMut(Seq, Bytes) -> Result<bool, E>,
    ) -> Result<u64, E> {
        let mut at = from;
        let mut window = Window::at(from);
        while at < until {
            let head = window.get(self, at, FRAME_HEADER_BYTES)?;
            if is_frame_start(&head) {
                if frame_header(&head, at).is_none() {
                    return Err(Error::Damaged { at }.into());
                }
                at += FRAME_HEADER_BYTES as u64;
                continue;
            }
            let length = change::record_length(&head).map_err(|_| Error::Damaged { at })?;
            let record = window.get(self, at, RECORD_HEADER_BYTES + length)?;
            let seq = Seq(at);
            let body = change::record_body(&record, seq).map_err(|_| Error::Damaged { at })?;
            at += (RECORD_HEADER_BYTES + length) as u64;
            if !visit(seq, record.slice_ref(body))? {
                break;
            }
        }
        Ok(at)
    }

    /// Where the record at `seq` ends.
    ///
    /// # Errors
    /// [`Error::Damaged`] when no sound record starts there.
    pub fn after(&self, seq: Seq) -> Result<u64, Error> {
        if seq.0 >= self.end() {
            return Err(Error::Damaged { at: seq.0 });
        }
        let bytes = self.record(seq)?;
        let body = change::record_body(&bytes, seq).map_err(|_| Error::Damaged { at: seq.0 })?;
        Ok(seq.0 + (RECORD_HEADER_BYTES + body.len()) as u64)
    }

    /// Where the whole frames from `from` on end. Anything behind them must be the rest of one
    /// write that was cut short.
    fn sound_end(&self, from: u64, file_end: u64) -> Result<u64, Error> {
        let mut window = Window::at(from);
        let mut at = self.frame_after(&mut window, from, file_end)?;
        while at < file_end {
            if !self.frame_is_sound(&mut window, at, file_end)? {
                break;
            }
            let head = window.get(self, at, FRAME_HEADER_BYTES)?;
            let payload = frame_header(&head, at).map_or(0, |h| u64::from(h.payload));
            at += FRAME_HEADER_BYTES as u64 + payload;
        }
        // Frames are written one at a time, each synced before the next: a sound frame behind an
        // unsound one means damage, not a torn write.
        for later in at + 1..file_end.saturating_sub(FRAME_HEADER_BYTES as u64) {
            let head = window.get(self, later, FRAME_HEADER_BYTES)?;
            if is_frame_start(&head) && frame_header(&head, later).is_some() {
                return Err(Error::Damaged { at });
            }
        }
        Ok(at)
    }

    /// Where the frame ends that `from` lies in: a replay may have been stopped after any record.
    /// `from` itself when it lies in none.
    fn frame_after(&self, window: &mut Window, from: u64, end: u64) -> Result<u64, Error> {
        let mut at = from;
        while at < end {
            let head = window.get(self, at, FRAME_HEADER_BYTES)?;
            if is_frame_start(&head) {
                break;
            }
            let Ok(length) = change::record_length(&head) else { return Ok(from) };
            let record = window.get(self, at, RECORD_HEADER_BYTES + length)?;
            if change::record_body(&record, Seq(at)).is_err() {
                return Ok(from);
            }
            at += (RECORD_HEADER_BYTES + length) as u64;
        }
        Ok(at)
    }

    fn frame_is_sound(&self, window: &mut Window, at: u64, end: u64) -> Result<bool, Error> {
        let start = at + FRAME_HEADER_BYTES as u64;
        if start > end {
            return Ok(false);
        }
        let head = window.get(self, at, FRAME_HEADER_BYTES)?;
        let Some(header) = frame_header(&head, at) else { return Ok(false) };
        if start + u64::from(header.payload) > end {
            return Ok(false);
        }
        let payload = window.get(self, start, header.payload as usize)?;
        let records = change::records(&payload, start);
        Ok(records.is_ok_and(|records| records.len() == header.records as usize))
    }

    fn segment_of(&self, at: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.read();
        let after = segments.partition_point(|segment| segment.base <= at);
        segments.get(after.checked_sub(1)?).cloned()
    }

    fn read_at(&self, segment: &Segment, at: u64, into: &mut [u8]) -> Result<usize, Error> {
        let mut got = 0;
        while got < into.len() {
            let offset = at - segment.base + got as u64;
            match segment.file.read_at(&mut into[got..], offset) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(io_error("read", &segment_path(&self.dir, segment.base), e)),
            }
        }
        Ok(got)
    }
}

/// The part of the log that a scan has in memory.
struct Window {
    start: u64,
    bytes: Bytes,
    /// What the next step fetches.
    step: usize,
}

impl Window {
    fn at(start: u64) -> Self {
        Self { start, bytes: Bytes::new(), step: SCAN_FIRST_BYTES }
    }

    /// `length` bytes at `at`, or as many as the segment holds.
    fn get(&mut self, reader: &Reader, at: u64, length: usize) -> Result<Bytes, Error> {
        let skip = at.checked_sub(self.start).map_or(usize::MAX, |skip| skip as usize);
        if skip.saturating_add(length) > self.bytes.len() {
            let segment = reader.segment_of(at).ok_or(Error::Damaged { at })?;
            let mut bytes = vec![0; length.max(self.step)];
            self.step = (self.step * 4).min(SCAN_BYTES_MAX);
            let got = reader.read_at(&segment, at, &mut bytes)?;
            bytes.truncate(got);
            (self.start, self.bytes) = (at, bytes.into());
            return Ok(self.bytes.slice(..length.min(got)));
        }
        Ok(self.bytes.slice(skip..skip + length))
    }
}

fn segment_name(base: u64) -> String {
    format!("{base:020}.log")
}

fn segment_path(dir: &Path, base: u64) -> PathBuf {
    dir.join(segment_name(base))
}

/// Where the segments in `dir` begin, in any order.
fn bases(dir: &Path) -> Result<Vec<u64>, Error> {
    let mut bases = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| io_error("list", dir, e))? {
        let name = entry.map_err(|e| io_error("list", dir, e))?.file_name();
        let base = name.to_str().and_then(|name| name.strip_suffix(".log"));
        bases.extend(base.and_then(|base| base.parse::<u64>().ok()));
    }
    Ok(bases)
}

fn open_segment(dir: &Path, base: u64) -> Result<Segment, Error> {
    let path = segment_path(dir, base);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    Ok(Segment { base, file: file.map_err(|e| io_error("open", &path, e))? })
}

/// A new file is there after a crash only once its folder is synced.
fn sync_dir(dir: &Path) -> Result<(), Error> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|e| io_error("sync", dir, e))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use service::change::{Frame, What};

    fn frame(log: &Log, texts: &[&str]) -> Vec<u8> {
        let mut frame = Frame::default();
        frame.begin(log.end());
        for text in texts {
            let what = What::Rules { version: 1, installed: false, source: (*text).into() };
            frame.push(&Change { at: Timestamp(7), what });
        }
        frame.finish().to_vec()
    }

    fn texts(log: &Log) -> Vec<String> {
        let mut found = Vec::new();
        let scanned = log.reader().scan(0, log.end(), |_, body| {
            let change = change::decode(&body).map_err(|_| Error::Damaged { at: 0 })?;
            if let What::Rules { source, .. } = change.what {
                found.push(source.into_string());
            }
            Ok::<_, Error>(true)
        });
        scanned.expect("a sound log scans");
        found
    }

    fn written(dir: &Path) -> Log {
        let mut log = Log::open(dir, 0).expect("a new log opens");
        for texts in [&["one", "two"][..], &["three"]] {
            let frame = frame(&log, texts);
            log.append(&frame).expect("a frame is appended");
        }
        log
    }

    #[test]
    fn what_was_appended_is_there_after_reopening() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        drop(written(dir.path()));
        let log = Log::open(dir.path(), 0).expect("it opens again");
        assert_eq!(texts(&log), ["one", "two", "three"]);
    }

    #[test]
    fn a_write_cut_short_anywhere_is_cut_off_and_loses_nothing_before_it() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let mut log = written(dir.path());
        let (end, last) = (log.end(), frame(&log, &["torn"]));
        log.append(&last).expect("a frame is appended");
        let file = segment_path(dir.path(), 0);
        drop(log);
        for cut in end..end + last.len() as u64 {
            let open = OpenOptions::new().write(true).open(&file).expect("the segment opens");
            open.write_all_at(&last, end).expect("the frame is written again");
            open.set_len(cut).expect("the segment is cut");
            let log = Log::open(dir.path(), 0).expect("a torn log opens");
            assert_eq!((log.end(), texts(&log).len()), (end, 3), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_byte_before_the_last_frame_is_refused() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        drop(written(dir.path()));
        let file = segment_path(dir.path(), 0);
        let mut bytes = std::fs::read(&file).expect("the segment reads");
        bytes[FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + 3] ^= 1;
        std::fs::write(&file, bytes).expect("the segment is written");
        let opened = Log::open(dir.path(), 0);
        assert!(matches!(opened, Err(Error::Damaged { at: 0 })), "{opened:?}");
    }

    #[test]
    fn a_flipped_byte_is_noticed_when_the_record_is_read() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let log = written(dir.path());
        let seq = Seq(FRAME_HEADER_BYTES as u64);
        assert!(log.reader().change(seq).is_ok());
        let file = OpenOptions::new().write(true).open(segment_path(dir.path(), 0));
        let at = seq.0 + RECORD_HEADER_BYTES as u64 + 4;
        file.expect("the segment opens").write_all_at(b"\xff", at).expect("a byte is flipped");
        assert!(matches!(log.reader().change(seq), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_mutated_log_is_refused_or_a_prefix_of_what_was_written() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let mut log = Log::open(dir.path(), 0).expect("an empty log opens");
        let written = [vec!["a", "b"], vec!["c"], vec!["d", "e", "f"]];
        let mut whole = vec![0];
        for texts in &written {
            log.append(&frame(&log, texts)).expect("it is written");
            whole.push(whole.last().unwrap_or(&0) + texts.len());
        }
        drop(log);
        let path = segment_path(dir.path(), 0);
        let all: Vec<String> = written.concat().into_iter().map(str::to_owned).collect();
        let bytes = std::fs::read(&path).expect("the log is there");
        fuzz::check_all(vec![bytes], move |bytes| {
            std::fs::write(&path, bytes).expect("a log is written");
            let Ok(log) = Log::open(dir.path(), 0) else { return };
            let found = texts(&log);
            assert!(whole.contains(&found.len()), "half a frame: {found:?}");
            assert_eq!(found, all[..found.len()]);
        });
    }
}
