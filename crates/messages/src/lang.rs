//! The languages, and which of them somebody asks for.
//!
//! Never: a language nobody wrote texts in.

use unic_langid::LanguageIdentifier;

/// A language Comanda speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Brazilian Portuguese.
    PtBr,
    /// Spanish.
    Es,
    /// English: where nobody asks for any of these.
    #[default]
    En,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::PtBr, Self::Es, Self::En];

    /// The language tag (BCP 47).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PtBr => "pt-BR",
            Self::Es => "es",
            Self::En => "en",
        }
    }

    /// The language of a tag (`pt-PT`, `es_MX`). Regions are not told apart.
    ///
    /// ```
    /// use messages::Lang;
    /// assert_eq!(Lang::from_tag("pt"), Some(Lang::PtBr));
    /// assert_eq!(Lang::from_tag("zh-Hant-TW"), None);
    /// ```
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag: LanguageIdentifier = tag.parse().ok()?;
        match tag.language.as_str() {
            "pt" => Some(Self::PtBr),
            "es" => Some(Self::Es),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The language of a POSIX locale (`pt_BR.UTF-8`, `es_AR@euro`); none of `C` and `POSIX`.
    ///
    /// ```
    /// use messages::Lang;
    /// assert_eq!(Lang::from_locale("pt_BR.UTF-8"), Some(Lang::PtBr));
    /// assert_eq!(Lang::from_locale("C.UTF-8"), None);
    /// ```
    #[must_use]
    pub fn from_locale(locale: &str) -> Option<Self> {
        Self::from_tag(locale.split(['.', '@']).next().unwrap_or_default())
    }

    /// The language an `Accept-Language` header (RFC 9110) likes best: highest weight, then the
    /// first; `None` when it likes none of ours more than any (`*`, `fr`, nonsense).
    ///
    /// Read for every order, so it allocates nothing; weights are thousandths, as the grammar
    /// has them. A test holds it to a published parser of the header.
    ///
    /// ```
    /// use messages::Lang;
    /// assert_eq!(Lang::from_accept_language("fr, en;q=0.5, es-MX;q=0.9"), Some(Lang::Es));
    /// assert_eq!(Lang::from_accept_language("pt"), Some(Lang::PtBr));
    /// assert_eq!(Lang::from_accept_language("*"), None);
    /// ```
    #[must_use]
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let (mut best, mut best_weight) = (None, 0);
        for range in header.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let Some(weight) = weight(parameters) else { continue };
            if weight > best_weight
                && let Some(lang) = Self::from_tag(tag.trim())
            {
                (best, best_weight) = (Some(lang), weight);
            }
        }
        best
    }
}

/// The weight among a range's parameters in thousandths: 1,000 without one; `None` for one that
/// is none.
fn weight(parameters: &str) -> Option<u32> {
    let mut parameters = parameters.split(';').map(str::trim);
    let q = parameters.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    q.map_or(Some(1_000), thousandths)
}

/// `0.85` in thousandths.
fn thousandths(q: &str) -> Option<u32> {
    let (whole, decimals) = q.split_once('.').unwrap_or((q, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 {
        return None;
    }
    let mut weight = u32::from(whole == "1");
    for digit in decimals.chars().chain("000".chars()).take(3) {
        weight = weight * 10 + digit.to_digit(10)?;
    }
    (weight <= 1_000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_best_language_is_chosen() {
        let table = [
            ("pt-BR,pt;q=0.9,en;q=0.8", Some(Lang::PtBr)),
            ("es-419", Some(Lang::Es)),
            ("ES", Some(Lang::Es)),
            ("en;q=0.1, pt;q=0.123, es;q=0.12", Some(Lang::PtBr)),
            ("es;q=0, en;q=0.1", Some(Lang::En)),
            ("*", None),
            ("*;q=0.1, pt", Some(Lang::PtBr)),
            ("fr, de;q=0.5", None),
            ("fr, de;q=0.5, pt_PT;q=0.1", Some(Lang::PtBr)),
            ("pt;q=zebra, es;q=1.0", Some(Lang::Es)),
            ("pt;q=nan, es;q=inf, en;q=0.0001", None),
            ("pt;q=1.001, es;q=0.999", Some(Lang::Es)),
            ("en ; q=0.2 , es ; q=0.3", Some(Lang::Es)),
            ("es-x-mine;q=0.7, en;q=0.6", Some(Lang::En)),
            (";;,,q=1", None),
            ("portuguese", None),
            ("", None),
        ];
        for (header, lang) in table {
            assert_eq!(Lang::from_accept_language(header), lang, "{header}");
        }
    }

    #[test]
    fn locales_of_a_terminal_are_languages() {
        let locales = ["pt_PT", "es_AR@euro", "en_US.ISO-8859-1", "POSIX", "", "fr_FR.UTF-8"];
        let [pt, es, en] = Lang::ALL;
        let langs = [Some(pt), Some(es), Some(en), None, None, None];
        assert_eq!(locales.map(Lang::from_locale), langs);
    }

    proptest! {
        #[test]
        fn headers_are_read_as_a_published_parser_reads_them(
            ranges in proptest::collection::vec(
                (r"(pt|es|en|fr|de|pt-BR|es-MX|en-US|\*)", r"(;q=(0(\.[0-9]{1,3})?|1(\.0)?))?"),
                0..8,
            ),
        ) {
            let ranges: Vec<String> = ranges.into_iter().map(|(tag, q)| tag + &q).collect();
            let header = ranges.join(", ");
            let liked = accept_language::parse_with_quality(&header);
            let mut liked = liked.iter().filter(|(_, quality)| *quality > 0.0);
            let first = liked.find_map(|(tag, _)| Lang::from_tag(tag));
            prop_assert_eq!(Lang::from_accept_language(&header), first, "{}", header);
        }
    }
}
