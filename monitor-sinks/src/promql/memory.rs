//! Series in memory.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use super::{
    error::Error,
    histogram::Histogram,
    labels::Labels,
    source::{Select, Series, Source},
    value::Value,
};

/// A source that keeps its samples in memory, for tests and for values that are not stored yet.
///
/// ```
/// use monitor_sinks::promql::{Labels, Memory, Query};
///
/// let mut memory = Memory::new();
/// let calls = Labels::new([("__name__", "calls_total")]);
/// memory.push(&calls, 0, 10.0);
/// memory.push(&calls, 60_000, 40.0);
/// let answer = Query::new(&memory, "increase(calls_total[2m])").at(60_000).unwrap();
/// assert_eq!(answer.first_float(), Some(40.0));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Memory {
    series: BTreeMap<Labels, Samples>,
}

/// The samples of a series, by kind and time.
type Samples = (BTreeMap<i64, f64>, BTreeMap<i64, Arc<Histogram>>);

impl Memory {
    /// Without series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample at `time`, in milliseconds since 1970. One at the same instant is replaced.
    pub fn push(&mut self, labels: &Labels, time: i64, value: impl Into<Value>) {
        let (floats, histograms) = self.series.entry(labels.clone()).or_default();
        match value.into() {
            Value::Float(value) => {
                histograms.remove(&time);
                floats.insert(time, value);
            }
            Value::Histogram(histogram) => {
                floats.remove(&time);
                histograms.insert(time, histogram);
            }
        }
    }
}

impl Source for Memory {
    fn select(&self, select: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        if select.from >= select.to {
            return Ok(());
        }
        let time = (select.from + 1)..=select.to;
        for (labels, (floats, histograms)) in self.series.iter().filter(|(labels, _)| select.wants(labels)) {
            let floats = floats.range(time.clone()).map(|(&time, &value)| (time, value));
            let histograms = histograms.range(time.clone()).map(|(&time, histogram)| (time, histogram.clone()));
            let series = Series::new(labels.clone()).with_floats(floats).with_histograms(histograms);
            if give(series).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn gives_whole_series(&self) -> bool {
        true
    }
}
