//! What problems are called, and which texts they have: those of `problems.ftl` in every language,
//! by the problem's code.

use domain::limits::NAME_BYTES_MAX;
use messages::{Id, id};
use service::wire::violation::{Code, Detail, Expected};

use super::{Kind, RowCode};

/// A kind's code, title, detail, and when to come back.
pub(super) struct Row {
    pub(super) code: &'static str,
    pub(super) title: Id,
    pub(super) detail: Id,
    pub(super) retry_after_s: Option<u64>,
}

impl Row {
    const fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

/// A row by its code; `as` another text than the code's own.
macro_rules! row {
    ($code:literal) => {
        row!($code as $code)
    };
    ($code:literal as $text:literal) => {
        Row {
            code: $code,
            title: id!(concat!("problem-", $text, "-title")),
            detail: id!(concat!("problem-", $text)),
            retry_after_s: None,
        }
    };
}

pub(super) fn of(kind: Kind) -> Row {
    match kind {
        Kind::Malformed => row!("malformed"),
        Kind::Invalid => row!("invalid"),
        Kind::BadParameter => row!("bad_parameter"),
        Kind::UnsupportedFilters => row!("unsupported_filters"),
        Kind::Unauthorized => row!("unauthorized"),
        Kind::Forbidden => row!("forbidden"),
        Kind::LinkUnknown => row!("link_unknown"),
        Kind::LinkExpired => row!("link_expired"),
        Kind::TooManySecrets => row!("too_many_secrets"),
        Kind::NotQuotable => row!("not_quotable"),
        Kind::NoRoute => row!("no_route"),
        Kind::NotFound => row!("not_found"),
        Kind::OrderNotFound => row!("not_found" as "order_not_found"),
        Kind::MethodNotAllowed => row!("method_not_allowed"),
        Kind::BodyTimeout => row!("body_timeout"),
        Kind::BodyBroken => row!("body_broken"),
        Kind::Duplicate => row!("duplicate"),
        Kind::Ambiguous => row!("ambiguous_order"),
        Kind::WrongState => row!("wrong_state"),
        Kind::WouldReject => row!("would_reject"),
        Kind::StaleRevision => row!("stale_revision"),
        Kind::TooManyRevisions => row!("too_many_revisions"),
        Kind::OtherOrder => row!("other_order"),
        Kind::BadIdempotencyKey => row!("bad_idempotency_key"),
        Kind::IdempotencyKeyReused => row!("idempotency_key_reused"),
        Kind::BelowReserved => row!("below_reserved"),
        Kind::StockOutOfRange => row!("stock_out_of_range"),
        Kind::TooManyReleases => row!("too_many_releases"),
        Kind::TooManyWebhooks => row!("too_many_webhooks"),
        Kind::BatchConflict => row!("batch_conflict"),
        Kind::AlreadySettled => row!("already_settled"),
        Kind::NotRedrivable => row!("not_redrivable"),
        Kind::PayloadGone => row!("payload_gone"),
        Kind::PayloadNotTaken => row!("payload_not_taken"),
        Kind::RedriveRunning => row!("redrive_running").retry_after(5),
        Kind::TooLarge => row!("too_large"),
        Kind::UnsupportedMediaType => row!("unsupported_media_type"),
        Kind::UnsupportedCommand => row!("unsupported_command"),
        Kind::TooManyRequests => row!("too_many_requests"),
        Kind::SpoolFull => row!("disk_full").retry_after(60),
        Kind::Full => row!("queue_full").retry_after(1),
        Kind::DiskSpace => row!("disk_space").retry_after(60),
        Kind::Busy => row!("batches_busy").retry_after(5),
        Kind::BadStatement => row!("bad_statement"),
        Kind::OnlyReading => row!("only_reading"),
        Kind::StatementLimit => row!("statement_limit"),
        Kind::StatementsBusy => row!("statements_busy").retry_after(1),
        Kind::NoLake => row!("no_lake").retry_after(5),
        Kind::OutcomeUnknown => row!("outcome_unknown").retry_after(1),
        Kind::Timeout => row!("timeout").retry_after(1),
        Kind::Closed => row!("shutting_down").retry_after(5),
        Kind::NotOffered => row!("not_offered"),
        Kind::Internal => row!("internal"),
    }
}

/// Where the text of a row's violation is.
pub(super) enum RowText {
    /// Among those of rows.
    Own(Id),
    /// Among those of documents: the rule is the same.
    Documents(Code, Detail),
}

pub(super) fn of_row(code: RowCode) -> RowText {
    RowText::Own(match code {
        RowCode::Known(code) => return RowText::Documents(code, detail_of(code)),
        RowCode::TooLong(most) => {
            return RowText::Documents(Code::TooLong, Detail::Limit(most as i64));
        }
        RowCode::Malformed => id!("row-malformed"),
        RowCode::UnknownField => id!("row-unknown_field"),
        RowCode::OneOf => id!("row-one_of"),
        RowCode::TooMany => id!("row-too_many"),
        RowCode::NotWhole => id!("row-not_whole"),
        RowCode::NotTexts => id!("row-not_texts"),
        RowCode::Range(..) => id!("row-out_of_range"),
        RowCode::BadUrl => id!("row-bad_url"),
        RowCode::UnknownName => id!("row-unknown_name"),
    })
}

/// What the message of a row's violation says beyond the place.
pub(super) fn detail_of(code: Code) -> Detail {
    match code {
        Code::TooLong => Detail::Limit(NAME_BYTES_MAX as i64),
        Code::WrongType => Detail::Expected(Expected::Text),
        _ => Detail::None,
    }
}
