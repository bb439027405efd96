//! Files: each is a batch whose id is its content's hash, whatever it is called and however it
//! comes. The same name with new content is done; the same content under a new name was done.
//!
//! Never: a path made of a name; a file that is answered for before it is on disk and on record.

pub(crate) mod inbox;
pub(crate) mod journal;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use domain::id::BatchId;
use domain::order::Channel;
use parking_lot::{Condvar, Mutex};
use service::batch::rejects::{self, Shape};
use service::batch::run::{Error, Finished};
use service::batch::{BatchState, BatchStatus, Tolerance};
use service::ledger::{Ledger, Task};
use service::wire::message::Lang;
use web::batches::{BatchError, Format, Lines};
use web::filing::{FileRuns, FileState, NewFile, TakenFile};

pub(crate) use self::journal::CameBy;
use self::journal::{Entry, Journal};
use crate::batches::{Runner, blocking};
use crate::input::{self, Input};

/// Files that are done at a time: each has threads of its own, and batches want some as well.
const AT_A_TIME: usize = 2;
/// Files that may wait; more is a 503. A folder full of them waits where it is.
const WAITING_MAX: usize = 10_000;
/// Bytes of rejects sent at once.
const REJECTS_BYTES: usize = 64 << 10;

/// Takes files, and does them.
pub(crate) struct Files {
    runner: Arc<Runner>,
    spool: PathBuf,
    journal: Mutex<Journal>,
    waiting: Mutex<VecDeque<Job>>,
    wake: Condvar,
    lang: Lang,
}

/// A file to do.
enum Job {
    /// A spooled one, which is on record.
    Spooled(Entry),
    /// One of an inbox.
    Inbox(inbox::Claimed),
}

/// What doing a file came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) id: BatchId,
    pub(crate) finished: Finished,
}

impl Files {
    /// Files of the store in `data_dir`, with what is known of earlier ones.
    pub(crate) fn open(
        data_dir: &Path,
        spool: PathBuf,
        runner: Arc<Runner>,
        lang: Lang,
    ) -> std::io::Result<Arc<Self>> {
        let journal = Mutex::new(Journal::open(&data_dir.join(journal::FILE))?);
        let (waiting, wake) = (Mutex::default(), Condvar::new());
        Ok(Arc::new(Self { runner, spool, journal, waiting, wake, lang }))
    }

    /// Begins to do files; those first that an earlier run left.
    pub(crate) fn start(self: &Arc<Self>) -> std::io::Result<Vec<JoinHandle<()>>> {
        let known: Vec<Entry> = self.journal.lock().all().cloned().collect();
        let left = known.into_iter().filter(|entry| self.spooled(entry).is_some());
        self.waiting.lock().extend(left.map(Job::Spooled));
        let work = |files: Arc<Self>| move || files.work();
        let thread = || std::thread::Builder::new().name("files".to_owned());
        (0..AT_A_TIME).map(|_| thread().spawn(work(self.clone()))).collect()
    }

    fn work(&self) {
        while !self.runner.is_closing() {
            let mut waiting = self.waiting.lock();
            let Some(job) = waiting.pop_front() else {
                self.wake.wait_for(&mut waiting, Duration::from_millis(200));
                continue;
            };
            drop(waiting);
            match job {
                Job::Spooled(entry) => self.do_spooled(&entry),
                Job::Inbox(claimed) => claimed.process(self),
            }
        }
    }

    /// Whether so many more files may wait.
    fn has_room(&self, files: usize) -> bool {
        self.waiting.lock().len() + files <= WAITING_MAX
    }

    fn push(&self, job: Job) {
        self.waiting.lock().push_back(job);
        self.wake.notify_one();
    }

    /// The spooled body of a file that is not done.
    fn spooled(&self, entry: &Entry) -> Option<PathBuf> {
        let path = self.spool.join(entry.spool.as_deref()?);
        path.exists().then_some(path)
    }

    fn do_spooled(&self, entry: &Entry) {
        let Some(path) = self.spooled(entry) else { return };
        match self.run(&path, Some(entry.format), Tolerance::default()) {
            Ok(Done { finished, .. }) if finished.state.status == BatchStatus::Running => {}
            Ok(_) => drop(std::fs::remove_file(&path)),
            Err(error) => {
                tracing::error!(file.name = &*entry.name, %error, "a file is not done: {error}");
            }
        }
    }

    /// Does the file at `path` on this thread.
    ///
    /// # Errors
    /// `Input` with `InvalidData` when it cannot be read as a whole.
    pub(crate) fn run(
        &self,
        path: &Path,
        format: Option<Format>,
        tolerance: Tolerance,
    ) -> Result<Done, Error> {
        let input = Input::look(path, format)?;
        let id = input.content_id()?;
        let mut options = self.runner.options(id.clone(), &input);
        (options.channel, options.tolerance) = (Channel::File, tolerance);
        let finished = self.runner.run_now(&options, &input)?;
        Ok(Done { id, finished })
    }

    /// Puts a file on record that is done on another way.
    pub(crate) fn note(
        &self,
        name: &str,
        done: &Done,
        path: &Path,
        came_by: CameBy,
    ) -> std::io::Result<()> {
        let input = Input::look(path, None)?;
        let mut entry = Entry::new(name, &done.id, format_of(&input), came_by);
        entry.bytes = std::fs::metadata(path)?.len();
        entry.is_repeat = done.finished.is_repeat;
        self.journal.lock().add(entry)
    }

