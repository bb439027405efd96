//! What is committed but not yet in the projection, and what a commit is about to add.
//!
//! The same shape serves three times: the overlay of the commit being decided, the active layer
//! that commits are absorbed into, and the frozen layer that is being written to the projection.
//! Reads look at the newest first and end at the projection, so a caller reads its own writes.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use domain::id::{BatchId, CustomerId, MerchantId, OrderId, OrderKey, StockKey};
use domain::state::{Claim, ClaimState, OrderState, Place};
use domain::stock::Stock;
use domain::time::Timestamp;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::batch::BatchState;
use crate::catalogue::{Customer, Product};
use crate::change::Seq;
use crate::ledger::By;
use crate::letters;
use crate::once;
use crate::webhooks::{Endpoint, EndpointId};
use crate::wire::rules::CompiledRules;

/// An order, with where its later changes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The order, now.
    pub state: Arc<OrderState>,
    /// Its changes after the first, oldest first.
    pub later: Vec<Seq>,
}

/// Most changes listed with an order; a sender who repeats one order for ever must not make its
/// row grow for ever. Every change stays in the log.
pub const CHANGES_LISTED_MAX: usize = 500;

/// Rows by key, not yet in the projection.
#[derive(Debug, Default)]
pub struct Layer {
    /// Orders by the change that began them.
    pub orders: BTreeMap<Seq, Entry>,
    ids: HashTable<(OrderKey, Seq)>,
    hasher: DefaultHashBuilder,
    /// Orders with claims that an amendment made, by product and by where those claims stand.
    pub late: BTreeMap<(StockKey, Seq), Seq>,
    /// Counters.
    pub stock: HashMap<StockKey, Stock>,
    /// Products whose free stock is being given out, with the last waiting order looked at;
    /// `None` once that is done.
    pub releases: BTreeMap<StockKey, Option<Seq>>,
    /// The newest invalid input by the id it carries.
    pub audits: BTreeMap<(OrderId, Option<MerchantId>), Seq>,
    /// Input that is no order, with the seller it names: what the list of audits shows.
    pub inputs: BTreeMap<Seq, Option<MerchantId>>,
    /// Products.
    pub products: HashMap<StockKey, Arc<Product>>,
    /// Customers.
    pub customers: BTreeMap<(MerchantId, CustomerId), Arc<Customer>>,
    /// Rule sets by version, and whether they price the installation's orders.
    pub rules: BTreeMap<u64, (Arc<CompiledRules>, bool)>,
    /// Batches.
    pub batches: BTreeMap<BatchId, Arc<BatchState>>,
    /// Webhook endpoints, removed ones too.
    pub endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    /// Dead letters, new ones and those that have ended.
    pub letters: BTreeMap<Seq, letters::Row>,
    /// Dead letters by what makes each of them one.
    pub letter_names: HashMap<letters::Identity, Seq>,
    /// By how many there are more open ones of each kind.
    pub letters_open: letters::Counts,
    /// Endings of many letters.
    pub sweeps: BTreeMap<Seq, letters::Sweep>,
    /// Keys that were used up, with the records that hold their answers.
    pub kept: HashMap<once::Hash, (Seq, Timestamp)>,
    /// Where the log stands after this layer's changes.
    pub until: u64,
}

