//! What is told of changes, to whom, and by what name: one notice a transition and channel.
//!
//! Everything here follows from the change, the log before it and the rules, so nothing has to be
//! recorded: whoever asks again, after a crash too, gets the same notices with the same ids.
//!
//! Never: a message sent, a clock, a decision about an order.

mod digest;
mod facts;
mod people;
mod rules;

use blake3::Hasher;
use bytes::Bytes;
use domain::event::Event;
use domain::evolve::{begin, evolve};
use domain::id::{BatchId, MerchantId, OrderKey};
use domain::notice::{Notice, Notices, candidate, notice};
use domain::state::OrderState;
use domain::time::Timestamp;

pub use self::digest::{Digest, Digests, LISTED_MAX, Seen, Window};
pub use self::facts::{Line, OrderFacts, order_facts};
pub use self::people::Addressee;
pub use self::rules::{Channel, Planned, Planner, Rule};
use crate::batch::BatchStatus;
use crate::change::{Change, Seq, What};
use crate::ledger::{Ledger, Unavailable, seen};
use crate::view::damaged;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// What.
    pub notice: Notice,
    /// The change that it follows from.
    pub seq: Seq,
    /// When that was.
    pub at: Timestamp,
    /// What it is about.
    pub subject: Subject,
}

/// What a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A transition of an order.
    Order {
        /// Which.
        key: OrderKey,
        /// Its revision then.
        revision: u32,
        /// The event's place in its change: one change may hold several transitions.
        event: usize,
    },
    /// Input that is no order.
    Input {
        /// The seller it names.
        merchant: Option<MerchantId>,
        /// The batch it came with, whose own notice counts it.
        batch: Option<BatchId>,
    },
    /// A batch that is over.
    Batch(BatchId),
}

impl Occasion {
    /// The seller it concerns, where it concerns one.
    #[must_use]
    pub fn merchant(&self) -> Option<&MerchantId> {
        match &self.subject {
            Subject::Order { key, .. } => Some(&key.merchant),
            Subject::Input { merchant, .. } => merchant.as_ref(),
            Subject::Batch(_) => None,
        }
    }

    /// The order it is about, where it is about one.
    #[must_use]
    pub fn order(&self) -> Option<&OrderKey> {
        match &self.subject {
            Subject::Order { key, .. } => Some(key),
            Subject::Input { .. } | Subject::Batch(_) => None,
        }
    }

    /// What the notice is called on `channel` (`email:customer`, `webhook:ep_1`): 32 hexadecimal
    /// digits, the same whenever it is asked, and another for another revision, transition or
    /// channel.
    #[must_use]
    pub fn id(&self, channel: &str) -> Box<str> {
        let seq = self.seq.0.to_le_bytes();
        let notice = self.notice.as_str().as_bytes();
        match &self.subject {
            Subject::Order { key, revision, event } => named(&[
                key.merchant.as_str().as_bytes(),
                key.id.as_str().as_bytes(),
                &revision.to_le_bytes(),
                notice,
                &seq,
                &(*event as u64).to_le_bytes(),
                channel.as_bytes(),
            ]),
            Subject::Input { .. } => named(&[b"input", notice, &seq, channel.as_bytes()]),
            Subject::Batch(id) => {
                named(&[b"batch", id.as_str().as_bytes(), notice, &seq, channel.as_bytes()])
            }
        }
    }
}

/// A name made of parts: no two lists of parts have the same bytes.
fn named(parts: &[&[u8]]) -> Box<str> {
    let mut hasher = Hasher::new_derive_key("Comanda: the name of a notice");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize().to_hex();
    hash[..32].into()
}

/// What of a change is to be told, in order, as far as somebody wants to hear it. Reads nothing
/// where the change alone says that there is nothing.
///
/// # Errors
/// [`Unavailable::Read`] when what happened to the order before is not readable.
pub fn occasions(
    ledger: &dyn Ledger,
    seq: Seq,
    change: &Change,
    wanted: Notices,
) -> Result<Vec<Occasion>, Unavailable> {
    let at = change.at;
    let whole = |notice, subject| {
        let told = wanted.has(notice).then_some(Occasion { notice, seq, at, subject });
        Ok(told.into_iter().collect())
    };
    match &change.what {
        What::Order { key, first, events, .. } => {
            if !events.iter().filter_map(candidate).any(|notice| wanted.has(notice)) {
                return Ok(Vec::new());
            }
            let before = first.map(|first| state_before(ledger, first, seq)).transpose()?;
            let told = transitions(key, before, at, events).filter(|(_, n, _)| wanted.has(*n));
            Ok(told
                .map(|(event, notice, revision)| {
                    let subject = Subject::Order { key: key.clone(), revision, event };
                    Occasion { notice, seq, at, subject }
                })
                .collect())
        }
        What::Audit(audit) => {
            let merchant = audit.merchant.clone();
            let batch = audit.batch.as_ref().map(|item| item.batch.clone());
            whole(Notice::OrderInvalid, Subject::Input { merchant, batch })
        }
        What::Flood(_) => {
            whole(Notice::OrderInvalid, Subject::Input { merchant: None, batch: None })
        }
        What::Batch(batch) => match batch.status {
            BatchStatus::Running => Ok(Vec::new()),
            BatchStatus::Succeeded | BatchStatus::Failed | BatchStatus::Aborted => {
                whole(Notice::BatchFinished, Subject::Batch(batch.id.clone()))
            }
        },
        What::Stray(_)
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
        | What::Sweep(_) => Ok(Vec::new()),
    }
}

/// The transitions in one change of an order: the event's place, what it is called, the order's
/// revision.
fn transitions<'a>(
    key: &'a OrderKey,
    before: Option<OrderState>,
    at: Timestamp,
    events: &'a [Event],
) -> impl Iterator<Item = (usize, Notice, u32)> + 'a {
    let mut order = before;
    events.iter().enumerate().filter_map(move |(place, event)| {
        if let Event::Received(received) = event {
            order = Some(begin(key.clone(), received, at));
        }
        let order = order.as_mut()?;
        let before = order.status;
        evolve(order, event, at, |_, _| {});
        notice(event, before, order.status).map(|notice| (place, notice, order.revision))
    })
}

/// The order that `first` began, as it was before the change at `seq`.
fn state_before(ledger: &dyn Ledger, first: Seq, seq: Seq) -> Result<OrderState, Unavailable> {
    let mut order: Option<OrderState> = None;
    for earlier in changes_before(ledger, first, seq)? {
        let change = ledger.change(earlier)?;
        let (key, events, _) = order_of(change.what)?;
        for event in &events {
            if let Event::Received(received) = event {
                order = Some(begin(key.clone(), received, change.at));
            }
            if let Some(order) = &mut order {
                evolve(order, event, change.at, |_, _| {});
            }
        }
    }
    order.ok_or_else(|| damaged("an order's history does not begin with its receipt"))
}

/// The parts of a change that is about an order.
fn order_of(what: What) -> Result<(OrderKey, Vec<Event>, Option<Bytes>), Unavailable> {
    let What::Order { key, events, document, .. } = what else {
        return Err(damaged("an order's history points at another change"));
    };
    Ok((key, events, document))
}

/// The changes of the order that `first` began, before `seq`, oldest first.
fn changes_before(ledger: &dyn Ledger, first: Seq, seq: Seq) -> Result<Vec<Seq>, Unavailable> {
    let later = seen(ledger, |view| Ok(view.entry(first)?.later))?;
    Ok(std::iter::once(first).chain(later).take_while(|at| *at < seq).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
