//! `comanda files`: run files of orders, and see line by line what became of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::state::Status;
use globset::GlobBuilder;
use serde_json::{Value, json};
use service::batch::{BatchState, BatchStatus, Tolerance};
use walkdir::WalkDir;

use super::REFUSED;
use crate::cli::{Files, Store};
use crate::client::{Client, Opened, Refused, encode, open};
use crate::config::Installation;
use crate::files::{CameBy, format_of};
use crate::input::Input;
use crate::render;
use crate::spoken::{told, word};
use crate::wire_up::Node;

/// Endings of files that are taken out of a folder.
const ENDINGS: [&str; 5] = ["csv", "tsv", "json", "jsonl", "ndjson"];

pub(super) fn files(
    store: &Store,
    installation: &Installation,
    command: Files,
) -> Result<ExitCode> {
    let connect = || Client::connect(store, installation);
    match command {
        Files::Run { paths, no_rejects } | Files::Retry { paths, no_rejects } => {
            let inputs = inputs(&paths)?;
            let runner = Runner::open(store, installation, !no_rejects)?;
            let done = inputs.iter().map(|input| runner.run(input)).collect::<Vec<_>>();
            runner.close();
            Ok(told(store, &done))
        }
        Files::List => super::done(connect()?, |api| {
            let answer = api.json("GET", "/v1/files", None)?;
            let columns = [
                (word!("word-file"), "/name", false),
                (word!("word-status"), "/status_label", false),
                (word!("word-succeeded"), "/batch/item_counts/succeeded", true),
                (word!("word-failed"), "/batch/item_counts/failed", true),
                (word!("word-skipped"), "/batch/item_counts/skipped", true),
                (word!("word-bytes"), "/bytes", true),
                (word!("word-received"), "/received_at", false),
            ];
            super::page(store.json, &answer, "files", &columns);
            Ok(())
        }),
        Files::Show { name, failed, from, limit } => super::done(connect()?, |api| {
            let outcome = if failed { "&outcome=failed" } else { "" };
            let target = format!("/v1/files/{}?from={from}&limit={limit}{outcome}", encode(&name));
            let file = api.json("GET", &target, None)?;
            if store.json {
                render::json(&file);
            } else {
                show(&file);
            }
            Ok(())
        }),
        Files::Rejects { name } => super::done(connect()?, |api| {
            let target = format!("/v1/files/{}/rejects", encode(&name));
            Ok(render::bytes(&api.bytes(&target)?)?)
        }),
    }
}

/// A file to run, and what it is called.
struct Named {
    path: PathBuf,
    name: String,
}