impl Layer {
    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.until == 0
    }

    /// The order of that key, when this layer has it from its beginning.
    #[must_use]
    pub fn seq_of(&self, key: &OrderKey) -> Option<Seq> {
        if self.ids.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one(&key.id);
        self.ids.find(hash, |(k, _)| k == key).map(|(_, seq)| *seq)
    }

    /// Every order with that id, whoever sells it.
    pub fn seqs_of<'a>(
        &'a self,
        id: &'a OrderId,
    ) -> impl Iterator<Item = (&'a MerchantId, Seq)> + 'a {
        let hash = self.hasher.hash_one(id);
        self.ids
            .iter_hash(hash)
            .filter(move |(key, _)| &key.id == id)
            .map(|(key, seq)| (&key.merchant, *seq))
    }

    /// Every id this layer began, in no order.
    pub fn ids(&self) -> impl Iterator<Item = &(OrderKey, Seq)> {
        self.ids.iter()
    }

    /// Orders that this layer began.
    #[must_use]
    pub fn began(&self) -> usize {
        self.ids.len()
    }

    /// Rows that grow with what comes in: orders begun, input that is no order, letters, keys used
    /// up.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ids.len().max(self.kept.len()) + self.inputs.len().max(self.letters.len())
    }

    /// Notes where an order began.
    pub fn begin(&mut self, key: OrderKey, seq: Seq) {
        let hash = self.hasher.hash_one(&key.id);
        let hasher = &self.hasher;
        self.ids.insert_unique(hash, (key, seq), |(k, _)| hasher.hash_one(&k.id));
    }

    /// Files an order as it is now.
    pub fn put_order(&mut self, seq: Seq, entry: Entry) {
        let merchant = &entry.state.key.merchant;
        for claim in entry.state.claims.iter().filter(|c| c.place != Place::OF_ORDER) {
            let key = StockKey { merchant: merchant.clone(), sku: claim.sku.clone() };
            self.late.insert((key, Seq(claim.place.0)), seq);
        }
        self.orders.insert(seq, entry);
    }

    /// Takes over everything that a committed overlay holds, and empties it.
    pub fn absorb(&mut self, newer: &mut Self) {
        for (key, seq) in newer.ids.drain() {
            let hash = self.hasher.hash_one(&key.id);
            let hasher = &self.hasher;
            self.ids.insert_unique(hash, (key, seq), |(k, _)| hasher.hash_one(&k.id));
        }
        // Not `append`: that walks all of both maps.
        self.orders.extend(std::mem::take(&mut newer.orders));
        self.late.extend(std::mem::take(&mut newer.late));
        self.stock.extend(newer.stock.drain());
        self.releases.extend(std::mem::take(&mut newer.releases));
        self.audits.extend(std::mem::take(&mut newer.audits));
        self.inputs.extend(std::mem::take(&mut newer.inputs));
        self.products.extend(newer.products.drain());
        self.customers.extend(std::mem::take(&mut newer.customers));
        self.endpoints.extend(std::mem::take(&mut newer.endpoints));
        self.rules.extend(std::mem::take(&mut newer.rules));
        self.batches.extend(std::mem::take(&mut newer.batches));
        self.kept.extend(newer.kept.drain());
        self.letters.extend(std::mem::take(&mut newer.letters));
        self.letter_names.extend(newer.letter_names.drain());
        self.letters_open.sum(&std::mem::take(&mut newer.letters_open));
        self.sweeps.extend(std::mem::take(&mut newer.sweeps));
        self.until = self.until.max(newer.until);
        newer.until = 0;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self { hasher: self.hasher.clone(), ..Self::default() };
    }
}

/// Whether an order belongs to a list.
#[must_use]
pub fn matches(by: &By, order: &OrderState) -> bool {
    match by {
        By::All => true,
        By::Status(status) => order.status == *status,
        By::Merchant(merchant) => order.key.merchant == *merchant,
        By::MerchantStatus(merchant, status) => {
            order.status == *status && order.key.merchant == *merchant
        }
        By::Customer(merchant, customer) => {
            order.key.merchant == *merchant && order.customer.as_ref() == Some(customer)
        }
        By::Sku(key) => {
            order.key.merchant == key.merchant && order.claims.iter().any(|c| c.sku == key.sku)
        }
        By::SkuStatus(key, state) => {
            order.key.merchant == key.merchant
                && order.claims.iter().any(|c| c.sku == key.sku && c.state == *state)
        }
        By::Batch(batch) => order.batch.as_ref().is_some_and(|b| b.batch == *batch),
        By::Channel(channel) => order.channel == *channel,
    }
}

