//! What happens when things break: writes that fail, files that are not what they were, a process
//! that is killed, a decision that panics, and many callers who want the same thing.
//!
//! Tests that need a process of their own start this binary again (see `child`).

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::{Engine, OpenError, Options, log};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use service::ledger::{Answer, By, Changes, Found, Ledger, Query, Unavailable};
use service::letters::{Filter, Kind};
use service::prepare::Prepared;
use service::view::Direction;
use support::{
    is_accepted, is_duplicate, merchant, one, open, options, order, order_id, originals, pen, pens,
    say, without_index,
};

/// Starts this binary again, to do one thing in a store and perhaps not survive it. A write beyond
/// the file-size limit is an error there, not a signal.
fn start(what: &str, dir: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    shell.arg(std::env::current_exe().expect("this binary"));
    shell.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    shell.env("COMANDA_FAULT", what).env("COMANDA_FAULT_DIR", dir);
    shell
}

/// Does nothing by itself: what other tests start in a process of its own.
#[test]
fn child() {
    let Ok(what) = std::env::var("COMANDA_FAULT") else { return };
    let dir = PathBuf::from(std::env::var_os("COMANDA_FAULT_DIR").expect("a folder"));
    match what.as_str() {
        "writes fail" => writes_fail(&dir),
        "is killed" => takes_orders_for_ever(&dir),
        "dies when open" => {
            let _engine = open(&dir);
            std::process::abort();
        }
        other => panic!("no child does this: {other}"),
    }
}

#[test]
fn a_write_that_fails_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let done = start("writes fail", dir.path()).output().expect("the child runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let ids = originals(&open(dir.path()));
    assert_eq!(ids.len(), 150);
}

fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit { current: bytes.or(maximum), maximum };
    setrlimit(Resource::Fsize, limit).expect("a soft limit may be set");
}

fn writes_fail(dir: &Path) {
    let engine = open(dir);
    say(&engine, vec![pens(1_000)]).expect("the ledger is available");
    let (mut acknowledged, mut unknown) = (BTreeSet::new(), Vec::new());
    for round in 0..3 {
        for n in 0..50 {
            if n == 20 {
                // Room for some more, and for part of one: it ends in the middle of a frame.
                limit_files(Some(engine.log_bytes() + 2_000));
            }
            let id = format!("r{round}-{n}");
            match one(&engine, order(&id, 300)) {
                Ok(answer) => {
                    assert!(is_accepted(&answer));
                    acknowledged.insert(id);
                }
                Err(Unavailable::OutcomeUnknown) => unknown.push(id),
                Err(other) => panic!("{other}"),
            }
        }
        assert!(!unknown.is_empty(), "the limit was felt");
        let reserved = engine.stock_of(&pen()).expect("the ledger reads").expect("a row").reserved;
        assert_eq!(reserved, acknowledged.len() as i64, "what failed has taken nothing");
        limit_files(None);
        for id in unknown.drain(..) {
            let answer = one(&engine, order(&id, 300)).expect("it goes on by itself");
            assert!(is_accepted(&answer) || is_duplicate(&answer));
            acknowledged.insert(id);
        }
    }
    drop(engine);
    for again in 0..2 {
        let engine = open(dir);
        let ids = originals(&engine);
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "each once");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), acknowledged);
        let stock = engine.stock_of(&pen()).expect("the ledger reads").expect("a row");
        assert_eq!((stock.reserved, stock.waiting), (150, 0));
        drop(engine);
        if again == 0 {
            without_index(dir);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_minus_nine() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let mut acknowledged = BTreeSet::new();
    for life in 0..4 {
        let mut command = start("is killed", dir.path());
        command.env("COMANDA_FAULT_LIFE", life.to_string()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the child runs");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let mut lines = output.lines().map_while(Result::ok);
        // However far it gets: the kill comes between any two writes.
        for line in lines.by_ref().filter(|line| line.starts_with("ok ")).take(300 + life * 77) {
            acknowledged.insert(line[3..].to_owned());
        }
        process.kill().expect("it is killed");
        // Answers that were given before the kill count as well.
        acknowledged.extend(lines.filter_map(|l| l.strip_prefix("ok ").map(str::to_owned)));
        process.wait().expect("it has ended");
        let engine = open(dir.path());
        let ids = originals(&engine);
        let there: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(there.len(), ids.len(), "each once");
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
        assert_eq!(listed(&engine), ids.len());
        drop(engine);
    }
}

fn takes_orders_for_ever(dir: &Path) {
    let life = std::env::var("COMANDA_FAULT_LIFE").unwrap_or_default();
    let engine = open(dir);
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let (engine, life) = (&engine, &life);
            threads.spawn(move || {
                for n in 0.. {
                    let id = format!("{life}-{thread}-{n}");
                    let answer = one(engine, order(&id, n % 3_000));
                    assert!(answer.is_ok_and(|answer| is_accepted(&answer)));
                    // Whole lines, so that a kill leaves no half of an id.
                    let _ = std::io::stdout().lock().write_all(format!("ok {id}\n").as_bytes());
                }
            });
        }
    });
}

