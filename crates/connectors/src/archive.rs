//! The archive: the original bytes of every order, byte for byte, in an object store or a folder.
//!
//! One object a revision, under a name made of the order (`key`). Put again it is the same object,
//! so that a delivery that is repeated changes nothing; other bytes under its name are never
//! replaced. The store's own signed links lead to it.
//!
//! Never: an object that is overwritten, a document that was changed on the way.

pub mod key;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::event::Event;
use domain::id::OrderKey;
use domain::time::Timestamp;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{
    Attribute, Attributes, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};
use reqwest::Url;
use service::change::{Change, Seq, What};
use service::follow::{Begin, Delivery, Outcome, Sink, Terms};
use service::ledger::{Found, Ledger, Task, Unavailable};

use self::key::Layout;
use crate::http::shortened;
use crate::place::{Objects, Place, PlaceError};

/// What the archive's cursor is filed under.
pub const NAME: &str = "archive";
/// How long one put may take, the longest document included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where an archive is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bucket or the folder.
    pub place: Place,
    /// Most puts under way at once.
    pub concurrency: usize,
}

/// An archive, as a sink.
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    /// What signs links; a folder has nobody.
    signer: Option<Arc<AmazonS3>>,
    prefix: Path,
    concurrency: usize,
    ledger: Arc<dyn Ledger>,
}

/// A document of an archive.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Of which order.
    pub order: &'a OrderKey,
    /// Of which revision.
    pub revision: u32,
    /// When that came.
    pub at: Timestamp,
    /// How it is laid out.
    pub layout: Layout,
}

impl Archive {
    /// The archive there, of what `ledger` holds.
    ///
    /// # Errors
    /// [`PlaceError`]; whether the store answers is not asked.
    pub fn open(settings: &Settings, ledger: Arc<dyn Ledger>) -> Result<Self, PlaceError> {
        let Objects { store, signer, prefix } = settings.place.open()?;
        Ok(Self { store, signer, prefix, concurrency: settings.concurrency, ledger })
    }

    /// A link to a document that needs no key until it expires; a folder has none. It is not
    /// asked whether the document is there.
    pub async fn link(&self, document: Document<'_>, lasts: Duration) -> Option<Url> {
        let path = self.path(document);
        match self.signer.as_ref()?.signed_url(Method::GET, &path, lasts).await {
            Ok(link) => Some(link),
            Err(error) => {
                tracing::warn!(error = %reason(&error), "no link to the archive: {}", reason(&error));
                None
            }
        }
    }

    /// Whether a document is there. A bucket that denies saying so counts as one without it: roles
    /// that may not list are told of what is missing that they may not see it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn holds(&self, document: Document<'_>) -> Result<bool, Error> {
        match self.store.head(&self.path(document)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. } | Error::PermissionDenied { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn path(&self, Document { order, revision, at, layout }: Document<'_>) -> Path {
        let name = key::name(order, revision, at, layout);
        let all = match self.prefix.as_ref() {
            "" => name,
            prefix => format!("{prefix}/{name}"),
        };
        Path::parse(all).expect("a name of the archive is a path")
    }

    async fn put(&self, seq: Seq) -> Outcome {
        let (path, layout, document) = match self.document(seq) {
            Ok(Some(found)) => found,
            Ok(None) => return Outcome::Skipped { reason: "the change has no document".into() },
            Err(error) => return unavailable(&error.to_string()),
        };
        match tokio::time::timeout(TIMEOUT, self.put_document(&path, layout, &document)).await {
            Ok(outcome) => outcome,
            Err(_) => unavailable("no answer in time"),
        }
    }

    /// The document that came with a change, and where it belongs.
    fn document(&self, seq: Seq) -> Result<Option<(Path, Layout, Bytes)>, Unavailable> {
        let Change { at, what } = self.ledger.change(seq)?;
        let What::Order { key, events, document: Some(document), .. } = what else {
            return Ok(None);
        };
        let revision = match revised(&events) {
            None => return Ok(None),
            Some(Revised::First) => 1,
            Some(Revised::Later) => {
                let Found::Order(view) = self.ledger.order(&key.id, Some(&key.merchant))? else {
                    return Err(Unavailable::Read("an amended order is not there".to_owned()));
                };
                let earlier = view.revisions.iter().take_while(|revision| **revision != seq);
                u32::try_from(earlier.count()).unwrap_or(u32::MAX).saturating_add(1)
            }
        };
        let layout = Layout::of(&document);
        let path = self.path(Document { order: &key, revision, at, layout });
        Ok(Some((path, layout, document)))
    }

    async fn put_document(&self, path: &Path, layout: Layout, document: &Bytes) -> Outcome {
        let mut options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        if self.signer.is_some() {
            options.attributes = attributes(layout);
        }
        let put = self.store.put_opts(path, document.clone().into(), options.clone()).await;
        let put = match put {
            // A store that knows no conditions: the same name has the same bytes anyway.
            Err(error) if lacks_conditions(&error) => {
                options.mode = PutMode::Overwrite;
                self.store.put_opts(path, document.clone().into(), options).await
            }
            put => put,
        };
        match put {
            Ok(_) => Outcome::Delivered,
            Err(Error::AlreadyExists { .. }) => match self.is_there(path, document).await {
                Ok(true) => Outcome::Delivered,
                Ok(false) => {
                    let reason = "other bytes are in the archive under the document's name";
                    Outcome::Refused { reason: reason.into() }
                }
                Err(error) => unavailable(&reason(&error)),
            },
            // What a store says about one document it says about all: a wrong bucket, key, right.
            Err(error) => unavailable(&reason(&error)),
        }
    }

    /// Whether these very bytes are there.
    async fn is_there(&self, path: &Path, document: &Bytes) -> Result<bool, Error> {
        let found = self.store.get(path).await?;
        let is_as_long = found.meta.size == document.len() as u64;
        Ok(is_as_long && found.bytes().await? == *document)
    }
}

impl Sink for Archive {
    fn name(&self) -> &str {
        NAME
    }

