//! Rows as texts and numbers, to be compared and looked at.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimestampMicrosecondType};
use lake::rows::{Day, Rows};
use lake::table::{MONEY_SCALE, Table};

pub(crate) use lake::table::Column;

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Decimal(i128),
    Text(String),
}

/// A row by its columns' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row(BTreeMap<&'static str, Value>);

/// Everything that rows say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    tables: BTreeMap<Table, Vec<(Day, Row)>>,
    superseded: Vec<u64>,
}

impl Row {
    pub(crate) fn integer(&self, name: &str) -> i64 {
        match &self.0[name] {
            Value::Integer(number) => *number,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The text; the empty text where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        match &self.0[name] {
            Value::Text(text) => text,
            Value::Null => "",
            other => panic!("{name} is {other:?}"),
        }
    }

    /// An amount in cents, exactly.
    pub(crate) fn cents(&self, name: &str) -> Option<i64> {
        let per_cent = 10_i128.pow(u32::from(MONEY_SCALE.unsigned_abs()) - 2);
        match &self.0[name] {
            Value::Decimal(units) if units % per_cent == 0 => {
                Some(i64::try_from(units / per_cent).unwrap())
            }
            Value::Null => None,
            other => panic!("{name} is {other:?}"),
        }
    }
}

impl Told {
    pub(crate) fn of(stretches: &[Rows]) -> Self {
        let mut told = Self { tables: BTreeMap::new(), superseded: Vec::new() };
        for rows in stretches {
            for (table, day, batch) in &rows.batches {
                assert_eq!(batch.schema(), table.schema());
                assert!(batch.num_rows() > 0, "empty batches are left out");
                let read = (0..batch.num_rows()).map(|at| (*day, row(*table, batch, at)));
                told.tables.entry(*table).or_default().extend(read);
            }
            assert!(rows.superseded.iter().all(|seq| seq <= rows.until));
            told.superseded.extend(&rows.superseded);
        }
        told.superseded.sort_unstable();
        let superseded = told.superseded.len();
        told.superseded.dedup();
        assert_eq!(told.superseded.len(), superseded, "a version is superseded once");
        told.check_order();
        told
    }

    /// In every table sequences never fall, and every day is that of its change.
    fn check_order(&self) {
        for rows in self.tables.values() {
            assert!(rows.is_sorted_by_key(|(day, row)| (row.integer("sequence"), *day)));
        }
    }

    pub(crate) fn all(&self, table: Table) -> Vec<&Row> {
        let rows = self.tables.get(&table).map(Vec::as_slice).unwrap_or_default();
        rows.iter().map(|(_, row)| row).collect()
    }

    /// The rows that nothing supersedes.
    pub(crate) fn current(&self, table: Table) -> Vec<&Row> {
        let gone = |row: &&Row| {
            let sequence = row.integer("sequence") as u64;
            self.superseded.binary_search(&sequence).is_ok()
        };
        self.all(table).into_iter().filter(|row| !gone(row)).collect()
    }

    pub(crate) fn of_version(&self, table: Table, sequence: i64) -> Vec<&Row> {
        let of = |row: &&Row| row.integer("sequence") == sequence;
        self.all(table).into_iter().filter(of).collect()
    }
}

fn row(table: Table, batch: &RecordBatch, at: usize) -> Row {
    let columns = table.columns().iter().zip(batch.columns());
    Row(columns.map(|(column, array)| (column.name, value(array.as_ref(), at))).collect())
}

fn value(array: &dyn Array, at: usize) -> Value {
    if array.is_null(at) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Int64 => Value::Integer(array.as_primitive::<Int64Type>().value(at)),
        DataType::Timestamp(..) => {
            Value::Integer(array.as_primitive::<TimestampMicrosecondType>().value(at))
        }
        DataType::Decimal128(..) => {
            Value::Decimal(array.as_primitive::<Decimal128Type>().value(at))
        }
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(at).to_owned()),
        other => panic!("no column is {other}"),
    }
}
