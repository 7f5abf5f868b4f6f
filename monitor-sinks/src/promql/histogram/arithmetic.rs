//! Sums and differences of histograms, and whether one counts on from another.

use super::{Buckets, Histogram, Reset, sparse};

/// Two histograms, one with custom bounds and one without, which have no sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// What was noticed while adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Noticed {
    /// One was known to be a reset and the other was known not to be.
    pub(crate) collision: bool,
    /// Custom bounds differed and were reduced to the common ones.
    pub(crate) reconciled: bool,
}

/// A sum of histograms that loses next to nothing to rounding: beside each figure it keeps what was rounded off.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    total: Histogram,
    lost: Histogram,
}

impl Histogram {
    /// Adds another histogram.
    pub(crate) fn add(&mut self, other: &Self) -> Result<Noticed, Incompatible> {
        self.combine(other, 1.0)
    }

    /// Subtracts another histogram.
    pub(crate) fn subtract(&mut self, other: &Self) -> Result<Noticed, Incompatible> {
        self.combine(other, -1.0)
    }

    /// Multiplies all counts and the sum; the result of a negative factor is a gauge.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.change(|value| value * factor);
        if factor < 0.0 {
            self.reset = Reset::Gauge;
        }
    }

    /// Divides all counts and the sum; by zero leaves no bucket.
    pub(crate) fn divide(&mut self, divisor: f64) {
        self.change(|value| value / divisor);
        if divisor == 0.0 {
            (self.positive, self.negative) = (Vec::new(), Vec::new());
        }
        if divisor < 0.0 {
            self.reset = Reset::Gauge;
        }
    }

    /// Whether it cannot follow `previous` in a series that only counts up.
    pub(crate) fn is_reset_after(&self, previous: &Self) -> bool {
        match self.reset {
            Reset::Reset => return true,
            Reset::NotReset => return false,
            Reset::Unknown | Reset::Gauge => {}
        }
        if self.count < previous.count || self.is_custom() != previous.is_custom() {
            return true;
        }
        if self.is_custom() {
            let mut current = self.clone();
            let (previous, _) = current.align(previous);
            return falls(&current.positive, &previous.positive);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let mut previous = previous.clone();
        previous.reduce_schema(self.schema);
        let (zero_count, threshold) = previous.zero_with(self.zero_threshold);
        if threshold > self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        previous.widen_zero(self.zero_threshold);
        falls(&self.positive, &previous.positive) || falls(&self.negative, &previous.negative)
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<Noticed, Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let collision = self.note_reset(other.reset);
        let (other, reconciled) = self.align(other);
        self.zero_count += sign * other.zero_count;
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        let signed =
            |buckets: &Buckets| buckets.iter().map(|&(index, count)| (index, sign * count)).collect::<Vec<_>>();
        self.positive = sparse(self.positive.iter().copied().chain(signed(&other.positive)));
        self.negative = sparse(self.negative.iter().copied().chain(signed(&other.negative)));
        Ok(Noticed { collision, reconciled })
    }

    /// What is known of the reset of a sum; says whether the two contradict each other.
    fn note_reset(&mut self, other: Reset) -> bool {
        let (reset, collision) = match (self.reset, other) {
            (mine, theirs) if mine == theirs => (mine, false),
            (Reset::Gauge, _) | (_, Reset::Gauge) => (Reset::Gauge, false),
            (Reset::Unknown, _) | (_, Reset::Unknown) => (Reset::Unknown, false),
            _ => (Reset::Unknown, true),
        };
        self.reset = reset;
        collision
    }

    fn change(&mut self, change: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = change(*value);
        }
        for buckets in [&mut self.positive, &mut self.negative] {
            for (_, count) in buckets.iter_mut() {
                *count = change(*count);
            }
            buckets.retain(|&(_, count)| count != 0.0);
        }
    }
}

impl Sum {
    pub(crate) fn new(first: &Histogram) -> Self {
        let lost = Histogram {
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: Vec::new(),
            negative: Vec::new(),
            ..first.clone()
        };
        Self { total: first.clone(), lost }
    }

    /// Adds a histogram; says whether custom bounds had to be reduced.
    pub(crate) fn add(&mut self, other: &Histogram) -> Result<bool, Incompatible> {
        if self.total.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        self.total.note_reset(other.reset);
        let (other, reconciled) = self.total.align(other);
        self.lost.align(&self.total);
        let pairs = [
            (&mut self.total.zero_count, &mut self.lost.zero_count, other.zero_count),
            (&mut self.total.count, &mut self.lost.count, other.count),
            (&mut self.total.sum, &mut self.lost.sum, other.sum),
        ];
        for (total, lost, value) in pairs {
            (*total, *lost) = add_exactly(value, *total, *lost);
        }
        add_buckets(&mut self.total.positive, &mut self.lost.positive, &other.positive);
        add_buckets(&mut self.total.negative, &mut self.lost.negative, &other.negative);
        Ok(reconciled)
    }

    /// The sum divided by `count`.
    pub(crate) fn mean(mut self, count: f64) -> Histogram {
        self.total.divide(count);
        self.lost.divide(count);
        self.finish()
    }

    /// The sum.
    pub(crate) fn finish(mut self) -> Histogram {
        let reset = self.total.reset;
        // Infinite figures have infinite losses, which would make them not-a-number.
        self.lost.change(|value| if value.is_finite() { value } else { 0.0 });
        let _ = self.total.add(&self.lost);
        self.total.reset = reset;
        self.total
    }
}

/// One step of Neumaier's summation: the new sum, and what has been rounded off so far.
pub(crate) fn add_exactly(value: f64, sum: f64, lost: f64) -> (f64, f64) {
    let total = sum + value;
    let lost = match () {
        () if total.is_infinite() => 0.0,
        () if sum.abs() >= value.abs() => lost + ((sum - total) + value),
        () => lost + ((value - total) + sum),
    };
    (total, lost)
}

fn add_buckets(totals: &mut Buckets, losses: &mut Buckets, added: &Buckets) {
    for &(index, value) in added {
        let at = match totals.binary_search_by_key(&index, |&(index, _)| index) {
            Ok(at) => at,
            Err(at) => {
                totals.insert(at, (index, 0.0));
                at
            }
        };
        let loss = match losses.binary_search_by_key(&index, |&(index, _)| index) {
            Ok(loss) => loss,
            Err(loss) => {
                losses.insert(loss, (index, 0.0));
                loss
            }
        };
        (totals[at].1, losses[loss].1) = add_exactly(value, totals[at].1, losses[loss].1);
    }
}

/// Whether a bucket holds less than before.
fn falls(current: &Buckets, previous: &Buckets) -> bool {
    let now = |wanted: i32| current.binary_search_by_key(&wanted, |&(index, _)| index).map_or(0.0, |at| current[at].1);
    previous.iter().any(|&(index, count)| now(index) < count)
}
