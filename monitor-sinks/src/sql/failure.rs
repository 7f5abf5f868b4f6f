//! What to say when a statement fails: where the mistake is, which limit was met, what there is instead.

use rusqlite::{Connection, ErrorCode, fallible_iterator::FallibleIterator};

use super::{guard::MOST_SQL, session::Session};
use crate::{
    error::{Error, Fault, Kind},
    store::schema::READER_PATIENCE,
    util::distance::nearest,
};

/// How much of a statement a message shows before and after the place of a mistake, in characters.
const SHOWN: usize = 30;

/// The parts of SQLite's messages that mean a limit, not a mistake.
const LIMITS: [&str; 7] =
    ["too large", "too many", "too complex", "too long", "too big", "too deep", "parser stack overflow"];

/// The end of SQLite's message about a table that cannot be written to.
const UNCHANGEABLE: &str = " may not be modified";

/// The error that a failure of SQLite on `connection` is to the caller.
pub(super) fn explain(error: rusqlite::Error, sql: &str, session: &Session, connection: &Connection) -> Error {
    {
        let mut notes = session.notes();
        if let Some(failure) = notes.failure.take() {
            return failure;
        }
        if let Some(what) = notes.refused.take() {
            return refused(&what);
        }
        if notes.is_overdue {
            return overdue();
        }
    }
    let is_limit = |message: &str| LIMITS.iter().any(|limit| message.contains(limit));
    match error {
        error if error.sqlite_error_code() == Some(ErrorCode::TooBig) => {
            limit("a value of the statement is over 256 KiB; choose less, for instance with substr() or count()")
        }
        // SQLite sees this before it asks whether it may.
        rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg))
            if msg.ends_with(UNCHANGEABLE) =>
        {
            refused(&format!("a change of {}", msg.trim_end_matches(UNCHANGEABLE)))
        }
        rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)) if is_limit(&msg) => {
            limit(&format!("the statement is beyond what is read here ({msg}); write it shorter, or in several"))
        }
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            let place = usize::try_from(offset).map_or_else(|_| String::new(), |offset| place(sql, offset));
            wrong(&format!("{msg}{place}{}", hint(&msg, connection)))
        }
        rusqlite::Error::SqliteFailure(failure, message) if failure.code == ErrorCode::Unknown => {
            let message = message.unwrap_or_else(|| failure.to_string());
            wrong(&format!("{message}{}", hint(&message, connection)))
        }
        error => Error::sqlite("query", session.path(), READER_PATIENCE, error),
    }
}

pub(super) fn wrong(message: &str) -> Error {
    Kind::Sql { fault: Fault::Mistake, message: format!("mistake in the SQL: {message}") }.into()
}

pub(super) fn refused(what: &str) -> Error {
    let message = format!(
        "{what} was refused: a store answers statements that read, such as SELECT, and changes nothing; export_tables() \
         makes a database of your own that you can change"
    );
    Kind::Sql { fault: Fault::Refused, message }.into()
}

pub(super) fn limit(message: &str) -> Error {
    Kind::Sql { fault: Fault::Limit, message: message.to_owned() }.into()
}

fn overdue() -> Error {
    limit(
        "the statement took too long; name metric_name and timestamp in WHERE, so that less is read, or give it more time \
         with within(...)",
    )
}

pub(super) fn too_long(length: usize) -> Error {
    limit(&format!(
        "the statement has {length} bytes, the most is {MOST_SQL}; put values into parameters (?1) instead of its text"
    ))
}

/// Where in `sql` the byte `offset` is, with what stands there.
fn place(sql: &str, offset: usize) -> String {
    let Some((before, after)) = sql.split_at_checked(offset) else { return String::new() };
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].chars().count() + 1;
    let rest: String = after.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    let rest = if rest.is_empty() { String::from(", at the end") } else { format!(", at `{rest}`") };
    format!(" in line {line}, column {column}{rest}")
}

/// What to do about a mistake, where that can be told.
fn hint(message: &str, connection: &Connection) -> String {
    if let Some(unknown) = message.strip_prefix("no such table: ") {
        return other_table(unknown, &tables(connection));
    }
    if message.starts_with("no such column: ") {
        return String::from(
            "; PRAGMA table_xinfo(TABLE) lists the columns of a table. Text stands in 'single quotes'",
        );
    }
    if message.starts_with("no such function: ") {
        return String::from("; the functions are those of SQLite. PromQL answers rates and quantiles");
    }
    String::new()
}

fn other_table(unknown: &str, names: &[String]) -> String {
    let list = names.join(", ");
    match nearest(unknown, names.iter().map(String::as_str), 1)[..] {
        [near] => format!("; did you mean {near}? There are {list}"),
        _ => format!("; there are {list}"),
    }
}

/// The names of the tables and views that a statement can read, without those that are SQLite's.
fn tables(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema IN ('main', 'temp') AND name NOT LIKE 'sqlite%'
               ORDER BY name";
    let names = connection.prepare(sql).and_then(|mut statement| {
        let rows = statement.query([])?;
        rows.map(|row| row.get(0)).collect()
    });
    names.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_by_line_and_column() {
        assert_eq!(place("SELECT 1\nFORM ä", 9), " in line 2, column 1, at `FORM ä`");
        assert_eq!(place("SELECT 'ü' x y", 14), " in line 1, column 14, at `y`");
        assert_eq!(place("SELECT", 6), " in line 1, column 7, at the end");
        assert_eq!(place("ä", 1), "", "inside of a character");
        assert_eq!(place("a", 9), "");
    }

    #[test]
    fn a_mistyped_table_is_answered_with_the_nearest_and_the_list() {
        let names = ["app_metrics", "series"].map(String::from);
        assert_eq!(other_table("app_metric", &names), "; did you mean app_metrics? There are app_metrics, series");
        assert_eq!(other_table("x", &names), "; there are app_metrics, series");
    }
}
