//! Tells what happened: notices to topics, documents into the archive, changes as objects for
//! whoever reads those. It follows records of the log alone, and only where they are new: what a
//! row looks like now is nobody's business here.
//!
//! What is told, and by what name, follows from the change and the log before it
//! (`service::notify`), so a record that is handed over again is told again by the same name.
//! Records of one order may come in another order than they happened: each says its place.
//!
//! Never: a record that is answered for before all of it is told.

use std::io::Write as _;
use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event;
use bytes::Bytes;
use connectors::archive::Archive;
use connectors::mail::{Customs, Preview, Reader, Writer};
use domain::notice::Notice;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use messages::Lang;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, PutOptions};
use service::change::{self, Change, Seq, What};
use service::follow::{Outcome, Sink};
use service::ledger::{Task, Unavailable};
use service::notify::{Occasion, Subject, occasions, order_facts};
use service::webhooks::message::{self, Settings as Wording};

use super::events::{Failures, Happened, Record, Undone, Unreadable, records, up_to};
use super::places::Place;
use super::work::blocking;

/// Documents that are put at once.
const PUTS_AT_ONCE: usize = 16;
/// Most notes of one call, as SNS has it.
const NOTES_PER_CALL_MAX: usize = 10;
/// Where objects of changes are.
const FOLDER: &str = "changes";
/// Most bytes of an e-mail's text: a note may have 256 KiB with all that is in it.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Where something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What goes as it should.
    Completed,
    /// What waits for stock.
    Pending,
    /// What went wrong.
    Errors,
    /// Batches.
    Batches,
}

impl Topic {
    /// Where a notice is told.
    #[must_use]
    pub fn of(notice: Notice) -> Self {
        match notice {
            Notice::OrderReceived
            | Notice::OrderAmended
            | Notice::OrderCompleted
            | Notice::OrderCancelled
            | Notice::OrderFulfilled => Self::Completed,
            Notice::StockPending => Self::Pending,
            Notice::OrderRejected | Notice::OrderFailed | Notice::OrderInvalid => Self::Errors,
            Notice::BatchFinished => Self::Batches,
        }
    }
}

/// A message to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name: the same whenever it is sent.
    pub id: String,
    /// What kind of notice.
    pub kind: &'static str,
    /// The seller it concerns, where it concerns one.
    pub merchant: Option<String>,
    /// In which language its text is.
    pub language: Lang,
    /// What programs are told: JSON.
    pub body: String,
    /// What people are told by e-mail: a subject and a text.
    pub letter: Option<(String, String)>,
}

/// The topics.
pub trait Topics: Send + Sync {
    /// Sends at most 10 notes to a topic; says of each whether it is there. Where there is no such
    /// topic nobody wants to hear it, and it is.
    ///
    /// # Errors
    /// When the topic did not answer.
    fn publish<'a>(
        &'a self,
        topic: Topic,
        notes: &'a [Note],
    ) -> Task<'a, Result<Vec<bool>, Undone>>;

    /// Whether there is such a topic.
    fn has(&self, topic: Topic) -> bool;
}

/// Who tells.
pub struct Fanout {
    /// What renders changes, and where orders are read.
    pub app: Arc<web::App>,
    /// Whom it tells.
    pub topics: Arc<dyn Topics>,
    /// What keeps documents.
    pub archive: Archive,
    /// Where objects of changes go.
    pub store: Arc<dyn ObjectStore>,
    /// How messages read.
    pub wording: Wording,
    /// In which amounts and times are written for people.
    pub customs: Customs,
}

/// A record of the log.
struct Told {
    /// Its place in the event.
    at: usize,
    seq: Seq,
    change: Change,
}

