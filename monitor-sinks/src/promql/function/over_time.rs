//! Figures of all samples of a range: `sum_over_time` and its kin.

use super::{Window, quantile};
use crate::promql::{
    annotation::Remark,
    error::Error,
    histogram::{Histogram, Reset, Sum, add_exactly},
    value::Value,
};

type Result = std::result::Result<Option<Value>, Error>;

pub(super) fn count(window: &Window<'_>) -> Result {
    float(!window.is_empty(), || (window.floats.len() + window.histograms.len()) as f64)
}

pub(super) fn present(window: &Window<'_>) -> Result {
    float(!window.is_empty(), || 1.0)
}

pub(super) fn first(window: &Window<'_>) -> Result {
    Ok(match (window.floats.first(), window.histograms.first()) {
        (Some(float), Some(histogram)) if histogram.0 <= float.0 => Some(Value::Histogram(histogram.1.clone())),
        (Some(float), _) => Some(Value::Float(float.1)),
        (None, histogram) => histogram.map(|(_, histogram)| Value::Histogram(histogram.clone())),
    })
}

pub(super) fn last(window: &Window<'_>) -> Result {
    Ok(match (window.floats.last(), window.histograms.last()) {
        (Some(float), Some(histogram)) if histogram.0 >= float.0 => Some(Value::Histogram(histogram.1.clone())),
        (Some(float), _) => Some(Value::Float(float.1)),
        (None, histogram) => histogram.map(|(_, histogram)| Value::Histogram(histogram.clone())),
    })
}

pub(super) fn time_of_first(window: &Window<'_>) -> Result {
    let times = [window.floats.first().map(|float| float.0), window.histograms.first().map(|histogram| histogram.0)];
    Ok(times.into_iter().flatten().min().map(seconds))
}

pub(super) fn time_of_last(window: &Window<'_>) -> Result {
    let times = [window.floats.last().map(|float| float.0), window.histograms.last().map(|histogram| histogram.0)];
    Ok(times.into_iter().flatten().max().map(seconds))
}

pub(super) fn max(window: &Window<'_>) -> Result {
    Ok(extreme(window, |value, best| value > best).map(|(_, value)| Value::Float(value)))
}

pub(super) fn min(window: &Window<'_>) -> Result {
    Ok(extreme(window, |value, best| value < best).map(|(_, value)| Value::Float(value)))
}

/// When the greatest value was, the last time.
pub(super) fn time_of_max(window: &Window<'_>) -> Result {
    Ok(extreme(window, |value, best| value >= best).map(|(time, _)| seconds(time)))
}

/// When the least value was, the last time.
pub(super) fn time_of_min(window: &Window<'_>) -> Result {
    Ok(extreme(window, |value, best| value <= best).map(|(time, _)| seconds(time)))
}

/// The number that is better than all before it; any is better than not-a-number.
fn extreme(window: &Window<'_>, better: impl Fn(f64, f64) -> bool) -> Option<(i64, f64)> {
    if !window.has_floats() {
        return None;
    }
    let better =
        |best: (i64, f64), next: (i64, f64)| if better(next.1, best.1) || best.1.is_nan() { next } else { best };
    window.floats.iter().copied().reduce(better)
}

pub(super) fn sum(window: &Window<'_>) -> Result {
    if window.is_mixed() {
        return Ok(None);
    }
    if !window.histograms.is_empty() {
        return Ok(histogram_sum(window).map(|sum| sum.finish().into()));
    }
    float(!window.floats.is_empty(), || {
        let (sum, lost) = sum_of(window.floats.iter().map(|&(_, value)| value));
        sum + lost
    })
}

pub(super) fn avg(window: &Window<'_>) -> Result {
    if window.is_mixed() {
        return Ok(None);
    }
    if !window.histograms.is_empty() {
        let count = window.histograms.len() as f64;
        return Ok(histogram_sum(window).map(|sum| sum.mean(count).into()));
    }
    float(!window.floats.is_empty(), || mean(window.floats.iter().map(|&(_, value)| value)))
}

/// The sum of the histograms, with remarks; `None` if they cannot be added.
fn histogram_sum(window: &Window<'_>) -> Option<Sum> {
    let ((_, first), rest) = window.histograms.split_first()?;
    let (mut sum, mut reconciled) = (Sum::new(first), false);
    for (_, histogram) in rest {
        let Ok(noticed) = sum.add(histogram) else {
            window.remark(&Remark::MixedSchemas { name: window.name });
            return None;
        };
        reconciled |= noticed;
    }
    let operation = "aggregation";
    if reconciled {
        window.remark(&Remark::ReconciledBounds { operation });
    }
    if resets_collide(window.histograms.iter().map(|(_, histogram)| &**histogram)) {
        window.remark(&Remark::ResetCollision { operation });
    }
    Some(sum)
}

