//! A log of made-up changes, and rows of them: each change is a version of one of some orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use domain::id::{MerchantId, Sku};
use domain::time::Timestamp;
use lake::rows::{Day, MakeRows, Rows};
use lake::table::{Column, Kind, MONEY_PRECISION, MONEY_SCALE, Table, schema};
use parking_lot::RwLock;
use roaring::RoaringTreemap;
use service::change::{Change, Seq, What};
use service::ledger::{Changes, Unavailable, stock_key};

/// The log, shared by whoever reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<RwLock<Vec<Entry>>>);

/// A change, with the version that it supersedes.
#[derive(Clone, Debug)]
struct Entry {
    seq: Seq,
    change: Change,
    order: u64,
    before: Option<u64>,
}

impl Log {
    /// Adds a version of an order.
    pub(crate) fn append(&self, at: Timestamp, order: u64, length: u64) {
        let mut log = self.0.write();
        let seq = Seq(log.last().map_or(28, |last| last.seq.0 + length));
        let before = log.iter().rev().find(|entry| entry.order == order).map(|entry| entry.seq.0);
        let sku = Sku::parse("PEN").expect("a name");
        let stock = stock_key(&MerchantId::parse("m").expect("a name"), &sku);
        let what = What::Stock { stock, on_hand: 1, reason: "".into() };
        log.push(Entry { seq, change: Change { at, what }, order, before });
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.0.read().last().map_or(0, |last| last.seq.0 + 20)
    }

    /// All versions up to a position, and of each order the last.
    pub(crate) fn versions(&self, until: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut all, mut current) = (Vec::new(), BTreeMap::new());
        for entry in self.0.read().iter().take_while(|entry| entry.seq.0 <= until) {
            all.push(entry.seq.0);
            current.insert(entry.order, entry.seq.0);
        }
        let mut current: Vec<u64> = current.into_values().collect();
        current.sort_unstable();
        (all, current)
    }

    /// The version that one supersedes.
    fn before(&self, seq: Seq) -> Option<u64> {
        let log = self.0.read();
        let at = log.binary_search_by_key(&seq, |entry| entry.seq).expect("it is in the log");
        log[at].before
    }
}

impl Changes for Log {
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        let log = self.0.read();
        let from = log.partition_point(|entry| after.is_some_and(|after| entry.seq <= after));
        let later = log.iter().skip(from).take(limit);
        Ok(later.map(|entry| (entry.seq, entry.change.clone())).collect())
    }

    fn change(&self, seq: Seq) -> Result<Change, Unavailable> {
        let log = self.0.read();
        let at = log.binary_search_by_key(&seq, |entry| entry.seq);
        at.map(|at| log[at].change.clone()).map_err(|_| Unavailable::Cursor)
    }

    fn scan(&self, _: Seq, _: Seq, _: &mut dyn FnMut(Seq, Change)) -> Result<(), Unavailable> {
        unreachable!("nobody scans")
    }
}

/// Makes rows: an order, as many lines as its sequence says, and an event.
pub(crate) struct Maker {
    log: Log,
    from: u64,
    until: u64,
    changes: Vec<(Seq, Change)>,
}

/// How many lines the version of that sequence has.
pub(crate) fn lines(sequence: u64) -> usize {
    (sequence % 4) as usize
}

impl Maker {
    pub(crate) fn new(log: Log, until: u64) -> Self {
        Self { log, from: until, until, changes: Vec::new() }
    }
}

impl MakeRows for Maker {
    fn until(&self) -> u64 {
        self.until
    }

    fn push(&mut self, seq: Seq, change: &Change) -> Result<(), Unavailable> {
        self.until = seq.0;
        self.changes.push((seq, change.clone()));
        Ok(())
    }

    fn take(&mut self) -> Rows {
        let changes = std::mem::take(&mut self.changes);
        let from = std::mem::replace(&mut self.from, self.until);
        let (mut batches, mut superseded) = (Vec::new(), RoaringTreemap::new());
        for day in changes.chunk_by(|a, b| Day::of(a.1.at) == Day::of(b.1.at)) {
            let sequences: Vec<u64> = day.iter().map(|(seq, _)| seq.0).collect();
            let of_lines = sequences.iter().flat_map(|seq| vec![*seq; lines(*seq)]).collect();
            let tables = [
                (Table::Orders, sequences.clone()),
                (Table::OrderLines, of_lines),
                (Table::OrderEvents, sequences),
            ];
            for (table, sequences) in tables {
                if !sequences.is_empty() {
                    batches.push((table, Day::of(day[0].1.at), batch(&sequences)));
                }
            }
        }
        for (seq, _) in &changes {
            superseded.extend(self.log.before(*seq));
        }
        let newest = changes.last().map(|(_, change)| change.at);
        let bytes = batches.iter().map(|(_, _, batch)| batch.get_array_memory_size()).sum();
        Rows { from, until: self.until, newest, batches, superseded, bytes }
    }
}

/// Rows with these sequences, and a column of each kind.
fn batch(sequences: &[u64]) -> RecordBatch {
    let column = |name, kind| Column { name, kind, nullable: false, doc: "made up" };
    let schema = schema(&[
        column("sequence", Kind::Integer),
        column("text", Kind::Word),
        column("is_odd", Kind::Flag),
        column("amount", Kind::Money),
        column("at", Kind::Moment),
    ]);
    let numbers = || sequences.iter().map(|seq| *seq as i64);
    let amounts = Decimal128Array::from_iter_values(numbers().map(i128::from));
    let amounts = amounts.with_precision_and_scale(MONEY_PRECISION, MONEY_SCALE).expect("it fits");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(numbers())),
        Arc::new(StringArray::from_iter_values(numbers().map(|n| format!("t{}", n % 7)))),
        Arc::new(BooleanArray::from_iter(numbers().map(|n| Some(n % 2 == 1)))),
        Arc::new(amounts),
        Arc::new(TimestampMicrosecondArray::from_iter_values(numbers()).with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema, columns).expect("the columns are the schema's")
}
