//! What the file says of itself to somebody who opens it with a SQLite shell.

use rusqlite::{Connection, params};

/// Topics with their texts, in the order in which they are read.
const TEXTS: &[(&str, &str)] = &[
    (
        "1 this file",
        "A metric store of the Rust crate `monitored`. Times are microseconds since 1970, UTC, unless they are text.",
    ),
    (
        "2 where to look",
        "SELECT * FROM latest ORDER BY name; shows the newest value of each series. SELECT * FROM function_hourly ORDER BY \
         hour DESC, calls DESC; shows each monitored function by the hour. SELECT * FROM slow_call ORDER BY ts DESC; shows \
         examples of slow calls.",
    ),
    (
        "3 series",
        "One row for each combination of metric, service and labels. kind: 0 counter, 1 gauge, 2 histogram, 3 timer.",
    ),
    ("4 latest", "Last value of each counter and gauge, refreshed every minute and when the recording ends."),
    (
        "5 function_hourly",
        "Calls by outcome and quantiles of their duration for each full hour, within 1.6 percent. Written some minutes after \
         the hour has ended.",
    ),
    (
        "6 chunk",
        "Values of one series over a segment of time. How many entries there are, last, smallest, largest, total and \
         observations are plain; all values are in the blob. For counters, last is the total so far and total is the increase. \
         SELECT name, labels, datetime(t0 / 1000000, 'unixepoch') AS since, datetime(t1 / 1000000, 'unixepoch') AS until, \
         entries, last, smallest, largest, total FROM chunk JOIN segment ON segment.id = chunk.segment JOIN series ON \
         series.id = chunk.series WHERE tier = 0 ORDER BY name, labels, t0; shows them.",
    ),
    (
        "7 segment",
        "tier 0 holds every flush, tier 1 windows of five minutes, tier 2 windows of an hour, tier 3 what was \
         imported; tier 4 is an import that was broken off. t0 and t1 are the times of the first and last flush or window.",
    ),
    (
        "8 all values",
        "The crate and its command `monitor` read everything: monitor export --db FILE writes plain tables, CSV, JSON lines or \
         OpenMetrics text.",
    ),
];

/// Writes the texts of this release in place of those of an older one.
pub(super) fn write(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM about", [])?;
    let mut insert = connection.prepare("INSERT INTO about(topic, text) VALUES(?1, ?2)")?;
    for (topic, text) in TEXTS {
        insert.execute(params![topic, text])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::schema;

    #[test]
    fn every_statement_that_is_recommended_works() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_for_writing(&folder.path().join("metrics.db"), Duration::ZERO).unwrap();
        let statements = TEXTS.iter().flat_map(|(_, text)| text.split("SELECT ").skip(1)).map(|rest| {
            let (statement, _) = rest.split_once(';').unwrap();
            format!("SELECT {statement}")
        });
        let mut found = 0;
        for statement in statements {
            connection.prepare(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
            found += 1;
        }
        assert_eq!(found, 4);
    }
}
