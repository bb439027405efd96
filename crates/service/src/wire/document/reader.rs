//! Reads JSON from left to right without building anything: texts and numbers are slices of the
//! document. About twice as fast as a general parser on the documents Comanda gets.
//!
//! Never: an explanation. Whatever is odd is `None`, and [`repair`](super::repair) then looks at
//! the document again with serde_json, which alone decides what is no JSON.

/// A place in a document. Its nesting is bounded before it is read.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is no white space; 0 at the end.
    pub(super) fn peek(&mut self) -> u8 {
        loop {
            match self.byte() {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Nothing but white space follows.
    pub(super) fn end(&mut self) -> Option<()> {
        self.peek();
        (self.at == self.text.len()).then_some(())
    }

    /// The fields of an object, each read by `field`, which must read the value.
    #[inline]
    pub(super) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &str) -> Option<()>,
    ) -> Option<()> {
        self.take(b'{')?;
        if self.peek() == b'}' {
            return self.take(b'}');
        }
        loop {
            let name = self.string()?;
            self.take(b':')?;
            match name {
                Quoted::Plain(name) => field(self, name)?,
                Quoted::Escaped(name) => field(self, &unescape(name)?)?,
            }
            if self.peek() != b',' {
                return self.take(b'}');
            }
            self.at += 1;
        }
    }

    /// The elements of a list, each read by `element`, which must read it.
    #[inline]
    pub(super) fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.peek() == b']' {
            return self.take(b']');
        }
        loop {
            element(self)?;
            if self.peek() != b',' {
                return self.take(b']');
            }
            self.at += 1;
        }
    }

    /// A string.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Quoted<'a>> {
        self.take(b'"')?;
        let begin = self.at;
        self.at += plain_len(self.text.as_bytes().get(begin..)?);
        if self.byte() == b'"' {
            let raw = self.text.get(begin..self.at)?;
            self.at += 1;
            return Some(Quoted::Plain(raw));
        }
        self.escaped(begin).map(Quoted::Escaped)
    }

    /// The rest of a string that has escapes; all of it, with its quotation marks.
    fn escaped(&mut self, begin: usize) -> Option<&'a str> {
        while self.byte() == b'\\' {
            let rest = self.text.as_bytes().get(self.at + 1..)?;
            self.at += match rest {
                [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
                [b'u', hex @ ..] if hex.get(..4)?.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return None,
            };
            self.at += plain_len(self.text.as_bytes().get(self.at..)?);
        }
        if self.byte() != b'"' {
            return None;
        }
        self.at += 1;
        self.text.get(begin - 1..self.at)
    }

    /// A number, exactly as it was written.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        self.peek();
        let begin = self.at;
        self.at += usize::from(self.byte() == b'-');
        let leading_zero = self.byte() == b'0';
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return None;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            self.digits()?;
        }
        self.text.get(begin..self.at)
    }

    /// `null`.
    pub(super) fn null(&mut self) -> Option<()> {
        self.word("null")
    }

    /// Any value.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(|reader, _| reader.skip()),
            b'[' => self.list(Self::skip),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(|_| ()),
        }
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        let is_next = self.peek() == byte;
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.peek();
        let is_next = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_next.then_some(())
    }

    /// How many digits follow, at least one.
    fn digits(&mut self) -> Option<usize> {
        let begin = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > begin).then_some(self.at - begin)
    }
}

/// A string.
#[derive(Clone, Copy)]
pub(super) enum Quoted<'a> {
    /// The text itself.
    Plain(&'a str),
    /// The text with escapes in it, and its quotation marks.
    Escaped(&'a str),
}

impl<'a> Quoted<'a> {
    /// As it was written.
    pub(super) fn raw(self) -> &'a str {
        match self {
            Self::Plain(raw) | Self::Escaped(raw) => raw,
        }
    }
}

/// A text with its escapes resolved; `None` for escapes that are no characters.
pub(super) fn unescape(quoted: &str) -> Option<Box<str>> {
    serde_json::from_str(quoted).ok()
}

