//! A server of DynamoDB's API for these tests, one for all of them, gone with them; and ledgers on
//! tables of their own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aws::ledger::{DynamoLedger, Random, Settings, create};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::evolve::movements;
use domain::id::{MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::money::UnitPrice;
use domain::order::{Body, Channel, Line, Lines, Order, Purchase};
use domain::stock::{Movement, Stock};
use domain::time::Timestamp;
use service::change::{Change, Seq, What};
use service::conformance::wait;
use service::ledger::{Answer, Changes, Ledger, Receive, Request, Unavailable};
use service::memory::Clock;

/// The version that the tests are written against; `make ministack` installs it.
const VERSION: &str = "1.5.33";

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static TABLES: AtomicU64 = AtomicU64::new(0);

struct Server {
    port: u16,
}

/// The server, and who ends it once this process is gone.
static CHILDREN: parking_lot::Mutex<Vec<Child>> = parking_lot::Mutex::new(Vec::new());

impl Server {
    fn start() -> Self {
        let program = program();
        let port = free_port();
        let address = format!("http://127.0.0.1:{port}");
        let child = Command::new(&program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_HOST", "localhost")
            .env("IOT_MTLS_ENABLED", "0")
            .env("AWS_ENDPOINT_URL", &address)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("LAMBDA_EXECUTOR", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{} does not start ({error}): run `make ministack`", program.display())
        });
        let watcher = watch(child.id());
        CHILDREN.lock().extend([child, watcher]);
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "ministack does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { port }
    }
}

/// Ends the server once this process is gone, however it goes: a shell waits for it.
fn watch(server: u32) -> Child {
    let own = std::process::id();
    let script = format!("while kill -0 {own} 2>/dev/null; do sleep 0.2; done; kill {server}");
    let mut shell = Command::new("sh");
    // Nothing of ours is held open by it: whoever reads our output is not kept waiting.
    let shell = shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
    shell.stderr(Stdio::null()).spawn().expect("a shell to watch over the server")
}

fn program() -> PathBuf {
    std::env::var_os("MINISTACK").map(PathBuf::from).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("a home folder");
        let program = format!(".cache/comanda/ministack-{VERSION}/bin/ministack");
        PathBuf::from(home).join(program)
    })
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("it has an address").port()
}

/// A client of the server.
pub(crate) fn client() -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .endpoint_url(format!("http://127.0.0.1:{}", SERVER.port))
        .http_client(http);
    Client::from_conf(config.build())
}

/// Numbers from a seed, others for each ledger: what names a write is never drawn twice.
pub(crate) fn random(seed: u64) -> Random {
    let seed = seed ^ (TABLES.fetch_add(1, Ordering::Relaxed) << 32);
    let rng = parking_lot::Mutex::new(fastrand::Rng::with_seed(seed));
    Arc::new(move || rng.lock().u64(..))
}

