//! Promise: a rule that is written to a rule file of Prometheus does there what it does here, at the same instants, where
//! missing values resolve.
//!
//! The other side is the real promtool: generated rules and series, gaps, ends and not-a-numbers among them, and for each
//! evaluation the alerts that must be firing by the steps of this crate. `MONITORED_RULES` says how many; a release is
//! proved with 1,000. The same file is run by our own reader of unit tests.
//!
//! Evaluations are 14 s apart, so that no window begins at a sample: there Prometheus 2 and 3 differ.
#![cfg(all(feature = "config", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{collections::BTreeMap, fmt::Write, fs, path::Path, process::Command, time::Duration};

use common::{Random, Registry, promtool};
use monitor_core::{Objective, Sample};
use monitor_sinks::{
    Store,
    notify::Severity,
    promql::{Data, Labels, Memory, Query, stale},
    rule::{
        Comparison, Entry, Facts, Group, Level, Missing, Recording, Rule, State, Tick, bench::Watch, evaluate,
        objective_group, observed, prometheus, step, testing::run_units,
    },
};

/// In seconds.
const EVERY: u64 = 14;
const STEPS: usize = 120;
/// As many rules are in one file.
const BATCH: usize = 25;

#[test]
fn every_transition_is_at_the_instant_at_which_promtool_has_it() {
    let Some(promtool) = promtool() else { return };
    let count = std::env::var("MONITORED_RULES").ok().and_then(|count| count.parse().ok()).unwrap_or(50);
    let mut random = Random(29);
    let mut transitions = 0;
    for batch in 0..usize::div_ceil(count, BATCH) {
        let cases: Vec<Case> = (0..BATCH).map(|number| Case::generated(&mut random, number)).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut tests =
            format!("rule_files: [rules.yml]\nevaluation_interval: {EVERY}s\ntests:\n- interval: {EVERY}s\n");
        tests.push_str("  input_series:\n");
        for case in &cases {
            case.write_series(&mut tests);
        }
        tests.push_str("  alert_rule_test:\n");
        for case in &cases {
            transitions += case.write_expected(&mut tests);
        }
        let mut group = Group::new("g");
        group.entries.extend(cases.iter().map(|case| Entry::Alert(Box::new(case.rule.clone()))));
        group.entries.push(Entry::Record(Recording::new("batch:m0:sum", "sum(m0)").label("batch", batch.to_string())));
        let written = prometheus::write(&[group]);
        assert!(written.notes.is_empty(), "{:?}", written.notes);
        fs::write(folder.path().join("rules.yml"), &written.yaml).unwrap();
        fs::write(folder.path().join("tests.yml"), tests).unwrap();
        run(&promtool, folder.path(), &["check", "rules", "rules.yml"]);
        run(&promtool, folder.path(), &["test", "rules", "tests.yml"]);
        let report = run_units(&folder.path().join("tests.yml")).unwrap();
        assert!(report.failed.is_empty(), "{:#?}", report.failed);
        assert_eq!(report.passed, BATCH * (STEPS + 1));
    }
    // Rules of which none ever fires would agree, too.
    assert!(transitions > count, "only {transitions} transitions");
    println!("{transitions} transitions of {} rules at the same instants", count.next_multiple_of(BATCH));
}

#[test]
fn promtool_accepts_the_rules_of_objectives() {
    let Some(promtool) = promtool() else { return };
    let objective = Objective::new(99.9).latency(Duration::from_millis(250)).errors(0.5);
    let groups = ["parse", "Store::load"].map(|function| objective_group(Some("etl"), "etl::row", function, objective));
    let written = prometheus::write(&groups);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), &written.yaml).unwrap();
    run(&promtool, folder.path(), &["check", "rules", "rules.yml"]);
    assert_eq!(prometheus::read("rules.yml", &written.yaml).unwrap().len(), 2);
}

