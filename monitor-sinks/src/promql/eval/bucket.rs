//! Functions of histograms of either kind: `histogram_quantile`, `histogram_quantiles`, `histogram_fraction`.
//!
//! A classic histogram is a group of series with a label `le`, whose counts are cumulative. Where a native histogram
//! has the same labels at the same instant, neither is used.

use std::collections::HashMap;

use super::{Context, Node, Sample, Table, Vector, scalar::Scalar, table::Meta};
use crate::promql::{
    annotation::{Raised, Remark},
    error::Error,
    histogram::{Histogram, NanObservations},
    labels::{BUCKET, Labels},
    syntax::Span,
    value::{Value, general},
};

/// What is asked of a histogram.
pub(super) enum Figure {
    Quantile(Scalar),
    /// Several quantiles, told apart by a label.
    Quantiles(String, Vec<Scalar>),
    Fraction {
        lower: Scalar,
        upper: Scalar,
    },
}

/// A figure of each histogram.
pub(super) struct OfBuckets {
    figure: Figure,
    inner: Box<dyn Node>,
    /// The places of the scalars, and of the vector.
    spans: Vec<Span>,
    vector_span: Span,
    /// The histogram that a series belongs to, and its upper bound if it is a classic bucket.
    members: Vec<Member>,
    histograms: HashMap<Labels, usize>,
    names: Vec<Labels>,
    table: Table,
}

#[derive(Clone, Copy)]
struct Member {
    classic: usize,
    bound: Option<f64>,
    native: usize,
}

/// A histogram at an instant.
#[derive(Default)]
struct Found {
    /// Upper bounds and cumulative counts.
    buckets: Vec<(f64, f64)>,
    native: Option<Value>,
}

/// A figure to compute, with its numbers known.
enum Asked {
    Quantile { q: f64, label: Option<(String, String)> },
    Fraction { lower: f64, upper: f64 },
}

impl OfBuckets {
    pub(super) fn new(figure: Figure, inner: Box<dyn Node>, spans: Vec<Span>, vector_span: Span) -> Self {
        Self {
            figure,
            inner,
            spans,
            vector_span,
            members: Vec::new(),
            histograms: HashMap::new(),
            names: Vec::new(),
            table: Table::default(),
        }
    }

    fn asked(&mut self, at: i64, context: &mut Context) -> Result<Vec<Asked>, Error> {
        let mut asked = Vec::new();
        match &mut self.figure {
            Figure::Quantile(q) => asked.push(Asked::Quantile { q: q.eval(at, context)?, label: None }),
            Figure::Quantiles(label, quantiles) => {
                for q in quantiles {
                    let q = q.eval(at, context)?;
                    let text = if q == q.trunc() && q.is_finite() { format!("{q:.1}") } else { general(q) };
                    asked.push(Asked::Quantile { q, label: Some((label.clone(), text)) });
                }
            }
            Figure::Fraction { lower, upper } => {
                asked.push(Asked::Fraction { lower: lower.eval(at, context)?, upper: upper.eval(at, context)? });
            }
        }
        for (asked, span) in asked.iter().zip(&self.spans) {
            if let Asked::Quantile { q, .. } = asked
                && !(0.0..=1.0).contains(q)
            {
                context.remark(*span, &Remark::InvalidQuantile(*q));
            }
        }
        Ok(asked)
    }

    /// Sorts the samples into histograms, in the order of their first samples.
    fn gather(&mut self, vector: Vec<Sample>, context: &Context) -> Vec<(usize, Found)> {
        self.number();
        let mut places: HashMap<usize, usize> = HashMap::new();
        let mut found: Vec<(usize, Found)> = Vec::new();
        for sample in vector {
            let member = self.members[sample.id];
            let histogram = match &sample.value {
                Value::Histogram(_) => member.native,
                Value::Float(_) if member.bound.is_some() => member.classic,
                Value::Float(_) => {
                    let labels = self.inner.series().labels(sample.id);
                    let bound = labels.get(BUCKET).unwrap_or_default();
                    context.remark(self.vector_span, &Remark::BadBucket { bound, name: labels.name() });
                    continue;
                }
            };
            let place = *places.entry(histogram).or_insert_with(|| {
                found.push((histogram, Found::default()));
                found.len() - 1
            });
            match (sample.value, member.bound) {
                (Value::Float(count), Some(bound)) => found[place].1.buckets.push((bound, count)),
                (value, _) => found[place].1.native = Some(value),
            }
        }
        found.retain(|(histogram, found)| {
            let mixed = found.native.is_some() && !found.buckets.is_empty();
            if mixed {
                let name = self.names[*histogram].name();
                context.remark(self.vector_span, &Remark::MixedClassicAndNative { name });
            }
            !mixed
        });
        found
    }

    /// Finds out which histogram each series belongs to.
    fn number(&mut self) {
        let series = self.inner.series();
        for id in self.members.len()..series.len() {
            let labels = series.labels(id);
            let bound = labels.get(BUCKET).and_then(parse_bound);
            let mut number = |labels: Labels| {
                let next = self.names.len();
                let number = *self.histograms.entry(labels.clone()).or_insert(next);
                if number == next {
                    self.names.push(labels);
                }
                number
            };
            let native = number(labels.clone());
            let classic = number(labels.filter(|label| label != BUCKET));
            self.members.push(Member { classic, bound, native });
        }
    }

