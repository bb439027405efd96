//! Lists of tables: `[[steps]]` and the like, in the file; elsewhere an array of inline tables.
//!
//! A list has one text like every setting: its rows as an array of inline tables, only what was
//! given. Never: a field that is ignored, more rows than the list's limit, two of one name.

use toml::Spanned;
use toml::de::DeValue;

use super::value::{Kind, Shape, Unfit, Value, article};

/// What each table of a list is made of.
pub(crate) struct Rows {
    /// The list's name.
    pub(crate) name: &'static str,
    /// Most rows.
    pub(crate) max: usize,
    pub(crate) fields: &'static [Field],
}

/// One field of such tables. One that is called `name` is another in every row.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// One without a default must be given.
    pub(crate) default: Option<&'static str>,
    /// What it may look like.
    pub(crate) example: Option<&'static str>,
    pub(crate) kind: Kind,
}

/// What a row is read as.
pub(super) trait Row: Sized {
    const ROWS: &'static Rows;
    /// A row of the texts that `text_of` has of its fields, defaults included.
    fn read(text_of: impl Fn(&str) -> Option<String>) -> Option<Self>;
}

/// The texts of one row.
pub(crate) struct Texts {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    given: Vec<(&'static Field, String)>,
}

impl Texts {
    fn given(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(field, _)| field.name == name).map(|(_, text)| &**text)
    }

    /// Every field with its text, its default where it was not given, and whether it was; stars
    /// where it is a secret.
    pub(super) fn shown(
        &self,
        rows: &'static Rows,
    ) -> impl Iterator<Item = (&'static Field, &str, bool)> {
        rows.fields.iter().map(|field| {
            let given = self.given(field.name);
            let text = given.or(field.default).unwrap_or_default();
            let text = if field.kind.secret && !text.is_empty() { "***" } else { text };
            (field, text, given.is_some())
        })
    }

    /// What people call this row, the `at`-th.
    pub(super) fn called(&self, at: usize) -> String {
        self.given("name").map_or_else(|| at.to_string(), str::to_owned)
    }

    fn render(&self) -> String {
        let field = |(field, text): &(&Field, String)| match field.kind.shape {
            Shape::Integer if !text.is_empty() => format!("{} = {text}", field.name),
            Shape::Text | Shape::Integer | Shape::Table | Shape::Rows => {
                format!("{} = {}", field.name, toml::Value::from(text.as_str()))
            }
        };
        format!("{{ {} }}", self.given.iter().map(field).collect::<Vec<_>>().join(", "))
    }
}

/// The text that stands for these rows.
pub(super) fn render(rows: &[Texts]) -> String {
    format!("[{}]", rows.iter().map(Texts::render).collect::<Vec<_>>().join(", "))
}

/// The rows of a list's text.
pub(super) fn parse(rows: &'static Rows, text: &str) -> Result<Vec<Texts>, Vec<Unfit>> {
    let value = DeValue::parse(text).map_err(|error| {
        vec![Unfit { at: 0..0, why: format!("is not as it must be: {}", error.message()) }]
    })?;
    read(rows, value)
}

/// The rows that a value stands for, or everything that is wrong with them.
pub(super) fn read(
    rows: &'static Rows,
    value: Spanned<DeValue<'_>>,
) -> Result<Vec<Texts>, Vec<Unfit>> {
    let at = value.span();
    let DeValue::Array(array) = value.get_ref() else {
        let not = article(value.get_ref().type_str());
        let why = format!("is a list of tables ([[{}]]), not {not}", rows.name);
        return Err(vec![Unfit { at, why }]);
    };
    let (mut found, mut faults): (Vec<Texts>, Vec<Unfit>) = (Vec::new(), Vec::new());
    if array.len() > rows.max {
        let why = format!("has at most {} tables, not {}", rows.max, array.len());
        faults.push(Unfit { at, why });
    }
    for value in array.iter().take(rows.max) {
        let row = row(rows, value, &mut faults);
        let name = row.given("name");
        if name.is_some() && found.iter().any(|other| other.given("name") == name) {
            let why = format!("has two of the name `{}`", name.unwrap_or_default());
            faults.push(Unfit { at: value.span(), why });
        }
        found.push(row);
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

fn row(rows: &'static Rows, value: &Spanned<DeValue<'_>>, faults: &mut Vec<Unfit>) -> Texts {
    let at = value.span();
    let mut row = Texts { at: at.start, given: Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        let why = format!("is a list of tables, not of {}", article(value.get_ref().type_str()));
        faults.push(Unfit { at, why });
        return row;
    };
    for (name, value) in table {
        let Some(field) = rows.fields.iter().find(|field| field.name == name.get_ref()) else {
            let there: Vec<_> = rows.fields.iter().map(|field| field.name).collect();
            let why = format!("has no {}; it has {}", name.get_ref(), there.join(", "));
            faults.push(Unfit { at: name.span(), why });
            continue;
        };
        match (field.kind.read_toml)(value.clone()) {
            Ok(text) => row.given.push((field, text)),
            Err(Unfit { at, why }) => faults.push(Unfit { at, why: named(field, &why) }),
        }
    }
    let written = |field: &&Field| table.keys().any(|name| name.get_ref() == field.name);
    for field in rows.fields.iter().filter(|f| f.default.is_none() && !written(f)) {
        faults.push(Unfit { at: at.clone(), why: format!("needs {}", field.name) });
    }
    row
}

fn named(field: &Field, why: &str) -> String {
    format!("{} {why}", field.name)
}

impl<T: Row> Value for Vec<T> {
    const SHAPE: Shape = Shape::Rows;
    const ROWS: Option<&'static Rows> = Some(T::ROWS);

    fn allowed() -> String {
        format!("a list of at most {} tables", T::ROWS.max)
    }

    fn parse(text: &str) -> Option<Self> {
        let default = |name: &str| T::ROWS.fields.iter().find(|f| f.name == name)?.default;
        let read = |row: Texts| {
            T::read(|name| row.given(name).or_else(|| default(name)).map(str::to_owned))
        };
        parse(T::ROWS, text).ok()?.into_iter().map(read).collect()
    }

    fn why(text: &str) -> String {
        let faults = parse(T::ROWS, text).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.why).collect::<Vec<_>>().join("; ")
    }

    fn read_toml(value: Spanned<DeValue<'_>>) -> Result<String, Unfit> {
        read(T::ROWS, value).map(|rows| render(&rows)).map_err(|mut faults| faults.swap_remove(0))
    }
}
