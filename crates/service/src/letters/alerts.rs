//! Alerts: that letters are dead is told at once, and then once in so many minutes with how many
//! there are. A follower like any other, so it is told after a crash too.
//!
//! When an alert is due is a function of the log alone. Time is cut into windows. The first letter
//! after two windows without any is told at once; what else its window has is told with the next
//! one's, at that one's end, and after that each window that has letters is told at its end. So two
//! alerts are never closer than a window is long.
//!
//! Never: an alert about an alert that could not be told.

use std::sync::Arc;

use compact_str::CompactString;
use domain::time::Timestamp;
use parking_lot::Mutex;

use super::{Filter, Kind, Row, is_of_batch};
use crate::change::{Change, Seq, What};
use crate::follow::{Begin, Delivery, Outcome, Sink, Terms};
use crate::ledger::{Ledger, Task, Unavailable};
use crate::notify::Window;
use crate::view::{Direction, Read};

/// What the follower is called.
pub const ALERTS: &str = "alerts";
/// What its deliveries tell.
const KIND: &str = "dead_letters";
/// Most letters that are counted for one alert; beyond them it says "at least".
const COUNTED_MAX: usize = 10_000;
/// Most sources that an alert names.
const SOURCES_MAX: usize = 10;

/// That letters are dead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// The same however often it is told.
    pub id: Box<str>,
    /// How many.
    pub count: u64,
    /// Whether there may be more.
    pub at_least: bool,
    /// How many of each kind.
    pub kinds: Vec<(Kind, u64)>,
    /// The first steps, sinks, queues and batches that they are of.
    pub sources: Vec<CompactString>,
    /// Since when.
    pub from: Timestamp,
}

/// Where alerts go.
pub trait Tell: Send + Sync {
    /// Tells one. It must end by itself.
    fn tell(&self, alert: Alert) -> Task<'_, Outcome>;
}

/// The follower.
pub struct Alerts {
    ledger: Arc<dyn Ledger>,
    minutes: u32,
    tell: Arc<dyn Tell>,
    /// The last window whose letters are gathered up, and the window they are told with.
    gathered: Mutex<Option<(Window, Window)>>,
}

impl std::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerts").field("minutes", &self.minutes).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Tells of what is in `ledger`, at most once in so many minutes.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, minutes: u32, tell: Arc<dyn Tell>) -> Self {
        Self { ledger, minutes: minutes.max(1), tell, gathered: Mutex::default() }
    }

    /// The delivery that a letter is told with.
    fn delivery(&self, seq: Seq, at: Timestamp) -> Read<Delivery> {
        let window = Window::of(at, self.minutes);
        let (id, due) = match self.told_with(window, seq)? {
            Some(with) => (format!("alert-{}", with.from.0), Some(with.until)),
            None => (format!("alert-{}-first", window.from.0), None),
        };
        Ok(Delivery { id: id.into(), seq, order: None, kind: KIND.into(), due })
    }

    /// The window at whose end a letter of `window` is told; `None` for one that is told at once.
    fn told_with(&self, window: Window, seq: Seq) -> Read<Option<Window>> {
        if let Some((of, with)) = *self.gathered.lock()
            && of == window
        {
            return Ok(Some(with));
        }
        let length = window.until.0 - window.from.0;
        let two_before = Timestamp(window.from.0.saturating_sub(2 * length));
        let is_busy = self.any(two_before, window.from, seq)?;
        if !is_busy && !self.any(window.from, window.until, seq)? {
            return Ok(None);
        }
        let with = if is_busy { window } else { Window::of(window.until, self.minutes) };
        *self.gathered.lock() = Some((window, with));
        Ok(Some(with))
    }

    /// Whether a letter was buried in a time, before `seq`.
    fn any(&self, from: Timestamp, until: Timestamp, seq: Seq) -> Read<bool> {
        let filter = Filter { from: Some(from), until: Some(until), ..Filter::default() };
        let mut before = Some(seq);
        loop {
            let page = self.ledger.letters(&filter, Direction::Newest, before, 16)?;
            if page.rows.iter().any(|(_, row)| is_alarming(row)) {
                return Ok(true);
            }
            before = page.next;
            if before.is_none() {
                return Ok(false);
            }
        }
    }

    /// What an alert says: the letters since that one, up to its end.
    fn alert(&self, delivery: &Delivery) -> Read<Alert> {
        let at = self.ledger.change(delivery.seq)?.at;
        let mut alert = Alert { id: delivery.id.clone(), from: at, ..Alert::default() };
        let filter = Filter { until: delivery.due, ..Filter::default() };
        let (mut after, mut looked_at) = (Some(Seq(delivery.seq.0 - 1)), 0);
        // One that is told at once is about one letter.
        let most = if delivery.due.is_some() { COUNTED_MAX } else { 1 };
        loop {
            let limit = 1_000.min(most - looked_at);
            let page = self.ledger.letters(&filter, Direction::Oldest, after, limit)?;
            looked_at += page.rows.len();
            page.rows.iter().for_each(|(_, row)| alert.count(row));
            after = page.next;
            if after.is_none() || looked_at >= most {
                alert.at_least = after.is_some() && most > 1;
                return Ok(alert);
            }
        }
    }
}

impl Alert {
    fn count(&mut self, row: &Row) {
        if !is_alarming(row) {
            return;
        }
        self.count += 1;
        match self.kinds.iter_mut().find(|(kind, _)| *kind == row.kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((row.kind, 1)),
        }
        if self.sources.len() < SOURCES_MAX && !self.sources.contains(&row.source) {
            self.sources.push(row.source.clone());
        }
    }
}

/// Alerts that could not be told are no news for whoever tells alerts.
fn is_alarming(row: &Row) -> bool {
    is_of_batch(row.kind) || row.source != ALERTS
}

impl Sink for Alerts {
    fn name(&self) -> &str {
        ALERTS
    }

    fn begins(&self) -> Begin {
        Begin::Now
    }

    fn terms(&self) -> Terms {
        Terms { concurrency: 1, ..Terms::default() }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        if let Some(again) = Delivery::again(ALERTS, change) {
            return Ok(vec![again]);
        }
        let row = if let What::Letter(letter) = &change.what {
            Some(Row::of_letter(change.at, letter))
        } else if let What::Audit(audit) = &change.what {
            Row::of_audit(change.at, audit)
        } else {
            None
        };
        let told = row.filter(is_alarming).map(|_| self.delivery(seq, change.at));
        told.into_iter().collect()
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        match self.alert(delivery) {
            Ok(alert) => self.tell.tell(alert),
            Err(error) => {
                let reason = error.to_string().into();
                Box::pin(std::future::ready(Outcome::Unavailable { reason, retry_after: None }))
            }
        }
    }
}
