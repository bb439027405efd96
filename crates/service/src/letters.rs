//! Dead letters: what could not be seen through, with all that is needed to understand it and to
//! send it again. One kind of row, whatever it was on its way to.
//!
//! A letter is open until it has an end, which it gets once. Lines of files and items of batches
//! that are no order are on record as audits already: those records are their letters.
//!
//! Never: a second way to send something again. What follows from the end of a letter follows
//! from that change, for whoever reads the log.

mod again;
mod alerts;
mod codec;
mod sweep;
mod sweeper;

use bytes::Bytes;
use compact_str::CompactString;
use domain::id::{BatchId, MerchantId, OrderId, OrderKey};
use domain::order::BatchItem;
use domain::time::Timestamp;

use crate::change::{Audit, Fault, Seq, What};
use crate::ledger::{Answer, Request};
use crate::view::{Read, damaged};

pub use self::again::{Unsent, again};
pub use self::alerts::{ALERTS, Alert, Alerts, Tell};
pub use self::codec::{encode_counts, read_counts};
pub use self::sweep::{Sweep, SweepStatus, Sweeping, Swept};
pub use self::sweeper::{PER_SECOND_MAX, Sweeper};

/// Something that could not be seen through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it was.
    pub subject: Subject,
    /// The order it is about, where there is one.
    pub order: Option<OrderKey>,
    /// The change that the attempts followed from: the one that was to be told, or the one that
    /// sent it again. 0 where no change led to it. Together with the subject it is the letter's
    /// identity: buried twice it is one letter.
    pub cause: Seq,
    /// A code: `refused`, `retries_exhausted`, `malformed`, `too_many_receives`, `fell_behind` …
    pub reason: Box<str>,
    /// The last error, for people; no personal data; at most [`ERROR_BYTES_MAX`] bytes are kept.
    pub error: Box<str>,
    /// Attempts made.
    pub attempts: u32,
    /// What was to be sent or read, up to the size of a document.
    pub payload: Option<Bytes>,
}

/// Longest kept text of a last error, in bytes.
pub const ERROR_BYTES_MAX: usize = 1_024;

/// The reason of what fails by a fault of ours.
pub const INTERNAL_ERROR: &str = "internal_error";

/// What a dead letter was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The call of an external step for an order.
    Step {
        /// The step.
        step: Box<str>,
        /// The order's revision.
        revision: u32,
    },
    /// A delivery of a sink.
    Delivery {
        /// The sink's name.
        sink: Box<str>,
        /// The delivery's id.
        id: Box<str>,
        /// What it was to tell.
        kind: Box<str>,
        /// The change it followed from.
        seq: Seq,
    },
    /// Changes that a sink was too late for.
    Missed {
        /// The sink's name.
        sink: Box<str>,
        /// The first of them.
        from: Seq,
        /// Where the sink goes on.
        until: Seq,
    },
    /// A sink whose destination is gone for good.
    Disabled {
        /// The sink's name.
        sink: Box<str>,
    },
    /// A line of a file, or an item of a batch, that is no order.
    Item(BatchItem),
    /// A message of a queue.
    Message {
        /// The queue's name.
        queue: Box<str>,
        /// The message's id there.
        id: Box<str>,
    },
    /// A document whose decision fails, even alone: a fault of ours.
    Decision(Option<BatchItem>),
}

/// The kinds of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// [`Subject::Step`].
    Step = 0,
    /// [`Subject::Delivery`].
    Delivery = 1,
    /// [`Subject::Missed`].
    Missed = 2,
    /// [`Subject::Disabled`].
    Disabled = 3,
    /// [`Subject::Item`].
    Item = 4,
    /// [`Subject::Message`].
    Message = 5,
    /// [`Subject::Decision`].
    Decision = 6,
}

