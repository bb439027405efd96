//! A commit with more rows than one transaction takes: written page by page, and true at once.
//!
//! ```text
//! COMMIT#<id> is PENDING ─► every row gets lock and next ─► COMMIT#<id> is COMMITTED
//!        │                  (if it is what was read)          │  (the moment it happens)
//!        ▼ expired, or a row was not                          ▼
//!     ABORTED ─► rows lose lock and next ─► gone           rows become next ─► gone
//! ```
//!
//! A row that is locked is read as its commit stands. Whoever meets a lock and wants to write takes
//! the commit to its end, from wherever whoever began it left it; each step may be done twice, and
//! by two at once.
//!
//! Never: a row that is written while the commit is not decided.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::time::Timestamp;
use futures_util::StreamExt;
use service::view::{Direction, Read, damaged};

use super::commit::{self, ACTIONS_MAX, BYTES_MAX, Expression};
use super::door::{Door, Failed, Range, why_failed};
use super::item::{Item, Key, maybe_text, n, number, s, text};
use super::plan::{Act, Guard, Plan, Write};
use super::{base, keys};

/// Rows of one page: what a transaction takes, less the commit itself and the page's own row.
const PAGE_ROWS_MAX: usize = ACTIONS_MAX - 10;
/// Rows that become what they are to be at a time.
const ROWS_AT_ONCE: usize = 16;

/// Where a commit in several pages stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Its rows are being locked, until then.
    Pending {
        /// From when on others may abort it.
        expires: Timestamp,
    },
    /// It has happened.
    Committed,
    /// It never happens.
    Aborted,
}

const PENDING: &str = "PENDING";
const COMMITTED: &str = "COMMITTED";
const ABORTED: &str = "ABORTED";

/// Where a commit stands; `None` once it has ended.
pub(super) fn status(door: &Door, id: &str) -> Read<Option<Status>> {
    let Some(row) = door.get(vec![keys::commit(id)])?.pop() else { return Ok(None) };
    match text(&row, "status")? {
        PENDING => Ok(Some(Status::Pending { expires: Timestamp(number(&row, "until")?) })),
        COMMITTED => Ok(Some(Status::Committed)),
        ABORTED => Ok(Some(Status::Aborted)),
        _ => Err(damaged("a commit in no known state")),
    }
}

/// What a locked row is once its commit has happened; `None` when it goes then.
pub(super) fn after(mut item: Item) -> Read<Option<Item>> {
    let key = Key::of(&item)?;
    match item.remove("next") {
        Some(AttributeValue::M(mut next)) => {
            next.extend(key.item());
            Ok(Some(next))
        }
        Some(_) => Err(damaged("a locked row without what it is to be")),
        None => Ok(None),
    }
}

/// What a locked row is while its commit has not happened; `None` when it is not there then.
pub(super) fn before(mut item: Item) -> Option<Item> {
    let is_new = item.contains_key("new");
    item.remove("lock");
    item.remove("next");
    // A row without anything is made by its lock.
    (!is_new && item.len() > 2).then_some(item)
}

/// Writes a plan page by page. `is_late` says whether followers may have gone past where it is to
/// stand in the log.
pub(super) fn write(
    door: &Door,
    plan: Plan,
    id: &str,
    expires: Timestamp,
    is_late: &dyn Fn() -> bool,
) -> Result<(), Failed> {
    match stage(door, plan, id, expires, is_late) {
        Ok(()) => {
            // It has happened: if this is cut short, others take it to its end.
            if let Err(error) = finish(door, id) {
                tracing::warn!(commit = id, ?error, "commit {id} is left for others to finish");
            }
            Ok(())
        }
        // What it came to is told by the commit's row, whatever failed.
        Err(failed) => match abort(door, id, None) {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed),
            Err(error) => {
                tracing::warn!(commit = id, ?error, "commit {id} is left for others to end");
                Err(failed)
            }
        },
    }
}

fn stage(
    door: &Door,
    plan: Plan,
    id: &str,
    expires: Timestamp,
    is_late: &dyn Fn() -> bool,
) -> Result<(), Failed> {
    let (counts, rows): (Vec<Write>, Vec<Write>) =
        plan.writes.into_iter().partition(|write| matches!(write.act, Act::Count(_)));
    for (number, page) in pages(rows).into_iter().enumerate() {
        if is_late() {
            return Err(Failed::Conflict);
        }
        let mut actions =
            vec![if number == 0 { begin(door, id, expires)? } else { goes_on(door, id)? }];
        actions.push(names(door, id, number, &page)?);
        for write in page {
            actions.push(lock(door, id, write)?);
        }
        door.transact(actions, Some(format!("{id}-{number}")))?;
    }
    let mut actions = vec![turn(door, id, COMMITTED, None)?];
    for count in counts {
        if let Act::Count(by) = &count.act {
            actions.push(commit::count(door, &count.key, by)?);
        }
    }
    door.transact(actions, Some(format!("{id}-c")))
}

