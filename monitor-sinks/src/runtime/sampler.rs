//! Origins beside the registry: what is sampled on a grid of its own, such as the machine.
//!
//! The background thread drives any number of them and knows none by name. Each stands behind a guard, because its values
//! come from outside the process: a panic in one is counted, said once, and costs that origin alone. What the program
//! itself recorded is stored all the same. An origin that panics again and again is given up.

use std::{
    any::Any,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use monitor_core::{Sample, own};

use crate::{
    error::Error,
    store::{Origin, Placed},
    util::report,
};

/// An origin of samples. Instants are microseconds since 1970.
pub(super) trait Sampler: Send {
    /// When it wants to be sampled next.
    fn due_us(&self) -> i64;

    /// Takes a sample, and sets the next instant.
    fn sample(&mut self, at_us: i64);

    /// Every series of this recording with its value as of the last sample.
    fn samples(&self) -> Box<dyn Iterator<Item = Sample<'_>> + '_>;

    /// Takes note that what `samples` listed as changed has been stored.
    fn delivered(&mut self);
}

/// The settings of a sampler, which is opened when the monitor starts.
pub(super) trait Settings: Debug + Send + Sync {
    /// Which origin this is. A monitor has each at most once.
    fn origin(&self) -> Origin;

    /// What is sampled, as log lines call it.
    fn name(&self) -> &'static str;

    /// Checks the settings and gets ready; values are read by the first sample.
    fn open(&self) -> Result<Box<dyn Sampler>, Error>;
}

/// The samplers that a builder has been given.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen(Vec<Arc<dyn Settings>>);

impl Chosen {
    /// Adds `settings`; those given before for the same origin go.
    #[allow(dead_code, reason = "there is nothing to choose without the feature `host`")]
    pub(super) fn set(&mut self, settings: Arc<dyn Settings>) {
        self.0.retain(|known| known.origin() != settings.origin());
        self.0.push(settings);
    }

    pub(super) fn open(&self) -> Result<Samplers, Error> {
        let open =
            |settings: &Arc<dyn Settings>| Ok(Guarded::new(settings.origin(), settings.name(), settings.open()?));
        self.0.iter().map(open).collect::<Result<_, _>>().map(Samplers)
    }
}

/// The samplers of a running monitor.
pub(super) struct Samplers(Vec<Guarded>);

impl Samplers {
    /// When the next one is due, at the earliest.
    pub(super) fn due_us(&self, now_us: i64) -> Option<i64> {
        self.0.iter().filter_map(|guarded| guarded.due_us(now_us)).min()
    }

    /// Samples those that are due at `now_us`.
    pub(super) fn sample_due(&mut self, now_us: i64) {
        for guarded in &mut self.0 {
            if guarded.due_us(now_us).is_some_and(|due| due <= now_us) {
                guarded.sample(now_us);
            }
        }
    }

    /// Samples all of them, because there will be no other time.
    pub(super) fn sample_all(&mut self, now_us: i64) {
        self.0.iter_mut().for_each(|guarded| guarded.sample(now_us));
    }

    /// What they have sampled.
    pub(super) fn samples(&self) -> impl Iterator<Item = Placed<'_>> {
        self.0.iter().flat_map(Guarded::samples)
    }

    /// Takes note that this has been stored.
    pub(super) fn delivered(&mut self) {
        self.0.iter_mut().for_each(Guarded::delivered);
    }
}

/// How often in a row an origin may panic before it is given up.
const MOST_PANICS: u32 = 3;

/// How long an origin that has panicked is left alone.
const REST_US: i64 = 10_000_000;

/// By how much the wall clock may go back without having been set.
const CORRECTION_US: i64 = 1_000_000;

/// A sampler whose panics go no further.
struct Guarded {
    origin: Origin,
    name: &'static str,
    /// `None` once it was given up.
    sampler: Option<Box<dyn Sampler>>,
    /// When it was sampled last, or tried.
    sampled_us: Option<i64>,
    /// How often in a row it has panicked. What it lists is good only if this is zero.
    panics: u32,
}

impl Guarded {
    fn new(origin: Origin, name: &'static str, sampler: Box<dyn Sampler>) -> Self {
        Self { origin, name, sampler: Some(sampler), sampled_us: None, panics: 0 }
    }

    /// At once if it was never sampled, so that there are values from the start, or if the wall clock was set back since:
    /// the instant planned for may be far away by now. A running clock that is corrected is no reason for that.
    fn due_us(&self, now_us: i64) -> Option<i64> {
        let sampler = self.sampler.as_ref()?;
        match self.sampled_us.filter(|&last| last.saturating_sub(now_us) <= CORRECTION_US) {
            None => Some(now_us),
            Some(last) if self.panics > 0 => Some(last.saturating_add(REST_US)),
            Some(_) => Some(sampler.due_us()),
        }
    }

    fn sample(&mut self, at_us: i64) {
        self.sampled_us = Some(at_us);
        let Some(sampler) = &mut self.sampler else { return };
        let outcome = caught(|| {
            sampler.sample(at_us);
            // Listed once here, so that the listing in the middle of a transaction cannot panic.
            sampler.samples().for_each(drop);
        });
        match outcome {
            Ok(()) if self.panics == 0 => {}
            Ok(()) => {
                self.panics = 0;
                report::line(format_args!("sampling {} works again", self.name));
            }
            Err(message) => self.panicked(&message),
        }
    }

