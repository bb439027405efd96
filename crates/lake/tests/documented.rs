//! The tables of `docs/lake.md` are those that the code writes.
//!
//! After a change of columns: `COMANDA_REMAKE=1 cargo test -p lake --test documented`.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use lake::table::{Column, Kind, Table};

const BEGIN: &str = "<!-- tables -->\n";
const END: &str = "<!-- /tables -->\n";

#[test]
fn the_tables_in_the_documentation_are_those_that_are_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lake.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let made = format!("{before}{BEGIN}{}{END}{after}", tables());
    if std::env::var_os("COMANDA_REMAKE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(
        page == made || std::env::var_os("COMANDA_REMAKE").is_some(),
        "docs/lake.md is behind: COMANDA_REMAKE=1 cargo test -p lake --test documented"
    );
}

fn tables() -> String {
    let mut page = String::new();
    for table in Table::ALL {
        writeln!(page, "\n## `{}`\n\n{}\n", table.name(), table.about()).unwrap();
        writeln!(page, "| column | type | |\n|---|---|---|").unwrap();
        for column in table.columns() {
            let null = if column.nullable { ", null" } else { "" };
            let Column { name, kind, doc, .. } = column;
            writeln!(page, "| `{name}` | {}{null} | {doc} |", word(*kind)).unwrap();
        }
    }
    page.push('\n');
    page
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Word => "text",
        Kind::Integer => "integer",
        Kind::Flag => "boolean",
        Kind::Money => "decimal(18, 4)",
        Kind::Price => "decimal(18, 6)",
        Kind::Moment => "timestamp",
    }
}