/// Orders by way of lists, page by page.
fn listed(engine: &Engine) -> usize {
    let (mut before, mut listed) = (None, 0);
    loop {
        let query =
            Query { by: By::Merchant(merchant()), before, limit: 1_000, ..Query::default() };
        let page = engine.find(&query).expect("the ledger reads");
        listed += page.orders.len();
        before = page.next;
        if before.is_none() {
            return listed;
        }
    }
}

#[test]
fn a_process_that_dies_while_it_catches_up_with_its_log_starts_again() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engine = open(dir.path());
    for call in 0..45 {
        let orders = (0..1_000).map(|n| order(&format!("o{call}-{n}"), 40)).collect();
        say(&engine, orders).expect("the ledger is available");
    }
    drop(engine);
    without_index(dir.path());
    for _ in 0..2 {
        let died = start("dies when open", dir.path()).output().expect("the child runs");
        assert!(!died.status.success());
    }
    let engine = open(dir.path());
    assert_eq!(originals(&engine).len(), 45_000);
    assert_eq!(listed(&engine), 45_000);
    drop(engine);
    // The same into a projection that must grow several times on the way.
    without_index(dir.path());
    let small = Options { map_bytes: 256 << 10, ..options() };
    let engine = Engine::open(dir.path(), small).expect("the store opens");
    assert_eq!(listed(&engine), 45_000);
}

#[test]
fn a_log_of_large_frames_is_read_back() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engine = open(dir.path());
    for call in 0..4 {
        // Frames of some 3 MB: several times what one read fetches.
        let orders = (0..12).map(|n| order(&format!("o{call}-{n}"), 250_000)).collect();
        say(&engine, orders).expect("the ledger is available");
    }
    for n in 0..900 {
        one(&engine, order(&format!("s{n}"), 3_000)).expect("the ledger is available");
    }
    drop(engine);
    without_index(dir.path());
    let engine = open(dir.path());
    assert_eq!((originals(&engine).len(), listed(&engine)), (948, 948));
}

#[test]
fn a_store_of_another_version_is_left_alone() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    drop(open(dir.path()));
    std::fs::write(dir.path().join("FORMAT"), "comanda store 99\nmore\n").expect("it is written");
    match Engine::open(dir.path(), options()) {
        Err(OpenError::Format { found, .. }) => assert_eq!(found, "comanda store 99"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn a_store_is_open_once() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engine = open(dir.path());
    assert!(matches!(Engine::open(dir.path(), options()), Err(OpenError::Held(_))));
    drop(engine);
    drop(open(dir.path()));
}

/// A store with three orders in frames of their own; where each frame ends.
fn three_orders(dir: &Path) -> Vec<u64> {
    let engine = open(dir);
    let place = |id| {
        one(&engine, order(id, 100)).expect("the ledger is available");
        engine.log_bytes()
    };
    ["o1", "o2", "o3"].map(place).to_vec()
}

fn segment(dir: &Path) -> std::fs::File {
    let path = dir.join("log").join(format!("{:020}.log", 0));
    std::fs::OpenOptions::new().read(true).write(true).open(path).expect("the segment opens")
}

fn refused(dir: &Path) -> OpenError {
    Engine::open(dir, options()).err().expect("it does not open")
}

#[test]
fn a_log_cut_short_or_with_a_torn_frame_behind_opens_with_every_whole_frame() {
    for whole in 0..3 {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let ends = three_orders(dir.path());
        without_index(dir.path());
        // All of the frames up to here, and half of the next.
        let cut = ends[whole] + ends.get(whole + 1).map_or(17, |next| (next - ends[whole]) / 2);
        segment(dir.path()).set_len(cut).expect("it is cut");
        for life in 0..2 {
            let engine = open(dir.path());
            assert_eq!(originals(&engine).len(), whole + 1 + life);
            one(&engine, order(&format!("new{life}"), 50)).expect("it goes on");
        }
    }
}

#[test]
fn a_log_shorter_than_the_projection_knows_it_is_refused() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let ends = three_orders(dir.path());
    segment(dir.path()).set_len(ends[1]).expect("it is cut");
    let error = refused(dir.path());
    assert!(matches!(error, OpenError::Log(log::Error::Cut { .. })), "{error}");
}

