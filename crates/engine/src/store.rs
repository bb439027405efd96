//! The projection's store: LMDB tables, and the reads they answer. The only file that reads LMDB,
//! as `project` is the only one that writes it.
//!
//! Everything here can be made again from the log. Rows are keyed so that no lookup scans:
//!
//! ```text
//! ids        order id ‖ 0 ‖ merchant        → seq
//! orders     seq                            → later changes, state; orders that changed only
//! runs       first seq                      → orders in it: the parts lists are cut into
//! lists      run ‖ term                     → seqs, as varint deltas; queues of late claims too
//! times      received at                    → seq, every 256th order
//! stock      merchant ‖ 0 ‖ sku             → counters     releases  … → last order looked at
//! audits     order id ‖ 0 ‖ merchant or ""  → seq, of the newest
//! inputs     seq                            → merchant or "": input that is no order
//! kept       key                            → record ‖ since   kept_times  since ‖ key → nothing
//! letters    open? ‖ kind ‖ seq             → dead letters; sweeps  seq → endings of many
//! letter_lists  term ‖ seq                  → kind: letters by source and order
//! letter_names  identity                    → seq
//! products, customers, rules, batches, endpoints → as `service` encodes them
//! ```
//!
//! A list (orders in a state, of a seller, of a product …) is cut into runs of some ten thousand
//! orders, so that filing new orders touches the last run's pages only, whatever the total.

mod letters;

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use domain::id::{BatchId, CustomerId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::stock::Stock;
use domain::time::Timestamp;
use heed::types::Bytes;
use heed::{Database, Env, EnvOpenOptions, RoTxn, WithoutTls};
use service::batch::BatchState;
use service::catalogue::{Catalogue, Customer, Product};
use service::change::{Change, Seq, decode_state};
use service::codec::{Corrupt, Decoder};
use service::layer::{Entry, queue_term, term};
use service::ledger::{By, Unavailable};
use service::letters::{Counts, Identity, List, Row, Sweep};
use service::once;
use service::view::{Base, Direction, Read, damaged};
use service::webhooks::Endpoint;
use service::wire::rules::{self, CompiledRules};

pub(crate) use self::letters::letter_key;
use crate::log::Reader;

pub(crate) type Table = Database<Bytes, Bytes>;

/// Address space of the projection; the file grows as it is used. Raised when it is full.
pub(crate) const MAP_BYTES: usize = 64 << 30;

/// The tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    pub(crate) meta: Table,
    pub(crate) ids: Table,
    pub(crate) orders: Table,
    pub(crate) runs: Table,
    pub(crate) lists: Table,
    pub(crate) times: Table,
    pub(crate) stock: Table,
    pub(crate) releases: Table,
    pub(crate) kept: Table,
    pub(crate) kept_times: Table,
    pub(crate) audits: Table,
    pub(crate) inputs: Table,
    pub(crate) products: Table,
    pub(crate) customers: Table,
    pub(crate) rules: Table,
    pub(crate) batches: Table,
    pub(crate) endpoints: Table,
    pub(crate) letters: Table,
    pub(crate) letter_lists: Table,
    pub(crate) letter_names: Table,
    pub(crate) sweeps: Table,
}

/// The projection.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) env: Env<WithoutTls>,
    pub(crate) tables: Tables,
    pub(crate) log: Arc<Reader>,
    pub(crate) exponent: u32,
    /// Held for reading by every transaction; for writing while the map is enlarged.
    gate: parking_lot::RwLock<()>,
}

pub(crate) const APPLIED: &[u8] = b"applied";
pub(crate) const RULES_VERSION: &[u8] = b"rules_version";
pub(crate) const LETTERS_OPEN: &[u8] = b"letters_open";

