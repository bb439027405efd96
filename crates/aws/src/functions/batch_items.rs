//! Takes in items of a batch: one, or as many as the map hands over at once. Each is done once: an
//! invocation that is tried again gives the same outcomes, because an item's outcome commits with
//! its order, under a key made of the batch, its place and its content.
//!
//! Never: an item that fails with its neighbours.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::command;
use domain::order::{BatchItem, Channel};
use object_store::ObjectStore;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::batch::summary::Asked;
use service::change::{Audit, Fault, Origin};
use service::ledger::{Amend, Answer, BatchRules, Cancel, Ledger, Receive, Request};
use service::once::{Key, Once, Outcome, Render};
use service::prepare::cut;
use service::wire::document::{self, Command, MissingId};
use service::wire::violation::Severity;

use super::batches::{BatchError, Context, Item, ItemOutcome, batch_id};
use super::work::blocking;

/// What every key's name begins with: none is good for another intake.
const PURPOSE: &[u8] = b"comanda batch item 1";
/// Most contexts that are kept for the next invocation.
const CONTEXTS_MAX: usize = 16;

/// Who takes items in.
pub struct BatchItems {
    ledger: Arc<dyn Ledger>,
    documents: document::Settings,
    store: Arc<dyn ObjectStore>,
    known: Mutex<HashMap<String, Shared>>,
}

/// A batch's context, with its rules compiled.
type Shared = Arc<(Context, Option<Arc<BatchRules>>)>;

/// What the map hands over: several items with what they share, or one.
#[derive(Deserialize)]
pub struct Handed {
    /// The items.
    #[serde(rename = "Items", default)]
    pub items: Option<Vec<Item>>,
    /// What they share.
    #[serde(rename = "BatchInput", default)]
    pub shared: Option<BatchInput>,
    /// The place of the one.
    #[serde(default)]
    pub index: Option<u64>,
    /// Its document.
    #[serde(default)]
    pub document: Option<Box<RawValue>>,
    /// Where its batch's context is.
    #[serde(default)]
    pub context: Option<String>,
}

/// What items share, by name.
#[derive(Deserialize)]
pub struct BatchInput {
    /// Where the batch's context is.
    pub context: String,
}

/// How what was handed over came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CameOut {
    /// Several items.
    Several {
        /// In their order.
        results: Vec<ItemOutcome>,
    },
    /// One.
    One(Box<ItemOutcome>),
}

impl BatchItems {
    /// Into `ledger`, by how documents are read.
    #[must_use]
    pub fn new(
        ledger: Arc<dyn Ledger>,
        mut documents: document::Settings,
        store: Arc<dyn ObjectStore>,
    ) -> Self {
        (documents.missing_id, documents.channel) = (MissingId::Refuse, Channel::Batch);
        Self { ledger, documents, store, known: Mutex::default() }
    }

    /// Takes the items in.
    ///
    /// # Errors
    /// [`BatchError`]: what was done is found done when it is tried again.
    pub async fn handle(&self, handed: Handed) -> Result<CameOut, BatchError> {
        let Handed { items, shared, index, document, context } = handed;
        let shared = shared.map(|shared| shared.context);
        match (items, index, document) {
            (Some(items), _, _) => {
                let results = self.items(&items, shared.as_deref()).await?;
                Ok(CameOut::Several { results })
            }
            (None, Some(index), Some(document)) => {
                let item = Item { index, document, context };
                let outcome = self.items(&[item], shared.as_deref()).await?.pop();
                let outcome = outcome.ok_or_else(|| unanswered("an item"))?;
                Ok(CameOut::One(Box::new(outcome)))
            }
            (None, _, _) => {
                let wrong = "give `Items`, or one item: `index` and `document`";
                Err(BatchError::Invalid(wrong.to_owned()))
            }
        }
    }

    async fn items(
        &self,
        items: &[Item],
        shared: Option<&str>,
    ) -> Result<Vec<ItemOutcome>, BatchError> {
        let Some(first) = items.first() else { return Ok(Vec::new()) };
        let key = first.context.as_deref().or(shared);
        let key = key.ok_or_else(|| {
            BatchError::Invalid("items without a batch: give `context`, or `BatchInput`".to_owned())
        })?;
        let shared = self.shared(key).await?;
        let batch = batch_id(&shared.0.batch_id)?;
        let asked: Vec<(u64, Request)> = items
            .iter()
            .map(|item| {
                let place = BatchItem { batch: batch.clone(), index: item.index, at: None };
                (item.index, self.request(place, item.bytes(), shared.1.clone()))
            })
            .collect();
        let (indexes, requests): (Vec<u64>, Vec<Request>) = asked.into_iter().unzip();
        let answers = self.ledger.execute_patiently(requests).await?;
        indexes.iter().zip(answers).map(|(index, answer)| came_out(*index, answer)).collect()
    }

