//! Who follows the log, as operators see it: the list, readiness, metrics.

use std::sync::Arc;

use domain::id::OrderKey;
use domain::time::Timestamp;
use service::change::Seq;
use service::follow::{Counts, Disabled, Holding, Lag, State, Status};
use service::ledger::Unavailable;
use web::App;
use web::followers::{Follower, FollowerRuns, Standing};

use crate::api::{Api, Ask};

/// The first moment of every test.
const NOW: i64 = 1_767_323_045_000_000;

/// One follower of each kind.
struct OfEachKind;

fn status(state: State) -> Status {
    Status {
        state,
        cursor: Some(Seq(0x1f4c)),
        lag: Lag { changes: 7, bytes: 4_096, oldest: Some(Timestamp(NOW - 90_500_000)) },
        in_flight: 2,
        waiting_orders: 3,
        waiting_deliveries: 5,
        next_try: Some(Timestamp(NOW + 2_000_000)),
        last_error: Some((Timestamp(NOW - 1_000_000), "connection refused".into())),
        counts: Counts {
            delivered: 100,
            skipped: 1,
            refused: 4,
            unavailable: 9,
            buried: 2,
            missed: 0,
        },
    }
}

impl FollowerRuns for OfEachKind {
    fn list(&self) -> Result<Vec<Follower>, Unavailable> {
        let mut all = self.driven();
        all.push(Follower { name: "step:old".into(), standing: Standing::NotDriven });
        Ok(all)
    }

    fn driven(&self) -> Vec<Follower> {
        let gone = Disabled { at: Timestamp(NOW), reason: "410 Gone".into() };
        let states = [
            ("archive", State::Running),
            ("mail", State::Held { until: Timestamp(NOW + 2_000_000) }),
            ("step:fraud", State::Crowded),
            ("webhook:ep_1", State::Disabled(gone)),
        ];
        let driven = states.map(|(name, state)| Follower {
            name: name.into(),
            standing: Standing::Driven(status(state)),
        });
        let damaged = Standing::Damaged("the progress of log is damaged".into());
        let damaged = Follower { name: "log".into(), standing: damaged };
        driven.into_iter().chain([damaged]).collect()
    }

    fn holding(&self, _: &OrderKey) -> Vec<(Box<str>, Holding)> {
        Vec::new()
    }

    fn enable(&self, name: &str) -> bool {
        name == "mail"
    }
}

fn api() -> Api {
    Api::with(|app: &mut App| app.followers = Arc::new(OfEachKind))
}

#[tokio::test]
async fn the_list_says_how_each_follower_is_and_why() {
    let asks = vec![
        Ask::get("/v1/followers"),
        Ask::post("/v1/followers/mail/enable", ""),
        Ask::post("/v1/followers/nobody/enable", ""),
    ];
    insta::assert_json_snapshot!(api().story(asks).await);
}

#[tokio::test]
async fn a_follower_that_stands_still_is_named_and_the_server_stays_ready() {
    let answer = api().ask(Ask::get("/ready")).await;
    assert_eq!(answer["status"], 200);
    let named: Vec<&str> = answer["body"]["degraded"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["follower"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["mail", "step:fraud", "webhook:ep_1", "log"]);
}

#[tokio::test]
async fn metrics_say_for_each_follower_how_far_behind_it_is() {
    let text = api().text("/metrics").await;
    for line in [
        "comanda_follower_lag_changes{follower=\"mail\"} 7",
        "comanda_follower_lag_seconds{follower=\"mail\"} 90",
        "comanda_follower_state{follower=\"mail\",state=\"held\"} 1",
        "comanda_follower_state{follower=\"mail\",state=\"running\"} 0",
        "comanda_follower_state{follower=\"log\",state=\"damaged\"} 1",
        "comanda_follower_deliveries_total{follower=\"archive\",outcome=\"delivered\"} 100",
        "comanda_follower_deliveries_total{follower=\"archive\",outcome=\"dead\"} 2",
        "comanda_follower_waiting_orders{follower=\"step:fraud\"} 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let nobody = Api::new().text("/metrics").await;
    assert!(!nobody.contains("comanda_follower"), "nothing where nobody follows");
}
