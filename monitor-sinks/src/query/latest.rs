//! The newest value of every series.
//!
//! What the newest recording has is in its newest full row and the rows after it. What only earlier ones had is looked for
//! where its value was last noted in plain columns: that is done with every full row, so that what was stored of the series
//! after that is at most a minute further on.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use super::{
    Part, Point, Query, by_name,
    fold::{has_value, value},
};
use crate::{
    error::Error,
    store::{Detail, Entry, FULL_EVERY_US, Found, Reader, SeriesInfo, StoredSeries, Tier, Window},
    util::time::{from_micros, to_micros},
};

/// The newest value of a counter or gauge.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Latest {
    /// The series.
    pub series: Arc<SeriesInfo>,
    /// Its value, a counter's total, with the time of the row that says so: the newest in which it changed, or the newest
    /// full one, which there is once a minute.
    pub point: Point,
    /// Whether the recording that wrote it is the newest one. A value of an earlier recording does not hold any more; a
    /// counter has begun again at 0 since then, if it is there at all.
    pub is_current: bool,
}

impl Query {
    /// The newest value of every counter and gauge that matches, ordered by name, service and labels.
    ///
    /// Histograms and timers are left out: they have no single value. With a window, so are series whose newest value does
    /// not lie in it. A damaged row is passed over for the one before it. Cost: the table of series and a few rows,
    /// however much is stored.
    ///
    /// # Errors
    ///
    /// If a name asked for is unknown ([`Error::is_unknown_name`]), if a short name or steps are asked for
    /// ([`Error::is_invalid_setting`]), or if the store cannot be read.
    pub fn latest(&self) -> Result<Vec<Latest>, Error> {
        self.refuse(Part::ALL, "latest() answers with the newest values of single series", "ask for groups()")?;
        let asked = self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let mut series = self.matching_in_full(&reader)?;
        series.retain(|series| has_value(series.kind));
        series.sort_by(by_name);
        let found = reader.at_once(|| find(&reader, &series))?;
        let latest = series.into_iter().zip(found).filter_map(|(series, found)| {
            let (point, is_current) = found?;
            Some(Latest { series: series.info, point, is_current })
        });
        let is_asked = |latest: &Latest| {
            let ts = to_micros(latest.point.time);
            ts > asked.window.after && ts <= asked.window.until
        };
        Ok(latest.filter(is_asked).collect())
    }
}

/// The newest points of `series`, each with whether it is of the newest recording.
fn find(reader: &Reader, series: &[StoredSeries]) -> Result<Vec<Option<(Point, bool)>>, Error> {
    let ids: Vec<u64> = series.iter().map(|series| series.id).collect();
    let mut found = vec![None; ids.len()];
    reader.look_back(&ids, i64::MAX, i64::MIN, &mut |place, ts, entry| {
        found[place] = point(ts, entry).map(|point| (point, true));
    })?;
    if found.contains(&None) {
        earlier(reader, &ids, &mut found)?;
    }
    Ok(found)
}

/// Finds what only earlier recordings have.
fn earlier(reader: &Reader, ids: &[u64], found: &mut [Option<(Point, bool)>]) -> Result<(), Error> {
    let noted: BTreeMap<u64, (i64, f64)> =
        reader.noted()?.into_iter().map(|(series, ts, value)| (series, (ts, value))).collect();
    // The places of series, by the time of the full row that they were last noted with.
    let mut rows: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for place in (0..ids.len()).filter(|&place| found[place].is_none()).collect::<Vec<_>>() {
        if let Some(&(ts, value)) = noted.get(&ids[place]) {
            found[place] = Some((Point { time: from_micros(ts), value }, false));
            rows.entry(ts).or_default().push(place);
        }
    }
    for (ts, places) in rows {
        let ids: Vec<u64> = places.iter().map(|&place| ids[place]).collect();
        let window = Window { after: ts.saturating_sub(1), until: ts.saturating_add(FULL_EVERY_US) };
        reader.walk(&ids, window, Detail::Each, Tier::Raw, &mut |met| {
            if let Found::Entry { place, ts, entry, .. } = met {
                found[places[place]] = point(ts, entry).map(|point| (point, false));
            }
        })?;
    }
    Ok(())
}

fn point(ts: i64, entry: Entry<'_>) -> Option<Point> {
    value(entry).map(|value| Point { time: from_micros(ts), value })
}
