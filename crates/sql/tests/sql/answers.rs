//! Answers as documents, in each form.

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use service::query::{Form, Queries};

use crate::fake::{self, Fake, Version, document, question, rows};

fn shown() -> (std::sync::Arc<Fake>, sql::Engine) {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let version = |sequence, order: &str, status, total| Version {
        sequence,
        order: order.to_owned(),
        status,
        total,
        quantities: vec![1],
    };
    let versions = [
        version(16, "a \"quoted\", one", "PENDING", Some(199_000)),
        version(26, "", "COMPLETED", None),
        version(27, "çá\n", "COMPLETED", Some(-5)),
    ];
    fake.show(&versions, &[1], false);
    (fake, engine)
}

const ALL: &str = "SELECT order_id, total, at, note, sequence, true AS yes FROM orders \
    ORDER BY sequence";

#[test]
fn json_has_amounts_as_texts_moments_as_rfc_3339_and_the_position() {
    let (_fake, engine) = shown();
    let mut asked = question(ALL);
    asked.form = Form::Json;
    let document: serde_json::Value =
        serde_json::from_slice(&document(&engine, asked).unwrap()).unwrap();
    let types: Vec<&str> = document["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["text", "numeric(18,4)", "timestamptz", "text", "bigint", "boolean"]);
    assert_eq!(document["as_of"], "1b");
    assert_eq!(document["truncated"], false);
    assert_eq!(
        document["rows"],
        serde_json::json!([
            ["a \"quoted\", one", "19.9000", "1970-01-01T00:00:16Z", null, 16, true],
            ["", null, "1970-01-01T00:00:26Z", null, 26, true],
            ["çá\n", "-0.0005", "1970-01-01T00:00:27Z", "third", 27, true],
        ])
    );
}

#[test]
fn csv_tells_an_empty_text_from_none_and_quotes_what_must_be() {
    let (_fake, engine) = shown();
    let text = String::from_utf8(document(&engine, question(ALL)).unwrap()).unwrap();
    assert_eq!(
        text,
        "order_id,total,at,note,sequence,yes\r\n\
         \"a \"\"quoted\"\", one\",19.9000,1970-01-01T00:00:16Z,,16,true\r\n\
         \"\",,1970-01-01T00:00:26Z,,26,true\r\n\
         \"çá\n\",-0.0005,1970-01-01T00:00:27Z,third,27,true\r\n"
    );
}

#[test]
fn parquet_and_arrow_hold_the_same_rows() {
    let (_fake, engine) = shown();
    let of = |form| {
        let mut asked = question(ALL);
        asked.form = form;
        document(&engine, asked).unwrap()
    };
    let parquet = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(of(Form::Parquet))).unwrap();
    let parquet: Vec<RecordBatch> = parquet.build().unwrap().map(Result::unwrap).collect();
    let stream = of(Form::Arrow);
    let arrow = arrow::ipc::reader::StreamReader::try_new(stream.as_slice(), None).unwrap();
    let arrow: Vec<RecordBatch> = arrow.map(Result::unwrap).collect();
    let shown = |batches: &[RecordBatch]| {
        arrow::util::pretty::pretty_format_batches(batches).unwrap().to_string()
    };
    assert_eq!(shown(&parquet), shown(&arrow));
    assert!(shown(&arrow).contains("19.9000"), "{}", shown(&arrow));
}

#[test]
fn tables_and_columns_can_be_asked_about() {
    let (_fake, engine) = shown();
    let tables = rows(&engine, "SHOW TABLES").unwrap();
    assert!(tables.iter().any(|row| row.contains("public,orders,")), "{tables:?}");
    let columns = rows(&engine, "DESCRIBE orders").unwrap();
    assert_eq!(columns.len(), 6, "{columns:?}");
    let columns = rows(&engine, "SHOW COLUMNS FROM order_lines").unwrap();
    assert_eq!(columns.len(), 4, "{columns:?}");
    let plan = rows(&engine, "EXPLAIN SELECT count(*) FROM orders WHERE sequence > 3").unwrap();
    assert!(!plan.is_empty());
}

#[test]
fn an_answer_without_rows_still_names_its_columns() {
    let (_fake, engine) = shown();
    let sql = "SELECT order_id FROM orders WHERE sequence > 100";
    assert_eq!(document(&engine, question(sql)).unwrap(), b"order_id\r\n");
    let mut asked = question(sql);
    asked.form = Form::Json;
    let document: serde_json::Value =
        serde_json::from_slice(&document(&engine, asked).unwrap()).unwrap();
    assert_eq!(document["rows"], serde_json::json!([]));
}

#[test]
fn statements_are_counted_by_how_they_end() {
    let (_fake, engine) = shown();
    rows(&engine, ALL).unwrap();
    rows(&engine, "SELECT nothing").unwrap_err();
    let tally = engine.tally();
    assert_eq!((tally.answered, tally.refused, tally.failed, tally.rows), (1, 1, 0, 3));
}