    fn figure(&self, name: &str, found: &mut Found, asked: &Asked, at: i64, context: &Context) -> f64 {
        match (&found.native, asked) {
            (Some(Value::Histogram(histogram)), asked) => {
                let span = if matches!(self.figure, Figure::Quantiles(..)) { self.vector_span } else { self.spans[0] };
                of_native(histogram, asked, name, span, context)
            }
            (_, Asked::Fraction { lower, upper }) => classic_fraction(*lower, *upper, &mut found.buckets),
            (_, Asked::Quantile { q, .. }) => {
                let (value, raised) = classic_quantile(*q, &mut found.buckets);
                if let Some(raised) = raised {
                    let raised = Raised { times: (at, at), ..raised };
                    context.remarks.borrow_mut().add_raised(self.vector_span, name, raised);
                }
                value
            }
        }
    }
}

impl Node for OfBuckets {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let asked = self.asked(at, context)?;
        let vector = self.inner.eval(at, context)?;
        let mut found = self.gather(vector, context);
        let mut vector = Vec::with_capacity(found.len() * asked.len());
        for asked in &asked {
            for (histogram, found) in &mut found {
                let name = self.names[*histogram].clone();
                let value = self.figure(name.name(), found, asked, at, context);
                let labels = match asked {
                    Asked::Quantile { label: Some((label, value)), .. } => name.with(label, value),
                    _ => name,
                };
                let id = self.table.intern(Meta { labels, drop_name: true });
                vector.push(Sample { id, value: Value::Float(value) });
            }
        }
        context.pass(&vector)?;
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.table
    }
}

fn of_native(histogram: &Histogram, asked: &Asked, name: &str, span: Span, context: &Context) -> f64 {
    let (value, nan) = match asked {
        Asked::Quantile { q, .. } => histogram.quantile(*q),
        Asked::Fraction { lower, upper } => histogram.fraction(*lower, *upper),
    };
    match nan {
        Some(NanObservations::Result) => context.remark(span, &Remark::NanResult { name }),
        Some(NanObservations::Skew) => context.remark(span, &Remark::NanSkew { name }),
        Some(NanObservations::Excluded) => context.remark(span, &Remark::NanInFraction { name }),
        None => {}
    }
    value
}

fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}

/// Orders the buckets by bound and adds up those of one bound; false if the last one has a bound.
fn prepare(buckets: &mut Vec<(f64, f64)>) -> bool {
    buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    buckets.last().is_some_and(|last| last.0 == f64::INFINITY)
}

/// A quantile of a classic histogram, and which counts that fell had to be raised.
fn classic_quantile(q: f64, buckets: &mut Vec<(f64, f64)>) -> (f64, Option<Raised>) {
    match q {
        q if q.is_nan() => return (f64::NAN, None),
        q if q < 0.0 => return (f64::NEG_INFINITY, None),
        q if q > 1.0 => return (f64::INFINITY, None),
        _ => {}
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let raised = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].1;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, None);
    }
    let rank = q * observations;
    let at = buckets[..last].partition_point(|bucket| bucket.1 < rank);
    if at == last {
        return (buckets[last - 1].0, raised);
    }
    if at == 0 && buckets[0].0 <= 0.0 {
        return (buckets[0].0, raised);
    }
    let (start, before) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    let (end, count) = buckets[at];
    (start + (end - start) * ((rank - before) / (count - before)), raised)
}

/// Raises counts that fall. Differences that rounding explains are taken as none, and not told.
fn make_monotonic(buckets: &mut [(f64, f64)]) -> Option<Raised> {
    let mut raised: Option<Raised> = None;
    let mut before = buckets.first()?.1;
    for (bound, count) in &mut buckets[1..] {
        let is_small = (*count - before).abs() < 1e-12 * (count.abs() + before.abs()).min(f64::MAX);
        if *count < before && !is_small {
            let known = raised.get_or_insert(Raised { bounds: (*bound, *bound), most: 0.0, times: (0, 0), samples: 1 });
            *known = Raised { bounds: (known.bounds.0, *bound), most: known.most.max(before - *count), ..*known };
        }
        if *count < before || is_small {
            *count = before;
        } else {
            before = *count;
        }
    }
    raised
}

/// The part of a classic histogram between two values.
fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<(f64, f64)>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let total = buckets[buckets.len() - 1].1;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets, total) - rank_of(lower, buckets, total)) / total
}

/// How many observations are below `value`.
fn rank_of(value: f64, buckets: &[(f64, f64)], total: f64) -> f64 {
    let mut start = if buckets[0].0 <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut rank = 0.0;
    for &(end, count) in buckets {
        if start >= value {
            break;
        }
        if end > value {
            let inside = if start == f64::NEG_INFINITY {
                count
            } else {
                rank + (count - rank) * (value - start) / (end - start)
            };
            return inside.min(total);
        }
        (start, rank) = (end, count);
    }
    if start >= value { rank.min(total) } else { total }
}
