//! Backup and restore: under writes, by increments, and what is refused.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::backup::{Error, Plan, Report, Restored, backup, restore};
use support::{one, open, options, order, originals};
use tempfile::TempDir;

/// A store, a place for backups, a place for what is restored.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts orders into the store.
    fn fill(&self, orders: std::ops::Range<u32>) -> u64 {
        let engine = open(&self.at("store"));
        for n in orders {
            one(&engine, order(&format!("o{n}"), 1)).expect("the ledger is available");
        }
        engine.log_bytes()
    }

    fn backup(&self, to: &str, since: Option<&str>) -> Result<Report, Error> {
        let since = since.map(|since| self.at(since));
        backup(&Plan {
            store: &self.at("store"),
            to: &self.at(to),
            since: since.as_deref(),
            beside: &["keys.json", "spool"],
            bytes_per_second: u64::MAX,
            taken: "now".to_owned(),
        })
    }

    fn restore(&self, from: &str, to: &str) -> Result<Restored, Error> {
        restore(&self.at(from), &self.at(to), options())
    }

    fn ids(&self, store: &str) -> BTreeSet<String> {
        let engine = open(&self.at(store));
        originals(&engine).into_iter().collect()
    }
}

#[test]
fn a_backup_in_the_middle_of_writes_has_every_order_answered_before_it_began() {
    let scene = Scene::new();
    let engine = open(&scene.at("store"));
    let (done, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut answered = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    one(&engine, order(&format!("o{n}"), 1)).expect("the ledger is available");
                }
            });
        }
        for n in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(40));
            // Each of them began its answer before this one's.
            one(&engine, order(&format!("mark{n}"), 1)).expect("the ledger is available");
            let before = originals(&engine).len();
            let report = scene.backup(&format!("b{n}"), None).expect("a backup");
            assert!(report.position <= engine.log_bytes());
            answered.push(before);
        }
        done.store(true, Ordering::Relaxed);
    });
    drop(engine);
    for (n, before) in answered.into_iter().enumerate() {
        let to = format!("r{n}");
        let restored = scene.restore(&format!("b{n}"), &to).expect("it is restored");
        assert!(restored.findings.is_sound());
        let ids = scene.ids(&to);
        assert!(ids.len() >= before, "{} of {before} orders", ids.len());
        assert!((0..=n).all(|n| ids.contains(&format!("mark{n}"))), "a marked order is gone");
    }
}

#[test]
fn what_belongs_to_a_store_beside_its_log_comes_along_and_the_projection_does_not() {
    let scene = Scene::new();
    scene.fill(0..3);
    fs::create_dir(scene.at("store/spool")).expect("a folder");
    fs::write(scene.at("store/spool/b.jsonl"), "lines").expect("written");
    fs::write(scene.at("store/keys.json"), "[]").expect("written");
    scene.backup("b", None).expect("a backup");
    assert!(!scene.at("b/index").exists());
    scene.restore("b", "r").expect("it is restored");
    assert_eq!(fs::read(scene.at("r/spool/b.jsonl")).expect("it is there"), b"lines");
    assert_eq!(fs::read(scene.at("r/keys.json")).expect("it is there"), b"[]");
    assert!(!scene.at("r.restoring").exists() && !scene.at("r/MANIFEST").exists());
    use std::os::unix::fs::PermissionsExt;
    for file in ["b/MANIFEST", "b/keys.json", "r/keys.json", "r/log/00000000000000000000.log"] {
        let mode = fs::metadata(scene.at(file)).expect("it is there").permissions().mode();
        let others = if file.ends_with("MANIFEST") { 0 } else { mode & 0o077 };
        assert_eq!(others, 0, "{file} is {mode:o}");
    }
}

