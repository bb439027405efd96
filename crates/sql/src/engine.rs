//! The engine: one DataFusion for the installation, a session for each statement or connection.
//!
//! Never: a file but the lake's, a table but the lake's and what is made of them, a thread of
//! somebody else's.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::Result;
use datafusion::common::config::Dialect;
use datafusion::datasource::ViewTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::StreamExt;
use lake::snapshot::Present;
use lake::table::Table;
use service::change::Seq;
use service::ledger::Task;
use service::query::{Answer, Pieces, Queries, Question, Refused, Tally, Why};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Semaphore, mpsc};

use crate::error::refused;
use crate::functions;
use crate::limits::{self, Exceeded, Limits, SPILL_BYTES_MAX, THREADS};
use crate::output::Encoder;
use crate::plan::{Planner, Shared, Within};
use crate::reader::Footers;
use crate::statement::StatementExec;
use crate::table::LakeTable;
use crate::views;

/// The catalogue's name, as PostgreSQL's clients see a database.
pub const CATALOGUE: &str = "comanda";

/// The schema that all tables are in.
pub const SCHEMA: &str = "public";

/// A thread's stack. A chain of thousands of operators is parsed, planned and dropped level by
/// level; only what is used of it is memory.
const STACK_BYTES: usize = 64 << 20;

/// Rows that are worked on at once: more than DataFusion's 8,192, by which grouping ten million
/// orders by customer was slower in the one comparison that was made. A batch of every column stays
/// at some tens of megabytes.
const BATCH_ROWS: usize = 32_768;

/// Threads that wait for files: a few reads for each thread that works.
const FILE_THREADS_MAX: usize = 8;

/// Documents' pieces that wait for a reader.
const PIECES_WAITING: usize = 2;

/// SQL over a lake.
pub struct Engine {
    shared: Arc<Shared>,
    state: SessionState,
    schema: Arc<MemorySchemaProvider>,
    tally: Arc<Counts>,
    /// Gone only when the engine is dropped.
    runtime: Option<Runtime>,
}

#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    abandoned: AtomicU64,
    rows: AtomicU64,
    busy_us: AtomicU64,
    running: AtomicU64,
}

impl Engine {
    /// An engine over the present of a lake, with its tables. `calm` is called on each of its
    /// threads when it starts: to lower its priority.
    ///
    /// # Errors
    /// When the folder for spilling cannot be made, or threads cannot be started.
    pub fn open(
        present: Arc<dyn Present>,
        tables: &[(Table, SchemaRef)],
        limits: Limits,
        calm: fn(),
    ) -> io::Result<Self> {
        emptied(&limits)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(FILE_THREADS_MAX)
            .thread_name("sql")
            .thread_stack_size(STACK_BYTES)
            .on_thread_start(calm)
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            present,
            footers: Arc::new(Footers::default()),
            places: Arc::new(Semaphore::new(limits.concurrency)),
            runtime: runtime.handle().clone(),
            limits,
        });
        let schema = schema(tables).map_err(io::Error::other)?;
        let state = state(&shared, &schema).map_err(io::Error::other)?;
        Ok(Self { shared, state, schema, tally: Arc::default(), runtime: Some(runtime) })
    }

    /// A session for a statement or a connection: the tables, bound to one moment at each
    /// execution, within the limits. What executes on it works on the engine's threads.
    #[must_use]
    pub fn session(&self) -> SessionContext {
        SessionContext::new_with_state(self.state.clone())
    }

    /// Where the engine's work is done. Parse and plan here too: the stacks are deep.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    /// What statements may take.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Puts the ready-made views beside the tables. One that does not fit them is left out, and
    /// that is logged: it is no reason to answer nothing.
    ///
    /// # Errors
    /// When the engine cannot work at all.
    pub fn add_views(&self) -> io::Result<()> {
        let session = self.session();
        let work = async move {
            let mut made = Vec::new();
            for view in views::ALL {
                made.push((view, session.state().create_logical_plan(view.statement()).await));
            }
            made
        };
        // Whoever opens an engine may be within a runtime, whose threads must not wait there.
        let (done, planned) = std::sync::mpsc::sync_channel(1);
        self.shared.runtime.spawn(async move { done.send(work.await) });
        for (view, plan) in planned.recv().map_err(io::Error::other)? {
            let table = plan.and_then(|plan| {
                let view_of = ViewTable::new(plan, Some(view.statement().to_owned()));
                self.schema.register_table(view.name.to_owned(), Arc::new(view_of))
            });
            if let Err(error) = table {
                tracing::error!(%error, "the view {} does not fit the tables", view.name);
            }
        }
        Ok(())
    }

    /// The tables by name, to put views beside them before anybody asks. Sessions see it and cannot
    /// change it.
    #[must_use]
    pub fn schema(&self) -> &MemorySchemaProvider {
        &self.schema
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.places.close();
        // Statements under way are let go: nobody can change anything by one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An empty folder for what does not fit into memory; what a crash left there is of no use.
fn emptied(limits: &Limits) -> io::Result<()> {
    match fs::remove_dir_all(&limits.spill) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(&limits.spill)
}

fn environment(limits: &Limits) -> Result<Arc<RuntimeEnv>> {
    let spill = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![limits.spill.clone()]))
        .with_max_temp_directory_size(SPILL_BYTES_MAX);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(spill)
        .build_arc()
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(THREADS)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOGUE, SCHEMA)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    // 19.90 is an amount, and an amount is no float.
    options.sql_parser.parse_float_as_decimal = true;
    options.execution.enable_recursive_ctes = false;
    config
}

