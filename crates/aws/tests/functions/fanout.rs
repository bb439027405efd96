//! What is told of the log: topics, documents, objects of changes.

use std::io::Read;
use std::sync::Arc;

use aws::functions::events::Undone;
use aws::functions::fanout::{Fanout, Note, Topic, Topics};
use connectors::archive::{Archive, Settings};
use connectors::http::Url;
use connectors::mail::Customs;
use connectors::place::Place;
use domain::notice::Notice;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use service::change::{Change, Seq};
use service::ledger::Task;
use service::memory::MemoryLedger;
use service::webhooks::message::Settings as Wording;

use crate::support::{
    change_item, clock, event, failed, installation, ledger_of, log, order, record,
};

/// Topics that remember; one of them may not answer.
#[derive(Default)]
struct Fake {
    told: Mutex<Vec<(Topic, Note)>>,
    is_away: Mutex<Option<Topic>>,
}

impl Topics for Fake {
    fn publish<'a>(
        &'a self,
        topic: Topic,
        notes: &'a [Note],
    ) -> Task<'a, Result<Vec<bool>, Undone>> {
        assert!(notes.len() <= 10, "as many as SNS takes");
        let answer = if *self.is_away.lock() == Some(topic) {
            Err(Undone::why("away"))
        } else {
            self.told.lock().extend(notes.iter().map(|note| (topic, note.clone())));
            Ok(vec![true; notes.len()])
        };
        Box::pin(std::future::ready(answer))
    }
    fn has(&self, _: Topic) -> bool {
        true
    }
}

struct World {
    ledger: Arc<MemoryLedger>,
    topics: Arc<Fake>,
    store: Arc<InMemory>,
    folder: tempfile::TempDir,
    fanout: Fanout,
}

fn world() -> World {
    let installation = installation("[orders]\nlanguage = \"pt-BR\"\n");
    let ledger = ledger_of(&installation);
    let (topics, store) = (Arc::new(Fake::default()), Arc::new(InMemory::new()));
    let folder = tempfile::tempdir().unwrap();
    let url = Url::from_file_path(folder.path()).unwrap();
    let place = Place { url, endpoint: None, path_style: true, account: Default::default() };
    let archive = Archive::open(&Settings { place, concurrency: 1 }, ledger.clone()).unwrap();
    let mut settings = web::Settings::new(installation.documents.clone(), std::env::temp_dir());
    settings.language = installation.language;
    let mut app = web::App::new(ledger.clone(), settings);
    app.clock = clock();
    let fanout = Fanout {
        app: Arc::new(app),
        topics: topics.clone(),
        archive,
        store: store.clone(),
        wording: Wording {
            documents: installation.documents.clone(),
            currency: installation.currency.clone(),
        },
        customs: Customs {
            currency: installation.currency,
            exponent: 2,
            time_zone: installation.documents.time_zone,
        },
    };
    World { ledger, topics, store, folder, fanout }
}

impl World {
    async fn receive(&self, ids: &[&str]) {
        let documents = installation("").documents;
        let intake = aws::functions::intake::Intake::new(self.ledger.clone(), documents, clock());
        let records: Vec<Value> =
            ids.iter().map(|id| crate::support::message(id, &order(id))).collect();
        intake.handle(event(&records)).await.unwrap();
    }

    async fn tell(&self, records: &[Value]) -> Vec<String> {
        let failures = self.fanout.handle(event(records)).await.unwrap();
        failed(&failures).into_iter().map(str::to_owned).collect()
    }

    fn kinds(&self) -> Vec<(Topic, &'static str)> {
        self.topics.told.lock().iter().map(|(topic, note)| (*topic, note.kind)).collect()
    }

    /// The lines of all objects of changes.
    async fn lines(&self) -> Vec<Value> {
        let objects: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let mut lines = Vec::new();
        for object in objects {
            assert!(object.location.as_ref().starts_with("changes/2026/01/02/03/"));
            let bytes = self.store.get(&object.location).await.unwrap().bytes().await.unwrap();
            let mut text = String::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        lines
    }

    fn archived(&self) -> usize {
        fn files(folder: &std::path::Path) -> usize {
            let inner = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
                true => files(&entry.path()),
                false => 1,
            };
            std::fs::read_dir(folder).unwrap().map(|entry| inner(entry.unwrap())).sum()
        }
        files(self.folder.path())
    }
}

fn inserted(changes: &[(Seq, Change)]) -> Vec<Value> {
    let record = |(at, (seq, change)): (usize, &(Seq, Change))| {
        record(&format!("{at}"), "INSERT", change_item(*seq, change), Value::Null)
    };
    changes.iter().enumerate().map(record).collect()
}

