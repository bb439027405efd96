//! Takes in files that are put into the bucket, below `inbox/`: each is a batch whose id is its
//! content's hash, read by ranges, and reported on below `reports/`.
//!
//! How far it is is the batch's own checkpoint, committed with its orders. A file that takes longer
//! than one invocation stops at a checkpoint and is queued again; so does one whose invocation
//! dies, without doing an item twice.
//!
//! Never: a file that is changed, moved or removed. It is its sender's.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use domain::id::BatchId;
use domain::order::Channel;
use messages::{Lang, Phrase};
use object_store::ObjectStore;
use object_store::path::Path;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::batch::input::{Input, Kind, content_id};
use service::batch::rejects::{self, Shape};
use service::batch::run::{self, Control, Error, Finished, Options};
use service::batch::summary::{records_from, summary};
use service::batch::{BatchStatus, Tolerance, report};
use service::change::Seq;
use service::ledger::{Ledger, Request, Task};
use service::letters::{DeadLetter, Subject};
use service::memory::Clock;
use service::source::{Message, envelope};
use service::wire::document;
use tokio::runtime::Handle;

use super::events::{Failures, Undone, Unreadable, messages};
use super::object::{Object, Writer};

/// What files are below.
pub const INBOX: &str = "inbox/";
/// What is said of them is below.
pub const REPORTS: &str = "reports/";
/// How long before the invocation ends a file stops: a commit under way has that long, and what is
/// said of a file that has just ended.
const MARGIN: Duration = Duration::from_secs(90);
/// The queue's name in records.
const QUEUE: &str = "files";

/// Queues a file again that is not done.
pub trait Again: Send + Sync {
    /// Sends that message to the queue of files.
    fn again(&self, message: String) -> Task<'_, Result<(), Undone>>;
}

/// Who takes files in.
#[derive(Clone)]
pub struct Files {
    /// Where orders go.
    pub ledger: Arc<dyn Ledger>,
    /// How documents are read.
    pub documents: document::Settings,
    /// The bucket.
    pub store: Arc<dyn ObjectStore>,
    /// Where a file goes on; without it, the queue hands its message out again.
    pub again: Option<Arc<dyn Again>>,
    /// What time it is.
    pub clock: Clock,
    /// In which language reports are.
    pub lang: Lang,
    /// How long after a commit the ledger shows it to whoever reads the log.
    pub settle: Duration,
}

/// What a message asks for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Continued {
    /// The object's name.
    key: String,
    /// The version of it that was begun.
    tag: Option<String>,
    /// Its batch.
    batch: String,
}

#[derive(Default, Deserialize)]
struct Notification {
    #[serde(rename = "Records", default)]
    records: Vec<NotificationRecord>,
    #[serde(rename = "Event")]
    event: Option<String>,
    /// EventBridge's, out of its envelope.
    object: Option<NamedObject>,
}

#[derive(Deserialize)]
struct NotificationRecord {
    #[serde(rename = "eventName", default)]
    event: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    object: NamedObject,
}

#[derive(Deserialize)]
struct NamedObject {
    key: String,
}

/// The files that a message names; `None` when it is no notification.
fn named(body: &Bytes) -> Option<Vec<Continued>> {
    if let Ok(continued) = serde_json::from_slice::<Continued>(body) {
        return Some(vec![continued]);
    }
    let read: Notification = serde_json::from_slice(&envelope::open(body)).ok()?;
    // Sent when a bucket's notifications are set up.
    if read.event.as_deref() == Some("s3:TestEvent") {
        return Some(Vec::new());
    }
    let whole = |key: String| Continued { key, tag: None, batch: String::new() };
    if let Some(object) = read.object {
        return Some(vec![whole(object.key)]);
    }
    let is_made = |event: &str| {
        event.trim_start_matches("s3:").starts_with("ObjectCreated") || event.is_empty()
    };
    let made = read.records.into_iter().filter(|record| is_made(&record.event));
    // As forms encode it: a blank is a plus.
    made.map(|record| {
        let key = record.s3.object.key.replace('+', " ");
        Some(whole(percent_decode_str(&key).decode_utf8().ok()?.into_owned()))
    })
    .collect()
}

/// What a run of a file came to.
enum Done {
    /// All of it is in.
    Whole(Box<Finished>, Input, u64),
    /// It stopped for want of time.
    Partly(BatchId),
    /// It cannot be read as a whole: why, for people.
    Refused(String),
    /// There is no such file, or it has become another.
    Gone,
}

