//! The crash proof: a server under load is killed again and again, and nothing it answered for is
//! lost, doubled or changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Chance, Home, Http, Server, document, json_lines, order_id, sampled, stock_rows, until,
};

/// Connections that send orders without a pause.
const SENDERS: usize = 16;
/// How often the server is killed.
const ROUNDS: u64 = 20;
/// Lines of each round's batch.
const BATCH_ITEMS: u64 = 1_000;
/// Orders of one round at most: checking them takes longer than sending them.
const ROUND_ORDERS: u64 = 1_000;
/// Where the orders of batches begin.
const BATCHES_AT: u64 = ROUNDS * ROUND_ORDERS;
/// Products that are adjusted: those that the first orders ask for most.
const HOT_PRODUCTS: usize = 40;

/// Seller and product.
type Key = (String, String);

/// Orders that were answered, with their totals, and those that were not.
#[derive(Default)]
struct Sent {
    taken: BTreeMap<u64, Value>,
    open: Vec<u64>,
}

/// What is on hand, as far as the answers said.
struct Shelf {
    on_hand: BTreeMap<Key, i64>,
    hot: Vec<Key>,
    /// An adjustment that was not answered, and what it would have come to.
    open: Option<(Key, i64)>,
}

#[test]
fn a_server_killed_twenty_times_under_load_loses_and_doubles_nothing() {
    let home = Home::new();
    let mut chance = Chance::new("crash proof");
    let mut shelf = furnish(&home);
    let (next, mut all) = (AtomicU64::new(0), BTreeMap::new());
    let mut answered_batches = BTreeSet::new();
    for round in 0..ROUNDS {
        let server = home.serve();
        let first = next.load(Ordering::Relaxed);
        let until = first + ROUND_ORDERS;
        let moment = Duration::from_millis(chance.of(100..400));
        let (mut sent, batch_is_known) =
            load(server, &next, until, &mut shelf, &mut chance, round, moment);
        if batch_is_known {
            answered_batches.insert(round);
        }
        let server = home.serve();
        check_taken(&server, &sent.taken);
        send_again(&server, &mut sent);
        settle_shelf(&server, &mut shelf);
        assert!(sent.taken.keys().all(|index| !all.contains_key(index)));
        all.append(&mut sent.taken);
        // Exactly: what senders drew beyond it was not sent, and later ids are the batches'.
        next.store(until, Ordering::Relaxed);
        server.kill();
    }
    println!("{} orders answered, {} batches", all.len(), answered_batches.len());
    assert!(all.len() > 1_000, "only {} orders were answered", all.len());

    let server = home.serve();
    for round in 0..ROUNDS {
        check_batch(&server, round, answered_batches.contains(&round));
    }
    let every_fourth = all.iter().step_by(4).map(|(index, total)| (*index, total.clone()));
    check_taken(&server, &every_fourth.collect());
    check_whole(&server, &all, &shelf);
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

/// Puts catalogue, stock and rules into the store.
fn furnish(home: &Home) -> Shelf {
    home.furnish();
    let rules = home.file("rules", sampled(&["--kind", "rules"]));
    assert_eq!(home.run(&["rules", "set", &rules.to_string_lossy()]).code, 0);
    let stock = sampled(&["--kind", "stock"]);
    let rows = stock_rows(&json_lines(&stock));
    let on_hand: BTreeMap<Key, i64> = rows.into_iter().map(|(key, (n, _))| (key, n)).collect();
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    for index in 0..1_000 {
        let order: Value = serde_json::from_slice(document(index)).expect("documents are JSON");
        for item in order["items"].as_array().into_iter().flatten() {
            *asked.entry(item["product_id"].as_str().unwrap_or_default().into()).or_default() += 1;
        }
    }
    let mut hot: Vec<Key> = on_hand.keys().cloned().collect();
    hot.sort_by_key(|(_, sku)| std::cmp::Reverse(asked.get(sku).copied().unwrap_or_default()));
    hot.truncate(HOT_PRODUCTS);
    Shelf { on_hand, hot, open: None }
}

/// Sends orders, adjustments and a batch until the server is killed, which is at `moment`.
fn load(
    server: Server,
    next: &AtomicU64,
    until: u64,
    shelf: &mut Shelf,
    chance: &mut Chance,
    round: u64,
    moment: Duration,
) -> (Sent, bool) {
    let (sent, begun, address) =
        (Mutex::new(Sent::default()), Instant::now(), server.address().to_owned());
    let batch_at = Duration::from_millis(chance.of(0..moment.as_millis() as u64 + 20));
    let (address, sent_by_all) = (&address, &sent);
    let batch_is_known = std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(move || send_orders(address, next, until, sent_by_all));
        }
        scope.spawn(move || adjust(address, shelf, chance));
        let batch = scope.spawn(move || {
            std::thread::sleep(batch_at);
            let http = Http::connect(address);
            let path = format!("/v1/batches?batch_id=batch-{round}&max_concurrency=64");
            let sent = http.and_then(|mut http| {
                http.call("POST", &path, "application/x-ndjson", &batch_lines(round))
            });
            sent.is_ok_and(|answer| {
                assert_eq!(answer.status, 202, "{}", answer.text());
                true
            })
        });
        std::thread::sleep(moment.saturating_sub(begun.elapsed()));
        server.kill();
        batch.join().expect("the batch is sent or not")
    });
    (sent.into_inner().expect("no sender panicked"), batch_is_known)
}

