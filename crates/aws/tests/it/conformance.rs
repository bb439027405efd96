//! The ledger on DynamoDB passes the suite that every ledger passes.

use aws::ledger::DynamoLedger;
use service::conformance::{Subject, run, steps};
use service::ledger::Ledger;
use service::memory::Clock;

use crate::support::{open, settings, table};

struct OnDynamo {
    ledger: DynamoLedger,
    table: String,
    clock: Clock,
}

fn opened(table: &str, clock: Clock) -> DynamoLedger {
    let mut settings = settings(table, clock, 7);
    settings.serial.steps = steps();
    open(settings)
}

impl OnDynamo {
    fn new(clock: Clock) -> Self {
        let table = table();
        Self { ledger: opened(&table, clock.clone()), table, clock }
    }
}

impl Subject for OnDynamo {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn reopen(&mut self) {
        self.ledger = opened(&self.table, self.clock.clone());
    }

    /// A page is two calls here, and the server that stands for DynamoDB walks through a whole
    /// index for each.
    fn asks_one_in(&self) -> usize {
        11
    }
}

#[test]
fn the_ledger_on_dynamodb_conforms() {
    run(|clock| Box::new(OnDynamo::new(clock)));
}
