//! Does what a writer says, with files: whoever has a runtime calls it.
//!
//! Never: a decision, a retry, a clock.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::error::Error;
use crate::segment;
use crate::snapshot::Files;
use crate::store;
use crate::writer::{Input, Output};

/// Does one thing that concerns files; what to tell the writer then, where it waits for it. A
/// flush holds `turn`, which a merge asks for between two batches of rows.
pub async fn perform(files: &Files, turn: &Mutex<()>, output: Output) -> Option<Input> {
    match output {
        Output::Write(sealed, generation) => {
            let _turn = turn.lock().await;
            Some(Input::Written(segment::write(files, &sealed, &generation).await))
        }
        Output::Merge(merge) => Some(Input::Merged(merge.write(files, turn).await)),
        Output::Commit(commit) => Some(Input::Committed(store::commit(files, &commit).await)),
        Output::Delete(paths) => {
            if let Err(error) = store::delete(files, &paths).await {
                tracing::warn!(%error, "files of the lake are left over until the next start");
            }
            None
        }
        Output::Sweep(sweep) => {
            match store::sweep(files, &sweep).await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "removed leftover files of the lake"),
                Err(error) => tracing::warn!(%error, "files of the lake are left over"),
            }
            None
        }
        Output::Read(_) | Output::Wake(_) => None,
    }
}

/// How long it may take: a store that never answers must not hold the lake for ever.
#[must_use]
pub fn patience(output: &Output) -> Duration {
    match output {
        // Large uploads over a slow line, and reading what is merged besides.
        Output::Write(..) => Duration::from_secs(300),
        Output::Merge(_) | Output::Sweep(_) | Output::Delete(_) => Duration::from_secs(3_600),
        Output::Commit(_) | Output::Read(_) | Output::Wake(_) => Duration::from_secs(60),
    }
}

/// What to tell the writer when it took longer.
#[must_use]
pub fn late(output: &Output) -> Option<Input> {
    match output {
        Output::Write(..) => Some(Input::Written(Err(Error::Late))),
        Output::Merge(_) => Some(Input::Merged(Err(Error::Late))),
        Output::Commit(_) => Some(Input::Committed(Err(Error::Late))),
        Output::Delete(_) | Output::Sweep(_) | Output::Read(_) | Output::Wake(_) => None,
    }
}
