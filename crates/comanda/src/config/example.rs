//! The configuration file as an example: every setting with its default, made from the table.

use std::fmt::Write;

use super::rows::{Field, Rows};
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
        if let [Setting { kind, env, .. }] = section.settings
            && let Some(rows) = kind.rows
        {
            list(&mut out, rows, env);
            continue;
        }
        _ = writeln!(out, "{}", section.heading());
        for setting in section.settings {
            line(&mut out, setting);
        }
    }
    out
}

fn line(out: &mut String, setting: &Setting) {
    let allowed = match setting.kind.shape {
        Shape::Text | Shape::Integer => format!("Takes {}.", (setting.kind.allowed)()),
        Shape::Table | Shape::Rows => (setting.kind.allowed)(),
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
        Shape::Table | Shape::Rows => Ok(()),
    };
}

/// A list has no row by default: one is shown that counts when it is uncommented.
fn list(out: &mut String, rows: &Rows, env: &str) {
    let max = rows.max;
    comment(out, &format!("None by default, at most {max}. Also {env}, as `[{{name = \"…\"}}]`."));
    _ = writeln!(out, "# [[{}]]", rows.name);
    for Field { name, about, default, example, kind } in rows.fields {
        let about = one_line(about);
        let takes = (kind.allowed)();
        let must = if default.is_none() { " Must be given." } else { "" };
        let about = about.trim_end_matches('.');
        paragraph(out, "# #", &format!("{about}. Takes {takes}.{must}"));
        let text = default.or(*example).unwrap_or_default();
        _ = match kind.shape {
            Shape::Integer if !text.is_empty() => writeln!(out, "# {name} = {text}"),
            Shape::Text | Shape::Integer | Shape::Table | Shape::Rows => {
                writeln!(out, "# {name} = {}", toml::Value::from(text))
            }
        };
    }
}

fn comment(out: &mut String, text: &str) {
    paragraph(out, "#", text);
}

fn paragraph(out: &mut String, mark: &str, text: &str) {
    let mut line = String::from(mark);
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() >= COMMENT_CHARS {
            out.push_str(&line);
            out.push('\n');
            line = String::from(mark);
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
