//! The language the commands speak: settled once, before anything is said.
//!
//! Never: the language of the API; that is for each request to ask for.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use connectors::place::{PREFIX_BYTES_MAX, PlaceError};
use engine::OpenError;
use messages::{Lang, Phrase, phrase};
use service::ledger::Unavailable;

use crate::settled::OtherCurrency;

static LANG: OnceLock<Lang> = OnceLock::new();

/// Settles the language: the one asked for, else the terminal's, else English.
pub(crate) fn settle(asked: Option<Lang>) {
    let lang = asked.unwrap_or_else(|| of_terminal(|name| std::env::var(name).ok()));
    // Whoever settles it twice has spoken already.
    let _ = LANG.set(lang);
}

/// As POSIX has it: the first of these variables that is set and not empty decides, be it for a
/// language that nobody wrote texts in.
fn of_terminal(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let mut locales = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
    let locale = locales.find(|locale| !locale.is_empty()).unwrap_or_default();
    Lang::from_locale(&locale).unwrap_or_default()
}

/// The language.
pub(crate) fn lang() -> Lang {
    LANG.get().copied().unwrap_or_default()
}

/// A text in that language.
pub(crate) fn text(phrase: &Phrase) -> String {
    phrase.to(lang())
}

/// A text in the language the commands speak: a message and what fills its variables.
macro_rules! told {
    ($($message:tt)*) => { $crate::spoken::text(&messages::phrase!($($message)*)) };
}
pub(crate) use told;

/// A word of a table or a list of facts, in that language.
macro_rules! word {
    ($message:literal) => {
        messages::label(messages::id!($message), $crate::spoken::lang())
    };
}
pub(crate) use word;

