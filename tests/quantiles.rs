//! Promise: quantiles are within 1.6 % of the exact ones of the same durations, over any union of windows.

use std::time::{Duration, SystemTime};

use monitored::{Monitor, Timer};

static LOAD: Timer = Timer::new("load_duration_seconds");

fn exact(sorted: &[Duration], q: f64) -> f64 {
    let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
    sorted[rank - 1].as_secs_f64()
}

#[test]
fn stored_quantiles_are_within_their_bound_over_any_union_of_windows() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = Monitor::builder()
        .service("quantiles")
        .sqlite(folder.path().join("quantiles.db"))
        .flush_every(Duration::from_hours(1))
        .start()
        .unwrap();

    let mut state = 11_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut windows: Vec<(SystemTime, Vec<Duration>)> = Vec::new();
    let first = SystemTime::now() - Duration::from_millis(1);
    for window in 0..12 {
        let count = 1 + (random() * 700.0) as usize;
        let durations: Vec<Duration> = (0..count)
            .map(|_| Duration::from_secs_f64(10_f64.powf(random() * 9.0 - 6.5 + f64::from(window % 3))))
            .collect();
        for duration in &durations {
            LOAD.record(*duration);
        }
        monitor.flush().unwrap();
        windows.push((SystemTime::now(), durations));
        // The next row must lie in a later millisecond than the end of this window.
        std::thread::sleep(Duration::from_millis(3));
    }

    for from in 0..windows.len() {
        for to in from..windows.len() {
            let start = if from == 0 { first } else { windows[from - 1].0 };
            let series =
                monitor.query().metric("load_duration_seconds").between(start, windows[to].0).series().unwrap();
            let found = series[0].distribution();
            let mut all: Vec<Duration> = windows[from..=to].iter().flat_map(|window| window.1.clone()).collect();
            all.sort();
            assert_eq!(found.count(), all.len() as u64, "windows {from} to {to}");
            for q in [0.0, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
                let (found, wanted) = (found.quantile(q).unwrap(), exact(&all, q));
                assert!(
                    (found - wanted).abs() <= 0.016 * wanted,
                    "windows {from} to {to}, q {q}: {found} for {wanted}"
                );
            }
        }
    }
    monitor.shutdown().unwrap();
}
