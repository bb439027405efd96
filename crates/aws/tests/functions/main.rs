//! Every function, handed the events that AWS documents, over a ledger in memory.
#![allow(clippy::unwrap_used)]

mod api;
mod batches;
mod fanout;
mod files;
mod inbox;
mod intake;
mod lake;
mod relay;
mod support;
mod work;
