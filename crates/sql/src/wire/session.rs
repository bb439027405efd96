//! What a connection keeps from statement to statement: settings, a transaction's state, kept
//! statements, portals.
//!
//! A transaction holds nothing: each statement sees its own moment. It is kept account of because
//! drivers do.
//!
//! Never: a socket.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};
use datafusion::prelude::{Expr, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement;
use pgwire::messages::response::TransactionStatus;

use super::command::{Command, Reader};
use super::failure::{Failure, code};
use super::mended::without_rows;
use super::message::Bind;
use super::parameter::{self, Bound};
use super::rows::Rows;
use super::variables::{Told, Variables};
use crate::limits;

/// Most statements that a connection keeps: drivers keep a hundred, a pool shares them.
const STATEMENTS_MAX: usize = 1_000;
/// Most portals and cursors at once.
const PORTALS_MAX: usize = 100;

/// A statement that was read and planned.
#[derive(Clone, Debug)]
pub(super) enum Ready {
    /// A text that says nothing.
    Nothing,
    /// A question, and what its answer is called.
    Question(LogicalPlan, &'static str),
    /// A question whose answer is to be fetched bit by bit.
    Cursor { name: String, holds: bool, plan: LogicalPlan },
    /// Anything else.
    Plain(Command),
}

impl Ready {
    fn plan(&self) -> Option<&LogicalPlan> {
        match self {
            Self::Question(plan, _) | Self::Cursor { plan, .. } => Some(plan),
            Self::Nothing | Self::Plain(_) => None,
        }
    }

    /// With values for its parameters.
    fn with(&self, values: Vec<ScalarValue>) -> Result<Self, Failure> {
        let mut ready = self.clone();
        match &mut ready {
            Self::Question(plan, _) | Self::Cursor { plan, .. } if !values.is_empty() => {
                let values = ParamValues::from(values);
                *plan = plan.clone().replace_params_with_values(&values)?;
            }
            Self::Nothing | Self::Plain(_) | Self::Question(..) | Self::Cursor { .. } => {}
        }
        Ok(ready)
    }
}

/// A statement that is kept under a name.
pub(super) struct Prepared {
    pub(super) ready: Ready,
    /// What its parameters are bound as, in their order.
    pub(super) bound: Vec<Bound>,
}

impl Prepared {
    /// The statement as it is for parameters of its types: what it gives follows from them.
    pub(super) fn typed(&self) -> Result<Ready, Failure> {
        self.ready.with(self.bound.iter().map(Bound::null).collect::<Result<_, _>>()?)
    }
}

/// A statement that is carried out, perhaps bit by bit.
pub(super) struct Portal {
    pub(super) ready: Ready,
    /// In which formats its columns are told.
    pub(super) formats: Vec<i16>,
    pub(super) rows: Option<Rows>,
    /// Whether it outlives its transaction.
    holds: bool,
}

impl Portal {
    /// A statement to carry out, telling in these formats.
    pub(super) fn new(ready: Ready, formats: Vec<i16>) -> Self {
        Self { ready, formats, rows: None, holds: false }
    }
}

/// What a connection keeps.
pub(super) struct Session {
    context: SessionContext,
    reader: Arc<Reader>,
    pub(super) variables: Variables,
    transaction: TransactionStatus,
    statements: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
}

impl Session {
    pub(super) fn new(context: SessionContext, reader: Arc<Reader>, variables: Variables) -> Self {
        Self {
            context,
            reader,
            variables,
            transaction: TransactionStatus::Idle,
            statements: HashMap::new(),
            portals: HashMap::new(),
        }
    }

    /// The state of its transaction.
    pub(super) fn transaction(&self) -> TransactionStatus {
        self.transaction
    }

    /// A statement failed: so did the transaction, if there is one.
    pub(super) fn fail(&mut self) {
        if self.transaction == TransactionStatus::Transaction {
            self.transaction = TransactionStatus::Error;
        }
    }

    /// The commands of a text.
    pub(super) fn read(&self, sql: &str) -> Result<Vec<Command>, Failure> {
        self.reader.read(sql)
    }

    /// Plans a command. In a transaction that failed only its end is possible.
    pub(super) async fn plan(&self, command: Command) -> Result<Ready, Failure> {
        let ends =
            matches!(command, Command::Commit | Command::Rollback | Command::Savepoint("ROLLBACK"));
        if self.transaction == TransactionStatus::Error && !ends {
            let message = "current transaction is aborted, commands ignored until end of \
                           transaction block";
            return Err(Failure::new(code::IN_FAILED_TRANSACTION, message));
        }
        Ok(match command {
            Command::Ask(question, tag) => Ready::Question(self.question(*question).await?, tag),
            Command::Declare(cursor) => {
                let plan = self.question(*cursor.question).await?;
                Ready::Cursor { name: cursor.name, holds: cursor.holds, plan }
            }
            other => Ready::Plain(other),
        })
    }

    async fn question(&self, question: Statement) -> Result<LogicalPlan, Failure> {
        let state = self.context.state();
        let otherwise = without_rows(&question);
        let plan = |question| state.statement_to_plan(Parsed::Statement(Box::new(question)));
        let plan = match (plan(question).await, otherwise) {
            (Err(_), Some(otherwise)) => plan(otherwise).await,
            (planned, _) => planned,
        }?;
        limits::reads_only(&plan)?;
        Ok(plan)
    }

    /// Keeps a statement under a name; the nameless one replaces the one before.
    pub(super) async fn prepare(
        &mut self,
        name: String,
        sql: &str,
        types: &[u32],
    ) -> Result<(), Failure> {
        let mut commands = self.read(sql)?;
        let ready = match (commands.pop(), commands.is_empty()) {
            (None, _) => Ready::Nothing,
            (Some(command), true) => self.plan(command).await?,
            (Some(_), false) => {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(Failure::new(code::SYNTAX, message));
            }
        };
        let bound = bound(&ready, types)?;
        let is_full = self.statements.len() >= STATEMENTS_MAX;
        match self.statements.entry(name) {
            Entry::Occupied(kept) if !kept.key().is_empty() => {
                let message = format!("prepared statement \"{}\" already exists", kept.key());
                return Err(Failure::new("42P05", message));
            }
            Entry::Occupied(mut nameless) => {
                nameless.insert(Arc::new(Prepared { ready, bound }));
            }
            Entry::Vacant(_) if is_full => {
                let message = format!(
                    "{STATEMENTS_MAX} statements are kept, which is as many as \
                                       a connection may"
                );
                return Err(Failure::new(code::LIMIT_EXCEEDED, message));
            }
            Entry::Vacant(place) => {
                place.insert(Arc::new(Prepared { ready, bound }));
            }
        }
        Ok(())
    }

    /// A kept statement.
    pub(super) fn statement(&self, name: &str) -> Result<Arc<Prepared>, Failure> {
        self.statements.get(name).cloned().ok_or_else(|| {
            let message = format!("prepared statement \"{name}\" does not exist");
            Failure::new(code::NO_SUCH_STATEMENT, message)
        })
    }

    /// Forgets a kept statement.
    pub(super) fn forget(&mut self, name: &str) -> bool {
        self.statements.remove(name).is_some()
    }

    /// Makes a portal of a kept statement and values.
    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let prepared = self.statement(&bind.statement)?;
        let values = parameter::values(&bind, &prepared.bound)?;
        let ready = prepared.ready.with(values)?;
        let columns = self.columns(&ready)?.map_or(0, |schema| schema.fields().len());
        let formats = parameter::formats(&bind.results, columns)?;
        self.keep(bind.portal, Portal::new(ready, formats))
    }

    /// What a statement gives: nothing, or columns.
    pub(super) fn columns(&self, ready: &Ready) -> Result<Option<SchemaRef>, Failure> {
        Ok(match ready {
            Ready::Question(plan, _) => Some(plan.schema().inner().clone()),
            Ready::Plain(Command::Show(name)) => Some(self.shown(name)?.schema()),
            Ready::Plain(Command::Fetch { cursor, .. }) => {
                let portal = self.portals.get(cursor).ok_or_else(|| no_cursor(cursor))?;
                self.columns_of(portal)?
            }
            Ready::Nothing | Ready::Cursor { .. } | Ready::Plain(_) => None,
        })
    }

    /// What a portal gives. A cursor's is that of its question.
    pub(super) fn columns_of(&self, portal: &Portal) -> Result<Option<SchemaRef>, Failure> {
        match (&portal.rows, &portal.ready) {
            (Some(rows), _) => Ok(Some(rows.schema())),
            (None, Ready::Cursor { plan, .. }) => Ok(Some(plan.schema().inner().clone())),
            (None, ready) => self.columns(ready),
        }
    }

    /// Keeps a portal under a name.
    fn keep(&mut self, name: String, portal: Portal) -> Result<(), Failure> {
        if self.portals.len() >= PORTALS_MAX && !self.portals.contains_key(&name) {
            let message = format!(
                "{PORTALS_MAX} portals are open, which is as many as a \
                                   connection may have"
            );
            return Err(Failure::new(code::LIMIT_EXCEEDED, message));
        }
        self.portals.insert(name, portal);
        Ok(())
    }

    /// Takes a portal, to work on it.
    pub(super) fn take(&mut self, name: &str) -> Result<Portal, Failure> {
        self.portals.remove(name).ok_or_else(|| no_cursor(name))
    }

    /// Puts a portal back that was taken.
    pub(super) fn put_back(&mut self, name: String, portal: Portal) {
        self.portals.insert(name, portal);
    }

    /// A portal.
    pub(super) fn portal(&self, name: &str) -> Result<&Portal, Failure> {
        self.portals.get(name).ok_or_else(|| no_cursor(name))
    }

    /// Ends a portal.
    pub(super) fn close(&mut self, name: &str) -> bool {
        self.portals.remove(name).is_some()
    }

    /// A series of messages ended: outside a transaction its portals end with it.
    pub(super) fn sync(&mut self) {
        if self.transaction == TransactionStatus::Idle {
            self.portals.retain(|_, portal| portal.holds);
        }
    }

    /// Runs a question; its rows come when they are asked for.
    pub(super) async fn ask(&self, plan: LogicalPlan) -> Result<Rows, Failure> {
        let answer = self.context.execute_logical_plan(plan).await?;
        Ok(Rows::new(answer.execute_stream().await?))
    }

    /// Opens a cursor on rows.
    pub(super) fn open(
        &mut self,
        name: String,
        holds: bool,
        plan: LogicalPlan,
        rows: Rows,
    ) -> Result<(), Failure> {
        let ready = Ready::Question(plan, "FETCH");
        self.keep(name, Portal { rows: Some(rows), holds, ..Portal::new(ready, Vec::new()) })
    }

    /// Whether a cursor may be opened.
    pub(super) fn may_open(&self, name: &str, holds: bool) -> Result<(), Failure> {
        if self.transaction == TransactionStatus::Idle && !holds {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Failure::new(code::NO_TRANSACTION, message));
        }
        if self.portals.contains_key(name) {
            let message = format!("cursor \"{name}\" already exists");
            return Err(Failure::new(code::DUPLICATE_CURSOR, message));
        }
        Ok(())
    }

    /// What a setting is, as rows.
    pub(super) fn shown(&self, name: &str) -> Result<RecordBatch, Failure> {
        let (names, columns) = if name.eq_ignore_ascii_case("all") {
            let (names, settings): (Vec<_>, Vec<_>) = self.variables.show_all().into_iter().unzip();
            (vec!["name", "setting"], vec![StringArray::from(names), StringArray::from(settings)])
        } else {
            let (name, value) = self.variables.show(name)?;
            (vec![name], vec![StringArray::from(vec![value])])
        };
        let fields = names.into_iter().map(|name| Field::new(name, DataType::Utf8, false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = columns.into_iter().map(|column| Arc::new(column) as ArrayRef).collect();
        RecordBatch::try_new(schema, columns)
            .map_err(|error| Failure::from(datafusion::error::DataFusionError::from(error)))
    }

    /// Carries out what is no question; what it is called when it is done, and what to tell of
    /// settings.
    pub(super) fn carry_out(&mut self, command: Command) -> Result<(String, Vec<Told>), Failure> {
        let quiet = |tag: &str| Ok((tag.to_owned(), Vec::new()));
        match command {
            Command::Begin => {
                self.transaction = TransactionStatus::Transaction;
                quiet("BEGIN")
            }
            Command::Commit => {
                let tag = match self.transaction {
                    TransactionStatus::Error => "ROLLBACK",
                    TransactionStatus::Idle | TransactionStatus::Transaction => "COMMIT",
                };
                self.transaction = TransactionStatus::Idle;
                quiet(tag)
            }
            Command::Rollback => {
                self.transaction = TransactionStatus::Idle;
                quiet("ROLLBACK")
            }
            Command::Savepoint(tag) => self.savepoint(tag),
            Command::Set(name, value) => {
                Ok(("SET".to_owned(), Vec::from_iter(self.variables.set(&name, &value)?)))
            }
            Command::Reset(Some(name)) => {
                Ok(("RESET".to_owned(), Vec::from_iter(self.variables.reset(&name)?)))
            }
            Command::Reset(None) => Ok(("RESET".to_owned(), self.variables.reset_all())),
            Command::DiscardAll => {
                self.statements.clear();
                self.portals.clear();
                Ok(("DISCARD ALL".to_owned(), self.variables.reset_all()))
            }
            Command::DiscardSome(tag) => quiet(tag),
            Command::Deallocate(None) => {
                self.statements.clear();
                quiet("DEALLOCATE ALL")
            }
            Command::Deallocate(Some(name)) => {
                self.statement(&name)?;
                self.forget(&name);
                quiet("DEALLOCATE")
            }
            Command::Close(None) => {
                self.portals.clear();
                quiet("CLOSE CURSOR ALL")
            }
            Command::Close(Some(name)) => {
                if self.close(&name) {
                    quiet("CLOSE CURSOR")
                } else {
                    Err(no_cursor(&name))
                }
            }
            Command::Unlisten => quiet("UNLISTEN"),
            Command::Ask(..) | Command::Declare(_) | Command::Fetch { .. } | Command::Show(_) => {
                Err(Failure::new(code::INTERNAL, "a question was taken for a command"))
            }
        }
    }

    fn savepoint(&mut self, tag: &str) -> Result<(String, Vec<Told>), Failure> {
        if self.transaction == TransactionStatus::Idle {
            let message = format!("{tag} can only be used in transaction blocks");
            return Err(Failure::new(code::NO_TRANSACTION, message));
        }
        // Only going back is possible in a failed one, and mends it.
        self.transaction = TransactionStatus::Transaction;
        Ok((tag.to_owned(), Vec::new()))
    }
}

fn no_cursor(name: &str) -> Failure {
    Failure::new(code::NO_SUCH_CURSOR, format!("cursor \"{name}\" does not exist"))
}

/// What a statement's parameters are bound as.
fn bound(ready: &Ready, types: &[u32]) -> Result<Vec<Bound>, Failure> {
    let Some(plan) = ready.plan() else { return Ok(Vec::new()) };
    let mut wanted = plan.get_parameter_types()?;
    wanted.extend(lists(plan)?.into_iter().map(|(name, list)| (name, Some(list))));
    let number = |name: &String| name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
    let highest = wanted.keys().filter_map(number).max().unwrap_or_default();
    // The protocol counts parameters in sixteen bits.
    if highest > usize::from(u16::MAX) {
        return Err(Failure::new(code::LIMIT_EXCEEDED, "there are too many parameters"));
    }
    let bound = (1..=highest.max(types.len())).map(|number| {
        let wanted = wanted.get(&format!("${number}")).and_then(Option::as_ref);
        Bound::of(types.get(number - 1).copied().unwrap_or_default(), wanted)
    });
    Ok(bound.collect())
}

/// Parameters that stand for lists, by name: `x = ANY($1)`.
fn lists(plan: &LogicalPlan) -> Result<Vec<(String, DataType)>, Failure> {
    let mut lists = Vec::new();
    plan.apply_with_subqueries(|node| {
        let Some(input) = node.inputs().first().map(|input| input.schema().clone()) else {
            return Ok(TreeNodeRecursion::Continue);
        };
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarFunction(function) = part
                    && function.name() == "array_has"
                    && let [Expr::Placeholder(parameter), item] = &function.args[..]
                {
                    let item = item.get_type(&input).unwrap_or(DataType::Utf8);
                    lists.push((parameter.id.clone(), DataType::new_list(item, true)));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(lists)
}