/// Each second of a recording whose rules use what those before them have recorded, and have series that come and go.
#[test]
fn what_rules_record_is_at_each_instant_what_promtool_has_there() {
    const SECONDS: i64 = 240;
    let Some(promtool) = promtool() else { return };
    let group = Group::new("g")
        .record(Recording::new("early:copy", "late:sum"))
        .record(Recording::new("long:m", "m > 50"))
        .record(Recording::new("late:sum", "sum by (service) (long:m)").label("of", "long"))
        .record(Recording::new("most:m", "max_over_time(long:m[3500ms]) - on (service) group_left () late:sum"))
        .record(Recording::new("total", "sum_over_time(late:sum[5500ms])").label("service", "sum"))
        .record(Recording::new("count", "count(long:m) or vector(0)"));
    let groups = [group];
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(83);
    let values: Vec<Vec<f64>> = (0..3).map(|_| course(&mut random, SECONDS as usize + 1)).collect();
    let db = folder.path().join("m.db");
    let mut watch = Watch::open_groups(&db, groups.to_vec(), BEGUN_MS - 1_000).unwrap();
    let mut registry = Registry::default();
    for second in 0..=SECONDS {
        for (host, values) in values.iter().enumerate() {
            registry.gauge("m", &[("host", &host.to_string())], values[second as usize]);
        }
        let at_ms = BEGUN_MS + second * 1_000;
        let samples = || registry.samples().map(|(index, key, value, changed)| Sample { index, key, value, changed });
        watch.evaluate(at_ms, samples());
        watch.store(at_ms, samples).unwrap();
        registry.delivered();
    }
    assert_eq!(watch.evaluations().1, 0);
    let mut tests =
        String::from("rule_files: [rules.yml]\nevaluation_interval: 1s\ntests:\n- interval: 1s\n  input_series:\n");
    for (host, values) in values.iter().enumerate() {
        let values: Vec<String> = values.iter().map(f64::to_string).collect();
        let _ =
            writeln!(tests, "  - series: 'm{{service=\"bench\",host=\"{host}\"}}'\n    values: '{}'", values.join(" "));
    }
    tests.push_str("  promql_expr_test:\n");
    let store = Store::open_read_only(&db).unwrap();
    let mut compared = 0;
    for second in 0..=SECONDS {
        for name in ["early:copy", "long:m", "late:sum", "most:m", "total", "count"] {
            compared += write_answer(&store, name, second, &mut tests);
        }
    }
    fs::write(folder.path().join("rules.yml"), prometheus::write(&groups).yaml).unwrap();
    fs::write(folder.path().join("tests.yml"), tests).unwrap();
    run(&promtool, folder.path(), &["check", "rules", "rules.yml"]);
    run(&promtool, folder.path(), &["test", "rules", "tests.yml"]);
    assert!(compared > 1_000, "only {compared} values");
}

/// An instant that begins a minute.
const BEGUN_MS: i64 = 1_700_002_800_000;

/// A value that stays for some seconds, below and above what rules look for.
fn course(random: &mut Random, length: usize) -> Vec<f64> {
    let mut values = Vec::new();
    while values.len() < length {
        let value = random.below(100) as f64;
        values.extend(std::iter::repeat_n(value, 1 + random.below(20)));
    }
    values.truncate(length);
    values
}

/// Has promtool find what the store has of a series at a second. How many values there are.
fn write_answer(store: &Store, name: &str, second: i64, tests: &mut String) -> usize {
    let source = store.promql_source();
    let answer = Query::new(&source, name).at(BEGUN_MS + second * 1_000).unwrap();
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    let _ = writeln!(tests, "  - expr: '{name}'\n    eval_time: {second}s\n    exp_samples:");
    for element in elements {
        let (labels, value) = (element.labels.with("__name__", ""), element.value.as_float().unwrap());
        let _ = writeln!(tests, "    - labels: '{name}{labels}'\n      value: {value}");
    }
    elements.len()
}

fn run(promtool: &Path, folder: &Path, arguments: &[&str]) {
    let output = Command::new(promtool).current_dir(folder).args(arguments).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        let kept = std::env::temp_dir().join("rule_promtool");
        let _ = fs::create_dir_all(&kept);
        for file in ["rules.yml", "tests.yml"] {
            let _ = fs::copy(folder.join(file), kept.join(file));
        }
        panic!("promtool {arguments:?} (the files are in {}): {}", kept.display(), &said[..said.len().min(4_000)]);
    }
}

/// A rule, and the series that it sees.
struct Case {
    rule: Rule,
    /// By labels, with the points as they are written.
    series: Vec<(Labels, Vec<Point>)>,
    shows_value: bool,
}

#[derive(Clone, Copy)]
enum Point {
    Value(f64),
    Gap,
    Stale,
}