#[test]
fn closed_segments_of_an_earlier_backup_are_linked_unless_they_are_damaged() {
    let scene = Scene::new();
    let middle = scene.fill(0..20);
    scene.fill(20..40);
    // As if the segment had been full after twenty orders.
    let log = scene.at("store/log");
    let first = log.join(format!("{:020}.log", 0));
    let bytes = fs::read(&first).expect("the segment");
    let (closed, rest) = bytes.split_at(usize::try_from(middle).expect("a length"));
    fs::write(&first, closed).expect("written");
    fs::write(log.join(format!("{middle:020}.log")), rest).expect("written");
    let whole = scene.backup("one", None).expect("a backup");
    assert_eq!(whole.linked_bytes, 0);

    scene.fill(40..60);
    let second = scene.backup("two", Some("one")).expect("a backup");
    assert_eq!(second.linked_bytes, middle);
    fs::remove_dir_all(scene.at("one")).expect("the earlier one is gone");
    scene.restore("two", "r").expect("it is restored");
    assert_eq!(scene.ids("r").len(), 60);

    let name = format!("two/log/{:020}.log", 0);
    let mut bytes = fs::read(scene.at(&name)).expect("the segment");
    bytes[100] ^= 1;
    fs::write(scene.at(&name), bytes).expect("written");
    let third = scene.backup("three", Some("two")).expect("a backup");
    assert_eq!(third.linked_bytes, 0, "what is damaged is copied anew");
    scene.restore("three", "r3").expect("it is restored");
}

#[test]
fn a_backup_that_is_cut_changed_or_unfinished_is_refused_and_leaves_nothing_behind() {
    let scene = Scene::new();
    scene.fill(0..30);
    scene.backup("b", None).expect("a backup");
    let segment = "log/00000000000000000000.log";
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 6] = [
        ("is not as long", |b| cut(&b.join("log/00000000000000000000.log"), 1)),
        ("is not what was written", |b| flip(&b.join("log/00000000000000000000.log"), 2_000)),
        ("is missing", |b| fs::remove_file(b.join("log/00000000000000000000.log")).expect("gone")),
        ("FORMAT", |b| flip(&b.join("FORMAT"), 14)),
        ("MANIFEST", |b| flip(&b.join("MANIFEST"), 60)),
        ("no finished backup", |b| fs::remove_file(b.join("MANIFEST")).expect("gone")),
    ];
    for (says, damage) in damages {
        let broken = scene.at("broken");
        let _ = fs::remove_dir_all(&broken);
        fs::create_dir_all(broken.join("log")).expect("a folder");
        for file in ["FORMAT", "MANIFEST", segment] {
            fs::copy(scene.at("b").join(file), broken.join(file)).expect("copied");
        }
        damage(&broken);
        let error = scene.restore("broken", "r").expect_err(says).to_string();
        assert!(error.contains(says), "{says}: {error}");
        assert!(!scene.at("r").exists() && !scene.at("r.restoring").exists(), "{says}");
    }
    scene.restore("b", "r").expect("the backup itself is sound");
}

fn cut(file: &Path, by: u64) {
    let file = fs::File::options().write(true).open(file).expect("it opens");
    let length = file.metadata().expect("a length").len();
    file.set_len(length - by).expect("it is cut");
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("it reads");
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("it is written");
}

#[test]
fn nothing_is_overwritten_and_a_folder_that_is_no_store_is_no_source() {
    let scene = Scene::new();
    assert!(matches!(scene.backup("b", None), Err(Error::NoStore(_))));
    scene.fill(0..3);
    scene.backup("b", None).expect("a backup");
    assert!(matches!(scene.backup("b", None), Err(Error::Occupied(_))));
    assert!(matches!(scene.restore("b", "store"), Err(Error::Occupied(_))));
    assert_eq!(scene.ids("store").len(), 3, "the store is as it was");
    fs::write(scene.at("store/FORMAT"), "comanda store 99\n").expect("written");
    assert!(matches!(scene.backup("c", None), Err(Error::Format { .. })));
}

#[test]
fn an_interrupted_restore_is_begun_anew() {
    let scene = Scene::new();
    scene.fill(0..3);
    scene.backup("b", None).expect("a backup");
    fs::create_dir_all(scene.at("r.restoring/log")).expect("a folder");
    fs::write(scene.at("r.restoring/log/00000000000000000000.log"), "half").expect("written");
    fs::create_dir(scene.at("r")).expect("an empty folder is no obstacle");
    scene.restore("b", "r").expect("it is restored");
    assert_eq!(scene.ids("r").len(), 3);
}

#[test]
fn a_backup_keeps_to_its_pace() {
    let scene = Scene::new();
    scene.fill(0..200);
    let begun = std::time::Instant::now();
    let bytes = fs::metadata(scene.at("store/log/00000000000000000000.log")).expect("it").len();
    let report = backup(&Plan {
        store: &scene.at("store"),
        to: &scene.at("b"),
        since: None,
        beside: &[],
        bytes_per_second: bytes * 4,
        taken: "now".to_owned(),
    });
    report.expect("a backup");
    assert!(begun.elapsed().as_millis() >= 240, "it took {:?}", begun.elapsed());
}
