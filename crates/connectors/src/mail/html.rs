//! A message as HTML: one column that fits a telephone, styles beside each element because mail
//! programs drop others, tables for the layout because some know nothing else. No pictures, no
//! addresses of others: opening it tells nobody.

use maud::{DOCTYPE, Markup, html};
use messages::{Lang, id, label};

use super::page::{List, Page, Tone};

const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;";
const BREAKS: &str = "overflow-wrap:anywhere;word-break:break-word;";

/// The page for readers that show HTML. What is filled in is escaped.
pub(super) fn render(page: &Page, lang: Lang) -> String {
    let body = format!("margin:0;padding:0;background:#f3f4f6;color:#1f2937;{FONT}");
    let card = "max-width:600px;width:100%;background:#ffffff;border-radius:12px;overflow:hidden;";
    let markup = html! {
        (DOCTYPE)
        html lang=(lang.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light";
                title { (page.subject) }
            }
            body style=(body) {
                // What lists of messages show beside the subject.
                div style="display:none;max-height:0;overflow:hidden" {
                    (page.paragraphs.first().map_or("", String::as_str))
                }
                table role="presentation" width="100%" cellpadding="0" cellspacing="0" {
                    tr { td align="center" style="padding:20px 12px" {
                        table role="presentation" cellpadding="0" cellspacing="0" style=(card) {
                            tr { td style=(band(page.tone)) { "" } }
                            tr { td style="padding:24px 20px 8px" { (said(page)) } }
                            @for list in &page.lists {
                                tr { td style="padding:8px 20px" { (self::list(list)) } }
                            }
                            tr { td style="padding:8px 20px 24px" {
                                @for paragraph in &page.closing { (note(paragraph)) }
                            } }
                        }
                        p style="margin:16px 0 0;font-size:12px;line-height:18px;color:#6b7280" {
                            (label(id!("mail-footer"), lang))
                        }
                    } }
                }
            }
        }
    };
    markup.into_string()
}

fn band(tone: Tone) -> String {
    let colour = match tone {
        Tone::Plain => "#334155",
        Tone::Good => "#15803d",
        Tone::Waiting => "#b45309",
        Tone::Bad => "#b91c1c",
    };
    format!("height:6px;line-height:6px;font-size:0;background:{colour}")
}

fn said(page: &Page) -> Markup {
    let title = format!("margin:0 0 16px;font-size:22px;line-height:28px;font-weight:700;{BREAKS}");
    let text = format!("margin:0 0 12px;font-size:16px;line-height:24px;{BREAKS}");
    let value = format!("padding:4px 0;font-size:15px;line-height:20px;{BREAKS}");
    html! {
        h1 style=(title) { (page.subject) }
        @for paragraph in page.greeting.iter().chain(&page.paragraphs) {
            p style=(text) { (paragraph) }
        }
        @if !page.facts.is_empty() {
            table role="presentation" width="100%" cellpadding="0" cellspacing="0"
                style="margin:4px 0 8px" {
                @for (name, shown) in &page.facts {
                    tr {
                        td valign="top" style="padding:4px 16px 4px 0;font-size:14px;\
                            line-height:20px;color:#6b7280;white-space:nowrap" { (name) }
                        td width="100%" style=(value) { (shown) }
                    }
                }
            }
        }
    }
}

fn list(list: &List) -> Markup {
    let rule = "border-top:1px solid #e5e7eb;";
    let left = format!("padding:10px 12px 10px 0;{rule}{BREAKS}");
    let right = format!(
        "padding:10px 0;{rule}font-size:15px;line-height:20px;white-space:nowrap;text-align:right"
    );
    html! {
        h2 style="margin:8px 0;font-size:14px;line-height:20px;font-weight:600;color:#6b7280" {
            (list.heading)
        }
        table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse" {
            @for row in &list.rows {
                tr {
                    td valign="top" style=(left) {
                        div style="font-size:15px;line-height:20px;font-weight:600" { (row.title) }
                        div style="font-size:13px;line-height:18px;color:#6b7280" { (row.detail) }
                    }
                    td valign="top" style=(right) { (row.value) }
                }
            }
            @if let Some(more) = &list.more {
                tr { td colspan="2" style=(left) {
                    span style="font-size:14px;color:#6b7280" { (more) }
                } }
            }
            @for (at, (name, value)) in list.sums.iter().enumerate() {
                @let rule = if at == 0 { rule } else { "" };
                @let text = format!("padding:6px 0;font-size:14px;line-height:20px;{rule}");
                tr {
                    td style=(text) { (name) }
                    td style={ (text) "text-align:right;white-space:nowrap" } { (value) }
                }
            }
            @if let Some((name, value)) = &list.total {
                tr {
                    td style="padding:10px 12px 10px 0;border-top:2px solid #1f2937;\
                        font-size:17px;line-height:24px;font-weight:700" { (name) }
                    td style="padding:10px 0;border-top:2px solid #1f2937;font-size:17px;\
                        line-height:24px;font-weight:700;text-align:right;white-space:nowrap" {
                        (value)
                    }
                }
            }
        }
    }
}

fn note(text: &str) -> Markup {
    let style = format!("margin:8px 0 0;font-size:14px;line-height:20px;color:#4b5563;{BREAKS}");
    html! { p style=(style) { (text) } }
}
