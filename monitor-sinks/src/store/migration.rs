//! The tables of a store, version by version.
//!
//! A new file goes through the same steps as an old one, so that both come out alike. A step is never changed once a
//! release has written its version; what comes after it is a new step. Each runs in the transaction that also sets the new
//! version, so a file is of one version or of the next.
//!
//! Version 1: series, one row a flush (`head`), exemplars of slow calls.
//! Version 2: sealed segments with one chunk a series (`segment`, `chunk`), rows of `head` that are used again, tiers, and
//! what a stranger with a SQLite shell finds in plain columns: `about`, `latest`, `function_hourly`.

use rusqlite::{Connection, Transaction, params};

use super::{
    about,
    schema::{READABLE_FROM, READABLE_KEY, VERSION},
    slow,
};

/// Labels are canonical JSON: one object, keys sorted, no spaces. `head` has one row a flush, see [`super::head`].
const FIRST: &str = "
CREATE TABLE meta(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;
CREATE TABLE series(
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, unit TEXT NOT NULL,
    service TEXT NOT NULL, labels TEXT NOT NULL, created_us INTEGER NOT NULL,
    UNIQUE(name, service, labels, kind)) STRICT;
CREATE TABLE head(ts INTEGER PRIMARY KEY, n INTEGER NOT NULL, crc INTEGER NOT NULL, b BLOB NOT NULL) STRICT;
";

/// Rows of `head` are overwritten once they are sealed, see [`super::rows`]; `unsealed` are those that count. `damaged`
/// tells of rows that could not be sealed.
const SLOTS: &str = "
ALTER TABLE head RENAME TO head_1;
CREATE TABLE head(
    slot INTEGER PRIMARY KEY, ts INTEGER NOT NULL UNIQUE, n INTEGER NOT NULL, crc INTEGER NOT NULL, b BLOB NOT NULL) STRICT;
INSERT INTO head(ts, n, crc, b) SELECT ts, n, crc, b FROM head_1 ORDER BY ts;
DROP TABLE head_1;
CREATE VIEW unsealed AS
    SELECT ts, n, crc, b FROM head
    WHERE ts > coalesce((SELECT v FROM meta WHERE k = 'sealed_us'), -9000000000000000000);
";

/// A segment is a span of flushes; its blob holds their times. A chunk is what one series has in it; small columns come
/// before the blobs, so that whoever reads only those does not touch the pages of the blobs. See [`super::segment`].
const SECOND: &str = "
CREATE TABLE segment(
    id INTEGER PRIMARY KEY, tier INTEGER NOT NULL, run INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
    flushes INTEGER NOT NULL, chunks INTEGER NOT NULL, first_chunk INTEGER NOT NULL, last_chunk INTEGER NOT NULL,
    crc INTEGER NOT NULL, b BLOB NOT NULL) STRICT;
CREATE INDEX segment_time ON segment(tier, t1);
CREATE TABLE chunk(
    id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, series INTEGER NOT NULL, entries INTEGER NOT NULL,
    last REAL, smallest REAL, largest REAL, total REAL, observations INTEGER,
    crc INTEGER NOT NULL, merged BLOB, b BLOB NOT NULL, UNIQUE(series, segment)) STRICT;
CREATE TABLE damaged(ts INTEGER PRIMARY KEY, reason TEXT NOT NULL) STRICT;
CREATE TABLE last_value(series INTEGER PRIMARY KEY, ts INTEGER NOT NULL, value REAL NOT NULL) STRICT;
CREATE VIEW latest AS
    SELECT series.name, series.service, series.labels, series.unit,
           strftime('%Y-%m-%d %H:%M:%S', last_value.ts / 1000000, 'unixepoch') AS time, last_value.value, last_value.ts
    FROM last_value JOIN series ON series.id = last_value.series;
CREATE TABLE function_hourly(
    hour TEXT NOT NULL, service TEXT NOT NULL, module TEXT NOT NULL, function TEXT NOT NULL, calls INTEGER NOT NULL,
    ok INTEGER NOT NULL, errors INTEGER NOT NULL, panicked INTEGER NOT NULL, cancelled INTEGER NOT NULL,
    p50_seconds REAL, p95_seconds REAL, p99_seconds REAL, max_seconds REAL,
    PRIMARY KEY(hour, service, module, function)) STRICT, WITHOUT ROWID;
CREATE TABLE about(topic TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Lets a connection that cannot write see the tables that its file, of version `found`, does not have yet: empty ones, of
/// this connection alone.
pub(super) fn pretend(connection: &Connection, found: i64) -> rusqlite::Result<()> {
    if found < 2 {
        connection.execute_batch("PRAGMA temp_store = MEMORY")?;
        connection.execute_batch("CREATE TEMP VIEW unsealed AS SELECT ts, n, crc, b FROM main.head")?;
        connection.execute_batch(
            &SECOND
                .replace("CREATE TABLE", "CREATE TEMP TABLE")
                .replace("CREATE VIEW", "CREATE TEMP VIEW")
                .replace("INDEX segment_time", "INDEX temp.segment_time"),
        )?;
    }
    Ok(())
}

/// Brings a store of version `found`, 0 for an empty file, to the version of this release.
pub(super) fn run(transaction: &Transaction<'_>, found: i64) -> rusqlite::Result<()> {
    if found < 1 {
        transaction.execute_batch(FIRST)?;
        transaction.execute_batch(slow::TABLE)?;
    }
    if found < 2 {
        transaction.execute_batch(SLOTS)?;
        transaction.execute_batch(SECOND)?;
    }
    about::write(transaction)?;
    transaction.execute("INSERT OR REPLACE INTO meta(k, v) VALUES(?1, ?2)", params![READABLE_KEY, READABLE_FROM])?;
    transaction.pragma_update(None, "user_version", VERSION)
}
