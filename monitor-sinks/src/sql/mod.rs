//! SQL over a store: statements that read, and the tables that older scripts know.
//!
//! - `column`, `stream`, `catalogue`: the tables, and what series are called in them.
//! - `plan`, `scan`, `total`, `table`: how SQLite reads samples, which are no rows of the file: virtual tables that narrow
//!   by name, series, service and time, and page through the rest. `timestamp`: instants as text.
//! - `session`, `guard`, `failure`: one statement, what it must not do, and what is said when it fails.
//! - `value`, `json`: answers. `export`: the same tables as plain rows in a file of their own.
//!
//! The tables are temporary ones of each connection. In the file itself a view over them would be broken for everybody
//! who opens it by other means, which is what the plain columns and the export are for.

mod catalogue;
mod column;
mod export;
mod failure;
mod guard;
mod json;
mod plan;
mod scan;
mod session;
mod stream;
mod table;
mod timestamp;
mod total;
mod value;

use std::{sync::Arc, time::Duration};

use rusqlite::{Batch, Connection, Statement, fallible_iterator::FallibleIterator};

use self::session::Session;
pub use self::{
    export::{TableExport, TableProgress},
    value::{SqlRows, SqlValue},
};
use crate::{error::Error, store::Store};

impl Store {
    /// Begins a question in SQL, such as `SELECT ... FROM app_metrics WHERE ...`.
    ///
    /// The tables that it can read:
    ///
    /// - `samples(series, ts, value, increase, count, sum, min, max, name, service, labels, kind, unit, time)`: what is
    ///   stored, under its own names. `ts` is in microseconds since 1970, `time` the same as text. `value` is the total of
    ///   a counter, the value of a gauge, the mean of a distribution; `increase` what a counter grew by since its row
    ///   before.
    /// - `app_metrics(id, timestamp, metric_name, metric_value, metric_type, tags, service_name)` and
    ///   `system_metrics(id, timestamp, metric_type, metric_name, value, unit, tags)`: the same as older scripts store it,
    ///   for what programs record and for the machine. `timestamp` is text, `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, and
    ///   compares with `datetime('now', '-1 hour')`. A function `f` is `f.calls`, `f.success`, `f.errors` and
    ///   `f.duration`; a row tells of a whole flush, so calls are `sum(metric_value)`, and a duration is a mean with the
    ///   hidden columns `count`, `sum`, `min` and `max` beside it.
    /// - The plain tables of the file: `series`, `latest`, `function_hourly`, `slow_call` and others; `about` explains
    ///   them.
    ///
    /// What WHERE says of `metric_name` (`name`), `service_name` (`service`), `series`, `timestamp` (`time`) and `ts`
    /// narrows what is read, if it compares with `=`, `IN`, `<`, `>`, `BETWEEN` and the like; everything else is looked at
    /// row by row.
    ///
    /// Cost: a connection is opened and closed for each answer, a fraction of a millisecond.
    pub fn sql(&self, statement: impl Into<String>) -> Sql {
        Sql {
            store: self.clone(),
            statement: statement.into(),
            values: Vec::new(),
            named: Vec::new(),
            first: usize::MAX,
            most_rows: 100_000,
            most_bytes: 64 << 20,
            within: Duration::from_secs(10),
        }
    }
}

/// A question in SQL. Steps bind values and set limits; [`rows`](Self::rows) answers it.
///
/// # Examples
///
/// ```no_run
/// # let store = monitor_sinks::Store::open_read_only("metrics.db")?;
/// let rows = store
///     .sql("SELECT timestamp, metric_value FROM app_metrics WHERE metric_name = ?1 AND timestamp > datetime('now', ?2)")
///     .bind("parse.duration")
///     .bind("-1 hour")
///     .rows()?;
/// for row in rows {
///     println!("{} took {} s", row[0], row[1]);
/// }
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until it is asked for rows"]
pub struct Sql {
    store: Store,
    statement: String,
    values: Vec<SqlValue>,
    named: Vec<(String, SqlValue)>,
    first: usize,
    most_rows: usize,
    most_bytes: usize,
    within: Duration,
}

