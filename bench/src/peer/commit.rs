//! Group commit on PostgreSQL: everything that waits becomes one transaction, sent in one write.
//!
//! The fast path hopes that every order is new and every line finds its stock; PostgreSQL refuses
//! the whole pipeline when that is wrong, and then the orders are looked at one by one.
//! Never: an answer before the commit, an order twice, more reserved than there is.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::cluster::USER;
use super::wire::{BIGINT, Client, INTEGER, Refused, Rows, TEXT, array, bigint, field};
use crate::work::{Placed, Status};

/// Most orders in one transaction.
pub const ORDERS_MAX: usize = 512;
/// Batches that look for duplicates first, after one turned up.
const CAREFUL_BATCHES: u32 = 32;
/// Tries of one batch: duplicates and shortages may turn up between two of them.
const TRIES_MAX: usize = 8;

const UNIQUE_VIOLATION: &str = "23505";
const DEADLOCK: &str = "40P01";
const SHORT: &str = "P0001";

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is on disk.
    Placed(Status),
    /// That order was there already.
    Duplicate,
}

/// What all committers of one server share.
#[derive(Debug)]
pub struct Shared {
    stock: HashMap<(String, String), i32>,
    merchants: HashSet<String>,
    sequence: AtomicI64,
    /// Transactions committed.
    pub commits: AtomicU64,
}

impl Shared {
    /// Reads the products with stock, and where the sequence stands.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn load(folder: &Path) -> io::Result<Arc<Self>> {
        let mut client = Client::connect(folder, USER).await?;
        let rows = client.run("SELECT id, merchant, sku FROM products").await?;
        let last = client.run("SELECT coalesce(max(seq), 0) FROM log").await?;
        let word = |row: &[Option<Vec<u8>>], at: usize| -> String {
            row.get(at)
                .cloned()
                .flatten()
                .map_or_else(String::new, |bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        // Simple queries answer in text.
        let stock: HashMap<_, _> = rows
            .iter()
            .filter_map(|row| Some(((word(row, 1), word(row, 2)), word(row, 0).parse().ok()?)))
            .collect();
        let last: i64 = last.first().and_then(|row| word(row, 0).parse().ok()).unwrap_or(0);
        Ok(Arc::new(Self {
            merchants: stock.keys().map(|(merchant, _)| merchant.clone()).collect(),
            stock,
            sequence: AtomicI64::new(last + 1),
            commits: AtomicU64::new(0),
        }))
    }
}

/// One connection and the statements prepared on it.
pub struct Committer {
    client: Client,
    shared: Arc<Shared>,
    /// Batches left that look for duplicates before they hope there is none.
    careful: u32,
    /// Batches left that look at stock before they hope there is enough.
    short: u32,
}

/// One order of a batch as it will be written.
struct Entry<'a> {
    place: usize,
    order: &'a Placed,
    /// Stock id and quantity, lines of one product summed; `None` for what has no stock.
    demand: Vec<(Option<i32>, i64)>,
    status: Status,
}

/// What a batch does to stock: `(id, reserved, waiting)`, sorted by id.
type Movements = Vec<(i32, i64, i64)>;

impl Committer {
    /// Connects and prepares.
    ///
    /// # Errors
    /// The server does not answer or does not know the tables.
    pub async fn connect(folder: &Path, shared: Arc<Shared>) -> io::Result<Self> {
        let mut client = Client::connect(folder, USER).await?;
        client.run("SET enable_hashjoin = off; SET enable_mergejoin = off").await?;
        let orders = "COPY orders (seq, status, total, order_id, merchant)";
        client.prepare("orders", &format!("{orders} FROM STDIN (FORMAT binary)"));
        client.prepare("log", "COPY log FROM STDIN (FORMAT binary)");
        client.prepare("reserve", "SELECT reserve($1::int4[], $2::int8[])");
        client.prepare(
            "known",
            "SELECT d.n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS d(id, merchant, n) \
             JOIN orders o ON o.order_id = d.id AND o.merchant = d.merchant",
        );
        client.prepare(
            "lock",
            "SELECT on_hand, reserved, waiting FROM stock WHERE id = ANY($1::int4[]) \
             ORDER BY id FOR UPDATE",
        );
        client.prepare(
            "move",
            "UPDATE stock s SET reserved = s.reserved + d.r, waiting = s.waiting + d.w \
             FROM unnest($1::int4[], $2::int8[], $3::int8[]) AS d(id, r, w) WHERE s.id = d.id",
        );
        client.prepare(
            "duplicates",
            "INSERT INTO duplicates SELECT $1::int8, * FROM unnest($2::text[], $3::text[])",
        );
        client.prepare("begin", "BEGIN");
        client.prepare("end", "COMMIT");
        client.prepare("undo", "ROLLBACK");
        client.commit().await?.map_err(|refused| io::Error::other(refused.message))?;
        Ok(Self { client, shared, careful: 0, short: 0 })
    }

