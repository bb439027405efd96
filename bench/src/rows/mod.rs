//! What is measured: one file per group of rows.

mod bulk;
mod followers;
mod generator;
mod hot_sku;
mod http;
mod lake;
mod restart;

pub use bulk::{bulk, linear};
pub use followers::followers;
pub use generator::generator;
pub use hot_sku::hot_sku;
pub use http::{full, rate};
pub use lake::lake;
pub use restart::restart;

use std::io;
use std::time::Duration;

use crate::lab::{Lab, System};
use crate::report::Report;

/// What a run is about.
pub struct Options {
    /// Length of each HTTP measurement.
    pub time: Duration,
    /// How often each HTTP measurement is made.
    pub rounds: usize,
    /// Connections of the full-load rows.
    pub connections: Vec<usize>,
    /// Orders of the bulk and restart rows.
    pub orders: usize,
    /// Systems to measure.
    pub systems: Vec<System>,
}

impl Options {
    /// The systems in turn, as often as there are rounds.
    fn rounds(&self) -> impl Iterator<Item = System> {
        (0..self.rounds).flat_map(|_| self.systems.iter().copied())
    }
}

/// Measures one system; a failure is noted, and the others go on.
fn attempt(
    system: System,
    what: &str,
    report: &mut Report,
    measure: impl FnOnce(&mut Report) -> io::Result<()>,
) {
    eprintln!("{what}: {}", system.as_str());
    if let Err(error) = measure(report) {
        report.note(format!("{what}, {}: {error}", system.as_str()));
    }
}

/// The systems that keep orders.
fn stores(options: &Options) -> impl Iterator<Item = System> {
    options.systems.iter().copied().filter(|system| *system != System::Ceiling)
}

/// A group of rows.
pub type Measure = fn(&Lab, &Options, &mut Report) -> io::Result<()>;

/// Every group, the shortest runs first.
pub const ALL: [Measure; 8] = [generator, full, rate, followers, bulk, hot_sku, restart, linear];
