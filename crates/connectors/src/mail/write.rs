//! Writes what a message says: an order's transition, a window's invalid input, a batch's end.
//!
//! Never: more than a bounded part of what there is, or personal data to anybody but the customer.

use domain::event::Rejection;
use domain::id::Sku;
use domain::money::Money;
use domain::notice::Notice;
use domain::order::Transfer;
use domain::state::{ClaimState, Status};
use messages::{Id, Lang, Phrase, id, label, phrase};
use service::batch::{BatchState, BatchStatus};
use service::letters::{Alert, Kind};
use service::notify::{Digest, Line, OrderFacts, Seen, Window};
use service::wire::message;

use super::page::{List, Page, Row, Tone};
use super::spoken::{Customs, count};

/// Most lines of an order that a message lists; an order may have a thousand.
pub const LINES_MAX: usize = 40;
/// Most kinds of faults that a message lists.
const CODES_MAX: usize = 10;
/// Most faults of one document that a message tells.
const FAULTS_MAX: usize = 3;

/// Who reads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The customer, who is greeted by name.
    Customer,
    /// Somebody of the installation.
    Staff,
}

/// Writes in one language.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// In which amounts and times are written.
    pub customs: &'a Customs,
    /// In which it is written.
    pub lang: Lang,
}

impl Writer<'_> {
    /// What a transition of an order is told as.
    #[must_use]
    pub fn order(&self, notice: Notice, facts: &OrderFacts, reader: Reader) -> Page {
        let Words { subject, text, tone } = words(notice);
        let state = &facts.state;
        let order = state.key.id.as_str();
        let seller = facts.addressee.seller.as_deref().unwrap_or(state.key.merchant.as_str());
        let name = match reader {
            Reader::Customer => facts.addressee.name.as_deref(),
            Reader::Staff => None,
        };
        let mut page = Page {
            subject: self.say(Phrase::new(subject).with("order", order)),
            tone,
            greeting: name.map(|name| self.say(phrase!("mail-greeting", name = name))),
            paragraphs: vec![self.label(text).to_owned()],
            facts: vec![
                (self.label(id!("mail-order")), order.to_owned()),
                (self.label(id!("mail-seller")), seller.to_owned()),
                (self.label(id!("mail-date")), self.customs.time(state.received_at, self.lang)),
                (self.label(id!("mail-status")), self.status(state.status).to_owned()),
            ],
            ..Page::default()
        };
        if state.revision > 1 {
            page.facts.push((self.label(id!("mail-revision")), state.revision.to_string()));
        }
        if let Some(reason) = self.reason(notice, facts, reader) {
            page.paragraphs.push(self.say(phrase!("mail-reason", reason = reason)));
        }
        match &facts.transfer {
            Some(transfer) => self.transfer(&mut page, transfer),
            None => page.lists.push(self.lines(facts)),
        }
        page
    }

    /// Why it came to that, where somebody or something said. What other systems say of an order
    /// in their own words is for the installation's people.
    fn reason(&self, notice: Notice, facts: &OrderFacts, reader: Reader) -> Option<String> {
        match (notice, reader) {
            (Notice::OrderRejected, reader) => {
                let rejection = facts.rejection.as_ref()?;
                let text = message::rejection(rejection, self.lang);
                Some(match (rejection, reader) {
                    (Rejection::Step { step, reason }, Reader::Staff) => {
                        format!("{text} {}: {reason}", step.as_str())
                    }
                    (
                        Rejection::Step { .. }
                        | Rejection::OutOfStock(_)
                        | Rejection::UnknownSku(_),
                        Reader::Customer | Reader::Staff,
                    ) => text.to_owned(),
                })
            }
            (Notice::OrderCancelled, _) | (Notice::OrderFailed, Reader::Staff) => {
                facts.reason.as_deref().map(str::to_owned)
            }
            (
                Notice::OrderReceived
                | Notice::OrderAmended
                | Notice::OrderCompleted
                | Notice::StockPending
                | Notice::OrderFailed
                | Notice::OrderFulfilled
                | Notice::OrderInvalid
                | Notice::BatchFinished,
                _,
            ) => None,
        }
    }

    fn transfer(&self, page: &mut Page, transfer: &Transfer) {
        // Of an account, whoever knows it knows the last digits.
        let masked = |account: &str| format!("••••{}", &account[account.len().saturating_sub(3)..]);
        page.facts.extend([
            (self.label(id!("mail-amount")), self.customs.money(transfer.amount, self.lang)),
            (self.label(id!("mail-from-account")), masked(&transfer.from_account)),
            (self.label(id!("mail-to-account")), masked(&transfer.to_account)),
        ]);
    }

    fn lines(&self, facts: &OrderFacts) -> List {
        let money = |amount: Money| self.customs.money(amount, self.lang);
        let mut list = List {
            heading: self.label(id!("mail-items")),
            rows: facts.lines.iter().take(LINES_MAX).map(|line| self.line(line, facts)).collect(),
            more: self.more(facts.lines.len(), LINES_MAX),
            ..List::default()
        };
        let Some(total) = facts.state.total else { return list };
        list.total = Some((self.label(id!("mail-total")), money(total)));
        let rules = if facts.discounts < Money::ZERO {
            id!("mail-discounts")
        } else {
            id!("mail-surcharges")
        };
        let some = |amount: Money| Some(amount).filter(|amount| *amount != Money::ZERO);
        let parts = [
            (id!("mail-goods"), facts.goods),
            (rules, some(facts.discounts)),
            (id!("mail-shipping"), facts.shipping),
            (id!("mail-tax"), some(facts.tax)),
        ];
        let named = |(name, amount): (Id, Option<Money>)| Some((self.label(name), money(amount?)));
        list.sums = parts.into_iter().filter_map(named).collect();
        // Goods alone are the total.
        if list.sums.len() == 1 {
            list.sums.clear();
        }
        list
    }

    fn line(&self, line: &Line, facts: &OrderFacts) -> Row {
        let sku = line.sku.as_str();
        let quantity = count(line.quantity.unsigned_abs(), self.lang);
        let price = line.unit_price.map(|price| self.customs.unit_price(price, self.lang));
        let mut detail =
            price.map_or_else(|| format!("{quantity} ×"), |p| format!("{quantity} × {p}"));
        if line.description.is_some() {
            detail.push_str(&format!(" · {sku}"));
        }
        if let Some(claim) = line.claim.filter(|claim| waits(*claim)) {
            detail.push_str(&format!(" · {}", message::line_label(claim, self.lang)));
        }
        if let Some(missing) = self.missing(&line.sku, facts) {
            detail.push_str(&format!(" ({missing})"));
        }
        Row {
            title: line.description.clone().unwrap_or_else(|| sku.to_owned()),
            detail,
            value: line.total.map_or_else(String::new, |t| self.customs.money(t, self.lang)),
        }
    }

    /// What there was too little of, for an order that was turned down for it.
    fn missing(&self, sku: &Sku, facts: &OrderFacts) -> Option<String> {
        let shortages = match &facts.rejection {
            Some(Rejection::OutOfStock(shortages)) => shortages,
            Some(Rejection::UnknownSku(_) | Rejection::Step { .. }) | None => return None,
        };
        let short = shortages.iter().find(|short| short.sku == *sku)?;
        let number = |units: i64| count(units.unsigned_abs(), self.lang);
        let (wanted, available) = (number(short.wanted), number(short.available));
        Some(self.say(phrase!("mail-missing", wanted = wanted, available = available)))
    }

    /// What a window's invalid input is told as.
    #[must_use]
    pub fn inputs(&self, digest: &Digest, window: Window) -> Page {
        let time = |at| self.customs.time(at, self.lang);
        let (from, until) = (time(window.from), time(window.until));
        let mut paragraphs = vec![self.say(phrase!("mail-invalid", from = from, until = until))];
        if digest.at_least {
            paragraphs.push(self.label(id!("mail-invalid-at-least")).to_owned());
        }
        let code = |(code, number): &(Box<str>, u64)| Row {
            title: code.to_string(),
            value: count(*number, self.lang),
            ..Row::default()
        };
        let codes = List {
            heading: self.label(id!("mail-invalid-codes")),
            rows: digest.codes.iter().take(CODES_MAX).map(code).collect(),
            more: self.more(digest.codes.len(), CODES_MAX),
            ..List::default()
        };
        let first = List {
            heading: self.label(id!("mail-invalid-first")),
            rows: digest.listed.iter().map(|seen| self.input(seen)).collect(),
            ..List::default()
        };
        Page {
            subject: self.say(phrase!("mail-invalid-subject", count = digest.count)),
            tone: Tone::Bad,
            paragraphs,
            lists: [codes, first].into_iter().filter(|list| !list.rows.is_empty()).collect(),
            closing: vec![self.label(id!("mail-invalid-where")).to_owned()],
            ..Page::default()
        }
    }

    fn input(&self, seen: &Seen) -> Row {
        let no_id = || self.label(id!("mail-invalid-no-id"));
        let id = seen.order.as_ref().map_or_else(no_id, |id| id.as_str());
        let merchant = seen.merchant.as_ref().map(|merchant| format!(" · {}", merchant.as_str()));
        let faults = seen.faults.iter().take(FAULTS_MAX);
        let said = faults.map(|fault| message::stored(fault, self.lang));
        Row {
            title: format!("{id}{}", merchant.unwrap_or_default()),
            detail: said.collect::<Vec<_>>().join(" "),
            value: self.customs.time(seen.at, self.lang),
        }
    }

    /// What a batch that is over is told as.
    #[must_use]
    pub fn batch(&self, batch: &BatchState) -> Page {
        let (id, lang) = (batch.id.as_str(), self.lang);
        let status = message::batch_label(batch.status, lang);
        let number = |count_of: u64| count(count_of, lang);
        let counts = &batch.counts;
        let mut facts = vec![
            (self.label(id!("mail-batch-name")), id.to_owned()),
            (self.label(id!("mail-status")), status.to_owned()),
            (self.label(id!("mail-batch-succeeded")), number(counts.succeeded)),
            (self.label(id!("mail-batch-failed")), number(counts.failed)),
            (self.label(id!("mail-batch-skipped")), number(counts.skipped)),
            (self.label(id!("mail-batch-began")), self.customs.time(batch.started_at, lang)),
            (self.label(id!("mail-batch-ended")), self.customs.time(batch.updated_at, lang)),
        ];
        if let Some(total) = batch.total {
            facts.insert(2, (self.label(id!("mail-batch-items")), number(total)));
        }
        let mut paragraphs = vec![self.label(id!("mail-batch")).to_owned()];
        if let Some(reason) = batch.reason.as_deref() {
            paragraphs.push(self.say(phrase!("mail-reason", reason = reason)));
        }
        let tone = match batch.status {
            BatchStatus::Failed => Tone::Bad,
            BatchStatus::Aborted => Tone::Waiting,
            BatchStatus::Running | BatchStatus::Succeeded if counts.failed > 0 => Tone::Waiting,
            BatchStatus::Running | BatchStatus::Succeeded => Tone::Good,
        };
        Page {
            subject: self.say(phrase!("mail-batch-subject", batch = id, status = status)),
            tone,
            paragraphs,
            facts,
            closing: vec![self.say(phrase!("mail-batch-where", batch = id))],
            ..Page::default()
        }
    }

    /// What is said of letters that are dead.
    #[must_use]
    pub fn alert(&self, alert: &Alert) -> Page {
        let kind = |(kind, number): &(Kind, u64)| Row {
            title: kind.as_str().to_owned(),
            value: count(*number, self.lang),
            ..Row::default()
        };
        let kinds = List {
            heading: self.label(id!("mail-alert-kinds")),
            rows: alert.kinds.iter().map(kind).collect(),
            ..List::default()
        };
        let sources = List {
            heading: self.label(id!("mail-alert-sources")),
            rows: alert
                .sources
                .iter()
                .map(|source| Row { title: source.to_string(), ..Row::default() })
                .collect(),
            ..List::default()
        };
        let since = self.customs.time(alert.from, self.lang);
        let mut paragraphs = vec![self.say(phrase!("mail-alert", since = since))];
        if alert.at_least {
            paragraphs.push(self.label(id!("mail-invalid-at-least")).to_owned());
        }
        Page {
            subject: self.say(phrase!("mail-alert-subject", count = alert.count)),
            tone: Tone::Bad,
            paragraphs,
            lists: vec![kinds, sources],
            closing: vec![self.label(id!("mail-alert-where")).to_owned()],
            ..Page::default()
        }
    }

    /// A message that says that messages arrive.
    #[must_use]
    pub fn test(&self) -> Page {
        Page {
            subject: self.label(id!("mail-test-subject")).to_owned(),
            tone: Tone::Good,
            paragraphs: vec![self.label(id!("mail-test")).to_owned()],
            ..Page::default()
        }
    }

    fn more(&self, there: usize, shown: usize) -> Option<String> {
        let left = there.checked_sub(shown).filter(|left| *left > 0)?;
        Some(self.say(phrase!("mail-more", count = left)))
    }

    fn status(&self, status: Status) -> &'static str {
        message::order_label(status, self.lang)
    }

    fn label(&self, id: Id) -> &'static str {
        label(id, self.lang)
    }

    fn say(&self, phrase: Phrase) -> String {
        phrase.to(self.lang)
    }
}

