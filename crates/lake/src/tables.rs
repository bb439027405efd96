//! The rows of the tables, one file a table: columns in their order, each with what it means.
//!
//! Never: a column taken away, renamed or moved. A new one goes to the end of its list.

pub(crate) mod batches;
pub(crate) mod order_events;
pub(crate) mod order_lines;
pub(crate) mod order_rules;
pub(crate) mod orders;
pub(crate) mod rejects;
pub(crate) mod stock_movements;

use arrow::array::{ArrayRef, RecordBatch};

use crate::rows::Day;
use crate::table::Table;

/// A table's rows being gathered.
pub(crate) trait Build {
    /// Rows so far.
    fn rows(&self) -> usize;
    /// The rows as columns; none are left.
    fn finish(&mut self) -> Vec<ArrayRef>;
}

/// Rows of every table, of one day.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) orders: orders::Builder,
    pub(crate) order_lines: order_lines::Builder,
    pub(crate) order_rules: order_rules::Builder,
    pub(crate) order_events: order_events::Builder,
    pub(crate) stock_movements: stock_movements::Builder,
    pub(crate) batches: batches::Builder,
    pub(crate) rejects: rejects::Builder,
}

impl Draft {
    /// Rows of all tables.
    pub(crate) fn rows(&self) -> usize {
        Table::ALL.into_iter().map(|table| self.of(table).rows()).sum()
    }

    /// The most rows of any table.
    pub(crate) fn longest(&self) -> usize {
        Table::ALL.into_iter().map(|table| self.of(table).rows()).max().unwrap_or_default()
    }

    /// Moves the rows of every table to the end of `batches`.
    pub(crate) fn seal(&mut self, day: Day, batches: &mut Vec<(Table, Day, RecordBatch)>) {
        for table in Table::ALL {
            let builder = self.of_mut(table);
            if builder.rows() > 0 {
                let batch = RecordBatch::try_new(table.schema(), builder.finish());
                let batch = batch.expect("schema and builders are made of one list");
                batches.push((table, day, batch));
            }
        }
    }

    fn of(&self, table: Table) -> &dyn Build {
        match table {
            Table::Orders => &self.orders,
            Table::OrderLines => &self.order_lines,
            Table::OrderRules => &self.order_rules,
            Table::OrderEvents => &self.order_events,
            Table::StockMovements => &self.stock_movements,
            Table::Batches => &self.batches,
            Table::Rejects => &self.rejects,
        }
    }

    fn of_mut(&mut self, table: Table) -> &mut dyn Build {
        match table {
            Table::Orders => &mut self.orders,
            Table::OrderLines => &mut self.order_lines,
            Table::OrderRules => &mut self.order_rules,
            Table::OrderEvents => &mut self.order_events,
            Table::StockMovements => &mut self.stock_movements,
            Table::Batches => &mut self.batches,
            Table::Rejects => &mut self.rejects,
        }
    }
}
