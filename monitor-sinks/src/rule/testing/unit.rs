//! The unit-test files of promtool: series, the alerts that must fire, the answers that expressions must have.
//!
//! As promtool does, all groups are evaluated at each interval from 0 on, whatever interval they name, in the order of the
//! files or in that of `group_eval_order`; what rules record, and the series `ALERTS`, are there for whatever comes after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Alerts, expectation::time};
use crate::{
    error::Error,
    promql::{
        Data, Labels, Memory, Query,
        testing::{is_near, labels, memory},
        value::{Value, stale},
    },
    rule::{
        Entry, Facts, Group, Lifecycle, Recording, Rule, evaluate,
        prometheus::{duration_of, read, yaml_error},
    },
};

/// What came of the cases of a unit-test file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnitReport {
    /// How many cases were as expected.
    pub passed: usize,
    /// What was not as expected, by line.
    pub failed: Vec<(u64, String)>,
}

/// Runs a unit-test file of promtool; its rule files are found from its own folder, each by its name.
///
/// # Errors
///
/// If a file cannot be read, or makes no sense; with the line.
pub fn run_units(path: &Path) -> Result<UnitReport, Error> {
    run_units_with(path, Vec::new())
}

/// As [`run_units`], with rules from elsewhere, such as those of a program, before those of the files.
///
/// # Errors
///
/// As for [`run_units`].
pub fn run_units_with(path: &Path, groups: Vec<Group>) -> Result<UnitReport, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let read_file = |name: &Path| {
        let wrong = |error| Error::setting(format!("cannot read {}: {error}; check the path", name.display()));
        fs::read_to_string(name).map_err(wrong)
    };
    let text = read_file(path)?;
    run(&path.display().to_string(), &text, groups, |name| read_file(&folder.join(name)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule_files: Vec<Spanned<String>>,
    evaluation_interval: Option<Spanned<String>>,
    #[serde(default)]
    group_eval_order: Vec<String>,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the words of promtool")]
struct Test {
    #[serde(rename = "name")]
    _name: Option<String>,
    interval: Option<Spanned<String>>,
    #[serde(default)]
    input_series: Vec<Input>,
    #[serde(default)]
    alert_rule_test: Vec<Spanned<AlertCase>>,
    #[serde(default)]
    promql_expr_test: Vec<Spanned<ExprCase>>,
    /// For templates, which cannot use them here.
    #[serde(rename = "external_labels")]
    _external_labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "external_url")]
    _external_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    series: Spanned<String>,
    values: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertCase {
    eval_time: String,
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedAlert {
    #[serde(default)]
    exp_labels: BTreeMap<String, String>,
    #[serde(default)]
    exp_annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExprCase {
    expr: String,
    eval_time: String,
    #[serde(default)]
    exp_samples: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    labels: String,
    value: f64,
}

/// How far apart evaluations are if a file does not say, as for promtool.
const EVERY: Duration = Duration::from_mins(1);
/// The most evaluations of one test.
const MOST_STEPS: i64 = 1_000_000;

fn run(
    file: &str,
    text: &str,
    mut groups: Vec<Group>,
    read_file: impl Fn(&str) -> Result<String, Error>,
) -> Result<UnitReport, Error> {
    let parsed: File = serde_saphyr::from_str(text).map_err(|error| yaml_error(file, &error))?;
    for name in &parsed.rule_files {
        groups.extend(read(&name.value, &read_file(&name.value)?)?);
    }
    let place = |group: &Group| parsed.group_eval_order.iter().position(|name| *name == group.name);
    groups.sort_by_key(|group| place(group).unwrap_or(usize::MAX));
    let context = Context { file, groups: &groups };
    let every = context.interval(parsed.evaluation_interval.as_ref(), EVERY)?;
    let mut report = UnitReport::default();
    for test in &parsed.tests {
        context.run(test, every, &mut report)?;
    }
    Ok(report)
}

struct Context<'a> {
    file: &'a str,
    groups: &'a [Group],
}

/// The alert that must be there, as a line of a message.
type Shown = BTreeSet<(Labels, BTreeMap<String, String>)>;

impl Context<'_> {
    fn run(&self, test: &Test, every: Duration, report: &mut UnitReport) -> Result<(), Error> {
        let points_every = self.interval(test.interval.as_ref(), every)?;
        let mut memory = self.load(test, points_every)?;
        let every_ms = millis(every);
        let alert_times = self.times(test.alert_rule_test.iter().map(|case| (case, &case.value.eval_time)))?;
        let expr_times = self.times(test.promql_expr_test.iter().map(|case| (case, &case.value.eval_time)))?;
        let last = alert_times.iter().chain(&expr_times).copied().max().unwrap_or(0);
        if last / every_ms > MOST_STEPS {
            return Err(Error::setting(format!("{}: a test has at most {MOST_STEPS} evaluations", self.file)));
        }
        let mut rules = Running::new(self.groups, every_ms);
        for at_ms in (0..=last / every_ms).map(|step| step * every_ms) {
            for message in rules.tick(&mut memory, at_ms) {
                report.failed.push((1, message));
            }
            for (case, due) in test.alert_rule_test.iter().zip(&alert_times) {
                if (at_ms..at_ms + every_ms).contains(due) {
                    report.take(case, rules.fault(&case.value, *due));
                }
            }
        }
        for (case, due) in test.promql_expr_test.iter().zip(&expr_times) {
            report.take(case, expr_fault(&case.value, &memory, *due));
        }
        Ok(())
    }

    fn load(&self, test: &Test, points_every: Duration) -> Result<Memory, Error> {
        let mut lines = Vec::new();
        for input in &test.input_series {
            let line = format!("{} {}", input.series.value, input.values);
            memory(1, std::slice::from_ref(&line)).map_err(|message| self.wrong(&input.series, &message))?;
            lines.push(line);
        }
        memory(millis(points_every), &lines).map_err(Error::setting)
    }

    fn times<'t, T: 't>(&self, cases: impl Iterator<Item = (&'t Spanned<T>, &'t String)>) -> Result<Vec<i64>, Error> {
        let time = |(case, text): (&Spanned<T>, &String)| {
            let wrong = || self.wrong(case, &format!("`{text}` is not a time; write it such as `1h30m`"));
            duration_of(text).map(millis).ok_or_else(wrong)
        };
        cases.map(time).collect()
    }

    fn interval(&self, given: Option<&Spanned<String>>, otherwise: Duration) -> Result<Duration, Error> {
        let Some(text) = given else { return Ok(otherwise) };
        let interval = duration_of(&text.value).filter(|interval| !interval.is_zero());
        interval
            .ok_or_else(|| self.wrong(text, &format!("`{}` is not an interval; write it such as `30s`", text.value)))
    }

    fn wrong<T>(&self, place: &Spanned<T>, message: &str) -> Error {
        Error::setting(format!("{}:{}: {message}", self.file, place.referenced.line()))
    }
}

impl UnitReport {
    fn take<T>(&mut self, case: &Spanned<T>, fault: Result<(), String>) {
        match fault {
            Ok(()) => self.passed += 1,
            Err(message) => self.failed.push((case.referenced.line(), message)),
        }
    }
}

/// All rules on the way through the time of a test.
struct Running<'a> {
    rules: Vec<RunningRule<'a>>,
}

