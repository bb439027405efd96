//! The table as flags of the command line: clap asks here, so that a setting is named once.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::{FILE_ENV, Origin, SECTIONS, Setting, all};

const CONFIG: &str = "config-file";
const SET: &str = "set";

/// What the command line says of settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// The configuration file, when named.
    pub(crate) file: Option<PathBuf>,
    pub(super) by_flag: Vec<(&'static str, &'static str, String)>,
    pub(super) by_set: Vec<String>,
}

impl Flags {
    /// A flag that one command has of its own.
    pub(crate) fn put(&mut self, key: &'static str, flag: &'static str, text: String) {
        self.by_flag.push((key, flag, text));
    }

    /// What was given, the stronger last; what `--set` says and nobody knows is a fault.
    pub(super) fn given(
        &self,
        faults: &mut Vec<String>,
    ) -> Vec<(&'static Setting, String, Origin)> {
        let mut given = Vec::new();
        for pair in &self.by_set {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            match all().find(|setting| setting.key == key) {
                Some(setting) if pair.contains('=') => {
                    given.push((setting, text.to_owned(), Origin::Set));
                }
                Some(_) => faults.push(format!("--set: {key} needs a value: --set {key}=…")),
                None => {
                    let why = "see `comanda config example`";
                    faults.push(format!("--set: no setting is called {key}; {why}"));
                }
            }
        }
        for (key, flag, text) in &self.by_flag {
            let setting = all().find(|setting| setting.key == *key);
            given.extend(setting.map(|setting| (setting, text.clone(), Origin::Flag(flag))));
        }
        given
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let heading = "Settings";
        let config = Arg::new(CONFIG)
            .long("config")
            .value_name("FILE")
            .global(true)
            .help_heading(heading)
            .help(format!(
                "The configuration file [env: {FILE_ENV}] [default: comanda.toml if it is there, \
                 else /etc/comanda/comanda.toml]"
            ));
        let set = Arg::new(SET)
            .long("set")
            .value_name("KEY=VALUE")
            .global(true)
            .action(ArgAction::Append)
            .help_heading(heading)
            .help("Any setting by its name, see `comanda config example`");
        let flags = all().filter_map(|setting| Some((setting, setting.flag?)));
        flags.fold(command.arg(config).arg(set), |command, (setting, flag)| {
            command.arg(
                Arg::new(setting.key)
                    .long(flag)
                    .global(true)
                    .help_heading(heading)
                    .value_name("VALUE")
                    .help(help(setting)),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn help(setting: &Setting) -> String {
    let about = setting.about_line();
    match setting.default {
        "" => format!("{about} [env: {}]", setting.env),
        default => format!("{about} [env: {}] [default: {default}]", setting.env),
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self {
            file: matches.get_one::<String>(CONFIG).map(PathBuf::from),
            by_set: matches.get_many::<String>(SET).unwrap_or_default().cloned().collect(),
            by_flag: Vec::new(),
        };
        for setting in SECTIONS.iter().flat_map(|section| section.settings) {
            let Some(flag) = setting.flag else { continue };
            if let Some(text) = matches.get_one::<String>(setting.key) {
                flags.put(setting.key, flag, text.clone());
            }
        }
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