/// Rows in pages that fit a transaction each.
fn pages(rows: Vec<Write>) -> Vec<Vec<Write>> {
    let (mut pages, mut bytes) = (vec![Vec::new()], 0);
    for row in rows {
        let own = row.bytes();
        let is_full = |page: &Vec<Write>| {
            page.len() == PAGE_ROWS_MAX || (bytes + own > BYTES_MAX && !page.is_empty())
        };
        if pages.last().is_none_or(is_full) {
            pages.push(Vec::new());
            bytes = 0;
        }
        bytes += own;
        if let Some(page) = pages.last_mut() {
            page.push(row);
        }
    }
    pages
}

fn begin(door: &Door, id: &str, expires: Timestamp) -> Result<TransactWriteItem, Failed> {
    let mut item = keys::commit(id).item();
    let own = [("status", s(PENDING)), ("until", n(expires.0))];
    let list = [("list", s(keys::COMMITS)), ("name", s(id))];
    item.extend(own.into_iter().chain(list).map(|(name, value)| (name.to_owned(), value)));
    commit::put(door, item, &Guard::Absent)
}

/// That nobody has aborted it.
fn goes_on(door: &Door, id: &str) -> Result<TransactWriteItem, Failed> {
    commit::check(door, &keys::commit(id), &is(PENDING))
}

fn is(status: &str) -> Expression {
    let mut condition = Expression::default();
    let (name, value) = (condition.name("status"), condition.value(s(status)));
    condition.text = format!("{name} = {value}");
    condition
}

/// Names the rows of a page, so that whoever finds the commit finds them.
fn names(door: &Door, id: &str, page: usize, rows: &[Write]) -> Result<TransactWriteItem, Failed> {
    let mut item = keys::commit_rows(id, page).item();
    let name = |write: &Write| s(format!("{}\t{}", write.key.pk, write.key.sk));
    item.insert("rows".to_owned(), AttributeValue::L(rows.iter().map(name).collect()));
    commit::put(door, item, &Guard::None)
}

fn named(page: &Item) -> Read<Vec<Key>> {
    let rows = page.get("rows").and_then(|rows| rows.as_l().ok());
    let rows = rows.ok_or_else(|| damaged("a page of a commit without rows"))?;
    let key = |row: &AttributeValue| {
        let (pk, sk) = row.as_s().ok()?.split_once('\t')?;
        Some(Key::new(pk, sk))
    };
    let keys: Option<Vec<Key>> = rows.iter().map(key).collect();
    keys.ok_or_else(|| damaged("a page of a commit that names no row"))
}

/// Locks a row that still is what was read, with what it is to be.
fn lock(door: &Door, id: &str, write: Write) -> Result<TransactWriteItem, Failed> {
    let Write { key, act, guard } = write;
    let mut expression = Expression::default().guard(&guard);
    let lock = expression.name("lock");
    if guard == Guard::None {
        expression.text = format!("attribute_not_exists({lock})");
    }
    let id = expression.value(s(id));
    let mut change = format!("SET {lock} = {id}");
    let next = match act {
        Act::Put(item) | Act::Take(_, item) => Some(item),
        Act::Delete | Act::Count(_) => None,
    };
    if let Some(mut next) = next {
        if key.sk == "CHANGE" {
            // Followers are to see that something stands there, and wait for what becomes of it.
            for shown in ["log", "first"] {
                let (name, value) = (expression.name(shown), next.get(shown).cloned());
                let value = expression.value(value.unwrap_or_else(|| n(0)));
                change.push_str(&format!(", {name} = {value}"));
            }
            let (new, yes) = (expression.name("new"), expression.value(AttributeValue::Bool(true)));
            change.push_str(&format!(", {new} = {yes}"));
        }
        next.remove("PK");
        next.remove("SK");
        let (name, value) = (expression.name("next"), expression.value(AttributeValue::M(next)));
        change.push_str(&format!(", {name} = {value}"));
    }
    commit::updated(door, &key, &change, &expression)
}

/// Decides a commit, if it is not decided; by others, only once it has expired.
fn turn(
    door: &Door,
    id: &str,
    to: &str,
    now: Option<Timestamp>,
) -> Result<TransactWriteItem, Failed> {
    let mut expression = is(PENDING);
    if let Some(now) = now {
        let (until, now) = (expression.name("until"), expression.value(n(now.0)));
        expression.text.push_str(&format!(" AND {until} < {now}"));
    }
    let (status, to) = (expression.name("status"), expression.value(s(to)));
    commit::updated(door, &keys::commit(id), &format!("SET {status} = {to}"), &expression)
}

