//! How intakes from queues fare, for Prometheus.

use std::time::Duration;

use service::source::machine::State;

use super::Text;

/// How an intake from a queue fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeState {
    /// The queue.
    pub queue: Box<str>,
    /// How its intake fares.
    pub state: State,
    /// For how long the oldest message that is held has waited since it was sent.
    pub lag: Duration,
}

/// Nothing where there are no queues.
pub(super) fn render(out: &mut Text, intakes: &[IntakeState]) {
    if intakes.is_empty() {
        return;
    }
    let mut one = |name: &'static str, kind: &str, help: &str, value: fn(&IntakeState) -> u64| {
        out.family(name, kind, help);
        for intake in intakes {
            out.sample(&format!("queue=\"{}\"", intake.queue), value(intake));
        }
    };
    let (name, help) = ("comanda_intake_up", "Whether orders are taken from the queue.");
    one(name, "gauge", help, |intake| u64::from(intake.state.trouble.is_none()));
    let (name, help) = ("comanda_intake_in_flight", "Messages that are held.");
    one(name, "gauge", help, |intake| intake.state.in_flight as u64);
    let (name, help) = ("comanda_intake_lag_seconds", "Age of the oldest message that is held.");
    one(name, "gauge", help, |intake| intake.lag.as_secs());
    let (name, help) = ("comanda_intake_received_total", "Messages that the queue handed out.");
    one(name, "counter", help, |intake| intake.state.counts.received);
    let (name, help) = ("comanda_intake_failures_total", "Calls that the queue did not answer.");
    one(name, "counter", help, |intake| intake.state.counts.failures);
    let help = "Messages deleted, lost (they come again) and given back.";
    table(out, "comanda_intake_messages_total", help, intakes, |State { counts, .. }| {
        vec![
            ("deleted", counts.deleted),
            ("lost", counts.lost),
            ("given_back", counts.given_back),
            ("exhausted", counts.settled.exhausted),
        ]
    });
    let help = "Documents of messages by outcome.";
    table(out, "comanda_intake_documents_total", help, intakes, |State { counts, .. }| {
        let settled = &counts.settled;
        vec![
            ("accepted", settled.accepted),
            ("duplicate", settled.repeated),
            ("refused", settled.refused),
            ("invalid", settled.invalid),
            ("redelivered", settled.redelivered),
            ("broken", settled.broken),
        ]
    });
}

/// A counter of several outcomes.
fn table(
    out: &mut Text,
    name: &'static str,
    help: &str,
    intakes: &[IntakeState],
    outcomes: fn(&State) -> Vec<(&'static str, u64)>,
) {
    out.family(name, "counter", help);
    for IntakeState { queue, state, .. } in intakes {
        for (outcome, count) in outcomes(state) {
            out.sample(&format!("queue=\"{queue}\",outcome=\"{outcome}\""), count);
        }
    }
}
