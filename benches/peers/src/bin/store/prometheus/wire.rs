//! Remote write, version 1.0: the load as requests to Prometheus.
//!
//! A series keeps its labels from request to request and carries the samples of many flushes, as a sender does that
//! wants few requests. Histograms are native ones and cumulative, as Prometheus wants them.

use std::collections::BTreeMap;

use monitor_core::{Distribution, Sample, Value};
use prost::Message;

use crate::load::{Grid, native_bucket};

/// Flushes in a request.
const FLUSHES: usize = 30;

/// What has not been sent yet.
#[derive(Debug)]
pub(super) struct Sender {
    grid: Option<Grid>,
    request: WriteRequest,
    /// By the place of the series.
    totals: BTreeMap<usize, Total>,
    flushes: usize,
}

/// All that a histogram has counted.
#[derive(Debug, Default)]
struct Total {
    count: u64,
    sum: f64,
    buckets: BTreeMap<i32, u64>,
}

impl Sender {
    pub(super) fn new(grid: Option<Grid>) -> Self {
        Self { grid, request: WriteRequest::default(), totals: BTreeMap::new(), flushes: 0 }
    }

    /// Adds a flush. Returns a request when one is full.
    pub(super) fn add<'a>(&mut self, at_us: i64, samples: impl Iterator<Item = Sample<'a>>) -> Option<Vec<u8>> {
        let timestamp = at_us / 1_000;
        for sample in samples {
            if self.request.timeseries.len() == sample.index {
                self.request.timeseries.push(TimeSeries::new(&sample));
            }
            let series = &mut self.request.timeseries[sample.index];
            match sample.value {
                Value::Counter { total, .. } => series.samples.push(Scalar { value: total.as_f64(), timestamp }),
                Value::Gauge(value) => series.samples.push(Scalar { value, timestamp }),
                Value::Distribution(fresh) => {
                    let total = self.totals.entry(sample.index).or_default();
                    series.histograms.extend(self.grid.map(|grid| total.add(fresh, grid).at(timestamp, grid)));
                }
                _ => {}
            }
        }
        self.flushes += 1;
        (self.flushes == FLUSHES).then(|| self.take()).flatten()
    }

    /// The request as it is, if there is anything in it.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        if std::mem::take(&mut self.flushes) == 0 {
            return None;
        }
        let plain = self.request.encode_to_vec();
        for series in &mut self.request.timeseries {
            series.samples.clear();
            series.histograms.clear();
        }
        snap::raw::Encoder::new().compress_vec(&plain).ok()
    }
}

impl Total {
    fn add(&mut self, fresh: &Distribution, grid: Grid) -> &Self {
        self.count += fresh.count();
        self.sum += fresh.sum();
        for &(bucket, count) in fresh.buckets() {
            *self.buckets.entry(native_bucket(bucket, grid)).or_default() += count;
        }
        self
    }

    fn at(&self, timestamp: i64, grid: Grid) -> NativeHistogram {
        let mut histogram = NativeHistogram {
            count_int: self.count,
            sum: self.sum,
            schema: if grid == Grid::Coarse { 3 } else { 5 },
            zero_threshold: 1e-12,
            timestamp,
            ..NativeHistogram::default()
        };
        let (mut next, mut before) = (0, 0);
        for (&bucket, &count) in &self.buckets {
            match histogram.positive_spans.last_mut().filter(|_| bucket == next) {
                Some(span) => span.length += 1,
                None => histogram.positive_spans.push(BucketSpan { offset: bucket - next, length: 1 }),
            }
            histogram.positive_deltas.push(count.cast_signed() - before);
            (next, before) = (bucket + 1, count.cast_signed());
        }
        histogram
    }
}

impl TimeSeries {
    fn new(sample: &Sample<'_>) -> Self {
        let label = |(name, value): (&str, &str)| Label { name: name.to_owned(), value: value.to_owned() };
        let name = ("__name__", sample.key.name.as_str());
        let labels = sample.key.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self { labels: std::iter::once(name).chain(labels).map(label).collect(), ..Self::default() }
    }
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    /// Sorted.
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Scalar>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<NativeHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(double, tag = "1")]
    value: f64,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct NativeHistogram {
    #[prost(uint64, tag = "1")]
    count_int: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    /// Buckets an octave, as a power of two.
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, tag = "6")]
    zero_count_int: u64,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<BucketSpan>,
    /// The first count, then what each differs from the one before.
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct BucketSpan {
    /// Buckets left out since the span before; for the first span, the number of its first bucket.
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_native_histogram_has_spans_of_neighbours_and_differences_of_totals() {
        let mut total = Total::default();
        let fresh = |buckets: &[(u16, u64)]| Distribution::from_parts(buckets.to_vec(), 1.0, None);
        total.add(&fresh(&[(831, 4), (832, 1)]), Grid::Fine);
        let histogram = total.add(&fresh(&[(832, 2), (840, 5)]), Grid::Fine).at(7, Grid::Fine);
        let spans = [BucketSpan { offset: 0, length: 2 }, BucketSpan { offset: 7, length: 1 }];
        assert_eq!(histogram.positive_spans, spans);
        assert_eq!(histogram.positive_deltas, [4, -1, 2]);
        assert_eq!((histogram.count_int, histogram.schema), (12, 5));
    }
}
