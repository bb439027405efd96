//! Batches: a reader of items, a window of concurrency, `execute`, and a checkpoint that commits
//! with the orders it covers.

pub mod dry;
pub mod input;
pub mod machine;
pub(crate) mod open;
pub mod rejects;
pub mod report;
pub mod run;
pub mod split;
pub mod state;
pub mod summary;

pub use state::{BatchState, BatchStatus, ContentHash, Counts, Tolerance};

#[cfg(test)]
mod mutated;
