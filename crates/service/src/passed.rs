//! Where an order stood after each event of one of its changes: what an event alone does not say.
//!
//! Never: where it stands now. The same change gives the same states whenever it is asked.

use domain::event::Event;
use domain::evolve::{begin, evolve};
use domain::state::OrderState;

use crate::change::{Change, Seq, What};
use crate::ledger::{Ledger, Unavailable, seen};
use crate::view::damaged;

/// The order after each event of the change at `seq`, in their order; nothing for a change that
/// is not an order's.
///
/// Costs no read for the change that began the order, nor, as a rule, for an order's newest one;
/// else a read of each of its changes before, which are few.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn passed(
    ledger: &(impl Ledger + ?Sized),
    seq: Seq,
    change: &Change,
) -> Result<Vec<OrderState>, Unavailable> {
    let What::Order { first, events, .. } = &change.what else { return Ok(Vec::new()) };
    let mut state = None;
    if let Some(first) = *first {
        let entry = seen(ledger, |view| view.entry(first))?;
        if let ([_], Some(last)) = (events.as_slice(), entry.later.last())
            && *last == seq
        {
            return Ok(vec![(*entry.state).clone()]);
        }
        let earlier = std::iter::once(first).chain(entry.later).take_while(|at| *at < seq);
        for at in earlier {
            then(&mut state, &ledger.change(at)?, |_| ())?;
        }
    }
    let mut states = Vec::with_capacity(events.len());
    then(&mut state, change, |state| states.push(state.clone()))?;
    Ok(states)
}

/// Takes an order through one of its changes, and shows it after each event.
fn then(
    state: &mut Option<OrderState>,
    change: &Change,
    mut show: impl FnMut(&OrderState),
) -> Result<(), Unavailable> {
    let What::Order { key, events, .. } = &change.what else {
        return Err(damaged("an order's history points at another change"));
    };
    for event in events {
        match (&mut *state, event) {
            (Some(state), event) => evolve(state, event, change.at, |_, _| {}),
            (empty @ None, Event::Received(received)) => {
                *empty = Some(begin(key.clone(), received, change.at));
            }
            (None, _) => return Err(damaged("an order does not begin with its receipt")),
        }
        state.iter().for_each(&mut show);
    }
    Ok(())
}
