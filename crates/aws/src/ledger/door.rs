//! The only file that speaks to DynamoDB. Whoever asks waits on their own thread, while a small
//! runtime of the ledger's own does the talking: so the same reads serve a blocking decision, a
//! handler of any runtime, and a thread without one.
//!
//! Never: a decision, or a scan of the table.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem};
use futures_util::{StreamExt, TryStreamExt};
use service::ledger::Unavailable;
use service::view::{Direction, Read};
use tokio::runtime::{Builder, Runtime};

use super::item::{Item, Key, s};
use super::keys::Index;

/// Most keys of one BatchGetItem: DynamoDB's own limit.
const KEYS_PER_CALL_MAX: usize = 100;
/// Most calls that one read makes at a time.
const READS_AT_ONCE: usize = 16;
/// Most times that a read asks for the keys that DynamoDB left out of an answer.
const LEFT_OUT_MAX: u32 = 10;
/// Threads that talk: they only wait for sockets.
const TALKERS: usize = 2;
/// Most calls of a ledger that are decided at a time; each has a thread.
pub(super) const DECIDERS: usize = 64;

/// Asked before and after every write; a test that says `true` has the process die there, as far
/// as the table can tell.
pub type Interrupt = Arc<dyn Fn() -> bool + Send + Sync>;

/// Why a write did not come to pass, as far as is known.
#[derive(Debug)]
pub(super) enum Failed {
    /// A row is not as it was read, or somebody else is writing it: decide again.
    Conflict,
    /// Whether it came to pass is not known, and why.
    Unknown(String),
    /// DynamoDB takes no such write.
    Refused(String),
}

/// Rows of a partition, or of an index's, in order.
#[derive(Clone, Debug)]
pub(super) struct Range {
    /// The index; the table itself when absent, and then consistent.
    pub(super) index: Option<Index>,
    /// The partition.
    pub(super) partition: String,
    /// The first place, included.
    pub(super) from: AttributeValue,
    /// The last place, included.
    pub(super) until: AttributeValue,
    /// Which way.
    pub(super) way: Direction,
    /// Most rows.
    pub(super) limit: usize,
}

/// Some rows of a range, and where the next ones begin.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<Item>,
}

/// The way to the table.
pub(super) struct Door {
    client: Client,
    pub(super) table: String,
    runtime: Option<Runtime>,
    interrupt: Option<Interrupt>,
}

