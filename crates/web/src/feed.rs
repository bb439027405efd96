//! A change as the events it is for others: CloudEvents, one each thing that happened.
//!
//! An order's change holds several events, committed together; each is told by itself, with where
//! the order stood after it. What it says beyond that is what its history says.
//!
//! Never: how events are sent; see `stream`.

use std::borrow::Cow;

use domain::event::Event;
use domain::id::{MerchantId, OrderId, OrderKey};
use domain::state::Status;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use service::change::{Change, Seq, What};
use service::passed::passed;
use service::wire::cloud_event::CloudEvent;
use service::wire::violation::Severity;

use crate::App;
use crate::error::{Error, Kind as Problem};
use crate::events::{self, details, raw, text};
use crate::params::{cursor, read_cursor};

/// What happened, as its type says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub(crate) enum Kind {
    OrderReceived,
    OrderPriced,
    OrderAmended,
    OrderAllocated,
    OrderStepsAwaited,
    OrderStepTakenUp,
    OrderStepPassed,
    OrderStepRemoved,
    OrderStepIgnored,
    OrderFailed,
    OrderRedriven,
    OrderRejected,
    OrderFilled,
    OrderQueued,
    OrderUnreserved,
    OrderCancelled,
    OrderFulfilled,
    OrderRepeated,
    OrderRefused,
    InputInvalid,
    InputFlood,
    CommandRefused,
    StockChanged,
    StockReleased,
    ProductsStored,
    CustomerStored,
    RulesSaved,
    BatchProgressed,
    WebhookChanged,
    WebhookReplayed,
    LetterFiled,
    LetterSettled,
    LettersSwept,
    KeyKept,
}

impl Kind {
    /// A CloudEvent's `type`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OrderReceived => "comanda.order.received",
            Self::OrderPriced => "comanda.order.priced",
            Self::OrderAmended => "comanda.order.amended",
            Self::OrderAllocated => "comanda.order.allocated",
            Self::OrderStepsAwaited => "comanda.order.steps_awaited",
            Self::OrderStepTakenUp => "comanda.order.step_taken_up",
            Self::OrderStepPassed => "comanda.order.step_passed",
            Self::OrderStepRemoved => "comanda.order.step_removed",
            Self::OrderStepIgnored => "comanda.order.step_ignored",
            Self::OrderFailed => "comanda.order.failed",
            Self::OrderRedriven => "comanda.order.redriven",
            Self::OrderRejected => "comanda.order.rejected",
            Self::OrderFilled => "comanda.order.filled",
            Self::OrderQueued => "comanda.order.queued",
            Self::OrderUnreserved => "comanda.order.unreserved",
            Self::OrderCancelled => "comanda.order.cancelled",
            Self::OrderFulfilled => "comanda.order.fulfilled",
            Self::OrderRepeated => "comanda.order.repeated",
            Self::OrderRefused => "comanda.order.refused",
            Self::InputInvalid => "comanda.input.invalid",
            Self::InputFlood => "comanda.input.flood",
            Self::CommandRefused => "comanda.command.refused",
            Self::StockChanged => "comanda.stock.changed",
            Self::StockReleased => "comanda.stock.released",
            Self::ProductsStored => "comanda.products.stored",
            Self::CustomerStored => "comanda.customer.stored",
            Self::RulesSaved => "comanda.pricing_rules.saved",
            Self::BatchProgressed => "comanda.batch.progressed",
            Self::WebhookChanged => "comanda.webhook.changed",
            Self::WebhookReplayed => "comanda.webhook.replayed",
            Self::LetterFiled => "comanda.dead_letter.filed",
            Self::LetterSettled => "comanda.dead_letter.settled",
            Self::LettersSwept => "comanda.dead_letters.swept",
            Self::KeyKept => "comanda.idempotency_key.kept",
        }
    }

    fn of(event: &Event) -> Self {
        match event {
            Event::Received(_) => Self::OrderReceived,
            Event::Priced(_) => Self::OrderPriced,
            Event::Amended(_) => Self::OrderAmended,
            Event::Allocated { .. } => Self::OrderAllocated,
            Event::StepsAwaited { .. } => Self::OrderStepsAwaited,
            Event::StepTakenUp { .. } => Self::OrderStepTakenUp,
            Event::StepPassed { .. } => Self::OrderStepPassed,
            Event::StepRemoved { .. } => Self::OrderStepRemoved,
            Event::StepIgnored(_) => Self::OrderStepIgnored,
            Event::Failed { .. } => Self::OrderFailed,
            Event::Redriven { .. } => Self::OrderRedriven,
            Event::Rejected(_) => Self::OrderRejected,
            Event::Filled { .. } => Self::OrderFilled,
            Event::Queued { .. } => Self::OrderQueued,
            Event::Unreserved { .. } => Self::OrderUnreserved,
            Event::Cancelled { .. } => Self::OrderCancelled,
            Event::Fulfilled => Self::OrderFulfilled,
            Event::Repeated { .. } => Self::OrderRepeated,
            Event::Refused(_) => Self::OrderRefused,
        }
    }

    fn of_change(what: &What) -> Option<Self> {
        match what {
            What::Order { .. } => None,
            What::Audit(_) => Some(Self::InputInvalid),
            What::Flood(_) => Some(Self::InputFlood),
            What::Stray(_) => Some(Self::CommandRefused),
            What::Stock { .. } => Some(Self::StockChanged),
            What::Released { .. } => Some(Self::StockReleased),
            What::Products(_) => Some(Self::ProductsStored),
            What::Customer(_) => Some(Self::CustomerStored),
            What::Rules { .. } => Some(Self::RulesSaved),
            What::Batch(_) => Some(Self::BatchProgressed),
            What::Endpoint(_) => Some(Self::WebhookChanged),
            What::Replay(_) => Some(Self::WebhookReplayed),
            What::Letter(_) => Some(Self::LetterFiled),
            What::Settled(_) => Some(Self::LetterSettled),
            What::Sweep(_) => Some(Self::LettersSwept),
            What::Kept(_) => Some(Self::KeyKept),
        }
    }
}

