//! Families: all series of one metric, found by their tags without a lock.
//!
//! Both tables here, families by name and series by tags, are arrays of push-only chains: a reader walks a chain and
//! compares in full; a writer that finds nothing pushes with one compare-and-swap, and if it loses the race walks again,
//! so that no key is ever in a table twice. Nothing is removed, hence no reclamation; the limits bound the memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::race::OnceBox;

use super::series::{GaugeData, InFamily, Shards};
use super::{Data, Series};
use crate::MetricKind;
use crate::name::MetricError;
use crate::push_list::{Linked, Next, PushList};
use crate::tag::{Tags, cut, hash_name};

/// Metrics that a process may have.
pub(crate) const MAX_FAMILIES: usize = 4096;

const NAME_CHAINS: usize = 256;
const TAG_CHAINS: usize = 64;

static FAMILIES: [PushList<Family>; NAME_CHAINS] = [const { PushList::new() }; NAME_CHAINS];
static FAMILY_COUNT: AtomicUsize = AtomicUsize::new(0);
static SERIES_LIMIT: AtomicUsize = AtomicUsize::new(1000);

/// Series of all metrics beyond the first of each.
static SERIES_COUNT: AtomicUsize = AtomicUsize::new(0);
static TOTAL_LIMIT: AtomicUsize = AtomicUsize::new(10_000);

/// The most series that one metric may have. 1000 by default.
#[must_use]
pub fn series_limit() -> usize {
    SERIES_LIMIT.load(Ordering::Relaxed)
}

/// Sets the most series that one metric may have; series that exist stay. At least 1.
pub fn set_series_limit(limit: usize) {
    SERIES_LIMIT.store(limit.max(1), Ordering::Relaxed);
}

/// The most series that all metrics together may have. 10,000 by default.
#[must_use]
pub fn total_series_limit() -> usize {
    TOTAL_LIMIT.load(Ordering::Relaxed)
}

/// Sets the most series that all metrics together may have; series that exist stay.
///
/// The first series of each metric, and the one that takes what has no room, do not count: a metric never vanishes, and
/// one without tags is always exact.
pub fn set_total_series_limit(limit: usize) {
    TOTAL_LIMIT.store(limit, Ordering::Relaxed);
}

/// All series of one metric.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: Box<str>,
    pub(crate) kind: MetricKind,
    pub(crate) unit: Box<str>,
    hash: u64,
    next: Next<Self>,
    series: [PushList<Series, InFamily>; TAG_CHAINS],
    count: AtomicUsize,
    overflow: OnceBox<&'static Series>,
}

impl Linked for Family {
    fn next(&self) -> &Next<Self> {
        &self.next
    }
}

