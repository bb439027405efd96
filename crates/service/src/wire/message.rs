//! What people read about documents and states, in their language; the texts are [`messages`]'.
//!
//! Never: a decision, or a value of a document.

use std::borrow::Cow;

use domain::event::{Event, Refusal, Rejection};
use domain::state::{ClaimState, Status};
use messages::{Id, around_field, id, label, phrase};
pub use messages::{Lang, Phrase};

use super::document::{self, Malformed, Reason};
use super::violation::{Code, Detail, Expected, Violation};
use crate::batch::BatchStatus;
use crate::change::Fault;

/// What is wrong, as a sentence: pt-BR `Campo 'order_id' é obrigatório.`
///
/// ```
/// use service::wire::message::{Lang, text};
/// use service::wire::violation::{Code, Detail, Severity, Violation};
/// let violation = Violation {
///     pointer: "/order_id".into(),
///     code: Code::Required,
///     severity: Severity::Error,
///     detail: Detail::None,
/// };
/// assert_eq!(text(&violation, Lang::PtBr), "Campo 'order_id' é obrigatório.");
/// assert_eq!(text(&violation, Lang::Es), "El campo 'order_id' es obligatorio.");
/// assert_eq!(text(&violation, Lang::En), "Field 'order_id' is required.");
/// ```
#[must_use]
pub fn text(violation: &Violation, lang: Lang) -> String {
    sentence(violation.code, violation.detail, &violation.pointer, lang)
}

fn sentence(code: Code, detail: Detail, pointer: &str, lang: Lang) -> String {
    let (id, field) = (id_of(code, detail), field(pointer));
    // All that a valid order can be warned about is of this shape: no formatting for those.
    if let Some((before, after)) = around_field(id, lang) {
        return [before, &field, after].concat();
    }
    let phrase = Phrase::new(id).with("field", field);
    let phrase = match detail {
        Detail::None => phrase,
        Detail::Limit(limit) => phrase.with("limit", limit.to_string()),
        Detail::Expected(expected) => phrase.with("expected", expectation(expected)),
    };
    phrase.to(lang)
}

fn id_of(code: Code, detail: Detail) -> Id {
    match (code, detail) {
        (Code::TooLarge, Detail::None) => id!("violation-above-range"),
        (code, _) => code.message(),
    }
}

fn expectation(expected: Expected) -> Id {
    match expected {
        Expected::Text => id!("expected-text"),
        Expected::Number => id!("expected-number"),
        Expected::Object => id!("expected-object"),
        Expected::List => id!("expected-list"),
    }
}

/// A violation that the ledger kept, as the sentence it was when it was found.
#[must_use]
pub fn stored(fault: &Fault, lang: Lang) -> String {
    if let Some(code) = Code::parse(&fault.code) {
        return sentence(code, document::detail(code, &fault.pointer), &fault.pointer, lang);
    }
    match &*fault.code {
        "malformed" => label(id!("violation-malformed"), lang).to_owned(),
        "total_out_of_range" => label(id!("violation-total_out_of_range"), lang).to_owned(),
        "internal_error" => label(id!("violation-internal_error"), lang).to_owned(),
        "too_many_receives" => label(id!("violation-too_many_receives"), lang).to_owned(),
        "too_many_documents" => label(id!("violation-too_many_documents"), lang).to_owned(),
        // A rule of another version of this program.
        unknown => phrase!("violation-unknown", code = unknown).to(lang),
    }
}

/// Why bytes are no document, as a sentence. The parser's own reason stays English.
#[must_use]
pub fn malformed(fault: &Malformed, lang: Lang) -> String {
    let reason: messages::Arg = match &fault.reason {
        Reason::NotUtf8 => id!("malformed-utf8").into(),
        Reason::TooDeep => id!("malformed-depth").into(),
        Reason::NoObject => id!("malformed-object").into(),
        Reason::NoObjectOrArray => id!("malformed-object-or-array").into(),
        Reason::NoJson(text) => text.as_str().into(),
    };
    let (line, column) = (fault.line.to_string(), fault.column.to_string());
    phrase!("violation-malformed-at", line = line, column = column, reason = reason).to(lang)
}

/// `/items/3/quantity` as people write it: `items[3].quantity`.
fn field(pointer: &str) -> String {
    let mut field = String::with_capacity(pointer.len() + 1);
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            field.extend(["[", segment, "]"]);
        } else {
            field.extend([if field.is_empty() { "" } else { "." }, segment]);
        }
    }
    field
}

