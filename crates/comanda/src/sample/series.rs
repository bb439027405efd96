//! Which document stands at which place of a run: a new one, a broken one, or an earlier one again.
//!
//! Never: a repetition of a broken document, which would be no duplicate, only broken again.

use super::fault::{break_document, faults};
use super::random::{Random, Stream};
use super::small::{put_simple, put_transfer};
use super::{Kind, Options, retail_order};

/// How often an earlier place is drawn before the last new document is repeated instead.
const TRIES: u32 = 16;

/// The documents of one run, in order.
pub(super) struct Series<'a> {
    options: &'a Options,
    /// The last place that held a new document.
    last_new: Option<u64>,
}

enum Place {
    New,
    Broken,
    Again,
}

impl<'a> Series<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self { options, last_new: None }
    }

    /// Appends the document at place `index`; places are asked for one after the other.
    pub(super) fn put_next(&mut self, index: u64, out: &mut Vec<u8>) {
        let (options, start) = (self.options, out.len());
        let random = &mut Random::at(options.seed, Stream::Series, index);
        match (place(options, random), self.last_new) {
            (Place::Broken, _) => {
                put_document(options, index, out);
                let fault = random.pick(faults(options.kind));
                break_document(fault, random, out, start);
            }
            (Place::Again, Some(last_new)) => {
                put_document(options, earlier(options, random, index, last_new), out);
            }
            (Place::Again, None) | (Place::New, _) => {
                self.last_new = Some(index);
                put_document(options, index, out);
            }
        }
    }
}

fn place(options: &Options, random: &mut Random) -> Place {
    let (invalid, duplicates) = (options.invalid_percent, options.duplicates_percent);
    match random.below(100) {
        lot if lot < u64::from(invalid) => Place::Broken,
        lot if lot < u64::from(invalid) + u64::from(duplicates) => Place::Again,
        _ => Place::New,
    }
}

/// A place before `index` that held a new document.
fn earlier(options: &Options, random: &mut Random, index: u64, last_new: u64) -> u64 {
    (0..TRIES)
        .map(|_| random.below(index))
        .find(|place| was_new(options, *place))
        .unwrap_or(last_new)
}

fn was_new(options: &Options, index: u64) -> bool {
    let random = &mut Random::at(options.seed, Stream::Series, index);
    matches!(place(options, random), Place::New)
}

fn put_document(options: &Options, index: u64, out: &mut Vec<u8>) {
    match options.kind {
        Kind::Simple => put_simple(options.seed, index, out),
        Kind::Transfer => put_transfer(options.seed, index, out),
        Kind::Retail | Kind::Batch => retail_order(options.seed, index, out),
        Kind::Catalogue | Kind::Stock | Kind::Rules => {}
    }
}
