//! Each limit, met once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use service::query::{Form, Queries, Why};

use crate::fake::{self, Fake, document, question, rows};

/// Works for hours.
const ENDLESS: &str = "SELECT sum(value) FROM generate_series(1, 1000000000000)";

#[test]
fn a_statement_ends_when_its_time_is_over() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let began = Instant::now();
    let mut asked = question(ENDLESS);
    asked.timeout = Some(Duration::from_millis(300));
    let late = document(&engine, asked).unwrap_err();
    assert_eq!(late.why, Why::Timeout, "{late:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(rows(&engine, "SELECT 1").unwrap(), ["1"]);
}

#[test]
fn a_statement_that_needs_too_much_memory_is_refused_and_its_neighbours_are_not() {
    let fake = Fake::empty();
    let limits = sql::Limits { memory_bytes: 4 << 20, ..fake::limits(&fake) };
    let engine = fake::open(&fake, limits);
    let greedy = "SELECT array_length(array_agg(value)) FROM generate_series(1, 20000000)";
    let refused = rows(&engine, greedy).unwrap_err();
    assert_eq!(refused.why, Why::Memory, "{refused:?}");
    assert_eq!(rows(&engine, "SELECT 1").unwrap(), ["1"]);
}

#[test]
fn rows_beyond_the_bound_are_cut_off_and_that_is_said() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let ask = |rows_max| {
        let mut asked = question("SELECT value FROM generate_series(1, 20000) ORDER BY value");
        (asked.rows_max, asked.form) = (Some(rows_max), Form::Json);
        let document: serde_json::Value =
            serde_json::from_slice(&document(&engine, asked).unwrap()).unwrap();
        (document["rows"].as_array().unwrap().len(), document["truncated"].as_bool().unwrap())
    };
    assert_eq!(ask(0), (0, true));
    assert_eq!(ask(19_999), (19_999, true));
    assert_eq!(ask(20_000), (20_000, false));
}

#[test]
fn as_many_statements_run_as_may_and_a_dropped_answer_gives_its_place_back() {
    let fake = Fake::empty();
    let limits = sql::Limits { concurrency: 1, ..fake::limits(&fake) };
    let engine = fake::open(&fake, limits);
    engine.runtime().block_on(async {
        let long = question("SELECT value FROM generate_series(1, 1000000000000)");
        let held = engine.ask(long).await.unwrap();
        assert_eq!(engine.tally().running, 1);
        let refused = engine.ask(question("SELECT 1")).await.map(drop).unwrap_err();
        assert_eq!(refused.why, Why::Busy);
        drop(held);
        engine.ask(question("SELECT 1")).await.map(drop).unwrap();
    });
}

#[test]
fn a_panic_is_an_error_of_its_statement_alone() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let session = engine.session();
    let stumble = Arc::new(|_: &[ColumnarValue]| panic!("on purpose"));
    let stumble = create_udf(
        "stumble",
        vec![DataType::Int64],
        DataType::Int64,
        Volatility::Volatile,
        stumble,
    );
    session.register_udf(stumble);
    let failed = engine.runtime().block_on(async {
        let sql = "SELECT stumble(value) FROM generate_series(1, 10)";
        session.sql(sql).await.unwrap().collect().await.unwrap_err()
    });
    assert_eq!(sql::error::refused(&failed).why, Why::Broken);
    assert_eq!(rows(&engine, "SELECT 1").unwrap(), ["1"]);
}

#[test]
fn what_memory_does_not_hold_is_put_aside_and_taken_away_again() {
    let fake = Fake::empty();
    let limits = sql::Limits { memory_bytes: 24 << 20, ..fake::limits(&fake) };
    let spill = limits.spill.clone();
    std::fs::create_dir_all(&spill).unwrap();
    std::fs::write(spill.join("left-by-a-crash"), "x").unwrap();
    let engine = fake::open(&fake, limits);
    assert!(!spill.join("left-by-a-crash").exists());
    let sorted = "SELECT sum(length(t)), count(*) FROM (SELECT value || 'some longer text' AS t \
        FROM generate_series(1, 1000000) ORDER BY t DESC) o";
    assert_eq!(rows(&engine, sorted).unwrap(), ["21888896,1000000"]);
}
