//! The three languages say the same things.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use messages::{Id, Lang, phrase};

/// Every message of a language with its variables.
fn messages(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(lang.as_str());
    let mut all = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let resource = fluent_syntax::parser::parse(text.as_str());
        let resource = resource.unwrap_or_else(|(_, e)| panic!("{}: {e:?}", path.display()));
        for entry in &resource.body {
            let Entry::Message(message) = entry else {
                assert!(matches!(entry, Entry::Comment(_) | Entry::GroupComment(_)), "{entry:?}");
                continue;
            };
            let mut names = BTreeSet::new();
            let text = message.value.as_ref().expect("a message has a text");
            variables(text, &mut names);
            let before = all.insert(message.id.name.to_owned(), names);
            assert_eq!(before, None, "{} is there twice in {}", message.id.name, lang.as_str());
        }
    }
    all
}

fn variables(pattern: &Pattern<&str>, names: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { .. } => {}
            PatternElement::Placeable { expression } => within(expression, names),
        }
    }
}

fn within(expression: &Expression<&str>, names: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(inline) => variable(inline, names),
        Expression::Select { selector, variants } => {
            variable(selector, names);
            variants.iter().for_each(|variant| variables(&variant.value, names));
        }
    }
}

fn variable(inline: &InlineExpression<&str>, names: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => _ = names.insert(id.name.to_owned()),
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        InlineExpression::Placeable { expression } => within(expression, names),
        InlineExpression::FunctionReference { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. } => panic!("{inline:?}: not used in our texts"),
    }
}

#[test]
fn every_language_has_the_same_messages_with_the_same_variables() {
    let english = messages(Lang::En);
    let known: BTreeSet<&str> = Id::all().map(Id::name).collect();
    assert_eq!(english.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for lang in [Lang::PtBr, Lang::Es] {
        let other = messages(lang);
        for (name, variables) in &english {
            let others = other.get(name);
            assert_eq!(others, Some(variables), "{name} in {}", lang.as_str());
        }
        let more: Vec<_> = other.keys().filter(|name| !english.contains_key(*name)).collect();
        assert!(more.is_empty(), "only in {}: {more:?}", lang.as_str());
    }
}

#[test]
fn every_message_without_variables_is_ready_in_every_language() {
    let english = messages(Lang::En);
    for id in Id::all().filter(|id| english[id.name()].is_empty()) {
        for lang in Lang::ALL {
            let text = messages::label(id, lang);
            assert!(!text.is_empty() && text != id.name(), "{} in {}", id.name(), lang.as_str());
        }
    }
}

#[test]
fn words_agree_with_how_many_there_are() {
    let said = |lang, count: u64| phrase!("rules-sound", count = count).to(lang);
    assert_eq!(said(Lang::En, 1), "1 rule, sound");
    assert_eq!(said(Lang::En, 2), "2 rules, all sound");
    assert_eq!(said(Lang::PtBr, 1), "1 regra, correta");
    assert_eq!(said(Lang::Es, 0), "0 reglas, todas correctas");
}
