//! The machine by fact: a driver that answers by hand, at times of its choice.

use super::*;

const TERMS: Terms =
    Terms { in_flight_max: 3, receivers: 1, visibility: Duration::from_secs(30), receives_max: 5 };

fn at(ms: i64) -> Timestamp {
    Timestamp(ms * 1_000)
}

fn message(id: &str) -> Message {
    Message {
        id: id.into(),
        receipt: Receipt(format!("receipt of {id}").into()),
        body: bytes::Bytes::new(),
        receives: 1,
        sent_at: None,
        group: None,
    }
}

fn grouped(id: &str, group: &str) -> Message {
    Message { group: Some(group.into()), ..message(id) }
}

fn settled() -> Verdict {
    Verdict::Settled(Settled { accepted: 1, ..Settled::default() })
}

fn failed<T>() -> Result<T, SourceError> {
    Err(SourceError("no connection".into()))
}

/// Acts as words: `work a`, `delete a b`.
fn told(acts: &[Act]) -> Vec<String> {
    let of = |what: &str, some: &[(Ticket, Receipt)]| {
        let names = some.iter().filter_map(|(_, receipt)| receipt.0.rsplit(' ').next());
        format!("{what} {}", names.collect::<Vec<_>>().join(" "))
    };
    let word = |act: &Act| match act {
        Act::Receive(most) => format!("receive {most}"),
        Act::Work(_, message) => format!("work {}", message.id),
        Act::Bury(_, message) => format!("bury {}", message.id),
        Act::Extend(some) => of("extend", some),
        Act::Delete(some) => of("delete", some),
        Act::GiveBack(some) => of("give back", some),
    };
    acts.iter().map(word).collect()
}

fn says(machine: &mut Machine, ms: i64, expected: &[&str]) {
    assert_eq!(told(&machine.acts(at(ms))), expected, "at {ms} ms");
}

/// A machine that was handed these at time 0, and works on what it may.
fn holding(terms: Terms, messages: Vec<Message>) -> Machine {
    let mut machine = Machine::new(terms);
    let most = terms.in_flight_max.min(MESSAGES_PER_CALL_MAX);
    says(&mut machine, 0, &[&format!("receive {most}")]);
    machine.received(at(0), most, Ok(messages));
    machine
}

fn ticket(number: u64) -> Ticket {
    Ticket(number)
}

#[test]
fn a_message_is_deleted_after_its_commit_and_makes_room_then() {
    let mut machine = holding(TERMS, ["a", "b", "c"].map(message).into());
    says(&mut machine, 1, &["work a", "work b", "work c"]);
    says(&mut machine, 2, &[]);
    machine.worked(at(3), ticket(1), settled());
    says(&mut machine, 3, &["delete b"]);
    machine.worked(at(4), ticket(0), settled());
    // While one call to delete is under way, the next ones gather.
    says(&mut machine, 4, &[]);
    machine.deleted(at(5), &[ticket(1)], Ok(Vec::new()));
    says(&mut machine, 5, &["delete a", "receive 1"]);
    assert_eq!(machine.state().in_flight, 2);
    assert_eq!(machine.state().counts.settled.accepted, 2);
}

#[test]
fn room_is_promised_once_however_many_receive() {
    let terms = Terms { in_flight_max: 25, receivers: 4, ..TERMS };
    let mut machine = Machine::new(terms);
    says(&mut machine, 0, &["receive 10", "receive 10", "receive 5"]);
    machine.received(at(1), 10, Ok(vec![message("a")]));
    says(&mut machine, 1, &["work a", "receive 9"]);
}

#[test]
fn what_takes_long_is_kept_hidden_whenever_half_of_the_time_is_over() {
    let mut machine = holding(TERMS, vec![message("a")]);
    says(&mut machine, 0, &["work a", "receive 2"]);
    assert_eq!(machine.wake_at(at(0)), Some(at(15_000)));
    says(&mut machine, 14_999, &[]);
    says(&mut machine, 15_000, &["extend a"]);
    says(&mut machine, 15_001, &[]);
    machine.extended(at(15_100), &[ticket(0)], Ok(Vec::new()));
    assert_eq!(machine.wake_at(at(15_100)), Some(at(30_000)));
    says(&mut machine, 30_000, &["extend a"]);
    // The queue cannot be asked: again after a pause, as long as it is ours.
    machine.extended(at(30_001), &[ticket(0)], failed());
    says(&mut machine, 30_400, &[]);
    says(&mut machine, 30_501, &["extend a"]);
}