impl Kind {
    /// Every kind with its name on the wire, by its number.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Step, "step"),
        (Self::Delivery, "delivery"),
        (Self::Missed, "missed"),
        (Self::Disabled, "disabled"),
        (Self::Item, "item"),
        (Self::Message, "message"),
        (Self::Decision, "decision"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("decision", |(_, name)| name)
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind)
    }

    /// Whether what is sent again is a document, taken in like any other: then another may be
    /// given in its place.
    #[must_use]
    pub fn is_document(self) -> bool {
        match self {
            Self::Item | Self::Message | Self::Decision => true,
            Self::Step | Self::Delivery | Self::Missed | Self::Disabled => false,
        }
    }
}

/// Open letters by kind; what a layer holds is what they changed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [i64; Kind::ALL.len()]);

impl Counts {
    /// One more of a kind, or one less.
    pub fn add(&mut self, kind: Kind, by: i64) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count += by;
        }
    }

    /// Adds what another says.
    pub fn sum(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, by)| *count += by);
    }

    /// Each kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        let kinds = Kind::ALL.iter().map(|(kind, _)| *kind);
        kinds.zip(&self.0).map(|(kind, count)| (kind, u64::try_from(*count).unwrap_or_default()))
    }
}

/// How a letter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum How {
    /// What it was is sent or taken in again. Fails that again, it is another letter.
    Redriven = 0,
    /// Nothing is to become of it.
    Purged = 1,
    /// Its order went another way: redriven or called off by itself.
    Overtaken = 2,
}

impl How {
    /// Every end with its name on the wire, by its number.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Redriven, "redriven"), (Self::Purged, "purged"), (Self::Overtaken, "overtaken")];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(how, _)| *how == self).map_or("overtaken", |(_, name)| name)
    }
}

/// The end of a letter, as the log has it: all that follows from it can be seen from it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The letter.
    pub letter: Seq,
    /// How it ended.
    pub how: How,
    /// What the letter was.
    pub subject: Subject,
    /// The order it was about.
    pub order: Option<OrderKey>,
}

/// Ends a letter, unless it has an end.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The letter.
    pub letter: Seq,
    /// How it is to end.
    pub how: How,
    /// What is done for it in the same commit: only if that is accepted, the letter ends.
    pub with: Option<Request>,
}

/// What became of a [`Settle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It has ended.
    Done {
        /// The change that says so.
        seq: Seq,
        /// What became of what was done for it.
        with: Option<Answer>,
    },
    /// It had ended before: nothing was done.
    Before(End),
    /// What was to be done for it was not accepted: it stays open.
    Open(Answer),
    /// There is no such letter.
    Unknown,
}

/// When and how a letter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub how: How,
    /// The change that says so.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
}

/// A letter in lists: what it can be found by, and whether it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it was.
    pub kind: Kind,
    /// The step, sink, queue or batch.
    pub source: CompactString,
    /// The seller, where known.
    pub merchant: Option<MerchantId>,
    /// The order's id, where known.
    pub order: Option<OrderId>,
    /// A code.
    pub reason: CompactString,
    /// When it was buried.
    pub at: Timestamp,
    /// When and how it ended; open when absent.
    pub end: Option<End>,
}

impl Row {
    /// The row of a letter that is buried.
    #[must_use]
    pub fn of_letter(at: Timestamp, letter: &DeadLetter) -> Self {
        let order = letter.order.as_ref();
        Self {
            kind: letter.subject.kind(),
            source: letter.subject.source().into(),
            merchant: order.map(|order| order.merchant.clone()),
            order: order.map(|order| order.id.clone()),
            reason: (*letter.reason).into(),
            at,
            end: None,
        }
    }

    /// The row of an audit that is a line or an item; `None` of another.
    #[must_use]
    pub fn of_audit(at: Timestamp, audit: &Audit) -> Option<Self> {
        let item = audit.batch.as_ref()?;
        Some(Self {
            kind: Kind::Item,
            source: item.batch.as_str().into(),
            merchant: audit.merchant.clone(),
            order: audit.order.clone(),
            reason: audit.faults.first().map_or("malformed", |fault| &fault.code).into(),
            at,
            end: None,
        })
    }
}

/// The letter that a change is.
///
/// # Errors
/// [`crate::ledger::Unavailable::Read`] when it is none.
pub fn of_change(what: What) -> Read<DeadLetter> {
    let letter = if let What::Letter(letter) = what {
        Some(*letter)
    } else if let What::Audit(audit) = what {
        DeadLetter::of_audit(&audit)
    } else {
        None
    };
    letter.ok_or_else(|| damaged("a letter's row names another change"))
}