enum RunningRule<'a> {
    Alert { rule: &'a Rule, alerts: Alerts<'a>, written: BTreeSet<Labels> },
    Record { recording: &'a Recording, written: BTreeSet<Labels> },
}

impl<'a> Running<'a> {
    fn new(groups: &'a [Group], every_ms: i64) -> Self {
        let running = |entry: &'a Entry| match entry {
            Entry::Alert(rule) => RunningRule::Alert {
                rule,
                alerts: Alerts::new(rule, every_ms.unsigned_abs()),
                written: BTreeSet::new(),
            },
            Entry::Record(recording) => RunningRule::Record { recording, written: BTreeSet::new() },
        };
        Self { rules: groups.iter().flat_map(|group| &group.entries).map(running).collect() }
    }

    /// Evaluates all rules; what failed.
    fn tick(&mut self, memory: &mut Memory, at_ms: i64) -> Vec<String> {
        let mut failures = Vec::new();
        for running in &mut self.rules {
            let (series, written) = match running {
                RunningRule::Alert { rule, alerts, written } => match evaluate(rule, memory, at_ms, None) {
                    Ok(elements) => {
                        alerts.tick(&elements, at_ms);
                        (alert_series(rule, alerts), written)
                    }
                    Err(error) => {
                        alerts.failed(at_ms);
                        failures.push(format!("at {}: {error}", time(at_ms)));
                        continue;
                    }
                },
                RunningRule::Record { recording, written } => match recording.evaluate(memory, at_ms) {
                    Ok(series) => (series, written),
                    Err(error) => {
                        failures.push(format!("at {}: {error}", time(at_ms)));
                        continue;
                    }
                },
            };
            write_series(memory, at_ms, series, written);
        }
        failures
    }

    /// What is not as a case says.
    fn fault(&self, case: &AlertCase, at_ms: i64) -> Result<(), String> {
        let mut found = Shown::new();
        for running in &self.rules {
            let RunningRule::Alert { rule, alerts, .. } = running else { continue };
            for (labels, state) in alerts.states().filter(|(_, state)| state.is_active()) {
                let facts = facts(rule, labels, state);
                let labels = facts.labels().0;
                if labels.get("alertname") == Some(&case.alertname) {
                    found.insert((labels, facts.annotations().0));
                }
            }
        }
        let expected = case.exp_alerts.iter().map(|alert| {
            let labels = Labels::new(alert.exp_labels.iter()).with("alertname", &case.alertname);
            (labels, alert.exp_annotations.clone())
        });
        let expected: Shown = expected.collect();
        if found == expected {
            return Ok(());
        }
        let show = |alerts: &Shown| {
            let shown: Vec<String> = alerts.iter().map(|(labels, texts)| format!("{labels} {texts:?}")).collect();
            if shown.is_empty() { String::from("nothing") } else { shown.join(", ") }
        };
        Err(format!("{} at {}: expected {}, found {}", case.alertname, time(at_ms), show(&expected), show(&found)))
    }
}

