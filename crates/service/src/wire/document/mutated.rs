//! Whatever bytes come in, the fast reader and the careful one say the same of them.

use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::wire::violation::Severity;

/// Whether bytes are a JSON object, as others would say.
fn is_object(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice::<&RawValue>(bytes).is_ok_and(|raw| raw.get().starts_with('{'))
}

#[test]
fn readers_agree_about_mutated_orders() {
    let settings = Settings::new(MerchantId::parse("shop").expect("a name"));
    fuzz::check("order", |bytes| {
        let quick = read(bytes, &settings);
        match text(bytes) {
            Ok(text) => assert_eq!(quick, repair::read(text, &settings)),
            Err(_) => assert!(quick.is_err()),
        }
        match &quick {
            Err(Fault::Malformed(_)) => {
                // Escapes that are no characters are JSON to some and none to others.
                let plain = !bytes.windows(2).any(|two| two.eq_ignore_ascii_case(b"\\u"));
                let fine = plain && is_object(bytes) && text(bytes).is_ok();
                assert!(!fine, "it is an object");
            }
            Err(Fault::Invalid { violations, .. }) => {
                assert!(is_object(bytes));
                let is_error = |v: &Violation| v.severity == Severity::Error;
                assert!(violations.iter().any(is_error), "nothing is wrong with it");
            }
            Ok(read) => {
                assert!(is_object(bytes));
                let is_warning = |v: &Violation| v.severity == Severity::Warn;
                assert!(read.warnings.iter().all(is_warning), "it was taken all the same");
            }
        }
        for (name, left) in attributes(bytes) {
            let known = FIELDS.iter().any(|field| field.names.contains(&name.as_ref()));
            let holds_more = left.get().starts_with(['{', '[']);
            assert!(!known || holds_more, "{name} is known, and so is all within it");
        }
    });
}

/// RFC 7396, section 2, as it is written there.
fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut target = match target {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            serde_json::Map::new()
        }
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(&name);
        } else {
            let before = target.remove(&name).unwrap_or_default();
            target.insert(name, merged(before, value));
        }
    }
    Value::Object(target)
}

#[test]
fn a_mutated_patch_is_refused_or_merged_as_the_rfc_says() {
    let document = br#"{"id": "o", "notes": "x", "shipping": {"cost": 2.50, "method": "post"},
        "items": [{"sku": "A", "quantity": 1}]}"#;
    let plain: Value = serde_json::from_slice(document).expect("the document is JSON");
    fuzz::check("order", |patch| {
        let result = merge(document, patch);
        let bare = patch.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(patch);
        match (serde_json::from_slice::<Value>(bare), result) {
            (Ok(patch @ Value::Object(_)), Ok(result)) => {
                let result: Value = serde_json::from_str(&result).expect("what is merged is JSON");
                assert_eq!(result, merged(plain.clone(), patch));
            }
            (Ok(Value::Object(_)), Err(_)) => assert!(text(patch).is_err(), "it is an object"),
            (Ok(_), result) => assert!(result.is_err(), "it is no object"),
            // Escapes that are no characters are JSON to some and none to others.
            (Err(_), _) => {}
        }
    });
}
