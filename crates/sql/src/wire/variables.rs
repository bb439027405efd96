//! Settings of a session, as far as clients ask for them: `SET`, `SHOW`, `RESET`.
//!
//! What would change an answer in a way that is not kept to is refused: times are in UTC, texts
//! are UTF-8, nothing is written.
//!
//! Never: an option of the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure::{Failure, code};

/// What the server calls itself, so that clients know which dialect they meet.
pub(super) const SERVER_VERSION: &str = concat!("15.0 (Comanda ", env!("CARGO_PKG_VERSION"), ")");

/// What may be set to what.
#[derive(Clone, Copy)]
enum Takes {
    /// Anything: it changes nothing here.
    Anything,
    /// One of these only, whatever the case of its letters.
    Only(&'static [&'static str]),
    /// Nothing: it says how things are.
    Nothing,
    /// A time.
    Duration,
}

/// A setting.
struct Known {
    /// Its name, as it is told.
    name: &'static str,
    /// Its value at the beginning.
    default: &'static str,
    takes: Takes,
    /// Whether clients are told of it at the beginning and of every change.
    reported: bool,
}

const fn known(name: &'static str, default: &'static str, takes: Takes, reported: bool) -> Known {
    Known { name, default, takes, reported }
}

const ON: Takes = Takes::Only(&["on", "true", "yes", "1"]);
const UTF8: Takes = Takes::Only(&["utf8", "utf-8", "unicode"]);
const UTC: Takes = Takes::Only(&["utc", "etc/utc", "gmt", "z", "zulu", "universal", "default"]);

/// Every setting there is; by name, in the order they are told.
const KNOWN: &[Known] = &[
    known("application_name", "", Takes::Anything, true),
    known("bytea_output", "hex", Takes::Only(&["hex"]), false),
    known("client_encoding", "UTF8", UTF8, true),
    known("client_min_messages", "notice", Takes::Anything, false),
    known("DateStyle", "ISO, MDY", Takes::Only(&["iso", "iso, mdy", "iso, dmy", "iso, ymd"]), true),
    known("default_transaction_isolation", "repeatable read", Takes::Anything, false),
    known("default_transaction_read_only", "on", ON, true),
    known("extra_float_digits", "1", Takes::Anything, false),
    known("idle_in_transaction_session_timeout", "0", Takes::Anything, false),
    known("in_hot_standby", "off", Takes::Nothing, true),
    known("integer_datetimes", "on", Takes::Nothing, true),
    known("IntervalStyle", "postgres", Takes::Only(&["postgres"]), true),
    known("is_superuser", "off", Takes::Nothing, true),
    known("jit", "off", Takes::Anything, false),
    known("lock_timeout", "0", Takes::Anything, false),
    known("max_identifier_length", "63", Takes::Nothing, false),
    known("row_security", "on", Takes::Anything, false),
    known("search_path", "public", Takes::Anything, false),
    known("server_encoding", "UTF8", Takes::Nothing, true),
    known("server_version", SERVER_VERSION, Takes::Nothing, true),
    known("server_version_num", "150000", Takes::Nothing, false),
    known("session_authorization", "", Takes::Nothing, true),
    known("standard_conforming_strings", "on", ON, true),
    known("statement_timeout", "0", Takes::Duration, false),
    known("synchronous_commit", "on", Takes::Anything, false),
    known("TimeZone", "UTC", UTC, true),
    known("transaction_isolation", "repeatable read", Takes::Anything, false),
    known("transaction_read_only", "on", ON, false),
];

/// A value that was set; to be told to the client where its setting is one that is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// Settings of a session.
#[derive(Debug, Default)]
pub(super) struct Variables {
    set: BTreeMap<&'static str, String>,
    /// What they are reset to, where that is not the default.
    began: BTreeMap<&'static str, String>,
}

impl Variables {
    /// Settings as a session begins with them: `user`, and what the client asks for. What it asks
    /// for is passed over where it is a preference that drivers send unasked.
    pub(super) fn begin<'a>(
        user: &str,
        asked: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Failure> {
        let mut this = Self::default();
        this.set.insert("session_authorization", user.to_owned());
        for (name, value) in asked {
            match name {
                "user" | "database" | "replication" => {}
                // Drivers send the machine's: answers say in which they are.
                "client_encoding" | "TimeZone" | "DateStyle" => {}
                "options" => {
                    for (name, value) in options(value)? {
                        this.set(&name, &value)?;
                    }
                }
                name if name.starts_with("_pq_.") => {}
                name => drop(this.set(name, value)?),
            }
        }
        this.began.clone_from(&this.set);
        Ok(this)
    }

