//! The page: a heading, what matters most, then a section for each question, its chart and its
//! numbers side by side. All it needs is in it; what is filled in is escaped.
//!
//! Never: a script, an address of others, a number that is only drawn.

use connectors::mail::Customs;
use domain::money::{Money, divide_half_even};
use domain::state::Status;
use jiff::civil::Date;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use messages::{Id, Lang, id, label, phrase};
use service::wire::message::order_label;

use super::Report;
use super::chart::{self, Axes, Bar, Ink, Line};
use super::figures::{Day, Figures, Outcome, Wait};
use super::words::{count, day, lasted, month, share, short_day};

const STYLE: &str = include_str!("style.css");
/// Most days with a row or a bar of their own; beyond it is months.
const DAYS_LISTED_MAX: usize = 62;
const DAYS_DRAWN_MAX: usize = 400;

/// The whole document.
pub(super) fn page(report: &Report, figures: &Figures) -> String {
    let page = Page { report, figures, lang: report.lang };
    let markup = html! {
        (DOCTYPE)
        html lang=(page.lang.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.word(id!("report-title"))) ": " (page.period()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (page.heading())
                (page.cards())
                main {
                    (page.over_time())
                    (page.outcomes())
                    (page.products())
                    (page.shortages())
                    (page.times())
                    (page.rules())
                    (page.not_taken())
                }
                footer { p { (page.word(id!("report-footnote"))) } }
            }
        }
    };
    markup.into_string()
}

/// What every part of the page looks at.
struct Page<'a> {
    report: &'a Report,
    figures: &'a Figures,
    lang: Lang,
}

