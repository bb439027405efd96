//! An order that has been checked: what the rest of Comanda may rely on.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::id::{BatchId, Coupon, CustomerId, OrderKey, Sku};
use crate::limits::{LINES_PER_ORDER_MAX, QUANTITY_MAX};
use crate::money::{Money, UnitPrice};
use crate::stock::ShortagePolicy;
use crate::time::Timestamp;

/// A valid order, as its sender wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who sells, and how they call it.
    pub key: OrderKey,
    /// Where it came in.
    pub channel: Channel,
    /// What it asks for.
    pub body: Body,
}

/// What an order asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Goods.
    Purchase(Purchase),
    /// Money from one account to another: no stock, no pricing.
    Transfer(Transfer),
}

/// An order for goods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The buyer, when named.
    pub customer: Option<CustomerId>,
    /// What is bought.
    pub lines: Lines,
    /// What shipping costs, when given.
    pub shipping: Option<Money>,
    /// Coupons presented.
    pub coupons: Vec<Coupon>,
    /// When the buyer ordered, when given.
    pub ordered_at: Option<Timestamp>,
    /// What to do about a shortage; the installation's policy when absent.
    pub shortage: Option<ShortagePolicy>,
}

/// Money from one account to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// How much; more than zero.
    pub amount: Money,
    /// Digits only.
    pub from_account: Box<str>,
    /// Digits only, and another account than `from_account`.
    pub to_account: Box<str>,
}

/// One line of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// How many; 1 to [`QUANTITY_MAX`].
    pub quantity: i64,
    /// At what price; the catalogue's when absent.
    pub unit_price: Option<UnitPrice>,
}

/// The lines of a purchase: at least one, at most [`LINES_PER_ORDER_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines(Vec<Line>);

/// Why lines are no lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinesError {
    /// There is none.
    Empty,
    /// More than [`LINES_PER_ORDER_MAX`].
    TooMany,
    /// A quantity outside 1 to [`QUANTITY_MAX`], at this position.
    Quantity(usize),
}

impl Lines {
    /// Checks the lines of a purchase.
    ///
    /// # Errors
    /// [`LinesError`] names the first thing wrong.
    pub fn parse(lines: Vec<Line>) -> Result<Self, LinesError> {
        if lines.is_empty() {
            return Err(LinesError::Empty);
        }
        if lines.len() > LINES_PER_ORDER_MAX {
            return Err(LinesError::TooMany);
        }
        match lines.iter().position(|l| !(1..=QUANTITY_MAX).contains(&l.quantity)) {
            Some(at) => Err(LinesError::Quantity(at)),
            None => Ok(Self(lines)),
        }
    }

    /// The lines as they came.
    #[must_use]
    pub fn as_slice(&self) -> &[Line] {
        &self.0
    }

    /// Units wanted per SKU, lines of one SKU summed, in the order SKUs first appear.
    #[must_use]
    pub fn demand(&self) -> Vec<(&Sku, i64)> {
        let mut demand: Vec<(&Sku, i64)> = Vec::with_capacity(self.0.len());
        // A handful of lines is the rule: comparing beats hashing. Long orders sort once.
        if self.0.len() <= 16 {
            for line in &self.0 {
                match demand.iter_mut().find(|(sku, _)| *sku == &line.sku) {
                    Some((_, quantity)) => *quantity += line.quantity,
                    None => demand.push((&line.sku, line.quantity)),
                }
            }
            return demand;
        }
        let mut sorted: Vec<(usize, &Line)> = self.0.iter().enumerate().collect();
        sorted.sort_by(|(i, a), (j, b)| a.sku.cmp(&b.sku).then(i.cmp(j)));
        let mut first: Vec<(usize, &Sku, i64)> = Vec::with_capacity(sorted.len());
        for (at, line) in sorted {
            match first.last_mut() {
                Some((_, sku, quantity)) if *sku == &line.sku => *quantity += line.quantity,
                _ => first.push((at, &line.sku, line.quantity)),
            }
        }
        first.sort_by_key(|(at, _, _)| *at);
        demand.extend(first.into_iter().map(|(_, sku, quantity)| (sku, quantity)));
        demand
    }
}

/// Where an order came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The seller's web shop.
    Web,
    /// A mobile app.
    Mobile,
    /// A cash machine.
    Atm,
    /// A program over HTTP.
    #[default]
    Api,
    /// A file.
    File,
    /// A message queue.
    Queue,
    /// A batch.
    Batch,
}

impl Channel {
    /// Every channel with its name on the wire.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Web, "web"),
        (Self::Mobile, "mobile"),
        (Self::Atm, "atm"),
        (Self::Api, "api"),
        (Self::File, "file"),
        (Self::Queue, "queue"),
        (Self::Batch, "batch"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(channel, _)| *channel == self).map_or("api", |(_, name)| name)
    }

    /// The channel of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(channel, _)| *channel)
    }
}

/// The batch an order came in with, and its place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem {
    /// The batch.
    pub batch: BatchId,
    /// The item's place in it, from 0.
    pub index: u64,
    /// Where in the batch's input it begins; absent for items recorded before that was kept.
    pub at: Option<InputPlace>,
}

/// A place in the input of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPlace {
    /// The line, from 1.
    pub line: u64,
    /// Bytes before it.
    pub byte: u64,
}
