//! Writes a frozen layer to the projection, in one transaction with how far it is applied.
//!
//! Rows go in sorted. New orders open a run of their own when there are many, so that a loaded
//! server only appends; a trickle joins the last run until that is full.

mod letters;

use std::collections::{BTreeMap, BTreeSet};

use domain::state::OrderState;
use domain::time::Timestamp;
use heed::{PutFlags, RwTxn};
use service::change::{Seq, encode_state};
use service::codec::Encoder;
use service::layer::{Entry, Layer, late_terms, terms};
use service::once::{Hash, KEPT_MAX, KEPT_US};
use service::view::first_state;
use service::webhooks::State;

use crate::store::{
    APPLIED, RULES_VERSION, Store, customer_pair, pair, read_entry, read_kept, read_list,
    seq_of_bytes, stock_pair,
};

/// Most orders of one run: one list of it is read whole, and rewritten whole when it changes.
const RUN_ORDERS_MAX: u64 = 65_536;
/// Every so many orders, one is filed by its time.
const TIMES_EVERY: usize = 256;

/// Why a layer could not be written. It stays where it is, and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// LMDB said no.
    #[error("write the projection")]
    Store(#[from] heed::Error),
    /// Stored rows do not decode.
    #[error("the projection is damaged")]
    Damaged,
}

/// What changes in one list of one run.
#[derive(Debug, Default)]
struct Edit {
    add: Vec<u64>,
    remove: Vec<u64>,
}

/// Lists by run and term.
type Edits = BTreeMap<(u64, Vec<u8>), Edit>;

impl Store {
    /// Writes `layer`, enlarging the map if it is full.
    pub(crate) fn project(&self, layer: &Layer) -> Result<(), Error> {
        loop {
            match self.try_project(layer) {
                Err(Error::Store(heed::Error::Mdb(heed::MdbError::MapFull))) => self.grow()?,
                done => return done,
            }
        }
    }

    fn try_project(&self, layer: &Layer) -> Result<(), Error> {
        let mut txn = self.env.write_txn()?;
        let applied = self.tables.meta.get(&txn, APPLIED)?.and_then(seq_of_bytes);
        let applied = applied.unwrap_or_default();
        self.put_ids(&mut txn, layer)?;
        let mut edits = Edits::new();
        self.file_new(&mut txn, layer, applied)?;
        self.file_changed(&txn, layer, applied, &mut edits)?;
        self.file_late(&txn, layer, applied, &mut edits)?;
        self.write_edits(&mut txn, edits)?;
        self.put_orders(&mut txn, layer)?;
        self.put_rest(&mut txn, layer)?;
        self.put_kept(&mut txn, layer)?;
        self.put_letters(&mut txn, layer)?;
        self.tables.meta.put(&mut txn, APPLIED, &layer.until.to_be_bytes())?;
        txn.commit()?;
        Ok(())
    }

    fn put_ids(&self, txn: &mut RwTxn<'_>, layer: &Layer) -> Result<(), Error> {
        let mut rows: Vec<(Vec<u8>, u64)> = layer
            .ids()
            .map(|(key, seq)| (pair(key.id.as_str(), key.merchant.as_str()), seq.0))
            .collect();
        rows.sort_unstable();
        let last = self.tables.ids.last(txn)?.map(|(last, _)| last.to_vec());
        let appends = rows.first().is_some_and(|(first, _)| last.is_none_or(|l| l < *first));
        let flags = if appends { PutFlags::APPEND } else { PutFlags::empty() };
        for (key, seq) in rows {
            self.tables.ids.put_with_flags(txn, flags, &key, &seq.to_be_bytes())?;
        }
        Ok(())
    }

