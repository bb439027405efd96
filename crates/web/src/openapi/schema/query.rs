//! Statements in SQL, and their answers.

use serde_json::Value;
use utoipa::ToSchema;

use super::Cursor;

/// A statement, with bounds.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryQuestion {
    /// At most 64 KiB. Names of tables and columns: `SHOW TABLES`, `DESCRIBE orders`.
    #[schema(example = "SELECT status, count(*) AS orders FROM orders GROUP BY status")]
    sql: String,
    /// At most so many rows.
    #[schema(minimum = 0)]
    rows_max: Option<i64>,
    /// Longest it may take; never more than the installation allows.
    #[schema(minimum = 1)]
    timeout_s: Option<i64>,
}

/// Rows, in the order of the statement.
#[derive(ToSchema)]
pub struct QueryAnswer {
    columns: Vec<QueryColumn>,
    /// The position of the log up to which changes are in it; null where the statement names no
    /// table of orders.
    as_of: Option<Cursor>,
    /// A list a row, in the order of the columns. Amounts are texts, moments are RFC 3339.
    rows: Vec<Vec<Value>>,
    /// Whether there are more rows than were asked for.
    truncated: bool,
}

/// A column.
#[derive(ToSchema)]
pub struct QueryColumn {
    #[schema(example = "total")]
    name: String,
    /// By PostgreSQL's name.
    #[schema(example = "numeric(18,4)")]
    r#type: String,
}
