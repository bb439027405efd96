//! The API over a ledger in memory: what is asked, and the whole answer, as snapshots.
// Helpers of tests are tests as well.
#![allow(clippy::unwrap_used)]

mod api;
mod audits;
mod bad_inputs;
mod batches;
mod commands;
mod contract;
mod dead_letters;
mod documents;
mod followers;
mod guard;
mod idempotency;
mod intake;
mod languages;
mod lookups;
mod preview;
mod query;
mod quotes;
mod socket;
mod stream;
mod webhooks;
