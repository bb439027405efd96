//! What has been answered: none of it may be undone, whatever happens later.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use domain::event::Refusal;
use domain::id::{BatchId, OrderKey};
use domain::state::Status;
use domain::time::Timestamp;
use service::change::{Seq, What};
use service::ledger::{Answer, Changes, Found, OrderView, Request};
use service::letters::Settlement;
use service::once::{Once, Outcome};

use crate::ledger::SimLedger;
use crate::log::Told;

#[derive(Default)]
pub(crate) struct Promises {
    orders: BTreeMap<OrderKey, Bytes>,
    repeats: BTreeMap<OrderKey, u32>,
    fulfilled: BTreeSet<OrderKey>,
    cancelled: BTreeSet<OrderKey>,
    revisions: BTreeMap<OrderKey, u32>,
    strays: usize,
    keys: BTreeMap<[u8; 32], Bytes>,
    /// Adjustments and invalid documents, by a text that is theirs alone.
    once: BTreeSet<String>,
    rules: BTreeMap<u64, String>,
    batches: BTreeMap<BatchId, u64>,
    letters: BTreeSet<Seq>,
    settled: BTreeMap<Seq, Seq>,
}

impl Promises {
    pub(crate) fn note(&mut self, request: &Request, answer: &Answer) {
        match (request, answer) {
            (Request::Once(once), Answer::Once(outcome)) => self.note_once(once, outcome),
            (_, Answer::Broken) => panic!("nothing here can break: {request:?}"),
            (Request::Receive(receive), Answer::Accepted(_)) => {
                let key = receive.order.key.clone();
                let new = self.orders.insert(key, receive.document.clone());
                assert_eq!(new, None, "an order was accepted twice: {request:?}");
            }
            (Request::Receive(receive), Answer::Refused(Refusal::Duplicate { .. })) => {
                *self.repeats.entry(receive.order.key.clone()).or_default() += 1;
            }
            (Request::Amend(amend), Answer::Accepted(accepted)) => {
                let key = amend.order.key.clone();
                self.orders.insert(key.clone(), amend.document.clone());
                let before = self.revisions.insert(key, accepted.state.revision).unwrap_or(1);
                assert!(accepted.state.revision > before, "{request:?}");
                let made_for = accepted.state.revision - 1;
                assert!(amend.revision.is_none_or(|revision| revision == made_for));
            }
            (Request::Cancel(cancel), Answer::Accepted(_)) => {
                let new = self.cancelled.insert(cancel.command.order.clone());
                assert!(new, "cancelled twice: {request:?}");
            }
            (Request::Amend(_) | Request::Cancel(_), Answer::Refused(Refusal::UnknownOrder)) => {
                self.strays += 1;
            }
            (Request::Fulfil(key), Answer::Accepted(_)) => {
                assert!(self.fulfilled.insert(key.clone()), "fulfilled twice: {request:?}");
            }
            (Request::AdjustStock(adjust), Answer::Stock(_)) => {
                self.once.insert(adjust.reason.to_string());
            }
            (Request::Audit(audit), Answer::Recorded) => {
                self.once.extend(audit.faults.iter().map(|fault| fault.code.to_string()));
            }
            (Request::PutRules { rules, .. }, Answer::Rules(version)) => {
                let new = self.rules.insert(*version, rules.source.clone());
                assert_eq!(new, None, "a version was given twice: {version}");
            }
            (Request::Checkpoint(_), Answer::Batch(batch)) => {
                self.batches.insert(batch.id.clone(), batch.offset);
            }
            (Request::Bury(_), Answer::Buried(seq)) => _ = self.letters.insert(*seq),
            (Request::Settle(settle), Answer::Settled(settlement)) => {
                if let Settlement::Done { seq, .. } = &**settlement {
                    let new = self.settled.insert(settle.letter, *seq);
                    assert_eq!(new, None, "a letter ended twice: {settle:?}");
                }
            }
            (_, _) => {}
        }
    }

    /// What was answered under a key is answered so for ever; nothing is done for it twice.
    fn note_once(&mut self, once: &Once, outcome: &Outcome) {
        match outcome {
            Outcome::Now { answer, kept } => {
                let kept = kept.clone().expect("every answer is kept here");
                let new = self.keys.insert(once.key.name, kept);
                assert_eq!(new, None, "a key was used twice: {once:?}");
                self.note(&once.request, answer);
            }
            Outcome::Before(answer) => {
                // A crash may have left it before anybody was answered.
                let known = self.keys.entry(once.key.name).or_insert_with(|| answer.clone());
                assert_eq!(known, answer);
            }
            Outcome::OtherContent => panic!("every key has one content here: {once:?}"),
        }
    }

    /// Everything that was answered is on the disk and can be read.
    pub(crate) fn prove(&self, ledger: &SimLedger, told: &Told, now: Timestamp) {
        self.prove_orders(ledger);
        assert!(told.strays >= self.strays, "a refusal is lost");
        for (name, answer) in &self.keys {
            let (seq, _) = ledger.view(|view| view.kept(name, now)).expect("a key is lost");
            match ledger.change(seq).expect("a sound log reads").what {
                What::Kept(kept) => assert_eq!(kept.answer, *answer),
                other => panic!("a key's row names another change: {other:?}"),
            }
        }
        assert!(told.texts.values().all(|times| *times == 1), "something was done twice");
        for text in &self.once {
            assert!(told.texts.contains_key(text), "{text} is lost");
        }
        for (version, source) in &self.rules {
            let stored = ledger.view(|view| view.rules(*version));
            assert_eq!(stored.map(|rules| rules.source.clone()).as_ref(), Some(source));
        }
        for (id, offset) in &self.batches {
            let stored = ledger.view(|view| view.batch(id));
            assert!(stored.is_some_and(|batch| batch.offset >= *offset), "{id} fell back");
        }
        for seq in &self.letters {
            assert!(told.letters.contains_key(seq), "a dead letter is lost");
        }
        for (letter, seq) in &self.settled {
            let end = ledger.view(|view| view.letter(*letter)).and_then(|row| row.end);
            assert_eq!(end.map(|end| end.seq), Some(*seq), "the end of a letter is lost");
        }
    }

    fn prove_orders(&self, ledger: &SimLedger) {
        for (key, document) in &self.orders {
            // A crash may leave a revision that nobody was answered for.
            let found = find(ledger, key);
            let revision = self.revisions.get(key).copied().unwrap_or(1);
            assert!(found.document == *document || found.state.revision > revision, "{key:?}");
        }
        for (key, repeats) in &self.repeats {
            let known = find(ledger, key).state.repeats;
            assert!(known >= *repeats, "a repetition of {key:?} is lost");
        }
        for key in &self.fulfilled {
            assert_eq!(find(ledger, key).state.status, Status::Fulfilled);
        }
        for key in &self.cancelled {
            assert_eq!(find(ledger, key).state.status, Status::Cancelled);
        }
        for (key, revision) in &self.revisions {
            assert!(find(ledger, key).state.revision >= *revision, "{key:?} fell back");
        }
    }
}

fn find(ledger: &SimLedger, key: &OrderKey) -> OrderView {
    match ledger.view(|view| view.order(&key.id, Some(&key.merchant))) {
        Found::Order(found) => *found,
        other => panic!("{key:?} is lost: {other:?}"),
    }
}