/// The name of a new, empty table.
pub(crate) fn table() -> String {
    let name = format!("comanda-{}", TABLES.fetch_add(1, Ordering::Relaxed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(create(&client(), &name)).expect("the table is made");
    name
}

/// Settings of a ledger on that table.
pub(crate) fn settings(table: &str, clock: Clock, seed: u64) -> Settings {
    Settings { list_shards: 1, ..Settings::new(table, clock, random(seed)) }
}

/// A ledger of those settings.
pub(crate) fn open(settings: Settings) -> DynamoLedger {
    DynamoLedger::open(client(), settings).expect("the ledger opens")
}

pub(crate) fn merchant() -> MerchantId {
    MerchantId::parse("loja").expect("a name")
}

pub(crate) fn order_key(id: &str) -> OrderKey {
    OrderKey { id: OrderId::parse(id).expect("a name"), merchant: merchant() }
}

pub(crate) fn stock_key(sku: &str) -> StockKey {
    StockKey { merchant: merchant(), sku: Sku::parse(sku).expect("a name") }
}

/// An order for so many of each of these products.
pub(crate) fn order(id: &str, lines: &[(&str, i64)]) -> Request {
    let line = |(sku, quantity): &(&str, i64)| Line {
        sku: stock_key(sku).sku,
        quantity: *quantity,
        unit_price: Some(UnitPrice(1_500_000)),
    };
    let purchase = Purchase {
        customer: None,
        lines: Lines::parse(lines.iter().map(line).collect()).expect("sound lines"),
        shipping: None,
        coupons: Vec::new(),
        ordered_at: None,
        shortage: None,
    };
    let body = Body::Purchase(purchase);
    Request::Receive(Box::new(Receive {
        order: Order { key: order_key(id), channel: Channel::Api, body },
        document: format!("{{\"order_id\": \"{id}\"}}").into(),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    }))
}

/// Stock changed by hand.
pub(crate) fn adjust(sku: &str, change: StockChange) -> Request {
    let (stock, below_reserved) = (stock_key(sku), BelowReserved::Refuse);
    Request::AdjustStock(AdjustStock { stock, change, below_reserved, reason: "counted".into() })
}

pub(crate) fn say(ledger: &dyn Ledger, requests: Vec<Request>) -> Result<Vec<Answer>, Unavailable> {
    wait(ledger.execute(requests))
}

pub(crate) fn one(ledger: &dyn Ledger, request: Request) -> Result<Answer, Unavailable> {
    say(ledger, vec![request]).map(|mut answers| answers.pop().expect("one answer"))
}

pub(crate) fn stock_of(ledger: &dyn Ledger, sku: &str) -> (i64, i64, i64) {
    let stock = ledger.stock_of(&stock_key(sku)).expect("the ledger reads");
    let Stock { on_hand, reserved, waiting } = stock.expect("a record of stock");
    (on_hand, reserved, waiting)
}

/// All of the log, in pages.
pub(crate) fn log(ledger: &dyn Changes) -> Vec<(Seq, Change)> {
    let (mut cursor, mut read) = (None, Vec::new());
    loop {
        let some = ledger.read(cursor, 1_000).expect("the log reads");
        let Some((last, _)) = some.last() else { return read };
        cursor = Some(*last);
        read.extend(some);
    }
}

/// A clock that is set by hand.
pub(crate) fn by_hand(now: &Arc<AtomicI64>) -> Clock {
    let now = now.clone();
    Arc::new(move || Timestamp(now.load(Ordering::Relaxed)))
}

/// The clock on the wall.
pub(crate) fn wall() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(i64::try_from(since.expect("after 1970").as_micros()).expect("before 2262"))
    })
}

/// What the log comes to: every counter as the sum of its movements, and as the ledger has it.
pub(crate) fn the_log_explains_every_counter(ledger: &dyn Ledger) {
    let mut counters: BTreeMap<StockKey, Stock> = BTreeMap::new();
    let mut histories: BTreeMap<OrderKey, Vec<_>> = BTreeMap::new();
    for (_, change) in log(ledger) {
        let at = change.at;
        if let What::Order { key, events, .. } = change.what {
            let events = events.into_iter().map(|event| (at, event));
            histories.entry(key).or_default().extend(events);
        } else if let What::Stock { stock, on_hand, .. } = change.what {
            let counter = counters.entry(stock).or_default();
            *counter = Movement { on_hand, ..Movement::default() }.apply(*counter);
        }
    }
    for (key, events) in histories {
        let events = events.iter().map(|(at, event)| (*at, event));
        for (sku, movement) in movements(key.clone(), events) {
            let counter = counters.entry(StockKey { merchant: key.merchant.clone(), sku });
            let counter = counter.or_default();
            *counter = movement.apply(*counter);
        }
    }
    let mut after = None;
    let mut rows = BTreeMap::new();
    loop {
        let page = ledger.stock(after.as_ref(), 200).expect("the ledger reads");
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        rows.extend(page);
    }
    assert_eq!(rows, counters);
    for (key, stock) in rows {
        let Stock { on_hand, reserved, waiting } = stock;
        assert!(0 <= reserved && reserved <= on_hand && waiting >= 0, "{key:?}: {stock:?}");
    }
}
