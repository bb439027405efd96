//! How a command runs: the ledger port and its serial driver, wire formats, batches.
//!
//! Never: sockets, files, a clock of its own. Those are handed in.
#![forbid(unsafe_code)]

pub mod batch;
pub mod catalogue;
pub mod cel;
pub mod change;
pub mod codec;
pub mod conformance;
pub mod follow;
pub mod layer;
pub mod ledger;
pub mod letters;
pub mod measure;
pub mod memory;
pub mod notify;
pub mod once;
pub mod passed;
pub mod prepare;
pub mod query;
pub mod serial;
pub mod source;
pub mod steps;
pub mod view;
pub mod webhooks;
pub mod whatif;
pub mod wire;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod mutated;
