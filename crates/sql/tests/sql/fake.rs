//! A lake made up from rows: some in Parquet files, some in the tail.

use std::collections::BTreeMap;
use std::fs::File as Disk;
use std::path::Path as Folder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use lake::manifest::{File, Manifest, Segment};
use lake::rows::{Day, Rows};
use lake::snapshot::{Files, Present, Snapshot};
use lake::table::{Column, Kind, MONEY_PRECISION, MONEY_SCALE, Table, schema};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use parking_lot::RwLock;
use parquet::arrow::ArrowWriter;
use roaring::RoaringTreemap;
use service::ledger::Task;
use service::query::{Form, Queries, Question, Refused};
use sql::{Engine, Limits};

/// A version of an order, and a line of it for each quantity.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) sequence: u64,
    pub(crate) order: String,
    pub(crate) status: &'static str,
    /// In ten-thousandths.
    pub(crate) total: Option<i64>,
    pub(crate) quantities: Vec<i64>,
}

const fn column(name: &'static str, kind: Kind, nullable: bool) -> Column {
    Column { name, kind, nullable, doc: "made up" }
}

/// The columns of orders; files without the last one are older than it.
pub(crate) fn orders() -> SchemaRef {
    schema(&[
        column("sequence", Kind::Integer, false),
        column("order_id", Kind::Text, false),
        column("status", Kind::Word, false),
        column("total", Kind::Money, true),
        column("at", Kind::Moment, false),
        column("note", Kind::Text, true),
    ])
}

pub(crate) fn lines() -> SchemaRef {
    schema(&[
        column("order_id", Kind::Text, false),
        column("line", Kind::Integer, false),
        column("quantity", Kind::Integer, false),
        column("sequence", Kind::Integer, false),
    ])
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

/// The rows of versions, as the lake makes them.
pub(crate) fn order_rows(versions: &[Version]) -> RecordBatch {
    let sequence = versions.iter().map(|v| v.sequence as i64);
    let total = versions.iter().map(|v| v.total.map(i128::from));
    let total = Decimal128Array::from_iter(total);
    let total = total.with_precision_and_scale(MONEY_PRECISION, MONEY_SCALE).unwrap();
    let at = versions.iter().map(|v| v.sequence as i64 * 1_000_000);
    let at = TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC");
    let note = versions.iter().map(|v| (v.sequence % 3 == 0).then_some("third"));
    batch(
        &orders(),
        vec![
            Arc::new(Int64Array::from_iter_values(sequence)),
            Arc::new(StringArray::from_iter_values(versions.iter().map(|v| &v.order))),
            Arc::new(StringArray::from_iter_values(versions.iter().map(|v| v.status))),
            Arc::new(total),
            Arc::new(at),
            Arc::new(StringArray::from_iter(note)),
        ],
    )
}

pub(crate) fn line_rows(versions: &[Version]) -> RecordBatch {
    let of = |v: &Version| {
        let (order, sequence) = (v.order.clone(), v.sequence as i64);
        let row = move |(n, quantity): (usize, i64)| (order.clone(), n as i64, quantity, sequence);
        v.quantities.clone().into_iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let rows: Vec<_> = versions.iter().flat_map(of).collect();
    let whole = |pick: fn(&(String, i64, i64, i64)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(pick)))
    };
    batch(
        &lines(),
        vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
            whole(|row| row.1),
            whole(|row| row.2),
            whole(|row| row.3),
        ],
    )
}

/// Which versions a later one of the same order supersedes.
pub(crate) fn superseded(versions: &[Version]) -> RoaringTreemap {
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    versions.iter().filter_map(|v| newest.insert(&v.order, v.sequence)).collect()
}

/// A present that tests set.
pub(crate) struct Fake {
    pub(crate) folder: tempfile::TempDir,
    files: Files,
    now: RwLock<Snapshot>,
    /// How often somebody waited for what is committed.
    pub(crate) waited: AtomicU64,
}

impl Present for Fake {
    fn snapshot(&self) -> Snapshot {
        self.now.read().clone()
    }

    fn files(&self) -> &Files {
        &self.files
    }

    fn committed(&self) -> u64 {
        self.now.read().until
    }

    fn wait_for(&self, _: u64, _: u64) -> Task<'_, bool> {
        self.waited.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(true))
    }
}

