//! Webhook endpoints: added, changed, disabled, removed; and what is to be told again.

use std::sync::Arc;

use super::Run;
use crate::change::{Seq, What};
use crate::ledger::{Answer, Unavailable};
use crate::letters::{DeadLetter, Filter, How, Kind, Settled, Subject};
use crate::view::{Base, Direction};
use crate::webhooks::{
    Command, ENDPOINTS_MAX, Endpoint, EndpointId, REASON_BYTES_MAX, Refused, State,
};

/// Longest kept text of why an endpoint is disabled, in characters of up to four bytes.
const REASON_CHARS_MAX: usize = REASON_BYTES_MAX / 4;

impl<B: Base> Run<'_, B> {
    /// Does something about an endpoint.
    pub(super) fn webhook(&mut self, command: &Command) -> Result<Answer, Unavailable> {
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
                let seq = self.push(What::Endpoint(endpoint.clone()));
                let endpoint = self.endpoint(seq, endpoint);
                if let Command::Enable(id) | Command::Remove(id) = command {
                    self.end_disabled(id)?;
                }
                return Ok(Answer::Endpoint(Ok(endpoint)));
            }
        }
        Ok(Answer::Endpoint(next))
    }

    /// An endpoint whose destination is gone is told no more: in the commit of the dead letter
    /// that says so, and again if it was enabled since.
    pub(super) fn disable_webhook(&mut self, letter: &DeadLetter) -> Result<(), Unavailable> {
        let Subject::Disabled { sink } = &letter.subject else { return Ok(()) };
        let Some(id) = EndpointId::of_sink(sink) else { return Ok(()) };
        let cut = letter.error.chars().take(REASON_CHARS_MAX).collect::<String>();
        self.webhook(&Command::Disable { id, reason: cut.into() }).map(drop)
    }

    /// Whoever sends again that a destination is gone means that it is back.
    pub(super) fn enable_webhook(&mut self, settled: &Settled) -> Result<(), Unavailable> {
        let Subject::Disabled { sink } = &settled.subject else { return Ok(()) };
        match EndpointId::of_sink(sink) {
            Some(id) if settled.how == How::Redriven => {
                self.webhook(&Command::Enable(id)).map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Ends the open letter that says that an endpoint is gone.
    fn end_disabled(&mut self, id: &EndpointId) -> Result<(), Unavailable> {
        let source = Some(id.sink().into());
        let (kind, open) = (Some(Kind::Disabled), Some(true));
        let filter = Filter { kind, source, open, ..Filter::default() };
        let page = self.view().letters(&filter, Direction::Oldest, None, 1)?;
        let open = page.rows.into_iter().next();
        open.map_or(Ok(()), |(seq, _)| self.end_letter(seq, How::Overtaken).map(drop))
    }

    /// Takes an endpoint in as the record at `seq` says: the first one does not know its place.
    pub(super) fn endpoint(&mut self, seq: Seq, endpoint: &Endpoint) -> Arc<Endpoint> {
        let since = if endpoint.since == Seq::default() { seq } else { endpoint.since };
        let endpoint = Arc::new(Endpoint { since, ..endpoint.clone() });
        let row = endpoint.clone();
        self.driver.draft.overlay.endpoints.insert(endpoint.id.clone(), endpoint.clone());
        self.edit_catalogue(|catalogue| match row.state {
            State::Active | State::Disabled { .. } => {
                catalogue.endpoints.insert(row.id.clone(), row);
            }
            State::Removed => {
                catalogue.endpoints.remove(&row.id);
            }
        });
        endpoint
    }
}
