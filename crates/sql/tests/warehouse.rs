//! What is written about the tables and views for others is made of the tables and views: the
//! statements for Redshift, and the documentation. `COMANDA_REMAKE=1` makes it anew.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::SessionContext;
use lake::table::{Column, Kind, MONEY_PRECISION, MONEY_SCALE, PRICE_SCALE, Table};

const MADE: &str = "made of the tables' and views' own lists: make it anew with\n\
                    -- COMANDA_REMAKE=1 cargo test -p sql --test warehouse\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Holds a file to what it is to be, or makes it so when asked to.
fn hold(path: &str, wanted: &str) {
    let file = root().join(path);
    if std::env::var_os("COMANDA_REMAKE").is_some() {
        std::fs::write(&file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is not what it is to be: see the head of this test");
}

/// How rows are spread over machines and sorted there.
fn layout(table: Table) -> &'static str {
    match table {
        Table::Orders => "DISTKEY (order_id)\nCOMPOUND SORTKEY (received_at, merchant_id)",
        Table::OrderLines => "DISTKEY (order_id)\nCOMPOUND SORTKEY (received_at, merchant_id, sku)",
        Table::OrderRules => "DISTKEY (order_id)\nCOMPOUND SORTKEY (received_at, rule_set)",
        Table::OrderEvents => "DISTKEY (order_id)\nCOMPOUND SORTKEY (at, merchant_id)",
        Table::StockMovements => "DISTKEY (sku)\nCOMPOUND SORTKEY (merchant_id, sku, at)",
        Table::Batches => "DISTSTYLE ALL\nSORTKEY (started_at)",
        Table::Rejects => "DISTSTYLE EVEN\nSORTKEY (at)",
    }
}

/// What a row is known by: there is one of it at most. Redshift plans by it and does not check it.
fn key(table: Table) -> Option<&'static str> {
    match table {
        Table::Orders => Some("merchant_id, order_id"),
        Table::OrderLines => Some("sequence, line"),
        Table::OrderEvents | Table::StockMovements => Some("sequence, position"),
        Table::Batches => Some("batch_id"),
        Table::OrderRules | Table::Rejects => None,
    }
}

fn sql_type(column: &Column) -> String {
    match column.kind {
        // A name has 128 bytes at most; other words are from documents and short.
        Kind::Text if column.name.ends_with("_id") => "VARCHAR(128)".to_owned(),
        Kind::Word if column.name.ends_with("_id") || column.name == "sku" => {
            "VARCHAR(128)".to_owned()
        }
        Kind::Word => "VARCHAR(1024)".to_owned(),
        // The longest text that there is: what does not fit would stop a load.
        Kind::Text => "VARCHAR(65535)".to_owned(),
        Kind::Integer => "BIGINT".to_owned(),
        Kind::Flag => "BOOLEAN".to_owned(),
        Kind::Money => format!("DECIMAL({MONEY_PRECISION}, {MONEY_SCALE})"),
        Kind::Price => format!("DECIMAL({MONEY_PRECISION}, {PRICE_SCALE})"),
        Kind::Moment => "TIMESTAMPTZ".to_owned(),
    }
}

fn names(table: Table) -> Vec<&'static str> {
    table.columns().iter().map(|column| column.name).collect()
}

/// One a line, after four blanks.
fn listed<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> =
        items.into_iter().map(|item| format!("    {}", item.as_ref())).collect();
    items.join(",\n")
}

fn schema() -> String {
    let mut out = format!(
        "-- The tables of the lake in Redshift, {MADE}\n\
         CREATE SCHEMA IF NOT EXISTS comanda;\n\nSET search_path TO comanda;\n"
    );
    for table in Table::ALL {
        let column = |column: &Column| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", column.name, sql_type(column))
        };
        let key = key(table).map(|key| format!("PRIMARY KEY ({key})"));
        let lines = listed(table.columns().iter().map(column).chain(key));
        let (name, layout) = (table.name(), layout(table));
        write!(out, "\nCREATE TABLE IF NOT EXISTS {name} (\n{lines}\n)\n{layout};\n").unwrap();
    }
    out.push_str(
        "\n-- Which stretches of the log are in the tables: the next load goes on behind them.\n\
         CREATE TABLE IF NOT EXISTS lake_loads (\n    manifest BIGINT NOT NULL,\n    \
         day DATE NOT NULL,\n    from_sequence BIGINT NOT NULL,\n    \
         until_sequence BIGINT NOT NULL,\n    loaded_at TIMESTAMPTZ NOT NULL\n)\n\
         DISTSTYLE ALL\nSORTKEY (until_sequence);\n",
    );
    out
}

fn stage() -> String {
    let mut out = format!(
        "-- Takes files of the lake into temporary tables,\n-- {MADE}\
         -- ${{copies}} is where load.py puts the lists of files, ${{role}} the role that reads \
         them.\n\nSET search_path TO comanda;\n"
    );
    for table in Table::ALL {
        let name = table.name();
        let columns = listed(names(table));
        write!(
            out,
            "\nCREATE TEMPORARY TABLE staged_{name} AS\nSELECT\n{columns}\nFROM {name}\n\
             WHERE 1 = 0;\n\nCOPY staged_{name}\nFROM '${{copies}}/{name}.manifest'\n\
             IAM_ROLE '${{role}}'\nFORMAT AS PARQUET\nMANIFEST;\n"
        )
        .unwrap();
    }
    out
}

