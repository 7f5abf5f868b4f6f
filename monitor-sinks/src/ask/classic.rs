//! Histograms as classic ones: `NAME_bucket`, a counter for each upper edge, which the label `le` tells.
//!
//! Octaves are powers of two. Our buckets end there too, so each count is exact; only a value within half a billionth below
//! an edge, or just at it, counts as above it.
//!
//! All series of a selector, or of a stretch of time that is read at once, have the same edges, or sums by `le` would not rise: from the octave of the smallest value
//! that any of them recorded, in the recordings that are looked at, to that of the largest. Values that round to 0 are
//! below every edge.

use std::sync::Arc;

use super::bucket::{OCTAVE, octave};
use crate::promql::{Histogram, Labels, Series, is_stale, stale, value::general};

/// The exponents of the smallest and the largest edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Octaves(Option<(i32, i32)>);

/// The edge of histograms that only hold values which round to 0: the unit of ours.
const UNIT: (i32, i32) = (-30, -30);

impl Octaves {
    /// Takes in what was recorded.
    pub(super) fn widen(&mut self, buckets: &[(u16, u64)]) {
        for below in buckets.iter().filter_map(|bucket| octave(bucket.0)) {
            let (smallest, largest) = self.0.unwrap_or((below, below + 1));
            self.0 = Some((smallest.min(below), largest.max(below + 1)));
        }
    }

    /// The counters of a series with these labels. Cost: for each sample its buckets and the edges.
    pub(super) fn series(self, labels: &Labels, histograms: &[(i64, Arc<Histogram>)]) -> Vec<Series> {
        let (smallest, largest) = self.0.unwrap_or(UNIT);
        let exponents = smallest..=largest;
        let mut columns: Vec<Vec<(i64, f64)>> =
            exponents.clone().map(|_| Vec::with_capacity(histograms.len())).collect();
        let mut all: Vec<(i64, f64)> = Vec::with_capacity(histograms.len());
        for (at, histogram) in histograms {
            let mut below = Below::of(histogram);
            for (column, exponent) in columns.iter_mut().zip(exponents.clone()) {
                column.push((*at, below.edge(exponent)));
            }
            all.push((*at, if is_stale(histogram.sum()) { stale() } else { histogram.count() }));
        }
        let named = |edge: String, floats: Vec<(i64, f64)>| Series::new(labels.with("le", &edge)).with_floats(floats);
        let finite = exponents.zip(columns).map(|(exponent, floats)| named(text(exponent), floats));
        finite.chain([named(String::from("+Inf"), all)]).collect()
    }
}

/// How much of a histogram lies below edges, which are asked for in ascending order.
struct Below<'a> {
    rest: &'a [(i32, f64)],
    /// A marker of an end, if the histogram is one.
    count: f64,
}

impl<'a> Below<'a> {
    fn of(histogram: &'a Histogram) -> Self {
        let count = if is_stale(histogram.sum()) { stale() } else { histogram.zero_count };
        Self { rest: &histogram.positive, count }
    }

    fn edge(&mut self, exponent: i32) -> f64 {
        let end = self.rest.partition_point(|bucket| bucket.0 <= exponent * OCTAVE);
        let (below, rest) = self.rest.split_at(end);
        self.rest = rest;
        for (_, count) in below {
            self.count += count;
        }
        self.count
    }
}

/// A power of two as Prometheus writes it in `le`: always with a point or an exponent.
fn text(exponent: i32) -> String {
    let text = general(f64::from(exponent).exp2());
    if text.contains(['.', 'e']) { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Reset;
    use monitor_core::Distribution;

    #[test]
    fn edges_read_as_prometheus_writes_them() {
        for (exponent, wanted) in [
            (-20, "9.5367431640625e-07"),
            (-10, "0.0009765625"),
            (-1, "0.5"),
            (0, "1.0"),
            (4, "16.0"),
            (20, "1.048576e+06"),
        ] {
            assert_eq!(text(exponent), wanted);
        }
    }

    #[test]
    fn counts_are_of_the_values_up_to_each_edge() {
        let mut values = Distribution::new();
        for value in [0.0, 0.3, 0.4, 0.6, 0.999, 1.1, 5.0, 5.5] {
            values.record(value);
        }
        let mut octaves = Octaves::default();
        octaves.widen(values.buckets());
        let mut sums = super::super::bucket::Sums::default();
        sums.add(values.sum(), values.buckets(), 1.0);
        let series = octaves.series(&Labels::new([("__name__", "x_bucket")]), &[(7, sums.histogram(Reset::Unknown))]);
        let found: Vec<(&str, f64)> =
            series.iter().map(|series| (series.labels().get("le").unwrap(), series.floats[0].1)).collect();
        let wanted =
            [("0.25", 1.0), ("0.5", 3.0), ("1.0", 5.0), ("2.0", 6.0), ("4.0", 6.0), ("8.0", 8.0), ("+Inf", 8.0)];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_0_is_below_the_unit() {
        let mut values = Distribution::new();
        values.record(0.0);
        let mut octaves = Octaves::default();
        octaves.widen(values.buckets());
        assert_eq!(octaves.series(&Labels::empty(), &[]).len(), 2);
    }
}
