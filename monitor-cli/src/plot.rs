//! A plot of a series in characters, for a terminal.

use std::io::{self, Write};

use monitor_sinks::promql::{Labels, Line};

use crate::table::escaped;

/// Columns and rows of the plot itself.
const WIDTH: usize = 72;
const HEIGHT: usize = 8;

/// From nothing to a full character, by eighths.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The name of a series as PromQL writes it, fit for a terminal.
pub(crate) fn name(labels: &Labels) -> String {
    let without_name = labels.with("__name__", "");
    let own =
        if without_name.is_empty() && !labels.name().is_empty() { String::new() } else { without_name.to_string() };
    escaped(format!("{}{own}", labels.name()).chars())
}

/// Writes a series with its name, the least and the greatest value at the side, and the newest below. Histograms are
/// told by their mean.
pub(crate) fn write(line: &Line, out: &mut impl Write) -> io::Result<()> {
    let points: Vec<(i64, f64)> = line.points.iter().map(|point| (point.time, mean(&point.value))).collect();
    let finite = || points.iter().map(|point| point.1).filter(|value| value.is_finite());
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    writeln!(out, "{}", name(&line.labels))?;
    if low <= high {
        let columns = columns(&points);
        for row in (0..HEIGHT).rev() {
            let label = match row {
                0 => format!("{low:.4}"),
                row if row == HEIGHT - 1 => format!("{high:.4}"),
                _ => String::new(),
            };
            let text: String = columns.iter().map(|value| block(*value, low, high, row)).collect();
            writeln!(out, "{label:>14} │{}", text.trim_end())?;
        }
    }
    let newest = line.points.last().map_or_else(String::new, |point| point.value.to_string());
    writeln!(out, "{:>14}  {} points, the newest {newest}", "", points.len())
}

fn mean(value: &monitor_sinks::promql::Value) -> f64 {
    value.as_float().or_else(|| value.as_histogram().map(|of| of.sum() / of.count())).unwrap_or(f64::NAN)
}

/// The newest value of each column; where there is none, not a number.
fn columns(points: &[(i64, f64)]) -> Vec<f64> {
    let mut columns = vec![f64::NAN; WIDTH];
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return columns };
    let span = (last.0 - first.0).max(1) as f64;
    for &(time, value) in points.iter().filter(|point| point.1.is_finite()) {
        let place = (time - first.0) as f64 / span * (WIDTH - 1) as f64;
        columns[place.round() as usize] = value;
    }
    columns
}

/// What a column shows in a row, counted from below.
fn block(value: f64, low: f64, high: f64, row: usize) -> char {
    if value.is_nan() {
        return ' ';
    }
    // The lowest value is one eighth high, so that it can be told from none.
    let share = if high > low { (value - low) / (high - low) } else { 0.0 };
    let eighths = 1 + (share * (HEIGHT * 8 - 1) as f64).round() as usize;
    BLOCKS[eighths.saturating_sub(row * 8).min(8)]
}

#[cfg(test)]
mod tests {
    use monitor_sinks::promql::{Point, Value};

    use super::*;

    #[test]
    fn a_line_that_rises_fills_the_plot_from_corner_to_corner() {
        let point = |at: i64| Point { time: at * 1_000, value: Value::Float(at as f64) };
        let labels = Labels::new([("__name__", "up"), ("job", "a\u{1b}")]);
        let mut out = Vec::new();
        write(&Line { labels, points: (0..=71).map(point).collect() }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[0].starts_with("up{job=") && !text.contains('\u{1b}'), "{text}");
        assert!(rows[1].starts_with("       71.0000 │  ") && rows[1].ends_with('█'), "{text}");
        assert!(rows[8].starts_with("        0.0000 │▁▂") && rows[8].ends_with("██"), "{text}");
        assert!(rows[9].ends_with("72 points, the newest 71"), "{text}");
    }

    #[test]
    fn gaps_stay_empty_and_a_constant_is_a_line() {
        assert_eq!(block(f64::NAN, 0.0, 1.0, 0), ' ');
        assert_eq!((block(5.0, 5.0, 5.0, 0), block(5.0, 5.0, 5.0, 1)), ('▁', ' '));
        assert_eq!(columns(&[(0, 1.0), (10, f64::INFINITY)]).iter().filter(|value| !value.is_nan()).count(), 1);
    }
}
