//! Runs readers of families when they are due, and keeps what they cost within the budget.
//!
//! Each reader is measured by the CPU time of the thread that runs it. If all readers of a list together would use more
//! than is available at their cadences, every cadence is stretched by the same factor. A reader that fails is counted,
//! says so once, and is tried again when it is next due; the others go on.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::{
    cost::thread_cpu,
    family::Family,
    record::{Record, Scale, Slot},
    settings::HostSampling,
};
use crate::util::report;

/// Room for the longest of the system's files that every machine has; a longer one makes it grow once.
const BUFFER: usize = 16 * 1024;

/// How much longer than its cadence the interval of a reader may become.
const LONGEST_STRETCH: f64 = 100.0;

/// How much the newest cost counts against the costs before it.
const NEWEST: f64 = 0.3;

/// What a reader is given beside the record.
#[derive(Debug)]
pub(crate) struct Turn {
    /// When it is, by the monotonic clock.
    pub(crate) now: Instant,
    /// Room to read files into, shared by the readers of a thread.
    pub(crate) buffer: Vec<u8>,
}

impl Turn {
    pub(super) fn new(now: Instant) -> Self {
        Self { now, buffer: vec![0; BUFFER] }
    }
}

/// Lets the dearer part of a family be read less often than the rest.
#[derive(Debug)]
pub(super) struct Seldom {
    period: Duration,
    last: Option<Instant>,
}

