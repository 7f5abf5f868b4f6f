//! `monitor rules dry-run`.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use monitor_sinks::{
    Store,
    config::rule_groups,
    promql::Labels,
    rule::{Entry, Report, Rule, dry_run, sweep},
};
use serde_json::{Value as Json, json};

use crate::{
    arguments::DryRun,
    duration,
    exit::Exit,
    failure::Failure,
    instant,
    table::{self, Cell, shown},
};

/// How far back it looks if nothing is said.
const LAST: Duration = Duration::from_hours(7 * 24);

/// The most incidents that are listed.
const MOST: usize = 50;

/// What came of a rule, with one threshold or another.
struct Tried {
    rule: String,
    threshold: Option<f64>,
    report: Report,
}

pub(super) fn run(arguments: &DryRun, json: bool) -> Result<Exit, Failure> {
    let store = Store::open_read_only(&arguments.db)?;
    let rules = rules(arguments)?;
    let (from, to) = arguments.window.range(SystemTime::now(), LAST);
    let (from_ms, to_ms) = (millis(from), millis(to));
    let every_ms = i64::try_from(arguments.every.as_millis()).unwrap_or(i64::MAX);
    let source = store.promql_source();
    let mut all = Vec::new();
    for rule in &rules {
        let name = rule.name().to_owned();
        if arguments.sweep.is_empty() {
            let report = dry_run(rule, &source, from_ms, to_ms, every_ms)?;
            all.push(Tried { rule: name, threshold: None, report });
            continue;
        }
        for tried in sweep(rule, &source, from_ms, to_ms, every_ms, &arguments.sweep)? {
            all.push(Tried { rule: name.clone(), threshold: Some(tried.threshold), report: tried.report });
        }
    }
    let mut out = io::stdout().lock();
    // Whoever reads may have seen enough.
    let _ = if json {
        all.iter().try_for_each(|tried| writeln!(out, "{}", object(tried)))
    } else {
        writeln!(
            out,
            "from {} to {}, every {}",
            instant::shown(from),
            instant::shown(to),
            duration::shown(arguments.every)
        )
        .and_then(|()| write_tables(&all, &mut out))
    };
    Ok(Exit::Done)
}

/// The rules that are to be tried.
fn rules(arguments: &DryRun) -> Result<Vec<Rule>, Failure> {
    let entries = rule_groups(&arguments.config)?.into_iter().flat_map(|group| group.entries);
    let rules: Vec<Rule> =
        entries.filter_map(|entry| if let Entry::Alert(rule) = entry { Some(*rule) } else { None }).collect();
    let Some(name) = &arguments.rule else { return Ok(rules) };
    if let Some(rule) = rules.iter().find(|rule| rule.name() == name) {
        return Ok(vec![rule.clone()]);
    }
    let names: Vec<&str> = rules.iter().map(Rule::name).collect();
    let config = arguments.config.display();
    Err(Failure::Usage(format!("{config} has no rule `{name}`; there are {}", names.join(", "))))
}

fn write_tables(all: &[Tried], out: &mut impl Write) -> io::Result<()> {
    let has_thresholds = all.iter().any(|tried| tried.threshold.is_some());
    let head = ["rule"].into_iter().chain(has_thresholds.then_some("threshold"));
    let head: Vec<String> = head.chain(["incidents", "active for", "notifications"]).map(str::to_owned).collect();
    let row = |tried: &Tried| {
        let report = &tried.report;
        let mut row = vec![Cell::text(shown(&tried.rule))];
        row.extend(tried.threshold.map(|threshold| Cell::number(threshold.to_string())));
        row.extend([
            Cell::number(report.firings.to_string()),
            Cell::number(duration::about(report.total)),
            Cell::number(report.notifications.to_string()),
        ]);
        row
    };
    table::write(&head, &all.iter().map(row).collect::<Vec<_>>(), out)?;
    let incidents: Vec<Vec<Cell>> = all.iter().filter(|tried| tried.threshold.is_none()).flat_map(incidents).collect();
    if incidents.is_empty() {
        return Ok(());
    }
    let head = ["rule", "labels", "severity", "began", "lasted", "value"].map(str::to_owned);
    writeln!(out)?;
    table::write(&head, &incidents[..incidents.len().min(MOST)], out)?;
    let more = incidents.len().saturating_sub(MOST);
    if more > 0 { writeln!(out, "and {more} more; --json prints all") } else { Ok(()) }
}

fn incidents(tried: &Tried) -> Vec<Vec<Cell>> {
    let incident = |incident: &monitor_sinks::rule::Incident| {
        let lasted = incident.ended_ms.map(|ended| ended - incident.started_ms);
        let lasted = lasted.map(|lasted| duration::about(Duration::from_millis(lasted.unsigned_abs())));
        vec![
            Cell::text(shown(&tried.rule)),
            Cell::text(shown(&incident.labels.to_string())),
            Cell::text(incident.severity.to_string()),
            Cell::text(instant::shown(time(incident.started_ms))),
            Cell::number(lasted.unwrap_or_else(|| String::from("goes on"))),
            Cell::number(incident.value.map_or_else(String::new, |value| value.to_string())),
        ]
    };
    tried.report.incidents.iter().map(incident).collect()
}

fn object(tried: &Tried) -> Json {
    let seconds = |millis: i64| millis as f64 / 1_000.0;
    let incident = |incident: &monitor_sinks::rule::Incident| {
        json!({
            "labels": labels(&incident.labels), "severity": incident.severity.name(),
            "from_seconds": seconds(incident.started_ms), "to_seconds": incident.ended_ms.map(seconds),
            "value": incident.value,
        })
    };
    let report = &tried.report;
    json!({
        "rule": tried.rule, "threshold": tried.threshold, "firings": report.firings,
        "firing_seconds": report.total.as_secs_f64(), "notifications": report.notifications,
        "incidents": report.incidents.iter().map(incident).collect::<Vec<_>>(),
    })
}

fn labels(labels: &Labels) -> Json {
    labels.iter().map(|(label, value)| (label.to_owned(), Json::from(value))).collect()
}

fn millis(time: SystemTime) -> i64 {
    (instant::seconds(time) * 1_000.0) as i64
}

fn time(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}
