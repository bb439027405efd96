//! What a statement may be and may take: only reading, of a bounded text and depth, for a bounded
//! time, in bounded memory, with few beside it.
//!
//! Never: a statement that changes anything, or names a file.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use datafusion::common::tree_node::{TreeNodeRecursion, TreeNodeVisitor};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{LogicalPlan, Statement as Change};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Select, Visit, Visitor};
use service::query::{SQL_BYTES_MAX, Why};

/// Deepest expression: a list of conditions that somebody's tool wrote has some hundreds, and the
/// time to plan one grows by the square.
pub const EXPRESSION_DEPTH_MAX: usize = 1_000;

/// Deepest plan: far beyond any report, and within what a thread's stack holds.
pub const DEPTH_MAX: usize = 200;

/// Threads that work on statements. Intake has the machine first, so there are few.
pub(crate) const THREADS: usize = 2;

/// How long a statement waits for others to end before it is refused.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How long a statement waits for what was committed before it began.
pub(crate) const FRESH_MS: u64 = 1_000;

/// Most bytes that all statements together may put aside on disk when memory does not do.
pub(crate) const SPILL_BYTES_MAX: u64 = 4 << 30;

/// What an installation allows.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory for all statements together, in bytes.
    pub memory_bytes: usize,
    /// Longest a statement may take, reading its answer included.
    pub timeout: Duration,
    /// Statements at once.
    pub concurrency: usize,
    /// A folder for what does not fit into memory. It belongs to the engine: what is in it when
    /// the engine starts is removed.
    pub spill: PathBuf,
}

/// A limit that a statement met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("the statement is longer than {SQL_BYTES_MAX} bytes")]
    Text,
    #[error(
        "the statement is deeper than {DEPTH_MAX} queries or {EXPRESSION_DEPTH_MAX} operators: \
         use lists (IN) or fewer parts"
    )]
    Depth,
    #[error("the statement took longer than {} s", .0.as_secs_f32())]
    Time(Duration),
    #[error("{0} statements are under way, which is as many as there may be")]
    Statements(usize),
    #[error("{0} is not possible here: only SELECT, EXPLAIN, SHOW and DESCRIBE are")]
    Writes(&'static str),
    #[error("the engine stumbled over this statement")]
    Panic,
    #[error("a text may not be made longer than {0} times or characters at once")]
    Size(i64),
    #[error("the engine is stopping")]
    Stopping,
    #[error("the lake is not read yet")]
    Unread,
}

impl Exceeded {
    pub(crate) fn why(self) -> Why {
        match self {
            Self::Text => Why::TooLong,
            Self::Depth => Why::TooDeep,
            Self::Time(_) => Why::Timeout,
            Self::Size(_) => Why::Memory,
            Self::Statements(_) => Why::Busy,
            Self::Writes(_) => Why::Forbidden,
            Self::Panic => Why::Broken,
            Self::Stopping | Self::Unread => Why::Unavailable,
        }
    }
}

impl From<Exceeded> for DataFusionError {
    fn from(exceeded: Exceeded) -> Self {
        Self::External(Box::new(exceeded))
    }
}

/// Refuses a text that is too long.
///
/// # Errors
/// [`Why::TooLong`] within.
pub fn text(sql: &str) -> Result<()> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(Exceeded::Text.into());
    }
    Ok(())
}

/// Refuses a statement whose expressions or queries are too deep to be planned in good time.
///
/// # Errors
/// [`Why::TooDeep`] within.
pub fn depth(statement: &Statement) -> Result<()> {
    let Statement::Statement(statement) = statement else {
        return Ok(());
    };
    match statement.visit(&mut Depths::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Exceeded::Depth.into()),
    }
}

/// How deep the walk through a statement is. Chains of UNION nest without being queries of their
/// own, so selects are counted.
#[derive(Default)]
struct Depths {
    expressions: usize,
    selects: usize,
}

impl Visitor for Depths {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.expressions += 1;
        within(self.expressions, EXPRESSION_DEPTH_MAX)
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.expressions -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        self.selects += 1;
        within(self.selects, DEPTH_MAX)
    }
}

fn within(depth: usize, most: usize) -> ControlFlow<()> {
    if depth > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Refuses a plan that does more than read, or is too deep.
///
/// # Errors
/// [`Why::Forbidden`] or [`Why::TooDeep`] within.
pub fn reads_only(plan: &LogicalPlan) -> Result<()> {
    plan.visit_with_subqueries(&mut Look { depth: 0 })?;
    Ok(())
}

struct Look {
    depth: usize,
}

impl<'n> TreeNodeVisitor<'n> for Look {
    type Node = LogicalPlan;

    fn f_down(&mut self, node: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Exceeded::Depth.into());
        }
        match writes(node) {
            Some(what) => Err(Exceeded::Writes(what).into()),
            None => Ok(TreeNodeRecursion::Continue),
        }
    }

    fn f_up(&mut self, _: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        self.depth -= 1;
        Ok(TreeNodeRecursion::Continue)
    }
}

/// What a node does beyond reading.
fn writes(node: &LogicalPlan) -> Option<&'static str> {
    match node {
        LogicalPlan::Ddl(_) => Some("CREATE, ALTER or DROP"),
        LogicalPlan::Dml(_) => Some("INSERT, UPDATE or DELETE"),
        LogicalPlan::Copy(_) => Some("COPY"),
        LogicalPlan::Statement(statement) => Some(match statement {
            Change::TransactionStart(_) | Change::TransactionEnd(_) => "a transaction",
            Change::SetVariable(_) => "SET",
            Change::ResetVariable(_) => "RESET",
            Change::Prepare(_) => "PREPARE",
            Change::Execute(_) => "EXECUTE",
            Change::Deallocate(_) => "DEALLOCATE",
        }),
        // Only DataFusion's own extensions of plans could bring others.
        LogicalPlan::Extension(_) => Some("an extension"),
        LogicalPlan::RecursiveQuery(_) => Some("WITH RECURSIVE"),
        _ => None,
    }
}