/// Versions: the newest of each thing, when it is newer than what is there already.
fn newest(table: Table, key: &[&str]) -> String {
    let (name, columns) = (table.name(), names(table));
    let same = |a: &str, b: &str| {
        let parts: Vec<String> = key.iter().map(|k| format!("{a}.{k} = {b}.{k}")).collect();
        parts.join("\n    AND ")
    };
    let set = columns.iter().filter(|column| !key.contains(column));
    let set = listed(set.map(|column| format!("{column} = fresh.{column}")));
    let fresh = listed(columns.iter().map(|column| format!("fresh.{column}")));
    let ranked = listed(columns.iter().map(|column| format!("    {column}")));
    let newest = listed(columns.iter().map(|column| format!("newest.{column}")));
    let (columns, partition) = (listed(&columns), key.join(", "));
    format!(
        "\nCREATE TEMPORARY TABLE fresh_{name} AS\nSELECT\n{newest}\nFROM (\n    SELECT\n\
         {ranked},\n        ROW_NUMBER()\n            OVER (PARTITION BY {partition} ORDER BY \
         sequence DESC)\n            AS place\n    FROM staged_{name}\n) AS newest\n\
         LEFT JOIN {name} AS kept\n    ON {}\n    AND newest.sequence <= kept.sequence\n\
         WHERE newest.place = 1 AND kept.sequence IS NULL;\n\n\
         MERGE INTO {name}\nUSING fresh_{name} AS fresh\nON {}\n\
         WHEN MATCHED THEN UPDATE SET\n{set}\nWHEN NOT MATCHED THEN INSERT (\n{columns}\n) \
         VALUES (\n{fresh}\n);\n",
        same("newest", "kept"),
        same(name, "fresh"),
    )
}

/// Parts of an order's version come and go with it.
fn parts(table: Table) -> String {
    let (name, columns) = (table.name(), names(table));
    let staged = listed(columns.iter().map(|column| format!("staged.{column}")));
    let columns = listed(&columns);
    format!(
        "\nDELETE FROM {name}\nUSING fresh_orders AS fresh\nWHERE\n    \
         {name}.merchant_id = fresh.merchant_id\n    AND {name}.order_id = fresh.order_id;\n\n\
         INSERT INTO {name} (\n{columns}\n)\nSELECT\n{staged}\nFROM staged_{name} AS staged\n\
         INNER JOIN fresh_orders AS fresh ON staged.sequence = fresh.sequence;\n"
    )
}

/// What happened stays: a change that is there already is not added again.
fn appended(table: Table) -> String {
    let (name, columns) = (table.name(), names(table));
    let staged = listed(columns.iter().map(|column| format!("staged.{column}")));
    let columns = listed(&columns);
    format!(
        "\nINSERT INTO {name} (\n{columns}\n)\nSELECT\n{staged}\nFROM staged_{name} AS staged\n\
         LEFT JOIN (SELECT DISTINCT sequence FROM {name}) AS kept\n    \
         ON staged.sequence = kept.sequence\nWHERE kept.sequence IS NULL;\n"
    )
}

fn merge() -> String {
    let mut out = format!(
        "-- Brings the tables to what was staged,\n-- {MADE}\
         -- Loading the same files again changes nothing, and files may come in any order: of an\n\
         -- order the version with the highest sequence stays. Run it in the transaction that staged\n\
         -- them.\n\nSET search_path TO comanda;\n"
    );
    for table in Table::ALL {
        let statements = match table {
            Table::Orders => newest(table, &["merchant_id", "order_id"]),
            Table::Batches => newest(table, &["batch_id"]),
            Table::OrderLines | Table::OrderRules => parts(table),
            Table::OrderEvents | Table::StockMovements | Table::Rejects => appended(table),
        };
        out.push_str(&statements);
    }
    out
}

fn views() -> String {
    let mut out = format!(
        "-- The views of Comanda's own SQL, {MADE}\
         -- Days are those of the session's time zone, which is UTC unless it is set.\n\n\
         SET search_path TO comanda;\n"
    );
    for view in sql::views::ALL {
        let (name, summary, statement) = (view.name, view.summary(), view.statement());
        write!(out, "\n-- {summary}\nCREATE OR REPLACE VIEW {name} AS\n{statement};\n").unwrap();
    }
    out
}

#[test]
fn the_warehouse_has_the_tables_and_views_that_there_are() {
    hold("deploy/redshift/schema.sql", &schema());
    hold("deploy/redshift/stage.sql", &stage());
    hold("deploy/redshift/merge.sql", &merge());
    hold("deploy/redshift/views.sql", &views());
}

#[test]
fn every_view_has_the_columns_that_it_says_and_no_float() {
    let session = SessionContext::new();
    for table in Table::ALL {
        let empty = Arc::new(EmptyTable::new(table.schema()));
        session.register_table(table.name(), empty).unwrap();
    }
    for view in sql::views::ALL {
        let state = session.state();
        let plan = pollster::block_on(state.create_logical_plan(view.statement()));
        let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", view.name));
        let said: Vec<&str> = view.columns().map(|(name, _)| name).collect();
        let found: Vec<&str> = plan.schema().fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(said, found, "{}", view.name);
        for field in plan.schema().fields() {
            assert!(!field.data_type().is_floating(), "{}.{}", view.name, field.name());
        }
    }
}

#[test]
fn the_documentation_has_every_view_with_its_columns() {
    let path = "docs/sql.md";
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let (begin, end) = ("<!-- views: begin -->\n", "<!-- views: end -->\n");
    let (before, rest) = text.split_once(begin).expect("docs/sql.md says where the views begin");
    let (_, after) = rest.split_once(end).expect("docs/sql.md says where the views end");
    let sections: Vec<String> = sql::views::ALL.iter().map(sql::views::View::section).collect();
    hold(path, &format!("{before}{begin}\n{}\n{end}{after}", sections.join("\n")));
}
