//! Webhook endpoints: as they were last set, now and after a restart.

use domain::time::Timestamp;

use super::{Stage, all_changes, merchant, place};
use crate::change::{Seq, What};
use crate::ledger::{Answer, Ledger, Request};
use crate::letters::{DeadLetter, How, Settle, Subject};
use crate::webhooks::{
    Command, ENDPOINTS_MAX, Endpoint, EndpointId, Patch, Refused, Replay, Scheme, State, Terms,
};

pub(super) fn run(stage: &mut Stage<'_>) {
    an_endpoint_is_as_it_was_last_set(stage);
    what_changes_nothing_is_not_recorded(stage);
    there_are_only_so_many(stage);
    a_replay_is_a_change_that_names_changes(stage);
    one_that_is_gone_is_disabled_with_its_letter_and_comes_back_with_its_end(stage);
}

fn id(text: &str) -> EndpointId {
    EndpointId::parse(text).expect("an id")
}

fn add(name: &str) -> Command {
    let terms = Terms {
        url: format!("https://example.com/{name}").into(),
        description: "for the ERP".into(),
        kinds: vec!["order.*".into(), "batch.finished".into()],
        merchants: vec![merchant("loja")],
        per_second: Some(50),
        concurrency: 4,
    };
    Command::Add { id: id(name), terms, scheme: Scheme::V1a }
}

fn say(stage: &Stage<'_>, command: Command) -> Result<Endpoint, Refused> {
    match stage.one(Request::Webhook(Box::new(command))) {
        Answer::Endpoint(answer) => answer.map(|endpoint| (*endpoint).clone()),
        other => panic!("no answer about an endpoint: {other:?}"),
    }
}

fn row(ledger: &dyn Ledger, name: &str) -> Option<Endpoint> {
    ledger.catalogue().endpoints.get(&id(name)).map(|endpoint| (**endpoint).clone())
}

fn an_endpoint_is_as_it_was_last_set(stage: &mut Stage<'_>) {
    stage.afresh();
    let added = say(stage, add("ep_a")).expect("it is added");
    assert_eq!((added.signing.key, &added.state), (1, &State::Active));
    let record = all_changes(stage.ledger()).pop().expect("a change").0;
    assert_eq!(added.since, record, "it begins with its own record");
    assert_eq!(say(stage, add("ep_a")), Err(Refused::Taken));
    for unknown in [
        Command::Change(id("ep_b"), Patch::default()),
        Command::Rotate { id: id("ep_b"), overlap: 0 },
        Command::Enable(id("ep_b")),
        Command::Remove(id("ep_b")),
        Command::Replay(Replay { endpoint: id("ep_b"), after: None, until: Seq(1) }),
    ] {
        assert_eq!(say(stage, unknown), Err(Refused::Unknown));
    }
    let patch = Patch {
        url: Some("https://example.com/new".into()),
        per_second: Some(None),
        ..Patch::default()
    };
    let changed = say(stage, Command::Change(id("ep_a"), patch)).expect("it is changed");
    assert_eq!(&*changed.terms.url, "https://example.com/new");
    assert_eq!((changed.terms.per_second, changed.terms.concurrency), (None, 4));
    let rotated = say(stage, Command::Rotate { id: id("ep_a"), overlap: 5_000 });
    let rotated = rotated.expect("it is rotated");
    let until = Timestamp(rotated.changed_at.0 + 5_000);
    assert_eq!((rotated.signing.key, rotated.signing.previous_until), (2, Some(until)));
    let disabled = say(stage, Command::Disable { id: id("ep_a"), reason: "gone".into() });
    let disabled = disabled.expect("it is disabled");
    let at = disabled.changed_at;
    assert_eq!(disabled.state, State::Disabled { reason: "gone".into(), at });
    stage.twice(|ledger| assert_eq!(row(ledger, "ep_a").as_ref(), Some(&disabled)));
    let enabled = say(stage, Command::Enable(id("ep_a"))).expect("it is enabled");
    assert_eq!(enabled.state, State::Active);
    stage.twice(|ledger| assert_eq!(row(ledger, "ep_a").as_ref(), Some(&enabled)));
    assert_eq!(say(stage, Command::Remove(id("ep_a"))).map(|e| e.state), Ok(State::Removed));
    stage.twice(|ledger| assert_eq!(row(ledger, "ep_a"), None));
    assert_eq!(say(stage, Command::Enable(id("ep_a"))), Err(Refused::Unknown));
}

