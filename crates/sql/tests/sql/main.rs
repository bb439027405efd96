//! The engine against a lake made up here: files in a folder, a tail in memory, versions that are
//! superseded.
// Helpers of tests are tests as well.
#![allow(clippy::unwrap_used)]

mod answers;
mod fake;
mod hostile;
mod limits;
mod moments;
mod oracle;
mod views;
mod wire;