impl Fake {
    /// Nothing at all.
    pub(crate) fn empty() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let files = Files { store, root: Path::from("lake") };
        let now = Snapshot {
            manifest: Arc::default(),
            superseded: Vec::new(),
            tail: Vec::new(),
            superseded_in_tail: Arc::default(),
            until: 0,
        };
        Arc::new(Self { folder, files, now: RwLock::new(now), waited: AtomicU64::new(0) })
    }

    /// Shows versions: those before each of `cuts` in a segment, the rest in the tail. `old` files
    /// lack the newest column.
    pub(crate) fn show(&self, versions: &[Version], cuts: &[usize], old: bool) {
        let gone = superseded(versions);
        let (mut segments, mut sets, mut from, mut begin) = (Vec::new(), Vec::new(), 0, 0);
        for cut in cuts {
            let part = &versions[begin..*cut];
            let Some(last) = part.last() else { continue };
            let until = last.sequence;
            segments.push(segment(self.folder.path(), part, from, until, old));
            let set: RoaringTreemap = gone.iter().filter(|at| *at > from && *at <= until).collect();
            sets.push((!set.is_empty()).then(|| Arc::new(set)));
            (from, begin) = (until, *cut);
        }
        // The tail in two pieces, as it grows.
        let rest = &versions[begin..];
        let until = rest.last().map_or(from, |v| v.sequence);
        let tail = rest.chunks(rest.len().div_ceil(2).max(1)).map(|part| Arc::new(tail(part)));
        let in_tail: RoaringTreemap = gone.iter().filter(|at| *at > from).collect();
        *self.now.write() = Snapshot {
            manifest: Arc::new(Manifest {
                version: 1,
                until: from,
                segments,
                ..Manifest::default()
            }),
            superseded: sets,
            tail: tail.collect(),
            superseded_in_tail: Arc::new(in_tail),
            until,
        };
    }

    /// Shows files that are not there: whoever reads one fails.
    pub(crate) fn lose_files(&self) {
        std::fs::remove_dir_all(self.folder.path().join("lake")).unwrap();
    }
}

fn tail(part: &[Version]) -> Rows {
    let day = Day(0);
    Rows {
        from: 0,
        until: part.last().map_or(0, |v| v.sequence),
        newest: None,
        batches: vec![
            (Table::Orders, day, order_rows(part)),
            (Table::OrderLines, day, line_rows(part)),
        ],
        superseded: RoaringTreemap::new(),
        bytes: 0,
    }
}

fn segment(folder: &Folder, part: &[Version], from: u64, until: u64, old: bool) -> Segment {
    let mut orders = order_rows(part);
    if old {
        orders = orders.project(&[0, 1, 2, 3, 4]).unwrap();
    }
    let mut files = BTreeMap::new();
    for (table, rows) in [(Table::Orders, orders), (Table::OrderLines, line_rows(part))] {
        if rows.num_rows() > 0 {
            let path = format!("{}/{from:020}-{until:020}.parquet", table.name());
            let bytes = write(&folder.join("lake").join(&path), &rows);
            let (first, last) = (part[0].sequence, until);
            let rows = rows.num_rows() as u64;
            files.insert(table.name().to_owned(), File { path, rows, bytes, first, last });
        }
    }
    Segment { day: "1970-01-01".to_owned(), from, until, files, superseded: None }
}

fn write(path: &Folder, rows: &RecordBatch) -> u64 {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Small row groups, so that files have several.
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(64))
        .build();
    let file = Disk::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    std::fs::metadata(path).unwrap().len()
}

pub(crate) fn limits(fake: &Fake) -> Limits {
    Limits {
        memory_bytes: 64 << 20,
        timeout: Duration::from_secs(20),
        concurrency: 4,
        spill: fake.folder.path().join("spill"),
    }
}

pub(crate) fn open(fake: &Arc<Fake>, limits: Limits) -> Engine {
    let tables = [(Table::Orders, orders()), (Table::OrderLines, lines())];
    Engine::open(fake.clone(), &tables, limits, || {}).unwrap()
}

pub(crate) fn engine(fake: &Arc<Fake>) -> Engine {
    open(fake, limits(fake))
}

pub(crate) fn question(sql: &str) -> Question {
    Question { sql: sql.to_owned(), rows_max: None, timeout: None, form: Form::Csv }
}

/// The whole document of an answer.
pub(crate) fn document(engine: &Engine, question: Question) -> Result<Vec<u8>, Refused> {
    engine.runtime().block_on(async {
        let mut answer = engine.ask(question).await?;
        let mut document = Vec::new();
        while let Some(piece) = answer.pieces.next().await {
            document.extend_from_slice(&piece?);
        }
        Ok(document)
    })
}

/// An answer as CSV, without its header.
pub(crate) fn rows(engine: &Engine, sql: &str) -> Result<Vec<String>, Refused> {
    let text = String::from_utf8(document(engine, question(sql))?).unwrap();
    Ok(text.split_terminator("\r\n").skip(1).map(str::to_owned).collect())
}
