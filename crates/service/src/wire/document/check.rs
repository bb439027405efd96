//! Judges the fields of a document: who sells, what is asked for, and then what is a
//! [`purchase`]'s or a [`transfer`]'s own.
//!
//! Never: stops at the first violation, allocates for a document that has none, or fills in what
//! is missing.

mod judge;
mod purchase;
mod transfer;

use compact_str::CompactString;
use domain::document::brazil;
use domain::id::{MerchantId, OrderId, OrderKey};
use domain::order::{Body, Channel, Order};

use self::judge::{At, Judge};
use super::shape::{Company, Document, Text};
use super::{Command, Fault, Found, MissingId, Read, Settings};
use crate::wire::violation::{Code, Detail, Severity, Violation};

/// What a judgement found.
pub(super) struct Outcome {
    /// `None` when there is an error among the violations.
    read: Option<(Command, bool)>,
    pub(super) found: Found,
    pub(super) violations: Vec<Violation>,
}

impl Outcome {
    /// The answer. Pointers of an invalid document are put into its own spelling by `respell`.
    pub(super) fn conclude(self, respell: impl FnOnce(&mut [Violation])) -> Result<Read, Fault> {
        let Self { read, found, mut violations } = self;
        let valid = violations.iter().all(|v| v.severity == Severity::Warn);
        match read {
            Some((command, server_made_id)) if valid => {
                Ok(Read { command, channel: found.channel, server_made_id, warnings: violations })
            }
            _ => {
                respell(&mut violations);
                Err(Fault::Invalid { found, violations })
            }
        }
    }
}

/// Judges a document.
pub(super) fn check(document: &Document<'_>, settings: &Settings) -> Outcome {
    let mut judge = Judge { settings, merchant: None, violations: Vec::new(), failed: false };
    let id = judge.name(&document.order_id, At::of("/order_id"), OrderId::parse);
    judge.merchant(document);
    let channel = judge.channel(&document.channel);
    let asks = judge.asks(&document.order_status);
    let makes_id = judge.makes_id(document, asks);
    let body = match asks {
        Asks::Create | Asks::Amend => judge.body(document),
        Asks::Cancel => None,
    };
    let Judge { merchant, violations, failed, .. } = judge;
    let found = Found { id, merchant, channel };
    let read = if failed { None } else { found.read(asks, body, makes_id) };
    Outcome { read, found, violations }
}

impl Found {
    fn read(
        &self,
        asks: Asks,
        body: Option<Body>,
        makes_id: Option<&dyn Fn() -> OrderId>,
    ) -> Option<(Command, bool)> {
        let id = self.id.clone().or_else(|| makes_id.map(|make| make()))?;
        let key = OrderKey { id, merchant: self.merchant.clone()? };
        let order = |key, body| Order { key, channel: self.channel, body };
        let command = match asks {
            Asks::Create => Command::Create(order(key, body?)),
            Asks::Amend => Command::Amend(order(key, body?)),
            Asks::Cancel => Command::Cancel(key),
        };
        Some((command, self.id.is_none()))
    }
}

/// What `order_status` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Create,
    Amend,
    Cancel,
}

/// Who, where, what.
impl<'s> Judge<'s> {
    /// `merchant_id`, else the CNPJ without punctuation in upper case, else the default.
    fn merchant(&mut self, document: &Document<'_>) {
        let at = At::of("/merchant_id");
        let at_cnpj = At::of("/company/cnpj");
        let explicit = self.name(&document.merchant_id, at, MerchantId::parse);
        let cnpj = document.company.as_ref().and_then(cnpj);
        let is_odd = cnpj.as_ref().is_some_and(|cnpj| !cnpj.is_valid);
        self.merchant = match (document.merchant_id.is_absent(), cnpj) {
            (false, None) => explicit,
            (true, None) => Some(self.settings.default_merchant.clone()),
            (true, Some(cnpj)) => self.parse_name(&cnpj.bare, at_cnpj, MerchantId::parse),
            (false, Some(cnpj)) => explicit.and_then(|explicit| {
                let same = bare(explicit.as_str()) == cnpj.bare;
                if !same {
                    self.report(at, Code::MerchantConflict, Detail::None);
                }
                same.then_some(explicit)
            }),
        };
        // Only now it is known whose rule it breaks.
        if is_odd {
            self.report(at_cnpj, Code::BadCnpj, Detail::None);
        }
    }

    fn channel(&mut self, text: &Text<'_>) -> Channel {
        let Some(name) = text.get() else {
            return self.settings.channel;
        };
        Channel::parse(name).unwrap_or_else(|| {
            self.report(At::of("/channel"), Code::UnknownChannel, Detail::None);
            self.settings.channel
        })
    }

    fn asks(&mut self, text: &Text<'_>) -> Asks {
        match text.get() {
            None | Some("Pendente" | "Novo Pedido" | "PedidoNovo") => Asks::Create,
            Some("Alterar Pedido" | "PedidoAlterado") => Asks::Amend,
            Some("Cancela Pedido" | "PedidoCancelado") => Asks::Cancel,
            Some(_) => {
                self.report(At::of("/order_status"), Code::UnknownStatus, Detail::None);
                Asks::Create
            }
        }
    }

    /// How to make the order id, when it is missing and may be.
    fn makes_id(&mut self, document: &Document<'_>, asks: Asks) -> Option<&'s dyn Fn() -> OrderId> {
        if !document.order_id.is_absent() {
            return None;
        }
        match &self.settings.missing_id {
            MissingId::Make(make) if document.company.is_none() && asks == Asks::Create => {
                Some(make.as_ref())
            }
            MissingId::Make(_) | MissingId::Refuse => {
                self.require(false, At::of("/order_id"));
                None
            }
        }
    }

    fn body(&mut self, document: &Document<'_>) -> Option<Body> {
        let is_transfer = !document.amount.is_absent()
            || !document.from_account.is_absent()
            || !document.to_account.is_absent();
        if is_transfer && document.items.is_some() {
            self.report(At::of(""), Code::MixedKinds, Detail::None);
        }
        if is_transfer && document.items.is_none() {
            return self.transfer(document).map(Body::Transfer);
        }
        self.purchase(document).map(Body::Purchase)
    }
}

/// A company's CNPJ.
struct Cnpj {
    /// Without punctuation, in upper case.
    bare: CompactString,
    is_valid: bool,
}

/// The company's CNPJ, when it has one.
fn cnpj(company: &Company<'_>) -> Option<Cnpj> {
    let text = company.cnpj.padded(14)?;
    let symbols = brazil::symbols::<14>(&text);
    let is_valid = symbols.is_some_and(|cnpj| brazil::cnpj_checks(&cnpj));
    let cnpj = symbols.and_then(|cnpj| CompactString::from_utf8(cnpj).ok());
    Some(Cnpj { bare: cnpj.unwrap_or_else(|| bare(&text)), is_valid })
}

/// A CNPJ without punctuation in upper case.
fn bare(text: &str) -> CompactString {
    text.chars()
        .filter(|c| !u8::try_from(*c).is_ok_and(brazil::is_punctuation))
        .map(|c| c.to_ascii_uppercase())
        .collect()
}