impl Page<'_> {
    fn word(&self, id: Id) -> &'static str {
        label(id, self.lang)
    }

    fn money(&self, amount: Money) -> String {
        self.figures.customs.money(amount, self.lang)
    }

    fn count(&self, number: i64) -> String {
        count(number, self.lang)
    }

    fn period(&self) -> String {
        let period = &self.report.period;
        let (from, to) = (day(period.from, self.lang), day(period.to, self.lang));
        phrase!("report-period", from = from, to = to).to(self.lang)
    }

    fn heading(&self) -> Markup {
        let customs = &self.report.customs;
        let zone = customs.time_zone.iana_name().unwrap_or("UTC");
        let at = customs.time(self.report.at, self.lang);
        let whose = self.report.merchant.as_ref().map_or_else(
            || self.word(id!("report-all-merchants")).to_owned(),
            |merchant| phrase!("report-of-merchant", merchant = merchant.as_str()).to(self.lang),
        );
        html! {
            header {
                p.brand { "Comanda" }
                h1 { (self.word(id!("report-title"))) ": " (self.period()) }
                p { (whose) " · " (phrase!("report-made", at = at, zone = zone).to(self.lang)) }
            }
        }
    }

    fn cards(&self) -> Markup {
        let all = sum(&self.figures.days);
        let average = match all.orders {
            0 => String::from("–"),
            orders => self.money(average(all.total, orders)),
        };
        let (products, units) = self.figures.short;
        let of = phrase!("report-short-products", count = products.unsigned_abs()).to(self.lang);
        html! {
            div.cards {
                (card(self.word(id!("report-revenue")), &self.money(all.total), ""))
                (card(self.word(id!("report-sold")), &self.count(all.orders), ""))
                (card(self.word(id!("report-average")), &average, ""))
                (card(self.word(id!("report-received")), &self.count(all.received), ""))
                (card(self.word(id!("report-short-now")), &self.count(units), &of))
            }
        }
    }

    fn over_time(&self) -> Markup {
        let all = sum(&self.figures.days);
        if all.received == 0 {
            return section(self.word(id!("report-over-time")), html! { (self.nothing()) });
        }
        let by_month = self.figures.days.len() > DAYS_DRAWN_MAX;
        let drawn = if by_month { months(&self.figures.days) } else { self.figures.days.clone() };
        let (revenue, orders) = if by_month {
            (id!("report-revenue-by-month"), id!("report-orders-by-month"))
        } else {
            (id!("report-revenue-by-day"), id!("report-orders-by-day"))
        };
        let named = |at: usize| drawn.get(at).map_or_else(String::new, |d| self.named(d, by_month));
        let totals: Vec<i64> = drawn.iter().map(|day| day.total.0).collect();
        let received: Vec<i64> = drawn.iter().map(|day| day.received).collect();
        let money = |value| self.rounded(value);
        let number = |value| self.count(value);
        let of_money = Axes { day: &named, value: &money, times: false };
        let of_orders = Axes { day: &named, value: &number, times: false };
        section(
            self.word(id!("report-over-time")),
            html! {
                (captioned(self.word(revenue), &chart::bars_by_day(&totals, Ink::Blue, &of_money)))
                (captioned(self.word(orders), &chart::bars_by_day(&received, Ink::Green, &of_orders)))
                (self.days(all))
            },
        )
    }

    fn named(&self, day: &Day, by_month: bool) -> String {
        if by_month { month(day.date) } else { short_day(day.date, self.lang) }
    }

    /// An amount at an axis: whole units, unless there are none.
    fn rounded(&self, minor: i64) -> String {
        let customs = &self.figures.customs;
        let one = 10_i64.pow(customs.exponent);
        if minor % one != 0 {
            return self.money(Money(minor));
        }
        let whole = Customs { exponent: 0, ..customs.clone() };
        whole.money(Money(minor / one), self.lang)
    }

    fn days(&self, all: Day) -> Markup {
        let by_month = self.figures.days.len() > DAYS_LISTED_MAX;
        let listed = if by_month { months(&self.figures.days) } else { self.figures.days.clone() };
        let first = if by_month { id!("report-month") } else { id!("report-day") };
        let named = |date: Date| if by_month { month(date) } else { day(date, self.lang) };
        let numbers = |day: &Day| {
            html! {
                td { (self.count(day.received)) }
                td { (self.count(day.orders)) }
                td { (self.count(day.units)) }
                td { (self.money(day.gross)) }
                td { (self.money(-day.discount)) }
                td { (self.money(day.shipping)) }
                td { (self.money(day.tax)) }
                td { (self.money(day.total)) }
            }
        };
        html! {
            div.wide { table {
                thead { tr {
                    th { (self.word(first)) }
                    th { (self.word(id!("report-received"))) }
                    th { (self.word(id!("report-sold"))) }
                    th { (self.word(id!("word-units"))) }
                    th { (self.word(id!("word-gross"))) }
                    th { (self.word(id!("report-discount"))) }
                    th { (self.word(id!("report-shipping"))) }
                    th { (self.word(id!("report-tax"))) }
                    th { (self.word(id!("report-revenue"))) }
                } }
                tbody { @for day in &listed { tr { td { (named(day.date)) } (numbers(day)) } } }
                tfoot { tr { td { (self.word(id!("report-sum"))) } (numbers(&all)) } }
            } }
        }
    }

    fn outcomes(&self) -> Markup {
        let outcomes = &self.figures.outcomes;
        let all: i64 = outcomes.iter().map(|outcome| outcome.orders).sum();
        let name = |outcome: &Outcome| order_label(outcome.status, self.lang).to_owned();
        let bars = outcomes.iter().map(|outcome| Bar {
            name: name(outcome),
            length: outcome.orders,
            says: self.count(outcome.orders),
            ink: ink(outcome.status),
        });
        let heading =
            [id!("word-status"), id!("report-orders"), id!("report-share"), id!("word-total")];
        let rows = outcomes.iter().map(|outcome| {
            let part = share(outcome.orders, all, self.lang);
            vec![name(outcome), self.count(outcome.orders), part, self.money(outcome.total)]
        });
        self.beside(id!("report-outcomes"), bars.collect(), &heading, 1, rows.collect())
    }

    fn products(&self) -> Markup {
        let products = &self.figures.products;
        let bars = products.iter().map(|product| Bar {
            name: product.sku.clone(),
            length: product.total.0,
            says: self.money(product.total),
            ink: Ink::Blue,
        });
        let heading =
            [id!("word-sku"), id!("word-merchant"), id!("word-units"), id!("report-revenue")];
        let rows = products.iter().map(|product| {
            let (units, total) = (self.count(product.units), self.money(product.total));
            vec![product.sku.clone(), product.merchant.clone(), units, total]
        });
        self.beside(id!("report-products"), bars.collect(), &heading, 2, rows.collect())
    }

    fn shortages(&self) -> Markup {
        let shortages = &self.figures.shortages;
        let title = id!("report-shortages");
        if shortages.is_empty() {
            let nothing = self.word(id!("report-nothing-short"));
            return section(self.word(title), html! { p.nothing { (nothing) } });
        }
        let bars = shortages.iter().map(|shortage| Bar {
            name: shortage.sku.clone(),
            length: shortage.units,
            says: self.count(shortage.units),
            ink: Ink::Amber,
        });
        let heading = [
            id!("word-sku"),
            id!("word-merchant"),
            id!("report-waiting-since"),
            id!("report-waiting-orders"),
            id!("word-units"),
        ];
        let rows = shortages.iter().map(|shortage| {
            let (orders, units) = (self.count(shortage.orders), self.count(shortage.units));
            let since = self.moment(&shortage.oldest);
            vec![shortage.sku.clone(), shortage.merchant.clone(), since, orders, units]
        });
        self.beside(title, bars.collect(), &heading, 3, rows.collect())
    }

    /// A moment as the API writes it, by the installation's clocks.
    fn moment(&self, rfc3339: &str) -> String {
        let at = rfc3339.parse::<jiff::Timestamp>().map(|at| at.as_microsecond());
        let at = at.map(domain::time::Timestamp);
        at.map_or_else(|_| rfc3339.to_owned(), |at| self.report.customs.time(at, self.lang))
    }

    fn times(&self) -> Markup {
        let title = self.word(id!("report-times"));
        if self.figures.waits.is_empty() {
            return section(title, self.nothing());
        }
        let part = |of: fn(&Wait) -> i64| {
            let days = self.figures.waits_by_day.iter();
            days.map(|wait| wait.as_ref().map(of)).collect::<Vec<_>>()
        };
        let parts = [
            (Ink::Green, self.word(id!("report-half")).to_owned(), part(|wait| wait.p50)),
            (Ink::Amber, self.of_100("90"), part(|wait| wait.p90)),
            (Ink::Red, self.of_100("99"), part(|wait| wait.p99)),
        ];
        // The slowest first, so that the others are seen where lines lie upon each other.
        let lines = parts.iter().rev();
        let lines: Vec<Line> =
            lines.map(|(ink, _, values)| Line { values: values.clone(), ink: *ink }).collect();
        let days = &self.figures.days;
        let named = |at: usize| days.get(at).map_or_else(String::new, |d| self.named(d, false));
        let axes = Axes { day: &named, value: &|ms| lasted(ms, self.lang), times: true };
        let rows = self.figures.waits.iter().map(|(channel, wait)| {
            let all = self.word(id!("report-all"));
            let name = if channel.is_empty() { all.to_owned() } else { channel.clone() };
            let times = [wait.p50, wait.p90, wait.p99].map(|ms| lasted(ms, self.lang));
            [vec![name, self.count(wait.orders)], times.to_vec()].concat()
        });
        let heading = [
            self.word(id!("word-channel")).to_owned(),
            self.word(id!("report-orders")).to_owned(),
            self.word(id!("report-half")).to_owned(),
            self.of_100("90"),
            self.of_100("99"),
        ];
        section(
            title,
            html! {
                p.note { (self.word(id!("report-times-note"))) }
                (figure(title, &chart::lines_by_day(&lines, &axes)))
                ul.legend { @for (ink, name, _) in &parts { li.(ink.name()) { (name) } } }
                (table(&heading, 1, &rows.collect::<Vec<_>>()))
            },
        )
    }

    fn of_100(&self, part: &str) -> String {
        phrase!("report-of-100", part = part).to(self.lang)
    }

    fn rules(&self) -> Markup {
        let rules = &self.figures.rules;
        let bars = rules.iter().map(|rule| Bar {
            name: rule.id.clone(),
            length: rule.amount.0.saturating_abs(),
            says: self.money(rule.amount),
            ink: if rule.amount < Money::ZERO { Ink::Amber } else { Ink::Green },
        });
        let heading =
            [id!("word-rule"), id!("report-rule-set"), id!("report-orders"), id!("word-amount")];
        let rows = rules.iter().map(|rule| {
            let (orders, amount) = (self.count(rule.orders), self.money(rule.amount));
            vec![rule.id.clone(), rule.set.to_string(), orders, amount]
        });
        self.beside(id!("report-rules"), bars.collect(), &heading, 2, rows.collect())
    }

    fn not_taken(&self) -> Markup {
        let title = id!("report-not-taken");
        let rejects = &self.figures.rejects;
        if rejects.is_empty() {
            let nothing = self.word(id!("report-nothing-rejected"));
            return section(self.word(title), html! { p.nothing { (nothing) } });
        }
        let bars = rejects.iter().map(|reject| Bar {
            name: reject.code.clone(),
            length: reject.inputs,
            says: self.count(reject.inputs),
            ink: Ink::Red,
        });
        let heading = [id!("word-code"), id!("word-kind"), id!("report-inputs")];
        let rows = rejects.iter().map(|reject| {
            vec![reject.code.clone(), reject.kind.clone(), self.count(reject.inputs)]
        });
        self.beside(title, bars.collect(), &heading, 2, rows.collect())
    }

    /// A section of bars, with their numbers as a table whose first `texts` columns are texts.
    fn beside(
        &self,
        title: Id,
        bars: Vec<Bar>,
        heading: &[Id],
        texts: usize,
        rows: Vec<Vec<String>>,
    ) -> Markup {
        let title = self.word(title);
        if rows.is_empty() {
            return section(title, self.nothing());
        }
        let heading: Vec<String> = heading.iter().map(|id| self.word(*id).to_owned()).collect();
        section(
            title,
            html! {
                (figure(title, &chart::bars(&bars)))
                (table(&heading, texts, &rows))
            },
        )
    }

    fn nothing(&self) -> Markup {
        html! { p.nothing { (self.word(id!("report-nothing"))) } }
    }
}

