//! Adds series up, point by point.
//!
//! A row holds the series that changed, so at the time of a point the others have the value of their last one. Before its
//! first point in the window a counter had what that point says less what it grew by there; a gauge is not counted yet.
//! With a new recording all counters begin again at 0, and none of the one before counts any more.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use monitor_core::{MetricKind, Number};

use super::{fold::Fold, series::Point};
use crate::store::StoredSeries;

/// What sums are told apart by: the service and the labels that are left.
type Group = (String, BTreeMap<String, String>);

/// The sums of `series`, which are counters and gauges, over all values of the labels `over`.
pub(super) fn sums(series: Vec<StoredSeries>, folds: Vec<Fold>, over: &[&str]) -> (Vec<StoredSeries>, Vec<Fold>) {
    let mut groups: BTreeMap<Group, (StoredSeries, Vec<Fold>)> = BTreeMap::new();
    for (mut series, fold) in series.into_iter().zip(folds) {
        Arc::make_mut(&mut series.info).labels.retain(|key, _| !over.contains(&key.as_str()));
        let group = (series.service.clone(), series.labels.clone());
        groups.entry(group).or_insert_with(|| (series, Vec::new())).1.push(fold);
    }
    groups
        .into_values()
        .map(|(series, folds)| {
            let sum = sum(series.kind, &folds);
            (series, sum)
        })
        .unzip()
}

fn sum(kind: MetricKind, folds: &[Fold]) -> Fold {
    let mut sum = Fold::new();
    sum.points = points(kind, folds);
    if sum.points.is_empty() {
        let carried = folds.iter().filter_map(|fold| fold.carried);
        sum.carried = carried.reduce(|a, b| Point { time: a.time.max(b.time), value: a.value + b.value });
    }
    for fold in folds {
        sum.resolutions.note_all(&fold.resolutions);
    }
    sum.increase = folds.iter().fold(Number::ZERO, |sum, fold| sum + fold.increase);
    sum
}

fn points(kind: MetricKind, folds: &[Fold]) -> Vec<Point> {
    let mut changes: Vec<(SystemTime, usize, u64, f64)> = Vec::new();
    for (place, fold) in folds.iter().enumerate() {
        changes.extend(fold.points_by_run().map(|(point, run)| (point.time, place, run, point.value)));
    }
    changes.sort_by_key(|change| (change.0, change.1));
    // What each series has, and in which recording.
    let mut values: Vec<Option<(u64, f64)>> = folds.iter().map(|fold| fold.at_start(kind)).collect();
    let mut points = Vec::new();
    for same in changes.chunk_by(|a, b| a.0 == b.0) {
        for &(_, place, run, value) in same {
            values[place] = Some((run, value));
        }
        let (time, _, run, _) = same[0];
        let current = values.iter().flatten().filter(|value| value.0 == run);
        points.push(Point { time, value: current.map(|value| value.1).sum() });
    }
    points
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fold(entries: &[(u64, u64, f64)], before: f64) -> Fold {
        let mut fold = Fold::new();
        for &(second, run, value) in entries {
            fold.push(Point { time: SystemTime::UNIX_EPOCH + Duration::from_secs(second), value }, run, before);
        }
        fold
    }

    fn summed(kind: MetricKind, folds: &[Fold]) -> Vec<(u64, f64)> {
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        points(kind, folds).into_iter().map(|point| (seconds(point.time), point.value)).collect()
    }

    #[test]
    fn a_series_without_a_point_keeps_its_value() {
        let folds = [fold(&[(1, 7, 10.0), (2, 7, 12.0), (4, 7, 15.0)], 0.0), fold(&[(3, 7, 108.0)], 100.0)];
        let wanted = [(1, 110.0), (2, 112.0), (3, 120.0), (4, 123.0)];
        assert_eq!(summed(MetricKind::Counter, &folds), wanted);
    }

    #[test]
    fn a_gauge_counts_from_its_first_point_on() {
        let folds = [fold(&[(1, 7, 10.0), (3, 7, 11.0)], 0.0), fold(&[(2, 7, 5.0)], 0.0)];
        assert_eq!(summed(MetricKind::Gauge, &folds), [(1, 10.0), (2, 15.0), (3, 16.0)]);
    }

    #[test]
    fn a_new_recording_begins_without_the_values_of_the_old_one() {
        let folds = [fold(&[(1, 7, 10.0), (5, 9, 1.0), (6, 9, 2.0)], 0.0), fold(&[(1, 7, 100.0), (6, 9, 30.0)], 0.0)];
        assert_eq!(summed(MetricKind::Counter, &folds), [(1, 110.0), (5, 1.0), (6, 32.0)]);
    }
}