    /// Puts a file on record that cannot be read as a whole.
    fn note_refused(&self, name: &str, path: &Path, why: &str) -> std::io::Result<()> {
        let format = input::named(path).unwrap_or(Format::JsonDocument);
        let mut hasher = blake3::Hasher::new();
        let bytes = std::io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
        let hash = hasher.finalize().to_hex();
        let id = BatchId::parse(&hash[..32]).map_err(|_| std::io::Error::other("no name"))?;
        let mut entry = Entry::new(name, &id, format, CameBy::Inbox);
        (entry.bytes, entry.refused) = (bytes, Some(why.into()));
        self.journal.lock().add(entry)
    }

    fn take_now(&self, new: &NewFile) -> Result<TakenFile, BatchError> {
        let malformed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::InvalidData => {
                BatchError::Malformed(crate::batches::reason(&error))
            }
            _ => BatchError::Io(error),
        };
        let format = new.format.or_else(|| input::named(Path::new(new.name.as_str())));
        let input = Input::look(&new.path, format).map_err(malformed)?;
        let id = input.content_id()?;
        let format = format_of(&input);
        let mut entry = Entry::new(new.name.as_str(), &id, format, CameBy::Put);
        entry.bytes = std::fs::metadata(&new.path)?.len();
        let known = self.runner.engine().batch(&id)?;
        let is_done = known.is_some_and(|state| state.status == BatchStatus::Succeeded);
        let spool = format!("file-{id}.{}", format.suffix());
        let path = self.spool.join(&spool);
        if is_done || path.exists() {
            entry.is_repeat = true;
            self.journal.lock().add(entry.clone())?;
            return Ok(TakenFile::Known(self.state(&entry)?));
        }
        if !self.has_room(1) {
            return Err(BatchError::Busy);
        }
        std::fs::rename(&new.path, &path)?;
        std::fs::File::open(&self.spool)?.sync_all()?;
        entry.spool = Some(spool.into());
        self.journal.lock().add(entry.clone())?;
        let state = self.state(&entry)?;
        self.push(Job::Spooled(entry));
        Ok(TakenFile::New(state))
    }

    fn state(&self, entry: &Entry) -> Result<FileState, BatchError> {
        let batch = BatchId::parse(&entry.batch).map_err(|_| BatchError::Unknown)?;
        let run = match entry.refused {
            Some(_) => None,
            None => self.runner.engine().batch(&batch)?,
        };
        Ok(FileState {
            name: entry.name.clone(),
            batch,
            format: entry.format,
            bytes: entry.bytes,
            received_at: domain::time::Timestamp(entry.received_at),
            came_by: entry.came_by.as_str(),
            refused: entry.refused.clone(),
            is_repeat: entry.is_repeat,
            run,
        })
    }

    /// Sends what of a batch was not taken.
    fn send_rejects(&self, state: &BatchState, format: Format, to: Sender) {
        let mut out = std::io::BufWriter::with_capacity(REJECTS_BYTES, Sent(&to));
        let engine = self.runner.engine();
        let written = rejects::write(engine, state, shape(format), self.lang, &mut out);
        let written = written.and_then(|_| std::io::Write::flush(&mut out));
        // What is left in the buffer is nobody's any more.
        let (_, _) = out.into_parts();
        if let Err(error) = written {
            drop(to.blocking_send(Err(error)));
        }
    }
}

/// How rejects of a file of that format are laid out.
pub(crate) fn shape(format: Format) -> Shape {
    match format {
        Format::Table => Shape::Table,
        Format::JsonLines => Shape::Lines,
        Format::JsonDocument => Shape::Document,
    }
}

/// What an input turned out to hold.
pub(crate) fn format_of(input: &Input) -> Format {
    match input.format {
        service::batch::split::Format::Table(_) => Format::Table,
        service::batch::split::Format::JsonLines => Format::JsonLines,
        service::batch::split::Format::Document => Format::JsonDocument,
    }
}

type Sender = tokio::sync::mpsc::Sender<std::io::Result<bytes::Bytes>>;

/// Writes into a channel; a receiver that is gone ends it.
struct Sent<'a>(&'a Sender);

impl std::io::Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let part = bytes::Bytes::copy_from_slice(bytes);
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(part)).map(|()| bytes.len()).map_err(gone)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The files as the web crate's port.
pub(crate) struct Port(pub(crate) Arc<Files>);

impl FileRuns for Port {
    fn take(&self, new: NewFile) -> Task<'_, Result<TakenFile, BatchError>> {
        let files = self.0.clone();
        Box::pin(blocking(move || files.take_now(&new)))
    }

    fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<FileState>, BatchError> {
        let entries = self.0.journal.lock().page(after, limit);
        entries.iter().map(|entry| self.0.state(entry)).collect()
    }

    fn find(&self, name: &str) -> Result<FileState, BatchError> {
        let entry = self.0.journal.lock().find(name).cloned();
        self.0.state(&entry.ok_or(BatchError::Unknown)?)
    }

    fn rejects(&self, name: &str) -> Task<'_, Result<(Format, Lines), BatchError>> {
        let (files, found) = (self.0.clone(), self.find(name));
        Box::pin(async move {
            let file = found?;
            let state = file.run.ok_or(BatchError::Unknown)?;
            if state.status == BatchStatus::Running {
                return Err(BatchError::WrongState(Box::new(state)));
            }
            let (to, lines) = tokio::sync::mpsc::channel(16);
            tokio::task::spawn_blocking(move || files.send_rejects(&state, file.format, to));
            Ok((file.format, lines))
        })
    }
}