/// Files, those in folders, and those that patterns name, each once.
fn inputs(paths: &[PathBuf]) -> Result<Vec<Named>> {
    let mut found: Vec<Named> = Vec::new();
    for path in paths {
        let before = found.len();
        if path.is_dir() {
            let is_one = |p: &Path| {
                let ending = p.extension().and_then(|e| e.to_str()).unwrap_or_default();
                ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
            };
            found.extend(below(path, is_one)?);
        } else if path.exists() {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            found.push(Named { path: path.clone(), name: name.into_owned() });
        } else {
            found.extend(matching(path)?);
        }
        if found.len() == before {
            bail!(told!("files-none", path = path.display().to_string()));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|input| seen.insert(input.path.clone()));
    Ok(found)
}

/// Files below a folder, by name; hidden ones and links are passed over.
fn below(dir: &Path, is_one: impl Fn(&Path) -> bool) -> Result<Vec<Named>> {
    let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(dir).min_depth(1).sort_by_file_name().into_iter();
    let mut found = Vec::new();
    for entry in walk.filter_entry(|entry| !hidden(entry.file_name())) {
        let entry = entry?;
        if entry.file_type().is_file() && is_one(entry.path()) {
            let name = entry.path().strip_prefix(dir).unwrap_or(entry.path());
            let name = name.to_string_lossy().into_owned();
            found.push(Named { path: entry.into_path(), name });
        }
    }
    Ok(found)
}

/// Files that a pattern names: looked for below its last part without one.
fn matching(pattern: &Path) -> Result<Vec<Named>> {
    let text = pattern.to_str().with_context(|| format!("{} is not there", pattern.display()))?;
    let is_plain = |part: &std::path::Component<'_>| {
        !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{'])
    };
    let fixed: PathBuf = pattern.components().take_while(is_plain).collect();
    if fixed == pattern {
        bail!(told!("files-none", path = pattern.display().to_string()));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher();
    let dir = if fixed.as_os_str().is_empty() { Path::new(".") } else { &fixed };
    below(dir, |path| glob.is_match(path.strip_prefix("./").unwrap_or(path)))
}

/// What one file came to.
struct Came {
    name: String,
    batch: String,
    status: String,
    counts: [u64; 3],
    is_repeat: bool,
    rejects: Option<PathBuf>,
    why: Option<String>,
}

/// Where files are run: here, or by a server.
enum Runner {
    Here(Box<Node>, bool),
    By(Client, bool),
}

impl Runner {
    fn open(store: &Store, installation: &Installation, rejects: bool) -> Result<Self> {
        Ok(match open(store, installation)? {
            Opened::Here(node) => Self::Here(node, rejects),
            Opened::By(url) => Self::By(Client::remote(url, store.api_key.clone()), rejects),
        })
    }

    fn close(self) {
        match self {
            Self::Here(node, _) => node.batches.close(),
            Self::By(api, _) => api.close(),
        }
    }

    /// Runs one file. What cannot be done is told, and harms no other.
    fn run(&self, input: &Named) -> Came {
        let done = match self {
            Self::Here(node, rejects) => here(node, input, *rejects),
            Self::By(api, rejects) => by_server(api, input, *rejects),
        };
        done.unwrap_or_else(|error| Came {
            name: input.name.clone(),
            batch: String::new(),
            status: Status::Rejected.as_str().to_owned(),
            counts: [0; 3],
            is_repeat: false,
            rejects: None,
            why: Some(format!("{error:#}")),
        })
    }
}

fn here(node: &Node, input: &Named, rejects: bool) -> Result<Came> {
    let done = node.files.run(&input.path, None, Tolerance::default())?;
    node.files.note(&input.name, &done, &input.path, CameBy::Run)?;
    let state: &BatchState = &done.finished.state;
    let rejects = if rejects && state.counts.failed > 0 {
        let format = format_of(&Input::look(&input.path, None)?);
        let path = beside(&input.path, format.suffix())?;
        node.batches.write_rejects(state, format, &path)?;
        Some(path)
    } else {
        None
    };
    Ok(Came {
        name: input.name.clone(),
        batch: state.id.to_string(),
        status: state.status.as_str().to_owned(),
        counts: [state.counts.succeeded, state.counts.failed, state.counts.skipped],
        is_repeat: done.finished.is_repeat,
        rejects,
        why: None,
    })
}

fn by_server(api: &Client, input: &Named, rejects: bool) -> Result<Came> {
    let target = format!("/v1/files/{}", encode(&input.name));
    let kind = "application/octet-stream";
    let sent = loop {
        match api.upload("PUT", &target, kind, &input.path) {
            // Many files are sent at once: those that wait already go first.
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|r| r.status == 503) => {
                std::thread::sleep(Duration::from_secs(1));
            }
            sent => break sent?,
        }
    };
    let is_repeat = sent["is_repeat"] == Value::Bool(true);
    let batch = render::cell(sent.pointer("/batch_id"));
    let file = follow(api, &target)?;
    let count = |what: &str| file["batch"]["item_counts"][what].as_u64().unwrap_or(0);
    let counts = [count("succeeded"), count("failed"), count("skipped")];
    let path = if rejects && counts[1] > 0 {
        let suffix = render::cell(file.pointer("/format"));
        let path = beside(&input.path, &suffix)?;
        let mut out = std::fs::File::create(&path)?;
        api.download(&format!("{target}/rejects"), &mut out)?;
        out.flush()?;
        Some(path)
    } else {
        None
    };
    let status = render::cell(file.pointer("/status"));
    Ok(Came {
        name: input.name.clone(),
        batch,
        status,
        counts,
        is_repeat,
        rejects: path,
        why: None,
    })
}

/// Waits until a file has been done.
fn follow(api: &Client, target: &str) -> Result<Value> {
    loop {
        let file = api.json("GET", &format!("{target}?limit=1"), None)?;
        let status = file["status"].as_str().unwrap_or_default();
        let is_open = [BatchStatus::Running.as_str(), Status::Received.as_str()];
        if !is_open.contains(&status) {
            return Ok(file);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A new file beside the input for what of it was not taken: `a.csv` has `a.rejects.csv`, and that
/// has `a.rejects-2.csv`.
fn beside(path: &Path, suffix: &str) -> Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stem = stem.rsplit_once(".rejects").map_or(stem.as_str(), |(stem, _)| stem).to_owned();
    for n in 1..1_000 {
        let mark = if n == 1 { String::new() } else { format!("-{n}") };
        let free = path.with_file_name(format!("{stem}.rejects{mark}.{suffix}"));
        match std::fs::File::create_new(&free) {
            Ok(_) => return Ok(free),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("create {}", free.display())),
        }
    }
    bail!("{}: a thousand files of rejects are there already", path.display())
}

/// Says what the files came to.
fn told(store: &Store, done: &[Came]) -> ExitCode {
    let rows: Vec<Value> = done.iter().map(row).collect();
    if store.json {
        render::json(&rows.into());
    } else {
        let columns = [
            (word!("word-file"), "/name", false),
            (word!("word-status"), "/status", false),
            (word!("word-succeeded"), "/succeeded", true),
            (word!("word-failed"), "/failed", true),
            (word!("word-skipped"), "/skipped", true),
            (word!("word-rejects"), "/rejects", false),
        ];
        render::table(&rows, &columns);
        for came in done {
            if came.is_repeat {
                render::say(told!("files-repeat", name = came.name.as_str()));
            }
            if let Some(why) = &came.why {
                render::say(told!("files-refused", name = came.name.as_str(), why = why.as_str()));
            }
        }
    }
    if done.iter().any(|came| came.why.is_some()) {
        return ExitCode::from(REFUSED);
    }
    let is_done = |came: &Came| came.status == BatchStatus::Succeeded.as_str();
    if done.iter().all(is_done) { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) }
}

fn row(came: &Came) -> Value {
    let [succeeded, failed, skipped] = came.counts;
    json!({
        "name": came.name,
        "batch_id": came.batch,
        "status": came.status,
        "succeeded": succeeded,
        "failed": failed,
        "skipped": skipped,
        "is_repeat": came.is_repeat,
        "rejects": came.rejects,
        "reason": came.why,
    })
}

fn show(file: &Value) {
    let text = |pointer| render::cell(file.pointer(pointer));
    render::facts(&[
        (word!("word-file"), text("/name")),
        (
            word!("word-status"),
            format!("{} {}", text("/status_label"), text("/reason")).trim().to_owned(),
        ),
        (word!("word-batch"), text("/batch_id")),
        (word!("word-format"), text("/format")),
        (word!("word-bytes"), text("/bytes")),
        (word!("word-received"), text("/received_at")),
        (word!("word-succeeded"), text("/batch/item_counts/succeeded")),
        (word!("word-failed"), text("/batch/item_counts/failed")),
        (word!("word-skipped"), text("/batch/item_counts/skipped")),
    ]);
    let items: Vec<Value> = file["items"].as_array().into_iter().flatten().map(item).collect();
    if !items.is_empty() {
        let columns = [
            (word!("word-line"), "/line", true),
            (word!("word-order"), "/order_id", false),
            (word!("word-outcome"), "/outcome", false),
            (word!("word-why"), "/why", false),
        ];
        render::table(&items, &columns);
    }
    if let Some(next) = file["next_from"].as_u64() {
        render::say(told!("files-more", from = next.to_string()));
    }
}

/// An item with its reasons as one text.
fn item(item: &Value) -> Value {
    let reasons = item["reasons"].as_array().into_iter().flatten();
    let why = |reason: &Value| {
        let text = |pointer| render::cell(reason.pointer(pointer));
        if reason["column"].is_null() {
            return text("/message");
        }
        let (line, column) = (text("/line"), text("/column"));
        told!("files-cell", line = line, column = column, message = text("/message"))
    };
    let why = reasons.map(why).collect::<Vec<_>>().join("\n");
    let mut item = item.clone();
    item["why"] = why.into();
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_have_a_name_of_their_own() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let name = |of: &str| {
            let path = beside(&dir.path().join(of), "csv").expect("a name is free");
            path.file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        assert_eq!(name("a.csv"), "a.rejects.csv");
        assert_eq!(name("a.rejects.csv"), "a.rejects-2.csv");
        assert_eq!(name("a.rejects-2.csv"), "a.rejects-3.csv");
    }

    #[test]
    fn folders_and_patterns_name_files() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        std::fs::create_dir(dir.path().join("sub")).expect("a folder");
        for name in ["b.csv", "a.jsonl", "n.txt", ".h.csv", "sub/c.csv"] {
            std::fs::write(dir.path().join(name), "x").expect("it is written");
        }
        let names = |paths: &[PathBuf]| {
            let found = inputs(paths).expect("there are some");
            found.into_iter().map(|input| input.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[dir.path().to_owned()]), ["a.jsonl", "b.csv", "sub/c.csv"]);
        assert_eq!(names(&[dir.path().join("*.csv")]), ["b.csv"]);
        assert_eq!(names(&[dir.path().join("**/*.csv")]), ["b.csv", "sub/c.csv"]);
        assert!(inputs(&[dir.path().join("no.csv")]).is_err());
        assert!(inputs(&[dir.path().join("*.tsv")]).is_err());
    }
}
