//! A piece of the log as a sink sees it: what is for it, and how far that goes.

use std::sync::Arc;

use domain::time::Timestamp;

use super::{Delivery, Sink};
use crate::change::{Change, Seq};
use crate::ledger::Unavailable;

/// What a sink selected from some changes that follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Changes that something is delivered of, oldest first.
    pub selected: Vec<Selected>,
    /// The last change that was looked at; where it began, when there was none.
    pub until: Option<Seq>,
    /// How many changes were looked at.
    pub changes: usize,
    /// Whether the log had no more.
    pub is_end: bool,
}

/// A change that something is delivered of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The change before it; where the page began, when it is the first.
    pub before: Option<Seq>,
    /// The change.
    pub seq: Seq,
    /// When it was made.
    pub at: Timestamp,
    /// What is delivered of it, in order.
    pub deliveries: Vec<Arc<Delivery>>,
}

impl Page {
    /// What `sink` selects from `changes`, which begin behind `after` and were asked for with
    /// `limit`. It ends early once as much is selected as was asked for.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when the sink cannot tell about the first of them.
    pub fn select(
        sink: &(impl Sink + ?Sized),
        after: Option<Seq>,
        changes: &[(Seq, Change)],
        limit: usize,
    ) -> Result<Self, Unavailable> {
        let mut page = Self { until: after, is_end: changes.len() < limit, ..Self::default() };
        let mut deliveries = 0;
        for (seq, change) in changes {
            let selected = match sink.select(*seq, change) {
                Ok(selected) if deliveries < limit => selected,
                Err(error) if page.changes == 0 => return Err(error),
                // What was selected before it goes out; the rest is asked for again.
                Ok(_) | Err(_) => {
                    page.is_end = false;
                    break;
                }
            };
            deliveries += selected.len();
            if !selected.is_empty() {
                page.selected.push(Selected {
                    before: page.until,
                    seq: *seq,
                    at: change.at,
                    deliveries: selected.into_iter().map(Arc::new).collect(),
                });
            }
            page.until = Some(*seq);
            page.changes += 1;
        }
        Ok(page)
    }
}
