//! Remarks on an answer: warnings that it may be wrong, infos that it may not be what was meant.
//!
//! Remarks are those of Prometheus, word for word, and those of the source of the series; each once, with the place in the
//! text that it is about.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{function::written_moment, syntax::Span, value::general};

/// How many remarks of either kind an answer carries; the rest is counted.
const MOST: usize = 100;

/// The remarks of one question.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    warnings: BTreeSet<(String, usize)>,
    infos: BTreeSet<(String, usize)>,
    /// What was raised in classic histograms, by the remark on it.
    raised: BTreeMap<(String, usize), Raised>,
    omitted: usize,
}

/// Which buckets were raised, by how much, how often and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Raised {
    /// The lowest and the highest bound of a bucket that was raised.
    pub(crate) bounds: (f64, f64),
    pub(crate) most: f64,
    /// The first and the last instant, in milliseconds.
    pub(crate) times: (i64, i64),
    pub(crate) samples: usize,
}

/// What is remarked; `name` is that of a metric and may be empty. `OfSource` is what the source of the series says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Remark<'a> {
    InvalidQuantile(f64),
    InvalidRatio { ratio: f64, used: f64 },
    BadBucket { bound: &'a str, name: &'a str },
    MixedSamples { name: &'a str },
    MixedSamplesInAggregation,
    MixedClassicAndNative { name: &'a str },
    NotCounter { name: &'a str },
    NotGauge { name: &'a str },
    MixedSchemas { name: &'a str },
    IncompatibleBuckets { op: &'a str },
    ResetCollision { operation: &'a str },
    SortInRange,
    MaybeNotCounter { name: &'a str },
    ForcedMonotonic { name: &'a str },
    IncompatibleTypes { left: &'a str, op: &'a str, right: &'a str },
    IgnoredInAggregation { op: &'a str },
    IgnoredInRange { name: &'a str },
    NanResult { name: &'a str },
    NanSkew { name: &'a str },
    NanInFraction { name: &'a str },
    ReconciledBounds { operation: &'a str },
    OfSource { message: &'a str, is_warning: bool },
}

impl Remarks {
    pub(crate) fn add(&mut self, span: Span, remark: &Remark<'_>) {
        let set = if remark.is_warning() { &mut self.warnings } else { &mut self.infos };
        let entry = (remark.to_string(), span.start);
        if set.len() < MOST {
            set.insert(entry);
        } else if !set.contains(&entry) {
            self.omitted += 1;
        }
    }

    /// Remarks that the buckets of a metric had to be raised.
    pub(crate) fn add_raised(&mut self, span: Span, name: &str, raised: Raised) {
        let key = (Remark::ForcedMonotonic { name }.to_string(), span.start);
        if self.raised.len() >= MOST && !self.raised.contains_key(&key) {
            self.omitted += 1;
            return;
        }
        let known = self.raised.entry(key).or_insert(Raised { samples: 0, ..raised });
        *known = Raised {
            bounds: (known.bounds.0.min(raised.bounds.0), known.bounds.1.max(raised.bounds.1)),
            most: known.most.max(raised.most),
            times: (known.times.0.min(raised.times.0), known.times.1.max(raised.times.1)),
            samples: known.samples + raised.samples,
        };
    }

    /// Warnings and infos, with their places in `text`.
    pub(crate) fn written(self, text: &str) -> (Vec<String>, Vec<String>) {
        let write = |(message, start): (String, usize)| {
            let (line, column) = Span { start, end: start }.place_in(text);
            format!("{message} ({line}:{column})")
        };
        let mut warnings: Vec<String> = self.warnings.into_iter().map(write).collect();
        if self.omitted > 0 {
            warnings.push(format!("{} more annotations omitted", self.omitted));
        }
        let raised = self.raised.into_iter().map(|((message, start), raised)| (format!("{message}{raised}"), start));
        (warnings, self.infos.into_iter().chain(raised).map(write).collect())
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (general(self.bounds.0), general(self.bounds.1));
        let most: f64 = format!("{:.1e}", self.most).parse().unwrap_or(self.most);
        let (first, last) = (written_moment(self.times.0 / 1000), written_moment(self.times.1 / 1000));
        write!(
            f,
            ", from buckets {low} to {high}, with a max diff of {}, over {} samples from {first} to {last}",
            general(most),
            self.samples
        )
    }
}

impl Remark<'_> {
    fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::InvalidQuantile(_)
                | Self::InvalidRatio { .. }
                | Self::BadBucket { .. }
                | Self::MixedSamples { .. }
                | Self::MixedSamplesInAggregation
                | Self::MixedClassicAndNative { .. }
                | Self::NotCounter { .. }
                | Self::NotGauge { .. }
                | Self::MixedSchemas { .. }
                | Self::IncompatibleBuckets { .. }
                | Self::ResetCollision { .. }
                | Self::SortInRange
                | Self::OfSource { is_warning: true, .. }
        )
    }
}

impl fmt::Display for Remark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_warning() { "PromQL warning: " } else { "PromQL info: " })?;
        let of = |name: &str| if name.is_empty() { String::new() } else { format!(" for metric name {name:?}") };
        match self {
            Self::InvalidQuantile(quantile) => {
                write!(f, "quantile value should be between 0 and 1, got {}", general(*quantile))
            }
            Self::InvalidRatio { ratio, used } => {
                let (ratio, used) = (general(*ratio), general(*used));
                write!(f, "ratio value should be between -1 and 1, got {ratio}, capping to {used}")
            }
            Self::BadBucket { bound, name } => {
                write!(f, "bucket label \"le\" is missing or has a malformed value of {bound:?}{}", of(name))
            }
            Self::MixedSamples { name } => {
                write!(f, "encountered a mix of histograms and floats for metric name {name:?}")
            }
            Self::MixedSamplesInAggregation => {
                f.write_str("encountered a mix of histograms and floats for aggregation")
            }
            Self::MixedClassicAndNative { name } => {
                write!(f, "vector contains a mix of classic and native histograms{}", of(name))
            }
            Self::NotCounter { name } => write!(f, "this native histogram metric is not a counter: {name:?}"),
            Self::NotGauge { name } => write!(f, "this native histogram metric is not a gauge: {name:?}"),
            Self::MixedSchemas { name } => write!(
                f,
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {name:?}"
            ),
            Self::IncompatibleBuckets { op } => {
                write!(f, "incompatible bucket layout encountered for binary operator {op}")
            }
            Self::ResetCollision { operation } => {
                write!(f, "conflicting counter resets during histogram {operation}")
            }
            Self::SortInRange => {
                f.write_str("sort is ineffective for range queries since results are always ordered by labels")
            }
            Self::MaybeNotCounter { name } => {
                write!(f, "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}")
            }
            Self::ForcedMonotonic { name } => write!(
                f,
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
                of(name)
            ),
            Self::IncompatibleTypes { left, op, right } => {
                write!(f, "incompatible sample types encountered for binary operator {op:?}: {left} {op} {right}")
            }
            Self::IgnoredInAggregation { op } => write!(f, "ignored histogram in {op} aggregation"),
            Self::IgnoredInRange { name } => write!(
                f,
                "ignored histograms in a range containing both floats and histograms for metric name {name:?}"
            ),
            Self::NanResult { name } => {
                write!(f, "input to histogram_quantile has NaN observations, result is NaN{}", of(name))
            }
            Self::NanSkew { name } => {
                write!(f, "input to histogram_quantile has NaN observations, result is skewed higher{}", of(name))
            }
            Self::NanInFraction { name } => write!(
                f,
                "input to histogram_fraction has NaN observations, which are excluded from all fractions{}",
                of(name)
            ),
            Self::OfSource { message, .. } => f.write_str(message),
            Self::ReconciledBounds { operation } => {
                write!(f, "mismatched custom buckets were reconciled during {operation}")
            }
        }
    }
}