    /// Sets one; what to tell of it.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<Option<Told>, Failure> {
        let known = find(name)?;
        let lower = value.to_ascii_lowercase();
        match known.takes {
            Takes::Anything => drop(self.set.insert(known.name, value.to_owned())),
            Takes::Only(values) if values.contains(&&*lower) => {}
            Takes::Only(_) => return Err(unsupported(known, value)),
            Takes::Nothing => {
                let message = format!("parameter \"{}\" cannot be changed", known.name);
                return Err(Failure::new(code::INVALID_PARAMETER, message));
            }
            Takes::Duration => {
                let limit = duration(value).ok_or_else(|| {
                    let message =
                        format!("invalid value for parameter \"{}\": \"{value}\"", known.name);
                    Failure::new(code::INVALID_PARAMETER, message)
                })?;
                self.set.insert(known.name, millis(limit));
            }
        }
        Ok(self.told(known))
    }

    /// Sets one back to what it began with; what to tell of it.
    pub(super) fn reset(&mut self, name: &str) -> Result<Option<Told>, Failure> {
        let known = find(name)?;
        match self.began.get(known.name) {
            Some(began) => self.set.insert(known.name, began.clone()),
            None => self.set.remove(known.name),
        };
        Ok(self.told(known))
    }

    /// Sets all back to what they began with; what to tell of them.
    pub(super) fn reset_all(&mut self) -> Vec<Told> {
        self.set.clone_from(&self.began);
        self.reported()
    }

    /// What one is, with its name as it is told.
    pub(super) fn show(&self, name: &str) -> Result<(&'static str, String), Failure> {
        let known = find(name)?;
        Ok((known.name, self.value(known)))
    }

    /// What all of them are.
    pub(super) fn show_all(&self) -> Vec<(&'static str, String)> {
        KNOWN.iter().map(|known| (known.name, self.value(known))).collect()
    }

    /// What clients are told of.
    pub(super) fn reported(&self) -> Vec<Told> {
        KNOWN.iter().filter_map(|known| self.told(known)).collect()
    }

    /// How long a statement may take, when the session limits it.
    pub(super) fn statement_timeout(&self) -> Option<Duration> {
        let limit = duration(self.set.get("statement_timeout")?)?;
        (!limit.is_zero()).then_some(limit)
    }

    fn value(&self, known: &Known) -> String {
        self.set.get(known.name).cloned().unwrap_or_else(|| known.default.to_owned())
    }

    fn told(&self, known: &Known) -> Option<Told> {
        known.reported.then(|| Told { name: known.name, value: self.value(known) })
    }
}

fn find(name: &str) -> Result<&'static Known, Failure> {
    let found = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let message = format!("unrecognized configuration parameter \"{name}\"");
        Failure::new(code::UNDEFINED_PARAMETER, message)
    })
}

fn unsupported(known: &Known, value: &str) -> Failure {
    let message = format!("parameter \"{}\" cannot be set to \"{value}\" here", known.name);
    let failure = Failure::new(code::FEATURE_NOT_SUPPORTED, message);
    match known.name {
        "TimeZone" => failure
            .hint("Times are in UTC. Another zone's: placed_at AT TIME ZONE 'America/Sao_Paulo'."),
        "default_transaction_read_only" | "transaction_read_only" => {
            failure.hint("Orders are changed over HTTP; SQL reads.")
        }
        _ => failure,
    }
}

/// Settings of `-c name=value` and `--name=value`, as `PGOPTIONS` has them.
fn options(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let broken = || {
        let message = "options are read as: -c name=value";
        Failure::fatal(code::INVALID_PARAMETER, message)
    };
    let mut words = text.split_ascii_whitespace();
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next().ok_or_else(broken)?,
            Some(pair) => pair,
            None => return Err(broken()),
        };
        let (name, value) = pair.split_once('=').ok_or_else(broken)?;
        options.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(options)
}

/// A time as PostgreSQL writes it: milliseconds, or with a unit.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// A time as PostgreSQL shows it.
fn millis(limit: Duration) -> String {
    match limit.as_millis() {
        0 => "0".to_owned(),
        millis if millis % 60_000 == 0 => format!("{}min", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(asked: &[(&str, &str)]) -> Result<Variables, Failure> {
        Variables::begin("ana", asked.iter().copied())
    }

    #[test]
    fn what_is_set_is_shown_and_reset_to_what_it_began_with() {
        let mut variables = begun(&[("application_name", "psql"), ("user", "ana")]).unwrap();
        let told = variables.set("APPLICATION_NAME", "report").unwrap();
        let expected = Told { name: "application_name", value: "report".to_owned() };
        assert_eq!(told, Some(expected));
        assert_eq!(variables.show("application_name").unwrap().1, "report");
        variables.reset("application_name").unwrap();
        assert_eq!(variables.show("application_name").unwrap().1, "psql");
        assert_eq!(variables.show("session_authorization").unwrap().1, "ana");
    }

    #[test]
    fn what_is_not_kept_to_is_refused() {
        let mut variables = begun(&[]).unwrap();
        let mut refused = |name, value| variables.set(name, value).unwrap_err().code;
        assert_eq!(refused("timezone", "America/Sao_Paulo"), "0A000");
        assert_eq!(refused("client_encoding", "LATIN1"), "0A000");
        assert_eq!(refused("default_transaction_read_only", "off"), "0A000");
        assert_eq!(refused("server_version", "16"), "22023");
        assert_eq!(refused("statement_timeout", "soon"), "22023");
        assert_eq!(refused("datafusion.execution.batch_size", "1"), "42704");
        assert_eq!(variables.set("TimeZone", "utc").unwrap().unwrap().value, "UTC");
    }

    #[test]
    fn times_have_units() {
        let mut variables = begun(&[("options", "-c statement_timeout=5s")]).unwrap();
        assert_eq!(variables.statement_timeout(), Some(Duration::from_secs(5)));
        for (text, shown) in [("250", "250ms"), ("2min", "2min"), ("1h", "60min"), ("0", "0")] {
            variables.set("statement_timeout", text).unwrap();
            assert_eq!(variables.show("statement_timeout").unwrap().1, shown);
        }
        assert_eq!(variables.statement_timeout(), None);
        assert_eq!(variables.reset_all().len(), KNOWN.iter().filter(|k| k.reported).count());
        assert_eq!(variables.statement_timeout(), Some(Duration::from_secs(5)));
    }

    #[test]
    fn options_that_are_none_end_the_beginning() {
        for wrong in ["x=1", "-c", "-c x", "-c nothing_such=1"] {
            assert!(begun(&[("options", wrong)]).is_err(), "{wrong}");
        }
    }
}
