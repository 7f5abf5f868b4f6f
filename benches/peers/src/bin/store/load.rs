//! The load that every system gets: a program of 200 functions on a machine, flushed every 10 seconds.
//!
//! The same seed gives the same load, whoever takes it and however often, and the scalar series have the same values
//! with histograms and without. So two stores of the same load differ by the systems alone, and two stores of one system
//! by the histograms alone.
//!
//! Nothing about a value is made easier to pack than it is: durations of single calls are whole multiples of 2^-30 s, as
//! a program's registry has them, and sums that were added up as floats have all their digits.

use monitor_core::{Distribution, MetricKind, Number, Sample, SeriesKey, Value};
use rand_distr::{Distribution as _, LogNormal, Normal, Poisson, Uniform};
use rand_pcg::{Pcg64Mcg, rand_core::SeedableRng};

/// When the load begins, in microseconds: a midnight, so that hours and blocks of two hours are whole.
pub(crate) const START_US: i64 = 1_700_006_400_000_000;

/// Time between two flushes, in microseconds.
pub(crate) const STEP_US: i64 = 10_000_000;

/// An hour, in microseconds.
pub(crate) const HOUR_US: i64 = 3_600_000_000;

/// Flushes of a day.
pub(crate) const DAY: usize = 8_640;

/// Flushes of an hour.
pub(crate) const HOUR: usize = 360;

/// Functions, each with four counters and perhaps a histogram.
pub(crate) const FUNCTIONS: usize = 200;

/// Series of the machine: a third each are shares of a processor, bytes of memory, bytes over the network.
const HOST: usize = 150;

/// Series with one number a flush.
pub(crate) const SCALARS: usize = 4 * FUNCTIONS + HOST;

/// Which buckets durations fall into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grid {
    /// 8 buckets an octave: schema 3 of Prometheus, every fourth bucket of ours.
    Coarse,
    /// 32 buckets an octave: schema 5 of Prometheus, all buckets of ours.
    Fine,
}

/// The load at one flush; [`advance`](Self::advance) goes to the next.
#[derive(Debug)]
pub(crate) struct Load {
    functions: Vec<Function>,
    host: Vec<Part>,
    grid: Option<Grid>,
    series: Vec<Series>,
    flushes: usize,
    /// Buckets that are in use, over all flushes and histograms.
    pub(crate) buckets: u64,
}

#[derive(Debug)]
struct Series {
    key: SeriesKey,
    state: State,
    changed: bool,
}

#[derive(Debug)]
enum State {
    Counter { total: Number, fresh: Number },
    Gauge(f64),
    Durations(Distribution),
}

impl Load {
    /// The load before its first flush.
    pub(crate) fn new(grid: Option<Grid>) -> Self {
        let functions: Vec<Function> = (0..FUNCTIONS).map(Function::new).collect();
        let host: Vec<Part> = (0..HOST).map(Part::new).collect();
        let mut series: Vec<Series> = (0..FUNCTIONS).flat_map(counters).collect();
        series.extend(host.iter().enumerate().map(|(at, part)| part.series(at / 3)));
        if grid.is_some() {
            series.extend((0..FUNCTIONS).map(durations));
        }
        Self { functions, host, grid, series, flushes: 0, buckets: 0 }
    }

    /// The time of the flush, in microseconds.
    pub(crate) fn at_us(&self) -> i64 {
        START_US + STEP_US * self.flushes.cast_signed() as i64
    }

    /// Goes on to the next flush.
    pub(crate) fn advance(&mut self) {
        self.flushes += 1;
        let (scalars, histograms) = self.series.split_at_mut(SCALARS);
        let (counters, host) = scalars.split_at_mut(4 * FUNCTIONS);
        for (place, (function, four)) in self.functions.iter_mut().zip(counters.chunks_exact_mut(4)).enumerate() {
            let calls = function.step(four);
            if let (Some(grid), Some(series)) = (self.grid, histograms.get_mut(place)) {
                let durations = function.durations(calls, grid);
                self.buckets += durations.buckets().len() as u64;
                series.changed = !durations.is_empty();
                series.state = State::Durations(durations);
            }
        }
        for (part, series) in self.host.iter_mut().zip(host) {
            part.step(series);
        }
    }

    /// All series with their values: first those with one number, then the histograms.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.series.iter().enumerate().map(|(index, series)| {
            let value = match &series.state {
                State::Counter { total, fresh } => Value::Counter { total: *total, fresh: *fresh },
                State::Gauge(value) => Value::Gauge(*value),
                State::Durations(durations) => Value::Distribution(durations),
            };
            Sample { index, key: &series.key, value, changed: series.changed }
        })
    }
}

