//! Which field a column is: every spelling of a document's fields, alone, with their object's name
//! before a dot or an underscore, and alone again where only one field ends in it.
//!
//! Never: a second list of fields; what a document knows, a column knows.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{FAULT_COLUMN, LINE_COLUMN};
use crate::wire::document::{self, Field, FieldKind as Kind};

/// What a column's cells are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A field of the order.
    Order(&'static Leaf),
    /// A field of the row's line.
    Item(&'static Leaf),
    /// Nothing that is known: kept as an attribute.
    Unknown,
    /// A column of ours.
    Ignored,
}

impl Target {
    /// The order's field, when it is one.
    pub(super) fn leaf(self) -> Option<&'static Leaf> {
        match self {
            Self::Order(leaf) => Some(leaf),
            Self::Item(_) | Self::Unknown | Self::Ignored => None,
        }
    }
}

/// A field that has a value of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Where it is in the document, each part by its first spelling.
    pub(super) path: Vec<&'static str>,
    pub(super) is: Is,
}

/// What a field's cells hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Text,
    Number,
    /// Texts between `|`.
    Texts,
}

#[derive(Debug, Default)]
struct Names {
    known: HashMap<String, Target>,
    /// Names of objects and lists, which have no cell of their own.
    parts: Vec<&'static str>,
    /// Fields by their last part, and how many have it.
    last: HashMap<String, (Target, usize)>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names::default();
    names.object(document::FIELDS, &[], &[String::new()]);
    for (name, (target, fields)) in std::mem::take(&mut names.last) {
        if fields == 1 {
            names.known.entry(name).or_insert(target);
        }
    }
    names
});

/// What a column of that name holds; an error for a name of an object or a list.
pub(super) fn target(name: &str) -> Result<Target, ()> {
    let name = name.to_ascii_lowercase();
    if [LINE_COLUMN, FAULT_COLUMN].contains(&name.as_str()) {
        return Ok(Target::Ignored);
    }
    match NAMES.known.get(&name) {
        Some(target) => Ok(*target),
        None if NAMES.parts.contains(&name.as_str()) => Err(()),
        None => Ok(Target::Unknown),
    }
}

impl Names {
    /// Adds an object's fields; `before` are the ways to write what leads to them.
    fn object(&mut self, fields: &'static [Field], path: &[&'static str], before: &[String]) {
        for Field { names, kind } in fields {
            let first = names.first().copied().unwrap_or_default();
            let below = [path, &[first]].concat();
            match kind {
                Kind::Text | Kind::Any => self.leaf(names, below, Is::Text, before),
                Kind::Number => self.leaf(names, below, Is::Number, before),
                Kind::List(Kind::Text) => self.leaf(names, below, Is::Texts, before),
                Kind::Object(fields) | Kind::Loose(fields) => {
                    let mut before = ways(before, first);
                    if below == ["customer", "address"] {
                        before.extend(ways(&[String::new()], first));
                    }
                    self.parts.extend(path.is_empty().then_some(first));
                    self.object(fields, &below, &before);
                }
                Kind::List(Kind::Object(fields)) => {
                    self.parts.push(first);
                    let mut before = vec![String::new()];
                    before.extend(ways(&before, first));
                    before.extend(ways(&before[..1], first.trim_end_matches('s')));
                    self.item(fields, &before);
                }
                Kind::List(Kind::Number | Kind::List(_) | Kind::Loose(_) | Kind::Any) => {}
            }
        }
    }

    fn item(&mut self, fields: &'static [Field], before: &[String]) {
        for Field { names, kind } in fields {
            let is = if matches!(kind, Kind::Number) { Is::Number } else { Is::Text };
            let path = names.first().copied().into_iter().collect();
            let leaf: &'static Leaf = Box::leak(Box::new(Leaf { path, is }));
            self.add(names, Target::Item(leaf), before);
        }
    }

    fn leaf(&mut self, names: &[&str], path: Vec<&'static str>, is: Is, before: &[String]) {
        let is_nested = path.len() > 1;
        // Made once for the whole run of the program.
        let leaf: &'static Leaf = Box::leak(Box::new(Leaf { path, is }));
        self.add(names, Target::Order(leaf), before);
        for name in names.iter().filter(|_| is_nested) {
            let last = self.last.entry(name.to_ascii_lowercase());
            last.or_insert((Target::Order(leaf), 0)).1 += 1;
        }
    }

    fn add(&mut self, names: &[&str], target: Target, before: &[String]) {
        for before in before {
            for name in names {
                let name = format!("{before}{name}").to_ascii_lowercase();
                // A name of the order itself goes before what an object's parts come to.
                self.known.entry(name).or_insert(target);
            }
        }
    }
}

fn ways(before: &[String], name: &str) -> Vec<String> {
    before.iter().flat_map(|b| [format!("{b}{name}."), format!("{b}{name}_")]).collect()
}
