//! The OpenMetrics form of an export, with timestamps.
//!
//! Metrics are families: what they are is declared once, and all their values follow. Names are those of the store, but
//! for counters, which end in `_total` here; [`Stored`] brings their own names back. Counters that are called like a part
//! of a histogram (`_bucket`, `_count`, `_sum`), as histograms of other programs are stored, keep their names and are
//! declared as unknown. Two metrics that would be one family are told apart by their kinds.
//!
//! Histograms and timers are stored as what was recorded between two flushes. They are written as the sum of that since
//! the beginning of the export, in cumulative buckets. The bounds are the same at every time, so that rates can be formed
//! of each; bucket edges are exact as decimals. The last bucket of all has no upper bound and is in `+Inf` alone.
//!
//! The time since when a counter counts (`_created`) is written once, where it begins at 0.

use std::{collections::HashSet, fmt, io, io::Write};

use monitor_core::{Distribution, MetricKind, Number};

use super::{
    export::Sheet,
    stored::{Stored, kind_name},
};
use crate::store::{Owned, SeriesInfo, Span, StoredSeries, Told, is_imported};

/// The last bucket, in which all larger values count, so that it has no upper bound.
pub(super) const OPEN_BUCKET: u16 = 2_559;

/// Writes OpenMetrics text.
#[derive(Debug, Default)]
pub(super) struct OpenMetrics {
    /// Names that samples have been written under.
    taken: HashSet<String>,
    /// The metric whose family is being written.
    metric: Option<(String, MetricKind)>,
    /// What its samples are called.
    family: String,
    /// The ends of their names.
    suffix: &'static str,
    /// The labels of the series, without braces.
    labels: String,
    /// A counter's recording and total.
    last: Option<(u64, Number)>,
    /// A distribution so far.
    so_far: Cumulated,
}

/// A distribution since the beginning of the export.
#[derive(Debug, Default)]
struct Cumulated {
    /// The bounds of the buckets in use, ascending, as text, with their numbers and counts.
    buckets: Vec<(String, u16, u64)>,
    count: u64,
    sum: f64,
    has_begun: bool,
}

impl Sheet for OpenMetrics {
    fn wants_buckets(&self) -> bool {
        true
    }

    fn series(&mut self, series: &StoredSeries, buckets: &[u16], out: &mut dyn Write) -> io::Result<()> {
        if self.metric.as_ref().is_none_or(|known| (known.0.as_str(), known.1) != (&series.name, series.kind)) {
            self.metric = Some((series.name.clone(), series.kind));
            self.declare(series, out)?;
        }
        self.labels = labels_of(series);
        self.last = None;
        self.so_far = Cumulated { buckets: bounds(buckets), ..Cumulated::default() };
        Ok(())
    }

    fn value(&mut self, _: &StoredSeries, told: &Told, out: &mut dyn Write) -> io::Result<()> {
        let at = Text::Instant(told.ts);
        match &told.value {
            Owned::Counter { total, increase } => self.counter(told, *total, *increase, out),
            Owned::Gauge(value) | Owned::Span(Span { last: value, .. }) => {
                self.line(self.suffix, "", &Text::Float(*value), &at, out)
            }
            Owned::Distribution { moments, buckets } => {
                self.so_far.add(moments.sum, buckets);
                self.distribution(&at, out)
            }
        }
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"# EOF\n")
    }
}

