//! Hands answers to the threads that wait for them: one wake-up a commit and thread.
//!
//! A runtime that hears of an answer from another thread is woken by a system call, for every
//! answer: at 64 connections that was 0.7 calls an order, made by the one thread that commits. A
//! thread that runs [`hand_out`] has a desk: the writer lays a commit's answers there and rings
//! once.
//!
//! Never: an answer before its commit.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::writer::Reply;

thread_local! {
    static DESK: RefCell<Option<Arc<Desk>>> = const { RefCell::new(None) };
}

#[derive(Debug, Default)]
struct Desk {
    mail: Mutex<Vec<(oneshot::Sender<Reply>, Reply)>>,
    bell: Notify,
}

/// Hands out the answers to calls that this thread makes, for as long as it is polled. To be
/// spawned on a runtime of one thread; elsewhere answers find their callers without it.
pub async fn hand_out() {
    let desk = Arc::new(Desk::default());
    let _open = Open::new(desk.clone());
    let mut mail = Vec::new();
    loop {
        desk.bell.notified().await;
        std::mem::swap(&mut mail, &mut *desk.mail.lock());
        for (caller, reply) in mail.drain(..) {
            // Whoever has stopped waiting has no use for the answer.
            drop(caller.send(reply));
        }
    }
}

/// The desk is open on this thread while this lives.
struct Open;

impl Open {
    fn new(desk: Arc<Desk>) -> Self {
        DESK.set(Some(desk));
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        DESK.set(None);
    }
}

/// Who waits for an answer, and where it is to be handed over.
#[derive(Debug)]
pub(crate) struct Caller {
    reply: oneshot::Sender<Reply>,
    desk: Option<Arc<Desk>>,
}

impl Caller {
    /// The thread that calls.
    pub(crate) fn here() -> (Self, oneshot::Receiver<Reply>) {
        let (reply, answer) = oneshot::channel();
        (Self { reply, desk: DESK.with_borrow(Clone::clone) }, answer)
    }
}

/// Answers of one commit on their way out.
#[derive(Debug, Default)]
pub(crate) struct Round {
    bells: Vec<Arc<Desk>>,
}

impl Round {
    /// Lays an answer down where its caller finds it.
    pub(crate) fn deliver(&mut self, caller: Caller, reply: Reply) {
        let Some(desk) = caller.desk else {
            drop(caller.reply.send(reply));
            return;
        };
        let mut mail = desk.mail.lock();
        mail.push((caller.reply, reply));
        // Behind the first, the bell is going to ring or has rung and was not heard yet.
        let is_first = mail.len() == 1;
        drop(mail);
        if is_first {
            self.bells.push(desk);
        }
    }

    /// Rings at every desk that got something.
    pub(crate) fn ring(self) {
        for desk in self.bells {
            desk.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply() -> Reply {
        Err(service::ledger::Unavailable::Full)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts")
    }

    #[test]
    fn answers_of_one_commit_reach_all_callers_of_a_thread_by_one_bell() {
        runtime().block_on(async {
            tokio::spawn(hand_out());
            tokio::task::yield_now().await;
            let (callers, answers): (Vec<_>, Vec<_>) = (0..3).map(|_| Caller::here()).unzip();
            let writer = std::thread::spawn(move || {
                let mut round = Round::default();
                callers.into_iter().for_each(|caller| round.deliver(caller, reply()));
                let bells = round.bells.len();
                round.ring();
                bells
            });
            for answer in answers {
                assert!(answer.await.is_ok());
            }
            assert_eq!(writer.join().expect("the writer ends"), 1);
        });
    }

    #[test]
    fn a_caller_whose_desk_has_closed_hears_that_the_outcome_is_unknown() {
        let (caller, answer) = runtime().block_on(async {
            let desk = tokio::spawn(hand_out());
            tokio::task::yield_now().await;
            let called = Caller::here();
            desk.abort();
            drop(desk.await);
            called
        });
        let mut round = Round::default();
        round.deliver(caller, reply());
        round.ring();
        assert!(answer.blocking_recv().is_err(), "the sender went with the desk");
        assert!(Caller::here().0.desk.is_none());
    }
}
