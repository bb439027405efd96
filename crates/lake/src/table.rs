//! The tables and their columns: one list makes the Arrow schema, the Parquet files and the
//! documentation.
//!
//! A table changes by getting columns at its end; old files show them as null. No column is ever
//! renamed, taken away, or given another type.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::tables;

/// Digits of money and price columns: the most that files, warehouses and readers keep in 64 bits,
/// which makes sums over millions of orders several times as fast as those of wider decimals.
///
/// With two to four decimals the largest amount of an order fits
/// ([`domain::limits::MONEY_MAX`] minor units). With none, an amount of 100 trillion and more
/// does not: its column is null, and the ledger has it. A price per unit always fits.
pub const MONEY_PRECISION: u8 = 18;
/// Decimal places of a money column: as many as any currency has, so that a column means the same
/// whatever the installation's.
pub const MONEY_SCALE: i8 = 4;
/// Decimal places of a price per unit: as many as one may have.
pub const PRICE_SCALE: i8 = 6;

/// A table of the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row an order's version.
    Orders,
    /// One row a line of an order's version.
    OrderLines,
    /// One row a rule that had a part in the price of an order's version.
    OrderRules,
    /// One row an event of an order.
    OrderEvents,
    /// One row a movement of stock.
    StockMovements,
    /// One row a batch's version.
    Batches,
    /// One row an input that was not taken.
    Rejects,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 7] = [
        Self::Orders,
        Self::OrderLines,
        Self::OrderRules,
        Self::OrderEvents,
        Self::StockMovements,
        Self::Batches,
        Self::Rejects,
    ];

    /// Its name: of the folder, and in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::OrderLines => "order_lines",
            Self::OrderRules => "order_rules",
            Self::OrderEvents => "order_events",
            Self::StockMovements => "stock_movements",
            Self::Batches => "batches",
            Self::Rejects => "rejects",
        }
    }

    /// The table of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Its columns, in their order.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Orders => tables::orders::COLUMNS,
            Self::OrderLines => tables::order_lines::COLUMNS,
            Self::OrderRules => tables::order_rules::COLUMNS,
            Self::OrderEvents => tables::order_events::COLUMNS,
            Self::StockMovements => tables::stock_movements::COLUMNS,
            Self::Batches => tables::batches::COLUMNS,
            Self::Rejects => tables::rejects::COLUMNS,
        }
    }

    /// What a row of it is, for people.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Orders => tables::orders::ABOUT,
            Self::OrderLines => tables::order_lines::ABOUT,
            Self::OrderRules => tables::order_rules::ABOUT,
            Self::OrderEvents => tables::order_events::ABOUT,
            Self::StockMovements => tables::stock_movements::ABOUT,
            Self::Batches => tables::batches::ABOUT,
            Self::Rejects => tables::rejects::ABOUT,
        }
    }

    /// Its Arrow schema: made once, then shared.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; 7]> =
            LazyLock::new(|| Table::ALL.map(|table| schema(table.columns())));
        SCHEMAS[self as usize].clone()
    }

    /// Its schema as it was with its first `columns` columns: what a file has that was written
    /// before the others were added.
    ///
    /// ```
    /// use lake::table::Table;
    /// let earlier = Table::Orders.schema_of_first(3);
    /// assert_eq!(earlier.fields().len(), 3);
    /// assert_eq!(earlier.field(0), Table::Orders.schema().field(0));
    /// ```
    #[must_use]
    pub fn schema_of_first(self, columns: usize) -> SchemaRef {
        schema(self.columns().get(..columns).unwrap_or(self.columns()))
    }

    /// Whether its rows are versions, named by the column `sequence`, of which a later one
    /// supersedes the earlier.
    #[must_use]
    pub fn is_versioned(self) -> bool {
        match self {
            Self::Orders | Self::OrderLines | Self::OrderRules | Self::Batches => true,
            Self::OrderEvents | Self::StockMovements | Self::Rejects => false,
        }
    }
}

/// A column, as everything that is made of it needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may have none.
    pub nullable: bool,
    /// What it means, with unit: for people.
    pub doc: &'static str,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text of few values, such as a status or a merchant: kept by dictionary in files.
    Word,
    /// A whole number.
    Integer,
    /// Yes or no.
    Flag,
    /// An amount in the currency's main unit, exact: `DECIMAL(18, 4)`.
    Money,
    /// A price per unit in the currency's main unit, exact: `DECIMAL(18, 6)`.
    Price,
    /// A moment, in microseconds, UTC.
    Moment,
}

impl Kind {
    /// The Arrow type.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Word => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Flag => DataType::Boolean,
            Self::Money => DataType::Decimal128(MONEY_PRECISION, MONEY_SCALE),
            Self::Price => DataType::Decimal128(MONEY_PRECISION, PRICE_SCALE),
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// The Arrow schema of columns; what each means goes with it, as `comment`.
#[must_use]
pub fn schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| {
        let comment = [("comment".to_owned(), column.doc.to_owned())];
        Field::new(column.name, column.kind.data_type(), column.nullable)
            .with_metadata(comment.into())
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}