#[test]
fn what_is_not_ours_any_more_is_not_begun_and_not_asked_for_again() {
    let terms = Terms { receives_max: 1, ..TERMS };
    let mut machine = holding(terms, vec![grouped("a", "g"), grouped("b", "g"), message("c")]);
    says(&mut machine, 0, &["work a", "work c"]);
    says(&mut machine, 15_000, &["extend a b c"]);
    machine.extended(at(15_001), &[0, 1, 2].map(Ticket), Ok(vec![ticket(0), ticket(1)]));
    // `b` comes again; what is being worked on is committed whatever the queue says.
    says(&mut machine, 15_002, &["receive 1"]);
    assert_eq!(machine.state().counts.lost, 1);
    machine.worked(at(15_003), ticket(0), settled());
    says(&mut machine, 15_004, &["delete a"]);
    machine.deleted(at(15_005), &[ticket(0)], Ok(vec![ticket(0)]));
    assert_eq!(machine.state().counts.lost, 2);
    assert_eq!(machine.state().in_flight, 1);
}

#[test]
fn a_message_whose_time_runs_out_while_the_queue_is_away_is_not_begun() {
    let mut machine = holding(TERMS, vec![grouped("a", "g"), grouped("b", "g")]);
    says(&mut machine, 0, &["work a", "receive 1"]);
    machine.received(at(1), 1, failed());
    let mut now = 15_000;
    while now < 30_000 {
        let acts = machine.acts(at(now));
        for act in acts {
            match act {
                Act::Extend(some) => {
                    let tickets: Vec<Ticket> = some.into_iter().map(|(ticket, _)| ticket).collect();
                    machine.extended(at(now), &tickets, failed());
                }
                Act::Receive(most) => machine.received(at(now), most, failed()),
                other => panic!("{other:?}"),
            }
        }
        now = machine.wake_at(at(now)).expect("it wants to try again").0 / 1_000;
    }
    machine.worked(at(now), ticket(0), settled());
    let acts = told(&machine.acts(at(now)));
    assert!(!acts.iter().any(|act| act.starts_with("work")), "{acts:?}");
    assert_eq!(machine.state().counts.lost, 1, "the second of the group comes again");
}

#[test]
fn while_the_ledger_takes_nothing_one_is_tried_and_nothing_more_is_received() {
    let mut machine = holding(TERMS, vec![message("a"), message("b")]);
    says(&mut machine, 0, &["work a", "work b", "receive 1"]);
    machine.received(at(1), 1, Ok(Vec::new()));
    machine.worked(at(1), ticket(0), Verdict::Unavailable("full disk".into()));
    machine.worked(at(1), ticket(1), Verdict::Unavailable("full disk".into()));
    says(&mut machine, 2, &[]);
    assert_eq!(machine.state().trouble, Some((at(1), "full disk".into())));
    assert_eq!(machine.wake_at(at(2)), Some(at(501)));
    says(&mut machine, 501, &["work a"]);
    machine.worked(at(510), ticket(0), Verdict::Unavailable("full disk".into()));
    // Twice the pause, and it is still the same trouble.
    says(&mut machine, 1_509, &[]);
    says(&mut machine, 1_510, &["work a"]);
    says(&mut machine, 15_000, &["extend a b"]);
    machine.worked(at(15_001), ticket(0), settled());
    says(&mut machine, 15_001, &["work b", "delete a", "receive 1"]);
    assert_eq!(machine.state().trouble, None);
    assert_eq!(machine.state().counts.given_back, 0);
}