/// Bytes of a letter's identity.
pub type Identity = [u8; 16];

impl Subject {
    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Step { .. } => Kind::Step,
            Self::Delivery { .. } => Kind::Delivery,
            Self::Missed { .. } => Kind::Missed,
            Self::Disabled { .. } => Kind::Disabled,
            Self::Item(_) => Kind::Item,
            Self::Message { .. } => Kind::Message,
            Self::Decision(_) => Kind::Decision,
        }
    }

    /// The step, sink, queue or batch; empty where there is none.
    #[must_use]
    pub fn source(&self) -> &str {
        match self {
            Self::Step { step, .. } => step,
            Self::Delivery { sink, .. } | Self::Missed { sink, .. } | Self::Disabled { sink } => {
                sink
            }
            Self::Item(item) => item.batch.as_str(),
            Self::Message { queue, .. } => queue,
            Self::Decision(item) => item.as_ref().map_or("", |item| item.batch.as_str()),
        }
    }

    /// The item of a batch that it is, or was to become.
    #[must_use]
    pub fn item(&self) -> Option<&BatchItem> {
        match self {
            Self::Item(item) => Some(item),
            Self::Decision(item) => item.as_ref(),
            Self::Step { .. }
            | Self::Delivery { .. }
            | Self::Missed { .. }
            | Self::Disabled { .. }
            | Self::Message { .. } => None,
        }
    }
}

impl DeadLetter {
    /// The letter that an audit of a line or an item is; `None` for another audit.
    #[must_use]
    pub fn of_audit(audit: &Audit) -> Option<Self> {
        let key = audit.order.clone().zip(audit.merchant.clone());
        let codes: Vec<&str> = audit.faults.iter().map(|fault| &*fault.code).collect();
        Some(Self {
            subject: Subject::Item(audit.batch.clone()?),
            order: key.map(|(id, merchant)| OrderKey { id, merchant }),
            cause: Seq(0),
            reason: (*codes.first().unwrap_or(&"malformed")).into(),
            error: cut(&codes.join(" ")).into(),
            attempts: 1,
            payload: Some(audit.document.clone()),
        })
    }

    /// Whether the same is another letter once the first has ended: a document that is sent again,
    /// a destination that is gone again. Everything else is told apart by what led to it.
    #[must_use]
    pub fn may_come_again(&self) -> bool {
        match self.subject.kind() {
            Kind::Decision | Kind::Disabled => true,
            Kind::Step | Kind::Delivery | Kind::Missed | Kind::Item | Kind::Message => false,
        }
    }

    /// Why it is one, like what is wrong with a document.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault { pointer: "".into(), code: self.reason.clone() }
    }

    /// What makes it one letter, however often it is buried.
    #[must_use]
    pub fn identity(&self) -> Identity {
        codec::identity(self)
    }
}

/// A last error as it is kept.
#[must_use]
pub fn cut(error: &str) -> &str {
    let whole = (0..=ERROR_BYTES_MAX.min(error.len())).rev().find(|at| error.is_char_boundary(*at));
    error.get(..whole.unwrap_or_default()).unwrap_or_default()
}

/// What letters are looked for by: all that is named has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The kind.
    pub kind: Option<Kind>,
    /// The step, sink or queue.
    pub source: Option<CompactString>,
    /// The batch, whose lines and decisions they are.
    pub batch: Option<BatchId>,
    /// The seller.
    pub merchant: Option<MerchantId>,
    /// The order's id.
    pub order: Option<OrderId>,
    /// The reason's code.
    pub reason: Option<CompactString>,
    /// Open ones, or those that have ended.
    pub open: Option<bool>,
    /// Buried at or after.
    pub from: Option<Timestamp>,
    /// Buried before.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a letter is looked for.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        let of_batch = |batch: &BatchId| is_of_batch(row.kind) && row.source == batch.as_str();
        let of_source = |source: &CompactString| !is_of_batch(row.kind) && row.source == *source;
        self.kind.is_none_or(|kind| row.kind == kind)
            && self.source.as_ref().is_none_or(of_source)
            && self.batch.as_ref().is_none_or(of_batch)
            && self.merchant.as_ref().is_none_or(|m| row.merchant.as_ref() == Some(m))
            && self.order.as_ref().is_none_or(|id| row.order.as_ref() == Some(id))
            && self.reason.as_ref().is_none_or(|reason| row.reason == *reason)
            && self.open.is_none_or(|open| row.end.is_none() == open)
            && self.from.is_none_or(|from| row.at >= from)
            && self.until.is_none_or(|until| row.at < until)
    }
}

