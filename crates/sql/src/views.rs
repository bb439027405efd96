//! Ready-made views: the questions a seller asks every day, one SQL file each.
//!
//! A file begins with what its view is and what each column means: that is what the catalogue and
//! the documentation show. Its text is of the SQL that DataFusion, PostgreSQL, Redshift and DuckDB
//! all read, so that the warehouse has the same views. Amounts stay decimals to the end.
//!
//! Never: a join, a float, a second scan of a table.

/// A view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name in SQL.
    pub name: &'static str,
    /// The whole file: what it is, then the statement.
    pub text: &'static str,
}

macro_rules! views {
    ($($name:literal),+ $(,)?) => {
        &[$(View { name: $name, text: include_str!(concat!("views/", $name, ".sql")) }),+]
    };
}

/// Every view, in the order of their names.
pub const ALL: &[View] = views![
    "customers",
    "orders_by_hour",
    "orders_by_status",
    "rejects_by_code",
    "revenue_by_day",
    "rule_cost",
    "sales_by_sku",
    "shortages_by_sku",
    "stock_on_hand",
    "time_to_complete",
];

impl View {
    /// The statement, without what is said about it.
    ///
    /// ```
    /// assert!(sql::views::ALL.iter().all(|view| view.statement().starts_with("SELECT")));
    /// ```
    #[must_use]
    pub fn statement(&self) -> &'static str {
        let about = self.text.split_inclusive('\n').take_while(|line| line.starts_with("--"));
        self.text.get(about.map(str::len).sum()..).unwrap_or_default().trim_end()
    }

    /// What it is, in one sentence: the first line of its file.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.about().next().unwrap_or_default()
    }

    /// What else there is to say, as one paragraph; empty where there is nothing.
    #[must_use]
    pub fn details(&self) -> String {
        let said = self.about().skip(1).skip_while(|line| line.is_empty());
        let said: Vec<&str> =
            said.take_while(|line| !line.is_empty() && column(line).is_none()).collect();
        said.join(" ")
    }

    /// Its columns in their order, and what each means.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.about().skip(1).filter_map(column)
    }

    fn about(&self) -> impl Iterator<Item = &'static str> + use<> {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("--"));
        lines.map(str::trim)
    }

    /// The section of the documentation about it.
    #[must_use]
    pub fn section(&self) -> String {
        let (name, summary, details) = (self.name, self.summary(), self.details());
        let mut out = format!("### `{name}`\n\n{summary}\n");
        if !details.is_empty() {
            out.push_str(&format!("\n{details}\n"));
        }
        out.push_str("\n| column | what it means |\n|---|---|\n");
        for (column, means) in self.columns() {
            out.push_str(&format!("| `{column}` | {means} |\n"));
        }
        out
    }
}

/// A line that says what a column means: `total: What the orders come to`.
fn column(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, means) = line.split_once(": ")?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(is_name).then_some((name, means))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_says_what_its_view_is_and_what_its_columns_mean() {
        for view in ALL {
            assert!(view.summary().ends_with('.'), "{}: {}", view.name, view.summary());
            assert!(view.columns().count() > 1, "{} names its columns", view.name);
            assert!(!view.statement().contains(';'), "{} is one statement", view.name);
        }
        assert!(ALL.is_sorted_by_key(|view| view.name));
    }
}
