//! The peer: what an expert would build on PostgreSQL instead, as fast as we can make it.
//!
//! One application that reads, checks and prices with the same code, and commits in groups over a
//! Unix socket. Never: a handicap. Whatever makes it faster without losing an order belongs here.

mod cluster;
mod commit;
#[cfg(test)]
mod tests;
mod wire;

pub use cluster::Cluster;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use self::commit::{Answer, Committer, ORDERS_MAX, Shared};
use crate::serve;
use crate::work::{Placed, Work};

/// Committers of the server, unless told otherwise. Measured: one leaves a core idle while it waits
/// for the disk, three share the cores no better and make smaller commits.
pub const COMMITTERS: usize = 2;
/// Committers of a file: they also read the documents, so there is one for each core.
pub const FILE_COMMITTERS: usize = 2;

const SCHEMA: &str = include_str!("schema.sql");
/// Writes 2 GB of log that the next checkpoint recycles: a server that has run for a while
/// overwrites old segments, which is faster than growing new ones.
const FILL_WAL: &str = "SELECT count(pg_logical_emit_message(false, '', repeat('x', 1000000))) \
     FROM generate_series(1, 2000)";

/// Creates the tables and loads stock from JSON Lines with `merchant_id`, `sku` and `on_hand`.
///
/// # Errors
/// The server refuses, or the file is not what it should be.
pub fn load(cluster: &Cluster, stock: &Path) -> io::Result<()> {
    let rows = BufReader::new(File::open(stock)?)
        .lines()
        .enumerate()
        .map(|(at, line)| stock_row(at, &line?))
        .collect::<io::Result<Vec<(String, String)>>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = wire::Client::connect(cluster.folder(), cluster::USER).await?;
        client.run(SCHEMA).await?;
        for rows in rows.chunks(1_000) {
            let (stock, products): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
            client.run(&format!("INSERT INTO stock VALUES {}", stock.join(","))).await?;
            client.run(&format!("INSERT INTO products VALUES {}", products.join(","))).await?;
        }
        client.run("ALTER TABLE stock SET (fillfactor = 70)").await?;
        client.run("VACUUM ANALYZE stock").await?;
        client.run(FILL_WAL).await?;
        client.run("CHECKPOINT").await.map(drop)
    })
}

/// The values of a row of stock and of its product.
fn stock_row(at: usize, line: &str) -> io::Result<(String, String)> {
    #[derive(Deserialize)]
    struct Row {
        #[serde(alias = "merchantId", alias = "merchant")]
        merchant_id: String,
        #[serde(alias = "product_id", alias = "productId")]
        sku: String,
        #[serde(alias = "quantity", alias = "delta")]
        on_hand: i64,
    }
    let Row { merchant_id, sku, on_hand } = serde_json::from_str(line)?;
    let (merchant, sku) = (merchant_id.replace('\'', "''"), sku.replace('\'', "''"));
    Ok((format!("({at},{on_hand})"), format!("({at},'{merchant}','{sku}')")))
}

/// What the books say after a run.
#[derive(Clone, Debug)]
pub struct Books {
    /// Rows of orders.
    pub orders: u64,
    /// Products with more reserved than on hand; must be 0.
    pub oversold: u64,
}

/// Counts orders and looks for oversold products.
///
/// # Errors
/// The server does not answer.
pub fn audit(cluster: &Cluster) -> io::Result<Books> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = wire::Client::connect(cluster.folder(), cluster::USER).await?;
        let sql = "SELECT (SELECT count(*) FROM orders), \
                   (SELECT count(*) FROM stock WHERE reserved > on_hand)";
        let rows = client.run(sql).await?;
        let number = |at: usize| {
            let field = rows.first().and_then(|row| row.get(at)).cloned().flatten();
            String::from_utf8(field.unwrap_or_default()).ok().and_then(|text| text.parse().ok())
        };
        let missing = || io::Error::other("no counts");
        Ok(Books {
            orders: number(0).ok_or_else(missing)?,
            oversold: number(1).ok_or_else(missing)?,
        })
    })
}

/// Orders that wait for a committer, and who to tell.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    arrived: Notify,
}

type Job = (Placed, oneshot::Sender<(Placed, Answer)>);

#[derive(Default)]
struct Waiting {
    orders: Vec<Job>,
    /// Orders that committers have taken and not answered yet.
    in_flight: usize,
}

impl Waiting {
    /// Whether a commit is worth its cost: nothing is under way, or as much waits as is.
    ///
    /// Two committers so overlap with halves of what the clients send, and not with crumbs.
    fn is_worth_a_commit(&self) -> bool {
        self.orders.len() >= self.in_flight.max(1)
    }
}

impl Queue {
    fn push(&self, order: Placed, sender: oneshot::Sender<(Placed, Answer)>) {
        let mut state = self.state.lock();
        state.orders.push((order, sender));
        if state.is_worth_a_commit() {
            drop(state);
            self.arrived.notify_one();
        }
    }

    async fn take(&self) -> Vec<Job> {
        loop {
            {
                let mut state = self.state.lock();
                if state.is_worth_a_commit() {
                    let count = state.orders.len().min(ORDERS_MAX);
                    state.in_flight += count;
                    return state.orders.drain(..count).collect();
                }
            }
            self.arrived.notified().await;
        }
    }

    fn done(&self, count: usize) {
        self.state.lock().in_flight -= count;
    }
}

#[derive(Clone)]
struct App {
    work: Arc<Work>,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    folder: Arc<Path>,
}