impl Files {
    /// Takes in the files that the messages name, until `left` is over.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub async fn handle(&self, event: SqsEvent, left: Duration) -> Result<Failures, Unreadable> {
        let until = tokio::time::Instant::now() + left.saturating_sub(MARGIN);
        let work = async |message: &Message| self.message(message, until).await;
        let broken = async |_: &Message| Err(Undone::why("working on it panicked"));
        messages(event, work, broken).await
    }

    async fn message(&self, message: &Message, until: tokio::time::Instant) -> Result<(), Undone> {
        let files = named(&message.body).ok_or(Undone::why("a message that names no file"))?;
        for file in files.into_iter().filter(|file| is_file(&file.key)) {
            self.file(&file, until).await?;
        }
        Ok(())
    }

    async fn file(&self, file: &Continued, until: tokio::time::Instant) -> Result<(), Undone> {
        let path = Path::parse(&file.key).map_err(Undone::why)?;
        let found = Object::find(&self.store, path).await.map_err(Undone::why)?;
        let is_same = |object: &Object| file.tag.is_none() || file.tag == object.tag;
        let Some(object) = found.filter(is_same) else {
            tracing::warn!("a file is gone, or has become another, before it was done");
            return Ok(());
        };
        let control = Arc::new(Control::default());
        let (this, known, runtime) = (self.clone(), file.batch.clone(), Handle::current());
        let (name, control_there) = (file.key.clone(), control.clone());
        let whole = object.clone();
        let mut run = tokio::task::spawn_blocking(move || {
            this.run(&name, &known, &whole, &control_there, &runtime)
        });
        let done = tokio::select! {
            done = &mut run => done,
            () = tokio::time::sleep_until(until) => {
                control.pause();
                run.await
            }
        };
        match done.map_err(|_| Undone::why("working on a file panicked"))?? {
            Done::Whole(finished, input, bytes) => self.told(file, *finished, input, bytes).await,
            Done::Refused(why) => self.refuse(file, &why).await,
            Done::Gone => Ok(()),
            Done::Partly(batch) => {
                let again = self.again.as_ref().ok_or(Undone::why("a file is not done yet"))?;
                let (key, tag) = (file.key.clone(), object.tag);
                let on = Continued { key, tag, batch: batch.to_string() };
                again.again(json!(on).to_string()).await
            }
        }
    }

    /// Runs a file on this thread.
    fn run(
        &self,
        name: &str,
        known: &str,
        object: &Object,
        control: &Control,
        runtime: &Handle,
    ) -> Result<Done, Undone> {
        let open = || Ok(object.reader(runtime));
        let ran = || -> Result<Done, Error> {
            let input = Input::look(open, name, None)?;
            let id = match BatchId::parse(known) {
                Ok(id) => id,
                Err(_) => content_id(object.reader(runtime))?,
            };
            let options = self.options(id.clone(), &input);
            let finished = run::run(&*self.ledger, &options, control, open, |_| ())?;
            Ok(match finished.state.status {
                BatchStatus::Running => Done::Partly(id),
                BatchStatus::Succeeded | BatchStatus::Failed | BatchStatus::Aborted => {
                    Done::Whole(Box::new(finished), input, object.size)
                }
            })
        };
        match ran() {
            Ok(done) => Ok(done),
            Err(Error::Input(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(Done::Refused(self.said(&error)))
            }
            Err(Error::Input(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Done::Gone),
            Err(error @ (Error::Rules(_) | Error::Metadata | Error::OtherContent(_))) => {
                Ok(Done::Refused(error.to_string()))
            }
            Err(error @ (Error::Input(_) | Error::Ledger(_))) => Err(Undone::why(error)),
        }
    }

    fn options(&self, id: BatchId, input: &Input) -> Options {
        Options {
            id,
            format: input.format.clone(),
            orders_at: input.header.orders_at,
            max_concurrency: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            tolerance: Tolerance::default(),
            metadata: input.metadata(),
            rules: input.header.pricing_rules.clone(),
            spool: None,
            settings: self.documents.clone(),
            channel: Channel::File,
        }
    }

    /// Why an input cannot be read, in the language of reports.
    fn said(&self, error: &io::Error) -> String {
        let ours = error.get_ref().and_then(|error| error.downcast_ref::<Phrase>());
        ours.map_or_else(|| error.to_string(), |phrase| phrase.to(self.lang))
    }

    /// Says what became of a file: its sums, each item, and what was not taken in its own layout.
    async fn told(
        &self,
        file: &Continued,
        finished: Finished,
        input: Input,
        bytes: u64,
    ) -> Result<(), Undone> {
        if !finished.is_repeat {
            // What each item came to is read from the log, the last commit included.
            tokio::time::sleep(self.settle).await;
        }
        let (this, name, runtime) = (self.clone(), file.key.clone(), Handle::current());
        let written = tokio::task::spawn_blocking(move || {
            this.report(&name, &finished, &input, bytes, &runtime)
        });
        let written = written.await.map_err(|_| Undone::why("reporting on a file panicked"))?;
        written.map_err(Undone::why)
    }

    fn report(
        &self,
        name: &str,
        finished: &Finished,
        input: &Input,
        bytes: u64,
        runtime: &Handle,
    ) -> io::Result<()> {
        let ledger = &*self.ledger;
        let state = &finished.state;
        let path = |ending: &str| reported(name, ending);
        let mut lines = Writer::new(&self.store, path("jsonl")?, "application/x-ndjson", runtime);
        let (exponent, mut broken, mut told) = (ledger.catalogue().exponent, None, 0_u64);
        let read = records_from(ledger, state, 0, &mut |_, change| {
            let line = report::line(&change, exponent, self.lang).unwrap_or_default();
            told += u64::from(!line.is_empty());
            match lines.write_all(&line) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        broken.map_or(Ok(()), Err)?;
        read.map_err(io::Error::other)?;
        if told < state.counts.done() {
            return Err(io::Error::other("the log does not show every item yet"));
        }
        lines.finish()?;
        if state.counts.failed > 0 {
            let (shape, ending, media_type) = match input.kind() {
                Kind::Table => (Shape::Table, "rejects.csv", "text/csv"),
                Kind::Lines => (Shape::Lines, "rejects.jsonl", "application/x-ndjson"),
                Kind::Document => (Shape::Document, "rejects.json", "application/json"),
            };
            let mut out = Writer::new(&self.store, path(ending)?, media_type, runtime);
            rejects::write(ledger, state, shape, self.lang, &mut out)?;
            out.finish()?;
        }
        // An interrupted run may have gone on before the log showed all that came before.
        let whole = match finished.resumed_at {
            0 if !finished.is_repeat => finished.summary.clone(),
            _ => summary(ledger, state).map_err(io::Error::other)?,
        };
        let sums = report::report(ledger, state, &whole).map_err(io::Error::other)?;
        let said = json!({
            "name": name,
            "bytes": bytes,
            "batch_id": state.id.as_str(),
            "status": state.status.as_str(),
            "is_repeat": finished.is_repeat,
            "summary": sums,
        });
        self.put(path("json")?, &said, runtime)
    }

    /// Says why a file cannot be read as a whole: a report, and a dead letter.
    async fn refuse(&self, file: &Continued, why: &str) -> Result<(), Undone> {
        let letter = DeadLetter {
            subject: Subject::Message { queue: QUEUE.into(), id: file.key.as_str().into() },
            order: None,
            cause: Seq(0),
            reason: "malformed".into(),
            error: why.into(),
            attempts: 1,
            payload: None,
        };
        let buried = self.ledger.execute(vec![Request::Bury(Box::new(letter))]).await;
        buried.map_err(Undone::why)?;
        let told = json!({"name": file.key, "status": "REJECTED", "reason": why});
        let (this, runtime) = (self.clone(), Handle::current());
        let path = reported(&file.key, "json").map_err(Undone::why)?;
        let put = tokio::task::spawn_blocking(move || this.put(path, &told, &runtime));
        put.await.map_err(|_| Undone::why("reporting on a file panicked"))?.map_err(Undone::why)
    }

    fn put(&self, path: Path, told: &serde_json::Value, runtime: &Handle) -> io::Result<()> {
        let mut out = Writer::new(&self.store, path, "application/json", runtime);
        out.write_all(told.to_string().as_bytes())?;
        out.finish()
    }
}

/// Whether an object of the inbox is a file, and no folder's own entry.
fn is_file(key: &str) -> bool {
    key.starts_with(INBOX) && !key.ends_with('/')
}

/// Where something is said of a file.
fn reported(name: &str, ending: &str) -> io::Result<Path> {
    let name = name.strip_prefix(INBOX).unwrap_or(name);
    Path::parse(format!("{REPORTS}{name}.{ending}")).map_err(io::Error::other)
}