/// The label of an order's state.
///
/// ```
/// use domain::state::{ClaimState, Status};
/// use service::wire::message::{Lang, line_label, order_label};
/// assert_eq!(order_label(Status::Backordered, Lang::PtBr), "Produto Pendente");
/// assert_eq!(line_label(ClaimState::Waiting, Lang::PtBr), "Pendente");
/// ```
#[must_use]
pub fn order_label(status: Status, lang: Lang) -> &'static str {
    label(order_state(status), lang)
}

/// The message that labels an order's state.
#[must_use]
pub fn order_state(status: Status) -> Id {
    match status {
        Status::Invalid => id!("order-INVALID"),
        Status::Received => id!("order-RECEIVED"),
        Status::Processing => id!("order-PROCESSING"),
        Status::Completed => id!("order-COMPLETED"),
        Status::Backordered => id!("order-BACKORDERED"),
        Status::Rejected => id!("order-REJECTED"),
        Status::Failed => id!("order-FAILED"),
        Status::Cancelled => id!("order-CANCELLED"),
        Status::Fulfilled => id!("order-FULFILLED"),
    }
}

/// The label of a line's state. Who stands by is backordered to the outside.
#[must_use]
pub fn line_label(state: ClaimState, lang: Lang) -> &'static str {
    let id = match state {
        ClaimState::Open => id!("line-OPEN"),
        ClaimState::Untracked => id!("line-UNTRACKED"),
        ClaimState::Reserved => id!("line-RESERVED"),
        ClaimState::Waiting | ClaimState::Standby => id!("line-BACKORDERED"),
        ClaimState::Consumed => id!("line-FULFILLED"),
    };
    label(id, lang)
}

/// The label of a batch's state.
#[must_use]
pub fn batch_label(status: BatchStatus, lang: Lang) -> &'static str {
    label(batch_state(status), lang)
}

/// The message that labels a batch's state.
#[must_use]
pub fn batch_state(status: BatchStatus) -> Id {
    match status {
        BatchStatus::Running => id!("batch-RUNNING"),
        BatchStatus::Succeeded => id!("batch-SUCCEEDED"),
        BatchStatus::Failed => id!("batch-FAILED"),
        BatchStatus::Aborted => id!("batch-ABORTED"),
    }
}

/// The label of what happened to an order.
#[must_use]
pub fn event_label(event: &Event, lang: Lang) -> &'static str {
    let id = match event {
        Event::Received(_) => id!("event-received"),
        Event::Priced(_) => id!("event-priced"),
        Event::Amended(_) => id!("event-amended"),
        Event::Allocated { .. } => id!("event-allocated"),
        Event::StepsAwaited { .. } => id!("event-steps_awaited"),
        Event::StepTakenUp { .. } => id!("event-step_taken_up"),
        Event::StepPassed { .. } => id!("event-step_passed"),
        Event::StepRemoved { .. } => id!("event-step_removed"),
        Event::StepIgnored(_) => id!("event-step_ignored"),
        Event::Failed { .. } => id!("event-failed"),
        Event::Redriven { .. } => id!("event-redriven"),
        Event::Rejected(_) => id!("event-rejected"),
        Event::Filled { .. } => id!("event-filled"),
        Event::Queued { .. } => id!("event-queued"),
        Event::Unreserved { .. } => id!("event-unreserved"),
        Event::Cancelled { .. } => id!("event-cancelled"),
        Event::Fulfilled => id!("event-fulfilled"),
        Event::Repeated { .. } => id!("event-repeated"),
        Event::Refused(_) => id!("event-refused"),
    };
    label(id, lang)
}

/// Why an order was rejected, as a sentence.
#[must_use]
pub fn rejection(rejection: &Rejection, lang: Lang) -> &'static str {
    let id = match rejection {
        Rejection::OutOfStock(_) => id!("rejection-out_of_stock"),
        Rejection::UnknownSku(_) => id!("rejection-unknown_sku"),
        Rejection::Step { .. } => id!("rejection-step_refused"),
    };
    label(id, lang)
}

/// What is said of an order that was sent before.
#[must_use]
pub fn duplicate(lang: Lang) -> &'static str {
    label(id!("rejection-duplicate"), lang)
}