    /// Files the orders that began in this layer.
    fn file_new(&self, txn: &mut RwTxn<'_>, layer: &Layer, applied: Seq) -> Result<(), Error> {
        let new = || layer.orders.range(applied..);
        let Some((first, _)) = new().next() else { return Ok(()) };
        let count = layer.began() as u64;
        let last = self.tables.runs.last(txn)?.map(|(run, orders)| (be(run), be(orders)));
        let (run, orders) = match last {
            Some((run, orders)) if orders + count <= RUN_ORDERS_MAX => (run, orders),
            Some(_) | None => (first.0, 0),
        };
        let lists = gather(new().map(|(seq, entry)| (*seq, &*entry.state)));
        self.tables.runs.put(txn, &run.to_be_bytes(), &(orders + count).to_be_bytes())?;
        self.write_lists(txn, run, orders == 0, lists)?;
        for (seq, entry) in new().step_by(TIMES_EVERY) {
            let at = entry.state.received_at.0.max(0).to_be_bytes();
            if self.tables.times.get(txn, &at)?.is_none() {
                self.tables.times.put(txn, &at, &seq.0.to_be_bytes())?;
            }
        }
        Ok(())
    }

    fn write_lists(
        &self,
        txn: &mut RwTxn<'_>,
        run: u64,
        is_new: bool,
        lists: Vec<(Vec<u8>, Vec<u64>)>,
    ) -> Result<(), Error> {
        let flags = if is_new { PutFlags::APPEND } else { PutFlags::empty() };
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (term, seqs) in lists {
            list_key(&mut key, run, &term);
            value.clear();
            let mut from = run;
            if !is_new && let Some(stored) = self.tables.lists.get(txn, &key)? {
                value.extend_from_slice(stored);
                let last = read_list(stored, run).map_err(|_| Error::Damaged)?;
                from = last.last().copied().unwrap_or(run);
            }
            deltas(&mut value, from, &seqs);
            self.tables.lists.put_with_flags(txn, flags, &key, &value)?;
        }
        Ok(())
    }

    /// Finds what changes in the lists of orders that began earlier.
    fn file_changed(
        &self,
        txn: &RwTxn<'_>,
        layer: &Layer,
        applied: Seq,
        edits: &mut Edits,
    ) -> Result<(), Error> {
        let mut buffer = Vec::new();
        for (seq, entry) in layer.orders.range(..applied) {
            let before = self.state_before(txn, *seq)?;
            let run = self.run_of(txn, *seq)?;
            let mut then = Vec::new();
            terms(&before, &mut buffer, |term| then.push(term.to_vec()));
            terms(&entry.state, &mut buffer, |term| match then.iter().position(|t| t == term) {
                Some(same) => drop(then.swap_remove(same)),
                None => edits.entry((run, term.to_vec())).or_default().add.push(seq.0),
            });
            for term in then {
                edits.entry((run, term)).or_default().remove.push(seq.0);
            }
            for (place, term) in late_terms(&before) {
                let run = self.run_of(txn, place)?;
                edits.entry((run, term)).or_default().remove.push(place.0);
            }
            self.add_late(txn, &entry.state, edits)?;
        }
        Ok(())
    }

    /// Files what amendments added to orders that began in this layer.
    fn file_late(
        &self,
        txn: &RwTxn<'_>,
        layer: &Layer,
        applied: Seq,
        edits: &mut Edits,
    ) -> Result<(), Error> {
        let began = layer.late.values().filter(|seq| **seq >= applied).collect::<BTreeSet<_>>();
        for entry in began.into_iter().filter_map(|seq| layer.orders.get(seq)) {
            self.add_late(txn, &entry.state, edits)?;
        }
        Ok(())
    }

    /// Claims that wait where an amendment put them stand in their queue under that place.
    fn add_late(
        &self,
        txn: &RwTxn<'_>,
        order: &OrderState,
        edits: &mut Edits,
    ) -> Result<(), Error> {
        for (place, term) in late_terms(order) {
            let run = self.run_of(txn, place)?;
            edits.entry((run, term)).or_default().add.push(place.0);
        }
        Ok(())
    }

