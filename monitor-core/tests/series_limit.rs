//! Promise: tags without end fill neither the memory nor a metric beside them, and take no count away.

use monitor_core::{Collector, Counter, Sample, Value, counter, gauge, set_total_series_limit, total_series_limit};

const LIMIT: usize = 200;

fn total(samples: &[(String, f64)], name: &str) -> f64 {
    samples.iter().filter(|(known, _)| known == name).map(|(_, value)| value).sum()
}

fn number(sample: &Sample<'_>) -> f64 {
    match sample.value {
        Value::Counter { total, .. } => total.as_f64(),
        Value::Gauge(value) => value,
        _ => 0.0,
    }
}

#[test]
fn beyond_the_limit_of_all_metrics_everything_is_counted_in_one_series_a_metric() {
    assert_eq!(total_series_limit(), 10_000);
    set_total_series_limit(LIMIT);
    let mut collector = Collector::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..1_000 {
                    let value = format!("{thread}-{round}");
                    counter!("limit_one_total", 1, "user" => value);
                    counter!("limit_two_total", 2, "user" => value);
                }
            });
        }
    });
    // A metric that comes late is there all the same, and one without tags is exact.
    gauge!("limit_late", 7);
    Counter::named("limit_named_total").tag("user", "x").register().unwrap().add(3);
    Counter::named("limit_named_total").tag("user", "y").register().unwrap().add(4);

    collector.collect();
    let samples: Vec<(String, f64)> =
        collector.samples().map(|sample| (sample.key.name.clone(), number(&sample))).collect();
    let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.1, "{found} for {wanted}");
    close(total(&samples, "limit_one_total"), 4_000.0);
    close(total(&samples, "limit_two_total"), 8_000.0);
    close(total(&samples, "limit_late"), 7.0);
    close(total(&samples, "limit_named_total"), 7.0);
    // Threads that get there at once may go over by their number; each metric has a first series and an overflow.
    let ours = samples.iter().filter(|(name, _)| name.starts_with("limit_")).count();
    assert!((LIMIT..=LIMIT + 4 + 2 * 4).contains(&ours), "{ours}");
    assert!(total(&samples, "monitored_series_overflow_total") > 7_000.0);
    let overflow = collector.samples().filter(|sample| sample.key.labels.iter().any(|(key, _)| key == "overflow"));
    let named: Vec<_> = overflow.map(|sample| sample.key.name.clone()).collect();
    for name in ["limit_one_total", "limit_two_total", "limit_named_total"] {
        assert!(named.iter().any(|known| known == name), "{name} of {named:?}");
    }
}
