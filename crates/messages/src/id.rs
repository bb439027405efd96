//! Which messages there are, known to the compiler.
//!
//! Never: a look-up by name while the program runs.

/// A message. Its number is its place in the English resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u16);

/// The English resources in one text.
const ENGLISH: &str = concat!(
    include_str!("../locales/en/commands.ftl"),
    "\n",
    include_str!("../locales/en/documents.ftl"),
    "\n",
    include_str!("../locales/en/labels.ftl"),
    "\n",
    include_str!("../locales/en/mail.ftl"),
    "\n",
    include_str!("../locales/en/problems.ftl"),
    "\n",
    include_str!("../locales/en/report.ftl"),
    "\n",
    include_str!("../locales/en/rules.ftl"),
);

/// Every message's name, in their order.
pub(crate) const NAMES: [&str; COUNT] = names();

/// How many messages there are.
pub(crate) const COUNT: usize = count();

impl Id {
    /// The message of that name.
    ///
    /// # Panics
    /// When there is none. Called by [`id!`](crate::id!) alone, for which that is an error of the
    /// compiler.
    #[must_use]
    pub const fn of(name: &str) -> Self {
        let mut at = 0;
        while at < COUNT {
            if same(NAMES[at].as_bytes(), name.as_bytes()) {
                return Self(at as u16);
            }
            at += 1;
        }
        panic!("there is no message of this name in locales/en")
    }

    /// Every message.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT as u16).map(Self)
    }

    /// The message's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self.at()]
    }

    /// Its place among all messages.
    pub(crate) const fn at(self) -> usize {
        self.0 as usize
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The end of the name that a line beginning at `from` gives to a message; `from` when it gives
/// none: comments, continued lines and empty ones do not begin with a letter.
const fn name_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    if at < bytes.len() && bytes[at].is_ascii_alphabetic() {
        while bytes[at] != b' ' {
            at += 1;
        }
    }
    at
}

/// Where the line after the one at `from` begins.
const fn next_line(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != b'\n' {
        at += 1;
    }
    at + 1
}

const fn count() -> usize {
    let bytes = ENGLISH.as_bytes();
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        if name_end(bytes, at) > at {
            count += 1;
        }
        at = next_line(bytes, at);
    }
    count
}

const fn names() -> [&'static str; COUNT] {
    let bytes = ENGLISH.as_bytes();
    let mut names = [""; COUNT];
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        let end = name_end(bytes, at);
        if end > at {
            let (_, name) = ENGLISH.split_at(at);
            names[count] = name.split_at(end - at).0;
            count += 1;
        }
        at = next_line(bytes, at);
    }
    names
}
