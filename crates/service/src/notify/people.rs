//! Who an order's document is from, as far as a message to them needs it.
//!
//! Never: a judgement. The document was judged when it came in; what is missing or of another
//! shape is missing here.

use messages::Lang;
use serde_json::Value;

use crate::wire::csv;

/// Whom to write to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressee {
    /// Their address, as it was sent.
    pub email: Option<String>,
    /// What to call them.
    pub name: Option<String>,
    /// The language they read, when the document says (`language` or `locale`) and it is ours.
    pub language: Option<Lang>,
    /// What the seller is called.
    pub seller: Option<String>,
    /// What the document calls the goods of each line.
    pub descriptions: Vec<Option<String>>,
}

/// Longest name or description that is read, in characters; more is cut.
const TEXT_CHARS_MAX: usize = 200;

impl Addressee {
    /// Reads a document as it is kept, JSON or rows.
    ///
    /// ```
    /// use service::notify::Addressee;
    /// let document = r#"{"customer": {"first_name": "Ana", "last_name": "Souza",
    ///     "email": "ana@mail.example", "language": "pt-BR"}}"#;
    /// let reader = Addressee::read(document.as_bytes());
    /// assert_eq!(reader.name.as_deref(), Some("Ana Souza"));
    /// assert_eq!(reader.language, messages::Lang::from_tag("pt"));
    /// ```
    #[must_use]
    pub fn read(document: &[u8]) -> Self {
        let json = csv::canonical(document);
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&json);
        let Ok(document) = serde_json::from_slice::<Value>(json) else { return Self::default() };
        let customer = &document["customer"];
        let items = document["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            email: text(&customer["email"]),
            name: name(customer),
            language: language(customer).or_else(|| language(&document)),
            seller: text(&document["company"]["name"]),
            descriptions: items.iter().map(|item| text(&item["description"])).collect(),
        }
    }
}

fn name(customer: &Value) -> Option<String> {
    let part = |names: [&str; 2]| names.iter().find_map(|name| text(&customer[*name]));
    let parts = [part(["first_name", "firstName"]), part(["last_name", "lastName"])];
    let whole: Vec<String> = parts.into_iter().flatten().collect();
    text(&customer["name"]).or_else(|| (!whole.is_empty()).then(|| whole.join(" ")))
}

fn language(of: &Value) -> Option<Lang> {
    let tag = of["language"].as_str().or_else(|| of["locale"].as_str())?;
    Lang::from_tag(tag.trim())
}

/// A text on one line: what stands for line ends and other control characters is a space. `None`
/// when nothing is left.
fn text(value: &Value) -> Option<String> {
    let visible = |c: char| if c.is_control() || is_format(c) { ' ' } else { c };
    let text: String = value.as_str()?.chars().take(TEXT_CHARS_MAX).map(visible).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Characters that turn the direction of what follows, or are not seen: a name must not make the
/// rest of a line read otherwise.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_harmless_line() {
        let name = |name: &str| {
            let document = serde_json::json!({"customer": {"name": name}});
            Addressee::read(document.to_string().as_bytes()).name
        };
        assert_eq!(name("Ana\r\nBcc: all@x.example").as_deref(), Some("Ana Bcc: all@x.example"));
        assert_eq!(name("\u{202e}evil\u{0} 👩‍🚀").as_deref(), Some("evil 👩‍🚀"));
        assert_eq!(name(" \t"), None);
        assert_eq!(name(&"é".repeat(1 << 20)).map(|n| n.chars().count()), Some(TEXT_CHARS_MAX));
    }

    #[test]
    fn what_is_of_another_shape_is_missing() {
        for document in ["", "[]", "{", r#"{"customer": 7, "items": {}}"#] {
            assert_eq!(Addressee::read(document.as_bytes()), Addressee::default(), "{document}");
        }
        let document =
            br#"{"customer":{"email":7,"locale":"tlh"},"items":[7,{"description":"Pen"}]}"#;
        let read = Addressee::read(document);
        assert_eq!((read.email, read.language), (None, None));
        assert_eq!(read.descriptions, [None, Some("Pen".to_owned())]);
    }
}
