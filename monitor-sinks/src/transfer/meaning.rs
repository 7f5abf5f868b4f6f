//! What a line of a text means for a store: which series, and which part of its value.
//!
//! A metric of our own, which [`Stored`] describes, becomes the series that it was. Everything else stays the plain
//! series that it is written as: counters, and the counts, sums and buckets of histograms and summaries, are counters;
//! everything else is a gauge. Buckets of other programs are not made into distributions, because theirs are not ours:
//! `histogram_quantile` answers from the plain series as it does elsewhere.

use std::collections::HashMap;

use monitor_core::{Distribution, MAX_NAME, MAX_UNIT, MetricKind, SeriesKey};

use super::{
    openmetrics::upper_edge,
    stored::{Stored, is_plain},
};
use crate::exposition::{Labels, Type, check_name, number_of, series_key, shown};

/// The most labels of a series.
const MOST_LABELS: usize = 64;

/// The ends of the names of samples.
const ENDS: [&str; 5] = ["_total", "_created", "_bucket", "_count", "_sum"];

/// What has been declared so far.
#[derive(Debug)]
pub(super) struct Meaning {
    families: HashMap<String, Family>,
    /// How many families there may be.
    most: usize,
}

#[derive(Debug, Default)]
struct Family {
    kind: Option<Type>,
    unit: Option<String>,
    stored: Option<Stored>,
    /// Whether there was a sample of it.
    has_begun: bool,
}

/// What a sample is.
#[derive(Debug, PartialEq)]
pub(super) struct Meant {
    pub(super) key: SeriesKey,
    pub(super) part: Part,
    /// Whether an export wrote it.
    pub(super) is_own: bool,
}

/// A part of a value, in the order in which they are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Since when it counts.
    Created,
    /// All of a counter or gauge.
    Value,
    /// What a distribution has up to the upper edge of this bucket.
    UpTo(u16),
    /// The sum of a distribution.
    Sum,
    /// The number of values of a distribution.
    Count,
}

/// What a sample is by the type and the end of its name.
enum Role {
    Value(MetricKind),
    Created,
    Bucket,
    Sum,
    Count,
}

impl Meaning {
    pub(super) fn new(most: usize) -> Self {
        Self { families: HashMap::new(), most }
    }

    /// Takes note of a type.
    pub(super) fn declare(&mut self, name: &str, kind: Option<Type>) -> Result<(), String> {
        let begun = |end: &str| self.families.get(&format!("{name}{end}")).is_some_and(|family| family.has_begun);
        let is_late = begun("") || ENDS.iter().any(|end| begun(end));
        let family = self.family(name)?;
        if family.kind == kind {
            return Ok(());
        }
        if family.kind.is_some() {
            return Err(format!("`{name}` has two types; keep one of them"));
        }
        if is_late {
            return Err(format!("the type of `{name}` comes after its samples; move it before them"));
        }
        family.kind = kind;
        Ok(())
    }

    /// Takes note of a unit.
    pub(super) fn unit(&mut self, name: &str, unit: &str) -> Result<(), String> {
        if unit.len() > MAX_UNIT {
            return Err(format!("the unit is longer than {MAX_UNIT} bytes; shorten it"));
        }
        self.family(name)?.unit = Some(unit.to_owned());
        Ok(())
    }

    /// Takes note of a description, if it is one of our own.
    pub(super) fn describe(&mut self, name: &str, text: &str) -> Result<(), String> {
        let Some(stored) = Stored::read(text) else { return Ok(()) };
        check_name(&stored.name)?;
        if stored.unit.len() > MAX_UNIT {
            return Err(format!("the unit is longer than {MAX_UNIT} bytes; shorten it"));
        }
        self.family(name)?.stored = Some(stored);
        Ok(())
    }

    fn family(&mut self, name: &str) -> Result<&mut Family, String> {
        if self.families.len() >= self.most && !self.families.contains_key(name) {
            return Err(format!("there are more than {} metrics; import fewer at once, or raise the limit", self.most));
        }
        // Names of the line are at most as long as a name may be.
        debug_assert!(name.len() <= MAX_NAME, "checked when it was read");
        Ok(self.families.entry(name.to_owned()).or_default())
    }

    /// What a sample is; `None` if it says nothing that is kept.
    pub(super) fn sample(&mut self, name: &str, labels: Labels) -> Result<Option<Meant>, String> {
        let end = self.end_of(name);
        let base = &name[..name.len() - end.len()];
        let family = self.family(base)?;
        family.has_begun = true;
        let Some(role) = role(family.kind, end) else { return Ok(None) };
        match &family.stored {
            Some(stored) if is_plain(stored.kind) || family.kind == Some(Type::Histogram) => own(stored, &role, labels),
            _ => foreign(base, name, family, &role, labels),
        }
    }

    /// The end of a name that is not part of the name of its family.
    fn end_of(&self, name: &str) -> &'static str {
        if self.families.contains_key(name) {
            return "";
        }
        let is_end = |end: &&&str| {
            let base = name.strip_suffix(**end).filter(|base| !base.is_empty());
            let kind = base.and_then(|base| self.families.get(base)).and_then(|family| family.kind);
            kind.is_some() && role(kind, end).is_some()
        };
        ENDS.iter().find(is_end).copied().unwrap_or_default()
    }
}

/// `None` if a metric of this type has no such samples.
fn role(kind: Option<Type>, end: &str) -> Option<Role> {
    match (kind, end) {
        (Some(Type::Counter), "" | "_total") => Some(Role::Value(MetricKind::Counter)),
        (Some(Type::Counter | Type::Histogram | Type::Summary), "_created") => Some(Role::Created),
        (Some(Type::Histogram), "_bucket") => Some(Role::Bucket),
        (Some(Type::Histogram | Type::Summary), "_count") => Some(Role::Count),
        (Some(Type::Histogram | Type::Summary), "_sum") => Some(Role::Sum),
        (_, "") => Some(Role::Value(MetricKind::Gauge)),
        _ => None,
    }
}

