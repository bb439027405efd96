//! Which notices go where: an installation's rules, and what they decide of a change.
//!
//! Never: more than one delivery for one transition and channel, however many rules say so.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::id::MerchantId;
use domain::notice::{Notice, Notices};
use messages::Lang;

use super::digest::{Digests, Window};
use super::{Occasion, Subject, occasions};
use crate::change::{Change, Seq};
use crate::follow::Delivery;
use crate::ledger::{Ledger, Unavailable};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is told.
    pub on: Notices,
    /// Of these sellers; of all when there are none. What concerns no seller is told always.
    pub merchants: BTreeSet<MerchantId>,
    /// How, and to whom.
    pub channels: Vec<Channel>,
    /// In this language; in the reader's, as far as it is known, when absent.
    pub language: Option<Lang>,
    /// For how many minutes input that is no order is gathered up into one delivery.
    pub every_minutes: u32,
}

/// A way to tell something, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// An e-mail to the customer whom the order names; none where it is about no order.
    Customer,
    /// An e-mail to this address.
    Address(Box<str>),
    /// A line of the log.
    Log,
}

impl Channel {
    /// What tells channels apart in the name of a notice.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Customer => "email:customer".to_owned(),
            Self::Address(address) => format!("email:{address}"),
            Self::Log => "log".to_owned(),
        }
    }

    /// Whether it is an e-mail.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        match self {
            Self::Customer | Self::Address(_) => true,
            Self::Log => false,
        }
    }

    /// Whether there is somebody there to be told.
    fn reaches(&self, occasion: &Occasion) -> bool {
        match self {
            Self::Customer => occasion.order().is_some(),
            Self::Address(_) | Self::Log => true,
        }
    }
}

impl Rule {
    /// Whether it tells of this.
    #[must_use]
    pub fn tells(&self, occasion: &Occasion) -> bool {
        let of_batch = match &occasion.subject {
            Subject::Input { batch, .. } => batch.is_some(),
            Subject::Order { .. } | Subject::Batch(_) => false,
        };
        // What is wrong with a batch's items is told with the batch: a file of a million bad lines
        // is one message.
        self.on.has(occasion.notice) && !of_batch && self.concerns(occasion.merchant())
    }

    /// Whether it is for this seller.
    #[must_use]
    pub fn concerns(&self, merchant: Option<&MerchantId>) -> bool {
        self.merchants.is_empty() || merchant.is_none_or(|id| self.merchants.contains(id))
    }

    /// The time over which this is gathered up before it is told; `None` when it is told at once.
    #[must_use]
    pub fn gathers(&self, occasion: &Occasion) -> Option<Window> {
        let gathered = occasion.notice == Notice::OrderInvalid;
        gathered.then(|| Window::of(occasion.at, self.every_minutes))
    }
}

/// A delivery with all that it follows from.
#[derive(Debug)]
pub struct Planned<'a> {
    /// The delivery.
    pub delivery: Delivery,
    /// What it tells.
    pub occasion: Occasion,
    /// By which rule.
    pub rule: &'a Rule,
    /// How, and to whom.
    pub channel: &'a Channel,
    /// What it gathers up, when it does.
    pub window: Option<Window>,
}

/// Decides by rules.
#[derive(Debug)]
pub struct Planner {
    rules: Vec<Rule>,
    wanted: Notices,
    /// Which change is the first of its window.
    pub digests: Digests,
}

impl Planner {
    /// Decides by those of `rules` that have channels which are `wanted`, for those alone.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, rules: &[Rule], wanted: impl Fn(&Channel) -> bool) -> Self {
        let only = |rule: &Rule| {
            let channels: Vec<_> = rule.channels.iter().filter(|c| wanted(c)).cloned().collect();
            (!channels.is_empty()).then(|| Rule { channels, ..rule.clone() })
        };
        let rules: Vec<Rule> = rules.iter().filter_map(only).collect();
        let wanted = rules.iter().fold(Notices::default(), |all, rule| all.or(rule.on));
        Self { rules, wanted, digests: Digests::new(ledger) }
    }

    /// Whether there is nothing that it would ever tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.wanted == Notices::default()
    }

    /// What is told of a change, in order. The same whenever it is asked.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what happened before is not readable.
    pub fn plan(&self, seq: Seq, change: &Change) -> Result<Vec<Planned<'_>>, Unavailable> {
        let (mut planned, mut ids) = (Vec::new(), BTreeSet::new());
        let ledger = self.digests.ledger();
        for occasion in occasions(ledger, seq, change, self.wanted)? {
            for (number, rule) in self.rules.iter().enumerate() {
                let window = rule.gathers(&occasion);
                if !rule.tells(&occasion) {
                    continue;
                }
                if let Some(window) = window
                    && !self.digests.is_first(rule, number, window, seq)?
                {
                    continue;
                }
                let told = deliveries(&occasion, rule, window);
                planned.extend(told.filter(|told| ids.insert(told.delivery.id.clone())));
            }
        }
        Ok(planned)
    }

    /// The delivery of that id, decided again; `None` when no rule tells of it any more.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what it tells is not readable.
    pub fn again(&self, delivery: &Delivery) -> Result<Option<(Planned<'_>, Change)>, Unavailable> {
        let change = self.digests.ledger().change(delivery.seq)?;
        let planned = self.plan(delivery.seq, &change)?;
        let planned = planned.into_iter().find(|planned| planned.delivery.id == delivery.id);
        Ok(planned.map(|planned| (planned, change)))
    }
}

/// What a rule makes of an occasion: one delivery a channel.
fn deliveries<'a>(
    occasion: &Occasion,
    rule: &'a Rule,
    window: Option<Window>,
) -> impl Iterator<Item = Planned<'a>> {
    rule.channels.iter().filter(|channel| channel.reaches(occasion)).map(move |channel| {
        let name = channel.name();
        let delivery = Delivery {
            id: window.map_or_else(|| occasion.id(&name), |w| w.id(&rule.merchants, &name)),
            seq: occasion.seq,
            order: occasion.order().cloned(),
            kind: occasion.notice.as_str().into(),
            due: window.map(|window| window.until),
        };
        Planned { delivery, occasion: occasion.clone(), rule, channel, window }
    })
}