impl Store {
    /// Opens or creates the environment in `dir`.
    pub(crate) fn open_env(
        dir: &Path,
        map_bytes: usize,
    ) -> heed::Result<(Env<WithoutTls>, Tables)> {
        std::fs::create_dir_all(dir)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(map_bytes).max_dbs(32).max_readers(512);
        // SAFETY: the store's lock file keeps every other process and environment away from this
        // folder, and nothing of ours writes to LMDB's files.
        #[allow(unsafe_code)]
        let env = unsafe { options.open(dir)? };
        let mut txn = env.write_txn()?;
        let mut table = |name| env.create_database(&mut txn, Some(name));
        let tables = Tables {
            meta: table("meta")?,
            ids: table("ids")?,
            orders: table("orders")?,
            runs: table("runs")?,
            lists: table("lists")?,
            times: table("times")?,
            stock: table("stock")?,
            releases: table("releases")?,
            kept: table("kept")?,
            kept_times: table("kept_times")?,
            audits: table("audits")?,
            inputs: table("inputs")?,
            products: table("products")?,
            customers: table("customers")?,
            rules: table("rules")?,
            batches: table("batches")?,
            endpoints: table("endpoints")?,
            letters: table("letters")?,
            letter_lists: table("letter_lists")?,
            letter_names: table("letter_names")?,
            sweeps: table("sweeps")?,
        };
        txn.commit()?;
        Ok((env, tables))
    }

    /// A number of the projection's own, 0 when it was never set.
    pub(crate) fn number(env: &Env<WithoutTls>, tables: &Tables, key: &[u8]) -> heed::Result<u64> {
        let txn = env.read_txn()?;
        Ok(tables.meta.get(&txn, key)?.and_then(seq_of_bytes).map_or(0, |seq| seq.0))
    }

    pub(crate) fn new(
        env: Env<WithoutTls>,
        tables: Tables,
        log: Arc<Reader>,
        exponent: u32,
    ) -> Self {
        Self { env, tables, log, exponent, gate: parking_lot::RwLock::new(()) }
    }

    /// The projection as it is now. Take it after the layers' lock: what has left the layers is
    /// here.
    pub(crate) fn snapshot(&self) -> Read<Snapshot<'_>> {
        let gate = self.gate.read_recursive();
        let txn = self.env.read_txn().map_err(stored)?;
        Ok(Snapshot { store: self, txn, _gate: gate })
    }

    /// Doubles the address space. Waits until nobody reads.
    pub(crate) fn grow(&self) -> heed::Result<()> {
        let _alone = self.gate.write();
        let bytes = self.env.info().map_size * 2;
        tracing::info!(bytes, "projection's map is full, enlarging it");
        // SAFETY: no transaction is open: readers hold the gate, and the one thread that writes
        // is here.
        #[allow(unsafe_code)]
        unsafe {
            self.env.resize(bytes)
        }
    }
}

/// One consistent state of the projection.
pub(crate) struct Snapshot<'a> {
    store: &'a Store,
    txn: RoTxn<'a, WithoutTls>,
    _gate: parking_lot::RwLockReadGuard<'a, ()>,
}

pub(crate) fn stored(error: heed::Error) -> Unavailable {
    Unavailable::Read(error.to_string())
}

fn corrupt(_: Corrupt) -> Unavailable {
    damaged("a row of the projection does not decode; delete the index folder to rebuild it")
}

/// Two names as one key; no name contains a zero byte.
pub(crate) fn pair(first: &str, second: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + second.len() + 1);
    key.extend_from_slice(first.as_bytes());
    key.push(0);
    key.extend_from_slice(second.as_bytes());
    key
}

fn split_pair(key: &[u8]) -> Result<(&str, &str), Corrupt> {
    let text = std::str::from_utf8(key).map_err(|_| Corrupt)?;
    text.split_once('\0').ok_or(Corrupt)
}

pub(crate) fn stock_pair(key: &StockKey) -> Vec<u8> {
    pair(key.merchant.as_str(), key.sku.as_str())
}