impl Fanout {
    /// Tells what is new in the log.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub async fn handle(&self, event: Event) -> Result<Failures, Unreadable> {
        let records = records(event)?;
        let (told, poison) = self.changes(&records);
        let archived = self.archive(&told).await;
        let noticed = self.notify(&told).await;
        let first = [poison, archived, noticed].into_iter().flatten().min();
        // Those behind the first that failed come again, and go into the object they come with.
        let whole: Vec<&Told> =
            told.iter().filter(|t| first.is_none_or(|first| t.at < first)).collect();
        if let Err(why) = self.put(&whole).await {
            tracing::warn!(%why, "changes are not in the bucket");
            return Ok(up_to(&records, whole.first().map(|t| t.at).or(first)));
        }
        Ok(up_to(&records, first))
    }

    /// The changes among `records`, up to the first that cannot be read.
    fn changes(&self, records: &[Record]) -> (Vec<Told>, Option<usize>) {
        let mut told = Vec::new();
        for (at, record) in records.iter().enumerate().filter(|(_, record)| is_new(record)) {
            let Some(seq) = sequence(record) else { continue };
            let is_whole = record.number("parts").unwrap_or(1) == 1;
            let body = record.bytes("body").filter(|_| is_whole).map(Bytes::copy_from_slice);
            let read = match body {
                Some(body) => change::decode(&body).map_err(Undone::why),
                // Large documents have rows of their own.
                None => blocking(|| self.app.ledger.change(seq)).map_err(Undone::why),
            };
            match read {
                Ok(change) => told.push(Told { at, seq, change }),
                Err(why) => return (told, failed(at, &why)),
            }
        }
        (told, None)
    }

    /// Puts documents; the place of the first that is not there.
    async fn archive(&self, told: &[Told]) -> Option<usize> {
        let puts = stream::iter(told).map(async |Told { at, seq, change }| {
            let deliveries = match blocking(|| self.archive.select(*seq, change)) {
                Ok(deliveries) => deliveries,
                Err(why) => return failed(*at, &why),
            };
            for delivery in &deliveries {
                match self.archive.deliver(delivery, 1).await {
                    Outcome::Delivered | Outcome::Skipped { .. } => {}
                    // Other bytes under its name: tried again it is the same. What is there stays.
                    Outcome::Refused { reason } => {
                        tracing::error!(change.seq = seq.0, %reason, "a document is not archived");
                    }
                    Outcome::Unavailable { reason, .. } | Outcome::Gone { reason } => {
                        return failed(*at, &Undone(reason));
                    }
                }
            }
            None
        });
        let missed: Vec<Option<usize>> = puts.buffer_unordered(PUTS_AT_ONCE).collect().await;
        missed.into_iter().flatten().min()
    }

    /// Sends notices; the place of the first that is not sent.
    async fn notify(&self, told: &[Told]) -> Option<usize> {
        let mut first = None;
        let mut notes: Vec<(Topic, usize, Note)> = Vec::new();
        for Told { at, seq, change } in told {
            match blocking(|| self.notes(*seq, change)) {
                Ok(some) => notes.extend(some.into_iter().map(|(topic, n)| (topic, *at, n))),
                Err(why) => {
                    first = failed(*at, &why);
                    break;
                }
            }
        }
        for topic in [Topic::Completed, Topic::Pending, Topic::Errors, Topic::Batches] {
            let of = notes.iter().filter(|(to, _, _)| *to == topic);
            let all: Vec<(usize, Note)> = of.map(|(_, at, note)| (*at, note.clone())).collect();
            for some in all.chunks(NOTES_PER_CALL_MAX) {
                let (places, notes): (Vec<usize>, Vec<Note>) = some.iter().cloned().unzip();
                let sent = self.topics.publish(topic, &notes).await.unwrap_or_else(|why| {
                    tracing::warn!(%why, "notices are not told");
                    Vec::new()
                });
                let is_sent = |at: usize| sent.get(at).copied().unwrap_or(false);
                let missed = places.iter().enumerate().find(|(at, _)| !is_sent(*at));
                first = [first, missed.map(|(_, place)| *place)].into_iter().flatten().min();
            }
        }
        first
    }

    /// What a change is told as.
    fn notes(&self, seq: Seq, change: &Change) -> Result<Vec<(Topic, Note)>, Unavailable> {
        let wanted = Notice::ALL.iter().map(|(notice, _)| *notice);
        let wanted = wanted.filter(|notice| self.topics.has(Topic::of(*notice))).collect();
        let occasions = occasions(&*self.app.ledger, seq, change, wanted)?;
        let told = occasions.iter().filter(|occasion| match &occasion.subject {
            // What is wrong with a batch's items is told with the batch.
            Subject::Input { batch, .. } => batch.is_none(),
            Subject::Order { .. } | Subject::Batch(_) => true,
        });
        told.map(|occasion| Ok((Topic::of(occasion.notice), self.note(occasion, change)?)))
            .collect()
    }

    fn note(&self, occasion: &Occasion, change: &Change) -> Result<Note, Unavailable> {
        let kind = occasion.notice.as_str();
        let ledger = &*self.app.ledger;
        let body = message::body(ledger, &self.wording, occasion.seq, kind)?;
        Ok(Note {
            id: occasion.id("sns").into(),
            kind,
            merchant: occasion.merchant().map(|merchant| merchant.as_str().to_owned()),
            language: self.app.settings.language,
            body: String::from_utf8_lossy(&body).into_owned(),
            letter: self.letter(occasion, change)?,
        })
    }

    /// What people are told of an order, or of a batch.
    fn letter(
        &self,
        occasion: &Occasion,
        change: &Change,
    ) -> Result<Option<(String, String)>, Unavailable> {
        let lang = self.app.settings.language;
        let writer = Writer { customs: &self.customs, lang };
        let page = match &change.what {
            What::Order { first, .. } => {
                let ledger = &*self.app.ledger;
                let facts = order_facts(ledger, &self.wording.documents, occasion.seq, *first)?;
                writer.order(occasion.notice, &facts, Reader::Staff)
            }
            What::Batch(batch) => writer.batch(batch),
            What::Audit(_)
            | What::Flood(_)
            | What::Stray(_)
            | What::Stock { .. }
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Letter(_)
            | What::Settled(_)
            | What::Sweep(_) => return Ok(None),
        };
        let subject = page.subject.clone();
        let text = Preview { to: None, page, lang }.text();
        Ok((text.len() <= TEXT_BYTES_MAX).then_some((subject, text)))
    }

    /// Puts changes as one object. The same ones have the same name and bytes.
    async fn put(&self, told: &[&Told]) -> Result<(), Undone> {
        let (Some(first), Some(last)) = (told.first(), told.last()) else { return Ok(()) };
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        for Told { seq, change, .. } in told {
            let line = blocking(|| web::change_line(&self.app, *seq, change));
            packed.write_all(line.as_bytes()).map_err(Undone::why)?;
        }
        let bytes = Bytes::from(packed.finish().map_err(Undone::why)?);
        let hash = blake3::hash(&bytes).to_hex();
        let at = jiff::Timestamp::from_microsecond(first.change.at.0).unwrap_or_default();
        let name = format!(
            "{FOLDER}/{}/{:020}-{:020}-{}.jsonl.gz",
            at.strftime("%Y/%m/%d/%H"),
            first.seq.0,
            last.seq.0,
            &hash[..8]
        );
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, "application/x-ndjson"),
            (Attribute::ContentEncoding, "gzip"),
        ]);
        let options = PutOptions { attributes, ..PutOptions::default() };
        let put = self.store.put_opts(&Path::from(name), bytes.into(), options).await;
        put.map(|_| ()).map_err(Undone::why)
    }
}

fn failed(at: usize, why: &impl std::fmt::Display) -> Option<usize> {
    tracing::warn!(%why, "a change is not told");
    Some(at)
}

/// Whether a record is that something is in the log now: a new row, or one that the last page of
/// its commit unlocked.
fn is_new(record: &Record) -> bool {
    let is_there = match record.happened {
        Happened::Inserted => true,
        Happened::Modified => record.was_locked,
        Happened::Removed => false,
    };
    is_there && !record.is_locked()
}

/// The name of the change that a record is about, where it is about one.
fn sequence(record: &Record) -> Option<Seq> {
    let (pk, sk) = record.text("PK").zip(record.text("SK"))?;
    match Place::read(pk, sk)? {
        Place::Change => pk.strip_prefix("CHANGE#")?.parse().ok().map(Seq),
        Place::Order(_) | Place::Release(_) | Place::Commit(_) | Place::Sweep => None,
    }
}
