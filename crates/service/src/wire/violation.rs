//! What is wrong with a document: where, which rule, how bad.
//!
//! Never: a value of the document (it may be personal data), a text in a human language (see
//! [`message`](super::message)).

use std::borrow::Cow;

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as an RFC 6901 pointer into the document, in the document's own spelling; empty for
    /// the document as a whole.
    pub pointer: Cow<'static, str>,
    /// Which rule.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// What the message says beyond the place.
    pub detail: Detail,
}

/// How bad a violation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The document is not taken.
    Error,
    /// The document is taken, and the answer says so.
    Warn,
}

impl Severity {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

/// A parameter of a violation's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// None needed.
    None,
    /// The limit that was passed.
    Limit(i64),
    /// What should have stood there.
    Expected(Expected),
}

/// What should have stood in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A JSON string.
    Text,
    /// A JSON number, or a number in a JSON string.
    Number,
    /// A JSON object.
    Object,
    /// A JSON array.
    List,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// A rule. Its name on the wire is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// What people read about it: `violation-` and its name.
            pub(crate) fn message(self) -> messages::Id {
                match self { $(Self::$code => messages::id!(concat!("violation-", $name)),)* }
            }
        }
    };
}

codes! {
    /// A required field is missing, null or empty.
    Required = "required",
    /// A text where an object belongs, a list where a number belongs, and so on.
    WrongType = "wrong_type",
    /// Two spellings of one field, or the same field twice, with different values.
    ConflictingValues = "conflicting_values",
    /// `merchant_id` and the company's CNPJ name different sellers.
    MerchantConflict = "merchant_conflict",
    /// Rows of one order that do not stand together in their file.
    RowsApart = "rows_apart",
    /// A row with more or fewer cells than the header.
    RowWidth = "row_width",
    /// A quotation mark of a file of rows that does not end where a cell ends.
    BadQuotes = "bad_quotes",
    /// Rows that are not UTF-8.
    NotUtf8 = "not_utf8",
    /// A number that could be read in two ways, such as `1.234` where a comma is the decimal mark.
    AmbiguousNumber = "ambiguous_number",
    /// Both a purchase (`items`) and a transfer (`amount`, `fromAccount`, `toAccount`).
    MixedKinds = "mixed_kinds",
    /// A name that holds a control character or nothing but punctuation, or a text whose escapes
    /// are no characters.
    BadName = "bad_name",
    /// A name above the bytes a name may have.
    TooLong = "too_long",
    /// An empty list of items.
    EmptyItems = "empty_items",
    /// More items than an order may have.
    TooManyItems = "too_many_items",
    /// More coupons than an order may have.
    TooManyCoupons = "too_many_coupons",
    /// A text that is no number.
    NotANumber = "not_a_number",
    /// A quantity that is not a whole number greater than zero.
    BadQuantity = "bad_quantity",
    /// Money below zero.
    Negative = "negative",
    /// A transfer of nothing.
    NotPositive = "not_positive",
    /// A number, or a line's total, above its limit.
    TooLarge = "too_large",
    /// A unit price with more decimals than a unit price keeps: it is rounded.
    TooPrecise = "too_precise",
    /// A text that is no date and time.
    BadDate = "bad_date",
    /// An `order_status` that is no command.
    UnknownStatus = "unknown_status",
    /// A channel that does not exist.
    UnknownChannel = "unknown_channel",
    /// A shortage policy that does not exist.
    UnknownShortagePolicy = "unknown_shortage_policy",
    /// An account that is not made of digits only.
    BadAccount = "bad_account",
    /// A transfer from an account to itself.
    SameAccount = "same_account",
    /// A purchase that says nothing about its buyer.
    NoCustomer = "no_customer",
    /// A CPF whose length or check digits are wrong.
    BadCpf = "bad_cpf",
    /// A CNPJ whose length or check digits are wrong.
    BadCnpj = "bad_cnpj",
    /// An e-mail address that cannot be one.
    BadEmail = "bad_email",
    /// A CEP of another state than the address says.
    CepStateMismatch = "cep_state_mismatch",
    /// A payment that is neither the items' total nor that plus shipping.
    PaymentMismatch = "payment_mismatch",
    /// A delivery expected before the order was made.
    DeliveryBeforeOrder = "delivery_before_order",
}

impl Code {
    /// The rule of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}
