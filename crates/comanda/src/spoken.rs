//! The language the commands speak: settled once, before anything is said.
//!
//! Never: the language of the API; that is for each request to ask for.

use std::sync::OnceLock;

use messages::{Lang, Phrase};

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
