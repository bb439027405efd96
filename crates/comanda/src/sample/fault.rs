//! Breaks a document in one of the ways real senders do.
//!
//! Never: a document that might still be accepted. Each of these is an error, not a warning.

use super::Kind;
use super::random::Random;

/// What is wrong with a broken document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The id member is gone. Only where a company is named: else the server would make an id.
    MissingId,
    /// `"items":[]`
    EmptyItems,
    /// No `items` member.
    MissingItems,
    /// A quantity below zero.
    NegativeQuantity,
    /// A quantity that is no whole number.
    FractionalQuantity,
    /// A quantity in words.
    QuantityInWords,
    /// `items` is text.
    ItemsAreText,
    /// An `order_status` nobody knows.
    UnknownStatus,
    /// An amount below zero.
    NegativeAmount,
    /// An amount in words.
    AmountInWords,
    /// From an account to itself.
    SameAccount,
    /// An account with a letter.
    AccountWithLetter,
    /// The line ends in the middle.
    CutOff,
    /// A comma too many.
    TrailingComma,
}

use Fault::{
    AccountWithLetter, AmountInWords, CutOff, EmptyItems, FractionalQuantity, ItemsAreText,
    MissingId, MissingItems, NegativeAmount, NegativeQuantity, QuantityInWords, SameAccount,
    TrailingComma, UnknownStatus,
};

const PURCHASE: [Fault; 8] = [
    CutOff,
    TrailingComma,
    EmptyItems,
    MissingItems,
    NegativeQuantity,
    FractionalQuantity,
    QuantityInWords,
    ItemsAreText,
];

const RETAIL: [Fault; 10] = [
    CutOff,
    TrailingComma,
    EmptyItems,
    MissingItems,
    NegativeQuantity,
    FractionalQuantity,
    QuantityInWords,
    ItemsAreText,
    MissingId,
    UnknownStatus,
];

const TRANSFER: [Fault; 6] =
    [CutOff, TrailingComma, NegativeAmount, AmountInWords, SameAccount, AccountWithLetter];

/// How many of each list's first faults leave no JSON at all: never inside a larger document.
const MALFORMED: usize = 2;

/// What may be wrong with a document of this kind.
pub(super) fn faults(kind: Kind) -> &'static [Fault] {
    match kind {
        Kind::Retail => &RETAIL,
        Kind::Batch => &RETAIL[MALFORMED..],
        Kind::Simple => &PURCHASE,
        Kind::Transfer => &TRANSFER,
        Kind::Catalogue | Kind::Stock | Kind::Rules => &[],
    }
}

/// Breaks the document that begins at `start` and ends with `out`.
pub(super) fn break_document(fault: Fault, random: &mut Random, out: &mut Vec<u8>, start: usize) {
    match fault {
        MissingId => {
            let end = find(out, start, b",") + 1;
            out.drain(start + 1..end);
        }
        EmptyItems => replace_items(out, start, br#","items":[]"#),
        MissingItems => replace_items(out, start, b""),
        ItemsAreText => replace_items(out, start, br#","items":"conforme combinado""#),
        NegativeQuantity => insert(out, start, br#""quantity":"#, b"-"),
        FractionalQuantity => replace_value(out, start, br#""quantity":"#, b"1.5"),
        QuantityInWords => replace_value(out, start, br#""quantity":"#, br#""dois""#),
        UnknownStatus => replace_value(out, start, br#""order_status":"#, br#""Talvez""#),
        NegativeAmount => insert(out, start, br#""amount":"#, b"-"),
        AmountInWords => replace_value(out, start, br#""amount":"#, br#""mil reais""#),
        SameAccount => {
            let from = find(out, start, br#""fromAccount":"#) + br#""fromAccount":"#.len();
            let account = out[from..find(out, from, b",")].to_vec();
            replace_value(out, start, br#""toAccount":"#, &account);
        }
        AccountWithLetter => insert(out, start, br#""toAccount":""#, b"X"),
        CutOff => cut_off(random, out, start),
        TrailingComma => {
            out.pop();
            out.extend_from_slice(b",}");
        }
    }
}

/// Cuts somewhere between the first and the last byte, but not within a character.
fn cut_off(random: &mut Random, out: &mut Vec<u8>, start: usize) {
    let mut end = start + 1 + random.below((out.len() - start - 1) as u64) as usize;
    while out[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    out.truncate(end);
}

fn replace_items(out: &mut Vec<u8>, start: usize, with: &[u8]) {
    let from = find(out, start, br#","items":["#);
    let to = find(out, from, b"]") + 1;
    out.splice(from..to, with.iter().copied());
}

fn replace_value(out: &mut Vec<u8>, start: usize, member: &[u8], with: &[u8]) {
    let from = find(out, start, member) + member.len();
    let to = find(out, from, b",");
    out.splice(from..to, with.iter().copied());
}

fn insert(out: &mut Vec<u8>, start: usize, after: &[u8], what: &[u8]) {
    let at = find(out, start, after) + after.len();
    out.splice(at..at, what.iter().copied());
}

fn find(out: &[u8], start: usize, what: &[u8]) -> usize {
    let at = out[start..].windows(what.len()).position(|window| window == what);
    start + at.expect("sample documents have the member that is broken")
}