fn send_orders(address: &str, next: &AtomicU64, until: u64, sent: &Mutex<Sent>) {
    let (mut mine, mut http) = (Sent::default(), Http::connect(address));
    while let Ok(connection) = &mut http {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= until {
            break;
        }
        match connection.try_post("/v1/orders", document(index)) {
            Ok(answer) => {
                assert_eq!(answer.status, 202, "order {index}: {}", answer.text());
                mine.taken.insert(index, answer.json()["total"].take());
            }
            Err(error) => {
                mine.open.push(index);
                http = Err(error);
            }
        }
    }
    let mut sent = sent.lock().expect("no sender panicked");
    sent.taken.append(&mut mine.taken);
    sent.open.append(&mut mine.open);
}

fn adjust(address: &str, shelf: &mut Shelf, chance: &mut Chance) {
    let mut http = Http::connect(address);
    while let Ok(connection) = &mut http {
        let key = shelf.hot[chance.of(0..HOT_PRODUCTS as u64) as usize].clone();
        let before = shelf.on_hand.get(&key).copied().unwrap_or_default();
        let (change, after) = if chance.of(0..3) == 0 {
            let counted = chance.of(0..60) as i64;
            (json!({"merchant_id": key.0, "on_hand": counted, "release": "newest"}), counted)
        } else {
            let delta = chance.of(0..60) as i64 - 20;
            (json!({"merchant_id": key.0, "delta": delta}), before + delta)
        };
        let path = format!("/v1/stock/{}/adjustments", key.1);
        match connection.try_post(&path, change.to_string().as_bytes()) {
            Ok(answer) if answer.status == 200 => {
                assert_eq!(answer.json()["on_hand"], after, "{key:?}");
                shelf.on_hand.insert(key, after);
            }
            Ok(answer) => assert_eq!(answer.status, 409, "{}", answer.text()),
            Err(error) => {
                shelf.open = Some((key, after));
                http = Err(error);
            }
        }
    }
}

/// Every answered order is there, with the total and the document it was answered for.
fn check_taken(server: &Server, taken: &BTreeMap<u64, Value>) {
    let orders: Vec<(&u64, &Value)> = taken.iter().collect();
    std::thread::scope(|scope| {
        for part in orders.chunks(orders.len().div_ceil(4).max(1)) {
            scope.spawn(move || {
                let mut http = server.connect();
                for (index, total) in part {
                    let answer = http.get(&format!("/v1/orders/{}", order_id(**index)));
                    assert_eq!(answer.status, 200, "order {index}: {}", answer.text());
                    let (text, sent) = (answer.text(), String::from_utf8_lossy(document(**index)));
                    assert!(text.contains(&*sent), "order {index} has another document: {text}");
                    assert_eq!(answer.json()["total"], **total, "order {index}");
                }
            });
        }
    });
}

/// What was not answered may be there or not: sending it again settles that.
fn send_again(server: &Server, sent: &mut Sent) {
    let mut http = server.connect();
    for index in sent.open.drain(..) {
        let answer = http.post("/v1/orders", document(index));
        assert!(matches!(answer.status, 202 | 409), "order {index}: {}", answer.text());
        let again = http.post("/v1/orders", document(index));
        assert_eq!(again.status, 409, "order {index}: {}", again.text());
        let total = http.get(&format!("/v1/orders/{}", order_id(index))).json()["total"].take();
        sent.taken.insert(index, total);
    }
}

/// An adjustment that was not answered was done or not, never by half.
fn settle_shelf(server: &Server, shelf: &mut Shelf) {
    let Some((key, after)) = shelf.open.take() else { return };
    let path = format!("/v1/stock/{}?merchant_id={}", key.1, key.0);
    let found = server.connect().get(&path).json()["on_hand"].as_i64().unwrap_or(-1);
    let before = shelf.on_hand.get(&key).copied().unwrap_or_default();
    assert!(found == before || found == after, "{key:?}: {before} or {after}, not {found}");
    shelf.on_hand.insert(key, found);
}

/// What stands at a place of a batch.
enum Item {
    Order(u64),
    Again,
    Malformed,
}

fn batch_item(round: u64, at: u64) -> Item {
    match at {
        // The first of all as well: what is resumed must be read as it was begun.
        at if at % 97 == 0 => Item::Malformed,
        at if at % 53 == 7 => Item::Again,
        at => Item::Order(BATCHES_AT + round * BATCH_ITEMS + at),
    }
}

