//! What a stranger reads of functions: one plain row for each function and hour.
//!
//! It is worked out when the hour is over, from what is stored at full resolution, and kept for as long as windows of an
//! hour are.

use std::{collections::BTreeMap, time::Duration};

use monitor_core::{
    Number,
    names::{CALLS, DURATION},
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{
    Window,
    entry::Entry,
    merger::Merger,
    series::{self, StoredSeries},
    tier::Tier,
    walk::{self, Detail, Found, Walk},
};
use crate::util::time::duration_micros;

const HOUR_US: i64 = 3_600_000_000;

/// How long an hour has to be over.
const GRACE_US: i64 = 60_000_000;

/// The name in `meta` of the end of the last hour that was told.
const KEY: &str = "hourly_us";

/// Functions of one slice.
const SLICE: usize = 25;

/// An hour that is being told.
#[derive(Debug)]
pub(super) struct Hourly {
    /// Its end.
    until: i64,
    /// How long rows are kept, in microseconds.
    keep_us: i64,
    /// The functions that are left, once they have been looked up.
    left: Option<Vec<Function>>,
}

/// A monitored function.
#[derive(Debug)]
struct Function {
    name: Name,
    /// Its series, each with what it counts.
    series: Vec<(u64, Part)>,
}

/// Service, module and function.
type Name = (String, String, String);

/// What a series says of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Ok,
    Error,
    Panicked,
    Cancelled,
    Duration,
}

/// What a function did.
#[derive(Debug, Default)]
struct Row {
    calls: u64,
    ok: u64,
    errors: u64,
    panicked: u64,
    cancelled: u64,
    durations: Merger,
}

impl Hourly {
    /// The next hour, if it is over.
    pub(super) fn due(connection: &Connection, now_us: i64, keep: Duration) -> rusqlite::Result<Option<Self>> {
        let told: Option<i64> = connection
            .prepare_cached("SELECT v FROM meta WHERE k = ?1 AND typeof(v) = 'integer'")?
            .query_row([KEY], |row| row.get(0))
            .optional()?;
        let Some(oldest) = walk::oldest(connection)? else { return Ok(None) };
        // Hours without anything are passed over.
        let from = told.unwrap_or(i64::MIN).max((oldest - 1).div_euclid(HOUR_US) * HOUR_US);
        let until = from + HOUR_US;
        let is_over = now_us.saturating_sub(GRACE_US) >= until;
        Ok(is_over.then_some(Self { until, keep_us: duration_micros(keep), left: None }))
    }

    /// Tells some functions of the hour, and forgets the hours that are too old. Returns whether all is done.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let Some(left) = &mut self.left else {
            self.left = Some(functions(series::load(connection, &[CALLS, DURATION])?));
            return Ok(false);
        };
        let functions = left.split_off(left.len().saturating_sub(SLICE));
        let is_done = left.is_empty();
        let rows = gather(connection, &functions, Window { after: self.until - HOUR_US, until: self.until })?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (function, row) in functions.iter().zip(rows).filter(|(_, row)| row.calls > 0) {
            insert(&transaction, self.until - HOUR_US, &function.name, row)?;
        }
        if is_done {
            transaction
                .prepare_cached(
                    "DELETE FROM function_hourly WHERE hour < strftime('%Y-%m-%d %H:%M:%S', ?1, 'unixepoch')",
                )?
                .execute([self.until.saturating_sub(self.keep_us).div_euclid(1_000_000)])?;
            transaction.execute(
                "INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
                params![KEY, self.until],
            )?;
        }
        transaction.commit()?;
        Ok(is_done)
    }
}

fn insert(connection: &Connection, hour: i64, name: &Name, row: Row) -> rusqlite::Result<()> {
    let durations = row.durations.into_distribution();
    let [calls, ok, errors, panicked, cancelled] = [row.calls, row.ok, row.errors, row.panicked, row.cancelled]
        .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO function_hourly
             VALUES(strftime('%Y-%m-%d %H:%M:%S', ?1, 'unixepoch'), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            hour / 1_000_000,
            name.0,
            name.1,
            name.2,
            calls,
            ok,
            errors,
            panicked,
            cancelled,
            durations.quantile(0.5),
            durations.quantile(0.95),
            durations.quantile(0.99),
            durations.max(),
        ])?;
    Ok(())
}

/// The functions that `series` are of. Outcomes of other names are not of ours.
fn functions(series: Vec<StoredSeries>) -> Vec<Function> {
    let mut functions: BTreeMap<Name, Vec<(u64, Part)>> = BTreeMap::new();
    for series in series {
        let part = match series.label("outcome") {
            "ok" => Part::Ok,
            "error" => Part::Error,
            "panicked" => Part::Panicked,
            "cancelled" => Part::Cancelled,
            _ if series.name == DURATION => Part::Duration,
            _ => continue,
        };
        let name = (series.service.clone(), series.label("module").to_owned(), series.label("function").to_owned());
        functions.entry(name).or_default().push((series.id, part));
    }
    functions.into_iter().map(|(name, series)| Function { name, series }).collect()
}

/// What the functions did in the window.
fn gather(connection: &Connection, functions: &[Function], window: Window) -> rusqlite::Result<Vec<Row>> {
    let mut rows: Vec<Row> = functions.iter().map(|_| Row::default()).collect();
    let series = functions.iter().enumerate();
    let (ids, parts): (Vec<u64>, Vec<(usize, Part)>) =
        series.flat_map(|(place, function)| function.series.iter().map(move |&(id, part)| (id, (place, part)))).unzip();
    let mut buckets = Vec::new();
    Walk::new(connection, &ids, Detail::Merged).run(window, Tier::Raw, &mut |found| {
        let Found::Entry { place, entry, .. } = found else { return };
        let (function, part) = parts[place];
        rows[function].take(part, entry, &mut buckets);
    })?;
    Ok(rows)
}

impl Row {
    fn take(&mut self, part: Part, entry: Entry<'_>, buckets: &mut Vec<(u16, u64)>) {
        match entry {
            Entry::Counter { increase: Number::Int(increase), .. } => {
                let count = match part {
                    Part::Ok => &mut self.ok,
                    Part::Error => &mut self.errors,
                    Part::Panicked => &mut self.panicked,
                    Part::Cancelled => &mut self.cancelled,
                    Part::Duration => return,
                };
                *count = count.saturating_add(increase);
                self.calls = self.calls.saturating_add(increase);
            }
            Entry::Distribution(encoded) if encoded.buckets(buckets).is_ok() => self.durations.add(&encoded, buckets),
            _ => {}
        }
    }
}