fn what_changes_nothing_is_not_recorded(stage: &mut Stage<'_>) {
    stage.afresh();
    let added = say(stage, add("ep_a")).expect("it is added");
    let before = all_changes(stage.ledger()).len();
    assert_eq!(say(stage, Command::Enable(id("ep_a"))), Ok(added.clone()));
    let same = Patch { concurrency: Some(4), ..Patch::default() };
    assert_eq!(say(stage, Command::Change(id("ep_a"), same)), Ok(added));
    assert_eq!(all_changes(stage.ledger()).len(), before);
}

fn there_are_only_so_many(stage: &mut Stage<'_>) {
    stage.afresh();
    let request = |n| Request::Webhook(Box::new(add(&format!("ep_{n}"))));
    let answers = stage.say((0..=ENDPOINTS_MAX).map(request).collect());
    let refused = answers.iter().filter(|a| **a == Answer::Endpoint(Err(Refused::TooMany)));
    assert_eq!(refused.count(), 1);
    stage.twice(|ledger| assert_eq!(ledger.catalogue().endpoints.len(), ENDPOINTS_MAX));
    say(stage, Command::Remove(id("ep_7"))).expect("it is removed");
    say(stage, add("ep_x")).expect("there is room again");
}

fn a_replay_is_a_change_that_names_changes(stage: &mut Stage<'_>) {
    stage.afresh();
    say(stage, add("ep_a")).expect("it is added");
    let seq = stage.accepted(place("o1").request()).seq;
    let replay = Replay { endpoint: id("ep_a"), after: None, until: seq };
    say(stage, Command::Replay(replay.clone())).expect("it is recorded");
    stage.twice(|ledger| {
        let last = all_changes(ledger).pop().expect("a change");
        assert_eq!(last.1.what, What::Replay(replay.clone()));
    });
}

fn one_that_is_gone_is_disabled_with_its_letter_and_comes_back_with_its_end(stage: &mut Stage<'_>) {
    stage.afresh();
    say(stage, add("ep_a")).expect("it is added");
    let letter = DeadLetter {
        subject: Subject::Disabled { sink: id("ep_a").sink().into() },
        order: None,
        cause: Seq(0),
        reason: "gone".into(),
        error: "answered 410 Gone".into(),
        attempts: 1,
        payload: None,
    };
    let bury = |stage: &Stage<'_>| match stage.one(Request::Bury(Box::new(letter.clone()))) {
        Answer::Buried(seq) => seq,
        other => panic!("not buried: {other:?}"),
    };
    let status = |ledger: &dyn Ledger| row(ledger, "ep_a").expect("it is there").state;
    let end = |ledger: &dyn Ledger, letter| {
        let (row, _) = ledger.letter(letter).expect("it reads").expect("it is there");
        row.end.map(|end| end.how)
    };
    let first = bury(stage);
    assert_eq!(bury(stage), first);
    stage.twice(|ledger| {
        assert!(matches!(status(ledger), State::Disabled { reason, .. } if &*reason == "answered 410 Gone"));
        assert_eq!(end(ledger, first), None);
    });
    say(stage, Command::Enable(id("ep_a"))).expect("it is enabled");
    stage.twice(|ledger| {
        assert_eq!((status(ledger), end(ledger, first)), (State::Active, Some(How::Overtaken)));
    });
    let second = bury(stage);
    let settle = Settle { letter: second, how: How::Redriven, with: None };
    let settled = stage.one(Request::Settle(Box::new(settle)));
    assert!(matches!(settled, Answer::Settled(_)), "{settled:?}");
    stage.twice(|ledger| {
        assert_eq!((status(ledger), end(ledger, second)), (State::Active, Some(How::Redriven)));
    });
}
