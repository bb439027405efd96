//! Every function, handed the events that AWS documents, over a ledger in memory.
#![allow(clippy::unwrap_used)]

mod api;
mod fanout;
mod inbox;
mod intake;
mod relay;
mod support;
mod work;
