//! A statement's text, as what there is to do: a question for the engine, or one of the commands
//! that clients of PostgreSQL send besides.
//!
//! Never: a statement that changes anything.

use datafusion::sql::sqlparser::ast::{
    CloseCursor, Declare, DeclareType, DiscardObject, Expr, FetchDirection, ObjectName, Reset, Set,
    Statement, TransactionAccessMode, TransactionMode, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use super::failure::{Failure, code};
use super::mended::mend;
use crate::limits;

/// Most statements in one text: it is carried out one by one, and cancelled as one.
const STATEMENTS_MAX: usize = 100;

/// What there is to do.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// A question for the engine, and what its answer is called.
    Ask(Box<Statement>, &'static str),
    Begin,
    Commit,
    /// Ends a transaction without anything of it; nothing was changed in it anyway.
    Rollback,
    /// Begins, ends or goes back to a part of a transaction.
    Savepoint(&'static str),
    Set(String, String),
    /// A setting back to what it was at the beginning; all of them without a name.
    Reset(Option<String>),
    Show(String),
    /// Sets a session back to its beginning.
    DiscardAll,
    /// Forgets what may be kept besides settings: nothing is.
    DiscardSome(&'static str),
    /// Forgets a kept statement; all of them without a name.
    Deallocate(Option<String>),
    Declare(Cursor),
    /// Rows of a cursor, at most so many.
    Fetch {
        cursor: String,
        rows: Option<usize>,
    },
    /// Ends a cursor; all of them without a name.
    Close(Option<String>),
    /// Listens to nothing any more, which nobody does.
    Unlisten,
}

/// A cursor that is to be opened.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) name: String,
    pub(super) question: Box<Statement>,
    /// Whether it outlives its transaction.
    pub(super) holds: bool,
}

/// Reads statements.
pub(super) struct Reader(PostgresCompatibilityParser);

impl Reader {
    pub(super) fn new() -> Self {
        Self(PostgresCompatibilityParser::new())
    }

    /// The commands of a text; none where it says nothing.
    pub(super) fn read(&self, sql: &str) -> Result<Vec<Command>, Failure> {
        limits::text(sql)?;
        let statements = if is_about_the_catalogue(sql) {
            self.0.parse(sql).map(|mut statements| {
                statements.iter_mut().for_each(mend);
                statements
            })
        } else {
            Parser::parse_sql(&PostgreSqlDialect {}, sql)
        };
        let statements = statements.map_err(|error| Failure::of_parser(error, sql))?;
        if statements.len() > STATEMENTS_MAX {
            let message = format!("more than {STATEMENTS_MAX} statements in one text");
            return Err(Failure::new(code::LIMIT_EXCEEDED, message));
        }
        statements.into_iter().map(command).collect()
    }
}

/// Whether a text may look into the catalogue, or asks what PostgreSQL calls by words of its own:
/// those are rewritten for the engine. Others are taken as they stand.
fn is_about_the_catalogue(sql: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "pg_",
        "::reg",
        "as reg",
        "current_user",
        "session_user",
        "current_role",
        "version(",
        "abort",
        "to_reg",
    ];
    let lower = sql.to_ascii_lowercase();
    SIGNS.iter().any(|sign| lower.contains(sign))
}

fn command(statement: Statement) -> Result<Command, Failure> {
    Ok(match statement {
        Statement::Query(_) => Command::Ask(Box::new(statement), "SELECT"),
        Statement::Explain { .. } | Statement::ExplainTable { .. } => {
            Command::Ask(Box::new(statement), "EXPLAIN")
        }
        Statement::ShowTables { .. } | Statement::ShowColumns { .. } => {
            Command::Ask(Box::new(statement), "SHOW")
        }
        Statement::ShowVariable { variable } => {
            let words: Vec<_> = variable.iter().map(|word| word.value.to_lowercase()).collect();
            Command::Show(setting(&words))
        }
        Statement::StartTransaction { modes, .. } => transaction(&modes, Command::Begin)?,
        Statement::Commit { .. } => Command::Commit,
        Statement::Rollback { savepoint: Some(_), .. } => Command::Savepoint("ROLLBACK"),
        Statement::Rollback { savepoint: None, .. } => Command::Rollback,
        Statement::Savepoint { .. } => Command::Savepoint("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Command::Savepoint("RELEASE"),
        Statement::Set(set) => assignment(set)?,
        Statement::Reset(reset) => match reset.reset {
            Reset::ALL => Command::Reset(None),
            Reset::ConfigurationParameter(name) => Command::Reset(Some(plain(&name))),
        },
        Statement::Discard { object_type } => match object_type {
            DiscardObject::ALL => Command::DiscardAll,
            DiscardObject::PLANS => Command::DiscardSome("DISCARD PLANS"),
            DiscardObject::SEQUENCES => Command::DiscardSome("DISCARD SEQUENCES"),
            DiscardObject::TEMP => Command::DiscardSome("DISCARD TEMP"),
        },
        Statement::Deallocate { name, .. } => {
            let all = name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all");
            Command::Deallocate((!all).then_some(name.value))
        }
        Statement::Declare { stmts } => declaration(stmts)?,
        Statement::Fetch { name, direction, into: None, .. } => {
            let rows = forward(&direction)?;
            Command::Fetch { cursor: name.value, rows }
        }
        Statement::Close { cursor } => match cursor {
            CloseCursor::All => Command::Close(None),
            CloseCursor::Specific { name } => Command::Close(Some(name.value)),
        },
        Statement::UNLISTEN { .. } => Command::Unlisten,
        Statement::Prepare { .. } | Statement::Execute { .. } => {
            let message = "PREPARE and EXECUTE are not there as statements";
            let hint = "Drivers prepare by the protocol, which is.";
            return Err(Failure::new(code::FEATURE_NOT_SUPPORTED, message).hint(hint));
        }
        other => return Err(read_only(&other)),
    })
}

/// What a statement is called that is none of ours, by its first word.
fn read_only(statement: &Statement) -> Failure {
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or("this").to_uppercase();
    let message = format!("cannot execute {word}: SQL reads, and changes nothing");
    Failure::new(code::READ_ONLY, message).hint("SELECT, EXPLAIN, SHOW and DESCRIBE are possible.")
}

/// The name that the words of `SHOW …` and `SET …` mean.
fn setting(words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["time", "zone"] => "TimeZone".to_owned(),
        ["transaction", "isolation", "level"] => "transaction_isolation".to_owned(),
        ["session", "authorization"] => "session_authorization".to_owned(),
        ["names"] => "client_encoding".to_owned(),
        _ => words.join("."),
    }
}

/// `command`, unless a transaction is to be able to write.
fn transaction(modes: &[TransactionMode], command: Command) -> Result<Command, Failure> {
    let writes = modes
        .iter()
        .any(|mode| matches!(mode, TransactionMode::AccessMode(TransactionAccessMode::ReadWrite)));
    if writes {
        let message = "cannot set transaction read-write: SQL reads, and changes nothing";
        return Err(Failure::new(code::READ_ONLY, message));
    }
    Ok(command)
}

fn assignment(set: Set) -> Result<Command, Failure> {
    match set {
        Set::SingleAssignment { variable, values, .. } => {
            let values: Vec<String> = values.iter().map(text).collect();
            Ok(assign(plain(&variable), values.join(", ")))
        }
        Set::SetTimeZone { value, .. } => Ok(assign("TimeZone".to_owned(), text(&value))),
        Set::SetNames { charset_name, .. } => {
            Ok(Command::Set("client_encoding".to_owned(), charset_name.value))
        }
        Set::SetTransaction { modes, .. } => {
            let isolation = Command::Set("transaction_read_only".to_owned(), "on".to_owned());
            transaction(&modes, isolation)
        }
        other => {
            let message = format!("{other} is not possible here");
            Err(Failure::new(code::FEATURE_NOT_SUPPORTED, message))
        }
    }
}

fn assign(name: String, value: String) -> Command {
    if value.eq_ignore_ascii_case("default") {
        Command::Reset(Some(name))
    } else {
        Command::Set(name, value)
    }
}

/// A name without its quotes.
fn plain(name: &ObjectName) -> String {
    let parts = name.0.iter().map(|part| match part.as_ident() {
        Some(ident) => ident.value.clone(),
        None => part.to_string(),
    });
    setting(&parts.map(|part| part.to_lowercase()).collect::<Vec<_>>())
}

/// What a value of `SET` says, without its quotes.
fn text(value: &Expr) -> String {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(name) => name.value.clone(),
        other => other.to_string(),
    }
}