impl Series {
    fn add(&mut self, more: Number) {
        if let State::Counter { total, fresh } = &mut self.state {
            *total += more;
            *fresh = more;
        }
        self.changed = !more.is_zero();
    }

    fn set(&mut self, to: f64) {
        self.changed = !matches!(self.state, State::Gauge(value) if value.to_bits() == to.to_bits());
        self.state = State::Gauge(to);
    }
}

/// A function: how often it is called, how often it fails, how long it takes.
#[derive(Debug)]
struct Function {
    random: Pcg64Mcg,
    calls: Poisson<f64>,
    errors: Poisson<f64>,
    seconds: LogNormal<f64>,
    /// For single calls, apart from the rest, so that it may be left out.
    single: Pcg64Mcg,
    /// The logarithm of a duration to base 2.
    octaves: Normal<f64>,
}

impl Function {
    fn new(number: usize) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(number as u64);
        // From a call every few seconds to a dozen a second.
        let rate = uniform(1.0, 7.0).sample(&mut random).exp2();
        let octaves = uniform(-12.0, -2.0).sample(&mut random);
        Self {
            calls: Poisson::new(rate).expect("a rate is positive"),
            errors: Poisson::new(rate / 200.0).expect("a rate is positive"),
            seconds: LogNormal::new(octaves * std::f64::consts::LN_2, 0.3).expect("a width is positive"),
            octaves: Normal::new(octaves, 1.09).expect("a width is positive"),
            single: Pcg64Mcg::seed_from_u64((number + FUNCTIONS) as u64),
            random,
        }
    }

    /// Calls it for 10 seconds. Returns how often it was called.
    fn step(&mut self, counters: &mut [Series]) -> u64 {
        let calls = self.calls.sample(&mut self.random) as u64;
        let errors = (self.errors.sample(&mut self.random) as u64).min(calls);
        let seconds = calls as f64 * self.seconds.sample(&mut self.random);
        let added = [Number::Int(calls), Number::Int(calls - errors), Number::Int(errors), Number::Float(seconds)];
        for (series, more) in counters.iter_mut().zip(added) {
            series.add(more);
        }
        calls
    }

    /// How long the single calls took.
    fn durations(&mut self, calls: u64, grid: Grid) -> Distribution {
        let mut buckets = Vec::with_capacity(calls as usize);
        let (mut sum, mut smallest, mut largest) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
        for _ in 0..calls {
            let (bucket, seconds) = place(self.octaves.sample(&mut self.single), grid);
            buckets.push((bucket, 1));
            sum += seconds;
            (smallest, largest) = (seconds.min(smallest), seconds.max(largest));
        }
        Distribution::from_parts(buckets, sum, Some((smallest, largest)))
    }
}

/// The bucket and the duration, in seconds, at `octaves` from a second.
fn place(octaves: f64, grid: Grid) -> (u16, f64) {
    let octave = octaves.floor();
    let within = (octaves - octave) * 32.0;
    let part = match grid {
        Grid::Fine => within.floor(),
        Grid::Coarse => (within / 4.0).floor() * 4.0,
    };
    let bucket = OF_SECOND + 32.0 * octave + part;
    let seconds = octave.exp2() * (1.0 + (part + within.fract()) / 32.0);
    (bucket as u16, (seconds * UNITS).floor() / UNITS)
}

/// Units of a second in which durations are measured.
const UNITS: f64 = (1_u64 << 30) as f64;

/// The number of the bucket that begins at one second.
const OF_SECOND: f64 = 832.0;

/// The number that Prometheus gives to `bucket`, at the schema of the grid. It counts from the bucket that ends at one
/// second.
pub(crate) const fn native_bucket(bucket: u16, grid: Grid) -> i32 {
    match grid {
        Grid::Fine => bucket as i32 - OF_SECOND as i32 + 1,
        Grid::Coarse => (bucket as i32 - OF_SECOND as i32).div_euclid(4) + 1,
    }
}

/// A part of the machine.
#[derive(Debug)]
struct Part {
    random: Pcg64Mcg,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The share of time that a processor is busy, to the precision of a `f32`.
    Processor { share: f64 },
    /// Memory in use, in whole pages.
    Memory { pages: f64 },
    /// Bytes sent, in packets of all lengths.
    Network { packets: Poisson<f64> },
}

