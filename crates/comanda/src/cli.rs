//! The command line, in one place.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use messages::Lang;

use crate::config::{Flags, Installation};
use crate::spoken;

/// What every command's exit code says.
const EXIT_CODES: &str = "Exit codes: 0 done · 1 failed · 2 wrong usage or wrong settings · \
    3 refused (a conflict, a wrong state) · 4 the store is held by another process that does not \
    answer\n\nTry `comanda demo` first.";

/// Order processing in one binary: every order validated, deduplicated, priced, its stock
/// reserved, and on disk before it is answered.
#[derive(Debug, Parser)]
#[command(name = "comanda", version, propagate_version = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Language of what is printed: pt-BR, es or en; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, global = true, env = "COMANDA_LANG", value_name = "LANG", value_parser = spoken::parse)]
    pub(crate) lang: Option<Lang>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) settings: Flags,
    #[command(subcommand)]
    pub(crate) command: Any,
}

/// Where the store is, and how what is found there is printed.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// The store's folder. While a server holds it, commands talk to that server.
    pub(crate) data_dir: PathBuf,
    /// Talk to this server instead of opening a store.
    pub(crate) server: Option<String>,
    /// API key for a server that asks for one.
    pub(crate) api_key: Option<String>,
    /// Print JSON instead of tables.
    pub(crate) json: bool,
}

impl Store {
    /// The store that the settings name.
    pub(crate) fn of(installation: &Installation, json: bool) -> Self {
        let client = &installation.client;
        Self {
            data_dir: installation.store.data_dir.clone(),
            server: client.server.as_ref().map(|url| url.0.clone()),
            api_key: client.api_key.as_ref().map(|key| key.0.clone()),
            json,
        }
    }
}

/// Any command.
#[derive(Debug, Subcommand)]
pub(crate) enum Any {
    #[command(flatten)]
    Work(Command),
    #[command(flatten)]
    About(About),
}