fn batch_lines(round: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    for at in 0..BATCH_ITEMS {
        match batch_item(round, at) {
            Item::Order(index) => lines.extend(document(index)),
            Item::Again => lines.extend(document(BATCHES_AT + round * BATCH_ITEMS + 1)),
            Item::Malformed => lines.extend(b"{\"order_id\": \"broken"),
        }
        lines.push(b'\n');
    }
    lines
}

/// A batch whose start was answered comes to its end by itself; another one when it is sent again.
fn check_batch(server: &Server, round: u64, was_answered: bool) {
    let mut http = server.connect();
    let path = format!("/v1/batches/batch-{round}");
    if !was_answered {
        let again = format!("/v1/batches?batch_id=batch-{round}");
        let answer = http.post_lines(&again, batch_lines(round));
        // Running already: it was on record before the server was killed.
        assert!(matches!(answer.status, 202 | 409), "{}", answer.text());
    }
    let ended = until(20, || http.get(&path).json()["status"] != "RUNNING");
    let batch = http.get(&path).json();
    assert!(ended && batch["status"] == "SUCCEEDED", "{batch:#}");
    let mut expected = [0; 3];
    for at in 0..BATCH_ITEMS {
        let outcome = match batch_item(round, at) {
            Item::Order(_) => 0,
            Item::Malformed => 1,
            Item::Again => 2,
        };
        expected[outcome] += 1;
    }
    let counts = &batch["item_counts"];
    let [succeeded, failed, skipped] = expected;
    assert_eq!(counts["succeeded"], succeeded, "{batch:#}");
    assert_eq!(counts["failed"], failed, "{batch:#}");
    assert_eq!(counts["skipped"], skipped, "{batch:#}");
    assert_eq!(counts["total"], BATCH_ITEMS, "{batch:#}");
    let results = http.get(&format!("{path}/results"));
    let indices = json_lines(&results.body).iter().map(|l| l["index"].as_u64()).collect::<Vec<_>>();
    assert_eq!(indices, (0..BATCH_ITEMS).map(Some).collect::<Vec<_>>(), "each item once, in order");
}

/// Every order once, and no other; stock as adjusted, and reserved as orders claim it.
fn check_whole(server: &Server, all: &BTreeMap<u64, Value>, shelf: &Shelf) {
    let items = (0..ROUNDS).flat_map(|r| (0..BATCH_ITEMS).map(move |at| batch_item(r, at)));
    let of_batches = items.filter_map(|item| match item {
        Item::Order(index) => Some(index),
        Item::Again | Item::Malformed => None,
    });
    let of_batches = of_batches.map(|index| (order_id(index), None));
    let of_senders = all.iter().map(|(index, total)| (order_id(*index), Some(total)));
    let expected: BTreeMap<String, Option<&Value>> = of_senders.chain(of_batches).collect();
    let (mut http, mut seen) = (server.connect(), String::new());
    // Stock that became free is given out behind the requests: look again while it is.
    let agrees = until(10, || {
        let orders = http.list("/v1/orders", "orders");
        let found: BTreeMap<&str, &Value> =
            orders.iter().filter_map(|o| Some((o["order_id"].as_str()?, &o["total"]))).collect();
        assert_eq!(orders.len(), found.len(), "an order is listed twice");
        assert_eq!(orders.len(), expected.len(), "orders are missing, or nobody sent them");
        for (id, total) in &expected {
            let found = found.get(&**id).unwrap_or_else(|| panic!("{id} is missing"));
            assert!(total.is_none_or(|total| total == *found), "{id}: {total:?} became {found}");
        }
        let stock = stock_rows(&http.list("/v1/stock", "stock"));
        seen = disagreement(&orders, &stock, shelf).unwrap_or_default();
        seen.is_empty()
    });
    assert!(agrees, "{seen}");
}

/// The first product whose counters are not what orders and adjustments say.
fn disagreement(
    orders: &[Value],
    stock: &BTreeMap<Key, (i64, i64)>,
    shelf: &Shelf,
) -> Option<String> {
    let mut claimed: BTreeMap<Key, i64> = BTreeMap::new();
    for order in orders {
        let merchant = order["merchant_id"].as_str().unwrap_or_default();
        for line in order["lines"].as_array().into_iter().flatten() {
            if line["status"] == "RESERVED" {
                let sku = line["sku"].as_str().unwrap_or_default();
                let claim = claimed.entry((merchant.to_owned(), sku.to_owned())).or_default();
                *claim += line["quantity"].as_i64().unwrap_or_default();
            }
        }
    }
    for (key, (on_hand, reserved)) in stock {
        let claims = claimed.remove(key).unwrap_or_default();
        let adjusted = shelf.on_hand.get(key).copied().unwrap_or_default();
        if claims != *reserved || adjusted != *on_hand || reserved > on_hand {
            return Some(format!(
                "{key:?}: {on_hand} on hand, {adjusted} as adjusted; {reserved} reserved, \
                 {claims} claimed"
            ));
        }
    }
    claimed.into_iter().next().map(|claim| format!("claimed without stock: {claim:?}"))
}