/// Why a command could not apply, as a sentence.
#[must_use]
pub fn refusal(refusal: &Refusal, lang: Lang) -> Cow<'static, str> {
    let id = match refusal {
        Refusal::Duplicate { .. } => return duplicate(lang).into(),
        Refusal::WouldReject(why) => return rejection(why, lang).into(),
        Refusal::WrongState { status } => {
            let phrase = Phrase::new(id!("refusal-wrong_state"));
            return phrase.with("status", order_label(*status, lang).to_owned()).to(lang).into();
        }
        Refusal::UnknownOrder => id!("refusal-unknown_order"),
        Refusal::StaleRevision { .. } => id!("refusal-stale_revision"),
        Refusal::TooManyRevisions => id!("refusal-too_many_revisions"),
        Refusal::BelowReserved { .. } => id!("problem-below_reserved"),
        Refusal::StockOutOfRange => id!("problem-stock_out_of_range"),
        Refusal::TooManyReleases => id!("problem-too_many_releases"),
    };
    label(id, lang).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::violation::Severity;

    fn violation(code: Code, detail: Detail) -> Violation {
        Violation { pointer: "/items/3/quantity".into(), code, severity: Severity::Error, detail }
    }

    fn is_sentence(text: &str) {
        assert!(text.ends_with('.') && !text.contains(['{', '}', '$']), "{text}");
        assert!(!text.contains("  ") && text.starts_with(char::is_uppercase), "{text}");
    }

    #[test]
    fn every_rule_is_a_sentence_in_every_language_when_it_is_broken_and_ever_after() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            for lang in Lang::ALL {
                for pointer in ["", "/items", "/items/3/quantity", "/shipping/address/city"] {
                    let detail = document::detail(*code, pointer);
                    is_sentence(&sentence(*code, detail, pointer, lang));
                    let fault = Fault { pointer: pointer.into(), code: code.as_str().into() };
                    assert_eq!(stored(&fault, lang), sentence(*code, detail, pointer, lang));
                }
            }
        }
        for code in [
            "malformed",
            "total_out_of_range",
            "internal_error",
            "too_many_receives",
            "too_many_documents",
            "of_another_version",
        ] {
            let fault = Fault { pointer: "".into(), code: code.into() };
            Lang::ALL.iter().for_each(|lang| is_sentence(&stored(&fault, *lang)));
        }
    }

    #[test]
    fn a_sentence_names_the_place_and_what_belongs_there() {
        let wrong = violation(Code::WrongType, Detail::Expected(Expected::Number));
        assert_eq!(text(&wrong, Lang::PtBr), "Campo 'items[3].quantity' deve ser um número.");
        let large = violation(Code::TooLarge, Detail::Limit(10));
        assert_eq!(text(&large, Lang::En), "Field 'items[3].quantity' may be at most 10.");
        let large = violation(Code::TooLarge, Detail::None);
        let spanish = "El campo 'items[3].quantity' supera el valor máximo permitido.";
        assert_eq!(text(&large, Lang::Es), spanish);
    }

    #[test]
    fn what_a_valid_order_is_warned_about_needs_no_formatting() {
        for (rule, _) in crate::wire::checks::Rule::all() {
            for lang in Lang::ALL {
                let id = id_of(rule.code(), Detail::None);
                let is_ready = around_field(id, lang).is_some();
                assert!(is_ready || rule.code() == Code::NoCustomer, "{}", id.name());
            }
        }
    }

    #[test]
    fn labels_are_those_people_know() {
        let labels = |status| Lang::ALL.map(|lang| order_label(status, lang));
        assert_eq!(labels(Status::Received), ["Recebido", "Recibida", "Received"]);
        assert_eq!(labels(Status::Processing), ["Em processamento", "En proceso", "Processing"]);
        let completed = ["Novo Pedido (confirmado)", "Confirmada", "Completed"];
        assert_eq!(labels(Status::Completed), completed);
        let waiting = ["Produto Pendente", "Producto pendiente", "Backordered"];
        assert_eq!(labels(Status::Backordered), waiting);
        let labels = |state| Lang::ALL.map(|lang| line_label(state, lang));
        assert_eq!(labels(ClaimState::Reserved), ["Reservado", "Reservado", "Reserved"]);
        assert_eq!(labels(ClaimState::Waiting), ["Pendente", "Pendiente", "Backordered"]);
    }
}
