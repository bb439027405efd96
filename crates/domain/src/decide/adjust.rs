//! Stock came, went or was counted.

use alloc::vec::Vec;

use super::{Decision, StockEvent};
use crate::command::{AdjustStock, BelowReserved, StockChange};
use crate::event::{Event, Refusal};
use crate::facts::Facts;
use crate::id::OrderKey;
use crate::limits::QUANTITY_MAX;
use crate::state::{Claim, ClaimState};

/// Most units on hand of one product; leaves room to sum a thousand products in an `i64`.
pub const ON_HAND_MAX: i64 = QUANTITY_MAX * 10;

/// Adjusts stock on hand. Less than is reserved is refused, or takes the newest reservations back.
pub(super) fn adjust(adjust: &AdjustStock, facts: &impl Facts) -> Result<Decision, Refusal> {
    let stock = facts.stock(&adjust.stock).unwrap_or_default();
    let after = match adjust.change {
        StockChange::By(units) => stock.on_hand.checked_add(units),
        StockChange::To(units) => Some(units),
    };
    let after = after.filter(|units| (0..=ON_HAND_MAX).contains(units));
    let after = after.ok_or(Refusal::StockOutOfRange)?;
    let missing = stock.reserved - after;
    let orders = match adjust.below_reserved {
        _ if missing <= 0 => Vec::new(),
        BelowReserved::Refuse => {
            return Err(Refusal::BelowReserved { reserved: stock.reserved });
        }
        BelowReserved::ReleaseNewest => take_back(adjust, missing, facts)?,
    };
    let event = StockEvent { stock: adjust.stock.clone(), on_hand: after - stock.on_hand };
    Ok(Decision { orders, stock: Some(event) })
}

/// Takes reservations back from the newest orders until `missing` units are free.
fn take_back(
    adjust: &AdjustStock,
    mut missing: i64,
    facts: &impl Facts,
) -> Result<Vec<(OrderKey, Vec<Event>)>, Refusal> {
    let mut taken = Vec::new();
    for order in facts.holding(&adjust.stock) {
        if missing <= 0 {
            break;
        }
        let held = |c: &&Claim| c.sku == adjust.stock.sku && c.state == ClaimState::Reserved;
        let mut claims = Vec::new();
        for claim in order.claims.iter().filter(held).rev() {
            if missing > 0 {
                missing -= claim.quantity;
                claims.push(claim.id());
            }
        }
        if !claims.is_empty() {
            taken.push((order.key, alloc::vec![Event::Unreserved { claims }]));
        }
    }
    if missing > 0 { Err(Refusal::TooManyReleases) } else { Ok(taken) }
}
