//! The ledger on disk passes the suite that every ledger passes: what comes from memory, from the
//! projection, and from a projection made again from the log is the same.

use std::path::Path;

use engine::{Engine, Options};
use service::conformance::{Subject, run, steps};
use service::ledger::Ledger;
use service::memory::Clock;
use tempfile::TempDir;

/// What is left when the ledger is opened again.
#[derive(Clone, Copy)]
enum Left {
    /// Log and projection: closing writes what is left to it.
    Both,
    /// The log alone.
    Log,
}

struct OnDisk {
    engine: Option<Engine>,
    clock: Clock,
    left: Left,
    dir: TempDir,
}

fn open(dir: &Path, clock: Clock) -> Engine {
    let mut options = Options { min_free_bytes: 0, ..Options::new(clock) };
    options.settings.steps = steps();
    Engine::open(dir, options).expect("the store opens")
}

impl OnDisk {
    fn new(clock: Clock, left: Left) -> Self {
        let dir = tempfile::tempdir().expect("a scratch folder");
        Self { engine: Some(open(dir.path(), clock.clone())), clock, left, dir }
    }
}

impl Subject for OnDisk {
    fn ledger(&self) -> &dyn Ledger {
        self.engine.as_ref().expect("an open engine")
    }

    fn reopen(&mut self) {
        drop(self.engine.take());
        match self.left {
            Left::Both => {}
            Left::Log => {
                let index = self.dir.path().join("index");
                std::fs::remove_dir_all(index).expect("the projection is deleted");
            }
        }
        self.engine = Some(open(self.dir.path(), self.clock.clone()));
    }
}

#[test]
fn the_ledger_on_disk_conforms() {
    run(|clock| Box::new(OnDisk::new(clock, Left::Both)));
}

#[test]
fn the_ledger_on_disk_conforms_with_its_projection_made_again_from_the_log() {
    run(|clock| Box::new(OnDisk::new(clock, Left::Log)));
}