impl Part {
    fn new(number: usize) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64((number + 2 * FUNCTIONS) as u64);
        let what = match number % 3 {
            0 => What::Processor { share: 0.3 },
            1 => What::Memory { pages: uniform(1e4, 1e6).sample(&mut random).floor() },
            _ => {
                let rate = uniform(3.0, 12.0).sample(&mut random).exp2();
                What::Network { packets: Poisson::new(rate).expect("a rate is positive") }
            }
        };
        Self { random, what }
    }

    fn series(&self, number: usize) -> Series {
        let (name, label, state) = match self.what {
            What::Processor { share } => ("system_cpu_utilization_ratio", "cpu", State::Gauge(share)),
            What::Memory { pages } => ("system_memory_usage_bytes", "state", State::Gauge(pages)),
            What::Network { .. } => ("system_network_io_bytes_total", "device", counter()),
        };
        series(name, &[(label, &number.to_string())], state)
    }

    fn step(&mut self, series: &mut Series) {
        match &mut self.what {
            What::Processor { share } => {
                *share = 0.8 * *share + 0.2 * uniform(0.0, 1.0).sample(&mut self.random);
                series.set(f64::from(*share as f32));
            }
            What::Memory { pages } => {
                *pages = (*pages + uniform(-64.0, 64.5).sample(&mut self.random).trunc()).max(0.0);
                series.set(*pages * 4_096.0);
            }
            What::Network { packets } => {
                let length = uniform(60.0, 1_500.0).sample(&mut self.random);
                series.add(Number::Int((packets.sample(&mut self.random) * length) as u64));
            }
        }
    }
}

fn uniform(from: f64, to: f64) -> Uniform<f64> {
    Uniform::new(from, to).expect("the bounds are in order")
}

/// The four counters of a function.
fn counters(function: usize) -> [Series; 4] {
    let name = function_name(function);
    let of = [("function", name.as_str()), ("module", "load")];
    [
        series("load_calls_total", &of, counter()),
        series("function_calls_total", &[of[0], of[1], ("outcome", "ok")], counter()),
        series("function_calls_total", &[of[0], of[1], ("outcome", "error")], counter()),
        series("load_seconds_total", &of, counter()),
    ]
}

fn durations(function: usize) -> Series {
    let labels = [("function", &*function_name(function)), ("module", "load")];
    series("function_calls_duration_seconds", &labels, State::Durations(Distribution::new()))
}

/// What a function is called.
pub(crate) fn function_name(function: usize) -> String {
    format!("step_{function:03}")
}

fn counter() -> State {
    State::Counter { total: Number::ZERO, fresh: Number::ZERO }
}

fn series(name: &str, labels: &[(&str, &str)], state: State) -> Series {
    let kind = match state {
        State::Counter { .. } => MetricKind::Counter,
        State::Gauge(_) => MetricKind::Gauge,
        State::Durations(_) => MetricKind::Timer,
    };
    let labels = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let key = SeriesKey { name: name.to_owned(), kind, unit: String::new(), service: None, labels };
    Series { key, state, changed: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_core() {
        for step in 0..4_000 {
            let octaves = f64::from(step) / 199.7 - 15.0;
            let (bucket, seconds) = place(octaves, Grid::Fine);
            let mut known = Distribution::new();
            known.record(seconds);
            assert_eq!(known.buckets(), [(bucket, 1)], "{octaves}");
        }
    }

    #[test]
    fn coarse_buckets_are_every_fourth_one_and_hold_their_values() {
        for step in 0..4_000 {
            let octaves = f64::from(step) / 199.7 - 15.0;
            let (bucket, seconds) = place(octaves, Grid::Coarse);
            let known = Distribution::from_parts(vec![(bucket, 1)], seconds, Some((seconds, seconds)));
            assert_eq!((bucket % 4, known.extremes()), (0, Some((seconds, seconds))), "{octaves}");
        }
    }

    #[test]
    fn a_second_lies_at_an_edge_in_both_numberings() {
        for grid in [Grid::Coarse, Grid::Fine] {
            assert_eq!(native_bucket(place(0.0, grid).0, grid), 1);
            assert_eq!(native_bucket(place(-0.01, grid).0, grid), 0);
        }
    }

    #[test]
    fn a_histogram_of_a_flush_has_as_many_buckets_as_in_the_study() {
        let mut load = Load::new(Some(Grid::Coarse));
        for _ in 0..50 {
            load.advance();
        }
        let mean = load.buckets as f64 / (50 * FUNCTIONS) as f64;
        assert!((15.2..16.2).contains(&mean), "{mean}");
    }

    #[test]
    fn histograms_leave_the_scalar_series_as_they_are() {
        let (mut with, mut without) = (Load::new(Some(Grid::Fine)), Load::new(None));
        for _ in 0..20 {
            with.advance();
            without.advance();
        }
        let values = |load: &Load| -> Vec<String> {
            load.samples().take(SCALARS).map(|sample| format!("{:?}", sample.value)).collect()
        };
        assert_eq!(values(&with), values(&without));
        assert_eq!((with.samples().count(), without.samples().count()), (SCALARS + FUNCTIONS, SCALARS));
    }
}
