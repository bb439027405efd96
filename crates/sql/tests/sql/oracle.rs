//! Whatever is in files, in the tail or superseded: the answer is that over the current rows.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use fastrand::Rng;

use crate::fake::{self, Fake, Version};

const STATUSES: [&str; 3] = ["COMPLETED", "PENDING", "CANCELLED"];

/// Orders with many versions each, at sequences with gaps.
pub(crate) fn versions(random: &mut Rng, count: usize) -> Vec<Version> {
    let mut sequence = 0;
    let version = |_| {
        sequence += random.u64(1..40);
        Version {
            sequence,
            order: format!("o-{}", random.usize(0..count.div_ceil(2).max(1))),
            status: STATUSES[random.usize(0..3)],
            total: (random.u8(0..5) > 0).then(|| random.i64(0..1_000_000)),
            quantities: (0..random.usize(0..4)).map(|_| random.i64(1..10)).collect(),
        }
    };
    (0..count).map(version).collect()
}

/// The same rows without a lake around them.
fn plain(versions: &[Version]) -> SessionContext {
    let gone = fake::superseded(versions);
    let current: Vec<Version> =
        versions.iter().filter(|v| !gone.contains(v.sequence)).cloned().collect();
    let mut config = datafusion::prelude::SessionConfig::new();
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    let session = SessionContext::new_with_config(config);
    for (name, rows) in
        [("orders", fake::order_rows(&current)), ("order_lines", fake::line_rows(&current))]
    {
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
        session.register_table(name, Arc::new(table)).unwrap();
    }
    session
}

async fn expected(session: &SessionContext, sql: &str) -> Vec<String> {
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        let options = arrow::util::display::FormatOptions::new();
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|c| arrow::util::display::ArrayFormatter::try_new(c, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            rows.push(cells.join(","));
        }
    }
    rows
}

/// A statement whose rows come in an order of its own.
fn statement(random: &mut Rng, last: u64) -> String {
    let at = random.u64(0..=last + 1);
    let until = at + random.u64(0..=last / 2 + 1);
    let status = STATUSES[random.usize(0..3)];
    let amount = random.u64(0..100);
    match random.u8(0..12) {
        0 => "SELECT count(*) FROM orders".to_owned(),
        1 => "SELECT count(*), sum(quantity), min(sequence), max(sequence) FROM order_lines"
            .to_owned(),
        2 => format!("SELECT * FROM orders WHERE sequence > {at} ORDER BY sequence"),
        3 => format!(
            "SELECT order_id, total FROM orders WHERE status = '{status}' AND total > {amount}.25 \
             ORDER BY order_id, sequence"
        ),
        4 => "SELECT status, count(*), sum(total), avg(total) FROM orders GROUP BY status \
              ORDER BY status"
            .to_owned(),
        5 => format!("SELECT sequence, note FROM orders ORDER BY sequence DESC LIMIT {amount}"),
        6 => format!(
            "SELECT o.order_id, sum(l.quantity) FROM orders o JOIN order_lines l \
             ON o.sequence = l.sequence WHERE o.sequence BETWEEN {at} AND {until} \
             GROUP BY o.order_id ORDER BY o.order_id"
        ),
        7 => "SELECT (SELECT count(*) FROM orders) AS o, (SELECT count(*) FROM order_lines) AS l"
            .to_owned(),
        8 => "SELECT count(note), count(DISTINCT order_id) FROM orders".to_owned(),
        9 => format!(
            "SELECT order_id FROM orders WHERE sequence IN (SELECT sequence FROM order_lines \
             WHERE quantity > 5) AND at < to_timestamp_seconds({until}) ORDER BY order_id"
        ),
        10 => format!("SELECT count(*) FROM (SELECT sequence FROM orders LIMIT {amount}) o"),
        _ => format!(
            "SELECT order_id, row_number() OVER (ORDER BY sequence) FROM orders \
             WHERE sequence < {until} ORDER BY sequence"
        ),
    }
}

#[test]
fn answers_are_those_over_the_current_rows_wherever_they_are() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    for round in 0..12 {
        let count = if round == 0 { 0 } else { random.usize(1..400) };
        let versions = versions(&mut random, count);
        let mut cuts: Vec<usize> =
            (0..random.usize(0..6)).map(|_| random.usize(0..=count)).collect();
        cuts.sort_unstable();
        // Each round is a lake of its own: its files' footers must not be another's.
        let fake = Fake::empty();
        let engine = if round == 0 { &engine } else { &fake::engine(&fake) };
        // Old files know no notes, so there are none to compare then.
        let old = random.bool();
        fake.show(&versions, &cuts, old);
        let plain = plain(&versions);
        let last = versions.last().map_or(0, |v| v.sequence);
        for _ in 0..12 {
            let sql = statement(&mut random, last);
            if old && (sql.contains("note") || sql.contains('*') && sql.contains("ORDER BY seq")) {
                continue;
            }
            let expected = engine.runtime().block_on(expected(&plain, &sql));
            let found = fake::rows(engine, &sql).unwrap();
            assert_eq!(found, expected, "seed {seed} round {round} cuts {cuts:?}: {sql}");
        }
    }
}

#[test]
fn a_column_that_old_files_lack_is_null_in_their_rows() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let versions = versions(&mut Rng::with_seed(7), 90);
    fake.show(&versions, &[60], true);
    let border = versions[59].sequence;
    let sql = format!("SELECT count(*), count(note) FROM orders WHERE sequence <= {border}");
    let found = fake::rows(&engine, &sql).unwrap();
    assert!(found[0].ends_with(",0") && !found[0].starts_with("0,"), "{found:?}");
    let sql = format!("SELECT count(note) > 0 FROM orders WHERE sequence > {border}");
    assert_eq!(fake::rows(&engine, &sql).unwrap(), ["true"]);
}

#[test]
fn rows_are_counted_without_reading_files_while_nothing_is_superseded() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let mut versions = versions(&mut Rng::with_seed(3), 100);
    for version in &mut versions {
        version.order = version.sequence.to_string();
    }
    fake.show(&versions, &[40, 90], false);
    fake.lose_files();
    assert_eq!(fake::rows(&engine, "SELECT count(*) FROM orders").unwrap(), ["100"]);
    let last = versions[89].sequence;
    // Files whose sequences are below what is asked for are not opened either.
    let sql = format!("SELECT count(*) FROM orders WHERE sequence > {last}");
    assert_eq!(fake::rows(&engine, &sql).unwrap(), ["10"]);
    let lost = fake::rows(&engine, "SELECT sum(total) FROM orders").unwrap_err();
    assert_eq!((lost.why, lost.message.as_str()), (service::query::Why::Unavailable, ""));
}
