//! How much invalid input is kept one by one: bounded for each source and for all of them, minute
//! by minute, so that nobody fills the disk with it.
//!
//! Beyond the bounds it is counted, and each source's sum of a minute becomes one record; a crash
//! forgets at most the sums of its minute. Whoever sent it is answered the same.
//!
//! Never: a document, more than a bounded number of sources, a clock of its own.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;
use compact_str::{CompactString, format_compact};
use domain::time::Timestamp;
use hashbrown::HashMap;
use parking_lot::Mutex;
use service::change::{DocumentHash, Flood};

use crate::App;
use crate::clients::site;
use crate::guard::token;
use crate::limits::Limits;

/// Most sources that are told apart within a minute: their sums fit into one call of the ledger.
const SOURCES_MAX: usize = 1_000;
/// What sources share that are too many to tell apart.
const OTHERS: &str = "others";
const MINUTE_MICROS: i64 = 60_000_000;

/// What is kept of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Everything.
    Whole,
    /// What is wrong with it, and the document's hash and length.
    Faults,
    /// That it came.
    Count,
}

/// What every source has sent this minute.
#[derive(Default)]
pub struct Gate(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    number: i64,
    all: Sent,
    sources: HashMap<CompactString, (Sent, Option<Flood>)>,
    /// Sums of minutes that are over, to be recorded.
    due: Vec<Flood>,
}

/// What was kept one by one.
#[derive(Clone, Copy, Default)]
struct Sent {
    records: u32,
    bytes: u64,
}

impl Gate {
    /// Decides what is kept of an input, and counts it.
    pub(crate) fn take(
        &self,
        limits: &Limits,
        source: &CompactString,
        (bytes, hash): (u64, DocumentHash),
        now: Timestamp,
    ) -> Keep {
        let mut minute = self.0.lock();
        minute.roll(now);
        let Minute { all, sources, .. } = &mut *minute;
        let is_known = sources.len() < SOURCES_MAX || sources.contains_key(source);
        let source = if is_known { source.clone() } else { OTHERS.into() };
        let (sent, flood) = sources.entry(source.clone()).or_default();
        let least = |own: u32, all: u32| own.min(all);
        let records = least(
            limits.invalid_records.saturating_sub(sent.records),
            limits.invalid_records_of_all.saturating_sub(all.records),
        );
        if records == 0 {
            count(flood, source, bytes, hash, now);
            return Keep::Count;
        }
        sent.records += 1;
        all.records += 1;
        if sent.bytes + bytes > limits.invalid_bytes
            || all.bytes + bytes > limits.invalid_bytes_of_all
        {
            return Keep::Faults;
        }
        sent.bytes += bytes;
        all.bytes += bytes;
        Keep::Whole
    }

    /// The sums of minutes that are over.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Flood> {
        let mut minute = self.0.lock();
        minute.roll(now);
        let most = minute.due.len().min(SOURCES_MAX);
        minute.due.drain(..most).collect()
    }

    /// Every sum there is: nothing more will come.
    pub(crate) fn close(&self) -> Vec<Flood> {
        let mut minute = self.0.lock();
        minute.roll(Timestamp(i64::MAX));
        std::mem::take(&mut minute.due)
    }

    /// Sums that could not be recorded, to be tried again.
    pub(crate) fn owe(&self, floods: Vec<Flood>) {
        let mut minute = self.0.lock();
        floods.into_iter().for_each(|flood| owe(&mut minute.due, flood));
    }
}

impl Minute {
    fn roll(&mut self, now: Timestamp) {
        let number = now.0.div_euclid(MINUTE_MICROS);
        if number == self.number {
            return;
        }
        self.number = number;
        self.all = Sent::default();
        for (_, (_, flood)) in self.sources.drain() {
            flood.into_iter().for_each(|flood| owe(&mut self.due, flood));
        }
    }
}

fn count(
    flood: &mut Option<Flood>,
    source: CompactString,
    bytes: u64,
    hash: DocumentHash,
    now: Timestamp,
) {
    let new = || Flood { source, since: now, count: 0, bytes: 0, first: hash, last: hash };
    let flood = flood.get_or_insert_with(new);
    flood.count += 1;
    flood.bytes += bytes;
    flood.last = hash;
}