    /// The run that an order, or a place in a queue, belongs to.
    fn run_of(&self, txn: &RwTxn<'_>, seq: Seq) -> Result<u64, Error> {
        let run = self.tables.runs.get_lower_than_or_equal_to(txn, &seq.0.to_be_bytes())?;
        run.map(|(run, _)| be(run)).ok_or(Error::Damaged)
    }

    fn state_before(&self, txn: &RwTxn<'_>, seq: Seq) -> Result<OrderState, Error> {
        if let Some(row) = self.tables.orders.get(txn, &seq.0.to_be_bytes())? {
            let entry = read_entry(row).map_err(|_| Error::Damaged)?;
            return Ok(std::sync::Arc::unwrap_or_clone(entry.state));
        }
        let change = self.log.change(seq).map_err(|_| Error::Damaged)?;
        first_state(change).map_err(|_| Error::Damaged)
    }

    fn write_edits(&self, txn: &mut RwTxn<'_>, edits: Edits) -> Result<(), Error> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for ((run, term), edit) in edits {
            list_key(&mut key, run, &term);
            let stored = self.tables.lists.get(txn, &key)?.unwrap_or_default();
            let mut seqs = read_list(stored, run).map_err(|_| Error::Damaged)?;
            seqs.retain(|seq| !edit.remove.contains(seq));
            seqs.extend(edit.add);
            seqs.sort_unstable();
            value.clear();
            deltas(&mut value, run, &seqs);
            if seqs.is_empty() {
                self.tables.lists.delete(txn, &key)?;
            } else {
                self.tables.lists.put(txn, &key, &value)?;
            }
        }
        Ok(())
    }

    fn put_orders(&self, txn: &mut RwTxn<'_>, layer: &Layer) -> Result<(), Error> {
        let mut value = Vec::new();
        for (seq, Entry { state, later }) in &layer.orders {
            if later.is_empty() {
                continue; // its first change says it all
            }
            value.clear();
            Encoder(&mut value).list(later.iter(), |to, seq| to.u64(seq.0));
            encode_state(state, &mut value);
            self.tables.orders.put(txn, &seq.0.to_be_bytes(), &value)?;
        }
        Ok(())
    }

    /// Files the keys that were used up, and forgets those of long ago.
    fn put_kept(&self, txn: &mut RwTxn<'_>, layer: &Layer) -> Result<(), Error> {
        let Some(newest) = layer.kept.values().map(|(_, at)| *at).max() else { return Ok(()) };
        let mut rows: Vec<_> = layer.kept.iter().collect();
        rows.sort_unstable();
        for (name, (seq, at)) in rows {
            let mut value = seq.0.to_be_bytes().to_vec();
            value.extend_from_slice(&at.0.to_be_bytes());
            self.tables.kept.put(txn, name, &value)?;
            self.tables.kept_times.put(txn, &kept_time(*at, name), &[])?;
        }
        let too_old = newest.0.saturating_sub(KEPT_US);
        let mut many = self.tables.kept_times.len(txn)?;
        while let Some((key, _)) = self.tables.kept_times.first(txn)? {
            let (at, name) = key.split_at_checked(8).ok_or(Error::Damaged)?;
            let at = Timestamp(i64::from_be_bytes(at.try_into().map_err(|_| Error::Damaged)?));
            if at.0 > too_old && many <= KEPT_MAX {
                break;
            }
            let (key, name) = (key.to_vec(), name.to_vec());
            let row = self.tables.kept.get(txn, &name)?.map(read_kept).transpose();
            // A key that was used again since has a later row, which stays.
            if row.map_err(|_| Error::Damaged)?.is_some_and(|(_, since)| since == at) {
                self.tables.kept.delete(txn, &name)?;
            }
            self.tables.kept_times.delete(txn, &key)?;
            many -= 1;
        }
        Ok(())
    }

    fn put_rest(&self, txn: &mut RwTxn<'_>, layer: &Layer) -> Result<(), Error> {
        let (tables, mut value) = (&self.tables, Vec::new());
        let mut stock: Vec<_> = layer.stock.iter().map(|(k, s)| (stock_pair(k), *s)).collect();
        stock.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (key, stock) in stock {
            value.clear();
            let mut to = Encoder(&mut value);
            [stock.on_hand, stock.reserved, stock.waiting].into_iter().for_each(|n| to.i64(n));
            tables.stock.put(txn, &key, &value)?;
        }
        for (key, next) in &layer.releases {
            match next {
                Some(seq) => tables.releases.put(txn, &stock_pair(key), &seq.0.to_be_bytes())?,
                None => drop(tables.releases.delete(txn, &stock_pair(key))?),
            }
        }
        for ((id, merchant), seq) in &layer.audits {
            let key = pair(id.as_str(), merchant.as_ref().map_or("", |m| m.as_str()));
            tables.audits.put(txn, &key, &seq.0.to_be_bytes())?;
        }
        for (seq, merchant) in &layer.inputs {
            let merchant = merchant.as_ref().map_or("", |m| m.as_str());
            tables.inputs.put(txn, &seq.0.to_be_bytes(), merchant.as_bytes())?;
        }
        for (key, product) in &layer.products {
            value.clear();
            product.encode(&mut Encoder(&mut value));
            tables.products.put(txn, &stock_pair(key), &value)?;
        }
        for ((merchant, id), customer) in &layer.customers {
            value.clear();
            customer.encode(&mut Encoder(&mut value));
            tables.customers.put(txn, &customer_pair(merchant, id), &value)?;
        }
        for (id, endpoint) in &layer.endpoints {
            let key = id.as_str().as_bytes();
            if endpoint.state == State::Removed {
                tables.endpoints.delete(txn, key)?;
                continue;
            }
            value.clear();
            endpoint.encode(&mut Encoder(&mut value));
            tables.endpoints.put(txn, key, &value)?;
        }
        for (version, (rules, installed)) in &layer.rules {
            value.clear();
            value.push(u8::from(*installed));
            value.extend_from_slice(rules.source.as_bytes());
            tables.rules.put(txn, &version.to_be_bytes(), &value)?;
            tables.meta.put(txn, RULES_VERSION, &version.to_be_bytes())?;
        }
        for (id, batch) in &layer.batches {
            value.clear();
            batch.encode(&mut Encoder(&mut value));
            tables.batches.put(txn, id.as_str().as_bytes(), &value)?;
        }
        Ok(())
    }
}