fn stock_key(key: &[u8]) -> Result<StockKey, Corrupt> {
    let (merchant, sku) = split_pair(key)?;
    Ok(StockKey {
        merchant: MerchantId::parse(merchant).map_err(|_| Corrupt)?,
        sku: Sku::parse(sku).map_err(|_| Corrupt)?,
    })
}

pub(crate) fn seq_of_bytes(bytes: &[u8]) -> Option<Seq> {
    bytes.try_into().ok().map(|b| Seq(u64::from_be_bytes(b)))
}

fn from_key(key: &[u8]) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (Bound::Included(key), Bound::Unbounded)
}

fn read_seq(bytes: &[u8]) -> Read<Seq> {
    seq_of_bytes(bytes).ok_or_else(|| corrupt(Corrupt))
}

fn read_stock(bytes: &[u8]) -> Result<Stock, Corrupt> {
    let mut from = Decoder(bytes);
    Ok(Stock { on_hand: from.i64()?, reserved: from.i64()?, waiting: from.i64()? })
}

pub(crate) fn read_entry(bytes: &[u8]) -> Result<Entry, Corrupt> {
    let mut from = Decoder(bytes);
    let later = from.list(|f| f.u64().map(Seq))?;
    Ok(Entry { state: Arc::new(decode_state(&mut from)?), later })
}

/// Where the answer under a key is, and since when.
pub(crate) fn read_kept(bytes: &[u8]) -> Result<(Seq, Timestamp), Corrupt> {
    let (seq, at) = bytes.split_at_checked(8).ok_or(Corrupt)?;
    let at: [u8; 8] = at.try_into().map_err(|_| Corrupt)?;
    Ok((seq_of_bytes(seq).ok_or(Corrupt)?, Timestamp(i64::from_be_bytes(at))))
}

/// The seqs of one run's list.
pub(crate) fn read_list(bytes: &[u8], run: u64) -> Result<Vec<u64>, Corrupt> {
    let (mut from, mut last, mut seqs) = (Decoder(bytes), run, Vec::new());
    while !from.0.is_empty() {
        last = last.checked_add(from.u64()?).ok_or(Corrupt)?;
        seqs.push(last);
    }
    Ok(seqs)
}

