//! The samples that a question reads: each set of matchers once, over all the time that is looked at.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use super::Context;
use crate::promql::{
    error::Error,
    histogram::Histogram,
    labels::Labels,
    matcher::Matcher,
    source::{Select, Series, Source},
    value::is_stale,
};

/// The sets of series of a question.
#[derive(Debug, Default)]
pub(crate) struct Data {
    sets: Vec<Set>,
}

/// The series that a list of matchers accepts.
#[derive(Debug)]
pub(super) struct Set {
    matchers: Vec<Matcher>,
    /// Samples are wanted in `(from, to]`.
    from: i64,
    to: i64,
    pub(super) series: Arc<[Stored]>,
}

/// A series with its samples apart by kind.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) labels: Labels,
    pub(super) floats: Vec<(i64, f64)>,
    pub(super) histograms: Vec<(i64, Arc<Histogram>)>,
    /// When the series ended.
    pub(super) ends: Vec<i64>,
}

impl Data {
    /// Plans to read what the matchers accept in `(from, to]`; returns the number of the set.
    pub(super) fn want(&mut self, matchers: &[Matcher], from: i64, to: i64) -> usize {
        if let Some(at) = self.sets.iter().position(|set| set.matchers == matchers) {
            let set = &mut self.sets[at];
            (set.from, set.to) = (set.from.min(from), set.to.max(to));
            return at;
        }
        self.sets.push(Set { matchers: matchers.to_vec(), from, to, series: Arc::from([]) });
        self.sets.len() - 1
    }

    /// The series of a set, once they are read.
    pub(super) fn series(&self, set: usize) -> Arc<[Stored]> {
        self.sets[set].series.clone()
    }
}

impl Context {
    /// Reads everything that is wanted.
    pub(crate) fn read(&mut self, source: &dyn Source) -> Result<(), Error> {
        let mut sets = std::mem::take(&mut self.data.sets);
        for set in &mut sets {
            let select = Select { matchers: &set.matchers, from: set.from, to: set.to };
            let mut gathered = Gathered::default();
            let mut refused = Ok(());
            source.select(&select, &mut |series| {
                refused = self.hold(gathered.add(series, set.from, set.to));
                if refused.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            refused?;
            set.series = gathered.finish();
        }
        self.data.sets = sets;
        Ok(())
    }
}

/// Series that are being read, those of the same labels together.
#[derive(Default)]
struct Gathered {
    series: HashMap<Labels, Stored>,
}

impl Gathered {
    /// Takes the samples in `(from, to]`; returns how many that is, by weight.
    fn add(&mut self, series: Series, from: i64, to: i64) -> usize {
        let wanted = |time: i64| time > from && time <= to;
        let stored = self.series.entry(series.labels).or_insert_with_key(|labels| Stored {
            labels: labels.clone(),
            floats: Vec::new(),
            histograms: Vec::new(),
            ends: Vec::new(),
        });
        let mut weight = 1;
        for (time, value) in series.floats.into_iter().filter(|&(time, _)| wanted(time)) {
            weight += 1;
            if is_stale(value) { stored.ends.push(time) } else { stored.floats.push((time, value)) }
        }
        for (time, histogram) in series.histograms.into_iter().filter(|&(time, _)| wanted(time)) {
            weight += histogram.weight();
            if is_stale(histogram.sum) { stored.ends.push(time) } else { stored.histograms.push((time, histogram)) }
        }
        weight
    }

    /// The series in order of their labels, their samples in order of time. A stable sort keeps what came first.
    fn finish(self) -> Arc<[Stored]> {
        let mut list: Vec<Stored> = self.series.into_values().collect();
        for stored in &mut list {
            stored.floats.sort_by_key(|&(time, _)| time);
            stored.floats.dedup_by_key(|&mut (time, _)| time);
            stored.histograms.sort_by_key(|&(time, _)| time);
            stored.histograms.dedup_by_key(|(time, _)| *time);
            stored.ends.sort_unstable();
        }
        list.sort_by(|left, right| left.labels.cmp(&right.labels));
        list.into()
    }
}

/// How many of the samples, which are ordered by time, are at or before `time`; `hint` was the answer before.
pub(super) fn seek<T>(samples: &[(i64, T)], hint: usize, time: i64) -> usize {
    let hint = hint.min(samples.len());
    if hint > 0 && samples[hint - 1].0 > time {
        return samples[..hint].partition_point(|sample| sample.0 <= time);
    }
    // Double the stride until it is too far: next to nothing for the next step, a bisection for a leap.
    let (mut reached, mut stride) = (hint, 1);
    while reached + stride <= samples.len() && samples[reached + stride - 1].0 <= time {
        reached += stride;
        stride *= 2;
    }
    let end = (reached + stride).min(samples.len());
    reached + samples[reached..end].partition_point(|sample| sample.0 <= time)
}
