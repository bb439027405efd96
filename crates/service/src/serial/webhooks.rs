//! Webhook endpoints: added, changed, disabled, removed; and what is to be told again.

use std::sync::Arc;

use super::Run;
use crate::change::What;
use crate::ledger::Answer;
use crate::view::Base;
use crate::webhooks::{Command, ENDPOINTS_MAX, Endpoint, Refused, State};

impl<B: Base> Run<'_, B> {
    pub(super) fn webhook(&mut self, command: &Command) -> Answer {
        let catalogue = self.draft_catalogue();
        let now = catalogue.endpoints.get(command.endpoint());
        let is_full = catalogue.endpoints.len() >= ENDPOINTS_MAX;
        let next = match (command, command.apply(now, self.now)) {
            (Command::Add { .. }, Ok(_)) if is_full => Err(Refused::TooMany),
            (_, next) => next,
        };
        if let Ok(endpoint) = &next {
            if let Command::Replay(replay) = command {
                self.push(What::Replay(replay.clone()));
            } else if now != Some(endpoint) {
                self.push(What::Endpoint(endpoint.clone()));
                self.endpoint(endpoint.clone());
            }
        }
        Answer::Endpoint(next)
    }

    pub(super) fn endpoint(&mut self, endpoint: Arc<Endpoint>) {
        self.driver.draft.overlay.endpoints.insert(endpoint.id.clone(), endpoint.clone());
        self.edit_catalogue(|catalogue| match endpoint.state {
            State::Active | State::Disabled { .. } => {
                catalogue.endpoints.insert(endpoint.id.clone(), endpoint);
            }
            State::Removed => {
                catalogue.endpoints.remove(&endpoint.id);
            }
        });
    }
}
