//! The ledger on DynamoDB, over a real server of its API on this machine.

mod conformance;
mod contention;
mod differential;
mod parts;
mod staged;
mod support;
