//! Fewer points that look the same in a plot.
//!
//! The time from the first point to the last is cut into equal stretches, and of each the first, the last, the smallest and
//! the largest point are kept, with their own times and values (the aggregation M4 of Jugel, Jerzak, Hackenbroich and
//! Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014). A line through them covers the same
//! pixels as one through all points, if a stretch is a column of pixels. Means would flatten peaks; largest-triangle
//! selection (LTTB) keeps what looks important to it, and may leave the largest value out.

use super::{Point, grid::length};
use crate::{store::Window, util::time::to_micros};

/// Points kept of a stretch.
const KEPT: usize = 4;

/// Drops points until there are at most `most`, which is at least 4. `points` are in the order of time.
pub(super) fn thin(points: &mut Vec<Point>, most: usize) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    if points.len() <= most {
        return;
    }
    let after = to_micros(first.time);
    let whole = length(Window { after, until: to_micros(last.time) }).as_micros() + 1;
    let stretches = (most / KEPT) as u128;
    let stretch = |point: &Point| {
        let since = length(Window { after, until: to_micros(point.time) }).as_micros();
        since * stretches / whole
    };
    *points = points.chunk_by(|a, b| stretch(a) == stretch(b)).flat_map(outline).collect();
}

/// The first, last, smallest and largest of `points`, in the order of time and each once. Not-a-number is neither small nor
/// large.
fn outline(points: &[Point]) -> impl Iterator<Item = Point> {
    let numbers = || (0..points.len()).filter(|&place| !points[place].value.is_nan());
    let by_value = |a: &usize, b: &usize| points[*a].value.total_cmp(&points[*b].value);
    let extremes = numbers().min_by(by_value).into_iter().chain(numbers().max_by(by_value));
    let mut kept: Vec<usize> = [0, points.len() - 1].into_iter().chain(extremes).collect();
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|place| points[place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::Random, util::time::from_micros};

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        (0..).zip(values).map(|(second, value)| Point { time: from_micros(second * 1_000_000), value }).collect()
    }

    fn thinned(values: impl IntoIterator<Item = f64>, most: usize) -> Vec<f64> {
        let mut points = points(values);
        thin(&mut points, most);
        assert!(points.is_sorted_by(|a, b| a.time < b.time));
        points.into_iter().map(|point| point.value).collect()
    }

    #[test]
    fn few_points_stay_as_they_are() {
        assert_eq!(thinned([1.0, 5.0, 2.0], 4), [1.0, 5.0, 2.0]);
        assert!(thinned([], 4).is_empty());
    }

    #[test]
    fn the_first_the_last_and_both_extremes_stay() {
        assert_eq!(thinned([3.0, 4.0, 9.0, 4.0, -1.0, 3.5, 3.25], 4), [3.0, 9.0, -1.0, 3.25]);
    }

    #[test]
    fn a_single_peak_survives_however_many_points_go() {
        let mut random = Random(3);
        for most in [4, 5, 40, 100] {
            let (up, down) = (random.below(5_000), 5_000 + random.below(5_000));
            let value = |place| if place == up { 7.0 } else { f64::from(u8::from(place != down)) };
            let kept = thinned((0..10_000).map(value), most);
            assert!(kept.len() <= most && kept.contains(&7.0) && kept.contains(&0.0), "{most}: {}", kept.len());
        }
    }

    #[test]
    fn there_are_never_more_points_than_asked_for() {
        let mut random = Random(8);
        for _ in 0..300 {
            let (count, most) = (random.below(500), 4 + random.below(60));
            let values: Vec<f64> = (0..count).map(|_| f64::from_bits(random.next())).collect();
            assert!(thinned(values, most).len() <= most);
        }
    }

    #[test]
    fn points_at_one_instant_and_points_without_a_number_do_no_harm() {
        let mut same = points([f64::NAN; 9]);
        for point in &mut same {
            point.time = from_micros(5);
        }
        thin(&mut same, 4);
        assert_eq!(same.len(), 2);
    }
}