/// Where a reader is: behind a change, or behind one of the events of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) seq: Seq,
    /// Behind the event of this number; behind all of them, when absent.
    pub(crate) event: Option<usize>,
}

impl Position {
    /// An event's id, or a cursor of the change log.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let Some((seq, event)) = text.split_once('-') else {
            return Some(Self { seq: read_cursor(text)?, event: None });
        };
        let is_number = !event.is_empty() && event.bytes().all(|byte| byte.is_ascii_digit());
        let event = is_number.then(|| event.parse().ok()).flatten()?;
        Some(Self { seq: read_cursor(seq)?, event: Some(event) })
    }
}

/// Which events a reader wants; all of them where nothing is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Types, or beginnings of types.
    pub(crate) types: Vec<Wanted>,
    pub(crate) merchant: Option<MerchantId>,
    pub(crate) order: Option<OrderId>,
    /// Where the order stands after the event.
    pub(crate) status: Option<Status>,
}

/// A type, or all types that begin so.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Exactly(Kind),
    Beginning(String),
}

impl Wanted {
    /// `comanda.order.received`, or `comanda.order.*`; `None` when there is no such type.
    pub(crate) fn read(text: &str) -> Option<Self> {
        use strum::IntoEnumIterator;
        if let Some(beginning) = text.strip_suffix('*') {
            let known = Kind::iter().any(|kind| kind.as_str().starts_with(beginning));
            return known.then(|| Self::Beginning(beginning.to_owned()));
        }
        Kind::iter().find(|kind| kind.as_str() == text).map(Self::Exactly)
    }

    fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Exactly(wanted) => *wanted == kind,
            Self::Beginning(beginning) => kind.as_str().starts_with(beginning),
        }
    }
}

impl Filter {
    /// Whether events that are no order's may be wanted.
    fn wants_order(&self, key: Option<(&MerchantId, Option<&OrderId>)>) -> bool {
        let (merchant, order) = key.map_or((None, None), |(merchant, id)| (Some(merchant), id));
        self.merchant.as_ref().is_none_or(|wanted| Some(wanted) == merchant)
            && self.order.as_ref().is_none_or(|wanted| Some(wanted) == order)
    }