    /// With the first: an archive holds everything.
    fn begins(&self) -> Begin {
        Begin::Oldest
    }

    fn terms(&self) -> Terms {
        Terms { concurrency: self.concurrency.max(1), ..Terms::default() }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        if let Some(again) = Delivery::again(NAME, change) {
            return Ok(vec![again]);
        }
        let What::Order { key, events, document: Some(_), .. } = &change.what else {
            return Ok(Vec::new());
        };
        if revised(events).is_none() {
            return Ok(Vec::new());
        }
        Ok(vec![Delivery {
            id: id(key, seq),
            seq,
            order: Some(key.clone()),
            kind: "document.archived".into(),
            due: None,
        }])
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        Box::pin(self.put(delivery.seq))
    }
}

/// What a document of a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revised {
    First,
    Later,
}

/// What the document of a change is, where it is an order's: what was refused is none.
fn revised(events: &[Event]) -> Option<Revised> {
    events.iter().find_map(|event| match event {
        Event::Received(_) => Some(Revised::First),
        Event::Amended(_) => Some(Revised::Later),
        Event::Priced(_)
        | Event::Allocated { .. }
        | Event::Rejected(_)
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Redriven { .. }
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Cancelled { .. }
        | Event::Fulfilled
        | Event::Repeated { .. }
        | Event::Refused(_) => None,
    })
}

/// A delivery's id: of the order's change, the same whenever it is asked.
fn id(order: &OrderKey, seq: Seq) -> Box<str> {
    let mut hash = blake3::Hasher::new();
    for part in [NAME, order.merchant.as_str(), order.id.as_str()] {
        hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hash.update(&seq.0.to_le_bytes());
    hash.finalize().to_hex().as_str().into()
}

/// What a document is served as: by its type, and never shown or run by a browser.
fn attributes(layout: Layout) -> Attributes {
    Attributes::from_iter([
        (Attribute::ContentType, layout.media_type()),
        (Attribute::ContentDisposition, "attachment"),
        (Attribute::CacheControl, "private"),
    ])
}

/// Whether a store says that it knows no condition on a put.
fn lacks_conditions(error: &Error) -> bool {
    match error {
        Error::NotImplemented { .. } | Error::NotSupported { .. } => true,
        other => code(&text(other)).is_some_and(|code| code == "NotImplemented"),
    }
}

fn unavailable(reason: &str) -> Outcome {
    Outcome::Unavailable { reason: reason.into(), retry_after: None }
}

/// The innermost cause: what others say around it names the document.
fn text(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The code of an error as S3 puts it.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    Some(rest.split_once("</Code>")?.0)
}

/// Why, for people: what the store says, without what was to be put.
fn reason(error: &Error) -> String {
    let text = text(error);
    match code(&text) {
        Some("NoSuchBucket") => "the bucket is not there: NoSuchBucket".to_owned(),
        Some(code @ ("AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch")) => {
            format!("the store denies access: {code}")
        }
        Some(code) => format!("the store answered {code}"),
        None => shortened(&text).to_owned(),
    }
}

#[cfg(test)]
mod tests;
