//! Reads a queue's message and takes in what it asks for.
//!
//! A message holds one order document, a JSON array of them, or JSON Lines, in envelopes of other
//! services or as it is (`envelope`). Each document is a
//! request under a key made of the queue, the message's id and the document's place in it, which
//! commits with the order: however often the message is handed out, and whenever a crash comes,
//! each document takes effect once, and its repetition is no business duplicate. Keys are
//! forgotten after a day; a message that comes again even later is known by its document.
//!
//! Never: a decision about an order, a message that is answered before its commit.

use std::sync::Arc;

use bytes::Bytes;
use compact_str::format_compact;
use domain::command;
use domain::event::Refusal;
use domain::id::{MerchantId, OrderId, OrderKey};
use domain::order::Channel;
use domain::time::Timestamp;

use super::machine::Verdict;
use super::{Message, envelope};
use crate::change::{Audit, DOCUMENT_BYTES_MAX, Fault, Origin, Seq, What};
use crate::ledger::{
    Accepted, Amend, Answer, Cancel, Found, Ledger, Receive, Request, Unavailable,
};
use crate::letters::{DeadLetter, Subject};
use crate::once::{KEPT_US, Key, Once, Outcome, Render};
use crate::prepare::cut;
use crate::wire::document::{self, Command, MissingId};
use crate::wire::message::{Lang, stored};
use crate::wire::violation::Severity;

/// Most documents of one message: a message that is full of the smallest scraps must not become
/// more records than a batch makes at once.
pub const DOCUMENTS_PER_MESSAGE_MAX: usize = 1_000;
/// Documents of one commit at most, as with batches.
const DOCUMENTS_PER_CALL: usize = 512;
/// Most faults that are kept of one document.
const FAULTS_KEPT_MAX: usize = 100;

/// What a message's documents came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Orders that are in, or changed.
    pub accepted: u64,
    /// Orders that had come before in other messages: business duplicates, recorded.
    pub repeated: u64,
    /// Commands that could not apply; recorded.
    pub refused: u64,
    /// Documents that are no orders; recorded.
    pub invalid: u64,
    /// Documents that had been done when the message was handed out before.
    pub redelivered: u64,
    /// Messages that were handed out too often.
    pub exhausted: u64,
    /// Documents that deciding failed for: a fault of ours.
    pub broken: u64,
}

impl Settled {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.repeated += other.repeated;
        self.refused += other.refused;
        self.invalid += other.invalid;
        self.redelivered += other.redelivered;
        self.exhausted += other.exhausted;
        self.broken += other.broken;
    }

    fn count(&mut self, answer: &Answer) {
        match answer {
            Answer::Accepted(Accepted { .. }) => self.accepted += 1,
            Answer::Refused(Refusal::Duplicate { .. }) => self.repeated += 1,
            Answer::Refused(_) => self.refused += 1,
            Answer::Invalid(_) | Answer::Recorded => self.invalid += 1,
            Answer::Once(outcome) => match &**outcome {
                Outcome::Now { answer, .. } => self.count(answer),
                Outcome::Before(_) | Outcome::OtherContent => self.redelivered += 1,
            },
            Answer::Broken
            | Answer::Stock(_)
            | Answer::Rules(_)
            | Answer::Batch(_)
            | Answer::Endpoint(_)
            | Answer::Buried(_)
            | Answer::Settled(_)
            | Answer::Sweep(_) => self.broken += 1,
        }
    }
}

/// How a queue's messages are read.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: Box<str>,
    settings: document::Settings,
}

/// A document of a message.
struct Item {
    /// Its place among several, from 1.
    place: Option<usize>,
    bytes: Bytes,
    /// Why it cannot be an order, whatever it says.
    flaw: Option<&'static str>,
}

/// What a document asks for.
struct Asked {
    request: Request,
    /// The order that it is about, as far as it says.
    order: Option<OrderKey>,
    /// The document, where it is to be an order's.
    original: Option<Bytes>,
    /// Why it is no order; none where it is one.
    faults: Vec<Fault>,
}

impl Asked {
    fn of(read: document::Read, document: &Bytes) -> Self {
        let (order, faults) = (Some(read.key().clone()), Vec::new());
        let warnings = read.warnings.iter().map(Fault::from).collect();
        let (original, document) = (Some(document.clone()), document.clone());
        match read.command {
            Command::Create(created) => {
                let (batch, rules) = (None, None);
                let receive = Receive { order: created, document, warnings, batch, rules };
                Self { request: Request::Receive(Box::new(receive)), order, original, faults }
            }
            Command::Amend(amended) => {
                let (batch, revision) = (None, None);
                let amend = Amend { order: amended, document, warnings, batch, revision };
                Self { request: Request::Amend(Box::new(amend)), order, original, faults }
            }
            Command::Cancel(cancelled) => {
                let (reason, channel, batch) = (None, read.channel, None);
                let command = command::Cancel { order: cancelled, reason, channel, batch };
                let cancel = Cancel { command, document: Some(document) };
                let request = Request::Cancel(Box::new(cancel));
                Self { request, order, original: None, faults }
            }
        }
    }
}

