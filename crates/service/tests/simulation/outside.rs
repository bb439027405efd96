//! Destinations: they take what they are sent, at once or late, once or twice, or do not; and say
//! so, or do not.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::time::Timestamp;
use service::follow::{Delivery, Outcome};

use crate::dice::Dice;

/// How long an attempt waits for an answer.
const TIMEOUT: i64 = 10_000_000;
const MILLISECOND: i64 = 1_000;

/// What becomes of one attempt.
pub(crate) struct Course {
    /// When the destination takes it in; it may do so twice, or when nobody waits any more.
    pub(crate) effects: Vec<Timestamp>,
    /// When the sender knows.
    pub(crate) ends: Timestamp,
    /// What the sender knows.
    pub(crate) outcome: Outcome,
}

/// Somebody who is sent things.
#[derive(Default)]
pub(crate) struct Destination {
    /// What it has taken, by id, and how often. More than once has no further effect.
    pub(crate) taken: BTreeMap<Box<str>, u32>,
    is_down: bool,
}

impl Destination {
    /// It breaks down, or works again.
    pub(crate) fn turn(&mut self, is_down: bool) {
        self.is_down = is_down;
    }

    pub(crate) fn course(
        &self,
        dice: &mut Dice,
        now: Timestamp,
        delivery: &Delivery,
        is_calm: bool,
    ) -> Course {
        let soon = Timestamp(now.0 + (1 + dice.below(400) as i64) * MILLISECOND);
        let hangs = Timestamp(now.0 + TIMEOUT);
        let never = |ends, outcome| Course { effects: Vec::new(), ends, outcome };
        // Some orders it never takes, and some make it fail, however well it is.
        match delivery
            .order
            .as_ref()
            .map_or(0, |key| key.id.as_str().len() * 7 + soft(key.id.as_str()))
            % 19
        {
            3 => return never(soon, refused()),
            5 => return never(if dice.one_in(4) { hangs } else { soon }, unavailable(None)),
            _ => {}
        }
        let taken = |effects, outcome| Course { effects, ends: soon, outcome };
        if is_calm {
            return taken(vec![soon], Outcome::Delivered);
        }
        if self.is_down {
            return never(if dice.one_in(3) { hangs } else { soon }, unavailable(None));
        }
        let late = Timestamp(now.0 + 2 * TIMEOUT);
        match dice.below(40) {
            // The answer is lost; what was sent is not, and may arrive long after.
            0 => Course { effects: vec![soon], ends: hangs, outcome: unavailable(None) },
            1 => Course { effects: vec![late], ends: hangs, outcome: unavailable(None) },
            2 => never(hangs, unavailable(None)),
            3 => never(soon, unavailable(Some(Duration::from_secs(dice.below(20))))),
            4 => never(soon, unavailable(None)),
            5 => never(soon, refused()),
            6 => taken(vec![soon, late], Outcome::Delivered),
            7 => never(soon, Outcome::Skipped { reason: "nobody to tell".into() }),
            8 if dice.one_in(4) => never(soon, Outcome::Gone { reason: "410".into() }),
            _ => taken(vec![soon], Outcome::Delivered),
        }
    }

    /// It takes something in; whether for the first time.
    pub(crate) fn take(&mut self, id: &str) -> bool {
        let times = self.taken.entry(id.into()).or_default();
        *times += 1;
        *times == 1
    }
}

fn soft(id: &str) -> usize {
    id.bytes().map(usize::from).sum()
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "422".into() }
}

fn unavailable(retry_after: Option<Duration>) -> Outcome {
    Outcome::Unavailable { reason: "503".into(), retry_after }
}
