//! `/v1/followers`: who follows the log, how far behind it each is, and why.
//!
//! Never: a delivery, or what is in it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::OrderKey;
use domain::time::Timestamp;
use serde_json::{Value, json};
use service::follow::{self, Holding, Status};
use service::ledger::Unavailable;
use service::webhooks::{Command, EndpointId};

use crate::App;
use crate::error::{Error, Kind};
use crate::fields::time;
use crate::openapi::schema::{FollowerPage, Name};
use crate::orders::blocking;
use crate::params::{NoParams, Segment, cursor};
use crate::webhooks;

/// A consumer of changes.
#[derive(Clone, Debug)]
pub struct Follower {
    /// What it is called.
    pub name: Box<str>,
    /// How it is.
    pub standing: Standing,
}

/// How a consumer of changes is.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It is driven.
    Driven(Status),
    /// How far it is cannot be read, so it is not driven.
    Damaged(String),
    /// Nobody drives it: the settings name it no more, or no server runs. How far it was is kept.
    NotDriven,
}

impl Standing {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Driven(status) => match status.state {
                follow::State::Running => "running",
                follow::State::Held { .. } => "held",
                follow::State::Crowded => "crowded",
                follow::State::Disabled(_) => "disabled",
            },
            Self::Damaged(_) => "damaged",
            Self::NotDriven => "not_driven",
        }
    }

    /// Every name on the wire.
    pub const NAMES: [&str; 6] =
        ["running", "held", "crowded", "disabled", "damaged", "not_driven"];

    /// What keeps it from delivering, for operators; nothing when nothing does.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Driven(status) => match &status.state {
                follow::State::Running => None,
                follow::State::Held { .. } => {
                    let error = status.last_error.as_ref().map_or("", |(_, why)| why);
                    Some(format!("its destination does not answer: {error}"))
                }
                follow::State::Crowded => {
                    let waiting = status.waiting_deliveries;
                    Some(format!("{waiting} deliveries wait apart: it reads no further"))
                }
                follow::State::Disabled(disabled) => {
                    Some(format!("its destination is gone: {}", disabled.reason))
                }
            },
            Self::Damaged(why) => Some(why.clone()),
            Self::NotDriven => None,
        }
    }
}

/// What drives consumers of changes.
pub trait FollowerRuns: Send + Sync {
    /// All of them, those included that the settings name no more.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what is kept of them cannot be read.
    fn list(&self) -> Result<Vec<Follower>, Unavailable>;

    /// Those that are to be driven. Asked often: must be cheap.
    fn driven(&self) -> Vec<Follower>;

    /// What an order waits for, with the names of the consumers it waits at.
    fn holding(&self, order: &OrderKey) -> Vec<(Box<str>, Holding)>;

    /// Lets one whose destination was gone deliver again; whether there is one of that name.
    fn enable(&self, name: &str) -> bool;
}

/// Nobody follows.
#[derive(Debug)]
pub struct NoFollowers;

impl FollowerRuns for NoFollowers {
    fn list(&self) -> Result<Vec<Follower>, Unavailable> {
        Ok(Vec::new())
    }

    fn driven(&self) -> Vec<Follower> {
        Vec::new()
    }

    fn holding(&self, _: &OrderKey) -> Vec<(Box<str>, Holding)> {
        Vec::new()
    }

    fn enable(&self, _: &str) -> bool {
        false
    }
}

/// Who follows the log: e-mail, webhooks, steps, the archive, each with how far it is.
#[utoipa::path(
    get, path = "/v1/followers", tag = "operations", operation_id = "list_followers",
    responses((status = 200, body = FollowerPage, description = "All of them, by name")),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: NoParams) -> Result<Json<Value>, Error> {
    let all = blocking(&app, |app| Ok(app.followers.list()?)).await?;
    let now = (app.clock)();
    let shown: Vec<Value> = all.iter().map(|follower| show(follower, now)).collect();
    Ok(Json(json!({"followers": shown})))
}

/// Lets a follower deliver again whose destination had said that it is gone.
#[utoipa::path(
    post, path = "/v1/followers/{name}/enable", tag = "operations",
    operation_id = "enable_follower",
    params(("name" = Name, Path, description = "The follower, as the list calls it")),
    responses((status = 204, description = "It goes on where it stopped")),
)]
pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    _: NoParams,
) -> Result<StatusCode, Error> {
    if let Some(id) = EndpointId::of_sink(&name) {
        // An endpoint is what its record says.
        webhooks::execute(&app, Command::Enable(id)).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let known = app.followers.enable(&name);
    known.then_some(StatusCode::NO_CONTENT).ok_or_else(|| Error::new(Kind::NotFound))
}

fn show(follower: &Follower, now: Timestamp) -> Value {
    let standing = &follower.standing;
    let mut row = json!({
        "name": &*follower.name,
        "state": standing.as_str(),
        "problem": standing.trouble(),
    });
    if let Standing::Driven(status) = standing {
        let held = match status.state {
            follow::State::Held { until } => Some(time(until)),
            follow::State::Running | follow::State::Crowded | follow::State::Disabled(_) => None,
        };
        let error = |(at, why): &(Timestamp, Box<str>)| json!({"at": time(*at), "reason": why});
        row["held_until"] = held.into();
        row["cursor"] = status.cursor.map(cursor).into();
        row["lag"] = json!({
            "changes": status.lag.changes,
            "bytes": status.lag.bytes,
            "seconds": lag_seconds(status, now),
        });
        row["in_flight"] = status.in_flight.into();
        row["waiting_orders"] = status.waiting_orders.into();
        row["waiting_deliveries"] = status.waiting_deliveries.into();
        row["next_try"] = status.next_try.map(time).into();
        row["last_error"] = status.last_error.as_ref().map(error).into();
        let counts = outcomes(status).map(|(name, count)| (name.to_owned(), count.into()));
        row["deliveries"] = Value::Object(counts.into_iter().collect());
    }
    row
}

/// Age of the oldest change that is not done, in whole seconds; 0 when all are.
pub(crate) fn lag_seconds(status: &Status, now: Timestamp) -> u64 {
    let since = status.lag.oldest.map_or(0, |at| now.0.saturating_sub(at.0));
    u64::try_from(since / 1_000_000).unwrap_or(0)
}

/// What became of attempts and deliveries since the start, by the names of the metric's labels.
pub(crate) fn outcomes(status: &Status) -> [(&'static str, u64); 6] {
    let counts = status.counts;
    [
        ("delivered", counts.delivered),
        ("skipped", counts.skipped),
        ("refused", counts.refused),
        ("unavailable", counts.unavailable),
        ("dead", counts.buried),
        ("missed", counts.missed),
    ]
}
