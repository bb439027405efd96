//! Statements over HTTP: how they are sent, how answers and refusals look. What SQL is, the engine
//! knows; here stands one that answers as it is told.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use service::change::Seq;
use service::ledger::Task;
use service::query::{Answer, Form, Pieces, Place, Queries, Question, Refused, Tally, Why};

use crate::api::{Api, Ask};

const ROWS: &str =
    r#"{"columns":[{"name":"n","type":"bigint"}],"as_of":"2a","rows":[[1]],"truncated":false}"#;

/// Answers every statement with the same document, or refuses it as its text says.
#[derive(Default)]
struct Told {
    asked: Mutex<Vec<Question>>,
}

struct Parts(Vec<Result<Bytes, Refused>>);

impl Pieces for Parts {
    fn next(&mut self) -> Task<'_, Option<Result<Bytes, Refused>>> {
        let next = (!self.0.is_empty()).then(|| self.0.remove(0));
        Box::pin(std::future::ready(next))
    }
}

fn refused(why: Why) -> Refused {
    let place = (why == Why::Statement).then_some(Place { line: 2, column: 5 });
    Refused { why, message: "the engine's words".to_owned(), place }
}

impl Queries for Told {
    fn ask(&self, question: Question) -> Task<'_, Result<Answer, Refused>> {
        let why = match question.sql.as_str() {
            "wrong" => Some(Why::Statement),
            "unsupported" => Some(Why::Unsupported),
            "deep" => Some(Why::TooDeep),
            "long" => Some(Why::TooLong),
            "write" => Some(Why::Forbidden),
            "late" => Some(Why::Timeout),
            "greedy" => Some(Why::Memory),
            "busy" => Some(Why::Busy),
            "lost" => Some(Why::Unavailable),
            "broken" => Some(Why::Broken),
            _ => None,
        };
        let mut parts = vec![Ok(Bytes::from_static(&ROWS.as_bytes()[..40]))];
        parts.push(match question.sql.as_str() {
            "breaks off" => Err(refused(Why::Timeout)),
            _ => Ok(Bytes::from_static(&ROWS.as_bytes()[40..])),
        });
        let as_of = (question.sql != "no table").then_some(Seq(42));
        self.asked.lock().push(question);
        let answer = Answer { as_of, pieces: Box::new(Parts(parts)) };
        Box::pin(std::future::ready(why.map_or(Ok(answer), |why| Err(refused(why)))))
    }

    fn tally(&self) -> Tally {
        Tally { answered: 3, rows: 1_000, busy_us: 1_500_000, ..Tally::default() }
    }
}

fn api() -> (Api, Arc<Told>) {
    let told = Arc::new(Told::default());
    let queries = told.clone();
    (Api::with(|app| app.queries = queries), told)
}

fn json(body: Value) -> Ask {
    Ask::post("/v1/query", body.to_string()).header("content-type", "application/json")
}

