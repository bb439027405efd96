//! A statement that runs: on the engine's own threads, until its time is over, its reader is gone
//! or its rows are told.
//!
//! Never: work on the threads of whoever asked; a panic that reaches them.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::limits::Exceeded;

/// Batches that wait for a reader.
const BATCHES_WAITING: usize = 2;

/// What a statement has while it runs.
pub(crate) struct Running {
    pub(crate) runtime: Handle,
    pub(crate) deadline: Instant,
    pub(crate) within: Duration,
    /// Up to where it sees the log; `None` if it looks at no table of the lake.
    pub(crate) until: Option<u64>,
    /// Its place among the statements under way, given back when nothing of it is left.
    pub(crate) _place: OwnedSemaphorePermit,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running {{ until: {:?} }}", self.until)
    }
}

/// The root of every plan.
#[derive(Clone, Debug)]
pub(crate) struct StatementExec {
    input: Arc<dyn ExecutionPlan>,
    running: Arc<Running>,
    properties: Arc<PlanProperties>,
}

impl StatementExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, running: Arc<Running>) -> Self {
        let input = match input.output_partitioning().partition_count() {
            1 => input,
            _ => Arc::new(CoalescePartitionsExec::new(input)) as Arc<dyn ExecutionPlan>,
        };
        let properties = Arc::clone(input.properties());
        Self { input, running, properties }
    }

    /// Up to where the statement sees the log.
    pub(crate) fn until(&self) -> Option<u64> {
        self.running.until
    }
}

impl DisplayAs for StatementExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("StatementExec")
    }
}

impl ExecutionPlan for StatementExec {
    fn name(&self) -> &str {
        "StatementExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("StatementExec has one input");
        };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.running))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (rows, mut received) = mpsc::channel(BATCHES_WAITING);
        let (input, running) = (Arc::clone(&self.input), Arc::clone(&self.running));
        self.running.runtime.spawn(run(input, partition, context, running, rows));
        let batches = stream::poll_fn(move |waker| received.poll_recv(waker));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

type Rows = mpsc::Sender<Result<RecordBatch>>;

/// Runs a plan to its end, or until its time is over or nobody reads any more.
async fn run(
    input: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
    running: Arc<Running>,
    rows: Rows,
) {
    let within = running.within;
    let work = AssertUnwindSafe(drive(input, partition, context, &rows)).catch_unwind();
    let ended = tokio::select! {
        ended = timeout_at(running.deadline, work) => ended,
        () = rows.closed() => return,
    };
    // The place is given back before the reader comes for the last word.
    drop(running);
    let word = match ended {
        Ok(Ok(())) => return,
        Ok(Err(_)) => Exceeded::Panic,
        Err(_) => Exceeded::Time(within),
    };
    // A reader that is gone needs no word.
    _ = rows.send(Err(word.into())).await;
}

async fn drive(
    input: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
    rows: &Rows,
) {
    let mut batches = match input.execute(partition, context) {
        Ok(batches) => batches,
        Err(error) => {
            _ = rows.send(Err(error)).await;
            return;
        }
    };
    while let Some(batch) = batches.next().await {
        let is_last = batch.is_err();
        if rows.send(batch).await.is_err() || is_last {
            return;
        }
    }
}
