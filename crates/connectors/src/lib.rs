//! What speaks to the outside for followers: one file a connector, asynchronous, on tokio.
//!
//! Never: the ledger's disk or the API (`engine`, `web`), a redirect followed, an answer read
//! without a bound, a secret or personal data in an error.
#![forbid(unsafe_code)]

pub mod alerts;
pub mod archive;
pub mod aws;
pub mod http;
pub mod log;
pub mod mail;
pub mod place;
pub mod reach;
pub mod signature;
pub mod sqs;
pub mod step;
pub mod webhook;
