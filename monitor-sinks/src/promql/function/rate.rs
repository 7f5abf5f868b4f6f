//! How much a series changes: `rate`, `increase`, `delta` and their instant forms.
//!
//! The change between the first and the last sample is extrapolated to the edges of the range, if they are not farther
//! away than the samples are apart, give or take a tenth; else by half of that. A counter is not extrapolated to below
//! zero, and a value below the one before means that it was reset in between.

use std::sync::Arc;

use super::Window;
use crate::promql::{
    annotation::Remark,
    error::Error,
    histogram::{Histogram, Reset},
    syntax::RangeMode,
    value::Value,
};

type Result<T> = std::result::Result<T, Error>;

/// An increase a second.
pub(super) fn rate(window: &Window<'_>) -> Result<Option<Value>> {
    Ok(counted(window, extrapolated(window, true, true)))
}

/// How much a counter grew.
pub(super) fn increase(window: &Window<'_>) -> Result<Option<Value>> {
    Ok(counted(window, extrapolated(window, true, false)))
}

/// How much a gauge changed.
pub(super) fn delta(window: &Window<'_>) -> Result<Option<Value>> {
    Ok(extrapolated(window, false, false))
}

/// The increase a second between the last two samples.
pub(super) fn irate(window: &Window<'_>) -> Result<Option<Value>> {
    Ok(instant(window, true))
}

/// The difference of the last two samples.
pub(super) fn idelta(window: &Window<'_>) -> Result<Option<Value>> {
    Ok(instant(window, false))
}

/// The result; if it is a number, remarks a name that is not that of a counter.
fn counted(window: &Window<'_>, result: Option<Value>) -> Option<Value> {
    let name = window.name;
    let is_counter = ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end));
    if matches!(result, Some(Value::Float(_))) && !name.is_empty() && !is_counter {
        window.remark(&Remark::MaybeNotCounter { name });
    }
    result
}

fn extrapolated(window: &Window<'_>, counter: bool, per_second: bool) -> Option<Value> {
    if window.mode != RangeMode::Plain {
        return extended(window, counter, per_second).map(Value::Float);
    }
    if window.is_mixed() {
        return None;
    }
    let change = if window.histograms.len() > 1 {
        Change::of_histograms(window, histogram_change(window, counter)?)
    } else if window.floats.len() > 1 {
        Change::of_floats(window, counter)
    } else {
        return None;
    };
    let mut factor = change.factor(window, counter);
    if per_second {
        factor /= window.range_seconds();
    }
    Some(match change.value {
        Value::Float(value) => Value::Float(value * factor),
        Value::Histogram(mut histogram) => {
            Arc::make_mut(&mut histogram).scale(factor);
            Value::Histogram(histogram)
        }
    })
}

/// A change between the first and the last sample, and what bounds its extrapolation.
struct Change {
    value: Value,
    first: i64,
    last: i64,
    samples: usize,
    /// The first value and the change, if they say when a counter was zero.
    from_zero: Option<(f64, f64)>,
}

impl Change {
    fn of_floats(window: &Window<'_>, counter: bool) -> Self {
        let floats = window.floats;
        let (first, last) = (floats[0], floats[floats.len() - 1]);
        let mut value = last.1 - first.1;
        if counter && !window.never_falls {
            value += floats.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1).sum::<f64>();
        }
        let from_zero = (value > 0.0 && first.1 >= 0.0).then_some((first.1, value));
        Self { value: Value::Float(value), first: first.0, last: last.0, samples: floats.len(), from_zero }
    }

    fn of_histograms(window: &Window<'_>, change: Histogram) -> Self {
        let histograms = window.histograms;
        let (first, last) = (&histograms[0], &histograms[histograms.len() - 1]);
        let from_zero = (change.count > 0.0 && first.1.count >= 0.0).then_some((first.1.count, change.count));
        Self { value: change.into(), first: first.0, last: last.0, samples: histograms.len(), from_zero }
    }

    /// How many times the change the whole range saw.
    fn factor(&self, window: &Window<'_>, counter: bool) -> f64 {
        let sampled = (self.last - self.first) as f64 / 1000.0;
        let apart = sampled / (self.samples - 1) as f64;
        let reach = |distance: f64| if distance >= apart * 1.1 { apart / 2.0 } else { distance };
        let mut before = reach((self.first - window.start) as f64 / 1000.0);
        if let Some((first, change)) = self.from_zero.filter(|_| counter) {
            before = before.min(sampled * (first / change));
        }
        let after = reach((window.end - self.last) as f64 / 1000.0);
        (sampled + before + after) / sampled
    }
}