    async fn shared(&self, key: &str) -> Result<Shared, BatchError> {
        if let Some(known) = self.known.lock().get(key) {
            return Ok(known.clone());
        }
        let context = Context::get(&*self.store, key).await?;
        let rules = blocking(|| context.rules(&*self.ledger))?;
        let shared = Arc::new((context, rules));
        let mut known = self.known.lock();
        if known.len() >= CONTEXTS_MAX {
            known.clear();
        }
        known.insert(key.to_owned(), shared.clone());
        Ok(shared)
    }

    /// What an item asks for, once.
    fn request(
        &self,
        place: BatchItem,
        document: Bytes,
        rules: Option<Arc<BatchRules>>,
    ) -> Request {
        let index = place.index;
        let (request, asked) = self.asked(place.clone(), document.clone(), rules);
        let render = move |answer: &Answer| {
            let outcome = ItemOutcome::of(index, &asked, answer);
            serde_json::to_vec(&outcome).map(Bytes::from).unwrap_or_default()
        };
        once(&place, &document, request, Arc::new(render))
    }

    fn asked(
        &self,
        place: BatchItem,
        document: Bytes,
        rules: Option<Arc<BatchRules>>,
    ) -> (Request, Asked) {
        let batch = Some(place);
        let read = match document::read(&document, &self.documents) {
            Ok(read) => read,
            Err(fault) => return no_order(batch, document, fault),
        };
        let (key, warnings) = (read.key().clone(), read.warnings.iter().map(Fault::from).collect());
        match read.command {
            Command::Create(order) => {
                let receive = Receive { order, document, warnings, batch, rules };
                (Request::Receive(Box::new(receive)), Asked::Order(key))
            }
            Command::Amend(order) => {
                let amend = Amend { order, document, warnings, batch, revision: None };
                (Request::Amend(Box::new(amend)), Asked::Change(key))
            }
            Command::Cancel(order) => {
                let command = command::Cancel { order, reason: None, channel: read.channel, batch };
                let cancel = Cancel { command, document: Some(document) };
                (Request::Cancel(Box::new(cancel)), Asked::Change(key))
            }
        }
    }
}

fn no_order(batch: Option<BatchItem>, document: Bytes, fault: document::Fault) -> (Request, Asked) {
    let (order, merchant, faults) = match fault {
        document::Fault::Malformed(_) => {
            (None, None, vec![Fault { pointer: "".into(), code: "malformed".into() }])
        }
        document::Fault::Invalid { found, violations } => {
            let errors = violations.iter().filter(|wrong| wrong.severity == Severity::Error);
            (found.id, found.merchant, errors.map(Fault::from).collect())
        }
    };
    let (origin, asked) = (Origin::of(None, &document), Asked::Nothing(faults.clone()));
    let (channel, document) = (Channel::Batch, cut(&document));
    let audit = Audit { order, merchant, channel, batch, faults, origin, document };
    (Request::Audit(Box::new(audit)), asked)
}

/// A request for an item that is done once.
pub(super) fn once(
    place: &BatchItem,
    document: &Bytes,
    request: Request,
    render: Arc<dyn Fn(&Answer) -> Bytes + Send + Sync>,
) -> Request {
    let content = *blake3::hash(document).as_bytes();
    let mut name = blake3::Hasher::new();
    for part in [PURPOSE, place.batch.as_str().as_bytes(), &place.index.to_le_bytes()] {
        name.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let key = Key { name: *name.finalize().as_bytes(), content };
    // What failed by a fault of ours is tried again, and not kept.
    let render =
        Render(Arc::new(move |answer| (!matches!(answer, Answer::Broken)).then(|| render(answer))));
    Request::Once(Box::new(Once { key, request, render }))
}

/// How an item came out: what was kept of it, the first time and every other.
fn came_out(index: u64, answer: Answer) -> Result<ItemOutcome, BatchError> {
    let Answer::Once(outcome) = answer else { return Err(unanswered("an item")) };
    let kept = match *outcome {
        Outcome::Now { kept: Some(kept), .. } | Outcome::Before(kept) => kept,
        Outcome::Now { kept: None, .. } => {
            let reason = Some(service::letters::INTERNAL_ERROR.to_owned());
            return Ok(ItemOutcome { index, reason, ..ItemOutcome::default() });
        }
        Outcome::OtherContent => {
            return Err(BatchError::Invalid(format!("item {index} was sent with other content")));
        }
    };
    serde_json::from_slice(&kept).map_err(|_| unanswered("what was kept of an item"))
}

fn unanswered(what: &str) -> BatchError {
    BatchError::Unavailable(format!("{what} was not understood"))
}