/// Whether [`unescape`] gives a text. Only halves of surrogate pairs can be wrong by now.
pub(super) fn unescapes(quoted: &str) -> bool {
    let has_surrogate = quoted.as_bytes().windows(3).any(|w| matches!(w, b"\\ud" | b"\\uD"));
    !has_surrogate || unescape(quoted).is_some()
}

/// How many bytes come before a quotation mark, a backslash or a control character.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    // Sixteen at once: most texts are shorter, and end in the first step.
    while let Some([a, b]) = bytes.get(len..).and_then(sixteen) {
        let (a, b) = (stops(a), stops(b));
        if a | b != 0 {
            let at = if a != 0 { a.trailing_zeros() } else { 64 + b.trailing_zeros() };
            return len + (at / 8) as usize;
        }
        len += 16;
    }
    let is_plain = |byte: &&u8| **byte >= b' ' && **byte != b'"' && **byte != b'\\';
    len + bytes.iter().skip(len).take_while(is_plain).count()
}

#[inline]
fn sixteen(bytes: &[u8]) -> Option<[u64; 2]> {
    let (a, rest) = bytes.split_first_chunk::<8>()?;
    Some([u64::from_le_bytes(*a), u64::from_le_bytes(*rest.first_chunk::<8>()?)])
}

/// Eight bytes at once: the high bit of the first byte that ends a run of plain bytes. Bits above
/// that one may be wrong.
#[inline]
fn stops(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |eight: u64, limit: u8| eight.wrapping_sub(ONES * u64::from(limit)) & !eight;
    let is = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
    (below(eight, b' ') | is(b'"') | is(b'\\')) & (ONES << 7)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn skips(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().and_then(|()| reader.end()).is_some()
    }

    #[test]
    fn what_is_json_and_what_is_not() {
        let json = [
            "{}",
            "[]",
            " [ ] ",
            "[1,-0,0.5,1e9,-1.5E+10]",
            r#"{"a":{"b":[null,true,false]}}"#,
            r#"["\"\\\/\b\f\n\r\té","😀",""]"#,
            "\r\n{\t\"a\" : 1 }\n",
            "\"12345678\"",
        ];
        for text in json {
            assert!(skips(text), "{text}");
        }
        let not = [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "nul",
            "[1 2]",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\u{1}\"",
            "\"1234567\n\"",
            "{\"a\"}",
            "[}",
            "{]",
            "1 1",
        ];
        for text in not {
            assert!(!skips(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn reader_and_serde_json_agree_on_what_json_is(
            text in concat!(
                r#"([\[\]{}:, \n"\\]|"a"|"é\\"|"\\u00e9|\\n"|"#,
                r#"-?[0-9.eE+]{1,4}|true|null|[a-z]{1,9}){0,20}"#
            ),
        ) {
            let serde = serde_json::from_str::<&RawValue>(&text).is_ok();
            prop_assert_eq!(skips(&text), serde, "{}", text);
        }

        #[test]
        fn a_string_is_read_back(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let read = match Reader::new(&json).string() {
                Some(Quoted::Plain(text)) => Some(text.into()),
                Some(Quoted::Escaped(quoted)) => unescape(quoted),
                None => None,
            };
            prop_assert_eq!(read.as_deref(), Some(text.as_str()));
        }

        #[test]
        fn texts_that_are_only_shown_must_be_texts(
            text in r"(\\u[dD][0-9a-fA-F]{3}|\\u00e9|\\\\|a|u|d8){1,6}",
        ) {
            let quoted = format!("\"{text}\"");
            prop_assert_eq!(unescapes(&quoted), unescape(&quoted).is_some(), "{}", quoted);
        }

        #[test]
        fn plain_bytes_are_counted(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let slow = bytes.iter().position(|b| *b < b' ' || *b == b'"' || *b == b'\\');
            prop_assert_eq!(plain_len(&bytes), slow.unwrap_or(bytes.len()));
        }
    }
}
