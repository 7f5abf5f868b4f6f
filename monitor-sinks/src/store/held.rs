//! Which series have something in a window, without reading what it is.
//!
//! A chunk has an entry at least, so a series is there if one of its chunks lies in the window as a whole. Chunks that the
//! edges of the window cut, and rows, would have to be read; of these nothing is said.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::{Reader, Window, tier::Tier};
use crate::error::Error;

/// How many series are looked up one by one rather than by a pass over a segment.
const FEW: usize = 24;

impl Reader {
    /// Those of the series `ids` that are sure to have something in `window`.
    ///
    /// Cost: from the newest segment on, until all are found; at worst an index look-up for each segment and series.
    pub(crate) fn sure_in(&self, ids: impl IntoIterator<Item = u64>, window: Window) -> Result<BTreeSet<u64>, Error> {
        self.at_once(|| sure(&self.connection, ids.into_iter().collect(), window).map_err(|error| self.failed(error)))
    }
}

fn sure(connection: &Connection, mut open: BTreeSet<u64>, window: Window) -> rusqlite::Result<BTreeSet<u64>> {
    let mut sure = BTreeSet::new();
    let mut segments = connection.prepare_cached(
        "SELECT id, first_chunk, last_chunk FROM segment WHERE t0 > ?1 AND t1 <= ?2 AND tier < ?3 ORDER BY t1 DESC",
    )?;
    let mut one = connection.prepare_cached("SELECT 1 FROM chunk WHERE series = ?1 AND segment = ?2")?;
    let mut all = connection.prepare_cached("SELECT series FROM chunk WHERE id BETWEEN ?1 AND ?2 AND segment = ?3")?;
    let mut rows = segments.query(params![window.after, window.until, Tier::Unfinished.code()])?;
    while let Some(row) = rows.next()?.filter(|_| !open.is_empty()) {
        let (id, first, last): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut found = Vec::new();
        if open.len() <= FEW {
            for &series in &open {
                if one.exists(params![series.cast_signed(), id])? {
                    found.push(series);
                }
            }
        } else {
            for series in all.query_map(params![first, last, id], |row| row.get::<_, i64>(0))? {
                found.push(series?.cast_unsigned());
            }
        }
        sure.extend(found.into_iter().filter(|series| open.remove(series)));
    }
    Ok(sure)
}