    fn wants_kind(&self, kind: Kind) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted.fits(kind))
    }

    fn wants_status(&self, status: Option<Status>) -> bool {
        self.status.is_none_or(|wanted| Some(wanted) == status)
    }
}

/// An event, ready to be sent.
pub(crate) struct Told {
    pub(crate) id: String,
    /// A CloudEvent, as JSON in one line.
    pub(crate) json: String,
}

/// The events of a change that `filter` lets through, in their order, those up to number `past`
/// left out.
pub(crate) fn told(
    app: &App,
    seq: Seq,
    change: &Change,
    filter: &Filter,
    past: Option<usize>,
) -> Result<Vec<Told>, Error> {
    match &change.what {
        What::Order { key, events, .. } => of_order(app, seq, change, (key, events), filter, past),
        _ if past.is_some() => Ok(Vec::new()),
        other => of_other(app, seq, change, Kind::of_change(other), filter),
    }
}

fn of_order(
    app: &App,
    seq: Seq,
    change: &Change,
    (key, events): (&OrderKey, &[Event]),
    filter: &Filter,
    past: Option<usize>,
) -> Result<Vec<Told>, Error> {
    let wanted = filter.wants_order(Some((&key.merchant, Some(&key.id))))
        && events.iter().any(|event| filter.wants_kind(Kind::of(event)));
    if !wanted {
        return Ok(Vec::new());
    }
    let states = passed(&*app.ledger, seq, change)?;
    let subject = named(key);
    let mut told = Vec::new();
    for (at, (event, state)) in events.iter().zip(&states).enumerate() {
        let kind = Kind::of(event);
        let is_past = past.is_some_and(|past| at <= past);
        if is_past || !filter.wants_kind(kind) || !filter.wants_status(Some(state.status)) {
            continue;
        }
        let mut data = json!({
            "order_id": key.id.as_str(),
            "merchant_id": key.merchant.as_str(),
            "revision": state.revision,
            "status": state.status.as_str(),
            "details": details(app, event),
        });
        let mut shown = None;
        if let (true, What::Order { document, warnings, .. }) = (brings(kind), &change.what) {
            data["warnings"] = events::faults(warnings, Severity::Warn);
            shown = document.as_deref();
        }
        let id = format!("{}-{at}", cursor(seq));
        told.push(envelope(app, change, (id, kind), Some(&subject), &data, shown)?);
    }
    Ok(told)
}

/// Whether an event is what a document came with.
pub(crate) fn brings(kind: Kind) -> bool {
    matches!(kind, Kind::OrderReceived | Kind::OrderAmended | Kind::OrderRefused)
}

fn of_other(
    app: &App,
    seq: Seq,
    change: &Change,
    kind: Option<Kind>,
    filter: &Filter,
) -> Result<Vec<Told>, Error> {
    let Some(kind) = kind.filter(|kind| filter.wants_kind(*kind) && filter.wants_status(None))
    else {
        return Ok(Vec::new());
    };
    let about = about(&change.what);
    if !filter.wants_order(about.as_ref().map(|(merchant, order)| (*merchant, *order))) {
        return Ok(Vec::new());
    }
    let mut data = Map::new();
    let document = events::describe(app, change, &mut data);
    data.remove("kind");
    let subject = subject(&change.what);
    let (id, data) = (cursor(seq), Value::Object(data));
    let document = document.map(|document| &document[..]);
    Ok(vec![envelope(app, change, (id, kind), subject.as_deref(), &data, document)?])
}

