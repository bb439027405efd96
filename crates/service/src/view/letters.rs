//! Dead letters through layers and projection as if they were one table.

use super::{Base, Direction, Read, View};
use crate::change::Seq;
use crate::letters::{Counts, Filter, Identity, Letters, List, Row, Sweep};

/// Most rows that a page looks at: what is rare is found over several pages. The writer waits
/// while a page is read; this many are a few milliseconds.
const LETTERS_LOOKED_AT_MAX: usize = 10_000;

/// Some letters, and up to where they are complete; `None` at the end.
type Part = (Vec<(Seq, Row)>, Option<Seq>);

impl<'a, B: Base + ?Sized> View<'a, B> {
    /// A dead letter.
    pub fn letter(&self, seq: Seq) -> Read<Option<Row>> {
        match self.layers().find_map(|layer| layer.letters.get(&seq)) {
            Some(row) => Ok(Some(row.clone())),
            None => self.base.letter(seq),
        }
    }

    /// The dead letter of that identity.
    pub fn letter_named(&self, name: &Identity) -> Read<Option<Seq>> {
        match self.layers().find_map(|layer| layer.letter_names.get(name)) {
            Some(seq) => Ok(Some(*seq)),
            None => self.base.letter_named(name),
        }
    }

    /// Open dead letters by kind.
    pub fn letters_open(&self) -> Read<Counts> {
        let mut counts = self.base.letters_open()?;
        self.layers().for_each(|layer| counts.sum(&layer.letters_open));
        Ok(counts)
    }

    /// A page of dead letters beyond `bound`. Looks at about `LETTERS_LOOKED_AT_MAX` rows, and
    /// says where to go on.
    pub fn letters(
        &self,
        filter: &Filter,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Letters> {
        let (lists, mut bound) = (List::of(filter), self.first_bound(filter, way, bound)?);
        let (mut page, mut looked_at) = (Letters::default(), 0);
        loop {
            let (rows, end) = self.some_letters(&lists, way, bound, limit.max(64))?;
            looked_at += rows.len();
            for (seq, row) in rows {
                if is_beyond(filter, way, &row) {
                    return Ok(page);
                }
                if filter.matches(&row) {
                    page.rows.push((seq, row));
                    if page.rows.len() == limit {
                        page.next = Some(seq);
                        return Ok(page);
                    }
                }
            }
            let Some(end) = end else { return Ok(page) };
            if looked_at >= LETTERS_LOOKED_AT_MAX {
                page.next = Some(end);
                return Ok(page);
            }
            bound = Some(end);
        }
    }

    /// Sequences grow with time: what came before a time lies before a sequence.
    fn first_bound(
        &self,
        filter: &Filter,
        way: Direction,
        bound: Option<Seq>,
    ) -> Read<Option<Seq>> {
        match (way, filter.until) {
            (Direction::Newest, Some(until)) => {
                let late = self.base.until(until)?;
                Ok(bound.into_iter().chain(late).min())
            }
            (Direction::Newest, None) | (Direction::Oldest, _) => Ok(bound),
        }
    }

    /// Letters of several lists, merged, and up to where they are complete; `None` at the end.
    fn some_letters(
        &self,
        lists: &[List],
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Part> {
        let (mut rows, mut ends) = (Vec::new(), Vec::new());
        for list in lists {
            let of_base = self.base.letters(list, way, bound, limit)?;
            if of_base.len() == limit {
                ends.extend(of_base.last().map(|(seq, _)| *seq));
            }
            let known = |seq: &Seq| self.layers().any(|layer| layer.letters.contains_key(seq));
            rows.extend(of_base.into_iter().filter(|(seq, _)| !known(seq)));
        }
        self.layered_letters(lists, way, bound, limit, &mut rows, &mut ends);
        let end = match way {
            Direction::Oldest => {
                rows.sort_by_key(|(seq, _)| *seq);
                ends.into_iter().min()
            }
            Direction::Newest => {
                rows.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
                ends.into_iter().max()
            }
        };
        if let Some(end) = end {
            rows.retain(|(seq, _)| match way {
                Direction::Oldest => *seq <= end,
                Direction::Newest => *seq >= end,
            });
        }
        Ok((rows, end))
    }

    fn layered_letters(
        &self,
        lists: &[List],
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
        rows: &mut Vec<(Seq, Row)>,
        ends: &mut Vec<Seq>,
    ) {
        let layers: Vec<_> = self.layers().collect();
        for (depth, layer) in layers.iter().enumerate() {
            let hidden =
                |seq: &Seq| layers.iter().take(depth).any(|newer| newer.letters.contains_key(seq));
            let wanted =
                |(seq, row): &(&Seq, &Row)| lists.iter().any(|list| list.has(row)) && !hidden(seq);
            let own = |(seq, row): (&Seq, &Row)| (*seq, row.clone());
            let before = rows.len();
            match way {
                Direction::Oldest => {
                    let after = bound.map_or(Seq(0), |b| Seq(b.0.saturating_add(1)));
                    let found = layer.letters.range(after..).filter(wanted);
                    rows.extend(found.take(limit).map(own));
                }
                Direction::Newest => {
                    let until = bound.unwrap_or(Seq(u64::MAX));
                    let found = layer.letters.range(..until).rev().filter(wanted);
                    rows.extend(found.take(limit).map(own));
                }
            }
            if rows.len() - before == limit {
                ends.extend(rows.last().map(|(seq, _)| *seq));
            }
        }
    }

    /// The ending of many letters.
    pub fn sweep(&self, id: Seq) -> Read<Option<Sweep>> {
        match self.layers().find_map(|layer| layer.sweeps.get(&id)) {
            Some(sweep) => Ok(Some(sweep.clone())),
            None => self.base.sweep(id),
        }
    }

    /// At most `limit` of them before one, newest first.
    pub fn sweeps(&self, before: Option<Seq>, limit: usize) -> Read<Vec<Sweep>> {
        let base = self.base.sweeps(before, limit)?;
        let mut rows: std::collections::BTreeMap<Seq, Sweep> =
            base.into_iter().map(|sweep| (sweep.id, sweep)).collect();
        for layer in self.layers.into_iter().rev().flatten() {
            let earlier = layer.sweeps.range(..before.unwrap_or(Seq(u64::MAX)));
            rows.extend(earlier.map(|(id, sweep)| (*id, sweep.clone())));
        }
        Ok(rows.into_values().rev().take(limit).collect())
    }
}

/// Whether no later row of this way can match: sequences grow with time.
fn is_beyond(filter: &Filter, way: Direction, row: &Row) -> bool {
    match way {
        Direction::Newest => filter.from.is_some_and(|from| row.at < from),
        Direction::Oldest => filter.until.is_some_and(|until| row.at >= until),
    }
}