/// While the ledger takes nothing sums pile up: then later ones of a source join its earlier one.
fn owe(due: &mut Vec<Flood>, flood: Flood) {
    let is_full = due.len() >= 2 * SOURCES_MAX;
    let joins = |other: &&mut Flood| other.source == flood.source || other.source == OTHERS;
    match due.iter_mut().rev().filter(|_| is_full).find(joins) {
        Some(other) => {
            other.count += flood.count;
            other.bytes += flood.bytes;
            other.last = flood.last;
        }
        None if is_full => due.push(Flood { source: OTHERS.into(), ..flood }),
        None => due.push(flood),
    }
}

/// Who sends: an API key, or a network. Asked of invalid input only.
pub(crate) fn source(app: &App, headers: &HeaderMap, peer: Option<IpAddr>) -> CompactString {
    let key = app.keys.as_ref().and_then(|keys| keys.id_of(token(headers)?));
    match (key, peer.map(site)) {
        (Some(key), _) => format_compact!("key:{key}"),
        (None, Some(IpAddr::V4(address))) => {
            let network = Ipv4Addr::from(u32::from(address) & 0xFFFF_FF00);
            format_compact!("net:{network}/24")
        }
        (None, Some(IpAddr::V6(network))) => format_compact!("net:{network}/64"),
        (None, None) => "local".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_323_045_000_000);

    fn limits() -> Limits {
        Limits {
            invalid_records: 3,
            invalid_bytes: 10,
            invalid_records_of_all: 5,
            invalid_bytes_of_all: 12,
            ..Limits::default()
        }
    }

    fn take(gate: &Gate, source: &str, bytes: u64, now: Timestamp) -> Keep {
        gate.take(&limits(), &source.into(), (bytes, [bytes as u8; 32]), now)
    }

    #[test]
    fn each_source_and_all_of_them_have_their_bounds() {
        let gate = Gate::default();
        assert_eq!(take(&gate, "a", 6, NOW), Keep::Whole);
        assert_eq!(take(&gate, "a", 6, NOW), Keep::Faults, "its bytes are used up");
        assert_eq!(take(&gate, "a", 4, NOW), Keep::Whole);
        assert_eq!(take(&gate, "a", 1, NOW), Keep::Count, "its records are used up");
        assert_eq!(take(&gate, "b", 6, NOW), Keep::Faults, "the bytes of all are used up");
        assert_eq!(take(&gate, "b", 2, NOW), Keep::Whole);
        assert_eq!(take(&gate, "b", 1, NOW), Keep::Count, "the records of all are used up");
        assert_eq!(take(&gate, "c", 1, NOW), Keep::Count);
    }

    #[test]
    fn what_was_only_counted_is_one_sum_a_source_and_minute() {
        let gate = Gate::default();
        (1..=6).for_each(|bytes| _ = take(&gate, "a", bytes, NOW));
        assert_eq!(gate.due(NOW), [], "its minute is not over");
        let next = Timestamp(NOW.0 + MINUTE_MICROS);
        assert_eq!(take(&gate, "a", 1, next), Keep::Whole, "a new minute, new bounds");
        let sum = Flood {
            source: "a".into(),
            since: NOW,
            count: 3,
            bytes: 4 + 5 + 6,
            first: [4; 32],
            last: [6; 32],
        };
        assert_eq!(gate.due(next), std::slice::from_ref(&sum));
        assert_eq!(gate.due(next), [], "once");
        gate.owe(vec![sum.clone()]);
        (1..=4).for_each(|bytes| _ = take(&gate, "a", bytes, next));
        let all = gate.close();
        assert_eq!((all.len(), &all[0]), (2, &sum));
        assert_eq!(all[1].count, 2);
    }

    #[test]
    fn too_many_sources_and_a_ledger_that_takes_nothing_stay_bounded() {
        let gate = Gate::default();
        let mut counted = 0;
        for minute in 0..5 {
            let now = Timestamp(NOW.0 + minute * MINUTE_MICROS);
            for n in 0..SOURCES_MAX + 50 {
                counted += u64::from(take(&gate, &format!("s{n}"), 1, now) == Keep::Count);
            }
        }
        let all = gate.close();
        assert!(all.len() <= 2 * SOURCES_MAX + 1, "{}", all.len());
        assert_eq!(all.iter().map(|flood| flood.count).sum::<u64>(), counted);
    }
}
