//! The functions of the one artifact. Each is a struct that holds what it works with and answers
//! one kind of event; who calls it, and with which clients, is not its business (`run`).
//!
//! Never: a decision about an order. That is the ledger's.

pub mod api;
pub mod batch_items;
pub mod batch_summary;
pub mod batch_validate;
pub mod batches;
pub mod events;
pub mod fanout;
pub mod files;
pub mod inbox;
pub mod intake;
pub mod lake;
pub mod object;
pub mod places;
pub mod relay;
pub mod work;

use std::fmt;

/// Which function this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Answers HTTP.
    Api,
    /// Takes in messages of other producers.
    Intake,
    /// Takes in files.
    Files,
    /// Hands on what rows of the table wait for.
    Relay,
    /// Does what was handed on.
    Work,
    /// Tells what happened.
    Fanout,
    /// Writes the lake.
    Lake,
    /// Takes in items of another producer's table.
    Inbox,
    /// Looks at a batch before it runs.
    BatchValidate,
    /// Takes in some of its items.
    BatchItems,
    /// Says what it came to.
    BatchSummary,
}

impl Function {
    /// Every function with its name.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Api, "api"),
        (Self::Intake, "intake"),
        (Self::Files, "files"),
        (Self::Relay, "relay"),
        (Self::Work, "work"),
        (Self::Fanout, "fanout"),
        (Self::Lake, "lake"),
        (Self::Inbox, "inbox"),
        (Self::BatchValidate, "batch-validate"),
        (Self::BatchItems, "batch-items"),
        (Self::BatchSummary, "batch-summary"),
    ];

    /// Their names, for people.
    pub const NAMES: &'static str = "api, intake, files, relay, work, fanout, lake, inbox, \
        batch-validate, batch-items or batch-summary";

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(function, _)| *function == self).map_or("", |(_, name)| name)
    }

    /// The function of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, of)| *of == name).map(|(function, _)| *function)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_every_name() {
        for (function, name) in Function::ALL {
            assert!(Function::NAMES.contains(name), "{name}");
            assert_eq!(Function::parse(name), Some(function));
        }
    }
}
