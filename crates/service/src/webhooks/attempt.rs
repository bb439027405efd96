//! One attempt to tell an endpoint something, for its delivery log.
//!
//! Never: what was told, or a person.

use domain::id::OrderKey;
use domain::time::Timestamp;

/// An attempt, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// The id of what was told: `webhook-id`.
    pub id: Box<str>,
    /// What kind of event.
    pub kind: Box<str>,
    /// The order it is about.
    pub order: Option<OrderKey>,
    /// Which attempt for that id, from 1.
    pub number: u32,
    /// The status of the answer, when there was one.
    pub status: Option<u16>,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Why it failed, for people; absent when it is there.
    pub error: Option<Box<str>>,
}