fn state(shared: &Arc<Shared>, schema: &Arc<MemorySchemaProvider>) -> Result<SessionState> {
    // No formats and no factories of tables: nothing makes a table of a file.
    let state = SessionStateBuilder::new()
        .with_config(config())
        .with_runtime_env(environment(&shared.limits)?)
        .with_catalog_list(catalogues(schema)?)
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(functions::scalar())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(SessionStateDefaults::default_table_functions())
        .with_query_planner(Arc::new(Planner(Arc::clone(shared))));
    Ok(state.build())
}

fn schema(tables: &[(Table, SchemaRef)]) -> Result<Arc<MemorySchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    for (table, columns) in tables {
        let provider = LakeTable::new(*table, columns);
        schema.register_table(table.name().to_owned(), Arc::new(provider))?;
    }
    Ok(Arc::new(schema))
}

fn catalogues(schema: &Arc<MemorySchemaProvider>) -> Result<Arc<dyn CatalogProviderList>> {
    let catalogue = MemoryCatalogProvider::new();
    catalogue.register_schema(SCHEMA, Arc::new(Fixed(Arc::clone(schema))))?;
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOGUE.to_owned(), Arc::new(catalogue));
    Ok(Arc::new(list))
}

/// Tables as sessions see them: nothing is put there or taken away.
#[derive(Debug)]
struct Fixed(Arc<MemorySchemaProvider>);

#[async_trait]
impl SchemaProvider for Fixed {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.0.table_names();
        names.sort_unstable();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.0.table(name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table_exist(name)
    }
}

/// A statement's rows, as they come.
pub(crate) struct Rows {
    pub(crate) schema: SchemaRef,
    pub(crate) until: Option<u64>,
    batches: SendableRecordBatchStream,
    left: Option<u64>,
    pub(crate) told: u64,
    pub(crate) is_cut: bool,
}

impl Rows {
    /// The next rows; `None` at the end, or when there are as many as are wanted.
    pub(crate) async fn next(&mut self) -> Option<Result<arrow::array::RecordBatch>> {
        while !self.is_cut {
            let mut batch = match self.batches.next().await? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let rows = batch.num_rows();
            if let Some(left) = self.left {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rows);
                self.is_cut = taken < rows;
                batch = batch.slice(0, taken);
                self.left = Some(left - taken as u64);
            }
            self.told += batch.num_rows() as u64;
            if batch.num_rows() > 0 {
                return Some(Ok(batch));
            }
        }
        None
    }
}

/// Plans a statement and begins it.
async fn begun(session: SessionContext, question: &Question) -> Result<Rows> {
    limits::text(&question.sql)?;
    let state = session.state();
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state.sql_to_statement(&question.sql, &dialect)?;
    limits::depth(&statement)?;
    let plan = state.statement_to_plan(statement).await?;
    limits::reads_only(&plan)?;
    let plan = session.execute_logical_plan(bounded(plan, question.rows_max)?).await?;
    let plan = plan.create_physical_plan().await?;
    let until = (plan.as_ref() as &dyn std::any::Any)
        .downcast_ref::<StatementExec>()
        .and_then(StatementExec::until);
    let schema = plan.schema();
    let batches = execute_stream(plan, session.task_ctx())?;
    Ok(Rows { schema, until, batches, left: question.rows_max, told: 0, is_cut: false })
}

/// The plan with its bound: one row more than is told, to see that there are more.
fn bounded(plan: LogicalPlan, rows_max: Option<u64>) -> Result<LogicalPlan> {
    let is_about_plans = matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    );
    match rows_max.map(|rows| usize::try_from(rows.saturating_add(1)).unwrap_or(usize::MAX)) {
        Some(fetch) if !is_about_plans => {
            LogicalPlanBuilder::from(plan).limit(0, Some(fetch))?.build()
        }
        Some(_) | None => Ok(plan),
    }
}

