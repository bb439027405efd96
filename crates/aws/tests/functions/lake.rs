//! The lake, written minute by minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws::functions::lake::{Lake, Written};
use domain::time::Timestamp;
use futures_util::TryStreamExt;
use lake::scribe::Terms;
use lake::snapshot::Files;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use service::ledger::Changes;
use service::memory::MemoryLedger;

use crate::support::{NOW, clock, event, installation, ledger_of, message, order};

const LEFT: Duration = Duration::from_secs(300);

struct World {
    ledger: Arc<MemoryLedger>,
    store: Arc<InMemory>,
    now: Arc<AtomicI64>,
}

impl World {
    async fn receive(&self, id: &str) {
        let documents = installation("").documents;
        let intake = aws::functions::intake::Intake::new(self.ledger.clone(), documents, clock());
        intake.handle(event(&[message(id, &order(id))])).await.unwrap();
    }

    /// One invocation, a minute later.
    async fn write(&self, name: &str) -> Written {
        let now = self.now.clone();
        now.fetch_add(60_000_000, Ordering::SeqCst);
        let lake = Lake {
            ledger: self.ledger.clone(),
            files: Files { store: self.store.clone(), root: Path::from("lake") },
            rows: Terms {
                exponent: 2,
                currency: "BRL".into(),
                time_zone: installation("").documents.time_zone,
                pseudonyms: [7; 32],
            },
            clock: Arc::new(move || Timestamp(now.load(Ordering::SeqCst))),
        };
        lake.handle(name, LEFT).await.unwrap()
    }

    async fn files(&self) -> usize {
        self.store.list(None).try_collect::<Vec<_>>().await.unwrap().len()
    }
}

fn world() -> World {
    let ledger = ledger_of(&installation(""));
    World { ledger, store: Arc::default(), now: Arc::new(AtomicI64::new(NOW)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_invocation_writes_what_is_new_and_nothing_twice() {
    let world = world();
    assert_eq!(world.write("w0").await.rows, 0, "an empty log makes no file");
    world.receive("a").await;
    let first = world.write("w1").await;
    assert!(first.rows > 0 && first.version == 1);
    let again = world.write("w2").await;
    assert_eq!((again.rows, again.until, again.version), (0, first.until, 1));
    world.receive("b").await;
    let second = world.write("w3").await;
    assert_eq!((second.rows, second.version), (first.rows, 2), "as much for an order as before");
    let end = world.ledger.read(None, 1_000).unwrap().last().map(|(seq, _)| seq.0);
    assert_eq!(Some(second.until), end, "up to the end of the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_are_merged_and_what_was_merged_is_removed_when_nobody_can_read_it() {
    let world = world();
    for n in 0..12 {
        world.receive(&format!("o{n}")).await;
        world.write(&format!("w{n}")).await;
    }
    let before = world.files().await;
    // Objects of this store are as old as the test: an hour after it nobody reads their manifests.
    let later = jiff::Timestamp::now().as_microsecond() + 3 * 3_600_000_000;
    let hour = later - later.rem_euclid(3_600_000_000);
    world.now.store(hour - 60_000_000, Ordering::SeqCst);
    let swept = world.write("last").await;
    assert!(swept.removed > 0, "{before} files");
    assert!(world.files().await < before);
    world.receive("after").await;
    assert!(world.write("next").await.rows > 0, "and the lake goes on");
}
