//! Products, customers, rules and steps: what preparing an order looks up, as one immutable
//! snapshot. Webhook endpoints, few and small, are in it too.
//!
//! Preparing an order reads the snapshot without a lock held; the writer prices again when the
//! snapshot has changed in between.

use std::ops::Bound;
use std::sync::Arc;

use compact_str::CompactString;
use domain::id::{Category, CustomerId, MerchantId, Sku, StockKey};
use domain::money::UnitPrice;

use crate::change::{read_name, read_stock_key, stock_key};
use crate::codec::{Corrupt, Decoder, Encoder};
use crate::steps::Steps;
use crate::webhooks::{Endpoint, EndpointId};
use crate::wire::rules::CompiledRules;

/// A product of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Which, of which seller.
    pub key: StockKey,
    /// What it is, for people.
    pub description: Box<str>,
    /// What kind of thing it is, for rules.
    pub category: Option<Category>,
    /// What one costs, where the order does not say.
    pub price: Option<UnitPrice>,
}

/// A customer, as far as pricing cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The seller.
    pub merchant: MerchantId,
    /// The buyer.
    pub id: CustomerId,
    /// Tags that rules may ask for.
    pub tags: Vec<CompactString>,
}

/// Most tags of one customer.
pub const TAGS_MAX: usize = 50;

/// Products by seller and SKU, copied by reference. Hashed by the same fast hasher as other maps.
pub type Products = imbl::GenericHashMap<
    StockKey,
    Arc<Product>,
    hashbrown::DefaultHashBuilder,
    imbl::shared_ptr::DefaultSharedPtr,
>;

/// What pricing looks up.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Grows with every change.
    pub version: u64,
    /// Decimals of the currency that amounts are kept in.
    pub exponent: u32,
    /// Products by seller and SKU.
    pub products: Products,
    /// Their keys in order, for pages: the map above is hashed, because every line is looked up.
    pub listed: imbl::OrdSet<StockKey>,
    /// Customers by seller and id.
    pub customers: imbl::OrdMap<(MerchantId, CustomerId), Arc<Customer>>,
    /// Webhook endpoints by id; those that were removed are not.
    pub endpoints: imbl::OrdMap<EndpointId, Arc<Endpoint>>,
    /// The installation's rules.
    pub rules: Arc<CompiledRules>,
    /// The installation's external steps: settings, handed in with each start.
    pub steps: Arc<Steps>,
}

impl Catalogue {
    /// Adds a product, or puts it in the place of the one it has.
    pub fn put(&mut self, product: Arc<Product>) {
        let key = product.key.clone();
        if self.products.insert(key.clone(), product).is_none() {
            self.listed.insert(key);
        }
    }

    /// Products behind `after`, by seller and SKU; of one seller, where named.
    pub fn page<'a>(
        &'a self,
        merchant: Option<&'a MerchantId>,
        after: Option<&'a StockKey>,
    ) -> impl Iterator<Item = &'a Arc<Product>> {
        let begin = merchant.map(crate::ledger::first_of);
        let bound = match (after, begin) {
            (Some(after), Some(begin)) if *after < begin => Bound::Included(begin),
            (Some(after), _) => Bound::Excluded(after.clone()),
            (None, Some(begin)) => Bound::Included(begin),
            (None, None) => Bound::Unbounded,
        };
        let keys = self.listed.range((bound, Bound::Unbounded));
        let keys = keys.take_while(move |key| merchant.is_none_or(|m| key.merchant == *m));
        keys.filter_map(|key| self.products.get(key))
    }
}

impl Product {
    /// Writes the product.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        stock_key(to, &self.key);
        to.text(&self.description);
        to.option(self.category.as_ref(), |to, c| to.text(c.as_str()));
        to.option(self.price, |to, p| to.i64(p.0));
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            key: read_stock_key(from)?,
            description: from.text()?.into(),
            category: from.option(read_name(Category::parse))?,
            price: from.option(|f| f.i64().map(UnitPrice))?,
        })
    }

    /// The seller's name for it.
    #[must_use]
    pub fn sku(&self) -> &Sku {
        &self.key.sku
    }
}

impl Customer {
    /// Writes the customer.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        to.text(self.merchant.as_str());
        to.text(self.id.as_str());
        to.list(self.tags.iter(), |to, tag| to.text(tag));
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            merchant: read_name(MerchantId::parse)(from)?,
            id: read_name(CustomerId::parse)(from)?,
            tags: from.list(Decoder::string)?,
        })
    }
}