    fn samples(&self) -> impl Iterator<Item = Placed<'_>> {
        let sound = self.sampler.as_ref().filter(|_| self.panics == 0 && self.sampled_us.is_some());
        sound.into_iter().flat_map(|sampler| sampler.samples().map(|sample| self.origin.sample(sample)))
    }

    fn delivered(&mut self) {
        if let Some(sampler) = self.sampler.as_mut().filter(|_| self.panics == 0)
            && let Err(message) = caught(|| sampler.delivered())
        {
            self.panicked(&message);
        }
    }

    /// Counts a panic, says so at the first, and gives up after the last.
    fn panicked(&mut self, message: &str) {
        own::BACKGROUND_PANICS.add(1_u64);
        self.panics += 1;
        if self.panics >= MOST_PANICS {
            let sampler = self.sampler.take();
            let _ = caught(|| drop(sampler));
            report::line(format_args!(
                "sampling {} panicked {MOST_PANICS} times in a row and is given up until the next start; everything else \
                 goes on. Please report it: {message}",
                self.name
            ));
        } else if self.panics == 1 {
            report::line(format_args!(
                "sampling {} panicked and is tried again in 10 s; everything else goes on: {message}",
                self.name
            ));
        }
    }
}

/// Runs `work`; the message of its panic, if it panics.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use monitor_core::{MetricKind, SeriesKey, Value};

    use super::*;

    const SECOND: i64 = 1_000_000;

    /// Samples each second; panics while it is told to.
    struct Fake {
        key: SeriesKey,
        taken: u32,
        due_us: i64,
        breakage: Arc<Breakage>,
    }

    /// Until when what panics.
    #[derive(Debug, Default)]
    struct Breakage {
        sample_until_us: AtomicI64,
        list_until_us: AtomicI64,
    }

    impl Sampler for Fake {
        fn due_us(&self) -> i64 {
            self.due_us
        }

        fn sample(&mut self, at_us: i64) {
            self.due_us = at_us + SECOND;
            self.taken += 1;
            assert!(at_us >= self.breakage.sample_until_us.load(Ordering::Relaxed), "no sample");
        }

        fn samples(&self) -> Box<dyn Iterator<Item = Sample<'_>> + '_> {
            assert!(self.due_us - SECOND >= self.breakage.list_until_us.load(Ordering::Relaxed), "no list");
            let value = Value::Gauge(f64::from(self.taken));
            Box::new(std::iter::once(Sample { index: 0, key: &self.key, value, changed: true }))
        }

        fn delivered(&mut self) {}
    }

    fn samplers(breakage: &Arc<Breakage>) -> Samplers {
        let key = SeriesKey {
            name: String::from("fake"),
            kind: MetricKind::Gauge,
            unit: String::new(),
            service: None,
            labels: Vec::new(),
        };
        let fake = Fake { key, taken: 0, due_us: i64::MAX, breakage: Arc::clone(breakage) };
        Samplers(vec![Guarded::new(Origin::Host, "a fake", Box::new(fake))])
    }

    #[test]
    fn the_first_sample_is_due_at_once_and_the_next_when_the_sampler_says() {
        let mut samplers = samplers(&Arc::default());
        assert_eq!(samplers.due_us(100), Some(100));
        assert_eq!(samplers.samples().count(), 0, "nothing was sampled yet");
        samplers.sample_due(100);
        assert_eq!(samplers.due_us(100), Some(100 + SECOND));
        assert_eq!(samplers.samples().count(), 1);
    }

    #[test]
    fn a_clock_that_went_back_makes_it_due_at_once() {
        let mut samplers = samplers(&Arc::default());
        samplers.sample_due(3_600 * SECOND);
        assert_eq!(samplers.due_us(SECOND), Some(SECOND));
        samplers.sample_due(SECOND);
        assert_eq!(samplers.due_us(SECOND), Some(2 * SECOND));
    }

    #[test]
    fn a_clock_that_was_corrected_changes_nothing() {
        let mut samplers = samplers(&Arc::default());
        samplers.sample_due(10 * SECOND);
        assert_eq!(samplers.due_us(10 * SECOND - 1_000), Some(11 * SECOND));
    }

    #[test]
    fn a_panic_costs_its_own_samples_only_and_is_over_with_the_next_good_sample() {
        let breakage = Arc::new(Breakage { sample_until_us: SECOND.into(), ..Breakage::default() });
        let mut samplers = samplers(&breakage);
        samplers.sample_due(0);
        assert_eq!(samplers.samples().count(), 0);
        assert_eq!(samplers.due_us(0), Some(REST_US), "it rests");
        samplers.sample_due(REST_US);
        assert_eq!(samplers.samples().count(), 1);
        assert_eq!(samplers.due_us(REST_US), Some(REST_US + SECOND));
    }

    #[test]
    fn a_list_that_panics_is_found_out_before_it_is_stored() {
        let breakage = Arc::new(Breakage { list_until_us: SECOND.into(), ..Breakage::default() });
        let mut samplers = samplers(&breakage);
        samplers.sample_due(0);
        assert_eq!(samplers.samples().count(), 0);
    }

    #[test]
    fn repeated_panics_end_it() {
        let breakage = Arc::new(Breakage { sample_until_us: i64::MAX.into(), ..Breakage::default() });
        let mut samplers = samplers(&breakage);
        for attempt in 0..3 {
            assert!(samplers.due_us(attempt * REST_US).is_some());
            samplers.sample_due(attempt * REST_US);
        }
        assert_eq!(samplers.due_us(9 * REST_US), None);
        samplers.sample_all(9 * REST_US);
        assert_eq!(samplers.samples().count(), 0);
    }
}