/// Names every list that an order belongs to, as the keys a projection files it under.
///
/// The merchant comes before what it owns; a zero byte ends each name, which no name contains.
pub fn terms(order: &OrderState, buffer: &mut Vec<u8>, mut term: impl FnMut(&[u8])) {
    let merchant = &order.key.merchant;
    let mut put = |by: TermRef<'_>| {
        buffer.clear();
        by.write(buffer);
        term(buffer);
    };
    put(TermRef::All);
    put(TermRef::Status(order.status as u8));
    put(TermRef::Merchant(merchant));
    put(TermRef::MerchantStatus(merchant, order.status as u8));
    put(TermRef::Channel(order.channel as u8));
    if let Some(customer) = &order.customer {
        put(TermRef::Customer(merchant, customer.as_str()));
    }
    if let Some(batch) = &order.batch {
        put(TermRef::Batch(batch.batch.as_str()));
    }
    for (at, claim) in order.claims.iter().enumerate() {
        // Of several claims on one product, those in one state put the order in one list.
        let before = order.claims.iter().take(at).rev().take_while(|c| c.sku == claim.sku);
        if before.into_iter().all(|c| c.state != claim.state) {
            put(TermRef::Sku(merchant, claim.sku.as_str(), claim.state as u8));
        }
    }
}

/// The claims of an order that wait where an amendment put them: each place, with the key of the
/// queue that a projection files it under.
pub fn late_terms(order: &OrderState) -> impl Iterator<Item = (Seq, Vec<u8>)> {
    let waits = |c: &&Claim| c.place != Place::OF_ORDER && c.state == ClaimState::Waiting;
    let claims = order.claims.iter().filter(waits);
    claims.map(|claim| (Seq(claim.place.0), queue_term(&order.key.merchant, claim.sku.as_str())))
}

/// The key of the queue of a product's late claims.
#[must_use]
pub fn queue_term(merchant: &MerchantId, sku: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    TermRef::Queue(merchant, sku).write(&mut out);
    out
}

/// The key of a list; for [`By::Sku`] the common beginning of the keys of its states.
#[must_use]
pub fn term(by: &By) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    match by {
        By::All => TermRef::All.write(&mut out),
        By::Status(status) => TermRef::Status(*status as u8).write(&mut out),
        By::Merchant(merchant) => TermRef::Merchant(merchant).write(&mut out),
        By::MerchantStatus(merchant, status) => {
            TermRef::MerchantStatus(merchant, *status as u8).write(&mut out);
        }
        By::Customer(merchant, customer) => {
            TermRef::Customer(merchant, customer.as_str()).write(&mut out);
        }
        By::Sku(key) => {
            TermRef::Sku(&key.merchant, key.sku.as_str(), 0).write(&mut out);
            out.pop();
        }
        By::SkuStatus(key, state) => {
            TermRef::Sku(&key.merchant, key.sku.as_str(), *state as u8).write(&mut out);
        }
        By::Batch(batch) => TermRef::Batch(batch.as_str()).write(&mut out),
        By::Channel(channel) => TermRef::Channel(*channel as u8).write(&mut out),
    }
    out
}

enum TermRef<'a> {
    All,
    Status(u8),
    Merchant(&'a MerchantId),
    MerchantStatus(&'a MerchantId, u8),
    Customer(&'a MerchantId, &'a str),
    Sku(&'a MerchantId, &'a str, u8),
    Queue(&'a MerchantId, &'a str),
    Batch(&'a str),
    Channel(u8),
}

impl TermRef<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut name = |tag: u8, parts: &[&str], tail: Option<u8>| {
            out.push(tag);
            for part in parts {
                out.extend_from_slice(part.as_bytes());
                out.push(0);
            }
            out.extend(tail);
        };
        match self {
            Self::All => name(b'a', &[], None),
            Self::Status(status) => name(b's', &[], Some(*status)),
            Self::Merchant(merchant) => name(b'm', &[merchant.as_str()], None),
            Self::MerchantStatus(merchant, status) => {
                name(b'n', &[merchant.as_str()], Some(*status));
            }
            Self::Customer(merchant, customer) => name(b'c', &[merchant.as_str(), customer], None),
            Self::Sku(merchant, sku, state) => {
                name(b'k', &[merchant.as_str(), sku], Some(*state));
            }
            Self::Queue(merchant, sku) => name(b'q', &[merchant.as_str(), sku], None),
            Self::Batch(batch) => name(b'b', &[batch], None),
            Self::Channel(channel) => name(b'h', &[], Some(*channel)),
        }
    }
}
