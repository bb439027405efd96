//! Looks at a batch before any of it is taken in: judges every document, leaves the valid ones in
//! the bucket for the map to read, records the others, and says what it found.
//!
//! The same input is the same batch, however often it is looked at; an id that was used for other
//! input is refused.
//!
//! Never: an order. The items are taken in one by one behind it.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use domain::id::{MerchantId, OrderId};
use domain::order::{BatchItem, Channel, InputPlace};
use messages::{Lang, Phrase};
use object_store::ObjectStore;
use object_store::path::Path;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::batch::input::{Input, Kind, content_id};
use service::batch::split::{Flaw, Format, Prefix, Splitter};
use service::change::{Audit, Fault, Origin};
use service::ledger::{Answer, Ledger, Request};
use service::memory::Clock;
use service::prepare::cut;
use service::wire::document::{self, MissingId};
use service::wire::message::stored;
use service::wire::rules::parse;
use service::wire::violation::Severity;
use service::wire::{csv, rules::CompiledRules};
use tokio::runtime::Handle;

use super::batch_items::once;
use super::batches::{BatchError, Context, Item, Reasons, batch_id, folder};
use super::object::{Object, Writer};

/// Items looked at together, and recorded together where they are no orders.
const ITEMS_PER_READ: usize = 256;
/// Most items whose violations are told: between states there is little room, and all are recorded.
const VIOLATIONS_TOLD_MAX: usize = 50;
/// Most violations that are told of one item.
const FAULTS_TOLD_MAX: usize = 5;

/// Who looks.
#[derive(Clone)]
pub struct BatchValidate {
    /// Where what is no order is recorded, and rules are kept.
    pub ledger: Arc<dyn Ledger>,
    /// How documents are read.
    pub documents: document::Settings,
    /// The bucket.
    pub store: Arc<dyn ObjectStore>,
    /// What time it is.
    pub clock: Clock,
    /// In which language violations are told.
    pub lang: Lang,
}

/// A batch to look at: its orders, or where they are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBatch {
    /// The batch, where the machine says besides when and as what it was started.
    #[serde(default)]
    pub request: Option<Box<NewBatch>>,
    /// As what.
    #[serde(default)]
    pub execution: IgnoredAny,
    /// When.
    #[serde(default)]
    pub started_at: IgnoredAny,
    /// Its id; else the document's own, else its content's hash.
    #[serde(default)]
    pub batch_id: Option<String>,
    /// The sender's metadata.
    #[serde(default)]
    pub metadata: Option<Box<RawValue>>,
    /// Rules of its own.
    #[serde(default)]
    pub pricing_rules: Option<Box<RawValue>>,
    /// The orders.
    #[serde(default)]
    pub orders: Option<Box<RawValue>>,
    /// The object of the bucket that holds them: a document, JSON Lines, or rows.
    #[serde(default)]
    pub key: Option<String>,
    /// Most items that may fail.
    #[serde(default)]
    pub tolerated_failure_count: Option<u64>,
    /// The same in percent.
    #[serde(default)]
    pub tolerated_failure_percentage: Option<u8>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The batch.
    pub batch_id: String,
    /// Items in all.
    pub total: u64,
    /// Items that are orders.
    pub valid: u64,
    /// Items that are none.
    pub invalid: u64,
    /// Those by the first thing wrong with them.
    pub reasons: Reasons,
    /// The first of them, each with what is wrong.
    pub violations: Vec<Wrong>,
    /// The object that holds the valid items: a JSON array.
    pub items: String,
    /// The object of what they share.
    pub context: String,
    /// What the map's results are to be below.
    pub results: String,
}

/// An item that is no order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wrong {
    /// Its place in the batch.
    pub index: u64,
    /// The order that it names.
    pub order_id: Option<String>,
    /// What is wrong with it.
    pub violations: Vec<Told>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where.
    pub pointer: String,
    /// Which rule.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// Where a batch's bytes come from.
enum Source {
    Inline(Bytes),
    Object(Object),
}

impl Source {
    fn open(&self, runtime: &Handle) -> Box<dyn Read + Send> {
        match self {
            Self::Inline(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            Self::Object(object) => Box::new(object.reader(runtime)),
        }
    }
}

impl BatchValidate {
    /// Looks at a batch.
    ///
    /// # Errors
    /// [`BatchError`]
    pub async fn handle(&self, asked: NewBatch) -> Result<Found, BatchError> {
        let new = match asked.request {
            Some(request) => *request,
            None => asked,
        };
        let source = self.source(&new).await?;
        let (this, runtime) = (self.clone(), Handle::current());
        let found = tokio::task::spawn_blocking(move || this.look(&new, &source, &runtime));
        found.await.map_err(|_| BatchError::Invalid("looking at the batch panicked".to_owned()))?
    }