/// An error with its causes in that language, as far as they are ours; the system's and the
/// libraries' own words stay theirs.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = translated(cause).map_or_else(|| cause.to_string(), |phrase| text(&phrase));
        // Some errors say their cause in their own text.
        if !texts.last().is_some_and(|above| above.ends_with(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

fn translated(cause: &(dyn std::error::Error + 'static)) -> Option<Phrase> {
    cause
        .downcast_ref()
        .map(opening)
        .or_else(|| cause.downcast_ref().map(unavailable))
        .or_else(|| cause.downcast_ref().and_then(batch))
        .or_else(|| cause.downcast_ref().map(currency))
        .or_else(|| cause.downcast_ref().map(backup))
        .or_else(|| cause.downcast_ref().and_then(place))
        .or_else(|| cause.downcast_ref().and_then(system))
}

/// Why nothing can be put into a bucket or folder.
fn place(error: &PlaceError) -> Option<Phrase> {
    match error {
        PlaceError::Folder(_) => Some(phrase!("archive-folder")),
        PlaceError::Prefix => Some(phrase!("archive-prefix", bytes = PREFIX_BYTES_MAX.to_string())),
        PlaceError::Url | PlaceError::Store(_) => None,
    }
}

fn currency(error: &OtherCurrency) -> Phrase {
    let OtherCurrency { path, stored, set } = error;
    phrase!(
        "no-other-currency",
        path = path.display().to_string(),
        stored = stored.clone(),
        set = set.clone()
    )
}

/// Why there is no backup, or nothing was restored.
fn backup(error: &engine::backup::Error) -> Phrase {
    use engine::backup::{Damage, Error};
    let shown = |path: &Path| path.display().to_string();
    match error {
        Error::Occupied(path) => phrase!("no-backup-place", path = shown(path)),
        Error::NoStore(path) => phrase!("no-backup-store", path = shown(path)),
        Error::Unfinished(path) => phrase!("no-backup-finished", path = shown(path)),
        Error::Damaged { name, why } => match why {
            Damage::Missing => phrase!("no-backup-file", name = name.as_str()),
            Damage::Length => phrase!("no-backup-length", name = name.as_str()),
            Damage::Content => phrase!("no-backup-content", name = name.as_str()),
            Damage::Shrank => phrase!("no-backup-shrank", name = name.as_str()),
        },
        Error::Format { found } => phrase!("no-backup-format", found = found.as_str()),
        Error::Unsound(faults) => phrase!("no-backup-sound", faults = faults.join("; ")),
        Error::Log(_) => phrase!("no-store-log"),
        Error::Open(error) => opening(error),
        Error::Io { path, .. } => phrase!("no-use", path = shown(path)),
    }
}

/// Why a store cannot be opened.
pub(crate) fn opening(error: &OpenError) -> Phrase {
    match error {
        OpenError::Held(dir) => phrase!("no-store-held", path = dir.display().to_string()),
        OpenError::Format { dir, found } => phrase!(
            "no-store-format",
            path = dir.display().to_string(),
            found = found.as_str(),
            known = engine::FORMAT,
        ),
        OpenError::Io(_) => phrase!("no-store-files"),
        OpenError::Log(_) => phrase!("no-store-log"),
        OpenError::Store(_) => phrase!("no-store-index"),
        OpenError::Project(_) => phrase!("no-store-update"),
        OpenError::Read(error) => unavailable(error),
    }
}

fn unavailable(error: &Unavailable) -> Phrase {
    match error {
        Unavailable::Full => phrase!("no-queue"),
        Unavailable::DiskSpace => phrase!("no-room"),
        Unavailable::OutcomeUnknown => phrase!("no-outcome"),
        Unavailable::Closed => phrase!("no-ledger"),
        Unavailable::Cursor => phrase!("no-cursor"),
        Unavailable::Read(why) => phrase!("no-store-read", why = why.as_str()),
    }
}

/// Why a batch came to no end; `None` for what says no more than its cause.
fn batch(error: &service::batch::run::Error) -> Option<Phrase> {
    use service::batch::run::Error;
    match error {
        Error::OtherContent(id) => Some(phrase!("no-batch-other-content", id = id.as_str())),
        Error::Input(_) => Some(phrase!("no-batch-input")),
        Error::Ledger(error) => Some(unavailable(error)),
        Error::Rules(_) => None,
        Error::Metadata => Some(phrase!("input-metadata")),
    }
}

/// What is wrong with an input, and what the system says most often.
fn system(error: &io::Error) -> Option<Phrase> {
    if let Some(ours) = error.get_ref().and_then(|error| error.downcast_ref::<Phrase>()) {
        return Some(ours.clone());
    }
    error.raw_os_error()?;
    match error.kind() {
        io::ErrorKind::NotFound => Some(phrase!("no-such-file")),
        io::ErrorKind::PermissionDenied => Some(phrase!("no-permission")),
        io::ErrorKind::AddrInUse => Some(phrase!("no-address")),
        io::ErrorKind::ConnectionRefused => Some(phrase!("no-answer")),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(phrase!("no-space")),
        _ => None,
    }
}

/// Reads `--lang`: a tag (`pt-BR`), or a terminal's locale (`es_AR.UTF-8`).
///
/// # Errors
/// What there is to choose from.
pub(crate) fn parse(text: &str) -> Result<Lang, String> {
    Lang::from_locale(text).ok_or_else(|| "there are pt-BR, es and en".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let spoken = |set: &[(&str, &str)]| {
            of_terminal(|name| {
                set.iter().find(|(n, _)| *n == name).map(|(_, locale)| (*locale).to_owned())
            })
        };
        assert_eq!(spoken(&[("LANG", "pt_BR.UTF-8")]), Lang::PtBr);
        assert_eq!(spoken(&[("LANG", "pt_BR.UTF-8"), ("LC_MESSAGES", "es_AR")]), Lang::Es);
        assert_eq!(spoken(&[("LC_ALL", "C"), ("LANG", "pt_BR.UTF-8")]), Lang::En);
        assert_eq!(spoken(&[("LC_ALL", ""), ("LANG", "es")]), Lang::Es);
        assert_eq!(spoken(&[("LANG", "fr_FR.UTF-8")]), Lang::En);
        assert_eq!(spoken(&[]), Lang::En);
    }

    #[test]
    fn a_language_is_asked_for_by_tag_or_locale() {
        assert_eq!(parse("pt"), Ok(Lang::PtBr));
        assert_eq!(parse("es_MX.UTF-8"), Ok(Lang::Es));
        assert!(parse("klingon").is_err());
    }
}
