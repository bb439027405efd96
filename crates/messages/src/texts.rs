//! The resources, parsed once, and the texts that are the same every time kept ready.
//!
//! Never: a text without a language, or work for a text that does not vary.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::{LanguageIdentifier, langid};

use crate::id::{COUNT, Id};
use crate::lang::Lang;

/// One language.
struct Locale {
    bundle: FluentBundle<FluentResource>,
    /// Texts without variables, by the message's number.
    plain: Vec<Option<Box<str>>>,
    /// What stands before and after `field` in texts with no other variable.
    around: Vec<Option<(Box<str>, Box<str>)>>,
}

macro_rules! locale {
    ($lang:literal, $folder:literal) => {
        Locale::new(
            langid!($lang),
            [
                include_str!(concat!("../locales/", $folder, "/commands.ftl")),
                include_str!(concat!("../locales/", $folder, "/documents.ftl")),
                include_str!(concat!("../locales/", $folder, "/labels.ftl")),
                include_str!(concat!("../locales/", $folder, "/mail.ftl")),
                include_str!(concat!("../locales/", $folder, "/problems.ftl")),
                include_str!(concat!("../locales/", $folder, "/report.ftl")),
                include_str!(concat!("../locales/", $folder, "/rules.ftl")),
            ],
        )
    };
}

static LOCALES: LazyLock<[Locale; 3]> =
    LazyLock::new(|| [locale!("pt-BR", "pt-BR"), locale!("es", "es"), locale!("en", "en")]);

fn locale(lang: Lang) -> &'static Locale {
    let [pt, es, en] = &*LOCALES;
    match lang {
        Lang::PtBr => pt,
        Lang::Es => es,
        Lang::En => en,
    }
}

/// No text of ours has this character: it marks the place of a variable.
const MARK: &str = "\u{1}";

impl Locale {
    fn new(lang: LanguageIdentifier, resources: [&str; 7]) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![lang]);
        // Texts go to terminals and into JSON: no marks of direction around what is filled in.
        bundle.set_use_isolating(false);
        for resource in resources {
            // What cannot be parsed is missing: the test of the locales finds it.
            let resource = FluentResource::try_new(resource.to_owned());
            bundle.add_resource_overriding(resource.unwrap_or_else(|(parsed, _)| parsed));
        }
        let mut marked = FluentArgs::new();
        marked.set("field", MARK);
        let around = |id| {
            let text = format(&bundle, id, &marked)?;
            text.split_once(MARK).map(|(before, after)| (before.into(), after.into()))
        };
        let plain = |id| format(&bundle, id, &FluentArgs::new()).map(Into::into);
        let (plain, around) = (Id::all().map(plain).collect(), Id::all().map(around).collect());
        Self { bundle, plain, around }
    }
}

/// A message's text; `None` when it is missing or one of its variables is.
fn format(
    bundle: &FluentBundle<FluentResource>,
    id: Id,
    arguments: &FluentArgs<'_>,
) -> Option<String> {
    let pattern = bundle.get_message(id.name())?.value()?;
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(arguments), &mut errors);
    errors.is_empty().then(|| text.into_owned())
}

/// A message's text. Should a language lack it, which the tests of the locales rule out, it is
/// in English; should a variable be missing, the message's name is better than half a sentence.
pub(crate) fn formatted(id: Id, lang: Lang, arguments: &FluentArgs<'_>) -> String {
    let text = format(&locale(lang).bundle, id, arguments);
    debug_assert!(text.is_some(), "{} lacks a variable in {}", id.name(), lang.as_str());
    let english = || format(&locale(Lang::En).bundle, id, arguments);
    text.or_else(english).unwrap_or_else(|| id.name().to_owned())
}

/// The text of a message without variables. Costs two look-ups in arrays.
///
/// ```
/// use messages::{Lang, id, label};
/// assert_eq!(label(id!("line-RESERVED"), Lang::Es), "Reservado");
/// ```
#[must_use]
pub fn label(id: Id, lang: Lang) -> &'static str {
    let text = locale(lang).plain.get(id.at()).and_then(Option::as_deref);
    debug_assert!(text.is_some(), "{} has variables in {}", id.name(), lang.as_str());
    text.unwrap_or(id.name())
}

/// What stands before and after `field` in a message that has no other variable: warnings are
/// put together without formatting. `None` for other messages.
///
/// ```
/// use messages::{Lang, around_field, id};
/// let around = around_field(id!("violation-bad_cpf"), Lang::En);
/// assert_eq!(around, Some(("Field '", "' is not a valid CPF.")));
/// ```
#[must_use]
pub fn around_field(id: Id, lang: Lang) -> Option<(&'static str, &'static str)> {
    let around = locale(lang).around.get(id.at()).and_then(Option::as_ref);
    around.map(|(before, after)| (&**before, &**after))
}

const _: () = assert!(COUNT < u16::MAX as usize, "a message's number fits its type");
