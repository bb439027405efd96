//! Questions about the catalogue that the engine cannot take as they are asked, mended: by tools
//! (psql, SQLAlchemy) that mean more than there is.
//!
//! Never: a question about orders.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectName, Query, SelectItem, SetExpr, Statement, Value, Visit,
    VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// What the catalogue has no rows of: there are no keys, constraints, indexes, defaults, sequences.
/// No column has a collation of its own.
const EMPTY: [&str; 6] =
    ["pg_attrdef", "pg_collation", "pg_constraint", "pg_index", "pg_sequence", "pg_trigger"];
/// Nothing, where a tool expects a text.
const NOTHING: &str = "CAST(NULL AS TEXT)";

/// Mends a question.
pub(super) fn mend(statement: &mut Statement) {
    // It breaks off never, so there is nothing to say of it.
    _ = statement.visit(&mut Mend);
}

struct Mend;

impl VisitorMut for Mend {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let is_missing = match expression {
            // Arrays are not made of queries, nor JSON of values. What tools list so (options of
            // tables, memberships of roles, sequences of columns) is not there.
            Expr::Function(function) => match &*function.name.to_string().to_ascii_lowercase() {
                "array" => matches!(function.args, FunctionArguments::Subquery(_)),
                "array_to_string" => function.args.to_string().contains(NOTHING),
                name => name.ends_with("json_build_object"),
            },
            // One value of what has no rows.
            Expr::Subquery(query) if is_empty(query) => true,
            Expr::Subquery(query) => {
                one(query);
                false
            }
            // Tables have no options, and the column is not there either.
            Expr::CompoundIdentifier(parts) => {
                parts.last().is_some_and(|part| part.value == "reloptions")
            }
            // Only the backslash makes a letter of LIKE plain.
            Expr::Like { pattern, escape_char, .. } => {
                if let Some(escape) = escape_char.take() {
                    plain(pattern, &escape.value);
                }
                false
            }
            _ => false,
        };
        if is_missing && let Some(nothing) = expression_of(NOTHING) {
            *expression = nothing;
        }
        ControlFlow::Continue(())
    }
}

/// Has a question for one value give one for certain: the engine wants to know.
fn one(query: &mut Query) {
    let SetExpr::Select(select) = &mut *query.body else { return };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        &mut select.projection[..]
    else {
        return;
    };
    if let Some(greatest) = expression_of(&format!("max({value})")) {
        *value = greatest;
        (query.limit_clause, query.order_by) = (None, None);
    }
}

/// Has `escape` in a pattern stand for a backslash.
fn plain(pattern: &mut Box<Expr>, escape: &Value) {
    if let Some(replaced) = expression_of(&format!("replace({pattern}, {escape}, '\\')")) {
        **pattern = replaced;
    }
}

fn expression_of(text: &str) -> Option<Expr> {
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text);
    parser.and_then(|mut parser| parser.parse_expr()).ok()
}

/// A question that has no rows, since it is about what is not there: the same columns, as texts.
/// For one that cannot be planned as it is asked.
pub(super) fn without_rows(statement: &Statement) -> Option<Statement> {
    let Statement::Query(query) = statement else { return None };
    if !is_empty(query) {
        return None;
    }
    let columns = columns(query)?.into_iter().map(|name| {
        let name = name.replace('"', "\"\"");
        format!("{NOTHING} AS \"{name}\"")
    });
    let columns: Vec<_> = columns.collect();
    let text = format!("SELECT {} WHERE false", columns.join(", "));
    Parser::parse_sql(&PostgreSqlDialect {}, &text).ok()?.pop()
}

/// Whether a question is about something that has no rows.
fn is_empty(query: &Query) -> bool {
    let mut names = Names(false);
    // It breaks off never, so there is nothing to say of it.
    _ = query.visit(&mut names);
    names.0
}

struct Names(bool);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.0.last().and_then(|part| part.as_ident());
        self.0 |= name.is_some_and(|name| EMPTY.contains(&&*name.value));
        ControlFlow::Continue(())
    }
}

/// The names of a question's columns, where they can be told.
fn columns(query: &Query) -> Option<Vec<String>> {
    let SetExpr::Select(select) = &*query.body else { return None };
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            parts.last().map(|part| part.value.clone())
        }
        SelectItem::UnnamedExpr(Expr::Function(function)) => Some(function.name.to_string()),
        SelectItem::UnnamedExpr(_) => Some("?column?".to_owned()),
        SelectItem::ExprWithAliases { .. }
        | SelectItem::Wildcard(_)
        | SelectItem::QualifiedWildcard(..) => None,
    };
    select.projection.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(sql: &str) -> Statement {
        Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0)
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let mut one = parsed("SELECT ARRAY(SELECT 1), c.reloptions, c.relname FROM pg_class c");
        mend(&mut one);
        assert_eq!(
            one.to_string(),
            "SELECT CAST(NULL AS TEXT), CAST(NULL AS TEXT), c.relname FROM pg_class c"
        );
        let mut other = parsed("SELECT 1 WHERE a LIKE $1 || '%' ESCAPE '/'");
        mend(&mut other);
        assert_eq!(other.to_string(), "SELECT 1 WHERE a LIKE replace($1 || '%', '/', '\\')");
    }

    #[test]
    fn questions_about_keys_have_their_columns_and_no_rows() {
        let empty = without_rows(&parsed("SELECT c.conname, min(x) AS least FROM pg_constraint c"));
        let expected =
            "SELECT CAST(NULL AS TEXT) AS \"conname\", CAST(NULL AS TEXT) AS \"least\" WHERE false";
        assert_eq!(empty.map(|statement| statement.to_string()).as_deref(), Some(expected));
        assert_eq!(without_rows(&parsed("SELECT conname FROM orders")), None);
    }
}
