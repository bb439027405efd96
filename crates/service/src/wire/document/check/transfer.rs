//! Judges what is a transfer's own: amount and accounts.
//!
//! Never: whether an account exists, or has the money.

use domain::limits::NAME_BYTES_MAX;
use domain::money::Money;
use domain::order::Transfer;

use super::super::shape::{Document, Number, Text};
use super::judge::{At, Judge, limit};
use crate::wire::violation::{Code, Detail};

impl Judge<'_> {
    /// Judges a transfer.
    pub(super) fn transfer(&mut self, document: &Document<'_>) -> Option<Transfer> {
        let amount = self.transfer_amount(document.amount);
        let from = self.account(&document.from_account, At::of("/fromAccount"));
        let to = self.account(&document.to_account, At::of("/toAccount"));
        let (amount, from, to) = (amount?, from?, to?);
        if from == to {
            self.report(At::of("/toAccount"), Code::SameAccount, Detail::None);
        }
        let (from_account, to_account) = (from.into(), to.into());
        Some(Transfer { amount, from_account, to_account })
    }

    fn transfer_amount(&mut self, amount: Number<'_>) -> Option<Money> {
        let at = At::of("/amount");
        self.require(!amount.is_absent(), at);
        let amount = self.money(amount, at)?;
        if amount == Money::ZERO {
            self.report(at, Code::NotPositive, Detail::None);
        }
        Some(amount)
    }

    fn account<'a>(&mut self, text: &'a Text<'_>, at: At) -> Option<&'a str> {
        self.require(!text.is_absent(), at);
        let account = text.get()?;
        if !account.bytes().all(|byte| byte.is_ascii_digit()) {
            self.report(at, Code::BadAccount, Detail::None);
        } else if account.len() > NAME_BYTES_MAX {
            self.report(at, Code::TooLong, limit(NAME_BYTES_MAX));
        }
        Some(account)
    }
}
