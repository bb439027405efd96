//! The archive as the API knows it: links to what is there.
//!
//! Never: a question to the store. What has been put says the cursor of whoever puts it.

use std::sync::Arc;
use std::time::Duration;

use connectors::archive::key::Layout;
use connectors::archive::{Archive, Document, NAME};
use service::ledger::{Ledger, Task, Unavailable};
use service::letters::{Filter, Kind};
use service::view::Direction;
use web::archived::{Archived, Original};

use crate::followers::Followers;

/// What the API asks for links.
pub(crate) struct Port {
    pub(crate) archive: Arc<Archive>,
    pub(crate) followers: Arc<Followers>,
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl Archived for Port {
    fn link<'a>(&'a self, of: Original<'a>, lasts: Duration) -> Task<'a, Option<String>> {
        Box::pin(async move {
            if !self.is_there(&of).unwrap_or(false) {
                return None;
            }
            let Original { order, revision, at, document, .. } = of;
            let layout = Layout::of(document);
            let link = self.archive.link(Document { order, revision, at, layout }, lasts);
            link.await.map(String::from)
        })
    }
}

impl Port {
    /// Whether a document was put: the archive is past it, and did not give it up.
    fn is_there(&self, of: &Original<'_>) -> Result<bool, Unavailable> {
        if !self.followers.has_done(NAME, of.seq, of.order) {
            return Ok(false);
        }
        if self.ledger.letters_open()?.iter().all(|(kind, n)| kind != Kind::Delivery || n == 0) {
            return Ok(true);
        }
        let given_up = Filter {
            kind: Some(Kind::Delivery),
            source: Some(NAME.into()),
            merchant: Some(of.order.merchant.clone()),
            order: Some(of.order.id.clone()),
            open: Some(true),
            ..Filter::default()
        };
        let letters = self.ledger.letters(&given_up, Direction::Newest, None, 1)?;
        Ok(letters.rows.is_empty() && letters.next.is_none())
    }
}
