//! Plans a statement when it runs: bound to one moment, within its limits.
//!
//! Physical planning happens at each execution, of prepared statements too. So this is where a
//! statement takes its place among the others, waits for what was committed before it began, takes
//! one snapshot, and has every scan of its plan (in views and subqueries too) bound to it.
//!
//! Never: two moments in one statement.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use futures_util::FutureExt;
use lake::snapshot::Present;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::{Exceeded, FRESH_MS, Limits, PATIENCE, reads_only};
use crate::reader::{Footers, Readers};
use crate::statement::{Running, StatementExec};
use crate::table::{LakeTable, Moment};

/// A statement's own time limit, kept with its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within(pub(crate) Duration);

/// What all statements of an engine share.
pub(crate) struct Shared {
    pub(crate) present: Arc<dyn Present>,
    pub(crate) footers: Arc<Footers>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) limits: Limits,
    pub(crate) runtime: Handle,
}

impl Shared {
    /// A place among the statements under way.
    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        match timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Exceeded::Stopping.into()),
            Err(_) => Err(Exceeded::Statements(self.limits.concurrency).into()),
        }
    }

    /// The present, with all that is committed by now if it comes in time.
    async fn moment(&self) -> Result<Arc<Moment>> {
        let committed = self.present.committed();
        let is_fresh = self.present.wait_for(committed, FRESH_MS).await;
        let snapshot = self.present.snapshot();
        if !is_fresh {
            // Of a place that does not answer yet nothing is known: that is not nothing.
            if snapshot.until == 0 {
                return Err(Exceeded::Unread.into());
            }
            tracing::warn!(committed, until = snapshot.until, "a statement sees what was earlier");
        }
        let readers = Readers::new(self.present.files().clone(), Arc::clone(&self.footers));
        Ok(Arc::new(Moment { snapshot, readers }))
    }
}

/// Plans by DataFusion's own planner, once the plan is bound.
pub(crate) struct Planner(pub(crate) Arc<Shared>);

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Planner")
    }
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        reads_only(plan)?;
        let shared = &self.0;
        let within = session.config().get_extension::<Within>();
        let within = within.map_or(shared.limits.timeout, |within| within.0);
        let deadline = Instant::now() + within;
        let place = shared.place().await?;
        let work = AssertUnwindSafe(bound_and_planned(shared, plan, session)).catch_unwind();
        let (planned, until) = match timeout_at(deadline, work).await {
            Ok(Ok(planned)) => planned?,
            Ok(Err(_)) => return Err(Exceeded::Panic.into()),
            Err(_) => return Err(Exceeded::Time(within).into()),
        };
        let running =
            Running { runtime: shared.runtime.clone(), deadline, within, until, _place: place };
        Ok(Arc::new(StatementExec::new(planned, Arc::new(running))))
    }
}

/// The physical plan, and up to where it sees the log; `None` if it looks at no table of the lake.
async fn bound_and_planned(
    shared: &Shared,
    plan: &LogicalPlan,
    session: &dyn Session,
) -> Result<(Arc<dyn ExecutionPlan>, Option<u64>)> {
    let planner = DefaultPhysicalPlanner::default();
    if !reads_lake(plan)? {
        return Ok((planner.create_physical_plan(plan, session).await?, None));
    }
    let moment = shared.moment().await?;
    let bound = bind(plan.clone(), &moment)?;
    let planned = planner.create_physical_plan(&bound, session).await?;
    Ok((planned, Some(moment.snapshot.until)))
}

/// The table of the lake that a node scans.
fn scanned(node: &LogicalPlan) -> Option<LakeTable> {
    let LogicalPlan::TableScan(scan) = node else {
        return None;
    };
    let provider = source_as_provider(&scan.source).ok()?;
    (provider.as_ref() as &dyn Any).downcast_ref::<LakeTable>().cloned()
}

fn reads_lake(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = scanned(node).is_some();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The plan with every scan of a table of the lake bound to a moment.
fn bind(plan: LogicalPlan, moment: &Arc<Moment>) -> Result<LogicalPlan> {
    let bound = plan.transform_down_with_subqueries(|node| {
        let Some(table) = scanned(&node) else {
            return Ok(Transformed::no(node));
        };
        let LogicalPlan::TableScan(mut scan) = node else {
            return Ok(Transformed::no(node));
        };
        scan.source = provider_as_source(Arc::new(table.of(moment)));
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(bound.data)
}
