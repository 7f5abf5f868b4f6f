//! `monitor series`: the series of a store with kind, unit, labels, times and newest value.
//!
//! Counters and gauges have their newest value whenever it was; histograms and timers theirs at the newest instant of the
//! store, as a question in PromQL has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufWriter, Write},
    time::{Duration, SystemTime},
};

use monitor_sinks::{
    Latest, Listed, SeriesInfo, Store,
    promql::{Data, Labels, Matcher, check_names, metric, selector},
};
use serde_json::{Value as Json, json};

use crate::{
    arguments::Series,
    exit::Exit,
    failure::Failure,
    instant, plot,
    table::{self, Cell, shown},
};

/// The newest value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Newest {
    Number {
        value: f64,
        time: SystemTime,
        /// Whether it is of the newest recording.
        is_current: bool,
    },
    Values {
        count: f64,
        sum: f64,
        time: SystemTime,
    },
}

/// Asks and prints.
pub(crate) fn run(arguments: &Series) -> Result<Exit, Failure> {
    let matchers = arguments.selector.as_deref().map(selector).transpose()?.unwrap_or_default();
    let store = Store::open_read_only(&arguments.db)?;
    let mut listed = select(&store, &matchers, arguments.selector.as_deref())?;
    let more = listed.len().saturating_sub(arguments.limit);
    listed.truncate(arguments.limit);
    let newest = newest(&store, &listed)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if arguments.json {
        listed
            .iter()
            .zip(&newest)
            .try_for_each(|(listed, newest)| writeln!(out, "{}", json_of(listed, newest.as_ref())))
    } else {
        write_table(&listed, &newest, &mut out)
    };
    // Whoever reads may have seen enough.
    let _ = printed.and_then(|()| out.flush());
    if more > 0 {
        let _ = writeln!(io::stderr(), "monitor series: there are {more} more; print them with --limit");
    }
    Ok(Exit::Done)
}