/// Whether the source of letters of a kind is a batch.
#[must_use]
pub fn is_of_batch(kind: Kind) -> bool {
    match kind {
        Kind::Item | Kind::Decision => true,
        Kind::Step | Kind::Delivery | Kind::Missed | Kind::Disabled | Kind::Message => false,
    }
}

/// A part of the letters that a projection has in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// Open ones of a kind, or those that have ended.
    Kind {
        /// The kind.
        kind: Kind,
        /// Which of them.
        open: bool,
    },
    /// Those of a step, sink or queue.
    Source(CompactString),
    /// Those about an order with that id; lines of files and items of batches are not listed so.
    Order(OrderId),
}

impl List {
    /// Whether a letter is in it.
    #[must_use]
    pub fn has(&self, row: &Row) -> bool {
        match self {
            Self::Kind { kind, open } => row.kind == *kind && row.end.is_none() == *open,
            Self::Source(source) => !is_of_batch(row.kind) && row.source == *source,
            Self::Order(id) => row.kind != Kind::Item && row.order.as_ref() == Some(id),
        }
    }

    /// What a projection files a letter under beside its kind.
    pub fn terms(row: &Row) -> impl Iterator<Item = Vec<u8>> {
        let source = (!is_of_batch(row.kind)).then(|| term(b's', &row.source));
        let order = row.order.as_ref().filter(|_| row.kind != Kind::Item);
        source.into_iter().chain(order.map(|id| term(b'o', id.as_str())))
    }

    /// The term of a list that is filed under one.
    #[must_use]
    pub fn term(&self) -> Option<Vec<u8>> {
        match self {
            Self::Kind { .. } => None,
            Self::Source(source) => Some(term(b's', source)),
            Self::Order(id) => Some(term(b'o', id.as_str())),
        }
    }

    /// The fewest lists that hold all that `filter` looks for; no letter is in two of them.
    #[must_use]
    pub fn of(filter: &Filter) -> Vec<Self> {
        let kinds = |of: &dyn Fn(Kind) -> bool| {
            let kinds = Kind::ALL.iter().map(|(kind, _)| *kind);
            let wanted = kinds.filter(|k| filter.kind.is_none_or(|kind| *k == kind) && of(*k));
            let states = [true, false].into_iter();
            let states = states.filter(|state| filter.open.is_none_or(|open| *state == open));
            wanted
                .flat_map(|kind| states.clone().map(move |open| Self::Kind { kind, open }))
                .collect::<Vec<_>>()
        };
        if let Some(source) = &filter.source {
            return vec![Self::Source(source.clone())];
        }
        if filter.batch.is_some() {
            return kinds(&is_of_batch);
        }
        match &filter.order {
            Some(id) => {
                let mut lists = kinds(&|kind| kind == Kind::Item);
                lists.push(Self::Order(id.clone()));
                lists
            }
            None => kinds(&|_| true),
        }
    }
}

/// Names have no zero byte, which ends them.
fn term(tag: u8, name: &str) -> Vec<u8> {
    let mut term = Vec::with_capacity(name.len() + 2);
    term.push(tag);
    term.extend_from_slice(name.as_bytes());
    term.push(0);
    term
}

/// A page of letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// The letters.
    pub rows: Vec<(Seq, Row)>,
    /// Where the next page begins; `None` at the end. A page may be short and still have one.
    pub next: Option<Seq>,
}
