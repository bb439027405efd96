//! The load generator against a server that does nothing: what measuring costs by itself.

use std::io;
use std::time::Duration;

use super::Options;
use crate::documents::Lines;
use crate::lab::{Lab, ours};
use crate::load::{self, Pace, Plan, Requests};
use crate::process::Process;
use crate::report::Report;

/// Requests of this run.
const REQUESTS: usize = 400_000;

/// A note about the generator: it shares the cores with whatever it measures.
///
/// # Errors
/// The documents cannot be made, or the server does not start.
pub fn generator(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    eprintln!("generator alone");
    let requests = Requests::posts("/v1/orders", Lines::open(&lab.retail(REQUESTS)?)?.iter());
    let (_server, address) = Process::serve(&mut ours(&["trivial"])?)?;
    for &connections in &options.connections {
        let time_max = options.time.min(Duration::from_secs(5));
        let range = 0..requests.len();
        let plan = Plan { address, connections, pace: Pace::Full, range, time_max };
        let outcome = load::run(&plan, &requests)?;
        report.note(format!(
            "the generator alone, {connections} connections, against a server that does nothing: \
             {:.0}/s, {:.2} µs CPU per request",
            outcome.per_second(),
            outcome.cpu_micros()
        ));
    }
    Ok(())
}
