//! Dead letters as rows: open ones and those that have ended apart, each kind by its place in the
//! log, so that neither is read through for the other.

use std::ops::Bound;

use service::change::Seq;
use service::codec::Decoder;
use service::letters::{Counts, Kind, List, Row, read_counts};
use service::view::{Direction, Read};

use super::{LETTERS_OPEN, Snapshot, corrupt, read_seq, stored};
use crate::store::Table;

/// The key of a letter's row.
pub(crate) fn letter_key(open: bool, kind: Kind, seq: Seq) -> Vec<u8> {
    let mut key = vec![u8::from(open), kind as u8];
    key.extend_from_slice(&seq.0.to_be_bytes());
    key
}

fn read_behind<'a>(prefix: usize, row: heed::Result<(&[u8], &'a [u8])>) -> Read<(Seq, &'a [u8])> {
    let (key, value) = row.map_err(stored)?;
    Ok((read_seq(key.get(prefix..).unwrap_or_default())?, value))
}

impl Snapshot<'_> {
    /// A letter, whichever kind it is: there are few.
    pub(super) fn find_letter(&self, seq: Seq) -> Read<Option<Row>> {
        for open in [true, false] {
            for (kind, _) in Kind::ALL {
                if let Some(bytes) =
                    self.get(self.tables().letters, &letter_key(open, kind, seq))?
                {
                    return Row::decode(&mut Decoder(bytes)).map(Some).map_err(corrupt);
                }
            }
        }
        Ok(None)
    }

    pub(super) fn list_letters(
        &self,
        list: &List,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Row)>> {
        match list {
            List::Kind { kind, open } => {
                let prefix = [u8::from(*open), *kind as u8];
                let row = |(seq, bytes): (Seq, &[u8])| {
                    Ok((seq, Row::decode(&mut Decoder(bytes)).map_err(corrupt)?))
                };
                let rows = self.behind(self.tables().letters, &prefix, way, bound, limit)?;
                rows.into_iter().map(row).collect()
            }
            List::Source(_) | List::Order(_) => {
                let term = list.term().unwrap_or_default();
                let lists = self.tables().letter_lists;
                let seqs = self.behind(lists, &term, way, bound, limit)?;
                let row = |(seq, _)| Ok(self.find_letter(seq)?.map(|row| (seq, row)));
                seqs.into_iter().filter_map(|found| row(found).transpose()).collect()
            }
        }
    }

    /// At most `limit` rows whose keys are `prefix` and a seq, beyond `bound`.
    fn behind(
        &self,
        table: Table,
        prefix: &[u8],
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, &[u8])>> {
        let key = |seq: u64| [prefix, &seq.to_be_bytes()].concat();
        let read = |row| read_behind(prefix.len(), row);
        match way {
            Direction::Oldest => {
                let (after, last) = (key(bound.unwrap_or_default().0), key(u64::MAX));
                let range = (Bound::Excluded(after.as_slice()), Bound::Included(last.as_slice()));
                let rows = table.range(&self.txn, &range).map_err(stored)?;
                rows.take(limit).map(read).collect()
            }
            Direction::Newest => {
                let (first, before) = (key(0), key(bound.map_or(u64::MAX, |b| b.0)));
                let range = (Bound::Included(first.as_slice()), Bound::Excluded(before.as_slice()));
                let rows = table.rev_range(&self.txn, &range).map_err(stored)?;
                rows.take(limit).map(read).collect()
            }
        }
    }

    pub(super) fn count_letters(&self) -> Read<Counts> {
        let row = self.get(self.tables().meta, LETTERS_OPEN)?;
        row.map_or(Ok(Counts::default()), |bytes| read_counts(&mut Decoder(bytes)).map_err(corrupt))
    }
}