/// Sorts orders into their lists.
fn gather<'a>(orders: impl Iterator<Item = (Seq, &'a OrderState)>) -> Vec<(Vec<u8>, Vec<u64>)> {
    let mut lists: hashbrown::HashMap<Vec<u8>, Vec<u64>> = hashbrown::HashMap::new();
    let mut buffer = Vec::new();
    for (seq, order) in orders {
        terms(order, &mut buffer, |term| {
            lists.entry_ref(term).or_default().push(seq.0);
        });
    }
    let mut lists: Vec<_> = lists.into_iter().collect();
    lists.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    lists
}

fn kept_time(at: Timestamp, name: &Hash) -> Vec<u8> {
    let mut key = at.0.to_be_bytes().to_vec();
    key.extend_from_slice(name);
    key
}

fn list_key(key: &mut Vec<u8>, run: u64, term: &[u8]) {
    key.clear();
    key.extend_from_slice(&run.to_be_bytes());
    key.extend_from_slice(term);
}

fn deltas(out: &mut Vec<u8>, from: u64, seqs: &[u64]) {
    let (mut to, mut last) = (Encoder(out), from);
    for seq in seqs {
        to.u64(seq - last);
        last = *seq;
    }
}

fn be(bytes: &[u8]) -> u64 {
    seq_of_bytes(bytes).unwrap_or_default().0
}
