//! Columns of `orders`.

use crate::cell::{Amount, Integer, Maybe, Moment, Text, Word, table};

table! {
    /// A version of an order: how a change of it left it. The newest is the order now; every
    /// earlier one is superseded.
    Order {
        /// The change that made this version: its place in the log, which only grows.
        sequence: Integer,
        /// The change that began the order: the same in all its versions.
        first_sequence: Integer,
        /// Who sells.
        merchant_id: Word,
        /// The seller's id of the order; unique with `merchant_id`.
        order_id: Text,
        /// 1 as it first was, then one more with every change of it.
        version: Integer,
        /// 1 for the document as it first came, then one more with every amendment.
        revision: Integer,
        /// `purchase` (goods) or `transfer` (money).
        kind: Word,
        /// Where it came in: `web`, `mobile`, `atm`, `api`, `file`, `queue` or `batch`.
        channel: Word,
        /// `RECEIVED`, `PROCESSING`, `COMPLETED`, `BACKORDERED`, `REJECTED`, `FAILED`, `CANCELLED`
        /// or `FULFILLED`.
        status: Word,
        /// The buyer. One that is personal data (an e-mail address, eleven digits such as a CPF)
        /// is a pseudonym, `~` and twenty characters: the same for the same buyer of the seller.
        customer_id: Maybe<Text>,
        /// The batch it came in with.
        batch_id: Maybe<Word>,
        /// Its place in that batch, from 0.
        batch_index: Maybe<Integer>,
        /// The currency of its amounts (ISO 4217).
        currency: Word,
        /// When it came in.
        received_at: Moment,
        /// When this version was made.
        updated_at: Moment,
        /// When the buyer ordered, as the document says.
        ordered_at: Maybe<Moment>,
        /// When it was `COMPLETED` or `FULFILLED` for the first time; stays, whatever comes after.
        completed_at: Maybe<Moment>,
        /// From `received_at` to `completed_at`, in whole milliseconds.
        completed_after_ms: Maybe<Integer>,
        /// What it comes to: `subtotal` − `discount` + `shipping` + `tax`, or the amount of a
        /// transfer. Null while a line has no price.
        total: Maybe<Amount>,
        /// Its lines before any rule.
        subtotal: Maybe<Amount>,
        /// What rules took off its lines; negative where they cost more.
        discount: Maybe<Amount>,
        /// What shipping costs after rules; null where no cost was named and no rule set one.
        shipping: Maybe<Amount>,
        /// Tax on top.
        tax: Maybe<Amount>,
        /// Lines of its document.
        lines: Integer,
        /// Units wanted, of all lines.
        units: Integer,
        /// Units of them that are promised to it and still in the house.
        units_reserved: Integer,
        /// Units of them that it waits for.
        units_backordered: Integer,
        /// What happens about a shortage: `partial`, `ship_complete` or `reject`.
        shortage_policy: Word,
        /// The city it goes to, else the buyer's.
        city: Maybe<Word>,
        /// The state (UF) it goes to, else the buyer's: two letters.
        state: Maybe<Word>,
        /// The first five digits of the postal code (CEP) it goes to, else of the buyer's.
        postal_prefix: Maybe<Word>,
        /// How it is paid, as the document says.
        payment_method: Maybe<Word>,
        /// The version of the rule set that priced it; 0 is that of no rules.
        rule_set: Maybe<Integer>,
        /// How many things were odd about its document.
        warnings: Integer,
        /// Why it was turned down, while it is `REJECTED`: `out_of_stock`, `unknown_sku` or
        /// `step_refused`.
        rejection: Maybe<Word>,
        /// The external step that it waits for, that turned it down, or that it failed at.
        step: Maybe<Word>,
    }
}