impl Family {
    /// The family of this name and kind, made if there is none yet. Name and unit have been checked. The first unit given
    /// to a family stays.
    ///
    /// # Errors
    ///
    /// If the process has too many metrics.
    #[cold]
    pub(crate) fn obtain(name: &str, kind: MetricKind, unit: &str) -> Result<&'static Self, MetricError> {
        let hash = hash_name(name);
        let is = |family: &Self| family.hash == hash && family.kind == kind && *family.name == *name;
        let found = FAMILIES[hash as usize % NAME_CHAINS].find_or_push(is, || {
            let has_room = FAMILY_COUNT.load(Ordering::Relaxed) < MAX_FAMILIES;
            has_room.then(|| Box::new(Self::new(name, kind, unit, hash)))
        });
        let (family, is_new) = found.ok_or_else(|| MetricError::too_many_metrics(name, MAX_FAMILIES))?;
        FAMILY_COUNT.fetch_add(usize::from(is_new), Ordering::Relaxed);
        Ok(family)
    }

    /// The family for metrics that came after the last one allowed: their values are kept, their names are not.
    #[cold]
    pub(crate) fn of_last_resort(kind: MetricKind) -> &'static Self {
        static LAST: [OnceBox<&'static Family>; 4] = [const { OnceBox::new() }; 4];
        crate::own::SERIES_OVERFLOW.add(1_u64);
        LAST[kind as usize].get_or_init(|| Box::new(Box::leak(Box::new(Self::new("monitored_overflow", kind, "", 0)))))
    }

    fn new(name: &str, kind: MetricKind, unit: &str, hash: u64) -> Self {
        Self {
            name: name.into(),
            kind,
            unit: unit.into(),
            hash,
            next: Next::none(),
            series: [const { PushList::new() }; TAG_CHAINS],
            count: AtomicUsize::new(0),
            overflow: OnceBox::new(),
        }
    }

    /// The series with these tags, made if there is none yet. Does not allocate when there is.
    ///
    /// Never fails: bad tags are left out, over-long values cut, and beyond the limit it is the overflow series; each
    /// of these is counted.
    #[inline]
    pub(crate) fn series<'a>(&'static self, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> &'static Series {
        let tags = Tags::new(pairs);
        if tags.rejected {
            crate::own::REJECTED_TAGS.add(1_u64);
        }
        if tags.is_too_long() {
            return self.series_cut(&tags);
        }
        self.series_of(&tags)
    }

    #[cold]
    fn series_cut(&'static self, tags: &Tags<'_>) -> &'static Series {
        crate::own::CUT_TAGS.add(1_u64);
        let short: Vec<(&str, String)> = tags
            .as_slice()
            .iter()
            .map(|&(key, value)| {
                (key, if value.len() > crate::name::MAX_TAG_VALUE { cut(value) } else { value.to_owned() })
            })
            .collect();
        let pairs = short.iter().map(|(key, value)| (*key, value.as_str()));
        self.series_of(&Tags::new(pairs))
    }

    fn series_of(&'static self, tags: &Tags<'_>) -> &'static Series {
        let hash = tags.hash();
        let is = |series: &Series| series.hash == hash && tags.is(&series.tags);
        let found = self.series[(hash >> 32) as usize % TAG_CHAINS].find_or_push(is, || {
            // Threads that get here at once may go over a limit by their number.
            self.has_room().then(|| Box::new(Series::new(self, tags.to_owned(), hash, self.data())))
        });
        match found {
            Some((series, true)) => {
                let before = self.count.fetch_add(1, Ordering::Relaxed);
                SERIES_COUNT.fetch_add(usize::from(before > 0), Ordering::Relaxed);
                series.register();
                series
            }
            Some((series, false)) => series,
            None => self.overflow(),
        }
    }

    /// Whether one more series may be made. The first one always may: also those that count what has no room.
    fn has_room(&self) -> bool {
        match self.count.load(Ordering::Relaxed) {
            0 => true,
            count => count < series_limit() && SERIES_COUNT.load(Ordering::Relaxed) < total_series_limit(),
        }
    }

    /// The series that takes what has no room of its own.
    fn overflow(&'static self) -> &'static Series {
        crate::own::SERIES_OVERFLOW.add(1_u64);
        self.overflow.get_or_init(|| {
            let tags = Tags::new([("overflow", "true")].into_iter());
            let series: &'static Series =
                Box::leak(Box::new(Series::new(self, tags.to_owned(), tags.hash(), self.data())));
            // Should two threads get here at once, both are registered, and the drain adds up what has the same key.
            series.register();
            Box::new(series)
        })
    }

    fn data(&self) -> Data {
        match self.kind {
            MetricKind::Counter => Data::Counter(Shards::new()),
            MetricKind::Gauge => Data::Gauge(GaugeData::default()),
            MetricKind::Histogram | MetricKind::Timer => Data::Values(Shards::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn a_name_has_one_family_and_tags_have_one_series() {
        let family = Family::obtain("family_once", MetricKind::Counter, "").unwrap();
        assert!(ptr::eq(family, Family::obtain("family_once", MetricKind::Counter, "").unwrap()));
        assert!(!ptr::eq(family, Family::obtain("family_once", MetricKind::Gauge, "").unwrap()));
        let one = family.series([("a", "1"), ("b", "2")].into_iter());
        assert!(ptr::eq(one, family.series([("b", "2"), ("a", "1")].into_iter())));
        assert!(!ptr::eq(one, family.series([("a", "1"), ("b", "3")].into_iter())));
    }

    #[test]
    fn threads_that_race_for_a_series_get_the_same_one() {
        let family = Family::obtain("family_race", MetricKind::Counter, "").unwrap();
        for round in 0..200 {
            let value = round.to_string();
            let addresses: Vec<usize> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| ptr::from_ref(family.series([("round", value.as_str())].into_iter())).addr())
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(addresses.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn beyond_the_limit_everything_goes_to_the_overflow_series() {
        let family = Family::obtain("family_overflow", MetricKind::Counter, "").unwrap();
        for i in 0..series_limit() {
            family.series([("i", i.to_string().as_str())].into_iter());
        }
        let over = family.series([("i", "one more")].into_iter());
        assert_eq!(over.tags.as_ref(), [("overflow".into(), "true".into())]);
        assert!(ptr::eq(over, family.series([("i", "another")].into_iter())));
        assert!(!ptr::eq(over, family.series([("i", "0")].into_iter())), "series that exist stay");
    }
}
