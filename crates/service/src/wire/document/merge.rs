//! Merges a patch into a document (RFC 7396), text by text: what the patch does not name stays as it
//! was sent, to the digit.
//!
//! Never: a number read, an opinion on what comes out. The reader judges that.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::shape::Entries;
use super::{Malformed, Reason, text};

/// `document` with `patch` merged into it. A document that is no JSON object counts as an empty
/// one, as the RFC says.
///
/// # Errors
/// [`Malformed`] for a patch that is no JSON object, or is nested too deep.
///
/// ```
/// use service::wire::document::merge;
/// let document = br#"{"id": 1, "notes": "x", "shipping": {"cost": 2.50, "method": "post"}}"#;
/// let merged = merge(document, br#"{"notes": null, "shipping": {"cost": 3}}"#).unwrap();
/// assert_eq!(merged, r#"{"id":1,"shipping":{"cost":3,"method":"post"}}"#);
/// ```
pub fn merge(document: &[u8], patch: &[u8]) -> Result<String, Malformed> {
    let patch = text(patch)?.trim();
    if !patch.starts_with('{') {
        return Err(Malformed::at(patch, patch, Reason::NoObject));
    }
    let patch: &RawValue = serde_json::from_str(patch).map_err(|e| Malformed::from_json(&e))?;
    let document = text(document).unwrap_or_default();
    let document: Option<&RawValue> = serde_json::from_str(document.trim()).ok();
    let mut out = String::with_capacity(document.map_or(0, |d| d.get().len()) + patch.get().len());
    merge_value(document, patch, &mut out);
    Ok(out)
}

fn entries(value: &RawValue) -> Option<Entries<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn merge_value(target: Option<&RawValue>, patch: &RawValue, out: &mut String) {
    let Some(patch_entries) = entries(patch) else {
        out.push_str(patch.get());
        return;
    };
    // Of a name that stands twice in the patch, the last counts.
    let mut left: BTreeMap<&str, &RawValue> =
        patch_entries.0.iter().map(|(name, value)| (&**name, *value)).collect();
    let mut object = Object { out, is_first: true };
    let target = target.and_then(entries).map_or(Vec::new(), |entries| entries.0);
    for (name, value) in &target {
        match left.get(&**name) {
            None => object.field(name).push_str(value.get()),
            Some(patch) if patch.get() == "null" => {}
            Some(patch) => merge_value(Some(value), patch, object.field(name)),
        }
    }
    target.iter().for_each(|(name, _)| _ = left.remove(&**name));
    for (name, patch) in left.into_iter().filter(|(_, patch)| patch.get() != "null") {
        merge_value(None, patch, object.field(name));
    }
    object.out.push_str(if object.is_first { "{}" } else { "}" });
}

/// An object being written.
struct Object<'a> {
    out: &'a mut String,
    is_first: bool,
}

impl Object<'_> {
    /// Begins a field; its value is to be written next.
    fn field(&mut self, name: &str) -> &mut String {
        self.out.push(if self.is_first { '{' } else { ',' });
        self.is_first = false;
        self.out.push_str(&serde_json::Value::from(name).to_string());
        self.out.push(':');
        self.out
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The RFC's own examples, where the patch is an object.
    #[test]
    fn the_examples_of_the_rfc_come_out_as_it_says() {
        for (document, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merge(document.as_bytes(), patch.as_bytes()).unwrap(), merged, "{patch}");
        }
    }

    #[test]
    fn a_patch_that_is_no_object_is_refused() {
        let deep = format!("{{\"a\":{}", "[".repeat(200));
        for patch in ["", "[]", "null", "1", "{", "{} {}", "{\"a\":}", &deep] {
            assert!(merge(b"{}", patch.as_bytes()).is_err(), "{patch}");
        }
    }

    #[test]
    fn digits_and_names_stay_as_they_were_sent() {
        let document = br#"{"cost": 2.3450000000000001, "a\u0022b": 1e400, "x": 1}"#;
        let merged = merge(document, br#"{"x": 10000000000000000000000.10}"#).unwrap();
        let expected = r#"{"cost":2.3450000000000001,"a\"b":1e400,"x":10000000000000000000000.10}"#;
        assert_eq!(merged, expected);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-c\"é]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                any_object(inner),
            ]
        })
    }

    fn any_object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-c\"é]{1,2}", inner, 0..4).prop_map(|members| json!(members))
    }

    /// The RFC's own pseudo code, on values.
    fn by_the_rfc(target: Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut members = match target {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        };
        for (name, value) in patch {
            if value.is_null() {
                members.remove(name);
            } else {
                let before = members.remove(name).unwrap_or(Value::Null);
                members.insert(name.clone(), by_the_rfc(before, value));
            }
        }
        Value::Object(members)
    }

    proptest! {
        #[test]
        fn texts_merge_as_values_do(document in any_json(), patch in any_object(any_json())) {
            let merged = merge(document.to_string().as_bytes(), patch.to_string().as_bytes());
            let merged: Value = serde_json::from_str(&merged.unwrap()).unwrap();
            prop_assert_eq!(merged, by_the_rfc(document, &patch));
        }
    }
}
