//! The first stage of a request, on any thread: everything that needs no lock and no order.
//!
//! An order is priced here against the catalogue's snapshot; the writer prices it again only
//! when the catalogue has changed in between.

use std::sync::Arc;

use compact_str::CompactString;
use domain::command;
use domain::event::Kind;
use domain::id::{CustomerId, MerchantId, StepName};
use domain::money::UnitPrice;
use domain::order::{BatchItem, Body, Purchase};
use domain::pricing::{OrderFacts, Priceable, Pricing, Product};
use domain::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::catalogue::Catalogue;
use crate::change::{AUDIT_DOCUMENT_BYTES_MAX, Audit, Fault, Origin, Seq};
use crate::ledger::{BatchRules, Receive, Request, stock_key};
use crate::letters::{self, How};
use crate::once;

/// A request with everything done that can be done beforehand.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// An order, priced.
    Receive(Box<Order>),
    /// An order that cannot be priced within the limits.
    Unpriceable(Box<Audit>),
    /// A request under a key.
    Once(Box<Once>),
    /// A dead letter to end.
    Settle(Box<Settle>),
    /// Everything else needs no preparation.
    Other(Request),
}

impl Prepared {
    /// The batch and place that it comes with, where it comes with one.
    pub(crate) fn item(&self) -> Option<&BatchItem> {
        match self {
            Self::Receive(order) => order.command.batch.as_ref(),
            Self::Unpriceable(audit) => audit.batch.as_ref(),
            Self::Once(_) | Self::Settle(_) => None,
            Self::Other(request) => request.item(),
        }
    }
}

/// A request under a key, prepared.
#[derive(Clone, Debug)]
pub struct Once {
    /// The key.
    pub key: once::Key,
    /// What to do the first time.
    pub request: Prepared,
    /// What to keep of the answer.
    pub render: once::Render,
}

/// A dead letter to end, prepared.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The letter.
    pub letter: Seq,
    /// How it is to end.
    pub how: How,
    /// What is done for it.
    pub with: Option<Prepared>,
}

/// An order, priced.
#[derive(Clone, Debug)]
pub struct Order {
    /// The command to decide.
    pub command: command::Receive,
    /// Its document.
    pub document: bytes::Bytes,
    /// What was odd about it.
    pub warnings: Vec<Fault>,
    /// The batch's rules.
    pub rules: Option<Arc<BatchRules>>,
    /// The catalogue it was priced by.
    pub catalogue: u64,
}

/// Prepares a request.
#[must_use]
pub fn prepare(request: Request, catalogue: &Catalogue, now: Timestamp, exponent: u32) -> Prepared {
    let receive = match request {
        Request::Receive(receive) => *receive,
        Request::Once(once) => {
            let once::Once { key, request, render } = *once;
            let request = prepare(request, catalogue, now, exponent);
            return Prepared::Once(Box::new(Once { key, request, render }));
        }
        Request::Settle(settle) => {
            let letters::Settle { letter, how, with } = *settle;
            let with = with.map(|request| prepare(request, catalogue, now, exponent));
            return Prepared::Settle(Box::new(Settle { letter, how, with }));
        }
        Request::Audit(_)
        | Request::Amend(_)
        | Request::Cancel(_)
        | Request::Flood(_)
        | Request::Fulfil(_)
        | Request::Step(_)
        | Request::Redrive(_)
        | Request::AdjustStock(_)
        | Request::PutProducts(_)
        | Request::PutCustomer(_)
        | Request::PutRules { .. }
        | Request::Stray(_)
        | Request::Webhook(_)
        | Request::Bury(_)
        | Request::Sweep(_)
        | Request::Checkpoint(_) => return Prepared::Other(request),
    };
    let Receive { order, document, warnings, batch, rules } = receive;
    let document_hash = xxh3_64(&document);
    let steps = Vec::new();
    let command = command::Receive { order, pricing: None, batch, document_hash, steps };
    let mut order = Order { command, document, warnings, rules, catalogue: 0 };
    match price(&mut order, catalogue, now, exponent) {
        Ok(()) => Prepared::Receive(Box::new(order)),
        Err(audit) => Prepared::Unpriceable(audit),
    }
}

