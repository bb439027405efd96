//! Rules that are read are written as something that is read as the same rules.

use super::parse;

#[test]
fn mutated_rules_are_refused_or_come_back_the_same() {
    fuzz::check("rules", |bytes| match parse(bytes, 7, 2) {
        Ok(compiled) => {
            let again = parse(compiled.source.as_bytes(), 7, 2);
            let again = again.unwrap_or_else(|e| panic!("{}: {e:?}", compiled.source));
            assert_eq!(again.source, compiled.source);
            assert_eq!(again.rules, compiled.rules);
            assert_eq!(again.extend, compiled.extend);
        }
        Err(violations) => {
            assert!(!violations.is_empty(), "nothing is wrong with it");
            for violation in violations {
                assert!(violation.pointer.is_empty() || violation.pointer.starts_with('/'));
            }
        }
    });
}