impl Case {
    fn generated(random: &mut Random, number: usize) -> Self {
        let name = format!("m{number}");
        let exprs = [
            name.clone(),
            format!("avg_over_time({name}[45s])"),
            format!("max_over_time({name}[60s])"),
            format!("sum({name})"),
            format!("max by (host) ({name} offset 28s)"),
            format!("rate({name}[60s]) * 60"),
            format!("count_over_time({name}[100s]) * 10"),
            format!("({name} > 75) or ({name} < 40)"),
        ];
        let picked = random.below(exprs.len());
        let mut rule = Rule::new(format!("rule_{number}")).when(&exprs[picked]);
        let wait = |random: &mut Random| Duration::from_secs([0, 14, 28, 40, 60][random.below(5)]);
        rule = rule.held_for(wait(random));
        let keep = if random.below(2) == 0 { Duration::ZERO } else { wait(random) };
        rule = rule.keep_firing(keep);
        let comparison =
            [Comparison::Above, Comparison::AtLeast, Comparison::Below, Comparison::AtMost, Comparison::Equal]
                [random.below(5)];
        if random.below(4) > 0 {
            let threshold = [80.0, 60.0, 50.0][random.below(3)];
            let mut level = Level::new(Severity::High, comparison, threshold);
            level.clear = (comparison != Comparison::Equal).then_some(threshold);
            rule = rule.level(level).missing(Missing::Resolve);
        } else {
            rule = rule.when(format!("{} > 70", exprs[picked])).severity(Severity::Low);
        }
        // While an alert is kept firing, its value is the last one here, and the last one that fired there.
        let shows_value = picked == 0 && keep.is_zero();
        if shows_value {
            rule = rule.annotation("text", "{{ labels.host }} is at {{ value }}");
        }
        let series = (0..=random.below(2)).map(|host| {
            let labels = Labels::new([("__name__", name.as_str()), ("host", &format!("h{host}"))]);
            (labels, points(random))
        });
        let series = series.collect();
        Self { rule, series, shows_value }
    }

    fn write_series(&self, tests: &mut String) {
        for (labels, points) in &self.series {
            let points: Vec<String> = points.iter().map(Point::to_string).collect();
            let name = labels.name();
            let rest = labels.with("__name__", "");
            let _ = writeln!(tests, "  - series: '{name}{rest}'\n    values: '{}'", points.join(" "));
        }
    }

    /// Writes what must be firing at each evaluation. How many transitions there are.
    fn write_expected(&self, tests: &mut String) -> usize {
        let memory = self.memory();
        let mut states: BTreeMap<Labels, State> = BTreeMap::new();
        let mut transitions = 0;
        for at in 0..=STEPS {
            let wall_ms = instant(at);
            let elements = evaluate(&self.rule, &memory, wall_ms, None).unwrap();
            let interval_ms = EVERY * 1000;
            let tick = Tick { wall_ms, elapsed_ms: if at == 0 { 0 } else { interval_ms }, interval_ms };
            for (labels, seen) in observed(&self.rule, &elements, states.keys()) {
                transitions += step(&self.rule, states.entry(labels).or_default(), seen, tick).len();
            }
            let _ = writeln!(tests, "  - eval_time: {}ms\n    alertname: {}", wall_ms, self.rule.name());
            let firing: Vec<(&Labels, &State)> = states.iter().filter(|(_, state)| state.is_active()).collect();
            tests.push_str(if firing.is_empty() { "" } else { "    exp_alerts:\n" });
            for (labels, state) in firing {
                let severity = state.severity.unwrap();
                let pairs = labels.iter().map(|(label, value)| format!("{label}: {value}"));
                let pairs: Vec<String> = pairs.chain([format!("severity: {severity}")]).collect();
                let _ = write!(tests, "    - exp_labels: {{{}}}", pairs.join(", "));
                let facts = Facts::new(&self.rule, severity, state.last_value, labels);
                let text = self.shows_value.then(|| facts.annotations().0["text"].clone());
                let _ = writeln!(
                    tests,
                    "{}",
                    text.map(|text| format!("\n      exp_annotations: {{text: '{text}'}}")).unwrap_or_default()
                );
            }
        }
        transitions
    }

    fn memory(&self) -> Memory {
        let mut memory = Memory::new();
        for (labels, points) in &self.series {
            for (at, point) in points.iter().enumerate() {
                let time = instant(at);
                match point {
                    Point::Value(value) => memory.push(labels, time, *value),
                    Point::Stale => memory.push(labels, time, stale()),
                    Point::Gap => {}
                }
            }
        }
        memory
    }
}

/// The instant of an evaluation, in milliseconds.
fn instant(at: usize) -> i64 {
    i64::try_from(at as u64 * EVERY * 1000).unwrap()
}

/// Runs of values that stay, with gaps, ends and not-a-numbers in between.
fn points(random: &mut Random) -> Vec<Point> {
    let mut points = Vec::new();
    while points.len() < STEPS {
        let length = 1 + random.below(9);
        let value = [90.0, 80.0, 79.5, 70.0, 60.0, 50.0, 30.25, 0.0, -5.0, f64::INFINITY, f64::NAN][random.below(11)];
        let point = match random.below(12) {
            0 => Point::Gap,
            1 => Point::Stale,
            _ => Point::Value(value),
        };
        // A gap may be longer than the five minutes for which a sample stands.
        let length = if matches!(point, Point::Gap) { length * 3 } else { length };
        points.extend(std::iter::repeat_n(point, length));
    }
    points.truncate(STEPS);
    points
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) if value.is_infinite() => f.write_str("Inf"),
            Self::Value(value) => write!(f, "{value}"),
            Self::Gap => f.write_str("_"),
            Self::Stale => f.write_str("stale"),
        }
    }
}
