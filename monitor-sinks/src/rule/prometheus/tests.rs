use super::*;
use crate::{
    notify::Severity,
    promql::Labels,
    random::Random,
    rule::{Comparison, Entry, Facts, Group, Level, Missing, Recording, Rule},
};
use std::time::Duration;

const FILE: &str = r"
groups:
- name: host
  interval: 30s
  rules:
  - record: job:calls:rate5m
    expr: sum by (job) (rate(calls_total[5m]))
    labels:
      team: data
  - alert: HighCpu
    expr: |
      avg_over_time(cpu[5m]) > 80
    for: 1m
    keep_firing_for: 2m
    labels:
      severity: page
    annotations:
      summary: 'CPU of {{ $labels.host }} is {{ $value | humanize }}%'
  - alert: HighCpu
    expr: cpu > 60
    labels: {severity: warning, level: 2}
";

fn rule(entry: &Entry) -> &Rule {
    match entry {
        Entry::Alert(rule) => rule,
        Entry::Record(recording) => panic!("{recording:?}"),
    }
}

#[test]
fn a_rule_file_means_what_it_means_there() {
    let groups = read("host.yml", FILE).unwrap();
    let [Group { name, interval, entries, .. }] = &groups[..] else { panic!("{groups:?}") };
    assert_eq!((name.as_str(), *interval), ("host", Some(Duration::from_secs(30))));
    let recording = Recording::new("job:calls:rate5m", "sum by (job) (rate(calls_total[5m]))").label("team", "data");
    assert_eq!(entries[0], Entry::Record(recording));
    let first = rule(&entries[1]);
    assert_eq!(
        (first.name(), first.severities(), first.missing_policy()),
        ("HighCpu", vec![Severity::Critical], Missing::Resolve)
    );
    assert_eq!((first.held_for_time().as_secs(), first.keep_firing_time().as_secs()), (60, 120));
    let labels = Labels::new([("host", "h1")]);
    let facts = Facts::new(first, Severity::Critical, Some(93.26), &labels);
    assert_eq!(facts.annotations().0["summary"], "CPU of h1 is 93.26%");
    let second = rule(&entries[2]);
    assert_eq!((second.name(), second.label_templates()["level"].as_str()), ("HighCpu 2", "2"));
    let facts = Facts::new(second, Severity::Medium, Some(1.0), &labels);
    assert_eq!(facts.labels().0.get("alertname"), Some("HighCpu"));
}

#[test]
fn what_is_written_reads_back() {
    let groups = read("host.yml", FILE).unwrap();
    let written = write(&groups);
    assert!(written.notes.is_empty(), "{:?}", written.notes);
    assert_eq!(read("again.yml", &written.yaml).unwrap(), groups);
}

#[test]
fn what_cannot_be_written_is_noted() {
    let rule = Rule::new("r")
        .when("a or b")
        .above(80.0)
        .clear_below(70.0)
        .level(Level::new(Severity::Critical, Comparison::Above, f64::INFINITY))
        .depends_on("other")
        .annotation("summary", "{% if value %}x{% endif %}");
    let mut group = Group::new("g");
    group.entries = vec![Entry::Alert(Box::new(rule)), Entry::Alert(Box::new(Rule::new("f").when_fn(|_| Some(true))))];
    let written = write(&[group]);
    assert!(written.yaml.contains(r#"expr: "(a or b) > 80""#) && written.yaml.contains(r#"expr: "(a or b) > Inf""#));
    for wanted in [
        "severities are alerts",
        "clear where they fire",
        "policy is keep",
        "dependencies",
        "`summary`",
        "`f`: a function",
    ] {
        assert!(written.notes.iter().any(|note| note.contains(wanted)), "{wanted}: {:#?}", written.notes);
    }
}

#[test]
fn mistakes_have_their_line() {
    for (text, wanted) in [
        (
            "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: raet(x[5m]) > 1\n",
            "f.yml:5: rule `A`: 1:1: unknown function `raet`",
        ),
        (
            "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    for: 5 min\n",
            "f.yml:6: `5 min` is not a time",
        ),
        ("groups:\n- name: g\n  rules:\n  - alert: A\n    exprr: up\n", "f.yml:5: "),
        ("groups:\n- name: g\n  rules:\n  - expr: up\n", "f.yml:4: a rule has either"),
        ("groups:\n- name: g\n  limit: 5\n", "f.yml:3: a limit drops"),
        (
            "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n      a: ok\n      b: '{{ if $value }}x{{ end }}'\n",
            "f.yml:8: `{{ if $value }}` cannot be translated",
        ),
        (
            "groups:\n- name: g\n  rules:\n  - record: a b\n    expr: up\n",
            "f.yml:5: rule `a b`: what is recorded needs",
        ),
        ("groups: [", "f.yml:1: "),
    ] {
        let error = read("f.yml", text).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert_eq!(read("f.yml", "groups:\n").unwrap(), []);
}

/// A file that was cut, or whose lines were mixed up, is refused or means something; it never does harm.
#[test]
fn no_file_panics() {
    let lines: Vec<&str> = FILE.lines().collect();
    let odd = [
        "    for: -1",
        "    labels: [",
        "\t- x",
        "    expr: \"{{\"",
        "    annotations: {a: '{{ $value | '}",
        "é: &a *a",
        "%",
    ];
    let mut random = Random(5);
    for _ in 0..2_000 {
        let count = random.below(lines.len() + 2);
        let mut picked: Vec<&str> = lines.iter().take(count).copied().collect();
        for _ in 0..random.below(3) {
            let line =
                if random.below(2) == 0 { odd[random.below(odd.len())] } else { lines[random.below(lines.len())] };
            picked.insert(random.below(picked.len() + 1), line);
        }
        let mut text = picked.join("\n");
        let cut = text.floor_char_boundary(random.below(text.len() * 4 + 1).min(text.len()));
        text.truncate(cut);
        if let Ok(groups) = read("f.yml", &text) {
            let _ = write(&groups);
        }
    }
}
