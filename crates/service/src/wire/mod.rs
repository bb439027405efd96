//! What crosses the border: bytes in, checked types or every violation out; events out.

pub mod checks;
pub mod cloud_event;
pub mod csv;
pub mod document;
pub mod message;
pub mod rules;
pub mod violation;

use domain::time::Timestamp;

/// A time as RFC 3339, in UTC, to the microsecond.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}