/// A statement that is counted, however it ends.
struct Counted {
    counts: Arc<Counts>,
    began: Instant,
    ended: bool,
}

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.running.fetch_add(1, Ordering::Relaxed);
        Self { counts: Arc::clone(counts), began: Instant::now(), ended: false }
    }

    fn answered(&mut self, rows: u64) {
        self.ended = true;
        self.counts.answered.fetch_add(1, Ordering::Relaxed);
        self.counts.rows.fetch_add(rows, Ordering::Relaxed);
    }

    fn refused(&mut self, refused: &Refused) {
        self.ended = true;
        let count = match refused.why {
            Why::Broken | Why::Unavailable => &self.counts.failed,
            Why::Statement
            | Why::Unsupported
            | Why::Forbidden
            | Why::TooLong
            | Why::TooDeep
            | Why::Timeout
            | Why::Memory
            | Why::Busy => &self.counts.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.running.fetch_sub(1, Ordering::Relaxed);
        let busy = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.busy_us.fetch_add(busy, Ordering::Relaxed);
        if !self.ended {
            self.counts.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

type Piece = Result<bytes::Bytes, Refused>;

/// Answers a statement piece by piece; first, up to where the log is in it.
async fn answer(
    session: SessionContext,
    question: Question,
    mut counted: Counted,
    began: tokio::sync::oneshot::Sender<Option<u64>>,
    pieces: mpsc::Sender<Piece>,
) {
    let told = tokio::select! {
        told = encoded(session, &question, began, &pieces) => told,
        () = pieces.closed() => return,
    };
    match told {
        Ok(rows) => counted.answered(rows),
        Err(error) => {
            let refused = refused(&error);
            counted.refused(&refused);
            // Who is gone needs no word.
            _ = pieces.send(Err(refused)).await;
        }
    }
}

async fn encoded(
    session: SessionContext,
    question: &Question,
    began: tokio::sync::oneshot::Sender<Option<u64>>,
    pieces: &mpsc::Sender<Piece>,
) -> Result<u64> {
    let mut rows = begun(session, question).await?;
    // Nobody waits for it only when nobody waits for pieces either.
    _ = began.send(rows.until);
    let mut next = rows.next().await.transpose()?;
    let mut encoder = Encoder::begin(question.form, &rows.schema, rows.until)?;
    while let Some(batch) = next {
        if let Some(piece) = encoder.put(&batch)? {
            // The select above ends this when nobody reads.
            _ = pieces.send(Ok(piece)).await;
        }
        next = rows.next().await.transpose()?;
    }
    let told = rows.told;
    let is_cut = rows.is_cut;
    // The statement's place is given back before the last piece is read.
    drop(rows);
    _ = pieces.send(Ok(encoder.end(is_cut)?)).await;
    Ok(told)
}

/// Pieces as they are received; the first was waited for.
struct Received {
    first: Option<Piece>,
    pieces: mpsc::Receiver<Piece>,
}

impl Pieces for Received {
    fn next(&mut self) -> Task<'_, Option<Piece>> {
        Box::pin(async move {
            match self.first.take() {
                Some(first) => Some(first),
                None => self.pieces.recv().await,
            }
        })
    }
}

impl Queries for Engine {
    fn ask(&self, question: Question) -> Task<'_, Result<Answer, Refused>> {
        Box::pin(async move {
            let most = self.shared.limits.timeout;
            let within = question.timeout.map_or(most, |asked| asked.min(most));
            let mut state = self.state.clone();
            state.config_mut().set_extension(Arc::new(Within(within)));
            let session = SessionContext::new_with_state(state);
            let counted = Counted::new(&self.tally);
            let (pieces, mut received) = mpsc::channel(PIECES_WAITING);
            let (began, until) = tokio::sync::oneshot::channel();
            let task = answer(session, question, counted, began, pieces);
            let work = self.shared.runtime.spawn(task);
            // A parser or planner that cannot be stopped is not waited for either.
            let Ok(first) = tokio::time::timeout(within + limits::PATIENCE, received.recv()).await
            else {
                work.abort();
                return Err(refused(&Exceeded::Time(within).into()));
            };
            let as_of = until.await.ok().flatten();
            match first {
                Some(Err(refused)) => Err(refused),
                Some(first) => Ok(Answer {
                    as_of: as_of.map(Seq),
                    pieces: Box::new(Received { first: Some(first), pieces: received }),
                }),
                // The task ended without a word: it panicked.
                None => Err(refused(&Exceeded::Panic.into())),
            }
        })
    }

    fn tally(&self) -> Tally {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            answered: of(&self.tally.answered),
            refused: of(&self.tally.refused),
            failed: of(&self.tally.failed),
            abandoned: of(&self.tally.abandoned),
            rows: of(&self.tally.rows),
            busy_us: of(&self.tally.busy_us),
            running: of(&self.tally.running),
        }
    }
}