impl Intake {
    /// Of the queue of that name. An order needs an id: nobody could be told one that was made.
    #[must_use]
    pub fn new(queue: &str, mut settings: document::Settings) -> Self {
        settings.missing_id = MissingId::Refuse;
        settings.channel = Channel::Queue;
        Self { queue: queue.into(), settings }
    }

    /// Takes in what a message asks for, after which it may be deleted.
    pub async fn take(&self, ledger: &dyn Ledger, message: &Message, now: Timestamp) -> Verdict {
        let mut settled = Settled::default();
        match self.take_items(ledger, message, now, &mut settled).await {
            Ok(()) => Verdict::Settled(settled),
            Err(error) => Verdict::Unavailable(error.to_string().into()),
        }
    }

    async fn take_items(
        &self,
        ledger: &dyn Ledger,
        message: &Message,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), Unavailable> {
        for some in items(&envelope::open(&message.body)).chunks(DOCUMENTS_PER_CALL) {
            let (mut requests, mut asked_of, mut letters) = (Vec::new(), Vec::new(), Vec::new());
            for item in some {
                let asked = self.request(item);
                if is_from_long_ago(message, now) && is_done(ledger, &asked)? {
                    settled.redelivered += 1;
                    continue;
                }
                if !asked.faults.is_empty() {
                    letters.push(self.letter(message, item, asked.order.clone(), &asked.faults));
                }
                requests.push(self.once(message, item, asked.request));
                asked_of.push((item, asked.order));
            }
            // In the same commit: what is no order is on record, and among the dead letters.
            requests.append(&mut letters);
            if requests.is_empty() {
                continue;
            }
            let answers = ledger.execute_patiently(requests).await?;
            for ((item, order), answer) in asked_of.into_iter().zip(&answers) {
                settled.count(answer);
                if let Some(faults) = unpriceable(answer) {
                    letters.push(self.letter(message, item, order, faults));
                }
            }
            if !letters.is_empty() {
                ledger.execute_patiently(letters).await?;
            }
        }
        Ok(())
    }

    /// Records a message that nothing can be made of, for the reason that `code` names:
    /// `too_many_receives`, whoever worked on it never came to an end; `internal_error`, it breaks
    /// us.
    pub async fn bury(
        &self,
        ledger: &dyn Ledger,
        message: &Message,
        code: &'static str,
    ) -> Verdict {
        let item = Item { place: None, bytes: message.body.clone(), flaw: Some(code) };
        let request = self.once(message, &item, self.request(&item).request);
        let letter = self.letter(message, &item, None, &[fault(code)]);
        match ledger.execute_patiently(vec![request, letter]).await {
            Ok(_) => Verdict::Settled(Settled { exhausted: 1, ..Settled::default() }),
            Err(error) => Verdict::Unavailable(error.to_string().into()),
        }
    }

    fn request(&self, item: &Item) -> Asked {
        if let Some(code) = item.flaw {
            return self.audit(None, None, vec![fault(code)], &item.bytes);
        }
        match document::read(&item.bytes, &self.settings) {
            Ok(read) => Asked::of(read, &item.bytes),
            Err(document::Fault::Malformed(_)) => {
                self.audit(None, None, vec![fault("malformed")], &item.bytes)
            }
            Err(document::Fault::Invalid { found, violations }) => {
                let errors = violations.iter().filter(|v| v.severity == Severity::Error);
                let faults = errors.take(FAULTS_KEPT_MAX).map(Fault::from).collect();
                self.audit(found.id, found.merchant, faults, &item.bytes)
            }
        }
    }

    fn audit(
        &self,
        order: Option<OrderId>,
        merchant: Option<MerchantId>,
        faults: Vec<Fault>,
        document: &Bytes,
    ) -> Asked {
        let key = order.clone().zip(merchant.clone());
        let key = key.map(|(id, merchant)| OrderKey { merchant, id });
        let origin = Origin::of(Some(format_compact!("queue:{}", self.queue)), document);
        let (channel, document) = (Channel::Queue, cut(document));
        let kept = faults.clone();
        let audit = Audit { order, merchant, channel, batch: None, faults, origin, document };
        let request = Request::Audit(Box::new(audit));
        Asked { request, order: key, original: None, faults: kept }
    }

