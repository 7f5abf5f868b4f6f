//! Metrics whose names are known only at run time.

use std::marker::PhantomData;

use super::Series;
use super::family::Family;
use crate::MetricKind;
use crate::name::{MAX_TAGS, MetricError, check_metric, check_service, check_tag_key, check_unit};
use crate::tag::SERVICE;

/// A handle of a series. Sealed: there is one for each kind of metric.
pub trait Handle: Copy {
    #[doc(hidden)]
    fn of(series: SeriesRef) -> Self;
}

/// A series as the crate hands it to a [`Handle`]: nothing outside can make or read one.
#[derive(Debug, Clone, Copy)]
pub struct SeriesRef(pub(super) &'static Series);

/// Names a metric at run time, step by step; only the last step can fail.
///
/// # Examples
///
/// ```
/// use monitor_core::Counter;
///
/// let table = String::from("flights");
/// let rows = Counter::named("rows_loaded").service("etl").tag("table", &table).register()?;
/// rows.add(17);
///
/// let error = Counter::named("rows loaded").register().unwrap_err();
/// assert!(error.to_string().contains("write `rows_loaded`"));
/// # Ok::<(), monitor_core::MetricError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a metric exists once it is registered"]
pub struct MetricBuilder<H> {
    name: String,
    kind: MetricKind,
    unit: String,
    tags: Vec<(String, String)>,
    handle: PhantomData<fn() -> H>,
}

impl<H: Handle> MetricBuilder<H> {
    pub(super) fn new(name: &str, kind: MetricKind) -> Self {
        Self { name: name.to_owned(), kind, unit: String::new(), tags: Vec::new(), handle: PhantomData }
    }

    /// The base unit, for example `bytes`. The first one that a metric is given stays.
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// The service; without it the series belongs to the service of the monitor that records it.
    pub fn service(self, service: &str) -> Self {
        self.tag(SERVICE, service)
    }

    /// Adds a tag. Values over 1,024 bytes are cut.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Registers the metric and returns a handle: cheap to copy, valid for the rest of the process.
    ///
    /// Takes a lock-free look-up when the series exists already; keep the handle where it is used often.
    ///
    /// # Errors
    ///
    /// If a name, unit, service or tag key is not allowed, there are more than 16 tags, or the process has more than
    /// 4,096 metrics.
    pub fn register(self) -> Result<H, MetricError> {
        for (key, value) in &self.tags {
            if key == SERVICE {
                check_service(value).map_err(|fault| MetricError::name("service", value, fault))?;
            } else {
                check_tag_key(key).map_err(|fault| MetricError::name("tag", key, fault))?;
            }
        }
        if self.tags.len() > MAX_TAGS {
            return Err(MetricError::too_many_tags(&self.name));
        }
        check_metric(&self.name).map_err(|fault| MetricError::name("metric name", &self.name, fault))?;
        check_unit(&self.unit).map_err(|fault| MetricError::name("unit", &self.unit, fault))?;
        let unit = if self.unit.is_empty() && self.kind == MetricKind::Timer { "seconds" } else { &self.unit };
        let family = Family::obtain(&self.name, self.kind, unit)?;
        let pairs = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(H::of(SeriesRef(family.series(pairs))))
    }
}