/// The series `ALERTS` of a rule.
fn alert_series(rule: &Rule, alerts: &Alerts<'_>) -> Vec<(Labels, f64)> {
    let series = alerts.states().filter_map(|(labels, state)| {
        let word = match state.lifecycle {
            Lifecycle::Pending => "pending",
            Lifecycle::Firing | Lifecycle::Recovering => "firing",
            Lifecycle::Inactive | Lifecycle::Resolved => return None,
        };
        let labels = facts(rule, labels, state).labels().0;
        Some((labels.with("__name__", "ALERTS").with("alertstate", word), 1.0))
    });
    series.collect()
}

fn facts<'a>(rule: &'a Rule, labels: &'a Labels, state: &super::State) -> Facts<'a> {
    let severity = state.severity.unwrap_or_else(|| rule.condition().lowest());
    Facts::new(rule, severity, state.last_value, labels)
}

/// Adds a sample to each series, and the end to those that have none any more.
fn write_series(memory: &mut Memory, at_ms: i64, series: Vec<(Labels, f64)>, written: &mut BTreeSet<Labels>) {
    let mut now = BTreeSet::new();
    for (labels, value) in series {
        memory.push(&labels, at_ms, value);
        now.insert(labels);
    }
    for gone in written.difference(&now) {
        memory.push(gone, at_ms, stale());
    }
    *written = now;
}

fn expr_fault(case: &ExprCase, memory: &Memory, at_ms: i64) -> Result<(), String> {
    let about = |message: String| format!("{} at {}: {message}", case.expr, time(at_ms));
    let answer = Query::new(memory, &case.expr).at(at_ms).map_err(|error| about(error.to_string()))?;
    let found = match answer.into_data() {
        Data::Scalar { value, .. } => vec![(Labels::empty(), Some(value))],
        Data::Vector(elements) => {
            let float = |value: Value| value.as_float();
            elements.into_iter().map(|element| (element.labels, float(element.value))).collect()
        }
        _ => return Err(about(String::from("it has no values at an instant"))),
    };
    let mut left = found;
    for sample in &case.exp_samples {
        let wanted = labels(&sample.labels).map_err(about)?;
        let Some(at) = left.iter().position(|(labels, _)| *labels == wanted) else {
            return Err(about(format!("{wanted} expected, but it is not there")));
        };
        let (_, value) = left.swap_remove(at);
        if !value.is_some_and(|value| is_near(value, sample.value)) {
            return Err(about(format!("{wanted}: {} expected, but it is {value:?}", sample.value)));
        }
    }
    match left.first() {
        None => Ok(()),
        Some((labels, _)) => Err(about(format!("{labels} is there, but not expected"))),
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r"
groups:
- name: g
  rules:
  - record: up:sum
    expr: sum(up)
  - alert: Down
    expr: up:sum < 2
    for: 2m
    labels: {severity: page}
    annotations: {summary: '{{ $value }} of 2 are up'}
  - alert: Both
    expr: count(ALERTS{alertstate='firing', alertname='Down'}) > 0
";

    const TESTS: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - series: up{host="a"}
    values: 1x20
  - series: up{host="b"}
    values: 1x4 0x4 1x9
  alert_rule_test:
  - eval_time: 6m
    alertname: Down
  - eval_time: 7m30s
    alertname: Down
    exp_alerts:
    - exp_labels: {severity: page}
      exp_annotations: {summary: 1 of 2 are up}
  - eval_time: 8m
    alertname: Both
    exp_alerts: [{}]
  - eval_time: 10m
    alertname: Down
  promql_expr_test:
  - expr: up:sum
    eval_time: 9m
    exp_samples:
    - labels: up:sum
      value: 1
"#;

    fn report(tests: &str) -> Result<UnitReport, Error> {
        run("tests.yml", tests, Vec::new(), |name| {
            assert_eq!(name, "rules.yml");
            Ok(RULES.to_owned())
        })
    }

    #[test]
    fn cases_pass_that_pass_with_promtool() {
        assert_eq!(report(TESTS).unwrap(), UnitReport { passed: 5, failed: Vec::new() });
    }

    #[test]
    fn what_is_not_as_expected_has_its_line() {
        let wrong = TESTS.replace("1 of 2 are up", "2 of 2 are up").replace("value: 1\n", "value: 3\n");
        let UnitReport { passed, failed } = report(&wrong).unwrap();
        assert_eq!((passed, failed.len(), failed[0].0, failed[1].0), (3, 2, 14, 25), "{failed:#?}");
        assert!(failed[0].1.starts_with("Down at 7m30s: expected"), "{failed:#?}");
        assert!(failed[1].1.ends_with("3 expected, but it is Some(1.0)"), "{failed:#?}");
        let error = report(&TESTS.replace("eval_time: 6m", "eval_time: six")).unwrap_err();
        assert!(error.to_string().starts_with("tests.yml:12: `six` is not a time"), "{error}");
    }
}
