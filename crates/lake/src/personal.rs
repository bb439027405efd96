//! What keeps personal data out of the lake: who somebody is becomes a pseudonym, and of what a
//! document says only what is plainly a place or a way to pay is told.
//!
//! Never: a name, an address, a number that reaches somebody. What is in doubt is left out.

use compact_str::{CompactString, format_compact};
use domain::id::{CustomerId, MerchantId};

/// What every pseudonym is made with: the key is good for nothing else.
const PURPOSE: &[u8] = b"comanda lake customer 1\0";
/// Characters of a pseudonym behind its `~`: of a hundred million customers it is unlikely that
/// two share one.
const PSEUDONYM_CHARS: usize = 20;
/// Longest city or way to pay, in bytes; what is longer is something else.
const WORD_BYTES_MAX: usize = 64;
/// A text with more digits is an address or a number of somebody.
const WORD_DIGITS_MAX: usize = 3;
/// Digits of a CPF, and of a mobile telephone with its area.
const PERSON_DIGITS: usize = 11;
/// Digits of a postal code that say whereabouts, not where.
const PREFIX_DIGITS: usize = 5;

/// A buyer as the lake calls them: their id, or a pseudonym where that is personal data. Keyed,
/// because a CPF has too few digits for a hash to hide it.
pub(crate) fn customer(key: &[u8; 32], merchant: &MerchantId, id: &CustomerId) -> CompactString {
    if !is_personal(id.as_str()) {
        return id.as_str().into();
    }
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(PURPOSE);
    hasher.update(merchant.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(id.as_str().as_bytes());
    let hex = hasher.finalize().to_hex();
    format_compact!("~{}", &hex[..PSEUDONYM_CHARS])
}

/// Whether an id is an e-mail address, or has the digits of a CPF or a telephone and no letters.
fn is_personal(id: &str) -> bool {
    let digits = id.bytes().filter(u8::is_ascii_digit).count();
    id.contains('@') || (digits == PERSON_DIGITS && !id.chars().any(char::is_alphabetic))
}

/// A city or a way to pay; `None` for a text that looks like more than that.
pub(crate) fn word(text: &str) -> Option<CompactString> {
    let text = text.trim();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_word = !text.is_empty() && text.len() <= WORD_BYTES_MAX && digits <= WORD_DIGITS_MAX;
    (is_word && !text.contains(['@', ',']) && !text.contains(char::is_control)).then(|| text.into())
}

/// A state of two letters.
pub(crate) fn state(text: &str) -> Option<CompactString> {
    let text = text.trim();
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| CompactString::new(text).to_ascii_uppercase())
}

/// The beginning of a postal code of eight digits, with or without its hyphen.
pub(crate) fn postal_prefix(text: &str) -> Option<CompactString> {
    let digits: CompactString = text.chars().filter(char::is_ascii_digit).collect();
    let is_code = digits.len() == 8 && !text.contains(char::is_alphabetic);
    is_code.then(|| digits[..PREFIX_DIGITS].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(merchant: &str, id: &str) -> CompactString {
        let merchant = MerchantId::parse(merchant).unwrap();
        customer(&[7; 32], &merchant, &CustomerId::parse(id).unwrap())
    }

    #[test]
    fn ids_that_reach_a_person_are_pseudonyms_and_others_are_not() {
        for id in ["52998224725", "529.982.247-25", "ana@mail.example", "(81) 98765-4321"] {
            let called = called("loja", id);
            assert_eq!(called.len(), 21, "{id} is {called}");
            assert!(called.starts_with('~') && !called.contains(id));
        }
        for id in ["c-7", "6035478741234", "529982247250", "c52998224725"] {
            assert_eq!(called("loja", id), id);
        }
    }

    #[test]
    fn a_pseudonym_is_the_same_for_the_same_buyer_of_a_seller_only() {
        assert_eq!(called("a", "x@y.example"), called("a", "x@y.example"));
        assert_ne!(called("a", "x@y.example"), called("b", "x@y.example"));
        let merchant = MerchantId::parse("a").unwrap();
        let id = CustomerId::parse("x@y.example").unwrap();
        assert_ne!(customer(&[8; 32], &merchant, &id), called("a", "x@y.example"));
    }

    #[test]
    fn only_what_is_plainly_a_place_is_told() {
        assert_eq!(word(" São Paulo ").as_deref(), Some("São Paulo"));
        assert_eq!(word("credit_card 12x").as_deref(), Some("credit_card 12x"));
        for text in ["Rua Azul, 7", "ana@mail.example", "4111 1111 1111 1111", "", "\u{7}"] {
            assert_eq!(word(text), None, "{text}");
        }
        assert_eq!(state("pe").as_deref(), Some("PE"));
        assert_eq!(state("Pernambuco"), None);
        assert_eq!(postal_prefix("50010-040").as_deref(), Some("50010"));
        assert_eq!(postal_prefix("50010040").as_deref(), Some("50010"));
        for text in ["5001004", "SW1A 1AA", "5001-00400"] {
            assert_eq!(postal_prefix(text), None, "{text}");
        }
    }
}
