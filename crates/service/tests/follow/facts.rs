//! What the machine promises, one fact a test.

use std::time::Duration;

use domain::time::Timestamp;
use service::change::Seq;
use service::follow::{
    APART_MAX, Blame, Delivery, Input, Machine, Outcome, Output, Page, Progress, Retention,
    SAVE_IDLE_EVERY, State, Terms, WINDOW_MAX,
};
use service::letters::Subject;

use crate::rig::{BEGIN, BYTES, Rig, SECOND, key, refused, unavailable};

fn terms() -> Terms {
    Terms { concurrency: 3, pauses: vec![SECOND, SECOND * 10], ..Terms::default() }
}

fn rig(orders: &str) -> Rig {
    let mut rig = Rig::new(terms());
    rig.log(orders);
    rig
}

/// The change that is the `n`th of the log, from 0.
fn nth(n: u64) -> Option<Seq> {
    Some(Seq((n + 1) * BYTES))
}

#[test]
fn orders_pass_each_other_and_keep_their_own_order() {
    let mut rig = rig("a a b c");
    assert_eq!(rig.under_way(), "a#0 b#2 c#3");
    rig.end("b#2", Outcome::Delivered);
    assert_eq!(rig.under_way(), "a#0 c#3");
    rig.end("a#0", Outcome::Delivered);
    assert_eq!(rig.under_way(), "c#3 a#1");
}

#[test]
fn the_cursor_passes_only_what_is_done() {
    let mut rig = rig("- a b - c");
    assert_eq!(rig.machine.progress().cursor, nth(0));
    rig.end("b#2", Outcome::Delivered);
    rig.end("c#4", Outcome::Delivered);
    assert_eq!(rig.machine.progress().cursor, nth(0), "a is not there");
    rig.end("a#1", Outcome::Delivered);
    assert_eq!(rig.machine.progress().cursor, nth(4));
}

#[test]
fn what_is_written_while_a_page_is_read_is_not_slept_through() {
    let mut machine = Machine::new("hook", terms(), &Progress::default(), BEGIN, 7);
    let read = Output::Read { after: None, limit: WINDOW_MAX };
    assert_eq!(machine.step(BEGIN, Input::Grown(BYTES)), std::slice::from_ref(&read));
    assert_eq!(machine.step(BEGIN, Input::Grown(2 * BYTES)), []);
    let nothing = Page { is_end: true, ..Page::default() };
    assert_eq!(machine.step(BEGIN, Input::Read(nothing.clone())), [read]);
    assert_eq!(machine.step(BEGIN, Input::Read(nothing)), []);
}

#[test]
fn an_order_that_is_refused_waits_apart_with_what_follows_while_others_pass() {
    let mut rig = rig("a a b");
    rig.end("a#0", refused());
    rig.end("b#2", Outcome::Delivered);
    assert_eq!(rig.under_way(), "", "the second of a waits behind its first");
    let progress = rig.machine.progress();
    assert_eq!(progress.cursor, nth(2), "nothing is held up");
    let waiting: Vec<_> = progress.waiting.iter().map(|w| &*w.delivery.id).collect();
    assert_eq!(waiting, ["a#0", "a#1"]);
    rig.pass(SECOND);
    assert_eq!(rig.under_way(), "a#0");
    assert_eq!(rig.attempts[0].number, 2);
    rig.end("a#0", Outcome::Delivered);
    rig.end("a#1", Outcome::Delivered);
    assert_eq!(rig.machine.progress().waiting, []);
}

#[test]
fn after_the_last_attempt_the_dead_letter_is_committed_before_the_order_goes_on() {
    let mut rig = rig("a a");
    rig.buries = false;
    for _ in 0..2 {
        rig.end("a#0", refused());
        rig.pass(SECOND * 10);
    }
    rig.end("a#0", refused());
    rig.pass(SECOND * 100);
    assert_eq!(rig.under_way(), "");
    assert_eq!(rig.machine.progress().waiting.len(), 2, "the letter is not committed");
    let (grave, letter) = rig.graves.pop_front().expect("it is asked for");
    let Subject::Delivery { sink, id, seq, .. } = &letter.subject else { panic!("{letter:?}") };
    assert_eq!((&**sink, &**id, Some(*seq)), ("hook", "a#0", nth(0)));
    assert_eq!((letter.attempts, &*letter.reason), (3, "refused"));
    assert_eq!((&*letter.error, &letter.order), ("422 unknown customer", &Some(key("a"))));
    rig.step(Input::NotBuried(grave));
    rig.pass(SECOND);
    let (grave, again) = rig.graves.pop_front().expect("it is asked for again");
    assert_eq!(again, letter);
    rig.step(Input::Buried(grave));
    assert_eq!(rig.under_way(), "a#1");
    assert_eq!(rig.attempts[0].number, 1);
}