#[test]
fn a_queue_that_fails_is_asked_by_one_call_after_pauses_that_grow() {
    let mut machine = Machine::new(Terms { receivers: 2, in_flight_max: 20, ..TERMS });
    says(&mut machine, 0, &["receive 10", "receive 10"]);
    machine.received(at(1), 10, failed());
    machine.received(at(2), 10, failed());
    says(&mut machine, 500, &[]);
    says(&mut machine, 501, &["receive 10"]);
    machine.received(at(502), 10, failed());
    says(&mut machine, 1_501, &[]);
    says(&mut machine, 1_502, &["receive 10"]);
    assert_eq!(machine.state().trouble, Some((at(1), "no connection".into())));
    machine.received(at(1_503), 10, Ok(Vec::new()));
    says(&mut machine, 1_503, &["receive 10", "receive 10"]);
    assert_eq!(machine.state().trouble, None);
    let mut pauses = Outage::default();
    (0..20).for_each(|n| pauses.fails(at(n * 100_000), "x".into()));
    assert_eq!(pauses.pause, PAUSE_MAX);
}

#[test]
fn messages_of_one_group_are_done_one_after_another() {
    let mut machine = holding(TERMS, vec![grouped("a", "g"), grouped("b", "g"), message("c")]);
    says(&mut machine, 0, &["work a", "work c"]);
    machine.worked(at(1), ticket(2), settled());
    says(&mut machine, 1, &["delete c"]);
    machine.worked(at(2), ticket(0), settled());
    says(&mut machine, 2, &["work b"]);
}

#[test]
fn a_message_that_was_handed_out_too_often_is_buried() {
    let worn = Message { receives: 6, ..message("worn") };
    let last = Message { receives: 5, ..message("last") };
    let mut machine = holding(TERMS, vec![worn, last]);
    says(&mut machine, 0, &["bury worn", "work last", "receive 1"]);
    machine.worked(at(1), ticket(0), settled());
    says(&mut machine, 1, &["delete worn"]);
}

#[test]
fn at_the_end_what_is_not_begun_is_given_back_and_what_is_committed_deleted() {
    let mut machine = holding(TERMS, vec![grouped("a", "g"), grouped("b", "g"), message("c")]);
    says(&mut machine, 0, &["work a", "work c"]);
    machine.stop();
    says(&mut machine, 1, &["give back b"]);
    machine.worked(at(2), ticket(0), settled());
    machine.worked(at(2), ticket(2), Verdict::Unavailable("closing".into()));
    says(&mut machine, 2, &["give back c", "delete a"]);
    machine.given_back(&[ticket(1), ticket(2)]);
    assert!(!machine.is_over());
    machine.deleted(at(3), &[ticket(0)], failed());
    assert!(machine.is_over(), "what was not deleted comes again, and is known then");
    says(&mut machine, 4, &[]);
}

#[test]
fn what_is_being_kept_hidden_is_given_back_after_the_answer() {
    let mut machine = holding(TERMS, vec![grouped("a", "g"), grouped("b", "g")]);
    says(&mut machine, 0, &["work a", "receive 1"]);
    says(&mut machine, 15_000, &["extend a b"]);
    machine.stop();
    machine.worked(at(15_001), ticket(0), settled());
    says(&mut machine, 15_001, &["delete a"]);
    machine.extended(at(15_002), &[ticket(0), ticket(1)], Ok(Vec::new()));
    says(&mut machine, 15_002, &["give back b"]);
}

#[test]
fn a_deletion_that_failed_is_tried_again_while_the_message_is_ours() {
    let mut machine = holding(TERMS, vec![message("a")]);
    says(&mut machine, 0, &["work a", "receive 2"]);
    machine.worked(at(1), ticket(0), settled());
    says(&mut machine, 1, &["delete a"]);
    machine.deleted(at(2), &[ticket(0)], failed());
    says(&mut machine, 3, &[]);
    says(&mut machine, 502, &["delete a"]);
    machine.deleted(at(503), &[ticket(0)], Ok(Vec::new()));
    assert_eq!(machine.state().counts.deleted, 1);
    assert_eq!(machine.state().in_flight, 0);
}
