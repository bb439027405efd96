//! Settings: one table of them, and four places they come from. A flag counts more than the
//! environment, the environment more than the file, the file more than the default.
//!
//! Never: a setting that is silently ignored, or used out of range; a secret that is shown.

mod example;
mod file;
mod flags;
mod notify;
mod place;
mod rows;
mod settings;
mod step;
mod table;
mod value;
mod webhooks;

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use example::example;
pub(crate) use flags::Flags;
pub(crate) use notify::{By, To};
pub(crate) use place::{AccessKey, ArchiveUrl, BucketIn, Region};
pub(crate) use settings::{
    ArchiveStore, Email, Installation, LakeStore, NotifyRule, QueueIntake, SECTIONS, StepCall,
};
pub(crate) use table::Setting;
pub(crate) use value::{
    Enabled, Endpoint, Folders, LogFormat, Secret, SqlListen, currency_exponent,
};

use crate::notices::contradictions;

/// Names the file, where no flag does.
pub(crate) const FILE_ENV: &str = "COMANDA_CONFIG";
/// Files that are read when none is named: the first that is there.
const FILES: [&str; 2] = ["comanda.toml", "/etc/comanda/comanda.toml"];
/// Largest file that is read: a thousand times what the example is long.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File {
        path: PathBuf,
        line: usize,
    },
    Env(&'static str),
    Flag(&'static str),
    /// `--set`
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Set => f.write_str("--set"),
        }
    }
}

/// A setting with its value in force.
pub(crate) struct Effective {
    pub(crate) setting: &'static Setting,
    pub(crate) text: String,
    pub(crate) origin: Origin,
    /// Where each row of a list begins in the file.
    lines: Vec<usize>,
}

/// A line of what is in force: a setting, or a field of a row of a list.
pub(crate) struct Shown {
    pub(crate) key: String,
    /// Stars where it is a secret.
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

impl Effective {
    /// What people are shown of it.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let rows = self.setting.kind.rows.map(|rows| (rows, rows::parse(rows, &self.text)));
        let (rows, texts) = match rows {
            Some((rows, Ok(texts))) if !texts.is_empty() => (rows, texts),
            Some(_) | None => {
                let is_secret = self.setting.kind.secret && !self.text.is_empty();
                let value = if is_secret { "***".to_owned() } else { self.text.clone() };
                let (key, origin) = (self.setting.key.to_owned(), self.origin.clone());
                return vec![Shown { key, value, origin }];
            }
        };
        let fields = |(at, row): (usize, &rows::Texts)| {
            let called = row.called(at + 1);
            let origin = self.origin_of(at);
            let shown = |(field, text, is_given): (&rows::Field, &str, bool)| Shown {
                key: format!("{}.{called}.{}", rows.name, field.name),
                value: text.to_owned(),
                origin: if is_given { origin.clone() } else { Origin::Default },
            };
            row.shown(rows).map(shown).collect::<Vec<_>>()
        };
        texts.iter().enumerate().flat_map(fields).collect()
    }

    fn origin_of(&self, row: usize) -> Origin {
        match (&self.origin, self.lines.get(row)) {
            (Origin::File { path, .. }, Some(line)) => {
                Origin::File { path: path.clone(), line: *line }
            }
            (origin, _) => origin.clone(),
        }
    }
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct Faults(Vec<String>);

/// All settings with where they come from.
pub(crate) struct Config {
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Every setting once, in the order of the table.
    pub(crate) effective: Vec<Effective>,
    pub(crate) installation: Installation,
}

/// Every setting.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// Reads all four places. `env` is the environment.
///
/// # Errors
/// [`Faults`] with everything that is wrong, each with its place.
pub(crate) fn load(flags: &Flags, env: impl Fn(&str) -> Option<String>) -> Result<Config, Faults> {
    let mut faults = Vec::new();
    let file = file_of(flags, &env);
    let mut effective: Vec<Effective> = all()
        .map(|setting| Effective {
            setting,
            text: setting.default.to_owned(),
            origin: Origin::Default,
            lines: Vec::new(),
        })
        .collect();
    let mut put = |setting: &'static Setting, text: String, origin: Origin, lines: Vec<usize>| {
        let place = effective.iter_mut().find(|e| e.setting.key == setting.key);
        let place = place.expect("every setting has a default");
        (place.text, place.origin, place.lines) = (text, origin, lines);
    };
    if let Some(path) = &file {
        match read_file(path) {
            Err(fault) => faults.push(fault),
            Ok(text) => {
                let (found, wrong) = file::read(path, &text, SECTIONS);
                faults.extend(wrong);
                for file::Found { setting, text, line, lines } in found {
                    put(setting, text, Origin::File { path: path.clone(), line }, lines);
                }
            }
        }
    }
    for setting in all() {
        if let Some(text) = env(setting.env) {
            put(setting, text, Origin::Env(setting.env), Vec::new());
        }
    }
    for (setting, text, origin) in flags.given(&mut faults) {
        put(setting, text, origin, Vec::new());
    }
    // What the file holds was judged with its place.
    let others = effective.iter().filter(|e| !matches!(e.origin, Origin::File { .. }));
    faults.extend(others.filter_map(unfit));
    let text_of = |key: &str| effective.iter().find(|e| e.setting.key == key);
    let installation = Installation::read(|key| text_of(key).map_or("", |e| &e.text));
    faults.extend(installation.iter().flat_map(contradictions));
    match installation {
        Some(installation) if faults.is_empty() => Ok(Config { file, effective, installation }),
        Some(_) | None => Err(Faults(faults)),
    }
}

fn unfit(value: &Effective) -> Option<String> {
    let kind = &value.setting.kind;
    let why = || (kind.why)(&value.text);
    let fault = || format!("{}: {} {}", value.origin, value.setting.key, why());
    (!(kind.is_allowed)(&value.text)).then(fault)
}

fn file_of(flags: &Flags, env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = flags.file.clone().or_else(|| env(FILE_ENV).map(PathBuf::from));
    let there = || FILES.iter().map(PathBuf::from).find(|path| path.exists());
    named.or_else(there)
}

fn read_file(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let read = || {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        if file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)? as u64 > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!("longer than {FILE_BYTES_MAX} bytes")));
        }
        Ok(text)
    };
    read().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))
}

/// The process's environment; a value that is no text is passed on as something no setting takes.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Variables that look like settings and are none. Not refused: Kubernetes sets such names itself,
/// for a service that is called like the program.
pub(crate) fn unknown_variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let known = |name: &String| name == FILE_ENV || all().any(|setting| setting.env == name);
    names.filter(|name| name.starts_with("COMANDA_") && !known(name)).collect()
}

#[cfg(test)]
mod tests;
