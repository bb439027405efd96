//! Looks for the stock an order wants. Stock is decided from lines summed per SKU, so that two
//! lines of one SKU cannot both take the last unit.

use alloc::vec::Vec;

use crate::event::{Event, Rejection, Shortage};
use crate::facts::Facts;
use crate::id::{MerchantId, Sku, StockKey};
use crate::state::ClaimState;
use crate::stock::{ShortagePolicy, UnknownSku};

/// What `demand` finds: an [`Event::Allocated`], or an [`Event::Rejected`].
pub(super) fn allocate(
    merchant: &MerchantId,
    demand: &[(Sku, i64)],
    shortage: ShortagePolicy,
    facts: &impl Facts,
) -> Event {
    let mut claims = Vec::with_capacity(demand.len());
    let (mut shortages, mut unknown) = (Vec::new(), Vec::new());
    for (sku, quantity) in demand {
        let key = StockKey { merchant: merchant.clone(), sku: sku.clone() };
        let state = match facts.stock(&key) {
            Some(stock) if stock.can_take(*quantity) => ClaimState::Reserved,
            Some(stock) => {
                shortages.push(short(sku, *quantity, stock.available()));
                ClaimState::Waiting
            }
            None => match unknown_sku(merchant, facts) {
                ClaimState::Open => {
                    unknown.push(sku.clone());
                    ClaimState::Open
                }
                ClaimState::Waiting => {
                    shortages.push(short(sku, *quantity, 0));
                    ClaimState::Waiting
                }
                done => done,
            },
        };
        claims.push(state);
    }
    if !unknown.is_empty() {
        return Event::Rejected(Rejection::UnknownSku(unknown));
    }
    if !shortages.is_empty() {
        match shortage {
            ShortagePolicy::Partial => {}
            ShortagePolicy::Reject => return Event::Rejected(Rejection::OutOfStock(shortages)),
            ShortagePolicy::ShipComplete => stand_by(&mut claims),
        }
    }
    Event::Allocated { claims, shortages }
}

pub(super) fn short(sku: &Sku, wanted: i64, available: i64) -> Shortage {
    Shortage { sku: sku.clone(), wanted, available }
}

/// An order that ships complete holds nothing while it waits.
pub(super) fn stand_by(claims: &mut [ClaimState]) {
    for claim in claims {
        if *claim == ClaimState::Reserved {
            *claim = ClaimState::Standby;
        }
    }
}

/// What a SKU without a stock record means. `Open` stands for "rejects the order".
pub(super) fn unknown_sku(merchant: &MerchantId, facts: &impl Facts) -> ClaimState {
    match facts.policy().unknown_sku {
        UnknownSku::Untracked => ClaimState::Untracked,
        UnknownSku::Backorder => ClaimState::Waiting,
        UnknownSku::Reject => ClaimState::Open,
        UnknownSku::ByMerchant if facts.keeps_stock(merchant) => ClaimState::Waiting,
        UnknownSku::ByMerchant => ClaimState::Untracked,
    }
}