/// A sample of a metric that an export wrote.
fn own(stored: &Stored, role: &Role, mut labels: Labels) -> Result<Option<Meant>, String> {
    let part = match role {
        Role::Created => Part::Created,
        _ if is_plain(stored.kind) => Part::Value,
        Role::Sum => Part::Sum,
        Role::Count => Part::Count,
        Role::Bucket => {
            let place = labels.iter().position(|label| label.0 == "le");
            let bound =
                place.map(|place| labels.remove(place).1).ok_or("a bucket has no bound; give it a label `le`")?;
            let edge = number_of(&bound)?;
            if edge == f64::INFINITY {
                return Ok(None);
            }
            Part::UpTo(bucket_below(edge).ok_or_else(|| {
                format!("`{}` is no bound of a bucket here; leave the description of the metric out", shown(&bound))
            })?)
        }
        Role::Value(_) => return Err(format!("`{}` is a histogram, which has no value of its own", stored.name)),
    };
    let key = series_key(&stored.name, stored.kind, labels, MOST_LABELS)?;
    Ok(Some(Meant { key: SeriesKey { unit: stored.unit.clone(), ..key }, part, is_own: true }))
}

/// A sample of a metric of another program.
fn foreign(base: &str, name: &str, family: &Family, role: &Role, labels: Labels) -> Result<Option<Meant>, String> {
    let (name, kind, part) = match role {
        Role::Value(kind) => (name.to_owned(), *kind, Part::Value),
        Role::Bucket | Role::Sum | Role::Count => (name.to_owned(), MetricKind::Counter, Part::Value),
        Role::Created if family.kind == Some(Type::Counter) => {
            (format!("{base}_total"), MetricKind::Counter, Part::Created)
        }
        Role::Created => return Ok(None),
    };
    let mut key = series_key(&name, kind, labels, MOST_LABELS)?;
    if let Some(unit) = &family.unit {
        key.unit.clone_from(unit);
    }
    Ok(Some(Meant { key, part, is_own: false }))
}

/// The bucket whose upper edge is `edge`.
fn bucket_below(edge: f64) -> Option<u16> {
    let mut above = Distribution::new();
    above.record(edge);
    let number = above.buckets().first()?.0.checked_sub(1)?;
    (upper_edge(number).to_bits() == edge.to_bits()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::{super::openmetrics::OPEN_BUCKET, *};

    #[test]
    fn every_bound_leads_back_to_its_bucket() {
        for number in 0..OPEN_BUCKET {
            assert_eq!(bucket_below(upper_edge(number)), Some(number));
        }
        for other in [0.0, 0.1, -1.0, f64::NAN, 1e300] {
            assert_eq!(bucket_below(other), None, "{other}");
        }
    }

    fn sample(meaning: &mut Meaning, name: &str) -> Option<(String, MetricKind, Part)> {
        let le = vec![(String::from("le"), String::from("1"))];
        meaning.sample(name, le).unwrap().map(|meant| (meant.key.name, meant.key.kind, meant.part))
    }

    #[test]
    fn metrics_of_other_programs_stay_plain_series() {
        let mut meaning = Meaning::new(10);
        meaning.declare("c", Some(Type::Counter)).unwrap();
        meaning.declare("d_total", Some(Type::Counter)).unwrap();
        meaning.declare("h", Some(Type::Histogram)).unwrap();
        let mut is = |name: &str, stored: &str, kind, part| {
            assert_eq!(sample(&mut meaning, name), Some((stored.to_owned(), kind, part)), "{name}");
        };
        is("c_total", "c_total", MetricKind::Counter, Part::Value);
        is("c_created", "c_total", MetricKind::Counter, Part::Created);
        is("d_total", "d_total", MetricKind::Counter, Part::Value);
        is("h_bucket", "h_bucket", MetricKind::Counter, Part::Value);
        is("h_sum", "h_sum", MetricKind::Counter, Part::Value);
        is("g_sum", "g_sum", MetricKind::Gauge, Part::Value);
        is("free", "free", MetricKind::Gauge, Part::Value);
        assert_eq!(sample(&mut meaning, "h_created"), None);
        assert!(meaning.declare("g", Some(Type::Summary)).unwrap_err().contains("after its samples"));
        assert!(meaning.declare("c", Some(Type::Gauge)).unwrap_err().contains("two types"));
    }

    #[test]
    fn a_metric_that_an_export_wrote_becomes_what_it_was() {
        let mut meaning = Meaning::new(10);
        meaning.declare("rows", Some(Type::Counter)).unwrap();
        meaning.describe("rows", "Stored by monitored as counter rows in rows").unwrap();
        meaning.declare("t", Some(Type::Histogram)).unwrap();
        meaning.describe("t", "Stored by monitored as timer t in seconds").unwrap();
        let counter = Some((String::from("rows"), MetricKind::Counter, Part::Value));
        assert_eq!(sample(&mut meaning, "rows_total"), counter);
        let bucket = bucket_below(1.0).unwrap();
        assert_eq!(sample(&mut meaning, "t_bucket"), Some((String::from("t"), MetricKind::Timer, Part::UpTo(bucket))));
        assert_eq!(sample(&mut meaning, "t_count"), Some((String::from("t"), MetricKind::Timer, Part::Count)));
        assert!(meaning.sample("t_bucket", vec![(String::from("le"), String::from("0.1"))]).is_err());
    }
}