fn section(title: &str, content: Markup) -> Markup {
    html! { section { h2 { (title) } (content) } }
}

fn card(name: &str, value: &str, more: &str) -> Markup {
    html! {
        div.card {
            p.name { (name) }
            p.value { (value) }
            @if !more.is_empty() { p.more { (more) } }
        }
    }
}

/// A picture that says its name to whoever cannot see it. What was drawn is escaped already.
fn figure(name: &str, svg: &str) -> Markup {
    html! { figure { div role="img" aria-label=(name) { (PreEscaped(svg)) } } }
}

/// One of several pictures of a section.
fn captioned(name: &str, svg: &str) -> Markup {
    html! { p.caption { (name) } (figure(name, svg)) }
}

fn table(heading: &[String], texts: usize, rows: &[Vec<String>]) -> Markup {
    html! {
        div.wide { table {
            thead { tr { @for (at, name) in heading.iter().enumerate() {
                th.text[at < texts] { (name) }
            } } }
            tbody { @for row in rows {
                tr { @for (at, cell) in row.iter().enumerate() { td.text[at < texts] { (cell) } } }
            } }
        } }
    }
}

fn sum(days: &[Day]) -> Day {
    days.iter().fold(Day::default(), Day::and)
}

/// Months, each under its first day.
fn months(days: &[Day]) -> Vec<Day> {
    let same = |a: &Day, b: &Day| a.date.first_of_month() == b.date.first_of_month();
    days.chunk_by(same)
        .filter_map(|month| Some(Day { date: month.first()?.date, ..sum(month) }))
        .collect()
}

fn average(total: Money, orders: i64) -> Money {
    let average = divide_half_even(i128::from(total.0), i128::from(orders.max(1)));
    Money(i64::try_from(average).unwrap_or(i64::MAX))
}

fn ink(status: Status) -> Ink {
    match status {
        Status::Backordered => Ink::Amber,
        Status::Rejected | Status::Failed | Status::Invalid => Ink::Red,
        Status::Completed | Status::Fulfilled => Ink::Green,
        Status::Received | Status::Processing | Status::Cancelled => Ink::Grey,
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::report::figures::stands;

    #[test]
    fn what_is_sold_is_drawn_as_what_went_well_or_waits() {
        for (status, _) in Status::ALL {
            assert_eq!(stands(status), matches!(ink(status), Ink::Green | Ink::Amber));
        }
    }

    #[test]
    fn an_average_is_rounded_half_to_even() {
        assert_eq!(average(Money(10_001), 2), Money(5_000));
        assert_eq!(average(Money(10_003), 2), Money(5_002));
    }
}