#[test]
fn a_destination_that_does_not_work_holds_the_sink_and_sets_nothing_apart() {
    let mut rig = rig("a b c d e f g");
    for order in ["a#0", "b#1", "c#2", "d#3", "e#4"] {
        rig.end(order, unavailable());
    }
    assert_eq!(rig.under_way(), "f#5 g#6", "these were under way when it opened");
    rig.end("f#5", unavailable());
    rig.end("g#6", unavailable());
    assert!(matches!(rig.machine.status(rig.now).state, State::Held { .. }));
    rig.pass(SECOND - Duration::from_millis(1));
    assert_eq!(rig.under_way(), "");
    let progress = rig.machine.progress();
    assert_eq!((progress.cursor, progress.waiting.len()), (None, 0));
    rig.log("h");
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.under_way(), "h#7", "one looks whether it works: the one that was tried least");
    rig.end("h#7", Outcome::Delivered);
    assert_eq!(rig.attempts.len(), 3, "everybody goes on at once");
    while let Some(attempt) = rig.attempts.first() {
        let id = attempt.delivery.id.to_string();
        rig.end(&id, Outcome::Delivered);
    }
    assert_eq!(rig.machine.progress().cursor, nth(7));
    assert_eq!(rig.machine.status(rig.now).state, State::Running);
}

#[test]
fn the_longer_a_destination_does_not_work_the_less_it_is_asked() {
    let mut rig = Rig::new(Terms { pauses: vec![SECOND; 1_000], ..terms() });
    rig.log("a b c d e f g h i j");
    let mut asked = 0;
    for _ in 0..600 {
        while let Some(attempt) = rig.attempts.first() {
            let id = attempt.delivery.id.to_string();
            asked += 1;
            rig.end(&id, unavailable());
        }
        rig.pass(SECOND);
    }
    assert!((500..=620).contains(&asked), "{asked}: once a second, whoever waits");
    assert_eq!(rig.letters, []);
}

#[test]
fn an_order_that_fails_while_others_pass_is_to_blame_itself() {
    let mut rig = rig("a b a");
    rig.end("a#0", unavailable());
    rig.end("b#1", Outcome::Delivered);
    rig.pass(SECOND);
    assert_eq!(rig.machine.progress().cursor, None, "it may still have been the destination");
    rig.end("a#0", unavailable());
    let progress = rig.machine.progress();
    assert_eq!((progress.cursor, progress.waiting.len()), (nth(2), 2));
    assert_eq!(progress.tries[0].1.blame, Blame::Order);
    rig.pass(SECOND * 10);
    rig.end("a#0", unavailable());
    assert_eq!((rig.letters.len(), &*rig.letters[0].reason), (1, "retries_exhausted"));
    assert_eq!(rig.under_way(), "a#2");
}

#[test]
fn one_order_alone_never_holds_the_sink() {
    let mut rig = Rig::new(Terms { pauses: vec![SECOND; 50], ..terms() });
    rig.log("a");
    for _ in 0..40 {
        rig.end("a#0", unavailable());
        rig.pass(SECOND);
    }
    rig.log("b");
    assert_eq!(rig.under_way(), "a#0 b#1");
}

#[test]
fn nobody_is_sent_before_the_time_a_destination_asked_for() {
    let mut rig = rig("a b");
    let reason = "429".into();
    rig.end("a#0", Outcome::Unavailable { reason, retry_after: Some(SECOND * 100) });
    rig.end("b#1", unavailable());
    rig.pass(SECOND * 100 - Duration::from_micros(1));
    assert_eq!(rig.under_way(), "");
    rig.pass(Duration::from_micros(1));
    assert_eq!(rig.attempts.len(), 1);
}

#[test]
fn a_destination_that_is_gone_ends_it_with_one_letter_until_it_is_enabled() {
    let mut rig = rig("a b");
    rig.end("a#0", Outcome::Gone { reason: "410".into() });
    rig.end("b#1", Outcome::Gone { reason: "410".into() });
    rig.log("c");
    rig.pass(SECOND * 100);
    assert_eq!((rig.under_way(), rig.letters.len()), (String::new(), 1));
    assert_eq!(rig.letters[0].subject, Subject::Disabled { sink: "hook".into() });
    rig.restart();
    rig.pass(SECOND);
    assert_eq!(rig.under_way(), "", "it is so after a restart");
    assert!(matches!(rig.machine.status(rig.now).state, State::Disabled(_)));
    rig.step(Input::Enable);
    assert_eq!(rig.under_way(), "a#0 b#1 c#2", "nothing is lost");
}