    async fn source(&self, new: &NewBatch) -> Result<Source, BatchError> {
        match (&new.orders, &new.key) {
            (Some(orders), None) => Ok(Source::Inline(orders.get().to_owned().into())),
            (None, Some(key)) => {
                let wrong =
                    |error: object_store::path::Error| BatchError::Invalid(error.to_string());
                let path = Path::parse(key).map_err(wrong)?;
                let found = Object::find(&self.store, path).await?;
                let missing = || BatchError::Invalid(format!("there is no object {key}"));
                Ok(Source::Object(found.ok_or_else(missing)?))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err(BatchError::Invalid("give either `orders` or `key`".to_owned()))
            }
        }
    }

    fn look(&self, new: &NewBatch, source: &Source, runtime: &Handle) -> Result<Found, BatchError> {
        let open = || Ok(source.open(runtime));
        let name = new.key.as_deref().unwrap_or("orders.json");
        // A list in the machine's own state is a list, whatever it looks like.
        let kind = new.orders.as_ref().map(|_| Kind::Document);
        let input = Input::look(open, name, kind).map_err(|error| self.unreadable(&error))?;
        let hash = content_id(source.open(runtime)).map_err(|error| self.unreadable(&error))?;
        let own = input.own_id().map_err(|error| self.unreadable(&error))?;
        let id = match &new.batch_id {
            Some(text) => batch_id(text)?,
            None => own.unwrap_or_else(|| hash.clone()),
        };
        let metadata = match &new.metadata {
            Some(given) => given.get().to_owned(),
            None => input.metadata(),
        };
        service::batch::state::parse_metadata(&metadata)
            .map_err(|error| BatchError::Invalid(error.to_string()))?;
        let given = new.pricing_rules.as_ref().map(|rules| rules.get().as_bytes());
        let rules = given.or(input.header.pricing_rules.as_deref());
        let mut content = blake3::Hasher::new();
        for part in [hash.as_str().as_bytes(), metadata.as_bytes(), rules.unwrap_or_default()] {
            content.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let context = Context {
            batch_id: id.to_string(),
            content: content.finalize().to_hex().to_string(),
            rules: rules.map(|json| self.put_rules(json)).transpose()?.flatten(),
            metadata,
            started_at: (self.clock)().0,
            tolerated_failures: new.tolerated_failure_count,
            tolerated_percentage: new.tolerated_failure_percentage,
        };
        let context = runtime.block_on(context.put(&*self.store, &id))?;
        let mut found = Found {
            batch_id: context.batch_id,
            total: 0,
            valid: 0,
            invalid: 0,
            reasons: Reasons::new(),
            violations: Vec::new(),
            items: format!("{}/items.json", folder(&id)),
            context: Context::key(&id),
            results: format!("{}/results", folder(&id)),
        };
        self.cut(&id, source, &input, &mut found, runtime)?;
        Ok(found)
    }

    /// Why an input cannot be read: what is no batch is not tried again.
    fn unreadable(&self, error: &io::Error) -> BatchError {
        let ours = error.get_ref().and_then(|error| error.downcast_ref::<Phrase>());
        match (error.kind(), ours) {
            (io::ErrorKind::InvalidData, Some(phrase)) => BatchError::Invalid(phrase.to(self.lang)),
            (io::ErrorKind::InvalidData, None) => BatchError::Invalid(error.to_string()),
            _ => BatchError::Unavailable(error.to_string()),
        }
    }

    /// Keeps a batch's own rules; none, where there is no rule and nothing said about others.
    fn put_rules(&self, json: &[u8]) -> Result<Option<u64>, BatchError> {
        let catalogue = self.ledger.catalogue();
        let wrong = |violations: Vec<service::wire::rules::RuleViolation>| {
            let said = violations.iter().take(FAULTS_TOLD_MAX);
            let said: Vec<_> = said.map(|wrong| wrong.message.to(self.lang)).collect();
            BatchError::Invalid(said.join(" "))
        };
        let mut rules: CompiledRules = parse(json, 0, catalogue.exponent).map_err(wrong)?;
        if rules.extend {
            rules = rules.extending(&catalogue.rules).map_err(wrong)?;
        }
        let request = Request::PutRules { rules: Arc::new(rules), installed: false };
        match pollster::block_on(self.ledger.execute(vec![request]))?.pop() {
            Some(Answer::Rules(version)) => Ok(Some(version)),
            Some(_) | None => Err(BatchError::Unavailable("rules were not kept".to_owned())),
        }
    }

    /// Judges every item.
    fn cut(
        &self,
        id: &domain::id::BatchId,
        source: &Source,
        input: &Input,
        found: &mut Found,
        runtime: &Handle,
    ) -> Result<(), BatchError> {
        let unreadable = |error: io::Error| self.unreadable(&error);
        let mut bytes = source.open(runtime);
        let mut before = Prefix::default();
        let mut head = vec![0; usize::try_from(input.header.orders_at).unwrap_or_default()];
        bytes.read_exact(&mut head).map_err(unreadable)?;
        before.add(&head);
        let mut splitter = Splitter::new(bytes, &input.format, before);
        let mut settings = self.documents.clone();
        (settings.missing_id, settings.channel) = (MissingId::Refuse, Channel::Batch);
        let path = Path::from(found.items.as_str());
        let mut out = Writer::new(&self.store, path, "application/json", runtime);
        let written = |error: io::Error| BatchError::Unavailable(error.to_string());
        out.write_all(b"[").map_err(written)?;
        while let Some(chunk) = splitter.next(ITEMS_PER_READ).map_err(unreadable)? {
            let mut audits = Vec::new();
            for item in &chunk.items {
                let range = item.range();
                let at = InputPlace { line: chunk.line, byte: chunk.begin + range.start as u64 };
                let index = found.total;
                found.total += 1;
                let place = BatchItem { batch: id.clone(), index, at: Some(at) };
                let bytes = chunk.bytes.slice(range);
                let judged = judged(&input.format, &bytes, item.flaw, &settings);
                if judged.faults.is_empty() {
                    let separator: &[u8] = if found.valid > 0 { b",\n" } else { b"\n" };
                    found.valid += 1;
                    out.write_all(separator).map_err(written)?;
                    self.put_item(&mut out, index, &judged.document, found).map_err(written)?;
                } else {
                    self.wrong(found, index, &judged);
                    audits.push(audit(place, judged));
                }
            }
            if !audits.is_empty() {
                pollster::block_on(self.ledger.execute_patiently(audits))?;
            }
        }
        out.write_all(b"\n]\n").map_err(written)?;
        out.finish().map_err(written)
    }

    fn put_item(
        &self,
        out: &mut Writer,
        index: u64,
        document: &Bytes,
        found: &Found,
    ) -> io::Result<()> {
        let text = serde_json::to_string(&String::from_utf8_lossy(document))?;
        let item = Item {
            index,
            document: RawValue::from_string(text)?,
            context: Some(found.context.clone()),
        };
        out.write_all(&serde_json::to_vec(&item)?)
    }

    fn wrong(&self, found: &mut Found, index: u64, judged: &Judged) {
        let faults = &judged.faults;
        found.invalid += 1;
        let first = faults.first().map_or("malformed", |fault| &fault.code);
        *found.reasons.entry(first.to_owned()).or_default() += 1;
        if found.violations.len() < VIOLATIONS_TOLD_MAX {
            let told = faults.iter().take(FAULTS_TOLD_MAX).map(|fault| Told {
                pointer: fault.pointer.to_string(),
                code: fault.code.to_string(),
                message: stored(fault, self.lang),
            });
            let order_id = judged.order.as_ref().map(ToString::to_string);
            found.violations.push(Wrong { index, order_id, violations: told.collect() });
        }
    }
}

/// A document as JSON, and what is wrong with it.
struct Judged {
    document: Bytes,
    faults: Vec<Fault>,
    /// The order that it names.
    order: Option<OrderId>,
    merchant: Option<MerchantId>,
}

fn judged(
    format: &Format,
    bytes: &Bytes,
    flaw: Option<Flaw>,
    settings: &document::Settings,
) -> Judged {
    let fault = |pointer: &str, code: &str| Fault { pointer: pointer.into(), code: code.into() };
    let document = match format {
        Format::Table(layout) => Bytes::from(csv::canonical(&layout.original(bytes)).into_owned()),
        Format::JsonLines | Format::Document => bytes.clone(),
    };
    let (order, merchant, mut faults) = match document::read(&document, settings) {
        Ok(read) => {
            let key = read.key().clone();
            (Some(key.id), Some(key.merchant), Vec::new())
        }
        Err(document::Fault::Malformed(_)) => (None, None, vec![fault("", "malformed")]),
        Err(document::Fault::Invalid { found, violations }) => {
            let errors = violations.iter().filter(|wrong| wrong.severity == Severity::Error);
            (found.id, found.merchant, errors.map(Fault::from).collect())
        }
    };
    match flaw {
        Some(Flaw::TooLarge) => faults = vec![fault("", "too_large")],
        Some(Flaw::Apart) => faults = vec![fault("/order_id", "rows_apart")],
        None => {}
    }
    Judged { document, faults, order, merchant }
}

/// Records an item that is no order, once.
fn audit(place: BatchItem, judged: Judged) -> Request {
    let Judged { document, faults, order, merchant } = judged;
    let (origin, batch) = (Origin::of(None, &document), Some(place.clone()));
    let (channel, kept) = (Channel::Batch, cut(&document));
    let audit = Audit { order, merchant, channel, batch, faults, origin, document: kept };
    let done = Arc::new(|_: &Answer| Bytes::from_static(b"done"));
    once(&place, &document, Request::Audit(Box::new(audit)), done)
}
