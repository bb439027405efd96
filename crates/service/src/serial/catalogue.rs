//! Products, customers and rules.

use std::sync::Arc;

use super::Run;
use crate::catalogue::Catalogue;
use crate::change::What;
use crate::ledger::Answer;
use crate::view::Base;
use crate::wire::rules::CompiledRules;

impl<B: Base> Run<'_, B> {
    pub(super) fn draft_catalogue(&self) -> Arc<Catalogue> {
        self.driver.draft.catalogue.as_ref().unwrap_or(&self.driver.catalogue).clone()
    }

    pub(super) fn edit_catalogue(&mut self, edit: impl FnOnce(&mut Catalogue)) {
        let mut catalogue = Catalogue::clone(&self.draft_catalogue());
        catalogue.version += 1;
        edit(&mut catalogue);
        self.driver.draft.catalogue = Some(Arc::new(catalogue));
    }

    pub(super) fn products(&mut self, products: &[crate::catalogue::Product]) {
        let rows: Vec<_> = products.iter().map(|product| Arc::new(product.clone())).collect();
        let keyed = rows.iter().map(|row| (row.key.clone(), row.clone()));
        self.driver.draft.overlay.products.extend(keyed);
        self.edit_catalogue(|catalogue| rows.into_iter().for_each(|row| catalogue.put(row)));
    }

    pub(super) fn customer(&mut self, customer: crate::catalogue::Customer) {
        let key = (customer.merchant.clone(), customer.id.clone());
        let row = Arc::new(customer);
        self.driver.draft.overlay.customers.insert(key.clone(), row.clone());
        self.edit_catalogue(|catalogue| {
            catalogue.customers.insert(key, row);
        });
    }

    pub(super) fn put_rules(&mut self, rules: &CompiledRules, installed: bool) -> Answer {
        let version = self.driver.draft.rules_version + 1;
        self.push(What::Rules { version, installed, source: rules.source.as_str().into() });
        match crate::wire::rules::parse(
            rules.source.as_bytes(),
            version,
            self.driver.settings.exponent,
        ) {
            Ok(rules) => self.rules(version, installed, rules),
            Err(_) => return Answer::Broken,
        }
        Answer::Rules(version)
    }

    pub(super) fn rules(&mut self, version: u64, installed: bool, rules: CompiledRules) {
        let rules = Arc::new(rules);
        self.driver.draft.rules_version = version;
        self.driver.draft.overlay.rules.insert(version, (rules.clone(), installed));
        if installed {
            self.edit_catalogue(|catalogue| catalogue.rules = rules);
        }
    }
}
