//! Names of things: parsed once at the border, proof ever after.

use compact_str::CompactString;
use core::fmt;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::limits::NAME_BYTES_MAX;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// No characters at all.
    Empty,
    /// More than [`NAME_BYTES_MAX`] bytes after normalisation.
    TooLong,
    /// A control character, NUL included.
    ControlCharacter,
}

fn parse(text: &str) -> Result<CompactString, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let name = if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        CompactString::new(text)
    } else {
        text.nfc().collect()
    };
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::ControlCharacter);
    }
    Ok(name)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 128 bytes of NFC text without control characters; case is kept.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(CompactString);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// [`NameError`] says what is wrong with the text.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                parse(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

name!(
    /// The seller's own id of an order.
    OrderId
);
name!(
    /// A seller.
    MerchantId
);
name!(
    /// A stock-keeping unit: one product of one seller.
    Sku
);
name!(
    /// A buyer, as the seller names them.
    CustomerId
);
name!(
    /// One batch of orders.
    BatchId
);
name!(
    /// A coupon code.
    Coupon
);
name!(
    /// A product category of the catalogue.
    Category
);
name!(
    /// The id of a pricing rule.
    RuleId
);

name!(
    /// An external step: a check by another system that orders wait for.
    StepName
);

/// What makes an order one order: two sellers may use the same order id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// The seller's id of the order.
    pub id: OrderId,
    /// The seller.
    pub merchant: MerchantId,
}

/// What stock is counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StockKey {
    /// The seller.
    pub merchant: MerchantId,
    /// The seller's product.
    pub sku: Sku,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_text_are_one_name() {
        assert_eq!(Sku::parse("caf\u{e9}"), Sku::parse("cafe\u{301}"));
    }

    #[test]
    fn what_is_no_name_says_why() {
        assert_eq!(Sku::parse(""), Err(NameError::Empty));
        assert_eq!(Sku::parse("a\0b"), Err(NameError::ControlCharacter));
        assert_eq!(Sku::parse(&"x".repeat(129)), Err(NameError::TooLong));
        assert!(Sku::parse("../../etc/passwd").is_ok(), "harmless: a name is never a path");
    }
}
