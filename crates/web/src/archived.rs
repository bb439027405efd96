//! Documents in an archive beside the log, and links to them there.
//!
//! Never: a link to a document that is not there yet; until it is, our own leads to it.

use std::time::Duration;

use domain::id::OrderKey;
use domain::time::Timestamp;
use service::change::Seq;
use service::ledger::{OrderView, Task};

use crate::App;

/// The document of an order's revision.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    /// The order.
    pub order: &'a OrderKey,
    /// The revision.
    pub revision: u32,
    /// The change that it came with.
    pub seq: Seq,
    /// When that was.
    pub at: Timestamp,
    /// Its bytes.
    pub document: &'a [u8],
}

/// Whoever keeps documents beside the log.
pub trait Archived: Send + Sync {
    /// A link to a document that needs no key until it expires; `None` where it is not there yet,
    /// or nobody signs links.
    fn link<'a>(&'a self, of: Original<'a>, lasts: Duration) -> Task<'a, Option<String>>;
}

/// Nobody keeps any.
pub(crate) struct NotArchived;

impl Archived for NotArchived {
    fn link<'a>(&'a self, _: Original<'a>, _: Duration) -> Task<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

/// The archive's link to an order's document, where it has one.
pub(crate) async fn link(app: &App, view: &OrderView) -> Option<String> {
    let seq = *view.revisions.last()?;
    let (_, at, _) = view.history.iter().find(|(of, _, _)| *of == seq)?;
    let of = Original {
        order: &view.state.key,
        revision: view.state.revision,
        seq,
        at: *at,
        document: &view.document,
    };
    app.archive.link(of, app.settings.limits.document_link).await
}
