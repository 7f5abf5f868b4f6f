//! Trends: a straight line through the samples of a range, and smoothing with a trend.

use super::Window;
use crate::promql::{
    error::Error,
    histogram::add_exactly,
    value::{Value, plain},
};

type Result = std::result::Result<Option<Value>, Error>;

/// The slope of the line, a second.
pub(super) fn deriv(window: &Window<'_>) -> Result {
    Ok(line(window, window.floats.first().map_or(0, |float| float.0)).map(|(slope, _)| Value::Float(slope)))
}

/// Where the line is so many seconds after the evaluation.
pub(super) fn predict_linear(window: &Window<'_>) -> Result {
    let seconds = window.scalars.first().copied().unwrap_or(0.0);
    Ok(line(window, window.at).map(|(slope, now)| Value::Float(slope * seconds + now)))
}

/// Slope a second and value at `origin` of the line with the least squares.
fn line(window: &Window<'_>, origin: i64) -> Option<(f64, f64)> {
    if !window.has_floats() || window.floats.len() < 2 {
        return None;
    }
    let first = window.floats[0].1;
    if window.floats.iter().all(|&(_, value)| value == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    let mut sums = [(0.0, 0.0); 4];
    for &(time, y) in window.floats {
        // Near the origin seconds are small, so that their squares lose nothing.
        let x = (time - origin) as f64 / 1000.0;
        for (sum, value) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            *sum = add_exactly(value, sum.0, sum.1);
        }
    }
    let [x, y, xy, xx] = sums.map(|(sum, lost)| sum + lost);
    let count = window.floats.len() as f64;
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some((slope, y / count - slope * x / count))
}

/// Holt's smoothing: each value pulls the level, each change of the level pulls the trend.
pub(super) fn double_exponential_smoothing(window: &Window<'_>) -> Result {
    let [smoothing, trend] = *window.scalars else { return Ok(None) };
    for (factor, name, short) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")] {
        if factor <= 0.0 || factor >= 1.0 {
            let got = plain(factor);
            let got = if factor.is_finite() { format!("{factor:.6}") } else { got };
            return Err(Error::evaluation(format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {got}")));
        }
    }
    if !window.has_floats() || window.floats.len() < 2 {
        return Ok(None);
    }
    let values = window.floats.iter().map(|&(_, value)| value);
    let (mut level, mut before, mut slope) = (window.floats[0].1, 0.0, window.floats[1].1 - window.floats[0].1);
    for (at, value) in values.enumerate().skip(1) {
        if at > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        (before, level) = (level, smoothing * value + (1.0 - smoothing) * (level + slope));
    }
    Ok(Some(Value::Float(level)))
}
