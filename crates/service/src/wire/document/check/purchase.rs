//! Judges what is a purchase's own: customer, lines, shipping, payment, coupons.
//!
//! Never: a price or a customer made up; what is missing stays missing.

use domain::document::brazil;
use domain::id::{Coupon, CustomerId, Sku};
use domain::limits::{COUPONS_PER_ORDER_MAX, LINES_PER_ORDER_MAX, MONEY_MAX, QUANTITY_MAX};
use domain::money::{Decimal, DecimalError, Money, UnitPrice};
use domain::order::{Line, Lines, Purchase};
use domain::stock::ShortagePolicy;

use super::super::date::Moment;
use super::super::shape::{Address, Customer, Document, Item, Number, Payment, Shipping, Text};
use super::super::{date, number};
use super::judge::{At, Judge, limit};
use crate::wire::violation::{Code, Detail};

impl Judge<'_> {
    /// Judges a purchase.
    pub(super) fn purchase(&mut self, document: &Document<'_>) -> Option<Purchase> {
        let customer = self.customer(document);
        let ordered = self.moment(&document.order_date, At::of("/order_date"));
        let (lines, total) = self.lines(document.items.as_deref());
        let shipping = match &document.shipping {
            Some(shipping) => self.shipping(shipping, ordered),
            None => None,
        };
        if let Some(payment) = &document.payment.0 {
            self.payment(payment, total, shipping);
        }
        let coupons = self.coupons(document.coupons.as_deref().unwrap_or_default());
        let shortage = self.shortage(&document.shortage_policy);
        let ordered_at = ordered.map(|moment| moment.at);
        Some(Purchase { customer, lines: lines?, shipping, coupons, ordered_at, shortage })
    }

    /// The explicit id, else the CPF's digits, else the e-mail address, else nobody.
    fn customer(&mut self, document: &Document<'_>) -> Option<CustomerId> {
        let explicit = self.name(&document.customer_id, At::of("/customerId"), CustomerId::parse);
        let derived = match &document.customer {
            Some(customer) => self.person(customer),
            None => {
                if document.customer_id.is_absent() {
                    self.report(At::of("/customerId"), Code::NoCustomer, Detail::None);
                }
                None
            }
        };
        explicit.or(derived)
    }

    fn person(&mut self, customer: &Customer<'_>) -> Option<CustomerId> {
        if let Some(address) = &customer.address.0 {
            self.address(address, "/customer/address");
        }
        let cpf = self.cpf(&customer.cpf);
        let email = self.email(&customer.email);
        if let Some(cpf) = cpf {
            return std::str::from_utf8(&cpf).ok().and_then(|cpf| CustomerId::parse(cpf).ok());
        }
        email.and_then(|email| CustomerId::parse(email).ok())
    }

    /// The digits, when there are as many as a CPF has: fewer (`***.456.789-**`) name nobody.
    fn cpf(&mut self, text: &Text<'_>) -> Option<[u8; 11]> {
        let symbols = brazil::symbols::<11>(&text.padded(11)?);
        if !symbols.is_some_and(|cpf| brazil::cpf_checks(&cpf)) {
            self.report(At::of("/customer/cpf"), Code::BadCpf, Detail::None);
        }
        symbols.filter(|cpf| cpf.iter().all(u8::is_ascii_digit))
    }

    /// The address, when it can be one: `n/a` names nobody.
    fn email<'a>(&mut self, text: &'a Text<'_>) -> Option<&'a str> {
        let email = text.get()?;
        if is_email(email) {
            return Some(email);
        }
        self.report(At::of("/customer/email"), Code::BadEmail, Detail::None);
        None
    }

    fn address(&mut self, address: &Address<'_>, base: &'static str) {
        if let (Some(state), Some(zip_code)) = (address.state.get(), address.zip_code.padded(8))
            && brazil::cep_contradicts(&zip_code, state)
        {
            self.report(At::of(base).field("/zip_code"), Code::CepStateMismatch, Detail::None);
        }
    }

    /// The lines, and their total when every one of them has a price.
    fn lines(&mut self, items: Option<&[Item<'_>]>) -> (Option<Lines>, Option<Money>) {
        let at = At::of("/items");
        let Some(items) = items else {
            self.require(false, at);
            return (None, None);
        };
        if items.is_empty() {
            self.report(at, Code::EmptyItems, Detail::None);
        } else if items.len() > LINES_PER_ORDER_MAX {
            self.report(at, Code::TooManyItems, limit(LINES_PER_ORDER_MAX));
        }
        let judged = items.len().min(LINES_PER_ORDER_MAX);
        let mut lines = Vec::with_capacity(judged);
        let mut total = Some(Money::ZERO);
        for (index, item) in items.iter().take(judged).enumerate() {
            let (line, price) = self.line(item, At::item("/items", index));
            total = total.zip(price).map(|(total, price)| total + price);
            lines.extend(line);
        }
        (Lines::parse(lines).ok(), total)
    }

    /// A line, and its total when it has a price.
    fn line(&mut self, item: &Item<'_>, at: At) -> (Option<Line>, Option<Money>) {
        let (at_sku, at_price) = (at.field("/product_id"), at.field("/unit_price"));
        self.require(!item.product_id.is_absent(), at_sku);
        let sku = self.name(&item.product_id, at_sku, Sku::parse);
        let quantity = self.quantity(item.quantity, at.field("/quantity"));
        let unit_price = self.unit_price(item.unit_price, at_price);
        let unit_price = unit_price.and_then(|p| self.not_negative(p, p.0 >= 0, at_price));
        let mut total = None;
        if let (Some(price), Some(quantity)) = (unit_price, quantity) {
            total = number::line_total(price, quantity, self.settings.currency_exponent);
            if total.is_none() {
                self.report(at_price, Code::TooLarge, Detail::None);
            }
        }
        let line = sku.zip(quantity).map(|(sku, quantity)| Line { sku, quantity, unit_price });
        (line, total)
    }

    /// A price; one with more decimals than are kept is rounded, half to even, and it is said.
    fn unit_price(&mut self, number: Number<'_>, at: At) -> Option<UnitPrice> {
        let mut is_rounded = false;
        let price = self.number(number, at, |text| match number::unit_price(text) {
            Err(DecimalError::TooPrecise) => {
                is_rounded = true;
                Decimal::parse(text)?.to_rounded_unit_price()
            }
            exact => exact,
        });
        if is_rounded {
            self.report(at, Code::TooPrecise, Detail::None);
        }
        price
    }

    fn quantity(&mut self, number: Number<'_>, at: At) -> Option<i64> {
        self.require(!number.is_absent(), at);
        let whole = |text: &str| match number::integer(text) {
            Err(DecimalError::TooPrecise) => Ok(0),
            Err(DecimalError::TooLarge) if text.starts_with('-') => Ok(0),
            Err(DecimalError::TooLarge) => Ok(i64::MAX),
            other => other,
        };
        let quantity = self.number(number, at, whole)?;
        if quantity < 1 {
            self.report(at, Code::BadQuantity, Detail::None);
        } else if quantity > QUANTITY_MAX {
            self.report(at, Code::TooLarge, Detail::Limit(QUANTITY_MAX));
        }
        (1..=QUANTITY_MAX).contains(&quantity).then_some(quantity)
    }

    fn shipping(&mut self, shipping: &Shipping<'_>, ordered: Option<Moment>) -> Option<Money> {
        let cost = self.money(shipping.cost, At::of("/shipping/cost"));
        if let Some(address) = &shipping.address.0 {
            self.address(address, "/shipping/address");
        }
        let at = At::of("/shipping/expected_delivery_date");
        let expected = self.moment(&shipping.expected_delivery_date, at);
        if let (Some(expected), Some(ordered)) = (expected, ordered)
            && self.is_before(expected, ordered)
        {
            self.report(at, Code::DeliveryBeforeOrder, Detail::None);
        }
        cost
    }

    /// A day is before a moment when it was over by then, in the installation's zone.
    fn is_before(&self, expected: Moment, ordered: Moment) -> bool {
        if expected.has_time {
            return expected.at < ordered.at;
        }
        // The order's day as written is rarely another one than in the zone: ask for that last.
        expected.day < ordered.day
            && date::day_in(ordered.at, &self.settings.time_zone).is_some_and(|d| expected.day < d)
    }

    fn payment(&mut self, payment: &Payment<'_>, total: Option<Money>, shipping: Option<Money>) {
        let at = At::of("/payment/amount");
        let amount = self.money(payment.amount, at);
        if let (Some(amount), Some(total)) = (amount, total)
            && amount != total
            && amount != total + shipping.unwrap_or(Money::ZERO)
        {
            self.report(at, Code::PaymentMismatch, Detail::None);
        }
    }

    fn coupons(&mut self, coupons: &[Text<'_>]) -> Vec<Coupon> {
        if coupons.len() > COUPONS_PER_ORDER_MAX {
            self.report(At::of("/coupons"), Code::TooManyCoupons, limit(COUPONS_PER_ORDER_MAX));
        }
        let coupons = coupons.iter().take(COUPONS_PER_ORDER_MAX).enumerate();
        let at = |index| At::item("/coupons", index);
        coupons.filter_map(|(i, coupon)| self.name(coupon, at(i), Coupon::parse)).collect()
    }

    fn shortage(&mut self, text: &Text<'_>) -> Option<ShortagePolicy> {
        match text.get()? {
            "partial" => Some(ShortagePolicy::Partial),
            "ship_complete" => Some(ShortagePolicy::ShipComplete),
            "reject" => Some(ShortagePolicy::Reject),
            _ => {
                let at = At::of("/shortage_policy");
                self.report(at, Code::UnknownShortagePolicy, Detail::None);
                None
            }
        }
    }
}

/// Whether a text can be an e-mail address: something, one `@`, a domain with a dot inside.
fn is_email(text: &str) -> bool {
    let (mut host, mut dots, mut before) = (false, 0, b'@');
    for byte in text.bytes() {
        match byte {
            0..=b' ' | 0x7f => return false,
            b'@' if host || before == b'@' => return false,
            b'@' => host = true,
            // No dot right after the `@` or another dot.
            b'.' if host && matches!(before, b'@' | b'.') => return false,
            b'.' => dots += usize::from(host),
            _ => {}
        }
        before = byte;
    }
    dots > 0 && before != b'.' && text.len() <= 254
}

const _: () = assert!(MONEY_MAX < i64::MAX / (LINES_PER_ORDER_MAX as i64 + 1), "totals fit");