impl Door {
    /// # Errors
    /// When the machine has no threads left.
    pub(super) fn open(
        client: Client,
        table: String,
        interrupt: Option<Interrupt>,
    ) -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(TALKERS).max_blocking_threads(DECIDERS + READS_AT_ONCE);
        let runtime = builder.enable_all().thread_name("dynamodb").build()?;
        Ok(Self { client, table, runtime: Some(runtime), interrupt })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is taken only when the ledger is dropped")
    }

    /// What a task comes to, waited for on this thread.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        task: impl Future<Output = Read<T>> + Send + 'static,
    ) -> Read<T> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.runtime().spawn(async move {
            // Whoever asked may have given up.
            let _ = tell.send(task.await);
        });
        told.recv().map_err(|_| Unavailable::Closed)?
    }

    /// The rows of these keys, as they are now; those that are not there are left out.
    pub(super) fn get(&self, keys: Vec<Key>) -> Read<Vec<Item>> {
        let (client, table) = (self.client.clone(), self.table.clone());
        self.wait(async move {
            let chunks: Vec<Vec<Key>> =
                keys.chunks(KEYS_PER_CALL_MAX).map(<[Key]>::to_vec).collect();
            let asked = chunks.into_iter();
            gathered(asked.map(|keys| some(client.clone(), table.clone(), keys)).collect()).await
        })
    }

    /// At most a page of each range.
    pub(super) fn query(&self, ranges: Vec<(Range, Option<Item>)>) -> Read<Vec<Page>> {
        let (client, table) = (self.client.clone(), self.table.clone());
        self.wait(async move {
            let asked = ranges.into_iter();
            let page = |(range, next)| page(client.clone(), table.clone(), range, next);
            gathered(asked.map(page).collect()).await
        })
    }

    /// Writes all of it or nothing, once, however often the call is repeated on its way.
    pub(super) fn transact(
        &self,
        writes: Vec<TransactWriteItem>,
        token: Option<String>,
    ) -> Result<(), Failed> {
        let call = self.client.transact_write_items().set_transact_items(Some(writes));
        let call = call.set_client_request_token(token);
        self.written(async move {
            match call.send().await {
                Ok(_) => Ok(()),
                Err(error) => Err(why_cancelled(&error)),
            }
        })
    }

    /// One write that stands for itself, between the two places where a test may have us die.
    pub(super) fn written(
        &self,
        write: impl Future<Output = Result<(), Failed>> + Send + 'static,
    ) -> Result<(), Failed> {
        self.perhaps_die()?;
        let done = self.wait(async move { Ok(write.await) });
        self.perhaps_die()?;
        done.unwrap_or_else(|error| Err(error.into()))
    }

    fn perhaps_die(&self) -> Result<(), Failed> {
        match &self.interrupt {
            Some(interrupt) if interrupt() => Err(Failed::Unknown("interrupted".to_owned())),
            Some(_) | None => Ok(()),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Not waited for: a ledger may be dropped on a thread that must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Tasks, some at a time, in their order.
async fn gathered<T>(tasks: Vec<impl Future<Output = Read<Vec<T>>>>) -> Read<Vec<T>> {
    let lists: Vec<Vec<T>> =
        futures_util::stream::iter(tasks).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

async fn some(client: Client, table: String, keys: Vec<Key>) -> Read<Vec<Item>> {
    let mut wanted = KeysAndAttributes::builder().consistent_read(true);
    for key in &keys {
        wanted = wanted.keys(key.item());
    }
    let mut wanted = HashMap::from([(table, wanted.build().map_err(read)?)]);
    let (mut found, mut asked) = (Vec::with_capacity(keys.len()), 0);
    while !wanted.is_empty() {
        let answer = client.batch_get_item().set_request_items(Some(wanted)).send().await;
        let answer = answer.map_err(|error| unread(&error))?;
        found.extend(answer.responses.unwrap_or_default().into_values().flatten());
        wanted = answer.unprocessed_keys.unwrap_or_default();
        asked += 1;
        if asked == LEFT_OUT_MAX {
            return Err(Unavailable::Full);
        }
        if !wanted.is_empty() {
            tokio::time::sleep(Duration::from_millis(10 << asked)).await;
        }
    }
    Ok(found)
}

async fn page(client: Client, table: String, range: Range, next: Option<Item>) -> Read<Vec<Page>> {
    let Range { index, partition, from, until, way, limit } = range;
    let call = client.query().table_name(table);
    let call = match index {
        Some(index) => call.index_name(index.name),
        None => call.consistent_read(true),
    };
    let call = call
        .key_condition_expression("#p = :p AND #o BETWEEN :a AND :b")
        .expression_attribute_names("#p", index.map_or("PK", |index| index.partition))
        .expression_attribute_names("#o", index.map_or("SK", |index| index.order))
        .expression_attribute_values(":p", s(partition))
        .expression_attribute_values(":a", from)
        .expression_attribute_values(":b", until)
        .scan_index_forward(way == Direction::Oldest)
        .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
        .set_exclusive_start_key(next);
    let answer = call.send().await.map_err(|error| unread(&error))?;
    let next = answer.last_evaluated_key;
    Ok(vec![Page { items: answer.items.unwrap_or_default(), next }])
}

/// An error of building a request.
fn read(error: impl std::fmt::Display) -> Unavailable {
    Unavailable::Read(error.to_string())
}

/// Why a read came to nothing, once the client has tried as often as it should.
pub(super) fn unread<E, R>(error: &SdkError<E, R>) -> Unavailable
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error.code() {
        Some(code) if is_throttling(code) => Unavailable::Full,
        Some(_) | None => Unavailable::Read(DisplayErrorContext(error).to_string()),
    }
}

fn is_throttling(code: &str) -> bool {
    let codes = ["ProvisionedThroughputExceededException", "ThrottlingException"];
    codes.contains(&code) || code == "RequestLimitExceeded"
}

fn why_cancelled<R: std::fmt::Debug>(error: &SdkError<TransactWriteItemsError, R>) -> Failed {
    let told = || DisplayErrorContext(error).to_string();
    let Some(error) = error.as_service_error() else { return Failed::Unknown(told()) };
    match error {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let reasons = cancelled.cancellation_reasons();
            let refused = reasons.iter().find(|reason| match reason.code() {
                Some(code) => code != "None" && !passes(code),
                None => false,
            });
            match refused {
                Some(reason) => Failed::Refused(format!("{reason:?}")),
                None => Failed::Conflict,
            }
        }
        TransactWriteItemsError::TransactionInProgressException(_) => Failed::Unknown(told()),
        error if error.code().is_some_and(is_throttling) => Failed::Conflict,
        TransactWriteItemsError::InternalServerError(_) => Failed::Unknown(told()),
        error => Failed::Refused(DisplayErrorContext(error).to_string()),
    }
}

/// Whether what cancelled a transaction may be gone when it is tried again.
fn passes(code: &str) -> bool {
    let conflicts = ["ConditionalCheckFailed", "TransactionConflict"];
    let busy = ["ThrottlingError", "ProvisionedThroughputExceeded"];
    conflicts.contains(&code) || busy.contains(&code)
}

/// Why a write of one row did not come to pass.
pub(super) fn why_failed<E, R>(error: &SdkError<E, R>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let codes = ["ConditionalCheckFailedException", "TransactionConflictException"];
    match error.code() {
        Some(code) if codes.contains(&code) || is_throttling(code) => Failed::Conflict,
        Some("InternalServerError") | None => {
            Failed::Unknown(DisplayErrorContext(error).to_string())
        }
        Some(_) => Failed::Refused(DisplayErrorContext(error).to_string()),
    }
}

impl From<Unavailable> for Failed {
    fn from(error: Unavailable) -> Self {
        Self::Unknown(error.to_string())
    }
}

impl From<Failed> for Unavailable {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Conflict => Self::Full,
            Failed::Unknown(_) => Self::OutcomeUnknown,
            Failed::Refused(why) => Self::Read(why),
        }
    }
}
