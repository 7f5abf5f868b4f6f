//! The series that a store knows of, without their values.

use std::{sync::Arc, time::SystemTime};

use super::{Part, Query, by_name};
use crate::{error::Error, store::SeriesInfo, util::time::from_micros};

/// A series that a store knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The series.
    pub series: Arc<SeriesInfo>,
    /// When the store first had it: its first flush, or, for imported values, their import. Of what was salvaged it may
    /// be unknown, and is then the beginning of 1970.
    pub since: SystemTime,
}

impl Query {
    /// The series that match, of every kind, ordered by name, service and labels, whenever they were last recorded.
    ///
    /// The window of the query does not matter. Cost: the table of series, whatever is stored of them.
    ///
    /// # Errors
    ///
    /// If a name asked for is unknown ([`Error::is_unknown_name`]), if a short name or steps are asked for
    /// ([`Error::is_invalid_setting`]), or if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// for listed in store.query().service("etl").listed()? {
    ///     println!("{} {:?}", listed.series.name, listed.series.labels);
    /// }
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    pub fn listed(&self) -> Result<Vec<Listed>, Error> {
        self.refuse(Part::ALL, "listed() answers with single series", "ask for groups()")?;
        self.checked(SystemTime::now())?;
        let reader = self.store.reader()?;
        let mut matching = self.matching_in_full(&reader)?;
        matching.sort_by(by_name);
        let since = reader.since()?;
        let listed = matching.into_iter().map(|series| {
            let since = since.get(&series.id).copied().unwrap_or_default();
            Listed { since: from_micros(since), series: series.info }
        });
        Ok(listed.collect())
    }
}