#[test]
fn a_damaged_log_is_refused_and_never_skipped() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let ends = three_orders(dir.path());
    without_index(dir.path());
    segment(dir.path()).write_all_at(b"\xff", ends[0] + 60).expect("a byte is changed");
    let error = refused(dir.path());
    let at = ends[0];
    assert!(matches!(error, OpenError::Log(log::Error::Damaged { at: a }) if a == at), "{error}");
}

#[test]
fn damage_in_what_the_projection_has_already_is_noticed_when_it_is_read() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let ends = three_orders(dir.path());
    segment(dir.path()).write_all_at(b"\xff", ends[0] + 60).expect("a byte is changed");
    let engine = open(dir.path());
    let read = |id| engine.order(&order_id(id), None);
    assert!(matches!(read("o2"), Err(Unavailable::Read(_))), "{:?}", read("o2"));
    assert!(matches!(read("o3"), Ok(Found::Order(_))), "its neighbours are unharmed");
    assert!(matches!(engine.read(None, 10), Err(Unavailable::Read(_))));
}

#[test]
fn below_the_free_space_threshold_nothing_is_taken_in_and_everything_is_read() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    three_orders(dir.path());
    let full = Options { min_free_bytes: u64::MAX, ..options() };
    let engine = Engine::open(dir.path(), full).expect("the store opens");
    let before = engine.log_bytes();
    assert_eq!(one(&engine, order("o4", 100)), Err(Unavailable::DiskSpace));
    assert_eq!(engine.log_bytes(), before);
    assert_eq!(engine.order(&order_id("o4"), None), Ok(Found::Nothing));
    assert!(matches!(engine.order(&order_id("o1"), None), Ok(Found::Order(_))));
    drop(engine);
    assert_eq!(originals(&open(dir.path())), ["o1", "o2", "o3"]);
}

#[test]
fn free_stock_that_was_not_given_out_before_closing_is_given_out_after_opening() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engine = open(dir.path());
    say(&engine, vec![pens(0)]).expect("the ledger is available");
    for call in 0..20 {
        let orders = (0..1_000).map(|n| order(&format!("o{call}-{n}"), 10)).collect();
        say(&engine, orders).expect("the ledger is available");
    }
    say(&engine, vec![pens(20_000)]).expect("the ledger is available");
    // Closed in the middle of giving it out.
    drop(engine);
    let full = Options { min_free_bytes: u64::MAX, ..options() };
    let engine = Engine::open(dir.path(), full).expect("the store opens");
    // Nobody asks; it tries by itself, in vain.
    std::thread::sleep(Duration::from_millis(50));
    drop(engine);
    let engine = open(dir.path());
    let begun = Instant::now();
    while engine.stock_of(&pen()).expect("the ledger reads").is_some_and(|s| s.waiting > 0) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the rest is given out");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_projection_that_is_full_grows_by_itself() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let small = || Options { map_bytes: 256 << 10, ..options() };
    let engine = Engine::open(dir.path(), small()).expect("the store opens");
    for call in 0..20 {
        let orders = (0..1_000).map(|n| order(&format!("o{call}-{n}"), 10)).collect();
        say(&engine, orders).expect("the ledger is available");
    }
    drop(engine);
    for _ in 0..2 {
        // With the projection as it is, then with one that is made again from the log.
        let engine = Engine::open(dir.path(), small()).expect("the store opens");
        assert_eq!(listed(&engine), 20_000);
        assert!(matches!(engine.order(&order_id("o19-999"), None), Ok(Found::Order(_))));
        drop(engine);
        without_index(dir.path());
    }
}

