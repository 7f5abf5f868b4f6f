//! Asks the store, and brings its answers into the forms that are shown.

use std::collections::BTreeMap;

use monitored::{MetricKind, Monitor, Point, Series};

/// What has been sampled so far.
pub(crate) struct Figures<'a> {
    monitor: &'a Monitor,
}

impl<'a> Figures<'a> {
    pub(crate) const fn of(monitor: &'a Monitor) -> Self {
        Self { monitor }
    }

    /// The series of a metric; none where this machine has no such thing.
    pub(crate) fn series(&self, metric: &str) -> Vec<Series> {
        self.monitor.query().metric(metric).series().unwrap_or_default()
    }

    /// The newest value of the first series of a metric.
    pub(crate) fn value(&self, metric: &str) -> Option<f64> {
        Some(self.series(metric).first()?.last()?.value)
    }

    /// The newest value, or the growth a second, of each series of a metric, by one of its labels.
    pub(crate) fn by(&self, metric: &str, label: &str, only: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let series = self.series(metric).into_iter();
        let kept =
            series.filter(|series| only.iter().all(|(key, value)| series.labels.get(*key).is_some_and(|v| v == value)));
        kept.filter_map(|series| Some((series.labels.get(label)?.clone(), newest(&series)?))).collect()
    }

    /// The course of the first series of a metric in at most `columns` equal shares of the whole time: the mean of its
    /// values in each share, or its growth a second.
    pub(crate) fn course(&self, metric: &str, columns: usize) -> Vec<f64> {
        // This one has a point at each sample, so that it knows when there were some.
        let Some(clock) = self.series("monitored_host_samples_total").into_iter().next() else { return Vec::new() };
        let (Some(start), Some(end)) = (clock.points.first(), clock.points.last()) else { return Vec::new() };
        let Some(series) = self.series(metric).into_iter().next() else { return Vec::new() };
        // Two samples a share at least: they do not fall on its edges.
        let columns = columns.min(clock.points.len() / 2);
        let share = end.time.duration_since(start.time).unwrap_or_default() / columns.max(1) as u32;
        let edge = |column: usize| if column == columns { end.time } else { start.time + share * column as u32 };
        let until = |column| series.points.partition_point(|point| point.time <= edge(column));
        let mut course = Vec::new();
        for column in 0..columns {
            let (from, to) = (until(column), until(column + 1));
            let held = series.points.get(from.saturating_sub(1)).map_or(0.0, |point| point.value);
            course.push(match series.kind {
                MetricKind::Counter => {
                    let reached = series.points.get(to.saturating_sub(1)).map_or(held, |point| point.value);
                    (reached - held).max(0.0) / share.as_secs_f64().max(f64::MIN_POSITIVE)
                }
                _ if from < to => {
                    series.points[from..to].iter().map(|point| point.value).sum::<f64>() / (to - from) as f64
                }
                _ => held,
            });
        }
        course
    }
}

/// The newest value of a gauge; the growth a second of a counter over everything sampled.
fn newest(series: &Series) -> Option<f64> {
    match series.kind {
        MetricKind::Counter => {
            let (first, last) = (series.points.first()?, series.points.last()?);
            Some(growth(first, last))
        }
        _ => Some(series.last()?.value),
    }
}

fn growth(from: &Point, to: &Point) -> f64 {
    let seconds = to.time.duration_since(from.time).unwrap_or_default().as_secs_f64();
    if seconds > 0.0 { (to.value - from.value).max(0.0) / seconds } else { 0.0 }
}
