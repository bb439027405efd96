//! The ledger in memory passes the suite that every ledger passes.

use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::id::{MerchantId, Sku, StockKey};
use service::conformance::{Subject, run, steps, ticking, wait};
use service::ledger::{Changes, Ledger, Request};
use service::memory::{Clock, MemoryLedger, MemoryLog};
use service::serial::Settings;

struct Memory {
    ledger: MemoryLedger,
    clock: Clock,
}

impl Memory {
    fn open(log: MemoryLog, clock: Clock) -> Self {
        let settings = Settings { exponent: 2, steps: steps(), ..Settings::default() };
        let ledger = MemoryLedger::open(log, settings, clock.clone()).expect("a sound log");
        Self { ledger, clock }
    }
}

impl Subject for Memory {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn reopen(&mut self) {
        *self = Self::open(self.ledger.log(), self.clock.clone());
    }
}

#[test]
fn the_ledger_in_memory_conforms() {
    run(|clock| Box::new(Memory::open(MemoryLog::default(), clock)));
}

fn counted(ledger: &MemoryLedger, units: i64) {
    let merchant = MerchantId::parse("loja").expect("a name");
    let stock = StockKey { merchant, sku: Sku::parse("PEN").expect("a name") };
    let (change, below_reserved) = (StockChange::To(units), BelowReserved::Refuse);
    let adjust = AdjustStock { stock, change, below_reserved, reason: "counted".into() };
    wait(ledger.execute(vec![Request::AdjustStock(adjust)])).expect("the ledger is available");
}

#[test]
fn what_follows_a_frame_cut_short_is_there_after_the_next_start() {
    let open = |log| Memory::open(log, ticking()).ledger;
    let ledger = open(MemoryLog::default());
    counted(&ledger, 1);
    let whole = ledger.log().0.len();
    counted(&ledger, 2);
    for cut in whole..ledger.log().0.len() {
        let torn = open(MemoryLog(ledger.log().0[..cut].to_vec()));
        assert_eq!(torn.log().0.len(), whole);
        counted(&torn, 3);
        let again = open(torn.log());
        assert_eq!(again.read(None, 10).expect("the log reads").len(), 2, "cut at {cut}");
    }
}