/// Commands about the program itself: they help with wrong settings, or need none.
#[derive(Debug, Subcommand)]
pub(crate) enum About {
    /// Show settings and where they come from, check them, print an example
    #[command(subcommand)]
    Config(Config),
    /// Print the description of the HTTP API (OpenAPI 3.1)
    Openapi,
    /// Print completions for a shell: `comanda completions bash > /etc/bash_completion.d/comanda`
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write a man page for every command
    Man {
        /// Into this folder; it is made when it is not there
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the HTTP API over a store
    Serve {
        /// Where to listen; beyond loopback API keys are required [env: COMANDA_LISTEN]
        /// [default: 127.0.0.1:8080]
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Where to listen for PostgreSQL's clients, or `off`; beyond loopback API keys are required
        /// [env: COMANDA_SQL_LISTEN] [default: 127.0.0.1:5439, if it is free]
        #[arg(long, value_name = "ADDRESS")]
        sql_listen: Option<String>,
    },
    /// Show everything once: a store with samples, orders of every kind, a batch, then serve it
    Demo {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// End after the tour instead of serving on
        #[arg(long)]
        exit: bool,
    },
    /// Write sample data to standard output: the same bytes for the same seed
    Sample(Sample),
    /// Run and follow batches of orders
    #[command(subcommand)]
    Batch(Batch),
    /// Run files of orders, and see line by line what became of them
    #[command(subcommand)]
    Files(Files),
    /// Look orders up, send one, amend, cancel, fulfil or redrive one
    #[command(subcommand)]
    Orders(Orders),
    /// What the order in FILE would come to, line by line, without placing it
    Quote {
        /// The document, or - for standard input; an id that is used makes no difference
        file: PathBuf,
    },
    /// Look at input that was no order
    #[command(subcommand)]
    Audits(Audits),
    /// Look at what could not be seen through, send it again, or give it up
    #[command(subcommand)]
    Dlq(Box<Dlq>),
    /// Look at stock and change it
    #[command(subcommand)]
    Stock(Stock),
    /// Look at the catalogue and change it
    #[command(subcommand)]
    Products(Products),
    /// Look at pricing rules and change them
    #[command(subcommand)]
    Rules(Rules),
    /// Say who is told of what by webhook, and see how that fares
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// See what would be told of an order, and try the mail server
    #[command(subcommand)]
    Notify(Notify),
    /// Print the change log as JSON lines
    Changes {
        /// Start behind this cursor
        #[arg(long)]
        after: Option<String>,
        /// Print at most so many changes
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Ask in SQL about everything that was taken in, up to now
    Sql(Sql),
    /// Who follows the log (e-mail, webhooks, steps …), how far behind each is, and why
    #[command(subcommand)]
    Followers(Followers),
    /// Write a page of figures and charts on a stretch of days: one HTML file, to read or print
    Report(ReportOf),
    /// The tables of what the log says, as Parquet files: what is there, and how to make it anew
    #[command(subcommand)]
    Lake(Lake),
    /// Copy a store to a new folder, also while a server writes it: orders go on
    Backup(Backup),
    /// Make a store, in --data-dir, of a backup: compared with its manifest, then proved
    Restore {
        /// The backup
        from: PathBuf,
    },
    /// Prove the invariants on a store that no server holds, and say what was found
    Doctor,
    /// Make and list API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Measure this machine with this store's own code
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every setting with its value in force and where that comes from
    Show,
    /// Say what is wrong with the settings, if anything
    Check,
    /// Print a configuration file with every setting, its default and what it means
    Example,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// A folder that is not there yet
    pub(crate) to: PathBuf,
    /// An earlier backup: what it has of the log and never changes again is linked, not copied
    #[arg(long, value_name = "BACKUP")]
    pub(crate) since: Option<PathBuf>,
    /// Most megabytes a second, so that orders do not wait for the disk
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) mb_per_second: u64,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rows {
    /// For people
    Table,
    /// RFC 4180, with a header
    Csv,
    /// One document: columns, rows, as_of, truncated
    Json,
    /// A file for other tools
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The statement (SELECT, EXPLAIN, SHOW TABLES, SHOW COLUMNS FROM, DESCRIBE), or - for standard
    /// input
    #[arg(required_unless_present = "file")]
    pub(crate) statement: Option<String>,
    /// Read the statement from this file
    #[arg(long, conflicts_with = "statement", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How rows are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Rows,
    /// Write the answer to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Longest it may take, in seconds; never more than the setting sql.timeout_s
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
    /// At most so many rows; a table has 1,000 when not said, the other forms all there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1_000_000_000_000))]
    pub(crate) rows: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportOf {
    /// The first day, as YYYY-MM-DD; 30 days up to the last one when not named
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<Date>,
    /// The last day; today when not named
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<Date>,
    /// Write the page to FILE (- for standard output); one that is there is replaced
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(crate) out: PathBuf,
    /// Of this seller only
    #[arg(long)]
    pub(crate) merchant: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// What: simple, retail, transfer, batch, catalogue, stock or rules
    #[arg(long)]
    pub(crate) kind: crate::sample::Kind,
    /// How many documents; 0 is all there is of catalogue and stock
    #[arg(long, default_value_t = 0)]
    pub(crate) count: u64,
    /// Another seed gives other documents
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Percentage of documents that are broken in various ways
    #[arg(long, default_value_t = 0, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) invalid: u8,
    /// Percentage of documents that repeat an earlier one
    #[arg(long, default_value_t = 0, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) duplicates: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Batch {
    /// Run a batch: JSON Lines, or one JSON document with `orders`; the same content is done once
    Run(BatchRun),
    /// List batches
    List,
    /// Show a batch's summary
    Show {
        /// The batch
        id: String,
    },
    /// Print what became of each item, as JSON lines
    Results {
        /// The batch
        id: String,
    },
    /// Stop a batch that a server runs; what is done stays done
    Stop {
        /// The batch
        id: String,
    },
    /// Run the failed items of a finished batch again, as a batch of its own
    Redrive {
        /// The batch
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// Run files: CSV, JSON Lines or JSON documents. The same content is done once; what was not
    /// taken is written beside each file, to be corrected
    Run {
        /// Files, folders of them, or patterns such as 'june/*.csv'
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Write no files of rejects
        #[arg(long)]
        no_rejects: bool,
    },
    /// Run files of rejects that were corrected; what is done already is skipped
    Retry {
        /// Corrected files of rejects
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Write no files of rejects
        #[arg(long)]
        no_rejects: bool,
    },
    /// List files, by name
    List,
    /// Show a file and what became of its orders, line by line
    Show {
        /// The file's name, as it came
        name: String,
        /// Only orders that failed
        #[arg(long)]
        failed: bool,
        /// Begin with this order, counted from 0
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// At most so many orders
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Print what of a file was not taken, in its own layout
    Rejects {
        /// The file's name, as it came
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BatchRun {
    /// The input, or - for standard input
    pub(crate) file: PathBuf,
    /// The batch's id; by default the document's batchId, else the content's hash
    #[arg(long)]
    pub(crate) batch_id: Option<String>,
    /// Pricing rules for this batch only
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Validate, price and look for stock without any effect
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Most items in flight
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_concurrency: Option<u32>,
    /// Give up after more failed items than this
    #[arg(long, value_name = "N")]
    pub(crate) tolerated_failure_count: Option<u64>,
    /// Give up after more failed items than this percentage
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) tolerated_failure_percentage: Option<u8>,
    /// Write what became of each item to FILE, and its manifest beside it
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) results: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Orders {
    /// List orders, newest first
    List {
        /// In this state
        #[arg(long)]
        status: Option<String>,
        /// Of this seller
        #[arg(long)]
        merchant: Option<String>,
        /// Of this customer of the seller
        #[arg(long)]
        customer: Option<String>,
        /// With this product of the seller
        #[arg(long)]
        sku: Option<String>,
        /// With the product's line in this state
        #[arg(long)]
        line_status: Option<String>,
        /// Of this batch
        #[arg(long)]
        batch: Option<String>,
        /// Received at or after (RFC 3339)
        #[arg(long)]
        from: Option<String>,
        /// Received before (RFC 3339)
        #[arg(long)]
        until: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on behind an earlier page
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show an order: lines, price explanation, history
    Show {
        /// The order
        id: String,
        /// Its seller, when several use that id
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Print an order's document, byte for byte as it came
    Document {
        /// The order
        id: String,
        /// Its seller, when several use that id
        #[arg(long)]
        merchant: Option<String>,
        /// An earlier revision; the newest when not named
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        revision: Option<u32>,
    },
    /// Place the order in FILE (- for standard input)
    Place {
        /// The document
        file: PathBuf,
    },
    /// Merge the changes in FILE into an order: what they name is replaced, null takes it away
    Amend {
        /// The order
        id: String,
        /// A JSON merge patch, or a whole document; - for standard input
        file: PathBuf,
        /// Its seller, when several use that id
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Call an order off: what it held is free again
    Cancel {
        /// The order
        id: String,
        /// Its seller, when several use that id
        #[arg(long)]
        merchant: Option<String>,
        /// Why, for the order's history
        #[arg(long)]
        reason: Option<String>,
    },
    /// The goods of an order were handed over
    Fulfil {
        /// The order
        id: String,
        /// Its seller, when several use that id
        #[arg(long)]
        merchant: Option<String>,
    },
    /// Ask the external steps of a failed order anew, from the first
    Redrive {
        /// The order
        id: String,
        /// Its seller, when several use that id
        #[arg(long)]
        merchant: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Notify {
    /// Send a test message through the mail server of the settings (`[email]`)
    Test(NotifyTest),
    /// Print the e-mail that would be sent of an order; nothing is sent
    Preview(NotifyPreview),
}

#[derive(Debug, Args)]
pub(crate) struct NotifyTest {
    /// To this address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: String,
    /// In this language: pt-BR, es or en; else the installation's
    #[arg(long = "in", value_name = "LANG", value_parser = spoken::parse)]
    pub(crate) language: Option<Lang>,
}

#[derive(Debug, Args)]
pub(crate) struct NotifyPreview {
    /// What is told, such as order.completed, stock.pending or order.cancelled
    pub(crate) kind: String,
    /// The order
    pub(crate) order: String,
    /// Its seller, when several use that id
    #[arg(long)]
    pub(crate) merchant: Option<String>,
    /// As the installation's people read it, not the customer
    #[arg(long)]
    pub(crate) staff: bool,
    /// In this language: pt-BR, es or en; else the reader's
    #[arg(long = "in", value_name = "LANG", value_parser = spoken::parse)]
    pub(crate) language: Option<Lang>,
    /// Print the HTML, for a browser
    #[arg(long)]
    pub(crate) html: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audits {
    /// List input that was no order, newest first: what was wrong with it, and whose it was
    List {
        /// That names this seller
        #[arg(long)]
        merchant: Option<String>,
        /// With a violation of this code
        #[arg(long)]
        code: Option<String>,
        /// Came at or after (RFC 3339, or a day)
        #[arg(long)]
        from: Option<String>,
        /// Came before (RFC 3339), or until the end of a day
        #[arg(long)]
        until: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on behind an earlier page
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one input that was no order, with its document as long as that is kept
    Show {
        /// Its place in the log, as the list says
        sequence: String,
    },
}

/// Which letters: all that is named has to hold.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Letters {
    /// Of this kind: step, delivery, missed, disabled, item, message, decision
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Of this step, sink or queue
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Lines and items of this batch
    #[arg(long)]
    pub(crate) batch: Option<String>,
    /// Of this seller
    #[arg(long)]
    pub(crate) merchant: Option<String>,
    /// About an order with this id
    #[arg(long)]
    pub(crate) order: Option<String>,
    /// With this reason
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Since then (RFC 3339)
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Before (RFC 3339)
    #[arg(long)]
    pub(crate) until: Option<String>,
}

/// How many letters are ended.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Ends {
    /// Every open letter is meant
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not wait until it is done
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// List what could not be seen through, newest first
    List {
        #[command(flatten)]
        letters: Letters,
        /// `open` ones, those that are `settled`, or `all`
        #[arg(long, default_value = "open")]
        state: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on behind an earlier page
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one, with its payload as long as that is kept
    Show {
        /// What it is called, as the list says
        id: String,
    },
    /// Send one again, or all that match, oldest first; exits 1 when some are still open
    Redrive {
        /// What it is called, as the list says
        id: Option<String>,
        /// Take this document in instead (`-` for standard input): lines, items and messages
        #[arg(long, requires = "id")]
        payload: Option<PathBuf>,
        #[command(flatten)]
        letters: Letters,
        #[command(flatten)]
        ends: Ends,
        /// Of many, at most so many a second
        #[arg(long, default_value_t = 20)]
        per_second: u32,
    },
    /// Give one up, or all that match: nothing is to become of it; it stays on record
    Purge {
        /// What it is called, as the list says
        id: Option<String>,
        #[command(flatten)]
        letters: Letters,
        #[command(flatten)]
        ends: Ends,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Followers {
    /// List them: state, how far behind the log, what waits, the last error
    List,
    /// Let one deliver again whose destination had said that it is gone
    Enable {
        /// Its name, as the list says
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// Rows, files and bytes of each table, and up to where the log is in them
    Status,
    /// Make all of it anew from the log, in the place of what is there; no server may hold the store
    Rebuild,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Stock {
    /// List counters
    List {
        /// Of this seller
        #[arg(long)]
        merchant: Option<String>,
        /// Of this product
        #[arg(long)]
        sku: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on behind an earlier page
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Change what is on hand of one product
    Adjust {
        /// The product
        sku: String,
        /// Its seller
        #[arg(long)]
        merchant: Option<String>,
        /// By so many units, more or fewer
        #[arg(long, allow_negative_numbers = true, conflicts_with = "on_hand")]
        #[arg(required_unless_present = "on_hand")]
        by: Option<i64>,
        /// To so many units, as counted
        #[arg(long)]
        on_hand: Option<i64>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Take reservations back from the newest orders when less is left than is reserved
        #[arg(long)]
        release_newest: bool,
    },
    /// Set counted stock from JSON lines in FILE (- for standard input)
    Import {
        /// Lines of {"merchant_id", "sku", "on_hand"}
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Products {
    /// List the catalogue
    List {
        /// Of this seller
        #[arg(long)]
        merchant: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on behind an earlier page
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Add or change products from JSON lines in FILE (- for standard input)
    Import {
        /// Lines of {"merchant_id", "sku", "description", "category", "price"}
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Print the rules in force
    Show,
    /// Put the rules in FILE in force (- for standard input)
    Set {
        /// A JSON document
        file: PathBuf,
    },
    /// Check the rules in FILE without putting them in force
    Check {
        /// A JSON document
        file: PathBuf,
    },
    /// What past orders would have cost by the rules in FILE, and the difference
    ///
    /// Orders are priced again at the prices they had, as of the moment they came in; categories
    /// and customers' tags are those of today. Nothing changes. With --json each order that
    /// differs is a line, and the last line holds the sums.
    Test(RulesTest),
}

#[derive(Debug, Args)]
pub(crate) struct RulesTest {
    /// A JSON document
    pub(crate) file: PathBuf,
    /// Orders of this seller
    #[arg(long)]
    pub(crate) merchant: Option<String>,
    /// Orders received at or after (RFC 3339, or a day)
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Orders received before (RFC 3339), or until the end of a day
    #[arg(long, visible_alias = "to")]
    pub(crate) until: Option<String>,
    /// Show so many of the orders that differ most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    pub(crate) show: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// List endpoints
    List,
    /// Add an endpoint, told from now on; prints the secret that its messages are signed with, once
    Add {
        /// Where to: https, on the public internet unless the settings allow a network
        url: String,
        /// How to sign (Standard Webhooks): v1 (HMAC-SHA256) or v1a (ed25519, prints a public key)
        #[arg(long, default_value = "v1", value_parser = ["v1", "v1a"])]
        signing: String,
        #[command(flatten)]
        terms: WebhookTerms,
    },
    /// Show an endpoint
    Show {
        /// The endpoint's id
        id: String,
    },
    /// Set what is named about an endpoint
    Change {
        /// The endpoint's id
        id: String,
        /// Where to
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        terms: WebhookTerms,
    },
    /// Forget an endpoint: what was not delivered is not
    Remove {
        /// The endpoint's id
        id: String,
    },
    /// Send an endpoint a message that only tries it, and say what came of it
    Test {
        /// The endpoint's id
        id: String,
    },
    /// List the last attempts to tell an endpoint since the server started, newest first
    Deliveries {
        /// The endpoint's id
        id: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Tell an endpoint again what happened in a time, by the ids of the first time
    Replay {
        /// The endpoint's id
        id: String,
        /// From then on (RFC 3339)
        #[arg(long)]
        since: String,
        /// Before then; up to now when not named
        #[arg(long)]
        until: Option<String>,
        /// Only what was given up on: its dead letters
        #[arg(long)]
        failed: bool,
    },
    /// Sign with a new secret and print it, once; the one before it signs as well for a while
    Rotate {
        /// The endpoint's id
        id: String,
        /// For how many seconds; 0 ends the old secret now
        #[arg(long, default_value_t = 86_400)]
        overlap_s: u32,
    },
    /// Tell a disabled endpoint again, beginning with what it missed
    Enable {
        /// The endpoint's id
        id: String,
    },
    /// Tell an endpoint no more until it is enabled; what happens meanwhile waits
    Disable {
        /// The endpoint's id
        id: String,
        /// Why, for whoever asks later
        #[arg(long)]
        reason: Option<String>,
    },
}

/// What can be set about an endpoint.
#[derive(Debug, Args)]
pub(crate) struct WebhookTerms {
    /// What it is told: a kind such as order.completed, a group such as order.*, or * for
    /// everything; may be repeated
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<String>,
    /// Of this seller only; may be repeated
    #[arg(long = "merchant", value_name = "ID")]
    pub(crate) merchants: Vec<String>,
    /// What it is for
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Most attempts a second
    #[arg(long, value_name = "N")]
    pub(crate) per_second: Option<u32>,
    /// Most attempts under way at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key; its secret is shown once
    Create {
        /// What it allows: read, write or admin
        #[arg(long, value_parser = ["read", "write", "admin"])]
        scope: String,
    },
    /// List keys, without secrets
    List,
    /// Sign links to documents with a new secret; links that were given out count until they expire
    RotateLinks {
        /// End every link that was given out
        #[arg(long)]
        end_earlier: bool,
    },
    /// Take a key back
    Revoke {
        /// The key's id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Reserve one product from many threads, in process, every answer after a synced commit
    HotSku {
        /// Orders in all
        #[arg(long, default_value_t = 500_000)]
        orders: u64,
        /// Threads that send
        #[arg(long, default_value_t = 4)]
        threads: usize,
    },
}
