//! `comanda bench`: measures this machine with the store's own code.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::id::{MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::order::{Body, Channel, Line, Lines, Order, Purchase};
use domain::state::Status;
use engine::{Engine, Options};
use serde_json::json;
use service::ledger::{Answer, Ledger, Receive, Request};

use crate::cli::{Bench, Store};
use crate::installation::clock;
use crate::spoken::told;

pub(super) fn bench(store: &Store, command: Bench) -> Result<ExitCode> {
    match command {
        Bench::HotSku { orders, threads } => hot_sku(store, orders, threads.max(1)),
    }
}

/// Orders of one call: what a batch or a busy queue would commit together.
const CALL_ORDERS: u64 = 256;

/// Reserves one product from many threads, and looks whether any unit was promised twice.
fn hot_sku(store: &Store, orders: u64, threads: usize) -> Result<ExitCode> {
    let dir = store.data_dir.join("bench-hot-sku");
    ensure!(!dir.exists(), told!("no-in-the-way", path = dir.display().to_string()));
    let engine = Arc::new(Engine::open(&dir, Options::new(clock()))?);
    let name = |e| anyhow!("{e:?}");
    let merchant = MerchantId::parse("bench").map_err(name)?;
    let sku = Sku::parse("HOT").map_err(name)?;
    let key = StockKey { merchant: merchant.clone(), sku: sku.clone() };
    // One unit in ten too few: the last orders must wait, and none may be oversold.
    let on_hand = i64::try_from(orders - orders / 10)?;
    let stock = Request::AdjustStock(AdjustStock {
        stock: key.clone(),
        change: StockChange::To(on_hand),
        below_reserved: BelowReserved::Refuse,
        reason: "bench".into(),
    });
    pollster::block_on(engine.execute(vec![stock]))?;
    let (next, reserved) = (AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| send(&engine, (&merchant, &sku), orders, &next, &reserved));
        }
    });
    let elapsed = started.elapsed();
    let left = engine.stock_of(&key)?.unwrap_or_default();
    let commits = engine.commits();
    drop(engine);
    std::fs::remove_dir_all(&dir)?;
    let oversold = left.reserved > left.on_hand;
    let granted = reserved.load(Ordering::Relaxed);
    ensure!(!oversold, "oversold: {left:?}");
    ensure!(left.reserved == i64::try_from(granted)?, "{granted} promised, {left:?} counted");
    let rate = u128::from(orders) * 1_000_000 / elapsed.as_micros().max(1);
    let result = json!({
        "orders": orders, "threads": threads, "reserved": granted,
        "backordered": orders - granted, "oversold": 0, "commits": commits,
        "elapsed_ms": elapsed.as_millis(), "orders_per_second": rate,
    });
    if store.json {
        println!("{result}");
    } else {
        let [rate, reserved, waiting] =
            [rate, granted.into(), (orders - granted).into()].map(|n: u128| n.to_string());
        let said = told!("said-reservations", rate = rate, reserved = reserved, waiting = waiting);
        println!("{said}");
    }
    Ok(ExitCode::SUCCESS)
}

fn send(
    engine: &Engine,
    (merchant, sku): (&MerchantId, &Sku),
    orders: u64,
    next: &AtomicU64,
    reserved: &AtomicU64,
) {
    loop {
        let first = next.fetch_add(CALL_ORDERS, Ordering::Relaxed);
        if first >= orders {
            return;
        }
        let ids = first..orders.min(first + CALL_ORDERS);
        let call = ids.filter_map(|n| order(n, merchant, sku)).collect();
        let Ok(answers) = pollster::block_on(engine.execute_patiently(call)) else { return };
        let granted = answers.iter().filter(|answer| is_complete(answer)).count();
        reserved.fetch_add(granted as u64, Ordering::Relaxed);
    }
}

fn is_complete(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted(accepted) if accepted.state.status == Status::Completed)
}

fn order(n: u64, merchant: &MerchantId, sku: &Sku) -> Option<Request> {
    let id = OrderId::parse(&format!("HOT-{n:09}")).ok()?;
    let line = Line { sku: sku.clone(), quantity: 1, unit_price: None };
    let document = format!(r#"{{"order_id":"{id}","items":[{{"sku":"{sku}","quantity":1}}]}}"#);
    Some(Request::Receive(Box::new(Receive {
        order: Order {
            key: OrderKey { id, merchant: merchant.clone() },
            channel: Channel::Api,
            body: Body::Purchase(Purchase {
                customer: None,
                lines: Lines::parse(vec![line]).ok()?,
                shipping: None,
                coupons: Vec::new(),
                ordered_at: None,
                shortage: None,
            }),
        },
        document: document.into(),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    })))
}