#[tokio::test]
async fn a_statement_comes_as_text_or_in_json_with_bounds() {
    let (api, told) = api();
    let text = Ask::post("/v1/query", "SELECT 1 AS n").header("content-type", "text/plain");
    let answer = api.ask(text).await;
    insta::assert_json_snapshot!(answer);
    api.ask(json(json!({"sql": "SELECT 2", "rows_max": 5, "timeout_s": 7}))).await;
    let no_table = api.ask(json(json!({"sql": "no table"}))).await;
    assert_eq!(no_table["comanda-as-of"], Value::Null);
    let asked = std::mem::take(&mut *told.asked.lock());
    let question = |sql: &str, rows_max, timeout: Option<u64>| Question {
        sql: sql.to_owned(),
        rows_max: Some(rows_max),
        timeout: timeout.map(Duration::from_secs),
        form: Form::Json,
    };
    let most = api.app.settings.limits.query_rows_max;
    let expected = [
        question("SELECT 1 AS n", most, None),
        question("SELECT 2", 5, Some(7)),
        question("no table", most, None),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn accept_chooses_the_form_and_only_json_is_bounded_by_itself() {
    let (api, told) = api();
    for (accept, form, media) in [
        ("text/csv", Form::Csv, "text/csv; charset=utf-8; header=present"),
        ("application/vnd.apache.parquet", Form::Parquet, "application/vnd.apache.parquet"),
        (
            "text/html, Application/VND.apache.arrow.stream;q=0.5",
            Form::Arrow,
            "application/vnd.apache.arrow.stream",
        ),
        ("application/json, text/csv", Form::Json, "application/json"),
        ("image/png", Form::Json, "application/json"),
    ] {
        let request = Request::post("/v1/query")
            .header("content-type", "text/plain")
            .header("accept", accept)
            .body(Body::from("SELECT 1"))
            .unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.headers()["content-type"], media);
        assert_eq!(answer.headers()["comanda-as-of"], "2a");
        let asked = told.asked.lock().pop().unwrap();
        assert_eq!((asked.form, asked.rows_max.is_some()), (form, form == Form::Json), "{accept}");
    }
}

#[tokio::test]
async fn each_refusal_is_a_problem_of_its_own() {
    let (api, _) = api();
    let mut answers = Vec::new();
    for sql in [
        "wrong",
        "unsupported",
        "deep",
        "long",
        "write",
        "late",
        "greedy",
        "busy",
        "lost",
        "broken",
    ] {
        let answer = api.ask(json(json!({"sql": sql}))).await;
        answers.push(json!({sql: answer}));
    }
    insta::assert_json_snapshot!(answers);
}

#[tokio::test]
async fn a_body_that_is_no_question_is_refused() {
    let (api, told) = api();
    let mut answers = Vec::new();
    for (media, body) in [
        ("application/json", &b"{}"[..]),
        ("application/json", br#"{"sql": 1}"#),
        ("application/json", br#"{"sql": "SELECT 1", "rows": 1}"#),
        ("application/json", br#"{"sql": "SELECT 1", "rows_max": -1}"#),
        ("application/json", br#"{"sql": "SELECT 1", "timeout_s": 0}"#),
        ("application/json", b"[]"),
        ("application/json", b"SELECT 1"),
        ("text/plain", b"SELECT '\xff'"),
        ("text/html", b"SELECT 1"),
        ("application/x-ndjson", b"{}"),
    ] {
        let answer = api.ask(Ask::post("/v1/query", body).header("content-type", media)).await;
        answers.push(json!([
            String::from_utf8_lossy(body),
            answer["status"],
            answer["body"]["code"]
        ]));
    }
    let long = Ask::post("/v1/query", vec![b'x'; 1 << 20]).header("content-type", "text/plain");
    answers.push(json!(["x…", api.ask(long).await["status"]]));
    insta::assert_json_snapshot!(answers);
    assert!(told.asked.lock().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let (api, _) = api();
    let request = Request::post("/v1/query")
        .header("content-type", "text/plain")
        .body(Body::from("breaks off"))
        .unwrap();
    let answer = api.send(request).await;
    assert_eq!(answer.status(), 200);
    to_bytes(answer.into_body(), usize::MAX).await.unwrap_err();
}

#[tokio::test]
async fn without_a_lake_there_is_nothing_to_ask() {
    let answer = Api::new().ask(json(json!({"sql": "SELECT 1"}))).await;
    assert_eq!((&answer["status"], &answer["body"]["code"]), (&json!(503), &json!("no_lake")));
}

#[tokio::test]
async fn statements_are_counted_for_prometheus() {
    let (api, _) = api();
    let text = api.text("/metrics").await;
    for line in [
        "comanda_statements_total{outcome=\"answered\"} 3",
        "comanda_statement_rows_total 1000",
        "comanda_statement_seconds_total 1.5",
    ] {
        assert!(text.contains(line), "{line}");
    }
}
