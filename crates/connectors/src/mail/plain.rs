//! A message as text.

use std::fmt::Write;

use messages::{Lang, id, label};

use super::page::{List, Page};

/// The page for readers that show no HTML.
pub(super) fn render(page: &Page, lang: Lang) -> String {
    let mut out = String::new();
    for paragraph in page.greeting.iter().chain(&page.paragraphs) {
        line(&mut out, format_args!("{paragraph}\n"));
    }
    for (name, value) in &page.facts {
        line(&mut out, format_args!("{name}: {value}"));
    }
    if !page.facts.is_empty() {
        out.push('\n');
    }
    for list in &page.lists {
        self::list(&mut out, list);
    }
    for paragraph in &page.closing {
        line(&mut out, format_args!("{paragraph}\n"));
    }
    // Two hyphens and a space: what follows is no part of the message (RFC 3676).
    line(&mut out, format_args!("-- \n{}", label(id!("mail-footer"), lang)));
    out
}

fn list(out: &mut String, list: &List) {
    line(out, format_args!("{}:", list.heading));
    for row in &list.rows {
        let value = if row.value.is_empty() { "" } else { ": " };
        line(out, format_args!("- {}{value}{}", row.title, row.value));
        if !row.detail.is_empty() {
            line(out, format_args!("  {}", row.detail));
        }
    }
    if let Some(more) = &list.more {
        line(out, format_args!("  {more}"));
    }
    if !list.sums.is_empty() || list.total.is_some() {
        out.push('\n');
    }
    for (name, value) in list.sums.iter().chain(&list.total) {
        line(out, format_args!("{name}: {value}"));
    }
    out.push('\n');
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    _ = out.write_fmt(text);
    out.push('\n');
}