/// The seller, and the order, that a change which is no order's names.
fn about(what: &What) -> Option<(&MerchantId, Option<&OrderId>)> {
    match what {
        What::Order { key, .. } => Some((&key.merchant, Some(&key.id))),
        What::Audit(audit) => audit.merchant.as_ref().map(|m| (m, audit.order.as_ref())),
        What::Stray(stray) => Some((&stray.key.merchant, Some(&stray.key.id))),
        What::Stock { stock, .. } | What::Released { stock, .. } => Some((&stock.merchant, None)),
        What::Customer(customer) => Some((&customer.merchant, None)),
        What::Letter(letter) => letter.order.as_ref().map(|key| (&key.merchant, Some(&key.id))),
        What::Settled(end) => end.order.as_ref().map(|key| (&key.merchant, Some(&key.id))),
        What::Flood(_)
        | What::Products(_)
        | What::Rules { .. }
        | What::Batch(_)
        | What::Endpoint(_)
        | What::Replay(_)
        | What::Sweep(_)
        | What::Kept(_) => None,
    }
}

/// What a change which is no order's is about.
fn subject(what: &What) -> Option<Cow<'_, str>> {
    match what {
        What::Order { .. }
        | What::Flood(_)
        | What::Products(_)
        | What::Sweep(_)
        | What::Kept(_) => None,
        What::Letter(letter) => letter.order.as_ref().map(named),
        What::Settled(end) => end.order.as_ref().map(named),
        What::Audit(audit) => {
            let order = audit.order.as_ref()?.as_str();
            let merchant = audit.merchant.as_ref().map_or("", |merchant| merchant.as_str());
            Some(format!("{merchant}/{order}").into())
        }
        What::Stray(stray) => Some(named(&stray.key)),
        What::Stock { stock, .. } | What::Released { stock, .. } => {
            Some(format!("{}/{}", stock.merchant.as_str(), stock.sku.as_str()).into())
        }
        What::Customer(customer) => {
            Some(format!("{}/{}", customer.merchant.as_str(), customer.id.as_str()).into())
        }
        What::Rules { version, .. } => Some(version.to_string().into()),
        What::Batch(state) => Some(state.id.as_str().into()),
        What::Endpoint(endpoint) => Some(endpoint.id.as_str().into()),
        What::Replay(replay) => Some(replay.endpoint.as_str().into()),
    }
}

/// An order's name in one text.
fn named(key: &OrderKey) -> Cow<'static, str> {
    format!("{}/{}", key.merchant.as_str(), key.id.as_str()).into()
}

fn envelope(
    app: &App,
    change: &Change,
    (id, kind): (String, Kind),
    subject: Option<&str>,
    data: &Value,
    document: Option<&[u8]>,
) -> Result<Told, Error> {
    let broken = |_| Error::new(Problem::Internal);
    let mut text_of_data = data.to_string();
    if let Some(document) = document {
        // Digit for digit, as in the change log.
        text_of_data.pop();
        text_of_data.push_str(",\"document\":");
        let json = raw(document).map(|raw| events::compact(raw.get()));
        text_of_data.push_str(&json.unwrap_or_else(|| text(document)));
        text_of_data.push('}');
    }
    let event = CloudEvent {
        id: &id,
        source: &app.settings.source,
        kind: kind.as_str(),
        subject,
        time: change.at,
        data: RawValue::from_string(text_of_data).map_err(broken)?,
    };
    let json = serde_json::to_string(&event).map_err(broken)?;
    Ok(Told { id, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_is_a_place_to_go_on_from() {
        let at = |seq, event| Some(Position { seq: Seq(seq), event });
        assert_eq!(Position::read("1f4c"), at(0x1f4c, None));
        assert_eq!(Position::read("1f4c-2"), at(0x1f4c, Some(2)));
        for nonsense in ["", "-", "1f-", "-2", "1f-x", "1f--2", "1f-+2", "g"] {
            assert_eq!(Position::read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn types_are_wanted_by_name_or_by_how_they_begin() {
        let fits = |wanted: &str, kind| Wanted::read(wanted).is_some_and(|w| w.fits(kind));
        assert!(fits("comanda.order.received", Kind::OrderReceived));
        assert!(fits("comanda.order.*", Kind::OrderReceived));
        assert!(fits("*", Kind::KeyKept));
        assert!(!fits("comanda.order.*", Kind::StockChanged));
        assert!(Wanted::read("comanda.order").is_none());
        assert!(Wanted::read("comanda.invoice.*").is_none());
    }
}
