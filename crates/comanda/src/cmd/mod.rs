//! One file a command: parse, call, render.

mod audits;
mod backup;
mod batch;
mod bench;
mod changes;
mod config;
mod demo;
mod dlq;
mod doctor;
mod files;
mod followers;
mod keys;
pub(crate) mod lake;
mod notify;
mod orders;
mod products;
mod quote;
mod report;
mod rules;
mod rules_test;
mod sample;
mod serve;
mod shell;
mod sql;
mod stock;
mod webhooks;

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use messages::Id;
use serde_json::Value;

use crate::cli::{About, Any, Cli, Command, Store};
use crate::client::{Client, Held, Refused};
use crate::config::{Faults, Installation};
use crate::settled::OtherCurrency;
use crate::spoken::{self, told};

/// Something ran as asked, and came to a bad end.
const FAILED: u8 = 1;
/// The command line or the settings make no sense.
const USAGE: u8 = 2;
/// The API said no: a conflict, a wrong state, an invalid document.
const REFUSED: u8 = 3;
/// The store is held by somebody who cannot be asked.
const HELD: u8 = 4;

/// Arguments that are each sound and make no sense together, or need the settings to be judged.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misused(String);

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    let Cli { json, mut settings, command, .. } = cli;
    if let Any::Work(Command::Serve { listen, sql_listen }) = &command {
        if let Some(listen) = listen {
            settings.put("server.listen", "listen", listen.to_string());
        }
        if let Some(listen) = sql_listen {
            settings.put("sql.listen", "sql-listen", listen.clone());
        }
    }
    let loaded = crate::config::load(&settings, crate::config::environment);
    match command {
        Any::About(About::Config(command)) => config::config(command, loaded, json),
        Any::About(About::Openapi) => shell::openapi(),
        Any::About(About::Completions { shell }) => shell::completions(shell),
        Any::About(About::Man { dir }) => shell::man(&dir),
        Any::Work(command) => work(command, &loaded?.installation, json),
    }
}

fn work(command: Command, installation: &Installation, json: bool) -> Result<ExitCode> {
    crate::logs::start(installation);
    let store = Store::of(installation, json);
    let connect = || Client::connect(&store, installation);
    match command {
        Command::Serve { .. } => {
            let say = |url: &str, sql: Option<&str>| {
                println!("{}", told!("said-listening", url = url));
                if let Some(url) = sql {
                    println!("{}", told!("said-listening-sql", url = url));
                }
            };
            serve::serve(&store.data_dir, installation, installation.server.listen, say)
        }
        Command::Demo { listen, exit } => demo::demo(&store, installation, listen, exit),
        Command::Sample(sample) => sample::sample(&sample),
        Command::Batch(command) => batch::batch(&store, installation, command),
        Command::Files(command) => files::files(&store, installation, command),
        Command::Orders(command) => done(connect()?, |api| orders::orders(api, &store, command)),
        Command::Quote { file } => done(connect()?, |api| quote::quote(api, &store, &file)),
        Command::Audits(command) => done(connect()?, |api| audits::audits(api, &store, command)),
        Command::Dlq(command) => with(connect()?, |api| dlq::dlq(api, &store, *command)),
        Command::Stock(command) => done(connect()?, |api| stock::stock(api, &store, command)),
        Command::Products(command) => {
            done(connect()?, |api| products::products(api, &store, command))
        }
        Command::Rules(command) => rules::rules(&store, installation, command),
        Command::Webhooks(command) => {
            done(connect()?, |api| webhooks::webhooks(api, &store, command))
        }
        Command::Notify(command) => {
            notify::notify(&store, installation, command).map(|()| ExitCode::SUCCESS)
        }
        Command::Changes { after, limit } => {
            done(connect()?, |api| changes::changes(api, after, limit))
        }
        Command::Sql(command) => done(connect()?, |api| sql::sql(api, &store, &command)),
        Command::Followers(command) => {
            done(connect()?, |api| followers::followers(api, &store, command))
        }
        Command::Report(asked) => report::report(&store, installation, &asked),
        Command::Lake(command) => lake::lake(&store, installation, &command),
        Command::Backup(backup) => backup::backup(&store, &backup),
        Command::Restore { from } => backup::restore(&store, installation, &from),
        Command::Doctor => doctor::doctor(&store, installation),
        Command::Keys(command) => keys::keys(&store, installation, command),
        Command::Bench(command) => bench::bench(&store, command),
    }
}

/// Calls the API and closes it in good order, whatever came of it.
fn done(api: Client, call: impl FnOnce(&Client) -> Result<()>) -> Result<ExitCode> {
    let result = call(&api);
    api.close();
    result.map(|()| ExitCode::SUCCESS)
}

/// Calls the API and closes it in good order; the call says what to exit with.
fn with(api: Client, call: impl FnOnce(&Client) -> Result<ExitCode>) -> Result<ExitCode> {
    let result = call(&api);
    api.close();
    result
}

/// The exit code that an error means.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Held>() {
        return ExitCode::from(HELD);
    }
    if error.is::<Faults>() || error.is::<OtherCurrency>() || error.is::<Misused>() {
        return ExitCode::from(USAGE);
    }
    match error.downcast_ref::<Refused>() {
        Some(refused) if refused.status < 500 => ExitCode::from(REFUSED),
        Some(_) | None => ExitCode::from(FAILED),
    }
}

/// A file's bytes, or standard input's for `-`.
fn input(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file)
            .with_context(|| told!("no-read", path = file.display().to_string()))?;
    }
    Ok(bytes)
}

/// Puts rows of JSON lines in portions that the server takes in one request.
fn import(api: &Client, method: &str, path: &str, file: &Path, stored: Id) -> Result<()> {
    const PORTION_BYTES: usize = 4 << 20;
    let bytes = input(file)?;
    let (mut portion, mut rows) = (Vec::new(), 0_usize);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if portion.len() + line.len() > PORTION_BYTES && !portion.is_empty() {
            let body = ("application/x-ndjson", std::mem::take(&mut portion));
            api.json(method, path, Some(body))?;
        }
        rows += usize::from(!line.trim_ascii().is_empty());
        portion.extend_from_slice(line);
    }
    if !portion.trim_ascii().is_empty() {
        api.json(method, path, Some(("application/x-ndjson", portion)))?;
    }
    crate::render::say(spoken::text(&messages::Phrase::new(stored).with("count", rows)));
    Ok(())
}

/// Prints a page: rows as a table, and how to go on.
fn page(json: bool, answer: &Value, field: &str, columns: &[crate::render::Column]) {
    if json {
        return crate::render::json(answer);
    }
    let rows = answer[field].as_array().cloned().unwrap_or_default();
    crate::render::table(&rows, columns);
    if let Some(cursor) = answer["next_cursor"].as_str() {
        crate::render::say(told!("said-more", cursor = cursor));
    }
}