/// The series that all matchers accept. If there are none, a metric that was named has to be known.
fn select(store: &Store, matchers: &[Matcher], text: Option<&str>) -> Result<Vec<Listed>, Failure> {
    let all = store.query().listed()?;
    let names: BTreeSet<String> = all.iter().map(|listed| listed.series.name.clone()).collect();
    let is_meant = |listed: &Listed| {
        let labels = labels_of(&listed.series);
        matchers.iter().all(|matcher| matcher.matches_labels(&labels))
    };
    let meant: Vec<Listed> = all.into_iter().filter(is_meant).collect();
    if let Some(text) = text.filter(|_| meant.is_empty()) {
        check_names(text, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(meant)
}

/// The labels that a series has in PromQL. A label of its own called `service` comes before the service.
fn labels_of(series: &SeriesInfo) -> Labels {
    let own = series.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    Labels::new([("service", series.service.as_str())].into_iter().chain(own).chain([("__name__", &*series.name)]))
}

/// The newest values, place by place.
fn newest(store: &Store, listed: &[Listed]) -> Result<Vec<Option<Newest>>, Failure> {
    let mut newest: BTreeMap<Labels, Newest> = BTreeMap::new();
    let mut names = listed.iter().map(|listed| listed.series.name.as_str());
    let first = names.next().unwrap_or_default();
    // Of one metric, the others need not be looked at.
    let is_one = !listed.is_empty() && names.all(|name| name == first);
    let query = if is_one { store.query().metric(first) } else { store.query() };
    for Latest { series, point, is_current, .. } in query.latest()? {
        newest.insert(labels_of(&series), Newest::Number { value: point.value, time: point.time, is_current });
    }
    let of_values = listed.iter().filter(|listed| !newest.contains_key(&labels_of(&listed.series)));
    let names: BTreeSet<&str> = of_values.map(|listed| listed.series.name.as_str()).collect();
    let at = store.promql_source().newest()?.unwrap_or(SystemTime::UNIX_EPOCH);
    for name in names {
        let answer = store.promql(metric(name).to_string()).at(at)?;
        let Data::Vector(elements) = answer.data() else { continue };
        for element in elements {
            if let Some(histogram) = element.value.as_histogram() {
                let values = Newest::Values { count: histogram.count(), sum: histogram.sum(), time: at };
                newest.insert(element.labels.clone(), values);
            }
        }
    }
    Ok(listed.iter().map(|listed| newest.get(&labels_of(&listed.series)).copied()).collect())
}

fn write_table(listed: &[Listed], newest: &[Option<Newest>], out: &mut impl Write) -> io::Result<()> {
    if listed.is_empty() {
        return writeln!(out, "no series");
    }
    // The series itself is long, and stands where a terminal breaks lines.
    let row = |(listed, newest): (&Listed, &Option<Newest>)| {
        let unit = &listed.series.unit;
        vec![
            Cell::text(kind(&listed.series)),
            Cell::text(shown(unit)),
            Cell::text(instant::shown(listed.since)),
            Cell::text(newest.map(|newest| instant::shown(newest.time())).unwrap_or_default()),
            newest.map_or_else(|| Cell::text(""), |newest| newest.cell(unit)),
            Cell::text(plot::name(&labels_of(&listed.series))),
        ]
    };
    let rows: Vec<Vec<Cell>> = listed.iter().zip(newest).map(row).collect();
    table::write(&["kind", "unit", "since", "newest", "value", "series"].map(String::from), &rows, out)
}

impl Newest {
    const fn time(self) -> SystemTime {
        match self {
            Self::Number { time, .. } | Self::Values { time, .. } => time,
        }
    }

    fn cell(self, unit: &str) -> Cell {
        match self {
            Self::Number { value, .. } => Cell::number(value.to_string()),
            Self::Values { count: 0.0, .. } => Cell::text("0 values"),
            Self::Values { count: 1.0, sum, .. } => Cell::text(format!("1 value, {}", mean(sum, unit))),
            Self::Values { count, sum, .. } => Cell::text(format!("{count} values, mean {}", mean(sum / count, unit))),
        }
    }

    fn json(self) -> Json {
        match self {
            Self::Number { value, is_current, .. } => json!({"value": value, "is_current": is_current}),
            Self::Values { count, sum, .. } => json!({"count": count, "sum": sum}),
        }
    }
}

fn json_of(listed: &Listed, newest: Option<&Newest>) -> Json {
    let SeriesInfo { name, unit, service, labels, .. } = &*listed.series;
    json!({
        "name": name, "kind": kind(&listed.series), "unit": unit, "service": service, "labels": labels,
        "since_seconds": instant::seconds(listed.since),
        "newest_seconds": newest.map(|newest| instant::seconds(newest.time())), "newest": newest.map(|newest| newest.json()),
    })
}

/// The kinds are called as they are in Rust, in small letters.
fn kind(series: &SeriesInfo) -> String {
    format!("{:?}", series.kind).to_lowercase()
}

/// A mean with a few digits; seconds as people write them.
fn mean(mean: f64, unit: &str) -> String {
    match Duration::try_from_secs_f64(mean) {
        Ok(duration) if unit == "seconds" => format!("{duration:.1?}"),
        _ if mean.abs() < 0.001 && mean != 0.0 => format!("{mean:.2e}"),
        _ => format!("{mean:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_have_few_digits_and_never_vanish() {
        let means = [
            (0.0015, "seconds"),
            (0.000_002, ""),
            (-1.0, "seconds"),
            (12.34567, "rows"),
            (0.0, ""),
            (1e300, "seconds"),
        ];
        let means = means.map(|(value, unit)| mean(value, unit));
        assert_eq!(means[..5], ["1.5ms", "2.00e-6", "-1.000", "12.346", "0.000"]);
        assert!(means[5].starts_with('1'), "{}", means[5]);
    }
}
