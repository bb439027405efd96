//! Which notices go where: an installation's rules, and what they decide of an occasion.
//!
//! Never: more than one message for one transition and recipient, however many rules say so.

use std::collections::BTreeSet;

use domain::id::MerchantId;
use domain::notice::{Notice, Notices};
use messages::Lang;

use super::digest::Window;
use super::{Occasion, Subject};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is told.
    pub on: Notices,
    /// Of these sellers; of all when there are none. What concerns no seller is told always.
    pub merchants: BTreeSet<MerchantId>,
    /// How.
    pub way: Way,
    /// In this language; in the reader's, as far as it is known, when absent.
    pub language: Option<Lang>,
    /// For how many minutes input that is no order is gathered up into one message.
    pub every_minutes: u32,
}

/// How something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By e-mail, each recipient by a message of its own.
    Email(Vec<Recipient>),
    /// By a line of the log.
    Log,
}

/// Who gets an e-mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// The customer whom the order names; nobody, where it is about no order.
    Customer,
    /// This address.
    Address(Box<str>),
}

impl Recipient {
    /// What tells recipients apart in the name of a notice.
    #[must_use]
    pub fn channel(&self) -> String {
        match self {
            Self::Customer => "email:customer".to_owned(),
            Self::Address(address) => format!("email:{address}"),
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