    /// A document that is no order, as a dead letter: however often it is buried, it is one.
    fn letter(
        &self,
        message: &Message,
        item: &Item,
        order: Option<OrderKey>,
        faults: &[Fault],
    ) -> Request {
        let id = match item.place {
            None => message.id.clone(),
            Some(place) => format!("{}#{place}", message.id).into(),
        };
        let reason = faults.first().map_or("malformed", |fault| &*fault.code);
        let sentences = faults.iter().map(|fault| stored(fault, Lang::En));
        Request::Bury(Box::new(DeadLetter {
            subject: Subject::Message { queue: self.queue.clone(), id },
            order,
            cause: Seq(0),
            reason: reason.into(),
            error: sentences.collect::<Vec<_>>().join(" ").into(),
            attempts: message.receives,
            payload: Some(cut(&item.bytes)),
        }))
    }

    /// A request that is done once, however often its message is handed out.
    fn once(&self, message: &Message, item: &Item, request: Request) -> Request {
        let content = *blake3::hash(&item.bytes).as_bytes();
        let mut name = blake3::Hasher::new();
        for part in [PURPOSE, self.queue.as_bytes(), message.id.as_bytes(), &content] {
            name.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        name.update(&(item.place.unwrap_or_default() as u64).to_le_bytes());
        let key = Key { name: *name.finalize().as_bytes(), content };
        // Nobody is answered: that it was done is all there is to know.
        let render = Render(Arc::new(|answer| {
            (!matches!(answer, Answer::Broken)).then(|| Bytes::from_static(b"done"))
        }));
        Request::Once(Box::new(Once { key, request, render }))
    }
}

/// What every key's name begins with: none is good for another intake.
const PURPOSE: &[u8] = b"comanda queue 1";

/// Whether a message was handed out before, so long ago that its keys may be forgotten.
fn is_from_long_ago(message: &Message, now: Timestamp) -> bool {
    let may_be_forgotten = |sent: Timestamp| now.0.saturating_sub(sent.0) >= KEPT_US;
    message.receives > 1 && message.sent_at.is_some_and(may_be_forgotten)
}

/// Whether an order has that very document already. A cancellation takes effect once by itself,
/// and what is no order has no effect.
fn is_done(ledger: &dyn Ledger, asked: &Asked) -> Result<bool, Unavailable> {
    let (Some(key), Some(document)) = (&asked.order, &asked.original) else { return Ok(false) };
    let Found::Order(view) = ledger.order(&key.id, Some(&key.merchant))? else { return Ok(false) };
    for seq in &view.revisions {
        if let What::Order { document: Some(kept), .. } = ledger.change(*seq)?.what
            && kept == *document
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why an order that was read could not be priced.
fn unpriceable(answer: &Answer) -> Option<&[Fault]> {
    match answer {
        Answer::Invalid(faults) => Some(faults),
        Answer::Once(outcome) => match &**outcome {
            Outcome::Now { answer, .. } => unpriceable(answer),
            Outcome::Before(_) | Outcome::OtherContent => None,
        },
        Answer::Accepted(_)
        | Answer::Refused(_)
        | Answer::Recorded
        | Answer::Stock(_)
        | Answer::Rules(_)
        | Answer::Batch(_)
        | Answer::Endpoint(_)
        | Answer::Buried(_)
        | Answer::Settled(_)
        | Answer::Sweep(_)
        | Answer::Broken => None,
    }
}

fn fault(code: &str) -> Fault {
    Fault { pointer: "".into(), code: code.into() }
}

/// The documents of a message, byte for byte. One that holds none is one that is malformed.
fn items(body: &Bytes) -> Vec<Item> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return vec![Item { place: None, bytes: body.clone(), flaw: Some("too_large") }];
    }
    let parts = match document::split(body) {
        // One order keeps every byte of its message.
        Ok(parts) if parts.len() == 1 && is_object(body) => vec![body.clone()],
        Ok(parts) => parts.iter().map(|part| body.slice_ref(part.get().as_bytes())).collect(),
        Err(_) => lines(body),
    };
    let flaw = match parts.len() {
        0 => Some("malformed"),
        count if count > DOCUMENTS_PER_MESSAGE_MAX => Some("too_many_documents"),
        _ => None,
    };
    if flaw.is_some() {
        return vec![Item { place: None, bytes: body.clone(), flaw }];
    }
    let is_several = parts.len() > 1;
    let item = |(place, bytes)| Item { place: is_several.then_some(place), bytes, flaw: None };
    (1..).zip(parts).map(item).collect()
}

fn is_object(body: &Bytes) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
}

/// The lines of a message that is not one JSON text, where at least one of them is an object by
/// itself; else all of it.
fn lines(body: &Bytes) -> Vec<Bytes> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    let is_order = |line: &&[u8]| line.first() == Some(&b'{') && document::split(line).is_ok();
    if lines.len() > 1 && lines.iter().any(is_order) {
        lines.into_iter().map(|line| body.slice_ref(line)).collect()
    } else {
        vec![body.clone()]
    }
}

#[cfg(test)]
mod tests;