/// Serves on the PostgreSQL server in `folder` until the process ends.
///
/// # Errors
/// The port cannot be opened, or the server does not answer.
pub fn serve(work: Work, folder: &Path, committers: usize) -> io::Result<()> {
    serve::runtime()?.block_on(async {
        let shared = Shared::load(folder).await?;
        let queue = Arc::new(Queue::default());
        for _ in 0..committers.max(1) {
            let committer = Committer::connect(folder, Arc::clone(&shared)).await?;
            tokio::spawn(commit_what_waits(committer, Arc::clone(&queue)));
        }
        let app = App { work: Arc::new(work), queue, shared, folder: folder.into() };
        let router = Router::new()
            .route("/v1/orders", post(place))
            .route("/v1/orders/{id}", get(order))
            .route("/metrics", get(metrics))
            .route("/ready", get(async || StatusCode::OK))
            .with_state(app);
        serve::forever(router).await
    })
}

async fn place(State(app): State<App>, body: Bytes) -> Response {
    let order = match app.work.read(&body) {
        Ok(order) => order,
        Err(why) => return serve::problem(StatusCode::BAD_REQUEST, &why),
    };
    let (send, receive) = oneshot::channel();
    app.queue.push(order, send);
    match receive.await {
        Ok((order, Answer::Placed(status))) => serve::accepted(&order, status),
        Ok((_, Answer::Duplicate)) => serve::problem(StatusCode::CONFLICT, "duplicate order"),
        Err(_) => serve::problem(StatusCode::SERVICE_UNAVAILABLE, "outcome unknown"),
    }
}

async fn commit_what_waits(mut committer: Committer, queue: Arc<Queue>) {
    loop {
        let taken = queue.take().await;
        let (orders, senders): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        match committer.place(&orders).await {
            Ok(answers) => {
                queue.done(answers.len());
                for ((order, sender), answer) in orders.into_iter().zip(senders).zip(answers) {
                    // Whoever hung up does not need the answer.
                    let _ = sender.send((order, answer));
                }
            }
            // Dropping the senders answers 503. Without a connection nothing more can be done.
            Err(error) => {
                eprintln!("commit: {error}");
                std::process::exit(1);
            }
        }
    }
}

#[derive(Deserialize)]
struct Seller {
    merchant_id: String,
}

async fn order(
    State(app): State<App>,
    UrlPath(id): UrlPath<String>,
    Query(seller): Query<Seller>,
) -> Response {
    let found = async {
        let mut client = wire::Client::connect(&app.folder, cluster::USER).await?;
        let by = "WHERE o.order_id = $1::text AND o.merchant = $2::text";
        client.prepare("", &format!("SELECT document FROM orders o JOIN log USING (seq) {by}"));
        client.execute("", &[id.as_bytes(), seller.merchant_id.as_bytes()]);
        client.commit().await?.map_err(|refused| io::Error::other(refused.message))
    };
    match found.await {
        Ok(mut rows) => match rows.pop().and_then(|mut row| row.pop()).flatten() {
            Some(document) => document.into_response(),
            None => serve::problem(StatusCode::NOT_FOUND, "no such order"),
        },
        Err(error) => serve::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

async fn metrics(State(app): State<App>) -> String {
    format!("commits_total {}\n", app.shared.commits.load(Ordering::Relaxed))
}

/// What a bulk run did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bulk {
    /// Orders placed.
    pub orders: u64,
    /// Orders that were there already.
    pub duplicates: u64,
    /// From the first byte read to the last commit.
    pub seconds: f64,
    /// Transactions.
    pub commits: u64,
}

/// Places every document of `file`, `batch` to a transaction, with `committers` side by side.
///
/// # Errors
/// The file cannot be read, a document is none, or the server fails.
pub fn bulk(
    work: &Work,
    folder: &Path,
    file: &Path,
    committers: usize,
    batch: usize,
) -> io::Result<Bulk> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let shared = runtime()?.block_on(Shared::load(folder))?;
    let reader = Mutex::new(BufReader::with_capacity(1 << 20, File::open(file)?));
    let (placed, duplicates) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    let commit = || -> io::Result<()> {
        runtime()?.block_on(async {
            let mut committer = Committer::connect(folder, Arc::clone(&shared)).await?;
            loop {
                let documents = lines(&mut *reader.lock(), batch)?;
                if documents.is_empty() {
                    return Ok(());
                }
                let orders = documents
                    .iter()
                    .map(|document| work.read(document))
                    .collect::<Result<Vec<_>, _>>();
                let answers = committer.place(&orders.map_err(io::Error::other)?).await?;
                let done = answers.iter().filter(|&&answer| answer != Answer::Duplicate).count();
                placed.fetch_add(done as u64, Ordering::Relaxed);
                duplicates.fetch_add((answers.len() - done) as u64, Ordering::Relaxed);
            }
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..committers.max(1)).map(|_| scope.spawn(commit)).collect();
        let failed = |_| io::Error::other("a committer stopped");
        threads.into_iter().try_for_each(|thread| thread.join().map_err(failed)?)
    })?;
    Ok(Bulk {
        orders: placed.into_inner(),
        duplicates: duplicates.into_inner(),
        seconds: began.elapsed().max(Duration::from_nanos(1)).as_secs_f64(),
        commits: shared.commits.load(Ordering::Relaxed),
    })
}

/// The next lines of a file, at most `count`, in one piece of memory.
fn lines(reader: &mut impl io::BufRead, count: usize) -> io::Result<Vec<Bytes>> {
    let mut bytes = Vec::with_capacity(count * 1_400);
    let mut ends = Vec::with_capacity(count);
    while ends.len() < count && reader.read_until(b'\n', &mut bytes)? > 0 {
        ends.push(bytes.len());
    }
    let bytes = Bytes::from(bytes);
    let starts = [0].into_iter().chain(ends.iter().copied());
    let lines = starts.zip(ends.iter().copied()).map(|(start, end)| bytes.slice(start..end));
    Ok(lines.filter(|line| !line.trim_ascii().is_empty()).collect())
}
