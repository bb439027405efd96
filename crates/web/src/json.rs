//! JSON written by hand where a request must not cost a tree: the answer to a new order.
//!
//! Never: a number that is not an integer.

/// A JSON text being written.
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    /// Text as it is: punctuation and names of ours.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A string, quoted and escaped.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.0.push(b'"');
        if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            text.bytes().for_each(|byte| self.escaped(byte));
        }
        self.0.push(b'"');
        self
    }

    fn escaped(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match byte {
            b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                let low = HEX[usize::from(byte & 0xF)];
                self.0.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            }
            _ => self.0.push(byte),
        }
    }

    /// An integer.
    pub(crate) fn integer(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// Minor units as a string in major units: `"12.50"`.
    pub(crate) fn money(&mut self, minor: i64, exponent: u32) -> &mut Self {
        let (size, one) = (minor.unsigned_abs(), 10_u64.pow(exponent.min(6)));
        self.raw(if minor < 0 { "\"-" } else { "\"" });
        self.0.extend_from_slice(itoa::Buffer::new().format(size / one).as_bytes());
        if exponent > 0 {
            // The leading one keeps the zeros behind the point.
            let mut digits = itoa::Buffer::new();
            let decimals = digits.format(one + size % one).as_bytes();
            self.0.push(b'.');
            self.0.extend_from_slice(&decimals[1..]);
        }
        self.raw("\"")
    }

    /// A path segment, or a value of a query, percent-encoded.
    pub(crate) fn percent(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.0.push(byte);
                }
                _ => {
                    const HEX: &[u8; 16] = b"0123456789ABCDEF";
                    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xF)]);
                    self.0.extend_from_slice(&[b'%', high, low]);
                }
            }
        }
        self
    }
}

/// Text percent-encoded for a path segment. `.` and `..` stay what they are only inside one.
pub(crate) fn percent(text: &str) -> String {
    let mut out = Writer(Vec::with_capacity(text.len()));
    out.percent(text);
    String::from_utf8(out.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Writer)) -> String {
        let mut out = Writer(Vec::new());
        write(&mut out);
        String::from_utf8(out.0).unwrap()
    }

    #[test]
    fn hostile_text_stays_inside_its_quotes() {
        for text in ["a\"b\\c", "\u{0}\u{1f}\n", "</script>", "ção\u{2028}", ""] {
            let json = written(|out| _ = out.string(text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn money_is_exact() {
        let shown = |minor, exponent| written(|out| _ = out.money(minor, exponent));
        assert_eq!(shown(258_000, 2), "\"2580.00\"");
        assert_eq!(shown(-5, 2), "\"-0.05\"");
        assert_eq!(shown(7, 0), "\"7\"");
        assert_eq!(shown(i64::MIN, 3), "\"-9223372036854775.808\"");
    }

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(percent("../a b?ç&"), "..%2Fa%20b%3F%C3%A7%26");
    }
}
