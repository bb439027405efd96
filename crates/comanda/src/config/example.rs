//! The configuration file as an example: every setting with its default, made from the table.

use std::fmt::Write;

use super::table::{Setting, one_line};
use super::value::Shape;
use super::{FILE_ENV, SECTIONS};

/// Longest line of a comment, in characters.
const COMMENT_CHARS: usize = 90;

/// A file that says what is true without it.
pub(crate) fn example() -> String {
    let mut out = String::new();
    comment(&mut out, "Comanda's settings, each with its default: keep what you change.");
    comment(
        &mut out,
        &format!(
            "Read from ./comanda.toml, else /etc/comanda/comanda.toml, or where --config or \
             {FILE_ENV} says. The environment counts more than this file, a flag more than both. \
             `comanda config check` judges it, `comanda config show` says what is in force and why."
        ),
    );
    for section in SECTIONS {
        out.push('\n');
        comment(&mut out, &one_line(section.about));
        _ = writeln!(out, "[{}]", section.name);
        for setting in section.settings {
            line(&mut out, setting);
        }
    }
    out
}

fn line(out: &mut String, setting: &Setting) {
    let allowed = match setting.kind.shape {
        Shape::Text | Shape::Integer => format!("Takes {}.", (setting.kind.allowed)()),
        Shape::Table => (setting.kind.allowed)(),
    };
    let flag = setting.flag.map(|flag| format!(" or --{flag}")).unwrap_or_default();
    let other = format!("Also {}{flag}.", setting.env);
    let name = setting.name;
    let default = setting.default;
    if !name.is_empty() {
        out.push('\n');
        comment(out, &format!("{}.", setting.about_line().trim_end_matches('.')));
    }
    comment(out, &format!("{allowed} {other}"));
    // Writing to a String cannot fail.
    _ = match setting.kind.shape {
        Shape::Integer if default.is_empty() => writeln!(out, "{name} = \"\""),
        // The table's own texts hold nothing that would have to be escaped, and a test reads them.
        Shape::Text => writeln!(out, "{name} = \"{default}\""),
        Shape::Integer => writeln!(out, "{name} = {default}"),
        Shape::Table => Ok(()),
    };
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() >= COMMENT_CHARS {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
