//! Files dead letters: each under its kind and whether it is open, real ones under their source
//! and order too. Lines of files and items of batches come in great numbers and in the order of
//! the log; theirs is one row each, at the end of a table.

use heed::RwTxn;
use service::codec::{Decoder, Encoder};
use service::layer::Layer;
use service::letters::{List, encode_counts, read_counts};

use super::Error;
use crate::store::{LETTERS_OPEN, Store, letter_key};

impl Store {
    pub(super) fn put_letters(&self, txn: &mut RwTxn<'_>, layer: &Layer) -> Result<(), Error> {
        let (tables, mut value) = (&self.tables, Vec::new());
        for (seq, row) in &layer.letters {
            let open = row.end.is_none();
            value.clear();
            row.encode(&mut Encoder(&mut value));
            tables.letters.put(txn, &letter_key(open, row.kind, *seq), &value)?;
            if !open {
                tables.letters.delete(txn, &letter_key(true, row.kind, *seq))?;
            }
            for mut term in List::terms(row) {
                term.extend_from_slice(&seq.0.to_be_bytes());
                tables.letter_lists.put(txn, &term, &[row.kind as u8])?;
            }
        }
        for (name, seq) in &layer.letter_names {
            tables.letter_names.put(txn, name, &seq.0.to_be_bytes())?;
        }
        for (id, sweep) in &layer.sweeps {
            value.clear();
            sweep.encode(&mut Encoder(&mut value));
            tables.sweeps.put(txn, &id.0.to_be_bytes(), &value)?;
        }
        let stored = tables.meta.get(txn, LETTERS_OPEN)?;
        let stored = stored.map(|bytes| read_counts(&mut Decoder(bytes))).transpose();
        let mut counts = stored.map_err(|_| Error::Damaged)?.unwrap_or_default();
        counts.sum(&layer.letters_open);
        value.clear();
        encode_counts(&counts, &mut Encoder(&mut value));
        tables.meta.put(txn, LETTERS_OPEN, &value)?;
        Ok(())
    }
}