    /// Places these orders in one transaction; one answer each, in their order.
    ///
    /// # Errors
    /// The connection broke, or the server refuses again and again.
    pub async fn place(&mut self, orders: &[Placed]) -> io::Result<Vec<Answer>> {
        let mut answers = vec![Answer::Duplicate; orders.len()];
        let (mut entries, mut repeated) = self.entries(orders);
        self.careful = self.careful.saturating_sub(1);
        self.short = self.short.saturating_sub(1);
        for _ in 0..TRIES_MAX {
            if self.careful > 0 {
                self.set_known_apart(&mut entries, &mut repeated).await?;
            }
            let done = if self.short > 0 {
                self.place_one_by_one(&mut entries, &repeated).await?
            } else {
                self.place_all(&entries, &repeated).await?
            };
            match done {
                Ok(_) => {
                    self.shared.commits.fetch_add(1, Ordering::Relaxed);
                    for entry in &entries {
                        answers[entry.place] = Answer::Placed(entry.status);
                    }
                    return Ok(answers);
                }
                Err(why) => self.learn(&why)?,
            }
        }
        Err(io::Error::other("the batch was refused again and again"))
    }

    /// What a refusal says about the next try.
    fn learn(&mut self, why: &Refused) -> io::Result<()> {
        match why.code.as_str() {
            UNIQUE_VIOLATION => self.careful = CAREFUL_BATCHES,
            SHORT => self.short = CAREFUL_BATCHES,
            DEADLOCK => {}
            _ => return Err(io::Error::other(format!("{}: {}", why.code, why.message))),
        }
        Ok(())
    }

