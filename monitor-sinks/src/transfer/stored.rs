//! What an export says of a metric in a line of description, so that an import brings back the same one.
//!
//! OpenMetrics knows neither timers nor counters whose names do not end in `_total`, and a unit only as the end of a
//! name. So the description, which other programs show to people, says what the metric is stored as:
//!
//! ```text
//! # HELP rows_loaded Stored by monitored as counter rows_loaded in rows
//! ```
//!
//! An import takes a metric that is described so for one of our own; everything else is taken as what it is declared.

use std::fmt;

use monitor_core::MetricKind;

/// What a metric is stored as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) kind: MetricKind,
    pub(super) name: String,
    pub(super) unit: String,
}

const START: &str = "Stored by monitored as ";

const KINDS: [(MetricKind, &str); 4] = [
    (MetricKind::Counter, "counter"),
    (MetricKind::Gauge, "gauge"),
    (MetricKind::Histogram, "histogram"),
    (MetricKind::Timer, "timer"),
];

/// The word for a kind of metric.
pub(super) fn kind_name(kind: MetricKind) -> &'static str {
    KINDS.iter().find(|known| known.0 == kind).map_or("metric", |known| known.1)
}

/// Whether values of this kind are single numbers.
pub(super) const fn is_plain(kind: MetricKind) -> bool {
    matches!(kind, MetricKind::Counter | MetricKind::Gauge)
}

impl Stored {
    /// Reads a description; `None` if an export did not write it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(START)?.split(' ');
        let kind = words.next()?;
        let (kind, _) = KINDS.into_iter().find(|known| known.1 == kind)?;
        let name = words.next()?.to_owned();
        let unit = match (words.next(), words.next(), words.next()) {
            (None, None, None) => String::new(),
            (Some("in"), Some(unit), None) => unit.to_owned(),
            _ => return None,
        };
        Some(Self { kind, name, unit })
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, unit } = self;
        write!(f, "{START}{} {name}", kind_name(*kind))?;
        // A unit of several words would not be read back.
        if unit.is_empty() || unit.contains(|c: char| c.is_whitespace() || c.is_control()) {
            Ok(())
        } else {
            write!(f, " in {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_as_it_was_written() {
        for unit in ["", "rows", "By/s"] {
            let stored = Stored { kind: MetricKind::Timer, name: String::from("parse_seconds"), unit: unit.to_owned() };
            assert_eq!(Stored::read(&stored.to_string()), Some(stored));
        }
        for text in ["", "How many rows.", "Stored by monitored as widget a", "Stored by monitored as gauge a in b c"] {
            assert_eq!(Stored::read(text), None, "{text}");
        }
    }
}
