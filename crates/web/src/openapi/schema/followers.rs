//! Consumers of changes, as they are answered.

use utoipa::ToSchema;

use super::{Cursor, FollowerState, Time};

/// Every consumer of changes, by name.
#[derive(ToSchema)]
pub struct FollowerPage {
    followers: Vec<Follower>,
}

/// A consumer of changes. One that is not driven has only the first three fields.
#[derive(ToSchema)]
pub struct Follower {
    #[schema(example = "step:fraud")]
    name: String,
    state: FollowerState,
    /// What keeps it from delivering; null when nothing does.
    problem: Option<String>,
    /// When a destination that does not answer is tried again.
    held_until: Option<Time>,
    /// Everything up to this change is done, waits apart, or is among the dead letters.
    cursor: Option<Cursor>,
    #[schema(nullable = false)]
    lag: Option<FollowerLag>,
    /// Attempts under way.
    #[schema(nullable = false)]
    in_flight: Option<u64>,
    /// Orders whose deliveries wait apart, because of a failure of their own.
    #[schema(nullable = false)]
    waiting_orders: Option<u64>,
    /// Deliveries that wait apart.
    #[schema(nullable = false)]
    waiting_deliveries: Option<u64>,
    /// When the next attempt is made, if that depends on time.
    next_try: Option<Time>,
    /// The last failure since the server started.
    last_error: Option<FollowerError>,
    #[schema(nullable = false)]
    deliveries: Option<FollowerCounts>,
}

/// How far a consumer is behind the log.
#[derive(ToSchema)]
pub struct FollowerLag {
    /// Changes it has not got done; of those it has not read, an estimate.
    changes: u64,
    /// Bytes of the log behind its cursor.
    bytes: u64,
    /// Age of the oldest change that is not done.
    seconds: u64,
}

/// A failure.
#[derive(ToSchema)]
pub struct FollowerError {
    at: Time,
    reason: String,
}

/// What became of attempts and deliveries since the server started.
#[derive(ToSchema)]
pub struct FollowerCounts {
    /// Deliveries that arrived.
    delivered: u64,
    /// Deliveries that turned out to concern nobody.
    skipped: u64,
    /// Attempts that were refused.
    refused: u64,
    /// Attempts that found the destination not working.
    unavailable: u64,
    /// Deliveries among the dead letters.
    dead: u64,
    /// Deliveries that it was too late for.
    missed: u64,
}