/// The change of a range of histograms, as a gauge.
fn histogram_change(window: &Window<'_>, counter: bool) -> Option<Histogram> {
    let histograms = window.histograms;
    let name = window.name;
    let is_gauge = |histogram: &Histogram| histogram.reset == Reset::Gauge;
    let (first, last) = (&*histograms[0].1, &*histograms[histograms.len() - 1].1);
    if counter {
        if histograms.iter().any(|(_, histogram)| is_gauge(histogram)) {
            window.remark(&Remark::NotCounter { name });
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        window.remark(&Remark::NotGauge { name });
    }
    // If it was reset at once, nothing of the first one counts, not even its layout.
    let second = &*histograms[1].1;
    let fresh = Histogram { schema: second.schema, bounds: second.bounds.clone(), ..Histogram::empty() };
    let first = if counter && second.is_reset_after(first) { &fresh } else { first };
    let between = if counter { &histograms[1..] } else { &histograms[histograms.len() - 1..] };
    let mut schema = first.schema;
    for (_, histogram) in between {
        if histogram.is_custom() != first.is_custom() {
            window.remark(&Remark::MixedSchemas { name });
            return None;
        }
        schema = schema.min(histogram.schema);
    }
    let mut change = last.clone();
    change.reduce_schema(schema);
    let mut previous = first;
    let reconciled = |noticed: bool, operation| {
        if noticed {
            window.remark(&Remark::ReconciledBounds { operation });
        }
    };
    reconciled(change.subtract(previous).ok()?.reconciled, "subtraction");
    if counter {
        for (_, histogram) in &histograms[1..] {
            if histogram.is_reset_after(previous) {
                reconciled(change.add(previous).ok()?.reconciled, "addition");
            }
            previous = histogram;
        }
    }
    change.reset = Reset::Gauge;
    Some(change)
}

fn instant(window: &Window<'_>, per_second: bool) -> Option<Value> {
    let recent = |length: usize| length.saturating_sub(2);
    let tail = Window {
        floats: &window.floats[recent(window.floats.len())..],
        histograms: &window.histograms[recent(window.histograms.len())..],
        ..*window
    };
    let samples = tail.merged();
    let [.., (before, previous), (now, last)] = &samples[..] else { return None };
    let seconds = (now - before) as f64 / 1000.0;
    if seconds == 0.0 {
        return None;
    }
    match (previous, last) {
        (Value::Float(previous), Value::Float(last)) => {
            let change = if per_second && last < previous { *last } else { last - previous };
            Some(Value::Float(if per_second { change / seconds } else { change }))
        }
        (Value::Histogram(previous), Value::Histogram(last)) => {
            instant_histogram(window, previous, last, per_second, seconds)
        }
        _ => {
            window.remark(&Remark::MixedSamples { name: window.name });
            None
        }
    }
}

fn instant_histogram(
    window: &Window<'_>,
    previous: &Histogram,
    last: &Histogram,
    per_second: bool,
    seconds: f64,
) -> Option<Value> {
    let name = window.name;
    let gauges = [previous, last].into_iter().filter(|histogram| histogram.reset == Reset::Gauge).count();
    if per_second && gauges > 0 {
        window.remark(&Remark::NotCounter { name });
    }
    if !per_second && gauges < 2 {
        window.remark(&Remark::NotGauge { name });
    }
    let mut change = last.clone();
    if !per_second || !last.is_reset_after(previous) {
        match change.subtract(previous) {
            Ok(noticed) if noticed.reconciled => window.remark(&Remark::ReconciledBounds { operation: "subtraction" }),
            Ok(_) => {}
            Err(_) => {
                window.remark(&Remark::MixedSchemas { name });
                return None;
            }
        }
    }
    change.reset = Reset::Gauge;
    if per_second {
        change.divide(seconds);
    }
    Some(change.into())
}

/// The change of an anchored or smoothed range: between values at its very edges.
fn extended(window: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    let points = edged(window.floats, (window.start, window.end), window.mode, counter)?;
    let mut change = points[points.len() - 1].1 - points[0].1;
    if counter {
        change += points.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1).sum::<f64>();
    }
    Some(if per_second { change / window.range_seconds() } else { change })
}

/// The points of an anchored or smoothed range: one at its very start, those inside, one at its very end. `None` if
/// there is nothing after its start.
pub(crate) fn edged(
    floats: &[(i64, f64)],
    (start, end): (i64, i64),
    mode: RangeMode,
    counter: bool,
) -> Option<Vec<(i64, f64)>> {
    let smoothed = mode == RangeMode::Smoothed;
    let mut last = floats.len().checked_sub(1)?;
    if smoothed {
        last = last.min(floats.partition_point(|&(time, _)| time < end));
    }
    let first = floats.partition_point(|&(time, _)| time <= start).saturating_sub(1).min(last);
    if floats[last].0 <= start {
        return None;
    }
    let left = match floats[first] {
        (time, _) if smoothed && time < start && first < last => {
            interpolate(floats[first], floats[first + 1], start, counter)
        }
        (_, value) => value,
    };
    let right = match floats[last] {
        (time, _) if smoothed && time > end && last > 0 => interpolate(floats[last - 1], floats[last], end, counter),
        (_, value) => value,
    };
    let inside = floats[first..=last].iter().copied().filter(|&(time, _)| time > start && time < end);
    Some(std::iter::once((start, left)).chain(inside).chain([(end, right)]).collect())
}

/// The value at `time` on the line between two samples; a counter that fell in between began from zero.
pub(crate) fn interpolate(from: (i64, f64), to: (i64, f64), time: i64, counter: bool) -> f64 {
    let start = if counter && to.1 < from.1 { 0.0 } else { from.1 };
    start + (to.1 - start) * (time - from.0) as f64 / (to.0 - from.0) as f64
}
