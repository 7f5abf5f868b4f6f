//! What functions did in a window of time, as rows of a table: read from a store, sorted, and written down.
//!
//! `monitor functions` prints such a table, `monitor top` draws it again and again.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use monitor_sinks::{Error, FunctionStats, Query};
use serde_json::{Value as Json, json};

use crate::{arguments::Column, filter::Filter};

/// All functions that were called or in flight in a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Activity {
    /// The window, as far as the store reaches back; `None` if there is nothing in it.
    pub(crate) window: Option<(SystemTime, SystemTime)>,
    pub(crate) functions: Vec<Function>,
    /// What was damaged, and is missing from the figures.
    pub(crate) warnings: Vec<String>,
}

/// A function of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Function {
    /// Module and function.
    pub(crate) path: String,
    pub(crate) service: String,
    pub(crate) calls: u64,
    /// Calls a second.
    pub(crate) rate: f64,
    pub(crate) errors: u64,
    pub(crate) errors_by_type: BTreeMap<String, u64>,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    pub(crate) in_flight: u64,
    pub(crate) p50: Option<Duration>,
    pub(crate) p95: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) max: Option<Duration>,
    /// The time spent in all calls.
    pub(crate) total: Duration,
    /// That time, of the time spent in all functions of the window; 0 to 1.
    pub(crate) share: f64,
}

impl Activity {
    /// What the functions of a query did. Cost: what [`Query::functions`] takes.
    pub(crate) fn read(query: &Query) -> Result<Self, Error> {
        let stats = query.functions()?;
        let window = query.window()?;
        let seconds = window.and_then(|(from, to)| Some(to.duration_since(from).ok()?.as_secs_f64())).unwrap_or(0.0);
        let warnings = stats.first().map(FunctionStats::warnings).unwrap_or_default();
        let warnings = warnings.iter().map(ToString::to_string).collect();
        let functions = stats.into_iter().map(|stats| Function::new(stats, seconds)).collect();
        let mut activity = Self { window, functions, warnings };
        activity.count_shares();
        Ok(activity)
    }

    fn count_shares(&mut self) {
        let all: f64 = self.functions.iter().map(|function| function.total.as_secs_f64()).sum();
        for function in &mut self.functions {
            function.share = if all > 0.0 { function.total.as_secs_f64() / all } else { 0.0 };
        }
    }

    /// Keeps what the filter accepts. Shares stay those of all functions.
    pub(crate) fn filter(&mut self, filter: &Filter) {
        self.functions.retain(|function| filter.accepts(&function.path));
    }

    /// Sorts by a column: numbers from the largest, names from a; what is equal by name.
    pub(crate) fn sort(&mut self, column: Column) {
        self.functions.sort_by(|a, b| {
            let by_column = match column {
                Column::Function => std::cmp::Ordering::Equal,
                _ => b.number(column).total_cmp(&a.number(column)),
            };
            by_column.then_with(|| (&a.path, &a.service).cmp(&(&b.path, &b.service)))
        });
    }

    /// Whether more than one service is there, so that rows have to tell which they are of.
    pub(crate) fn has_services(&self) -> bool {
        self.functions.windows(2).any(|two| two[0].service != two[1].service)
    }
}

impl Function {
    fn new(stats: FunctionStats, seconds: f64) -> Self {
        Self {
            path: stats.path(),
            calls: stats.calls,
            rate: if seconds > 0.0 { stats.calls as f64 / seconds } else { 0.0 },
            errors: stats.errors,
            panicked: stats.panicked,
            cancelled: stats.cancelled,
            in_flight: stats.in_flight,
            p50: stats.quantile(0.5),
            p95: stats.quantile(0.95),
            p99: stats.quantile(0.99),
            max: stats.max(),
            total: stats.total().unwrap_or_default(),
            share: 0.0,
            service: stats.services.join(","),
            errors_by_type: stats.errors_by_type,
        }
    }

    /// What the function has in a column of numbers; where it has none, the least.
    fn number(&self, column: Column) -> f64 {
        let seconds = |duration: Option<Duration>| duration.map_or(-1.0, |duration| duration.as_secs_f64());
        match column {
            Column::Function => 0.0,
            Column::Calls => self.calls as f64,
            Column::Rate => self.rate,
            Column::Errors => self.errors as f64,
            Column::Panicked => self.panicked as f64,
            Column::Cancelled => self.cancelled as f64,
            Column::P50 => seconds(self.p50),
            Column::P95 => seconds(self.p95),
            Column::P99 => seconds(self.p99),
            Column::Max => seconds(self.max),
            Column::Share => self.share,
        }
    }