fn declaration(mut declared: Vec<Declare>) -> Result<Command, Failure> {
    let refused = |message: &str| Failure::new(code::FEATURE_NOT_SUPPORTED, message);
    let (Some(one), true) = (declared.pop(), declared.is_empty()) else {
        return Err(refused("one cursor is declared at a time"));
    };
    if one.scroll == Some(true) {
        return Err(refused("cursors go forward only"));
    }
    let (Some(name), Some(query), Some(DeclareType::Cursor)) =
        (one.names.into_iter().next(), one.for_query, one.declare_type)
    else {
        return Err(refused("only cursors are declared: DECLARE name CURSOR FOR SELECT …"));
    };
    let question = Box::new(Statement::Query(query));
    let holds = one.hold == Some(true);
    Ok(Command::Declare(Cursor { name: name.value, question, holds }))
}

/// How many rows; all without a number.
fn forward(direction: &FetchDirection) -> Result<Option<usize>, Failure> {
    let number = |value: &ValueWithSpan| {
        let rows = value.value.to_string().parse().ok();
        rows.map(Some).ok_or_else(|| {
            let message = format!("{value} is no number of rows");
            Failure::new(code::INVALID_PARAMETER, message)
        })
    };
    match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => Ok(Some(1)),
        FetchDirection::All | FetchDirection::ForwardAll => Ok(None),
        FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => {
            number(limit)
        }
        FetchDirection::Prior
        | FetchDirection::First
        | FetchDirection::Last
        | FetchDirection::Absolute { .. }
        | FetchDirection::Relative { .. }
        | FetchDirection::Backward { .. }
        | FetchDirection::BackwardAll => {
            Err(Failure::new(code::FEATURE_NOT_SUPPORTED, "cursors go forward only"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One command as a word and what belongs to it; or the code of its failure.
    fn read(sql: &str) -> String {
        let commands = match Reader::new().read(sql) {
            Ok(commands) => commands,
            Err(failure) => return failure.code.to_owned(),
        };
        let said = commands.into_iter().map(|command| match command {
            Command::Ask(_, tag) => format!("ask {tag}"),
            Command::Set(name, value) => format!("set {name}={value}"),
            Command::Show(name) => format!("show {name}"),
            Command::Declare(cursor) => format!("declare {} {}", cursor.name, cursor.holds),
            Command::Fetch { cursor, rows } => format!("fetch {cursor} {rows:?}"),
            other => format!("{other:?}"),
        });
        said.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn questions_are_the_engines() {
        assert_eq!(read("select 1; explain select 2;"), "ask SELECT; ask EXPLAIN");
        assert_eq!(read("select relname from pg_class"), "ask SELECT");
        assert_eq!(read("; ;"), "");
        assert_eq!(read("describe orders"), "ask EXPLAIN");
    }

    #[test]
    fn what_changes_something_is_refused() {
        for sql in [
            "insert into orders values (1)",
            "delete from orders",
            "update orders set status = 'x'",
            "drop table orders",
            "create table x (a int)",
            "copy orders to '/tmp/x'",
            "truncate orders",
            "begin read write",
        ] {
            assert_eq!(read(sql), "25006", "{sql}");
        }
        assert_eq!(read("prepare x as select 1"), "0A000");
        assert_eq!(read("selec 1"), "42601");
    }

    #[test]
    fn settings_are_set_and_shown_by_any_of_their_names() {
        assert_eq!(read("SET application_name TO 'psql'"), "set application_name=psql");
        assert_eq!(read("set session statement_timeout = '5s'"), "set statement_timeout=5s");
        assert_eq!(read("set time zone 'UTC'"), "set TimeZone=UTC");
        assert_eq!(read("set datestyle = ISO, MDY"), "set datestyle=ISO, MDY");
        assert_eq!(read("set search_path to default"), "Reset(Some(\"search_path\"))");
        assert_eq!(read("show time zone"), "show TimeZone");
        assert_eq!(read("show transaction isolation level"), "show transaction_isolation");
        let readonly = "set transaction_read_only=on";
        let long = "set session characteristics as transaction read only";
        assert_eq!(read(long), readonly);
        assert_eq!(read("reset all; discard all"), "Reset(None); DiscardAll");
    }

    #[test]
    fn cursors_go_forward() {
        let declared = "declare \"C\" cursor with hold for select 1";
        assert_eq!(read(declared), "declare C true");
        assert_eq!(read("fetch forward 10 from c"), "fetch c Some(10)");
        assert_eq!(read("fetch all from c"), "fetch c None");
        assert_eq!(read("fetch prior from c"), "0A000");
        assert_eq!(read("close all"), "Close(None)");
    }
}