/// Whether a line still waits for what it needs.
fn waits(claim: ClaimState) -> bool {
    match claim {
        ClaimState::Waiting | ClaimState::Standby => true,
        ClaimState::Open | ClaimState::Untracked | ClaimState::Reserved | ClaimState::Consumed => {
            false
        }
    }
}

/// How a notice about an order begins.
struct Words {
    subject: Id,
    text: Id,
    tone: Tone,
}

fn words(notice: Notice) -> Words {
    let words = |subject, text, tone| Words { subject, text, tone };
    match notice {
        Notice::OrderAmended => {
            words(id!("mail-amended-subject"), id!("mail-amended"), Tone::Plain)
        }
        Notice::OrderCompleted => {
            words(id!("mail-completed-subject"), id!("mail-completed"), Tone::Good)
        }
        Notice::StockPending => {
            words(id!("mail-pending-subject"), id!("mail-pending"), Tone::Waiting)
        }
        Notice::OrderRejected => {
            words(id!("mail-rejected-subject"), id!("mail-rejected"), Tone::Bad)
        }
        Notice::OrderFailed => words(id!("mail-failed-subject"), id!("mail-failed"), Tone::Bad),
        Notice::OrderCancelled => {
            words(id!("mail-cancelled-subject"), id!("mail-cancelled"), Tone::Plain)
        }
        Notice::OrderFulfilled => {
            words(id!("mail-fulfilled-subject"), id!("mail-fulfilled"), Tone::Good)
        }
        // The others are about no order, and have pages of their own.
        Notice::OrderReceived | Notice::OrderInvalid | Notice::BatchFinished => {
            words(id!("mail-received-subject"), id!("mail-received"), Tone::Plain)
        }
    }
}