impl OpenMetrics {
    /// Finds a name for the family, and declares it.
    fn declare(&mut self, series: &StoredSeries, out: &mut dyn Write) -> io::Result<()> {
        let SeriesInfo { name, kind, unit, .. } = &**series;
        let is_part = ["_bucket", "_count", "_sum"].iter().any(|part| name.ends_with(part));
        let (declared, base, ends): (_, _, &'static [&'static str]) = match kind {
            MetricKind::Counter if is_part => ("unknown", name.as_str(), &[""]),
            MetricKind::Counter => ("counter", name.strip_suffix("_total").unwrap_or(name), &["_total", "_created"]),
            MetricKind::Gauge => ("gauge", name.as_str(), &[""]),
            _ => ("histogram", name.as_str(), &["_bucket", "_count", "_sum", "_created"]),
        };
        base.clone_into(&mut self.family);
        while self.is_taken(ends) {
            self.family.push('_');
            self.family.push_str(kind_name(*kind));
        }
        self.suffix = ends[0];
        self.taken.extend(ends.iter().chain([&""]).map(|end| format!("{}{end}", self.family)));
        let stored = Stored { kind: *kind, name: name.clone(), unit: unit.clone() };
        writeln!(out, "# HELP {} {stored}\n# TYPE {} {declared}", self.family, self.family)?;
        let is_unit =
            !unit.is_empty() && self.family.strip_suffix(unit.as_str()).is_some_and(|base| base.ends_with('_'));
        if is_unit { writeln!(out, "# UNIT {} {unit}", self.family) } else { Ok(()) }
    }

    fn is_taken(&self, ends: &[&str]) -> bool {
        ends.iter().chain([&""]).any(|end| self.taken.contains(&format!("{}{end}", self.family)))
    }

    fn counter(&mut self, told: &Told, total: Number, increase: Number, out: &mut dyn Write) -> io::Result<()> {
        let at = Text::Instant(told.ts);
        let begins = match self.last.replace((told.run, total)) {
            Some((run, last)) => run != told.run || (increase == total && !last.is_zero()),
            None => increase == total,
        };
        self.line(self.suffix, "", &Text::of(total), &at, out)?;
        if begins && self.suffix == "_total" {
            // The name of a recording is the time at which it began.
            let since = i64::try_from(told.run).ok().filter(|since| !is_imported(told.run) && *since <= told.ts);
            self.line("_created", "", &Text::Instant(since.unwrap_or(told.ts)), &at, out)?;
        }
        Ok(())
    }

    fn distribution(&mut self, at: &Text, out: &mut dyn Write) -> io::Result<()> {
        let mut below = 0_u64;
        for (bound, _, count) in &self.so_far.buckets {
            below = below.saturating_add(*count);
            self.line("_bucket", bound, &Text::of(Number::Int(below)), at, out)?;
        }
        let count = Text::of(Number::Int(self.so_far.count));
        self.line("_bucket", "+Inf", &count, at, out)?;
        self.line("_count", "", &count, at, out)?;
        self.line("_sum", "", &Text::Float(self.so_far.sum), at, out)?;
        if !std::mem::replace(&mut self.so_far.has_begun, true) {
            self.line("_created", "", at, at, out)?;
        }
        Ok(())
    }

    fn line(&self, end: &str, bound: &str, value: &Text, at: &Text, out: &mut dyn Write) -> io::Result<()> {
        let Self { family, labels, .. } = self;
        match (labels.as_str(), bound) {
            ("", "") => writeln!(out, "{family}{end} {value} {at}"),
            (labels, "") => writeln!(out, "{family}{end}{{{labels}}} {value} {at}"),
            ("", bound) => writeln!(out, "{family}{end}{{le=\"{bound}\"}} {value} {at}"),
            (labels, bound) => writeln!(out, "{family}{end}{{{labels},le=\"{bound}\"}} {value} {at}"),
        }
    }
}

impl Cumulated {
    fn add(&mut self, sum: f64, buckets: &[(u16, u64)]) {
        self.sum += sum;
        for &(number, count) in buckets {
            self.count = self.count.saturating_add(count);
            if let Ok(place) = self.buckets.binary_search_by_key(&number, |known| known.1) {
                self.buckets[place].2 = self.buckets[place].2.saturating_add(count);
            }
        }
    }
}

/// The upper edges of buckets, with counts of 0.
fn bounds(numbers: &[u16]) -> Vec<(String, u16, u64)> {
    let bounded = numbers.iter().filter(|number| **number < OPEN_BUCKET);
    bounded.map(|&number| (Text::Float(upper_edge(number)).to_string(), number, 0)).collect()
}

/// The upper edge of a bucket.
pub(super) fn upper_edge(number: u16) -> f64 {
    let one = Distribution::from_parts(vec![(number, 1)], 0.0, None);
    let edge = one.edges().next();
    edge.map_or(f64::INFINITY, |(_, upper, _)| upper)
}

/// Labels as they stand between braces.
fn labels_of(series: &StoredSeries) -> String {
    let service = Some(("service", series.service.as_str())).filter(|service| !service.1.is_empty());
    let labels = series.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs = service.into_iter().chain(labels).map(|(key, value)| format!("{key}=\"{}\"", escaped(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// A number as text that is read back as the same number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Text {
    Whole(u64),
    Float(f64),
    /// Microseconds, written as seconds.
    Instant(i64),
}

impl Text {
    pub(super) const fn of(number: Number) -> Self {
        match number {
            Number::Int(whole) => Self::Whole(whole),
            Number::Float(value) => Self::Float(value),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Float(f64::INFINITY) => f.write_str("+Inf"),
            Self::Float(f64::NEG_INFINITY) => f.write_str("-Inf"),
            // The shortest digits that are read back as the same float, with an exponent where that is shorter.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Instant(micros) => {
                let (seconds, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
                write!(f, "{}{seconds}.{fraction:06}", if micros < 0 { "-" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_as_what_they_were() {
        for value in [0.1, -0.0, 5e-324, f64::MAX, 1e16, 33.0 / (1_u64 << 30) as f64, f64::INFINITY, f64::NEG_INFINITY]
        {
            let text = Text::Float(value).to_string();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
        }
        assert_eq!(Text::Float(f64::NAN).to_string(), "NaN");
        assert_eq!(Text::of(Number::Int(u64::MAX)).to_string(), "18446744073709551615");
        assert_eq!(Text::Instant(1_700_000_000_000_001).to_string(), "1700000000.000001");
        assert_eq!(Text::Instant(-1_500_000).to_string(), "-1.500000");
    }

    #[test]
    fn only_the_last_bucket_has_no_upper_bound() {
        let mut largest = Distribution::new();
        largest.record(f64::MAX);
        assert_eq!(largest.buckets(), [(OPEN_BUCKET, 1)]);
    }
}
