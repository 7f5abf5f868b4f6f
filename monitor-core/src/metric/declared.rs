//! What the four metric types share: a name in a static that finds its family and series on first use.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::Series;
use super::family::Family;
use crate::MetricKind;
use crate::name::{Fault, MAX_TAGS, check_metric, check_service, check_tag_key, check_unit};
use crate::tag::SERVICE;

/// A metric as a static declares it.
#[derive(Debug)]
pub(crate) struct Declared {
    name: &'static str,
    kind: MetricKind,
    unit: &'static str,
    service: Option<&'static str>,
    tags: &'static [(&'static str, &'static str)],
    family: AtomicPtr<Family>,
    /// The series without further tags.
    series: AtomicPtr<Series>,
}

impl Declared {
    pub(super) const fn new(name: &'static str, kind: MetricKind) -> Self {
        accept(check_metric(name));
        Self::own(name, kind)
    }

    /// A metric of the monitor's own, whose name is not checked.
    pub(super) const fn own(name: &'static str, kind: MetricKind) -> Self {
        let unit = if matches!(kind, MetricKind::Timer) { "seconds" } else { "" };
        let (family, series) = (AtomicPtr::new(ptr::null_mut()), AtomicPtr::new(ptr::null_mut()));
        Self { name, kind, unit, service: None, tags: &[], family, series }
    }

    pub(super) const fn unit(self, unit: &'static str) -> Self {
        accept(check_unit(unit));
        Self { unit, ..self }
    }

    pub(super) const fn service(self, service: &'static str) -> Self {
        accept(check_service(service));
        Self { service: Some(service), ..self }
    }

    pub(super) const fn tags(self, tags: &'static [(&'static str, &'static str)]) -> Self {
        assert!(tags.len() <= MAX_TAGS, "a metric has at most 16 tags");
        let mut at = 0;
        while at < tags.len() {
            assert_tag_keys(&[tags[at].0]);
            at += 1;
        }
        Self { tags, ..self }
    }

    /// The series without further tags.
    #[inline(always)]
    pub(super) fn series(&'_ self) -> &'static Series {
        // SAFETY: the pointer is null or was stored by `first_use` from a `&'static Series`; Acquire pairs with the
        // Release there.
        let series = unsafe { self.series.load(Ordering::Acquire).cast_const().as_ref() };
        series.unwrap_or_else(|| self.first_use())
    }

    #[cold]
    #[inline(never)]
    fn first_use(&self) -> &'static Series {
        let series = self.with(&[]);
        self.series.store(ptr::from_ref(series).cast_mut(), Ordering::Release);
        series
    }

    /// The series with these tags beside the fixed ones.
    pub(super) fn with(&self, more: &[(&str, &str)]) -> &'static Series {
        let fixed = self.service.map(|service| (SERVICE, service)).into_iter().chain(self.tags.iter().copied());
        self.family().series(fixed.chain(more.iter().copied()))
    }

    fn family(&self) -> &'static Family {
        // SAFETY: as in `series`.
        let family = unsafe { self.family.load(Ordering::Acquire).cast_const().as_ref() };
        family.unwrap_or_else(|| {
            let family =
                Family::obtain(self.name, self.kind, self.unit).unwrap_or_else(|_| Family::of_last_resort(self.kind));
            self.family.store(ptr::from_ref(family).cast_mut(), Ordering::Release);
            family
        })
    }
}

const fn accept(checked: Result<(), Fault>) {
    if let Err(fault) = checked {
        panic!("{}", fault.text());
    }
}

/// Fails to compile if a key of a tag is not allowed.
///
/// # Panics
///
/// Outside of a constant, where the keys are known only at run time.
pub const fn assert_tag_keys(keys: &[&str]) {
    let mut at = 0;
    while at < keys.len() {
        accept(check_tag_key(keys[at]));
        at += 1;
    }
}
