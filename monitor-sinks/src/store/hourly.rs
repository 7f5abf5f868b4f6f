//! What a stranger reads of functions: one plain row for each function and hour.
//!
//! It is worked out when the hour is over, from what is stored at full resolution, and kept for as long as windows of an
//! hour are.

use std::{collections::BTreeMap, time::Duration};

use monitor_core::{
    Distribution, Number,
    names::{CALLS, DURATION},
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{
    Window,
    entry::Entry,
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

/// An hour that is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hourly {
    /// Its end.
    until: i64,
    /// How long rows are kept, in microseconds.
    keep_us: i64,
}

/// What a function did.
#[derive(Debug, Default)]
struct Row {
    outcomes: BTreeMap<String, u64>,
    durations: Distribution,
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
        Ok((now_us.saturating_sub(GRACE_US) >= until).then_some(Self { until, keep_us: duration_micros(keep) }))
    }

    /// Tells the hour, and forgets those that are too old.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let series = series::load(connection, Some(&[CALLS, DURATION]))?;
        let rows = gather(connection, &series, Window { after: self.until - HOUR_US, until: self.until })?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO function_hourly
                 VALUES(strftime('%Y-%m-%d %H:%M:%S', ?1, 'unixepoch'), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?;
            for ((service, module, function), row) in &rows {
                let outcome = |name| row.outcomes.get(name).copied().unwrap_or(0).cast_signed();
                let calls: u64 = row.outcomes.values().sum();
                if calls == 0 {
                    continue;
                }
                insert.execute(params![
                    (self.until - HOUR_US) / 1_000_000,
                    service,
                    module,
                    function,
                    calls.cast_signed(),
                    outcome("ok"),
                    outcome("error"),
                    outcome("panicked"),
                    outcome("cancelled"),
                    row.durations.quantile(0.5),
                    row.durations.quantile(0.95),
                    row.durations.quantile(0.99),
                    row.durations.max(),
                ])?;
            }
        }
        transaction
            .prepare_cached("DELETE FROM function_hourly WHERE hour < strftime('%Y-%m-%d %H:%M:%S', ?1, 'unixepoch')")?
            .execute([self.until.saturating_sub(self.keep_us).div_euclid(1_000_000)])?;
        transaction.execute(
            "INSERT INTO meta(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
            params![KEY, self.until],
        )?;
        transaction.commit()?;
        Ok(true)
    }
}

type Function<'a> = (&'a str, &'a str, &'a str);

fn gather<'a>(
    connection: &Connection,
    series: &'a [StoredSeries],
    window: Window,
) -> rusqlite::Result<BTreeMap<Function<'a>, Row>> {
    let ids: Vec<u64> = series.iter().map(|series| series.id).collect();
    let mut rows: BTreeMap<Function<'a>, Row> = BTreeMap::new();
    let mut buckets = Vec::new();
    Walk::new(connection, &ids, Detail::Merged).run(window, Tier::Raw, &mut |found| {
        let Found::Entry { place, entry, .. } = found else { return };
        let series = &series[place];
        let row = rows.entry((&series.service, series.label("module"), series.label("function"))).or_default();
        match entry {
            Entry::Counter { increase: Number::Int(increase), .. } => {
                let calls = row.outcomes.entry(series.label("outcome").to_owned()).or_default();
                *calls = calls.saturating_add(increase);
            }
            Entry::Distribution(encoded) if encoded.buckets(&mut buckets).is_ok() => {
                let extremes = Some((encoded.min, encoded.max));
                row.durations.merge(&Distribution::from_parts(std::mem::take(&mut buckets), encoded.sum, extremes));
            }
            _ => {}
        }
    })?;
    Ok(rows)
}