impl Sql {
    /// Gives the next of the parameters `?1`, `?2`, ... (or `?`) its value.
    pub fn bind(mut self, value: impl Into<SqlValue>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Gives a parameter by name, such as `:from`, its value.
    pub fn bind_named(mut self, name: impl Into<String>, value: impl Into<SqlValue>) -> Self {
        self.named.push((name.into(), value.into()));
        self
    }

    /// Answers with the first `count` rows at most, and says whether there are more ([`SqlRows::is_cut`]).
    pub fn first(self, count: usize) -> Self {
        Self { first: count, ..self }
    }

    /// Fails instead of answering with more than `count` rows. Default: 100,000.
    pub fn most_rows(self, count: usize) -> Self {
        Self { most_rows: count, ..self }
    }

    /// Fails instead of answering with more than about `bytes` of values. Default: 64 MiB.
    pub fn most_bytes(self, bytes: usize) -> Self {
        Self { most_bytes: bytes, ..self }
    }

    /// Fails when there is no answer after `time`. Default: 10 seconds.
    ///
    /// The files on disk that SQLite sorts large answers in are bounded by this alone.
    pub fn within(self, time: Duration) -> Self {
        Self { within: time, ..self }
    }

    /// The answer.
    ///
    /// Memory: the answer, and a few megabytes to find it. Nothing that a statement does keeps a recording waiting. Only a
    /// program that starts to record, where nobody does, waits for statements on plain tables of the file.
    ///
    /// # Errors
    ///
    /// - [`Error::is_invalid_sql`] if there is a mistake in the statement; the message says where.
    /// - [`Error::is_refused`] if it would do anything but read.
    /// - [`Error::is_over_limit`] if it takes too long, or answers with too much; the message says which limit it met.
    /// - [`Error::is_invalid_setting`] if the values do not fit its parameters.
    /// - If the store cannot be read.
    pub fn rows(&self) -> Result<SqlRows, Error> {
        let sql = self.checked()?;
        let session = Arc::new(Session::new(self.store.clone(), Some(self.within)));
        let (mut quiet, mut connection) = self.store.reader()?.into_parts();
        let set_up = table::register(&connection, &session).and_then(|()| guard::close(&mut connection, &session));
        let explain = |error| failure::explain(error, sql, &session, &connection);
        set_up.map_err(explain)?;
        let mut statement = only_statement(&connection, sql, &explain)?;
        if !session.notes().reads_file {
            // What else is read comes through other connections, so whoever starts to record meanwhile may.
            drop(quiet.take());
        }
        self.bind_to(&mut statement, &explain)?;
        let mut rows = self.read(&mut statement, &explain)?;
        let mut notes = session.notes();
        rows.scanned = notes.scanned;
        rows.warnings = std::mem::take(&mut notes.warnings).into_vec();
        Ok(rows)
    }

    /// The statement, if SQLite can be asked to look at it.
    fn checked(&self) -> Result<&str, Error> {
        let sql = self.statement.as_str();
        if sql.len() > guard::MOST_SQL as usize {
            return Err(failure::too_long(sql.len()));
        }
        if sql.contains('\0') {
            return Err(failure::wrong("the statement holds a NUL character; bind such text as a parameter"));
        }
        Ok(sql)
    }

    fn bind_to(&self, statement: &mut Statement<'_>, explain: &impl Fn(rusqlite::Error) -> Error) -> Result<(), Error> {
        let wanted = statement.parameter_count();
        let mut is_bound = vec![false; wanted];
        if self.values.len() > wanted {
            let given = self.values.len();
            return Err(Error::setting(format!("the statement has {wanted} parameters, and {given} values are bound")));
        }
        let mut bindings: Vec<(usize, &SqlValue)> = (1..).zip(&self.values).collect();
        for (name, value) in &self.named {
            let Some(place) = statement.parameter_index(name).map_err(explain)? else {
                return Err(Error::setting(format!(
                    "the statement has no parameter `{name}`; write it as in the statement, with its `:`, `@` or `$`"
                )));
            };
            bindings.push((place, value));
        }
        for (place, value) in bindings {
            if std::mem::replace(&mut is_bound[place - 1], true) {
                return Err(Error::setting(format!(
                    "the parameter of number {place} is given two values; give it one"
                )));
            }
            statement.raw_bind_parameter(place, value).map_err(explain)?;
        }
        match is_bound.iter().position(|is_bound| !is_bound) {
            None => Ok(()),
            Some(place) => {
                let name = statement.parameter_name(place + 1).map_or_else(|| format!("?{}", place + 1), str::to_owned);
                Err(Error::setting(format!("the parameter `{name}` has no value; give it one with bind()")))
            }
        }
    }

    fn read(
        &self,
        statement: &mut Statement<'_>,
        explain: &impl Fn(rusqlite::Error) -> Error,
    ) -> Result<SqlRows, Error> {
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut answer = SqlRows { columns, rows: Vec::new(), cut: false, scanned: 0, warnings: Vec::new() };
        let width = answer.columns.len();
        let mut bytes = 0;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(explain)? {
            if answer.rows.len() == self.first {
                answer.cut = true;
                break;
            }
            if answer.rows.len() == self.most_rows {
                return Err(failure::limit(&format!(
                    "the answer has more than {} rows; narrow or sum it up, or allow more with most_rows(...)",
                    self.most_rows
                )));
            }
            let values = (0..width).map(|place| row.get_ref(place).map(SqlValue::from));
            let values = values.collect::<rusqlite::Result<Vec<_>>>().map_err(explain)?;
            bytes += values.iter().map(SqlValue::size).sum::<usize>();
            if bytes > self.most_bytes {
                return Err(failure::limit(&format!(
                    "the answer is larger than {} bytes; narrow or sum it up, or allow more with most_bytes(...)",
                    self.most_bytes
                )));
            }
            answer.rows.push(values);
        }
        Ok(answer)
    }
}

/// The one statement in `sql`.
fn only_statement<'a>(
    connection: &'a Connection,
    sql: &str,
    explain: &impl Fn(rusqlite::Error) -> Error,
) -> Result<Statement<'a>, Error> {
    let mut batch = Batch::new(connection, sql);
    let Some(statement) = batch.next().map_err(explain)? else {
        return Err(failure::wrong("there is no statement; write SELECT ..."));
    };
    if batch.next().map_err(explain)?.is_some() {
        return Err(failure::wrong("there is more than one statement; ask them one after the other"));
    }
    // All others are refused while they are prepared.
    if statement.readonly() { Ok(statement) } else { Err(failure::refused("VACUUM")) }
}

#[cfg(test)]
mod tests;
