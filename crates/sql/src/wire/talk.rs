//! One connection, from its first byte to its last: who it is, what it asks, what it is told.
//!
//! Never: a statement that goes on when its client is gone, cancelled it, or the server stops.

use std::sync::Arc;
use std::time::Duration;

use pgwire::messages::PgWireBackendMessage as Reply;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, ReadyForQuery};
use pgwire::messages::startup::ParameterStatus;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::command::Command;
use super::failure::{Failure, code};
use super::message::{Message, Target};
use super::pipe::{Cut, Pipe};
use super::rows::{Columns, Rows};
use super::running::Seat;
use super::session::{Portal, Ready, Session};
use super::variables::Told;

/// Rows that are told before it is looked again whether a statement shall end.
const ROWS_AT_ONCE: usize = 8_192;

/// Why something was not done.
pub(super) enum Stop {
    /// It failed: the client is told.
    Failed(Failure),
    /// There is nobody to tell.
    Cut(Cut),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Cut> for Stop {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// A connection that was let in.
pub(super) struct Talk<S> {
    pub(super) pipe: Pipe<S>,
    pub(super) session: Session,
    pub(super) seat: Seat,
    pub(super) closing: watch::Receiver<bool>,
    /// Longest it may say nothing.
    pub(super) idle: Duration,
}

/// What may end a statement before it is done.
struct Watch {
    cancelled: Arc<Notify>,
    closing: watch::Receiver<bool>,
    until: Option<Instant>,
}

impl Watch {
    async fn ends(&mut self) -> Failure {
        let late = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cancelled.notified() => Failure::cancelled("user request"),
            () = late => Failure::cancelled("statement timeout"),
            _ = self.closing.wait_for(|closing| *closing) => shutdown(),
        }
    }
}

/// The server stops.
fn shutdown() -> Failure {
    Failure::fatal(code::SHUTDOWN, "terminating connection due to administrator command")
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Answers until either side has enough.
    pub(super) async fn go_on(mut self) -> Result<(), Cut> {
        match self.messages().await {
            Ok(()) => Ok(()),
            Err(Stop::Failed(last)) => {
                self.pipe.put(&last.to_message())?;
                self.pipe.flush().await
            }
            Err(Stop::Cut(Cut::Malformed(what))) => {
                let last = Failure::fatal(code::PROTOCOL_VIOLATION, what.to_string());
                self.pipe.put(&last.to_message())?;
                self.pipe.flush().await?;
                Err(what.into())
            }
            Err(Stop::Cut(cut)) => Err(cut),
        }
    }

    async fn messages(&mut self) -> Result<(), Stop> {
        // After a failure in a series, what is left of the series is passed over.
        let mut passes_over = false;
        loop {
            let Some(message) = self.next().await? else { return Ok(()) };
            let in_series = match message {
                Message::Terminate => return Ok(()),
                Message::Sync => {
                    passes_over = false;
                    self.session.sync();
                    self.ready().await?;
                    continue;
                }
                Message::Parse { .. }
                | Message::Bind(_)
                | Message::Describe(_)
                | Message::Execute { .. }
                | Message::Close(_)
                | Message::Flush => true,
                Message::Query(_) | Message::Proof(_) | Message::Copy => false,
            };
            if passes_over {
                continue;
            }
            match self.answer(message).await {
                Ok(()) => {}
                Err(Stop::Failed(failure)) if !failure.is_fatal() => {
                    self.session.fail();
                    self.pipe.put(&failure.to_message())?;
                    if in_series {
                        passes_over = true;
                        self.pipe.flush().await?;
                    } else {
                        self.ready().await?;
                    }
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Message>, Stop> {
        tokio::select! {
            message = self.pipe.next() => Ok(message?),
            () = sleep(self.idle) => {
                let message = "terminating connection due to idle-session timeout";
                Err(Failure::fatal(code::IDLE, message).into())
            }
            _ = self.closing.wait_for(|closing| *closing) => Err(shutdown().into()),
        }
    }

    /// Says that it is the client's turn.
    pub(super) async fn ready(&mut self) -> Result<(), Cut> {
        let state = self.session.transaction();
        self.pipe.put(&Reply::ReadyForQuery(ReadyForQuery::new(state)))?;
        self.pipe.flush().await
    }

    async fn answer(&mut self, message: Message) -> Result<(), Stop> {
        match message {
            Message::Query(sql) => self.query(&sql).await,
            Message::Parse { name, sql, types } => {
                let mut watch = self.begin();
                let prepared = tokio::select! {
                    prepared = self.session.prepare(name, &sql, &types) => prepared,
                    failure = watch.ends() => Err(failure),
                };
                prepared?;
                Ok(self.pipe.put(&Reply::ParseComplete(ParseComplete::new()))?)
            }
            Message::Bind(bind) => {
                self.session.bind(bind)?;
                Ok(self.pipe.put(&Reply::BindComplete(BindComplete::new()))?)
            }
            Message::Describe(target) => self.describe(&target),
            Message::Execute { portal, rows } => self.execute(portal, rows).await,
            Message::Close(target) => {
                match target {
                    Target::Statement(name) => self.session.forget(&name),
                    Target::Portal(name) => self.session.close(&name),
                };
                Ok(self.pipe.put(&Reply::CloseComplete(CloseComplete::new()))?)
            }
            Message::Flush => Ok(self.pipe.flush().await?),
            Message::Proof(_) | Message::Copy => {
                let message = "there is nothing that this message could be for";
                Err(Failure::fatal(code::PROTOCOL_VIOLATION, message).into())
            }
            // Handled where messages are taken in.
            Message::Sync | Message::Terminate => Ok(()),
        }
    }

    /// A statement begins: from now on it can be cancelled.
    fn begin(&mut self) -> Watch {
        let limit = self.session.variables.statement_timeout();
        Watch {
            cancelled: self.seat.begin(),
            closing: self.closing.clone(),
            until: limit.map(|limit| Instant::now() + limit),
        }
    }

    /// Carries out the statements of a text, one after another until one fails.
    async fn query(&mut self, sql: &str) -> Result<(), Stop> {
        let done = self.statements(sql).await;
        self.seat.end();
        done?;
        self.session.sync();
        Ok(self.ready().await?)
    }

    async fn statements(&mut self, sql: &str) -> Result<(), Stop> {
        let commands = self.session.read(sql)?;
        if commands.is_empty() {
            self.pipe.put(&Reply::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        for command in commands {
            let mut watch = self.begin();
            let ready = tokio::select! {
                ready = self.session.plan(command) => ready.map_err(|failure| failure.located(sql)),
                failure = watch.ends() => Err(failure),
            };
            let mut portal = Portal::new(ready?, Vec::new());
            if let Some(columns) = self.session.columns_of(&portal)?
                && !matches!(portal.ready, Ready::Cursor { .. })
            {
                self.pipe.put(&Columns::new(&columns, &[])?.to_message())?;
            }
            self.carry_out(&mut portal, 0, &mut watch).await?;
        }
        Ok(())
    }

    fn describe(&mut self, target: &Target) -> Result<(), Stop> {
        let columns = match target {
            Target::Statement(name) => {
                let prepared = self.session.statement(name)?;
                let types = prepared.bound.iter().map(|bound| bound.told().oid()).collect();
                let types = ParameterDescription::new(types);
                self.pipe.put(&Reply::ParameterDescription(types))?;
                let columns = self.session.columns(&prepared.typed()?)?;
                columns.map(|schema| Columns::new(&schema, &[])).transpose()?
            }
            Target::Portal(name) => {
                let portal = self.session.portal(name)?;
                let columns = match portal.ready {
                    Ready::Cursor { .. } => None,
                    Ready::Nothing | Ready::Question(..) | Ready::Plain(_) => {
                        self.session.columns_of(portal)?
                    }
                };
                columns.map(|schema| Columns::new(&schema, &portal.formats)).transpose()?
            }
        };
        let told = columns.map_or(Reply::NoData(NoData::new()), |columns| columns.to_message());
        Ok(self.pipe.put(&told)?)
    }

    async fn execute(&mut self, name: String, rows: usize) -> Result<(), Stop> {
        let mut watch = self.begin();
        let mut portal = self.session.take(&name)?;
        let done = self.carry_out(&mut portal, rows, &mut watch).await;
        self.seat.end();
        // What failed is gone, and what changed the session may have taken the portal with it.
        if done.is_ok() && portal.rows.is_some() {
            self.session.put_back(name, portal);
        }
        done
    }

    /// Carries out a portal, or goes on with it: at most so many rows, all of them when 0.
    async fn carry_out(
        &mut self,
        portal: &mut Portal,
        most: usize,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        match portal.ready.clone() {
            Ready::Nothing => {
                let nothing = Reply::EmptyQueryResponse(EmptyQueryResponse::new());
                Ok(self.pipe.put(&nothing)?)
            }
            Ready::Question(plan, tag) => {
                let mut rows = match portal.rows.take() {
                    Some(rows) => rows,
                    None => self.ask(plan, watch).await?,
                };
                let told = self.tell(&mut rows, &portal.formats, most, watch).await?;
                portal.rows = Some(rows);
                self.told(tag, told, most)
            }
            Ready::Cursor { name, holds, plan } => {
                self.session.may_open(&name, holds)?;
                let rows = self.ask(plan.clone(), watch).await?;
                self.session.open(name, holds, plan, rows)?;
                self.complete("DECLARE CURSOR")
            }
            Ready::Plain(Command::Fetch { cursor, rows }) => {
                self.fetch(cursor, &portal.formats, rows, watch).await
            }
            Ready::Plain(Command::Show(name)) => {
                let shown = self.session.shown(&name)?;
                let columns = Columns::new(shown.schema_ref(), &portal.formats)?;
                for row in columns.encode(&shown) {
                    self.pipe.put(&row?)?;
                }
                self.complete("SHOW")
            }
            Ready::Plain(command) => {
                let (tag, settings) = self.session.carry_out(command)?;
                self.tell_settings(settings)?;
                self.complete(&tag)
            }
        }
    }

    /// Rows of a cursor, which stays open until it is closed or fails.
    async fn fetch(
        &mut self,
        cursor: String,
        formats: &[i16],
        most: Option<usize>,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        let mut portal = self.session.take(&cursor)?;
        let Some(rows) = &mut portal.rows else {
            let message = format!("portal \"{cursor}\" is no cursor");
            return Err(Failure::new(code::NO_SUCH_CURSOR, message).into());
        };
        let told = match most {
            Some(0) => 0,
            most => self.tell(rows, formats, most.unwrap_or_default(), watch).await?,
        };
        self.session.put_back(cursor, portal);
        self.complete(&format!("FETCH {told}"))
    }

    async fn ask(
        &mut self,
        plan: datafusion::logical_expr::LogicalPlan,
        watch: &mut Watch,
    ) -> Result<Rows, Stop> {
        tokio::select! {
            rows = self.session.ask(plan) => Ok(rows?),
            failure = watch.ends() => Err(failure.into()),
            () = self.pipe.gone() => Err(gone()),
        }
    }

    /// Tells rows, at most so many, all of them when 0; how many they were.
    async fn tell(
        &mut self,
        rows: &mut Rows,
        formats: &[i16],
        most: usize,
        watch: &mut Watch,
    ) -> Result<usize, Stop> {
        let columns = Columns::new(&rows.schema(), formats)?;
        let mut told = 0;
        while most == 0 || told < most {
            let at_once = if most == 0 { ROWS_AT_ONCE } else { (most - told).min(ROWS_AT_ONCE) };
            let batch = tokio::select! {
                batch = rows.next(at_once) => batch?,
                failure = watch.ends() => return Err(failure.into()),
                () = self.pipe.gone() => return Err(gone()),
            };
            let Some(batch) = batch else { break };
            for row in columns.encode(&batch) {
                self.pipe.put_many(&row?).await?;
            }
            told += batch.num_rows();
        }
        Ok(told)
    }

    /// Says that a portal's rows were told, or as many as were wanted.
    fn told(&mut self, tag: &str, told: usize, most: usize) -> Result<(), Stop> {
        if most > 0 && told == most {
            return Ok(self.pipe.put(&Reply::PortalSuspended(PortalSuspended::new()))?);
        }
        match tag {
            "SELECT" | "FETCH" => self.complete(&format!("{tag} {told}")),
            other => self.complete(other),
        }
    }

    fn complete(&mut self, tag: &str) -> Result<(), Stop> {
        let complete = CommandComplete::new(tag.to_owned());
        Ok(self.pipe.put(&Reply::CommandComplete(complete))?)
    }

    pub(super) fn tell_settings(&mut self, settings: Vec<Told>) -> Result<(), Stop> {
        for Told { name, value } in settings {
            let status = ParameterStatus::new(name.to_owned(), value);
            self.pipe.put(&Reply::ParameterStatus(status))?;
        }
        Ok(())
    }
}

/// The client went away in the middle.
fn gone() -> Stop {
    Stop::Cut(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
}
