//! Stock counters of one product of one seller, and what moves them.

/// Counters in units. `reserved ≤ on_hand`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Units in the house.
    pub on_hand: i64,
    /// Units promised to orders, still in the house.
    pub reserved: i64,
    /// Units that waiting lines want.
    pub waiting: i64,
}

impl Stock {
    /// Units nobody has been promised.
    #[must_use]
    pub fn available(self) -> i64 {
        self.on_hand - self.reserved
    }

    /// Whether a new line of `quantity` may take stock now: there is enough, and nobody waits.
    #[must_use]
    pub fn can_take(self, quantity: i64) -> bool {
        self.waiting == 0 && quantity <= self.available()
    }
}

/// One row of the stock ledger: what one change did to one product's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Movement {
    /// Units that came in (positive) or went out.
    pub on_hand: i64,
    /// Units newly promised (positive) or no longer.
    pub reserved: i64,
    /// Units newly waited for (positive) or no longer.
    pub waiting: i64,
}

impl Movement {
    /// The counters after this movement.
    #[must_use]
    pub fn apply(self, stock: Stock) -> Stock {
        Stock {
            on_hand: stock.on_hand + self.on_hand,
            reserved: stock.reserved + self.reserved,
            waiting: stock.waiting + self.waiting,
        }
    }
}

/// What happens to an order that finds too little stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShortagePolicy {
    /// Each product takes what it needs or waits.
    #[default]
    Partial,
    /// Nothing is taken until everything fits.
    ShipComplete,
    /// The order is rejected.
    Reject,
}

/// What a line means whose SKU has no stock record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownSku {
    /// Untracked while the merchant has no stock record at all, backordered afterwards.
    #[default]
    ByMerchant,
    /// Always untracked.
    Untracked,
    /// Always waits for stock.
    Backorder,
    /// Rejects the order.
    Reject,
}