#[tokio::test]
async fn an_order_is_told_archived_and_an_object_and_again_by_the_same_names() {
    let world = world();
    world.receive(&["a"]).await;
    let records = inserted(&log(&*world.ledger));
    assert!(world.tell(&records).await.is_empty());
    let completed = (Topic::Completed, "order.completed");
    assert_eq!(world.kinds(), [(Topic::Completed, "order.received"), completed]);
    let note = world.topics.told.lock()[1].1.clone();
    let body: Value = serde_json::from_str(&note.body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["order_id"]),
        (&json!("order.completed"), &json!("a"))
    );
    let (subject, text) = note.letter.unwrap();
    assert!(subject.contains('a') && text.contains("3,00"), "{subject}: {text}");
    assert_eq!(world.archived(), 1);
    let lines = world.lines().await;
    assert_eq!(lines.len(), records.len());
    assert_eq!(lines[0]["document"]["items"][0]["price"], "1.50");

    assert!(world.tell(&records).await.is_empty());
    let told = world.topics.told.lock().clone();
    assert_eq!(told[..2], told[2..], "the same notes by the same ids");
    assert_eq!((world.archived(), world.lines().await.len()), (1, records.len()));
}

#[tokio::test]
async fn only_what_is_new_in_the_log_is_told() {
    let world = world();
    world.receive(&["a"]).await;
    let (seq, change) = log(&*world.ledger).remove(0);
    let row = change_item(seq, &change);
    let mut locked = row.clone();
    locked["lock"] = json!({"S": "7f"});
    let mut expired = record("4", "REMOVE", Value::Null, row.clone());
    expired["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    let quiet = [
        record("1", "INSERT", locked.clone(), Value::Null),
        record("2", "MODIFY", row.clone(), row.clone()),
        record("3", "INSERT", json!({"PK": {"S": "KEY#1"}, "SK": {"S": "KEY"}}), Value::Null),
        expired,
    ];
    assert!(world.tell(&quiet).await.is_empty());
    assert!(world.kinds().is_empty() && world.lines().await.is_empty());
    // The last page of a commit unlocks it: now it has happened.
    assert!(world.tell(&[record("5", "MODIFY", row, locked)]).await.is_empty());
    assert_eq!(world.kinds().len(), 2);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_those_behind_it_and_none_before() {
    let world = world();
    world.receive(&["a", "b"]).await;
    let changes = log(&*world.ledger);
    let mut records = inserted(&changes);
    let at = changes.len() - 1;
    records[at]["dynamodb"]["NewImage"]["body"] = json!({"B": "AAAA"});
    assert_eq!(world.tell(&records).await, [at.to_string()]);
    assert_eq!(world.lines().await.len(), at, "those before it are in the object");
    assert!(world.kinds().contains(&(Topic::Completed, "order.completed")));
}

#[tokio::test]
async fn a_large_document_is_read_from_its_parts() {
    let world = world();
    world.receive(&["a"]).await;
    let (seq, change) = log(&*world.ledger).remove(0);
    let mut row = change_item(seq, &change);
    row["parts"] = json!({"N": "2"});
    row["body"] = json!({"B": "AAAA"});
    assert!(world.tell(&[record("1", "INSERT", row, Value::Null)]).await.is_empty());
    assert_eq!(world.kinds().len(), 2);
}

#[tokio::test]
async fn a_topic_that_is_away_brings_the_records_back_that_it_misses() {
    let world = world();
    world.receive(&["a"]).await;
    let records = inserted(&log(&*world.ledger));
    *world.topics.is_away.lock() = Some(Topic::Completed);
    assert_eq!(world.tell(&records).await, ["0"]);
    *world.topics.is_away.lock() = None;
    assert!(world.tell(&records).await.is_empty());
    assert_eq!(world.lines().await.len(), records.len(), "each change once");
}

#[tokio::test]
async fn what_is_no_order_goes_to_the_topic_of_errors() {
    let world = world();
    let intake = aws::functions::intake::Intake::new(
        world.ledger.clone(),
        installation("").documents,
        clock(),
    );
    intake.handle(event(&[crate::support::message("1", "nonsense")])).await.unwrap();
    assert!(world.tell(&inserted(&log(&*world.ledger))).await.is_empty());
    assert_eq!(world.kinds(), [(Topic::Errors, "order.invalid")]);
    let note = world.topics.told.lock()[0].1.clone();
    assert!(note.letter.is_none() && note.body.contains("malformed"));
}

#[test]
fn every_notice_has_its_topic() {
    let of = |notice| Topic::of(notice);
    assert_eq!(of(Notice::StockPending), Topic::Pending);
    assert_eq!(of(Notice::OrderFailed), Topic::Errors);
    assert_eq!(of(Notice::BatchFinished), Topic::Batches);
    let completed = Notice::ALL.iter().filter(|(n, _)| of(*n) == Topic::Completed).count();
    assert_eq!(completed, 5);
}