#[test]
fn one_that_is_switched_off_delivers_nothing_and_leaves_no_letter_until_it_is_enabled() {
    let mut rig = rig("a b");
    rig.step(Input::Disable("maintenance".into()));
    rig.end("a#0", Outcome::Delivered);
    rig.log("c");
    rig.pass(SECOND * 100);
    rig.restart();
    rig.pass(SECOND);
    assert_eq!((rig.under_way(), rig.letters.len()), (String::new(), 0));
    rig.step(Input::Enable);
    assert_eq!(rig.under_way(), "b#1 c#2", "nothing is lost");
}

#[test]
fn what_a_sink_is_too_late_for_is_one_letter_that_names_the_range() {
    let retention = Retention { age: Some(SECOND * 60), bytes: None };
    let mut rig = Rig::new(Terms { retention, ..terms() });
    rig.step(Input::Stop);
    rig.log("a - b");
    rig.pass(SECOND * 50);
    rig.log("c");
    rig.pass(SECOND * 20);
    rig.buries = false;
    rig.restart();
    assert_eq!(rig.under_way(), "c#3");
    assert_eq!(rig.machine.progress().cursor, None, "the letter is not committed");
    let (grave, letter) = rig.graves.pop_front().expect("it is asked for");
    let (from, until) = (nth(0).expect("a change"), nth(3).expect("a change"));
    assert_eq!(letter.subject, Subject::Missed { sink: "hook".into(), from, until });
    rig.step(Input::Buried(grave));
    rig.end("c#3", Outcome::Delivered);
    assert_eq!(rig.machine.progress().cursor, nth(3));
    assert_eq!(rig.machine.status(rig.now).counts.missed, 2);
}

#[test]
fn what_waits_for_a_destination_too_long_is_missed_as_well() {
    let retention = Retention { age: None, bytes: Some(5 * BYTES) };
    let mut rig = Rig::new(Terms { retention, pauses: vec![SECOND; 99], ..terms() });
    rig.log("a b c d e");
    for order in ["a#0", "b#1", "c#2", "d#3", "e#4"] {
        rig.end(order, unavailable());
    }
    rig.log("f - - g");
    rig.pass(SECOND);
    let (from, until) = (nth(0).expect("a change"), nth(4).expect("a change"));
    let letters: Vec<_> = rig.letters.iter().map(|letter| letter.subject.clone()).collect();
    let sink: Box<str> = "hook".into();
    let first = Subject::Missed { sink: sink.clone(), from, until: nth(1).expect("a change") };
    assert_eq!(letters.first(), Some(&first));
    let last = letters.last().expect("a letter");
    assert!(matches!(last, Subject::Missed { until: u, .. } if *u == until), "{letters:?}");
    assert_eq!(rig.machine.progress().cursor, nth(3));
}

#[test]
fn a_cursor_that_passes_what_is_of_no_concern_is_saved_now_and_then() {
    let mut rig = rig("-");
    for _ in 0..100 {
        rig.log("- - -");
        rig.pass(SECOND);
    }
    let most = 100 / SAVE_IDLE_EVERY.as_secs() as usize + 1;
    assert!((1..=most).contains(&rig.saves), "{} saves", rig.saves);
}

#[test]
fn a_restart_knows_what_was_tried_and_when_to_go_on() {
    let mut rig = rig("a b a");
    rig.end("a#0", refused());
    rig.pass(SECOND);
    rig.end("a#0", refused());
    rig.end("b#1", unavailable());
    rig.pass(Duration::from_millis(1));
    rig.pass(SECOND * 2);
    let before: Vec<_> = ["a", "b"].map(|order| rig.machine.holding(&key(order))).to_vec();
    rig.restart();
    let after: Vec<_> = ["a", "b"].map(|order| rig.machine.holding(&key(order))).to_vec();
    assert_eq!(before, after);
    let a = after[0].as_ref().expect("a waits");
    assert_eq!((a.attempts, a.deliveries), (2, 2));
    assert_eq!(a.last_error.as_deref(), Some("422 unknown customer"));
    rig.pass(SECOND * 10);
    let again = rig.attempts.iter().find(|attempt| &*attempt.delivery.id == "a#0");
    assert_eq!(again.expect("a is tried again").number, 3);
}

#[test]
fn no_more_go_out_at_once_or_in_a_second_than_the_terms_allow() {
    let mut rig = Rig::new(Terms { concurrency: 2, per_second: Some(10), ..terms() });
    let orders: Vec<String> = (0..40).map(|n| format!("o{n}")).collect();
    rig.log(&orders.join(" "));
    let mut sent = 0;
    for _ in 0..200 {
        assert!(rig.attempts.len() <= 2);
        if let Some(attempt) = rig.attempts.first() {
            let id = attempt.delivery.id.to_string();
            rig.end(&id, Outcome::Delivered);
            sent += 1;
        }
        rig.pass(Duration::from_millis(10));
    }
    assert!((20..=22).contains(&sent), "{sent} in two seconds");
}