/// Prices an order by `catalogue`, and says which external steps it needs.
///
/// # Errors
/// The audit record of an order whose total is out of range.
pub fn price(
    order: &mut Order,
    catalogue: &Catalogue,
    now: Timestamp,
    exponent: u32,
) -> Result<(), Box<Audit>> {
    order.catalogue = catalogue.version;
    if let Body::Purchase(purchase) = &order.command.order.body {
        match price_purchase(order, purchase, catalogue, now, exponent) {
            Ok(pricing) => order.command.pricing = Some(Arc::new(pricing)),
            Err(domain::pricing::PricingError::OutOfRange) => return Err(out_of_range(order)),
        }
    }
    if !catalogue.steps.is_empty() {
        order.command.steps = steps(order, catalogue, now, exponent);
    }
    Ok(())
}

fn out_of_range(order: &Order) -> Box<Audit> {
    Box::new(Audit {
        order: Some(order.command.order.key.id.clone()),
        merchant: Some(order.command.order.key.merchant.clone()),
        channel: order.command.order.channel,
        batch: order.command.batch.clone(),
        faults: vec![Fault { pointer: "".into(), code: "total_out_of_range".into() }],
        origin: Origin::of(None, &order.document),
        document: cut(&order.document),
    })
}

/// The external steps that an order needs, now that it is known what it comes to.
fn steps(order: &Order, catalogue: &Catalogue, now: Timestamp, exponent: u32) -> Vec<StepName> {
    let command = &order.command;
    let merchant = &command.order.key.merchant;
    let (kind, customer, coupons, total) = match &command.order.body {
        Body::Purchase(purchase) => {
            let total = command.pricing.as_ref().and_then(|pricing| pricing.total);
            (Kind::Purchase, purchase.customer.as_ref(), &*purchase.coupons, total)
        }
        Body::Transfer(transfer) => (Kind::Transfer, None, &[][..], Some(transfer.amount)),
    };
    let facts = OrderFacts {
        kind,
        merchant,
        channel: command.order.channel,
        coupons,
        customer,
        customer_tags: customer.map_or(&[], |customer| tags(catalogue, merchant, customer)),
        metadata: order.rules.as_deref().map(|own| &own.metadata),
        now,
        exponent,
    };
    catalogue.steps.needed(facts, total)
}

fn tags<'a>(
    catalogue: &'a Catalogue,
    merchant: &MerchantId,
    customer: &CustomerId,
) -> &'a [CompactString] {
    if catalogue.customers.is_empty() {
        return &[];
    }
    let row = catalogue.customers.get(&(merchant.clone(), customer.clone()));
    row.map_or(&[], |row| &row.tags)
}

/// A document as the audit keeps it.
#[must_use]
pub fn cut(document: &bytes::Bytes) -> bytes::Bytes {
    document.slice(..document.len().min(AUDIT_DOCUMENT_BYTES_MAX))
}

fn price_purchase(
    order: &Order,
    purchase: &Purchase,
    catalogue: &Catalogue,
    now: Timestamp,
    exponent: u32,
) -> Result<Pricing, domain::pricing::PricingError> {
    let merchant = &order.command.order.key.merchant;
    let lines = purchase.lines.as_slice();
    let rows: Vec<Option<&Arc<crate::catalogue::Product>>> =
        lines.iter().map(|line| catalogue.products.get(&stock_key(merchant, &line.sku))).collect();
    let products: Vec<Product<'_>> = rows.iter().map(|row| product(*row)).collect();
    let own = order.rules.as_deref();
    let rules = own.and_then(|own| own.rules.as_ref()).unwrap_or(&catalogue.rules);
    rules.price(&Priceable {
        order: purchase,
        merchant,
        channel: order.command.order.channel,
        products: &products,
        customer_tags: purchase.customer.as_ref().map_or(&[], |c| tags(catalogue, merchant, c)),
        metadata: own.map(|own| &own.metadata),
        now,
        exponent,
    })
}

fn product(row: Option<&Arc<crate::catalogue::Product>>) -> Product<'_> {
    let price: Option<UnitPrice> = row.and_then(|p| p.price);
    Product { unit_price: price, category: row.and_then(|p| p.category.as_ref()) }
}
