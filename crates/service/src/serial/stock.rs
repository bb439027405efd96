//! Stock: what events move, what is given out when some is free, and what decisions may look at.

use std::sync::Arc;

use domain::command::Command;
use domain::event::Event;
use domain::evolve::evolve;
use domain::facts::{Facts, Policy};
use domain::id::{MerchantId, OrderKey, StockKey};
use domain::limits::RELEASE_ORDERS_MAX;
use domain::state::{ClaimState, OrderState, Place, Status};
use domain::stock::{Movement, Stock};

use super::Run;
use crate::change::{Seq, What};
use crate::ledger::{By, Unavailable};
use crate::view::{Base, Direction, Read, Waiting};

impl<B: Base> Run<'_, B> {
    /// Lets events change an order, and the stock with it.
    pub(super) fn evolve(
        &mut self,
        state: &mut OrderState,
        events: &[Event],
    ) -> Result<(), Unavailable> {
        let mut moved: Vec<(StockKey, Movement)> = Vec::new();
        let merchant = state.key.merchant.clone();
        for event in events {
            evolve(state, event, self.now, |sku, movement| {
                moved.push((StockKey { merchant: merchant.clone(), sku: sku.clone() }, movement));
            });
        }
        moved.into_iter().try_for_each(|(key, movement)| self.move_stock(key, movement))
    }

    pub(super) fn move_stock(
        &mut self,
        key: StockKey,
        movement: Movement,
    ) -> Result<(), Unavailable> {
        let before = self.stock_now(&key)?;
        let after = movement.apply(before.unwrap_or_default());
        assert!(
            0 <= after.reserved && after.reserved <= after.on_hand && after.waiting >= 0,
            "stock of {key:?} would be {after:?}"
        );
        let draft = &mut self.driver.draft;
        if before.is_none() && !self.driver.keeps_stock.contains(&key.merchant) {
            draft.keeps_stock.push(key.merchant.clone());
        }
        let before = before.unwrap_or_default();
        let freed = after.available() > before.available();
        // Whoever stood before the others may have left the queue with stock of another product.
        let moved_up = after.waiting < before.waiting;
        if (freed || moved_up) && after.waiting > 0 && after.available() > 0 {
            // From the start again: what was too little for an earlier order may do now.
            draft.overlay.releases.insert(key.clone(), Some(Seq(0)));
        }
        draft.overlay.stock.insert(key, after);
        Ok(())
    }

    /// Offers what is free to the queues that an amended order stands in: it may want less now, or
    /// be first.
    pub(super) fn wake_queues(&mut self, order: &OrderState) -> Result<(), Unavailable> {
        for claim in order.claims.iter().filter(|c| c.state == ClaimState::Waiting) {
            let key = StockKey { merchant: order.key.merchant.clone(), sku: claim.sku.clone() };
            if self.stock_now(&key)?.is_some_and(|stock| stock.available() > 0) {
                self.driver.draft.overlay.releases.insert(key, Some(Seq(0)));
            }
        }
        Ok(())
    }

    pub(super) fn stock_now(&self, key: &StockKey) -> Read<Option<Stock>> {
        if let Some(stock) = self.driver.draft.overlay.stock.get(key) {
            return Ok(Some(*stock));
        }
        if let Some(stock) = self.driver.stock.borrow().get(key) {
            return Ok(*stock);
        }
        let stock = self.view().stock(key)?;
        self.driver.stock.borrow_mut().insert(key.clone(), stock);
        Ok(stock)
    }

    /// Gives free stock of one product to the next orders that wait for it.
    pub(super) fn release(&mut self, key: &StockKey) -> Result<(), Unavailable> {
        let waiting = self.waiting_rows(key);
        self.check()?;
        let last = waiting.last().map(|waiting| waiting.at);
        self.command(&Command::Release { stock: key.clone() }, "")?;
        let more = waiting.len() == RELEASE_ORDERS_MAX;
        let next = last.filter(|_| more);
        self.push(What::Released { stock: key.clone(), next });
        self.driver.draft.overlay.releases.insert(key.clone(), next);
        Ok(())
    }

    pub(super) fn waiting_rows(&self, key: &StockKey) -> Vec<Waiting> {
        // What this commit's calls have freed is given out from the start again.
        let freed = self.driver.draft.overlay.releases.get(key).copied().flatten();
        let after = freed.or_else(|| self.driver.releases.get(key).copied());
        let rows = self.view().queue(key, after, RELEASE_ORDERS_MAX);
        self.keep(rows).unwrap_or_default()
    }
}

impl<B: Base> Facts for Run<'_, B> {
    fn order(&self, key: &OrderKey) -> Option<OrderState> {
        let seq = self.keep(self.view().seq_of(key)).flatten()?;
        let entry = self.keep(self.view().entry(seq))?;
        Some(Arc::unwrap_or_clone(entry.state))
    }

    fn status(&self, key: &OrderKey) -> Option<Status> {
        let seq = self.keep(self.view().seq_of(key)).flatten()?;
        self.keep(self.view().entry(seq)).map(|entry| entry.state.status)
    }

    fn stock(&self, key: &StockKey) -> Option<Stock> {
        self.keep(self.stock_now(key)).flatten()
    }

    fn keeps_stock(&self, merchant: &MerchantId) -> bool {
        self.driver.keeps_stock.contains(merchant)
            || self.driver.draft.keeps_stock.contains(merchant)
    }

    fn policy(&self) -> Policy {
        self.driver.settings.policy
    }

    fn end_of_queues(&self) -> Place {
        Place(self.driver.draft.frame.next().0)
    }

    fn waiting(&self, stock: &StockKey) -> Vec<(Place, OrderState)> {
        let rows = self.waiting_rows(stock).into_iter();
        rows.map(|waiting| (waiting.place, Arc::unwrap_or_clone(waiting.order))).collect()
    }

    fn holding(&self, stock: &StockKey) -> Vec<OrderState> {
        let (way, limit) = (Direction::Newest, RELEASE_ORDERS_MAX);
        let by = By::SkuStatus(stock.clone(), ClaimState::Reserved);
        let rows = self.view().list(&by, way, None, limit);
        let rows = self.keep(rows).unwrap_or_default().into_iter();
        rows.map(|(_, order)| Arc::unwrap_or_clone(order)).collect()
    }
}