#[test]
fn what_gathers_up_under_one_id_waits_apart_and_goes_out_once() {
    let mut rig = Rig::new(terms());
    let due = Some(Timestamp(rig.now.0 + 60_000_000));
    for _ in 0..3 {
        let some = Delivery { due, ..Delivery::clone(&rig.delivery("minute", None)) };
        rig.change(vec![some.into()]);
    }
    rig.log("a");
    rig.end("a#3", Outcome::Delivered);
    assert_eq!(rig.machine.progress().cursor, nth(3));
    rig.pass(SECOND);
    rig.restart();
    rig.pass(SECOND * 60);
    assert_eq!(rig.under_way(), "minute");
    rig.end("minute", Outcome::Delivered);
    rig.pass(SECOND * 600);
    assert_eq!(rig.times().get("minute"), Some(&1));
    assert_eq!(rig.machine.progress().waiting, []);
}

#[test]
fn what_is_of_no_concern_to_anybody_is_no_failure() {
    let mut rig = rig("a a");
    rig.end("a#0", Outcome::Skipped { reason: "no address".into() });
    assert_eq!((rig.under_way().as_str(), rig.letters.len()), ("a#1", 0));
}

#[test]
fn what_is_read_ahead_is_bounded_and_a_failing_order_does_not_stop_the_others() {
    let mut rig = Rig::new(Terms { pauses: vec![SECOND * 3_600; 9], ..terms() });
    rig.log("a");
    rig.end("a#0", unavailable());
    for n in 0..WINDOW_MAX * 2 {
        rig.log(&format!("o{n}"));
        let id = format!("o{n}#{}", n + 1);
        rig.end(&id, Outcome::Delivered);
    }
    let progress = rig.machine.progress();
    assert_eq!((progress.cursor, progress.waiting.len()), (nth(WINDOW_MAX as u64 * 2), 1));
}

#[test]
fn a_destination_that_does_not_work_is_not_read_ahead_for_without_end() {
    let mut rig = rig("-");
    let orders: Vec<String> = (0..WINDOW_MAX * 2).map(|n| format!("o{n}")).collect();
    rig.log(&orders.join(" "));
    let lag = rig.machine.status(rig.now).lag;
    assert_eq!(lag.bytes, (WINDOW_MAX as u64 * 2 + 1) * BYTES);
    assert_eq!(lag.changes, WINDOW_MAX as u64 * 2 + 1);
    assert!(lag.oldest.is_some());
}

#[test]
fn with_enough_at_hand_the_log_is_read_by_pages_and_not_by_changes() {
    let mut rig = Rig::new(terms());
    let orders: Vec<String> = (0..WINDOW_MAX * 4).map(|n| format!("o{n}")).collect();
    rig.log(&orders.join(" "));
    let before = rig.reads;
    for n in 0..WINDOW_MAX * 4 {
        rig.end(&format!("o{n}#{n}"), Outcome::Delivered);
    }
    assert_eq!(rig.machine.progress().cursor, nth(WINDOW_MAX as u64 * 4 - 1));
    assert!(rig.reads - before <= 16, "{} pages", rig.reads - before);
}

#[test]
fn with_too_much_apart_nothing_more_is_read() {
    let mut rig = Rig::new(Terms { pauses: vec![SECOND * 3_600; 9], ..terms() });
    for n in 0..APART_MAX + 10 {
        rig.log(&format!("o{n}"));
        if rig.attempts.is_empty() {
            break;
        }
        rig.end(&format!("o{n}#{n}"), refused());
    }
    let status = rig.machine.status(rig.now);
    assert_eq!((status.state, status.waiting_orders), (State::Crowded, APART_MAX));
    assert_eq!(rig.attempts.len(), 0);
}

#[test]
fn a_sink_that_is_stopped_begins_nothing_more() {
    let mut rig = rig("a a b c d");
    rig.step(Input::Stop);
    rig.end("a#0", Outcome::Delivered);
    rig.end("b#2", refused());
    rig.pass(SECOND * 100);
    assert_eq!((rig.under_way().as_str(), rig.machine.in_flight()), ("c#3", 1));
    assert_eq!(rig.machine.progress().cursor, nth(0));
}

#[test]
fn an_order_says_what_it_waits_for() {
    let mut rig = rig("a a");
    let holding = rig.machine.holding(&key("a")).expect("it is under way");
    assert_eq!((holding.attempts, holding.is_under_way, holding.next_try), (1, true, None));
    rig.end("a#0", unavailable());
    let holding = rig.machine.holding(&key("a")).expect("it waits");
    assert_eq!((holding.attempts, holding.is_under_way, holding.deliveries), (1, false, 2));
    assert!(holding.next_try.is_some_and(|at| at <= Timestamp(rig.now.0 + 1_000_000)));
    assert_eq!(holding.last_error.as_deref(), Some("503"));
    assert_eq!(rig.machine.holding(&key("b")), None);
}
