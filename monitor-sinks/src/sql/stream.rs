//! Streams: what a table shows under one name, and the series that it is made of.
//!
//! A table of samples is a list of streams. Most are one series; one series may be several streams (a call that ended well
//! is a call and a success), and several series may be one (the bytes of all network devices).

use crate::store::{Entry, Span, StoredSeries};

/// What the rows of a stream have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) service: String,
    pub(super) kind: &'static str,
    pub(super) unit: String,
    /// A JSON object.
    pub(super) tags: String,
    /// The numbers of its series, at least one. With several, their values are added up.
    pub(super) members: Vec<u64>,
    pub(super) measure: Measure,
    /// Tells it from other streams of its first series.
    pub(super) variant: u8,
}

/// What of an entry a stream shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measure {
    /// Its value; for counters the total, for distributions the mean.
    Value,
    /// What a counter grew by.
    Increase,
    /// Its value, a ratio, as a percentage.
    Percent,
}

/// What an entry says, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fact {
    pub(super) value: f64,
    /// Of counters only.
    pub(super) increase: Option<f64>,
    /// Of gauges and distributions only.
    pub(super) moments: Option<Moments>,
}

/// What is known of the single values behind an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Stream {
    /// The number of its series; of the first one, if it is of several.
    pub(super) fn series(&self) -> i64 {
        self.members.first().map_or(-1, |id| id.cast_signed())
    }
}

impl Measure {
    /// What a stream that measures so shows of `fact`.
    pub(super) fn of(self, fact: Fact) -> Fact {
        match self {
            Self::Value => fact,
            Self::Increase => Fact { value: fact.increase.unwrap_or(fact.value), ..fact },
            Self::Percent => Fact {
                value: fact.value * 100.0,
                increase: fact.increase.map(|increase| increase * 100.0),
                moments: fact.moments.map(|Moments { count, sum, min, max }| Moments {
                    count,
                    sum: sum * 100.0,
                    min: min * 100.0,
                    max: max * 100.0,
                }),
            },
        }
    }
}

impl Fact {
    /// A value of which nothing else is known.
    pub(super) const fn plain(value: f64) -> Self {
        Self { value, increase: None, moments: None }
    }

    /// What `entry` says, or what is wrong with it. `buckets` is memory that is used again.
    pub(super) fn of(entry: Entry<'_>, buckets: &mut Vec<(u16, u64)>) -> Result<Self, &'static str> {
        Ok(match entry {
            Entry::Counter { total, increase } => {
                Self { value: total.as_f64(), increase: Some(increase.as_f64()), moments: None }
            }
            Entry::Gauge(value) => Self::of_span(Span::of(value)),
            Entry::Span(span) => Self::of_span(span),
            Entry::Distribution(encoded) => {
                encoded.buckets(buckets)?;
                let count: f64 = buckets.iter().map(|bucket| bucket.1 as f64).sum();
                let moments = Moments { count, sum: encoded.sum, min: encoded.min, max: encoded.max };
                Self { value: encoded.sum / count, increase: None, moments: Some(moments) }
            }
        })
    }

    const fn of_span(span: Span) -> Self {
        let Span { last, smallest, largest, sum, count } = span;
        Self { value: last, increase: None, moments: Some(Moments { count, sum, min: smallest, max: largest }) }
    }
}

/// Labels as a JSON object.
pub(super) fn json<'a>(labels: impl Iterator<Item = (&'a str, serde_json::Value)>) -> String {
    serde_json::Value::Object(labels.map(|(key, value)| (key.to_owned(), value)).collect()).to_string()
}

/// The labels of `series` that `keep` accepts, for [`json`].
pub(super) fn labels(
    series: &StoredSeries,
    keep: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&str, serde_json::Value)> {
    let kept = series.labels.iter().filter(move |(key, _)| keep(key));
    kept.map(|(key, value)| (key.as_str(), serde_json::Value::from(value.as_str())))
}

#[cfg(test)]
mod tests {
    use monitor_core::Number;

    use super::*;

    fn fact(entry: Entry<'_>) -> Fact {
        Fact::of(entry, &mut Vec::new()).unwrap()
    }

    #[test]
    fn a_counter_is_its_total_or_its_increase() {
        let fact = fact(Entry::Counter { total: Number::Int(10), increase: Number::Int(3) });
        assert_eq!(Measure::Value.of(fact).value.to_bits(), 10.0_f64.to_bits());
        assert_eq!(Measure::Increase.of(fact).value.to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn a_percentage_has_percentages_for_extremes() {
        let shown = Measure::Percent.of(fact(Entry::Gauge(0.25)));
        let moments = Moments { count: 1.0, sum: 25.0, min: 25.0, max: 25.0 };
        assert_eq!(shown, Fact { value: 25.0, increase: None, moments: Some(moments) });
    }

    #[test]
    fn a_gauge_that_was_rolled_up_shows_its_last_value_and_its_extremes() {
        let span = Span { last: 2.0, smallest: 1.0, largest: 5.0, sum: 8.0, count: 3.0 };
        let shown = fact(Entry::Span(span));
        assert_eq!(shown.moments.map(|moments| (moments.min, moments.max)), Some((1.0, 5.0)));
        assert_eq!(shown.value.to_bits(), 2.0_f64.to_bits());
    }
}
