//! Saves the progress of several sinks at once, at most once a second: an order's sync waits for
//! the same disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use service::follow::{Input, Progress, Store};
use service::ledger::Unavailable;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Shortest time between the beginnings of two saves.
const EVERY: Duration = Duration::from_secs(1);

/// Where progress is sent to be saved.
#[derive(Clone)]
pub(super) struct Saver(mpsc::UnboundedSender<Save>);

enum Save {
    /// In the next save, and tell.
    Next(Box<str>, Progress, mpsc::UnboundedSender<Input>),
    /// In the last save.
    Last(Box<str>, Progress),
    /// Forget a sink.
    Forget(Box<str>),
    /// Save now what there is, and end.
    Close(oneshot::Sender<()>),
}

type Rows = BTreeMap<Box<str>, Progress>;

impl Saver {
    /// Begins on this thread's runtime.
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        // A machine asks for its next save when the one before is answered: one a sink.
        let (saves, received) = mpsc::unbounded_channel();
        tokio::spawn(run(store, received));
        Self(saves)
    }

    /// Saves a sink's progress with the next save, and tells what became of it.
    pub(super) fn save(&self, sink: &str, progress: Progress, tell: mpsc::UnboundedSender<Input>) {
        _ = self.0.send(Save::Next(sink.into(), progress, tell));
    }

    /// Saves a sink's progress with the last save.
    pub(super) fn last(&self, sink: &str, progress: Progress) {
        _ = self.0.send(Save::Last(sink.into(), progress));
    }

    /// Forgets a sink, and what of it waits to be saved.
    pub(super) fn forget(&self, sink: &str) {
        _ = self.0.send(Save::Forget(sink.into()));
    }

    /// Saves what there is, and ends.
    pub(super) async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(Save::Close(done)).is_ok() {
            _ = wait.await;
        }
    }
}

async fn run(store: Arc<dyn Store>, mut received: mpsc::UnboundedReceiver<Save>) {
    let (mut rows, mut tells, mut not_before) = (Rows::new(), Vec::new(), Instant::now());
    loop {
        let save = tokio::select! {
            save = received.recv() => save,
            () = tokio::time::sleep_until(not_before), if !rows.is_empty() => {
                not_before = Instant::now() + EVERY;
                let saved = write(&store, std::mem::take(&mut rows)).await;
                for tell in tells.drain(..) {
                    let tell: mpsc::UnboundedSender<Input> = tell;
                    _ = tell.send(if saved { Input::Saved } else { Input::NotSaved });
                }
                continue;
            }
        };
        match save {
            Some(Save::Next(sink, progress, tell)) => {
                rows.insert(sink, progress);
                tells.push(tell);
            }
            Some(Save::Last(sink, progress)) => _ = rows.insert(sink, progress),
            Some(Save::Forget(sink)) => {
                rows.remove(&sink);
                let store = store.clone();
                let forgotten = tokio::task::spawn_blocking(move || store.forget(&sink)).await;
                if let Err(error) = forgotten.unwrap_or(Err(Unavailable::Closed)) {
                    tracing::error!(%error, "a sink that is gone could not be forgotten");
                }
            }
            Some(Save::Close(done)) => {
                write(&store, rows).await;
                _ = done.send(());
                return;
            }
            None => return,
        }
    }
}

/// Writes rows where waiting for the disk holds nobody up; whether they are there.
async fn write(store: &Arc<dyn Store>, rows: Rows) -> bool {
    if rows.is_empty() {
        return true;
    }
    let store = store.clone();
    let written = tokio::task::spawn_blocking(move || {
        let rows: Vec<(&str, &Progress)> = rows.iter().map(|(name, p)| (&**name, p)).collect();
        store.save(&rows)
    });
    let written = written.await.unwrap_or(Err(Unavailable::Closed));
    if let Err(error) = &written {
        tracing::error!(%error, "how far the followers are could not be saved");
    }
    written.is_ok()
}