#[test]
fn a_decision_that_panics_is_answered_and_its_neighbours_are_unharmed() {
    fn probe(request: &Prepared) {
        if let Prepared::Receive(order) = request {
            let id = order.command.order.key.id.as_str();
            assert!(!id.starts_with("boom"), "as asked");
        }
    }
    let dir = tempfile::tempdir().expect("a scratch folder");
    let mut probing = options();
    probing.settings.probe = Some(probe);
    let engine = Engine::open(dir.path(), probing).expect("the store opens");
    say(&engine, vec![pens(9)]).expect("the ledger is available");
    let ids = ["a", "boom1", "b", "boom2", "c"];
    let answers = say(&engine, ids.map(|id| order(id, 10)).to_vec());
    let answers = answers.expect("the ledger is available");
    let told: Vec<bool> = answers.iter().map(is_accepted).collect();
    assert_eq!(told, [true, false, true, false, true]);
    assert_eq!((&answers[1], &answers[3]), (&Answer::Broken, &Answer::Broken));
    assert_eq!(one(&engine, order("boom1", 10)), Ok(Answer::Broken));
    assert!(is_accepted(&one(&engine, order("d", 10)).expect("it goes on")));
    drop(engine);
    let engine = open(dir.path());
    assert_eq!(originals(&engine), ["a", "b", "c", "d"]);
    assert_eq!(engine.stock_of(&pen()).expect("reads").map(|s| s.reserved), Some(4));
    let found = engine.order(&order_id("boom1"), None).expect("the ledger reads");
    assert!(matches!(found, Found::Nothing), "it uses up no id");
    let filter = Filter { kind: Some(Kind::Decision), ..Filter::default() };
    let letters = engine.letters(&filter, Direction::Oldest, None, 10).expect("the ledger reads");
    let ids = letters.rows.iter().map(|(_, row)| row.order.as_ref().map(|id| id.as_str()));
    assert!(ids.eq([Some("boom1"), Some("boom2")]), "each can be looked into, however often sent");
    assert!(is_accepted(&one(&engine, order("boom1", 10)).expect("it may come again")));
}

#[test]
fn of_copies_that_race_one_is_the_original() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engine = open(dir.path());
    let (originals_answered, duplicates) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for n in 0..100 {
                    let answer = one(&engine, order(&format!("o{n}"), 100));
                    let answer = answer.expect("the ledger is available");
                    let counter = if is_accepted(&answer) {
                        &originals_answered
                    } else {
                        assert!(is_duplicate(&answer));
                        &duplicates
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(originals_answered.into_inner(), 100);
    assert_eq!(duplicates.into_inner(), 700);
    for n in 0..100 {
        let found = engine.order(&order_id(&format!("o{n}")), None).expect("the ledger reads");
        assert!(matches!(found, Found::Order(view) if view.state.repeats == 7));
    }
}

#[test]
fn a_product_that_everybody_wants_is_never_oversold() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engine = open(dir.path());
    say(&engine, vec![pens(500)]).expect("the ledger is available");
    let completed = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for thread in 0..8 {
            let (engine, completed) = (&engine, &completed);
            threads.spawn(move || {
                for n in 0..125 {
                    let answer = one(engine, order(&format!("o{thread}-{n}"), 100));
                    let Ok(Answer::Accepted(accepted)) = answer else { panic!("{answer:?}") };
                    if accepted.state.status == domain::state::Status::Completed {
                        completed.fetch_add(1, Ordering::Relaxed);
                    }
                    let stock = engine.stock_of(&pen()).expect("reads").expect("a row");
                    assert!(stock.reserved <= stock.on_hand);
                }
            });
        }
    });
    assert_eq!(completed.into_inner(), 500);
    let stock = engine.stock_of(&pen()).expect("the ledger reads").expect("a row");
    assert_eq!((stock.on_hand, stock.reserved, stock.waiting), (500, 500, 500));
}