    /// Sorts a batch by key, so that all committers lock in one order, and drops repetitions.
    fn entries<'a>(&self, orders: &'a [Placed]) -> (Vec<Entry<'a>>, Vec<&'a Placed>) {
        let mut places: Vec<usize> = (0..orders.len()).collect();
        let key = |at: usize| (orders[at].id.as_str(), orders[at].merchant.as_str());
        places.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
        let mut entries: Vec<Entry<'a>> = Vec::with_capacity(orders.len());
        let mut repeated = Vec::new();
        for place in places {
            let order = &orders[place];
            let same = |last: &Entry<'_>| key(last.place) == key(place);
            if entries.last().is_some_and(same) {
                repeated.push(order);
                continue;
            }
            let demand = self.demand(order);
            let missing = self.shared.merchants.contains(&order.merchant)
                && demand.iter().any(|(id, _)| id.is_none());
            let status = if missing { Status::Backordered } else { Status::Completed };
            entries.push(Entry { place, order, demand, status });
        }
        (entries, repeated)
    }

    fn demand(&self, order: &Placed) -> Vec<(Option<i32>, i64)> {
        let mut demand: Vec<(Option<i32>, i64)> = Vec::with_capacity(order.lines.len());
        let mut key = (order.merchant.clone(), String::new());
        for line in &order.lines {
            key.1.clone_from(&line.sku);
            let id = self.shared.stock.get(&key).copied();
            match demand.iter_mut().find(|(known, _)| id.is_some() && *known == id) {
                Some((_, quantity)) => *quantity += line.quantity,
                None => demand.push((id, line.quantity)),
            }
        }
        demand
    }

    /// The fast path: one write, one wait.
    async fn place_all(
        &mut self,
        entries: &[Entry<'_>],
        repeated: &[&Placed],
    ) -> io::Result<Result<Rows, Refused>> {
        self.queue_orders(entries, repeated);
        let wanted = sum(entries);
        let ids = array(INTEGER, &wanted, |(id, _), out| out.extend(id.to_be_bytes()));
        let quantities = array(BIGINT, &wanted, |(_, n), out| out.extend(n.to_be_bytes()));
        // Last of all: a product's row is locked for the sync alone, not for the inserts.
        self.client.execute("reserve", &[&ids, &quantities]);
        self.client.commit().await
    }

    /// The slow path: look at stock under lock, decide order by order, write.
    async fn place_one_by_one(
        &mut self,
        entries: &mut [Entry<'_>],
        repeated: &[&Placed],
    ) -> io::Result<Result<Rows, Refused>> {
        let wanted = sum(entries);
        let ids = array(INTEGER, &wanted, |(id, _), out| out.extend(id.to_be_bytes()));
        self.client.execute("begin", &[]);
        self.client.execute("lock", &[&ids]);
        let rows = match self.client.commit().await? {
            Ok(rows) => rows,
            Err(why) => return self.undo(why).await,
        };
        let moved = decide(entries, &wanted, &rows);
        self.queue_orders(entries, repeated);
        let ids = array(INTEGER, &moved, |(id, _, _), out| out.extend(id.to_be_bytes()));
        let taken = array(BIGINT, &moved, |(_, n, _), out| out.extend(n.to_be_bytes()));
        let waiting = array(BIGINT, &moved, |(_, _, n), out| out.extend(n.to_be_bytes()));
        self.client.execute("move", &[&ids, &taken, &waiting]);
        self.client.execute("end", &[]);
        match self.client.commit().await? {
            Ok(rows) => Ok(Ok(rows)),
            Err(why) => self.undo(why).await,
        }
    }

    async fn undo(&mut self, why: Refused) -> io::Result<Result<Rows, Refused>> {
        self.client.execute("undo", &[]);
        self.client.commit().await?.map_err(|refused| io::Error::other(refused.message))?;
        Ok(Err(why))
    }

    /// Moves orders that are there already from `entries` to `repeated`.
    async fn set_known_apart<'a>(
        &mut self,
        entries: &mut Vec<Entry<'a>>,
        repeated: &mut Vec<&'a Placed>,
    ) -> io::Result<()> {
        let ids = array(TEXT, entries, |e, out| out.extend(e.order.id.as_bytes()));
        let merchants = array(TEXT, entries, |e, out| out.extend(e.order.merchant.as_bytes()));
        self.client.execute("known", &[&ids, &merchants]);
        let rows = self.client.commit().await?;
        let rows = rows.map_err(|refused| io::Error::other(refused.message))?;
        let known: HashSet<usize> =
            rows.iter().filter_map(|row| usize::try_from(bigint(row.first())? - 1).ok()).collect();
        if !known.is_empty() {
            self.careful = CAREFUL_BATCHES;
        }
        let mut at = 0;
        entries.retain(|entry| {
            let is_known = known.contains(&at);
            at += 1;
            if is_known {
                repeated.push(entry.order);
            }
            !is_known
        });
        Ok(())
    }

    /// Queues the rows of a batch: orders, log, duplicates.
    fn queue_orders(&mut self, entries: &[Entry<'_>], repeated: &[&Placed]) {
        let count = entries.len() as i64;
        let first = self.shared.sequence.fetch_add(count, Ordering::Relaxed);
        let now = micros();
        if !entries.is_empty() {
            self.client.copy("orders", |out| {
                (first..).zip(entries).for_each(|(seq, entry)| order_row(seq, entry, out));
            });
            self.client.copy("log", |out| {
                (first..).zip(entries).for_each(|(seq, entry)| log_row(seq, now, entry, out));
            });
        }
        if !repeated.is_empty() {
            let ids = array(TEXT, repeated, |order, out| out.extend(order.id.as_bytes()));
            let sellers = array(TEXT, repeated, |order, out| out.extend(order.merchant.as_bytes()));
            self.client.execute("duplicates", &[&now.to_be_bytes(), &ids, &sellers]);
        }
    }
}

/// Units wanted per product with stock, sorted by its id.
fn sum(entries: &[Entry<'_>]) -> Vec<(i32, i64)> {
    let demands = entries.iter().flat_map(|entry| &entry.demand);
    let mut wanted: Vec<(i32, i64)> =
        demands.filter_map(|(id, quantity)| Some(((*id)?, *quantity))).collect();
    wanted.sort_unstable_by_key(|(id, _)| *id);
    wanted.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    wanted
}

/// Decides order by order, each product alone: it takes what it needs or waits.
fn decide(entries: &mut [Entry<'_>], wanted: &[(i32, i64)], rows: &Rows) -> Movements {
    let number = |row: &[Option<Vec<u8>>], at: usize| bigint(row.get(at)).unwrap_or(0);
    let mut stock: HashMap<i32, (i64, i64)> = wanted
        .iter()
        .zip(rows)
        .map(|((id, _), row)| (*id, (number(row, 0) - number(row, 1), number(row, 2))))
        .collect();
    let mut moved: HashMap<i32, (i64, i64)> = HashMap::new();
    for entry in entries {
        for (id, quantity) in &entry.demand {
            let Some(id) = id else { continue };
            let (available, waiting) = stock.entry(*id).or_default();
            let movement = moved.entry(*id).or_default();
            if *waiting == 0 && *available >= *quantity {
                *available -= quantity;
                movement.0 += quantity;
            } else {
                *waiting += quantity;
                movement.1 += quantity;
                entry.status = Status::Backordered;
            }
        }
    }
    let mut moved: Movements = moved.into_iter().map(|(id, (r, w))| (id, r, w)).collect();
    moved.sort_unstable();
    moved
}

fn order_row(seq: i64, entry: &Entry<'_>, out: &mut Vec<u8>) {
    let status: i16 = match entry.status {
        Status::Completed => 1,
        Status::Backordered => 2,
    };
    out.extend_from_slice(&5_u16.to_be_bytes());
    field(out, |out| out.extend(seq.to_be_bytes()));
    field(out, |out| out.extend(status.to_be_bytes()));
    field(out, |out| out.extend(entry.order.total.to_be_bytes()));
    field(out, |out| out.extend(entry.order.id.as_bytes()));
    field(out, |out| out.extend(entry.order.merchant.as_bytes()));
}

/// The change holds every line with its product and quantity: the stock ledger of this order.
fn log_row(seq: i64, at: i64, entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&4_u16.to_be_bytes());
    field(out, |out| out.extend(seq.to_be_bytes()));
    field(out, |out| out.extend(at.to_be_bytes()));
    field(out, |out| {
        for (id, quantity) in &entry.demand {
            out.extend(id.unwrap_or(-1).to_be_bytes());
            out.extend(quantity.to_be_bytes());
        }
    });
    field(out, |out| out.extend_from_slice(&entry.order.document));
}

fn micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