    /// What the function has in a column, for people.
    pub(crate) fn text(&self, column: Column) -> String {
        match column {
            Column::Function => self.path.clone(),
            Column::Calls => self.calls.to_string(),
            Column::Rate => rate(self.rate),
            Column::Errors => self.errors.to_string(),
            Column::Panicked => self.panicked.to_string(),
            Column::Cancelled => self.cancelled.to_string(),
            Column::P50 => time(self.p50),
            Column::P95 => time(self.p95),
            Column::P99 => time(self.p99),
            Column::Max => time(self.max),
            Column::Share => format!("{:.1}%", self.share * 100.0),
        }
    }

    /// Types of errors with their counts, the most frequent first.
    pub(crate) fn error_types(&self) -> String {
        let mut types: Vec<(&String, &u64)> = self.errors_by_type.iter().collect();
        types.sort_by(|a, b| b.1.cmp(a.1));
        types.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn json(&self) -> Json {
        let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
        json!({
            "function": self.path, "service": self.service, "calls": self.calls, "rate": self.rate,
            "errors": self.errors, "errors_by_type": self.errors_by_type, "panicked": self.panicked,
            "cancelled": self.cancelled, "in_flight": self.in_flight, "p50_seconds": seconds(self.p50),
            "p95_seconds": seconds(self.p95), "p99_seconds": seconds(self.p99), "max_seconds": seconds(self.max),
            "total_seconds": self.total.as_secs_f64(), "share": self.share,
        })
    }
}

/// Something a second, with about three digits.
pub(crate) fn rate(rate: f64) -> String {
    match rate {
        rate if rate >= 100.0 || rate == 0.0 => format!("{rate:.0}"),
        rate if rate >= 1.0 => format!("{rate:.1}"),
        rate if rate >= 0.001 => format!("{rate:.3}"),
        _ => format!("{rate:.0e}"),
    }
}

fn time(duration: Option<Duration>) -> String {
    duration.map_or_else(|| String::from("-"), |duration| format!("{duration:.1?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity() -> Activity {
        let function = |path: &str, calls, p99, total| Function {
            path: path.to_owned(),
            calls,
            p99,
            total: Duration::from_millis(total),
            ..Function::default()
        };
        let some = Some(Duration::from_millis(5));
        let functions =
            vec![function("b::load", 7, None, 100), function("a::parse", 7, some, 300), function("c", 9, some, 0)];
        let mut activity = Activity { functions, ..Activity::default() };
        activity.count_shares();
        activity
    }

    #[test]
    fn numbers_come_from_the_largest_names_from_a_and_what_is_missing_last() {
        for (column, wanted) in [
            (Column::Function, ["a::parse", "b::load", "c"]),
            (Column::Calls, ["c", "a::parse", "b::load"]),
            (Column::P99, ["a::parse", "c", "b::load"]),
            (Column::Share, ["a::parse", "b::load", "c"]),
        ] {
            let mut activity = activity();
            activity.sort(column);
            let paths: Vec<&str> = activity.functions.iter().map(|function| function.path.as_str()).collect();
            assert_eq!(paths, wanted, "{column:?}");
        }
    }

    #[test]
    fn shares_are_of_all_functions_also_when_some_are_filtered_out() {
        let mut activity = activity();
        activity.filter(&Filter::new("parse"));
        assert_eq!(activity.functions.len(), 1);
        assert_eq!(activity.functions[0].text(Column::Share), "75.0%");
    }

    #[test]
    fn figures_have_few_digits() {
        assert_eq!([0.0, 2.1e-7, 0.0021, 3.16, 1234.5].map(rate), ["0", "2e-7", "0.002", "3.2", "1234"]);
        assert_eq!(time(Some(Duration::from_micros(1_234))), "1.2ms");
        let types = [("Timeout", 2), ("Parse", 9)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(
            Function { errors_by_type: types.into(), ..Function::default() }.error_types(),
            "Parse 9, Timeout 2"
        );
    }
}