impl Seldom {
    pub(super) const fn new(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// Whether it is time again, and if so, notes it.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.period);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

/// Reads one family.
pub(crate) trait Reader: Send {
    /// Reads the family's values into `out`.
    ///
    /// A source that this system does not have is no error; one that cannot be read or understood is.
    fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()>;
}

/// Readers that run on the same thread.
pub(super) struct Tasks {
    list: Vec<Task>,
    /// How early a reader may run, because a sample comes a little early.
    slack: Duration,
    stretch: f64,
    scan_interval: Option<Slot>,
    left_out: Option<Slot>,
}

struct Task {
    family: Family,
    reader: Box<dyn Reader>,
    cadence: Duration,
    last: Option<Instant>,
    /// CPU seconds that one reading takes, by the newest ones.
    cost: Option<f64>,
    seconds: Option<Slot>,
    is_failing: bool,
}

impl Tasks {
    pub(super) fn new(readers: Vec<(Family, Box<dyn Reader>)>, settings: &HostSampling) -> Self {
        let on = readers.into_iter().filter(|(family, _)| settings.is_on(*family));
        let task = |(family, reader)| Task {
            family,
            reader,
            cadence: settings.cadence_of(family),
            last: None,
            cost: None,
            seconds: None,
            is_failing: false,
        };
        Self {
            list: on.map(task).collect(),
            slack: settings.interval / 2,
            stretch: 1.0,
            scan_interval: None,
            left_out: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Runs what is due at `turn.now`. `available` is the share of one core that these readers may use.
    pub(super) fn run(&mut self, turn: &mut Turn, out: &mut Record, available: f64) {
        let mut used = thread_cpu();
        for task in &mut self.list {
            if task.is_due(turn.now, self.stretch, self.slack) {
                used = task.run(turn, out, used);
            }
        }
        // However much they cost, they are read now and then, so that the stretch does not outlive its reason.
        self.stretch = (self.share_unstretched() / available).clamp(1.0, LONGEST_STRETCH);
        self.tell(out);
    }

    /// Says how the scan of processes was stretched, and whether series were left out.
    fn tell(&mut self, out: &mut Record) {
        if let Some(task) = self.list.iter().find(|task| task.family == Family::Process) {
            let name = "monitored_host_process_scan_interval_seconds";
            let slot = *self.scan_interval.get_or_insert_with(|| out.gauge(name, "seconds", &[]));
            out.set(slot, task.cadence.as_secs_f64() * self.stretch);
        }
        if out.left_out() > 0 {
            let slot = *self.left_out.get_or_insert_with(|| {
                let slot = out.counter("monitored_host_left_out_total", "", Scale::Whole, &[]);
                out.read(slot, 0);
                slot
            });
            out.read(slot, out.left_out());
        }
    }

    /// The share of one core that these readers use.
    pub(super) fn share(&self) -> f64 {
        self.share_unstretched() / self.stretch
    }

    fn share_unstretched(&self) -> f64 {
        self.list.iter().map(|task| task.cost.unwrap_or(0.0) / task.cadence.as_secs_f64()).sum()
    }
}

impl Task {
    fn is_due(&self, now: Instant, stretch: f64, slack: Duration) -> bool {
        let interval = self.cadence.mul_f64(stretch);
        // Half a sampling interval early is in time; what belongs to every sample is read at every sample.
        let passed = |last| now.saturating_duration_since(last) + slack >= interval;
        interval <= slack * 2 || self.last.is_none_or(passed)
    }

    /// Reads, given the CPU time of the thread before it; returns that after it.
    fn run(&mut self, turn: &mut Turn, out: &mut Record, before: Duration) -> Duration {
        self.last = Some(turn.now);
        let result = catch_unwind(AssertUnwindSafe(|| self.reader.read(turn, out)));
        let after = thread_cpu();
        let used = after.saturating_sub(before);
        let cost = used.as_secs_f64();
        self.cost = Some(self.cost.map_or(cost, |old| old + NEWEST * (cost - old)));
        let seconds = *self.seconds.get_or_insert_with(|| {
            let labels = [("family", self.family.name())];
            out.counter("monitored_host_sample_seconds_total", "seconds", Scale::Per(1e9), &labels)
        });
        out.add(seconds, u64::try_from(used.as_nanos()).unwrap_or(u64::MAX));
        match result {
            Ok(Ok(())) => self.succeeded(),
            Ok(Err(error)) => self.failed(out, &error),
            Err(_) => {
                monitor_core::own::BACKGROUND_PANICS.add(1_u64);
                self.failed(out, &io::Error::other("it panicked, which is a mistake in the monitor; please report it"));
            }
        }
        after
    }

    fn succeeded(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            report::line(format_args!("host sampling reads `{}` again", self.family.name()));
        }
    }

    fn failed(&mut self, out: &mut Record, error: &io::Error) {
        let slot = out.counter("monitored_host_failures_total", "", Scale::Whole, &[("family", self.family.name())]);
        out.add(slot, 1);
        if !std::mem::replace(&mut self.is_failing, true) {
            report::line(format_args!(
                "host sampling cannot read `{}`: {error}; it goes on with the rest and tries again",
                self.family.name()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use monitor_core::Value;

    use super::*;

    /// A reader that does what it is told.
    struct Fake(fn(&mut Turn, &mut Record) -> io::Result<()>);

    impl Reader for Fake {
        fn read(&mut self, turn: &mut Turn, out: &mut Record) -> io::Result<()> {
            let slot = out.counter("readings_total", "", Scale::Whole, &[]);
            out.add(slot, 1);
            (self.0)(turn, out)
        }
    }

    fn value(out: &Record, name: &str) -> Option<f64> {
        out.samples().find(|sample| sample.key.name == name).map(|sample| match sample.value {
            Value::Counter { total, .. } => total.as_f64(),
            Value::Gauge(value) => value,
            _ => panic!("a distribution"),
        })
    }

    /// Runs a reader of the process family at each of `seconds`, with a thousandth of a core to use.
    fn run(settings: &HostSampling, reader: Fake, seconds: impl Iterator<Item = u64>) -> Record {
        let readers: Vec<(Family, Box<dyn Reader>)> = vec![(Family::Process, Box::new(reader))];
        let (mut tasks, start) = (Tasks::new(readers, settings), Instant::now());
        let (mut out, mut turn) = (Record::default(), Turn::new(start));
        for second in seconds {
            turn.now = start + Duration::from_secs(second);
            tasks.run(&mut turn, &mut out, 0.001);
        }
        out
    }

    fn every_second(cadence: u64) -> HostSampling {
        HostSampling::every(Duration::from_secs(1)).cadence(Family::Process, Duration::from_secs(cadence))
    }

    #[test]
    fn a_reader_runs_at_its_cadence() {
        let out = run(&every_second(5), Fake(|_, _| Ok(())), 0..60);
        assert_eq!(value(&out, "readings_total"), Some(12.0));
        let out = run(&every_second(1), Fake(|_, _| Ok(())), 0..60);
        assert_eq!(value(&out, "readings_total"), Some(60.0));
    }

    #[test]
    fn samples_that_come_early_are_not_passed_over() {
        // The first sample is taken when a program starts, the others on the grid.
        let out = run(&every_second(1), Fake(|_, _| Ok(())), [0, 0, 1, 2].into_iter());
        assert_eq!(value(&out, "readings_total"), Some(4.0));
    }

    #[test]
    fn a_long_pause_is_one_reading_and_no_more() {
        let out = run(&every_second(5), Fake(|_, _| Ok(())), [0, 5, 100_000, 100_001, 100_004, 100_005].into_iter());
        assert_eq!(value(&out, "readings_total"), Some(4.0));
    }

    #[test]
    fn what_costs_more_than_its_share_is_read_less_often() {
        let burn = |_: &mut Turn, _: &mut Record| {
            let before = thread_cpu();
            while thread_cpu().saturating_sub(before) < Duration::from_millis(5) {}
            Ok(())
        };
        // 5 ms a second are five times a thousandth of a core.
        let out = run(&every_second(1), Fake(burn), 0..100);
        let (readings, interval) = (
            value(&out, "readings_total").unwrap(),
            value(&out, "monitored_host_process_scan_interval_seconds").unwrap(),
        );
        assert!((5.0..=25.0).contains(&readings), "{readings} readings");
        assert!((4.5..=20.0).contains(&interval), "every {interval} s");
        assert!(value(&out, "monitored_host_sample_seconds_total").unwrap() / 100.0 < 0.001 * 1.5);
    }

    #[test]
    fn a_reader_that_fails_or_panics_is_counted_and_tried_again() {
        let out = run(&every_second(1), Fake(|_, _| Err(io::Error::other("no"))), 0..4);
        assert_eq!(value(&out, "monitored_host_failures_total"), Some(4.0));
        assert_eq!(value(&out, "readings_total"), Some(4.0));
        // Unwinding is dear, so the readings are far apart.
        let out = run(&every_second(1), Fake(|_, _| panic!("on purpose")), [0, 200, 400].into_iter());
        assert_eq!(value(&out, "monitored_host_failures_total"), Some(3.0));
    }
}
