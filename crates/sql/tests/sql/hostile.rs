//! Statements that mean no good, and those that are plainly wrong.

use service::query::{Place, Why};

use crate::fake::{self, Fake, rows};

fn why(sql: &str) -> Why {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let refused = rows(&engine, sql).unwrap_err();
    assert_eq!(rows(&engine, "SELECT 1").unwrap(), ["1"], "after {sql:.60}");
    refused.why
}

#[test]
fn nothing_but_reading_is_possible() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW orders AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "DROP TABLE orders",
        "DROP VIEW orders",
        "DROP SCHEMA public CASCADE",
        "INSERT INTO orders SELECT * FROM orders",
        "UPDATE orders SET status = 'x'",
        "DELETE FROM orders",
        "TRUNCATE TABLE orders",
        "ALTER TABLE orders ADD COLUMN x INT",
        "COPY orders TO '/tmp/out.csv'",
        "COPY (SELECT 1) TO '/tmp/out.parquet' STORED AS PARQUET",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/out.parquet' STORED AS PARQUET",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
        "SET datafusion.runtime.memory_limit = '1G'",
        "RESET datafusion.runtime.memory_limit",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "COMMIT",
        "GRANT ALL ON orders TO PUBLIC",
        "VACUUM",
        "SELECT 1; DROP TABLE orders",
        "SELECT 1; SELECT 2",
        "SELECT 1 INTO t",
    ] {
        let refused = rows(&engine, sql).expect_err(sql);
        let expected = [Why::Forbidden, Why::Unsupported, Why::Statement];
        assert!(expected.contains(&refused.why), "{sql}: {refused:?}");
        assert!(!refused.message.is_empty(), "{sql}");
    }
    assert_eq!(rows(&engine, "SELECT count(*) FROM orders").unwrap(), ["0"]);
    assert!(!std::path::Path::new("/tmp/out.parquet").exists());
}

#[test]
fn no_statement_reads_a_file_by_name() {
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT pg_read_file('/etc/passwd')",
    ] {
        assert_eq!(why(sql), Why::Statement, "{sql}");
    }
}

#[test]
fn texts_without_end_and_depths_without_bottom_are_refused() {
    let deep = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(why(&deep), Why::Statement);
    let queries = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(2_000), ")".repeat(2_000));
    assert_eq!(why(&queries), Why::Statement);
    assert_eq!(why(&format!("SELECT '{}'", "x".repeat(1 << 20))), Why::TooLong);
    assert_eq!(why("\0"), Why::Statement);
    assert_eq!(why("SELECT \0"), Why::Statement);
    assert_eq!(why(""), Why::Statement);
    assert_eq!(why(";"), Why::Statement);
    assert_eq!(why("-- nothing"), Why::Statement);
    assert_eq!(
        why("WITH RECURSIVE t AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM t) \
        SELECT * FROM t"),
        Why::Unsupported
    );
}

#[test]
fn chains_without_end_are_refused_before_they_are_planned() {
    assert_eq!(why(&format!("SELECT 1{}", "+1".repeat(30_000))), Why::TooDeep);
    assert_eq!(why(&format!("SELECT 1 WHERE 1=2{}", " OR 1=2".repeat(8_000))), Why::TooDeep);
    assert_eq!(why(&format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(3_000))), Why::TooDeep);
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let list = format!("SELECT 1 WHERE 1 IN ({}1)", "2,".repeat(5_000));
    assert_eq!(rows(&engine, &list).unwrap(), ["1"]);
    let chain = format!("SELECT 1{}", "+1".repeat(200));
    assert_eq!(rows(&engine, &chain).unwrap(), ["201"]);
}

#[test]
fn no_function_makes_gigabytes_of_a_number() {
    for sql in [
        "SELECT length(repeat('x', 2000000000))",
        "SELECT length(lpad('x', 2000000000))",
        "SELECT length(rpad('x', 2000000000, 'y'))",
        "SELECT max(length(repeat('x', value))) FROM generate_series(1, 20000)",
    ] {
        assert_eq!(why(sql), Why::Memory, "{sql}");
    }
    for sql in ["SELECT range(1, 1000000000)", "SELECT array_repeat(1, 1000000000)"] {
        assert_eq!(why(sql), Why::Statement, "{sql}");
    }
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    assert_eq!(rows(&engine, "SELECT lpad('7', 3, '0'), repeat('ab', 2)").unwrap(), ["007,abab"]);
}

#[test]
fn a_wrong_statement_is_told_where_it_is_wrong() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let refused = |sql: &str| rows(&engine, sql).unwrap_err();
    let parse = refused("SELECT *\nFORM orders");
    assert_eq!(parse.why, Why::Statement);
    assert_eq!(parse.place, Some(Place { line: 2, column: 6 }), "{parse:?}");
    let column = refused("SELECT order_id,\n  totl FROM orders");
    assert_eq!(column.place, Some(Place { line: 2, column: 3 }), "{column:?}");
    assert!(column.message.contains("totl") && column.message.contains("total"), "{column:?}");
    let table = refused("SELECT * FROM oders");
    assert!(table.message.contains("oders"), "{table:?}");
    let division = refused("SELECT 1 / (count(*) - count(*)) FROM orders");
    assert_eq!(division.why, Why::Statement);
}