impl Snapshot<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Read<Option<&[u8]>> {
        table.get(&self.txn, key).map_err(stored)
    }

    fn tables(&self) -> &Tables {
        &self.store.tables
    }

    /// The seqs of a list within one run, oldest first.
    fn run_list(&self, run: u64, term: &[u8]) -> Read<Vec<u64>> {
        let mut key = run.to_be_bytes().to_vec();
        key.extend_from_slice(term);
        let mut seqs = Vec::new();
        for row in self.tables().lists.prefix_iter(&self.txn, &key).map_err(stored)? {
            let (_, bytes) = row.map_err(stored)?;
            seqs.extend(read_list(bytes, run).map_err(corrupt)?);
        }
        // A product's list comes in one part for each state of its claims; an order that was
        // amended may be in several.
        seqs.sort_unstable();
        seqs.dedup();
        Ok(seqs)
    }

    fn runs(&self, way: Direction, bound: Option<Seq>) -> Read<Vec<u64>> {
        let runs = self.tables().runs;
        let mut found = Vec::new();
        match way {
            Direction::Newest => {
                let before = bound.map_or(u64::MAX, |b| b.0).to_be_bytes();
                let range = (Bound::Unbounded, Bound::Excluded(before.as_slice()));
                for row in runs.rev_range(&self.txn, &range).map_err(stored)? {
                    found.push(read_seq(row.map_err(stored)?.0)?.0);
                }
            }
            Direction::Oldest => {
                let after = bound.unwrap_or_default().0.to_be_bytes();
                let first = runs.get_lower_than_or_equal_to(&self.txn, &after).map_err(stored)?;
                let first = first.map_or(after.to_vec(), |(key, _)| key.to_vec());
                let range = from_key(&first);
                for row in runs.range(&self.txn, &range).map_err(stored)? {
                    found.push(read_seq(row.map_err(stored)?.0)?.0);
                }
            }
        }
        Ok(found)
    }

    /// At most `limit` seqs of the list filed under `term`, beyond `bound`.
    fn list_of(
        &self,
        term: &[u8],
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<Seq>> {
        let mut found = Vec::new();
        for run in self.runs(way, bound)? {
            let seqs = self.run_list(run, term)?.into_iter().map(Seq);
            let missing = limit - found.len();
            match way {
                Direction::Newest => {
                    let before = seqs.rev().filter(|seq| bound.is_none_or(|b| *seq < b));
                    found.extend(before.take(missing));
                }
                Direction::Oldest => {
                    let after = seqs.filter(|seq| bound.is_none_or(|b| *seq > b));
                    found.extend(after.take(missing));
                }
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Sums of a list over all runs, to check it by.
    pub(crate) fn list_length(&self, by: &By) -> Read<u64> {
        let term = term(by);
        let runs = self.runs(Direction::Newest, None)?;
        runs.into_iter().try_fold(0, |sum, run| Ok(sum + self.run_list(run, &term)?.len() as u64))
    }

    /// Whether an order that began at `seq` is in the projection.
    pub(crate) fn is_filed(&self, seq: Seq) -> Read<bool> {
        let applied = self.get(self.tables().meta, APPLIED)?.map(read_seq).transpose()?;
        Ok(applied.is_some_and(|applied| seq < applied))
    }

    /// Products, customers, webhook endpoints and rules.
    pub(crate) fn catalogue(&self) -> Read<Catalogue> {
        let mut catalogue = Catalogue { version: 1, ..Catalogue::default() };
        for row in self.tables().products.iter(&self.txn).map_err(stored)? {
            let product = Product::decode(&mut Decoder(row.map_err(stored)?.1)).map_err(corrupt)?;
            catalogue.put(Arc::new(product));
        }
        for row in self.tables().customers.iter(&self.txn).map_err(stored)? {
            let row = Customer::decode(&mut Decoder(row.map_err(stored)?.1)).map_err(corrupt)?;
            let key = (row.merchant.clone(), row.id.clone());
            catalogue.customers.insert(key, Arc::new(row));
        }
        for row in self.tables().endpoints.iter(&self.txn).map_err(stored)? {
            let row = Endpoint::decode(&mut Decoder(row.map_err(stored)?.1)).map_err(corrupt)?;
            catalogue.endpoints.insert(row.id.clone(), Arc::new(row));
        }
        for row in self.tables().rules.rev_iter(&self.txn).map_err(stored)? {
            let (version, bytes) = row.map_err(stored)?;
            if bytes.first() == Some(&1) {
                catalogue.rules = self.compile(read_seq(version)?.0, bytes)?;
                break;
            }
        }
        Ok(catalogue)
    }

    fn compile(&self, version: u64, row: &[u8]) -> Read<Arc<CompiledRules>> {
        let source = row.get(1..).unwrap_or_default();
        let compiled = rules::parse(source, version, self.store.exponent);
        compiled.map(Arc::new).map_err(|_| damaged("a stored rule set does not compile"))
    }

    /// The last order that is filed by its time.
    pub(crate) fn last_filed(&self) -> Read<Option<Seq>> {
        let row = self.tables().times.last(&self.txn).map_err(stored)?;
        row.map(|(_, seq)| read_seq(seq)).transpose()
    }

    /// Sellers with any stock record: one seek each.
    pub(crate) fn keeps_stock(&self) -> Read<Vec<MerchantId>> {
        let (mut sellers, mut from) = (Vec::new(), vec![0]);
        let stock = self.tables().stock;
        while let Some((key, _)) =
            stock.get_greater_than_or_equal_to(&self.txn, &from).map_err(stored)?
        {
            let merchant = stock_key(key).map_err(corrupt)?.merchant;
            from = merchant.as_str().as_bytes().to_vec();
            from.push(1); // behind every key of this seller: they go on with a zero byte
            sellers.push(merchant);
        }
        Ok(sellers)
    }

    /// Products whose free stock is still being given out.
    pub(crate) fn releases(&self) -> Read<Vec<(StockKey, Seq)>> {
        let mut found = Vec::new();
        for row in self.tables().releases.iter(&self.txn).map_err(stored)? {
            let (key, seq) = row.map_err(stored)?;
            found.push((stock_key(key).map_err(corrupt)?, read_seq(seq)?));
        }
        Ok(found)
    }
}

impl Base for Snapshot<'_> {
    fn change(&self, seq: Seq) -> Read<Change> {
        self.store.log.change(seq).map_err(|e| Unavailable::Read(e.to_string()))
    }

    fn seq_of(&self, key: &OrderKey) -> Read<Option<Seq>> {
        let row = self.get(self.tables().ids, &pair(key.id.as_str(), key.merchant.as_str()))?;
        row.map(read_seq).transpose()
    }

    fn seqs_of(&self, id: &OrderId) -> Read<Vec<(MerchantId, Seq)>> {
        let (key, mut found) = (pair(id.as_str(), ""), Vec::new());
        for row in self.tables().ids.prefix_iter(&self.txn, &key).map_err(stored)? {
            let (key, seq) = row.map_err(stored)?;
            let (_, merchant) = split_pair(key).map_err(corrupt)?;
            let merchant = MerchantId::parse(merchant).map_err(|_| corrupt(Corrupt))?;
            found.push((merchant, read_seq(seq)?));
        }
        Ok(found)
    }

    fn entry(&self, seq: Seq) -> Read<Option<Entry>> {
        let row = self.get(self.tables().orders, &seq.0.to_be_bytes())?;
        row.map(|bytes| read_entry(bytes).map_err(corrupt)).transpose()
    }

    fn list(&self, by: &By, way: Direction, bound: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        self.list_of(&term(by), way, bound, limit)
    }

    fn late(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        let term = queue_term(&key.merchant, key.sku.as_str());
        self.list_of(&term, Direction::Oldest, after, limit)
    }

    fn letter(&self, seq: Seq) -> Read<Option<Row>> {
        self.find_letter(seq)
    }

    fn letters(
        &self,
        list: &List,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Row)>> {
        self.list_letters(list, way, bound, limit)
    }

    fn letter_named(&self, name: &Identity) -> Read<Option<Seq>> {
        self.get(self.tables().letter_names, name)?.map(read_seq).transpose()
    }

    fn letters_open(&self) -> Read<Counts> {
        self.count_letters()
    }

    fn sweep(&self, id: Seq) -> Read<Option<Sweep>> {
        let row = self.get(self.tables().sweeps, &id.0.to_be_bytes())?;
        row.map(|bytes| Sweep::decode(&mut Decoder(bytes)).map_err(corrupt)).transpose()
    }

    fn sweeps(&self, before: Option<Seq>, limit: usize) -> Read<Vec<Sweep>> {
        let before = before.map_or(u64::MAX, |b| b.0).to_be_bytes();
        let range = (Bound::Unbounded, Bound::Excluded(before.as_slice()));
        let rows = self.tables().sweeps.rev_range(&self.txn, &range).map_err(stored)?;
        let read = |row: heed::Result<(&[u8], &[u8])>| {
            Sweep::decode(&mut Decoder(row.map_err(stored)?.1)).map_err(corrupt)
        };
        rows.take(limit).map(read).collect()
    }

    fn kept(&self, name: &once::Hash) -> Read<Option<(Seq, Timestamp)>> {
        let row = self.get(self.tables().kept, name)?;
        row.map(|row| read_kept(row).map_err(corrupt)).transpose()
    }

    fn until(&self, time: Timestamp) -> Read<Option<Seq>> {
        let key = time.0.max(0).to_be_bytes();
        let times = self.tables().times;
        let row = times.get_greater_than_or_equal_to(&self.txn, &key).map_err(stored)?;
        row.map(|(_, seq)| read_seq(seq)).transpose()
    }

    fn stock(&self, key: &StockKey) -> Read<Option<Stock>> {
        let row = self.get(self.tables().stock, &stock_pair(key))?;
        row.map(|bytes| read_stock(bytes).map_err(corrupt)).transpose()
    }

    fn stock_after(&self, after: Option<&StockKey>, limit: usize) -> Read<Vec<(StockKey, Stock)>> {
        let mut from = after.map(stock_pair).unwrap_or_default();
        from.push(0); // the first key behind it
        let range = from_key(&from);
        let rows = self.tables().stock.range(&self.txn, &range).map_err(stored)?;
        let read = |row: heed::Result<(&[u8], &[u8])>| {
            let (key, bytes) = row.map_err(stored)?;
            let (key, stock) = (stock_key(key), read_stock(bytes));
            Ok((key.map_err(corrupt)?, stock.map_err(corrupt)?))
        };
        rows.take(limit).map(read).collect()
    }

    fn audit(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Read<Option<Seq>> {
        let audits = self.tables().audits;
        if let Some(merchant) = merchant {
            let row = self.get(audits, &pair(id.as_str(), merchant.as_str()))?;
            return row.map(read_seq).transpose();
        }
        let prefix = pair(id.as_str(), "");
        let rows = audits.prefix_iter(&self.txn, &prefix).map_err(stored)?;
        rows.map(|row| read_seq(row.map_err(stored)?.1))
            .try_fold(None, |newest, seq| Ok(newest.max(Some(seq?))))
    }

    fn inputs(&self, before: Option<Seq>, limit: usize) -> Read<Vec<(Seq, Option<MerchantId>)>> {
        let before = before.map_or(u64::MAX, |b| b.0).to_be_bytes();
        let range = (Bound::Unbounded, Bound::Excluded(before.as_slice()));
        let rows = self.tables().inputs.rev_range(&self.txn, &range).map_err(stored)?;
        let read = |row: heed::Result<(&[u8], &[u8])>| {
            let (seq, merchant) = row.map_err(stored)?;
            let merchant = std::str::from_utf8(merchant).map_err(|_| corrupt(Corrupt))?;
            // No merchant's name is empty.
            Ok((read_seq(seq)?, MerchantId::parse(merchant).ok()))
        };
        rows.take(limit).map(read).collect()
    }

    fn batch(&self, id: &BatchId) -> Read<Option<BatchState>> {
        let row = self.get(self.tables().batches, id.as_str().as_bytes())?;
        row.map(|bytes| BatchState::decode(&mut Decoder(bytes)).map_err(corrupt)).transpose()
    }

    fn batches(&self, after: Option<&BatchId>, limit: usize) -> Read<Vec<BatchState>> {
        let mut from = after.map_or(Vec::new(), |id| id.as_str().as_bytes().to_vec());
        from.push(0);
        let range = from_key(&from);
        let rows = self.tables().batches.range(&self.txn, &range).map_err(stored)?;
        let read = |row: heed::Result<(&[u8], &[u8])>| {
            BatchState::decode(&mut Decoder(row.map_err(stored)?.1)).map_err(corrupt)
        };
        rows.take(limit).map(read).collect()
    }

    fn rules(&self, version: u64) -> Read<Option<Arc<CompiledRules>>> {
        let row = self.get(self.tables().rules, &version.to_be_bytes())?;
        row.map(|bytes| self.compile(version, bytes)).transpose()
    }
}

/// The names that rows outside this file are keyed by.
pub(crate) fn customer_pair(merchant: &MerchantId, id: &CustomerId) -> Vec<u8> {
    pair(merchant.as_str(), id.as_str())
}
