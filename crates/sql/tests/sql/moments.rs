//! A statement sees one moment; the next one sees the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use datafusion::catalog::SchemaProvider;
use datafusion::physical_plan::collect;

use crate::fake::{self, Fake, Version};

/// Orders of two lines each.
fn orders(count: u64) -> Vec<Version> {
    let order = |n: u64| Version {
        sequence: n + 1,
        order: format!("o-{n}"),
        status: "COMPLETED",
        total: Some(10_000),
        quantities: vec![1, 2],
    };
    (0..count).map(order).collect()
}

#[test]
fn counts_of_one_statement_agree_while_a_writer_goes_on() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (fake, stop) = (fake.clone(), stop.clone());
        thread::spawn(move || {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                count += 1;
                fake.show(&orders(count), &[], false);
            }
            count
        })
    };
    let view = "SELECT sequence, count(*) AS lines FROM order_lines GROUP BY sequence";
    let view = engine.runtime().block_on(engine.session().sql(view)).unwrap().into_view();
    engine.schema().register_table("per_order".to_owned(), view).unwrap();
    let sql = "SELECT (SELECT count(*) FROM orders) * 2 = (SELECT count(*) FROM order_lines), \
        (SELECT count(*) FROM orders) = (SELECT count(*) FROM per_order), \
        (SELECT count(*) FROM orders o JOIN order_lines l ON o.sequence = l.sequence) \
        = 2 * (SELECT count(*) FROM orders)";
    for _ in 0..50 {
        let agree = fake::rows(&engine, sql).unwrap();
        assert_eq!(agree, ["true,true,true"]);
    }
    stop.store(true, Ordering::Relaxed);
    let count = writer.join().unwrap();
    assert!(count > 1, "the writer never wrote beside a statement");
    assert!(fake.waited.load(Ordering::Relaxed) >= 50, "nobody waited for what is committed");
}

#[test]
fn a_prepared_plan_sees_the_present_of_each_execution() {
    let fake = Fake::empty();
    let engine = fake::engine(&fake);
    let session = engine.session();
    engine.runtime().block_on(async {
        let state = session.state();
        let plan = state.create_logical_plan("SELECT count(*) FROM orders").await.unwrap();
        let optimized = session.state().optimize(&plan).unwrap();
        for orders_now in [3, 8] {
            fake.show(&orders(orders_now), &[2], false);
            let physical = session.state().create_physical_plan(&optimized).await.unwrap();
            let batches = collect(physical, session.task_ctx()).await.unwrap();
            let shown = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
            assert!(shown.contains(&format!("| {orders_now} ")), "{shown}");
        }
    });
}