/// Whether some are known to be resets and some are known not to be.
pub(crate) fn resets_collide<'a>(mut histograms: impl Iterator<Item = &'a Histogram> + Clone) -> bool {
    histograms.clone().any(|histogram| histogram.reset == Reset::Reset)
        && histograms.any(|histogram| histogram.reset == Reset::NotReset)
}

/// The sum and what was rounded off it.
pub(crate) fn sum_of(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((0.0, 0.0), |(sum, lost), value| add_exactly(value, sum, lost))
}

/// The mean: the sum by the count while the sum is finite, then corrected value by value.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost, mut count) = (0.0, 0.0, 0.0);
    let mut running = false;
    for value in values {
        count += 1.0;
        if !running {
            let (next, next_lost) = add_exactly(value, sum, lost);
            if next.is_finite() || next.is_nan() || count == 1.0 {
                (sum, lost) = (next, next_lost);
                continue;
            }
            running = true;
            (sum, lost) = (sum / (count - 1.0), lost / (count - 1.0));
        }
        let keep = (count - 1.0) / count;
        (sum, lost) = add_exactly(value / count, keep * sum, keep * lost);
    }
    if running { sum + lost } else { sum / count + lost / count }
}

pub(super) fn stdvar(window: &Window<'_>) -> Result {
    Ok(variance(window).map(Value::Float))
}

pub(super) fn stddev(window: &Window<'_>) -> Result {
    Ok(variance(window).map(|variance| Value::Float(variance.sqrt())))
}

fn variance(window: &Window<'_>) -> Option<f64> {
    if !window.has_floats() {
        return None;
    }
    let (mut count, mut mean, mut squares) = (0.0, (0.0, 0.0), (0.0, 0.0));
    for &(_, value) in window.floats {
        count += 1.0;
        let distance = value - (mean.0 + mean.1);
        mean = add_exactly(distance / count, mean.0, mean.1);
        squares = add_exactly(distance * (value - (mean.0 + mean.1)), squares.0, squares.1);
    }
    Some((squares.0 + squares.1) / count)
}

pub(super) fn quantile_of(window: &Window<'_>) -> Result {
    let q = window.scalars.first().copied().unwrap_or(f64::NAN);
    if window.floats.is_empty() {
        return Ok(None);
    }
    if !(0.0..=1.0).contains(&q) {
        window.remark(&Remark::InvalidQuantile(q));
    }
    float(window.has_floats(), || quantile(q, &mut values(window)))
}

/// The median distance from the median.
pub(super) fn mad(window: &Window<'_>) -> Result {
    float(window.has_floats(), || {
        let mut values = values(window);
        let median = quantile(0.5, &mut values);
        for value in &mut values {
            *value = (*value - median).abs();
        }
        quantile(0.5, &mut values)
    })
}

pub(super) fn resets(window: &Window<'_>) -> Result {
    transitions(window, |before, after| match (before, after) {
        (Value::Float(before), Value::Float(after)) => after < before,
        (Value::Histogram(before), Value::Histogram(after)) => after.is_reset_after(before),
        _ => true,
    })
}

pub(super) fn changes(window: &Window<'_>) -> Result {
    transitions(window, |before, after| match (before, after) {
        (Value::Float(before), Value::Float(after)) => before != after && !(before.is_nan() && after.is_nan()),
        (Value::Histogram(before), Value::Histogram(after)) => !before.is_same(after),
        _ => true,
    })
}

/// How many samples follow the one before in a certain way.
fn transitions(window: &Window<'_>, counts: impl Fn(&Value, &Value) -> bool) -> Result {
    let Some(anchor) = window.anchor().filter(|_| !window.is_empty()) else { return Ok(None) };
    let samples = Window { floats: &window.floats[anchor..], ..*window }.merged();
    Ok(Some(Value::Float(samples.windows(2).filter(|pair| counts(&pair[0].1, &pair[1].1)).count() as f64)))
}

fn values(window: &Window<'_>) -> Vec<f64> {
    window.floats.iter().map(|&(_, value)| value).collect()
}

fn seconds(millis: i64) -> Value {
    Value::Float(millis as f64 / 1000.0)
}

fn float(there: bool, value: impl FnOnce() -> f64) -> Result {
    Ok(there.then(|| Value::Float(value())))
}
