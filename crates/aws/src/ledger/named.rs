//! What a call names: the rows that it is sure to read, so that they are read at once.

use std::collections::BTreeSet;

use domain::id::{MerchantId, OrderKey, StockKey};
use domain::order::{Body, Order};
use service::ledger::Request;

use super::commit::{ACTIONS_MAX, BYTES_MAX};
use super::item::Key;
use super::keys;

/// What requests name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Rows.
    pub(super) keys: Vec<Key>,
    /// Products whose counters are read.
    pub(super) stock: BTreeSet<StockKey>,
    /// Sellers whose stock is asked about.
    pub(super) merchants: BTreeSet<MerchantId>,
    /// Whether all there is is orders to take in.
    pub(super) is_other: bool,
}

impl Named {
    /// What `requests` name.
    pub(super) fn of(requests: &[Request]) -> Self {
        let mut named = Self::default();
        requests.iter().for_each(|request| named.request(request));
        named
    }

    fn request(&mut self, request: &Request) {
        match request {
            Request::Receive(receive) => self.document(&receive.order),
            Request::Once(once) => {
                self.keys.push(keys::kept(&once.key.name));
                self.request(&once.request);
            }
            Request::Audit(_) | Request::Flood(_) | Request::Stray(_) => {}
            Request::Amend(amend) => {
                self.is_other = true;
                self.document(&amend.order);
            }
            Request::Cancel(cancel) => self.order(&cancel.command.order),
            Request::Fulfil(key) | Request::Redrive(key) => self.order(key),
            Request::Step(report) => self.order(&report.order),
            Request::AdjustStock(adjust) => {
                self.is_other = true;
                self.stock(&adjust.stock);
            }
            Request::Checkpoint(batch) => self.keys.push(keys::batch(&batch.id)),
            Request::Bury(letter) => {
                self.is_other = true;
                self.keys.push(keys::letter_name(&letter.identity()));
            }
            Request::Settle(settle) => {
                self.is_other = true;
                self.keys.push(keys::letter(settle.letter));
                settle.with.iter().for_each(|request| self.request(request));
            }
            Request::PutProducts(_)
            | Request::PutCustomer(_)
            | Request::PutRules { .. }
            | Request::Webhook(_)
            | Request::Sweep(_) => self.is_other = true,
        }
    }

    fn order(&mut self, key: &OrderKey) {
        self.is_other = true;
        self.key(key);
    }

    fn key(&mut self, key: &OrderKey) {
        self.keys.push(keys::order(key));
        self.merchants.insert(key.merchant.clone());
    }

    fn document(&mut self, order: &Order) {
        self.key(&order.key);
        if let Body::Purchase(purchase) = &order.body {
            for line in purchase.lines.as_slice() {
                let (merchant, sku) = (order.key.merchant.clone(), line.sku.clone());
                self.stock.insert(StockKey { merchant, sku });
            }
        }
    }

    fn stock(&mut self, key: &StockKey) {
        self.merchants.insert(key.merchant.clone());
        self.stock.insert(key.clone());
    }
}

/// How many of these requests one transaction is likely to hold; at least one. What is cut too
/// large is found out when it is decided.
pub(super) fn cut(requests: &[Request]) -> usize {
    let (mut stock, mut rows, mut bytes) = (BTreeSet::new(), 0, 0);
    for (at, request) in requests.iter().enumerate() {
        let named = Named::of(std::slice::from_ref(request));
        let (own, own_bytes) = weight(request);
        rows += own + 2 * named.stock.len();
        rows -= named.stock.iter().filter(|key| stock.contains(*key)).count();
        bytes += own_bytes;
        if at > 0 && (rows > ACTIONS_MAX || bytes > BYTES_MAX / 2) {
            return at;
        }
        stock.extend(named.stock);
    }
    requests.len()
}

/// About how many rows a request writes beside those of products, and how many bytes.
fn weight(request: &Request) -> (usize, usize) {
    match request {
        Request::Receive(receive) => (3, receive.document.len()),
        Request::Amend(amend) => (6, amend.document.len()),
        Request::Once(once) => {
            let (rows, bytes) = weight(&once.request);
            (rows + 2, bytes)
        }
        Request::Settle(settle) => {
            let (rows, bytes) = settle.with.as_ref().map_or((0, 0), weight);
            (rows + 4, bytes)
        }
        Request::PutProducts(products) => (2 + products.len(), 0),
        Request::Audit(audit) => (4, audit.document.len()),
        Request::Cancel(_)
        | Request::Fulfil(_)
        | Request::Step(_)
        | Request::Redrive(_)
        | Request::Bury(_) => (8, 0),
        Request::Flood(_)
        | Request::AdjustStock(_)
        | Request::PutCustomer(_)
        | Request::PutRules { .. }
        | Request::Stray(_)
        | Request::Webhook(_)
        | Request::Checkpoint(_)
        | Request::Sweep(_) => (4, 0),
    }
}
