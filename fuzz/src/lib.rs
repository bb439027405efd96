//! What fuzz targets are fed with: the files of a committed corpus as they are, and then what
//! becomes of them by a few edits. The targets stand beside the parsers they are about, as tests.
//!
//! Edits of real documents get much further into a parser than random bytes do, and need no
//! instrumented build: `cargo test` runs every target for half a second, `make fuzz` as long as
//! one likes. A failure prints its input, made small, and a seed that brings it back.
//!
//! Never: a way into a program that is shipped.

use std::fmt;
use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use bolero::{Driver, ValueGenerator};

/// How long a target runs, unless `BOLERO_RANDOM_TEST_TIME_MS` says otherwise.
const TIME: Duration = Duration::from_millis(500);
/// Most edits of one input: with more of them nothing is left of what was valid about it.
const EDITS_MAX: usize = 6;
/// Longest input. Parsers repeat themselves long before that.
const BYTES_MAX: usize = 16 << 10;

/// What parsers trip over: punctuation of their formats, ends of ranges, text that is none.
const PIECES: [&[u8]; 48] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\0",
    b";",
    b"=",
    b"#",
    b"'",
    b"(",
    b")",
    b".",
    b"..",
    b"-",
    b"0",
    b"1",
    b"-1",
    b"1e9",
    b"0.5",
    b"9223372036854775807",
    b"99999999999999999999",
    b"1e-400",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3\xa7",
    b"\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"%00",
    b"%",
    b"&",
    b"+",
    b"\xe2\x80\xa8",
];

/// An input, shown as text with escapes.
pub struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// The files that a target's inputs are made of.
#[derive(Clone)]
struct Corpus(Vec<Vec<u8>>);

impl Corpus {
    fn read(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let entries = std::fs::read_dir(&dir);
        let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut paths: Vec<_> =
            entries.map(|entry| entry.expect("a folder's entry is read").path()).collect();
        // The same seed has to give the same inputs wherever the files are.
        paths.sort();
        assert!(!paths.is_empty(), "{} is empty", dir.display());
        Self(paths.iter().map(|path| std::fs::read(path).expect("a file is read")).collect())
    }
}

/// A number below `end`; 0 when there is none.
fn below<D: Driver>(driver: &mut D, end: usize) -> Option<usize> {
    if end == 0 {
        return Some(0);
    }
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&end))
}

/// A part of `length` bytes, short ones most often.
fn part<D: Driver>(driver: &mut D, length: usize) -> Option<std::ops::Range<usize>> {
    let begin = below(driver, length + 1)?;
    let most = [4, 32, length][below(driver, 3)?].min(length - begin);
    Some(begin..begin + below(driver, most + 1)?)
}

impl ValueGenerator for Corpus {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let mut input = self.0[below(driver, self.0.len())?].clone();
        for _ in 0..=below(driver, EDITS_MAX)? {
            self.edit(driver, &mut input)?;
        }
        input.truncate(BYTES_MAX);
        Some(Input(input))
    }
}

impl Corpus {
    fn edit<D: Driver>(&self, driver: &mut D, input: &mut Vec<u8>) -> Option<()> {
        match below(driver, 8)? {
            0 => drop(input.drain(part(driver, input.len())?)),
            1 => {
                let copy = input[part(driver, input.len())?].to_vec();
                let at = below(driver, input.len() + 1)?;
                input.splice(at..at, copy);
            }
            2 | 3 => {
                let at = below(driver, input.len() + 1)?;
                input.splice(at..at, PIECES[below(driver, PIECES.len())?].iter().copied());
            }
            4 => {
                let place = part(driver, input.len())?;
                input.splice(place, PIECES[below(driver, PIECES.len())?].iter().copied());
            }
            5 => {
                let at = below(driver, input.len())?;
                let byte = driver.produce::<u8>()?;
                if let Some(place) = input.get_mut(at) {
                    *place = byte;
                }
            }
            6 => {
                let other = &self.0[below(driver, self.0.len())?];
                let theirs = part(driver, other.len())?;
                let ours = part(driver, input.len())?;
                input.splice(ours, other[theirs].iter().copied());
            }
            _ => input.truncate(below(driver, input.len() + 1)?),
        }
        Some(())
    }
}

/// Shows `target` every file of `corpus/NAME`, and then edits of them for half a second.
///
/// # Panics
/// When the target does: with its input.
pub fn check(corpus: &str, target: impl Fn(&[u8])) {
    check_all(Corpus::read(corpus).0, target);
}

/// As [`check`], with inputs that a test has made: those of formats nobody writes by hand.
///
/// # Panics
/// When the target does: with its input. When there are no inputs.
pub fn check_all(inputs: Vec<Vec<u8>>, target: impl Fn(&[u8])) {
    assert!(!inputs.is_empty(), "there is nothing to edit");
    inputs.iter().for_each(|input| target(input));
    let mutated = bolero::check!().with_test_time(TIME).with_generator(Corpus(inputs));
    // A target that panicked is not asked again.
    let target = AssertUnwindSafe(target);
    mutated.for_each(move |input: &Input| {
        let AssertUnwindSafe(target) = &target;
        target(&input.0);
    });
}
