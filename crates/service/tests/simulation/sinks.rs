//! What follows the log here: each selects as it would anywhere, and delivers nothing itself; what
//! becomes of an attempt is up to the destination (see `outside`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::event::Event;
use domain::id::StepName;
use domain::notice::{Notice, Notices};
use service::change::{Change, Seq, What};
use service::follow::{Begin, Delivery, Outcome, Retention, Sink, Terms};
use service::ledger::{Ledger, Task, Unavailable};
use service::notify::{Window, occasions};
use service::passed::passed;

use crate::ledger::SimLedger;

const SECOND: Duration = Duration::from_secs(1);

/// Everything that happens to orders, told one after another.
pub(crate) struct Hook {
    pub(crate) name: &'static str,
    pub(crate) terms: Terms,
}

/// What people are told of orders and of input that is none.
pub(crate) struct Mail(pub(crate) Arc<SimLedger>);

/// The questions to an external step.
pub(crate) struct Questions {
    pub(crate) name: Box<str>,
    pub(crate) step: StepName,
    pub(crate) ledger: Arc<SimLedger>,
}

/// The external steps there may be, in their order.
pub(crate) fn steps() -> [StepName; 2] {
    ["fraud", "erp"].map(|name| StepName::parse(name).expect("a name"))
}

/// The sinks of a history, besides those of its steps.
pub(crate) fn sinks(ledger: &Arc<SimLedger>) -> Vec<Arc<dyn Sink>> {
    let pauses: Vec<Duration> = [1, 2, 4, 8].map(Duration::from_secs).to_vec();
    let steady = Terms { concurrency: 3, pauses: pauses.clone(), ..Terms::default() };
    let retention = Retention { age: Some(SECOND * 90), bytes: None };
    let hasty = Terms { concurrency: 8, per_second: Some(20), pauses, retention };
    vec![
        Arc::new(Hook { name: "steady", terms: steady }),
        Arc::new(Hook { name: "hasty", terms: hasty }),
        Arc::new(Mail(ledger.clone())),
    ]
}

impl Sink for Hook {
    fn name(&self) -> &str {
        self.name
    }

    fn begins(&self) -> Begin {
        Begin::Oldest
    }

    fn terms(&self) -> Terms {
        self.terms.clone()
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        let again = Delivery::again(self.name, change);
        let What::Order { key, .. } = &change.what else { return Ok(Vec::from_iter(again)) };
        let (id, order) = (format!("{}/{}", self.name, seq.0).into(), Some(key.clone()));
        Ok(vec![Delivery { id, seq, order, kind: "order.changed".into(), due: None }])
    }

    fn deliver<'a>(&'a self, _: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        panic!("the destination decides")
    }
}

impl Sink for Mail {
    fn name(&self) -> &str {
        "mail"
    }

    fn begins(&self) -> Begin {
        Begin::Oldest
    }

    fn terms(&self) -> Terms {
        Terms { concurrency: 2, pauses: vec![SECOND, SECOND * 5], ..Terms::default() }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        let wanted: Notices = Notice::ALL.iter().map(|(notice, _)| *notice).collect();
        let told = occasions(&*self.0 as &dyn Ledger, seq, change, wanted)?;
        let deliveries = told.iter().map(|occasion| {
            let gathered = occasion.notice == Notice::OrderInvalid;
            let window = gathered.then(|| Window::of(occasion.at, 1));
            let of_all = BTreeSet::new();
            Delivery {
                id: window.map_or_else(|| occasion.id("mail"), |window| window.id(&of_all, "mail")),
                seq,
                order: occasion.order().cloned(),
                kind: occasion.notice.as_str().into(),
                due: window.map(|window| window.until),
            }
        });
        Ok(deliveries.chain(Delivery::again("mail", change)).collect())
    }

    fn deliver<'a>(&'a self, _: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        panic!("the destination decides")
    }
}

impl Sink for Questions {
    fn name(&self) -> &str {
        &self.name
    }

    fn begins(&self) -> Begin {
        Begin::Oldest
    }

    fn terms(&self) -> Terms {
        // Whoever asks gives up by itself, after fewer attempts.
        Terms { concurrency: 4, pauses: vec![SECOND; 50], ..Terms::default() }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        let What::Order { key, events, .. } = &change.what else { return Ok(Vec::new()) };
        if !events.iter().any(begins_to_wait) {
            return Ok(Vec::new());
        }
        let after = passed(&*self.ledger, seq, change)?.pop();
        let after = after.filter(|order| order.awaits() == Some(&self.step));
        let question = after.map(|order| Delivery {
            id: format!("{}/{}/{}", self.name, key.id, order.revision).into(),
            seq,
            order: Some(key.clone()),
            kind: "question".into(),
            due: None,
        });
        Ok(Vec::from_iter(question))
    }

    fn deliver<'a>(&'a self, _: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        panic!("the destination decides")
    }
}

fn begins_to_wait(event: &Event) -> bool {
    matches!(
        event,
        Event::StepsAwaited { .. }
            | Event::Redriven { .. }
            | Event::StepPassed { .. }
            | Event::StepRemoved { .. }
    )
}
