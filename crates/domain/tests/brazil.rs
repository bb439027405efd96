//! CPF and CNPJ judged by Comanda and by a published library (cpf_cnpj 0.3), over numbers of every
//! kind: random ones are almost all invalid, so each is also completed to a valid one.

use domain::document::brazil::{cnpj_is_valid, cpf_is_valid};
use proptest::prelude::*;

/// The one ending of two digits that makes a number valid, by that library.
fn completed(base: &str, validate: fn(&str) -> bool) -> Option<String> {
    (0..100).map(|digits| format!("{base}{digits:02}")).find(|number| validate(number))
}

/// All symbols the same: refused by both, whatever its check digits.
fn is_uniform(base: &str) -> bool {
    base.bytes().all(|byte| Some(byte) == base.bytes().next())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cpfs_are_judged_as_the_published_library_does(
        base in "[0-9]{9}", digits in "[0-9]{2}", shape in any::<bool>(),
    ) {
        let any = format!("{base}{digits}");
        prop_assert_eq!(cpf_is_valid(&any), cpf_cnpj::cpf::validate(&any), "{}", any);
        let valid = completed(&base, cpf_cnpj::cpf::validate);
        prop_assert!(valid.is_some() || is_uniform(&base));
        if let Some(valid) = valid {
            let (a, b, c, d) = (&valid[..3], &valid[3..6], &valid[6..9], &valid[9..]);
            let shown = if shape { format!("{a}.{b}.{c}-{d}") } else { valid.clone() };
            prop_assert!(cpf_is_valid(&shown), "{}", shown);
        }
    }

    #[test]
    fn cnpjs_are_judged_as_the_published_library_does(
        base in "([0-9]{12}|[0-9A-Z]{12}|[A-Z]{12})", end in "[0-9A-Z]{2}", shape in any::<bool>(),
    ) {
        let any = format!("{base}{end}");
        prop_assert_eq!(cnpj_is_valid(&any), cpf_cnpj::cnpj::validate(&any), "{}", any);
        let valid = completed(&base, cpf_cnpj::cnpj::validate);
        prop_assert!(valid.is_some() || is_uniform(&base));
        if let Some(valid) = valid {
            let (a, b, c) = (&valid[..2], &valid[2..5], &valid[5..8]);
            let (d, e) = (&valid[8..12], &valid[12..]);
            let shown = if shape { format!("{a}.{b}.{c}/{d}-{e}") } else { valid.clone() };
            prop_assert!(cnpj_is_valid(&shown), "{}", shown);
            prop_assert!(cnpj_is_valid(&shown.to_ascii_lowercase()), "{}", shown);
        }
    }
}

#[test]
fn the_authoritys_own_example_is_valid() {
    assert!(cnpj_is_valid("12.ABC.345/01DE-35"));
}