/// Takes a commit that was met to its end, if it can be.
pub(super) fn help(door: &Door, id: &str, now: Timestamp) -> Result<(), Failed> {
    match status(door, id)? {
        Some(Status::Committed) => finish(door, id),
        Some(Status::Aborted) => end(door, id, Outcome::Before),
        Some(Status::Pending { expires }) if expires < now => abort(door, id, Some(now)).map(drop),
        Some(Status::Pending { .. }) | None => Ok(()),
    }
}

/// Gives up a commit: whoever began it at any time, others (who say what time it is) once it has
/// expired. One that has happened is taken to its end instead, and told of.
fn abort(door: &Door, id: &str, now: Option<Timestamp>) -> Result<bool, Failed> {
    let turned = door.transact(vec![turn(door, id, ABORTED, now)?], None);
    match status(door, id)? {
        Some(Status::Aborted) => end(door, id, Outcome::Before).map(|()| false),
        Some(Status::Committed) => finish(door, id).map(|()| true),
        Some(Status::Pending { .. }) => turned.map(|()| false),
        None => Ok(false),
    }
}

/// Lets the rows of a commit that has happened become what they are to be.
pub(super) fn finish(door: &Door, id: &str) -> Result<(), Failed> {
    end(door, id, Outcome::After)
}

#[derive(Clone, Copy)]
enum Outcome {
    Before,
    After,
}

/// Ends a decided commit: its rows, then its pages, then itself.
fn end(door: &Door, id: &str, outcome: Outcome) -> Result<(), Failed> {
    let mut ended = vec![keys::commit(id)];
    for page in all_pages(door, id)? {
        let rows = door.get(named(&page)?)?;
        let mut own = Vec::new();
        for row in rows.into_iter().filter(|row| maybe_text(row, "lock") == Some(id)) {
            let key = Key::of(&row)?;
            let becomes = match outcome {
                Outcome::Before => before(row),
                Outcome::After => after(row)?,
            };
            own.push((key, becomes));
        }
        let (client, table, id) = (door.client().clone(), door.table.clone(), id.to_owned());
        door.written(async move {
            let rows = own.into_iter().map(|(key, row)| unlock(&client, &table, &id, key, row));
            all(rows).await
        })?;
        ended.push(Key::of(&page)?);
    }
    ended.reverse();
    let (client, table) = (door.client().clone(), door.table.clone());
    door.written(async move {
        // One after the other: the commit's own row is the last to go.
        for key in ended {
            let gone = client.delete_item().table_name(&table).set_key(Some(key.item()));
            gone.send().await.map_err(|error| why_failed(&error))?;
        }
        Ok(())
    })
}

fn all_pages(door: &Door, id: &str) -> Read<Vec<Item>> {
    let range = Range {
        index: None,
        partition: keys::commit(id).pk,
        from: s("ROWS#"),
        until: s(format!("ROWS#{}", base::LAST)),
        way: Direction::Oldest,
        limit: usize::MAX,
    };
    let (mut pages, mut next) = (Vec::new(), None);
    loop {
        let asked = Range { limit: ACTIONS_MAX, ..range.clone() };
        let Some(some) = door.query(vec![(asked, next)])?.pop() else { return Ok(pages) };
        pages.extend(some.items);
        next = some.next;
        if next.is_none() {
            return Ok(pages);
        }
    }
}

/// A row becomes what it is to be, unless somebody has seen to that.
async fn unlock(
    client: &Client,
    table: &str,
    id: &str,
    key: Key,
    row: Option<Item>,
) -> Result<(), Failed> {
    let names = HashMap::from([("#lock".to_owned(), "lock".to_owned())]);
    let values = HashMap::from([(":id".to_owned(), s(id))]);
    let done = match row {
        Some(row) => {
            let put = client.put_item().table_name(table).set_item(Some(row));
            let put = put.condition_expression("#lock = :id");
            let put = put.set_expression_attribute_names(Some(names));
            let put = put.set_expression_attribute_values(Some(values)).send().await;
            put.map(drop).map_err(|error| (seen_to(&error), why_failed(&error)))
        }
        None => {
            let gone = client.delete_item().table_name(table).set_key(Some(key.item()));
            let gone = gone.condition_expression("#lock = :id");
            let gone = gone.set_expression_attribute_names(Some(names));
            let gone = gone.set_expression_attribute_values(Some(values)).send().await;
            gone.map(drop).map_err(|error| (seen_to(&error), why_failed(&error)))
        }
    };
    match done {
        Ok(()) | Err((true, _)) => Ok(()),
        Err((false, failed)) => Err(failed),
    }
}

/// Whether a row was not written because its lock is another's, or gone.
fn seen_to<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

async fn all(
    tasks: impl Iterator<Item = impl Future<Output = Result<(), Failed>>>,
) -> Result<(), Failed> {
    let mut done = futures_util::stream::iter(tasks).buffer_unordered(ROWS_AT_ONCE);
    while let Some(one) = done.next().await {
        one?;
    }
    Ok(())
}
