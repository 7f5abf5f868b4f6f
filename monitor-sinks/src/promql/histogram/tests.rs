use super::*;

fn example() -> Histogram {
    Histogram::exponential(1, 10, 12.0).positive([(1, 2.0), (2, 3.0), (3, 1.0)]).negative([(2, 3.0)]).zero(0.25, 1.0)
}

#[test]
fn bounds_are_powers_and_meet() {
    let buckets: Vec<Bucket> = example().all_buckets().collect();
    assert!(buckets.windows(2).all(|pair| pair[0].upper <= pair[1].lower));
    assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<f64>(), 10.0);
    for schema in -4..=8 {
        let histogram = Histogram::exponential(schema, 1, 1.0);
        let octave = 1 << schema.max(0);
        assert_eq!(histogram.upper(0), 1.0);
        assert_eq!(histogram.upper(octave), if schema < 0 { 2f64.powi(1 << -schema) } else { 2.0 });
        assert_eq!(histogram.upper(i32::MAX), f64::INFINITY);
        assert!(histogram.upper(i32::MIN) >= 0.0);
    }
    assert_eq!(Histogram::exponential(0, 1, 1.0).upper(1024), f64::MAX);
    assert_eq!(Histogram::exponential(99, 1, 1.0).schema, 8);
}

#[test]
fn a_coarser_schema_holds_the_same_observations() {
    let mut coarse = example();
    coarse.reduce_schema(0);
    assert_eq!(coarse.positive, [(1, 5.0), (2, 1.0)]);
    assert_eq!(coarse.negative, [(1, 3.0)]);
    assert_eq!(coarse.all_buckets().map(|bucket| bucket.count).sum::<f64>(), 10.0);
}

#[test]
fn a_wider_zero_swallows_whole_buckets() {
    let mut wide = example();
    // 1.5 falls into (1.41, 2], which is swallowed with everything below it, on both sides.
    wide.widen_zero(1.5);
    assert_eq!((wide.zero_threshold, wide.zero_count), (2.0, 9.0));
    assert_eq!((wide.positive, wide.negative), (vec![(3, 1.0)], Vec::new()));
}

#[test]
fn sums_meet_in_the_coarser_layout() {
    let mut sum = example();
    let other = Histogram::exponential(0, 4, 6.0).positive([(1, 4.0)]).zero(0.5, 0.0);
    assert_eq!(sum.add(&other).map(|noticed| noticed.reconciled), Ok(false));
    assert_eq!((sum.schema, sum.zero_threshold, sum.count, sum.sum), (0, 0.5, 14.0, 18.0));
    assert_eq!(sum.positive, [(1, 9.0), (2, 1.0)]);
    let custom = Histogram::custom([1.0], 1, 1.0);
    assert!(sum.add(&custom).is_err());
}

#[test]
fn what_is_rounded_off_is_not_lost() {
    let large = Histogram::exponential(0, 0, 1e100).positive([(0, 1e100)]);
    let small = Histogram::exponential(0, 0, 1.0).positive([(0, 1.0), (5, 2.0)]);
    let negative = Histogram::exponential(0, 0, -1e100).positive([(0, -1e100)]);
    let mut sum = Sum::new(&large);
    sum.add(&small).unwrap();
    sum.add(&negative).unwrap();
    let sum = sum.finish();
    assert_eq!((sum.sum, &sum.positive[..]), (1.0, &[(0, 1.0), (5, 2.0)][..]));
}

#[test]
fn a_reset_is_a_count_that_falls_or_a_layout_that_gets_finer() {
    let before = example();
    let grown = |change: fn(&mut Histogram)| {
        let mut after = before.clone();
        after.scale(2.0);
        change(&mut after);
        after.is_reset_after(&before)
    };
    assert!(!grown(|_| {}));
    assert!(grown(|after| after.count = 9.0));
    assert!(grown(|after| after.zero_count = 0.5));
    assert!(grown(|after| after.positive[0].1 = 1.0));
    assert!(grown(|after| after.negative.clear()));
    assert!(grown(|after| after.schema = 2));
    assert!(grown(|after| after.reset = Reset::Reset));
    assert!(!grown(|after| after.reduce_schema(-1)));
    assert!(!grown(|after| (after.reset, after.count) = (Reset::NotReset, 0.0)));
}

#[test]
fn quantiles_and_fractions_are_inverse() {
    let own = Histogram::custom([1.0, 2.0, 4.0], 8, 16.0).positive([(0, 1.0), (1, 3.0), (2, 4.0)]);
    for histogram in [example(), own] {
        for part in [0.15, 0.35, 0.5, 0.65, 0.9] {
            let (value, _) = histogram.quantile(part);
            let (fraction, _) = histogram.fraction(f64::NEG_INFINITY, value);
            assert!((fraction - part).abs() < 1e-9, "{histogram} {part}: {value} has {fraction} below");
        }
        let quantiles: Vec<f64> = (0..=100).map(|percent| histogram.quantile(f64::from(percent) / 100.0).0).collect();
        assert!(quantiles.is_sorted(), "{quantiles:?}");
    }
}

#[test]
fn both_parts_of_a_cut_are_the_whole() {
    for at in [-3.0, -1.5, 0.1, 1.2, 2.5, 100.0] {
        let (mut low, mut high) = (example(), example());
        low.trim(at, true);
        high.trim(at, false);
        assert!((low.count + high.count - 10.0).abs() < 1e-9, "{at}: {low} {high}");
        assert!(low.all_buckets().all(|bucket| bucket.lower <= at), "{at}: {low}");
    }
}
