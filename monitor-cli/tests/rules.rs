//! Promise: rules are checked, tested, tried and written without a monitor; a mistake is told at its place.

mod common;

use std::{fs, path::Path};

use common::{complaint, monitor, over, printed};
use monitor_sinks::Monitor;
use serde_json::Value as Json;

const GOOD: &str = "\
[[rule]]
name = 'slow_queue'
expr = 'queue_length > 10 clear 8 severity high for 20s'
channels = ['mail']
[channels.mail]
type = 'email'
smtp_server = 'localhost'
username = 'me@a.example'
password_env = 'NOT_SET_FOR_THIS_TEST'
recipients = 'ops@a.example'
";

const YAML: &str = "\
groups:
- name: g
  rules:
  - record: queue:max
    expr: max(queue_length)
  - alert: SlowQueue
    expr: queue_length > 10
    for: 1m
";

const UNITS: &str = "\
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - series: queue_length
    values: '20x5'
  alert_rule_test:
  - eval_time: 3m
    alertname: SlowQueue
    exp_alerts: [{}]
";

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_of_both_kinds_are_checked_and_all_their_mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.toml", GOOD);
    let yaml = write(folder.path(), "rules.yml", YAML);
    let text = printed(&monitor(&["rules", "check", &good, &yaml]));
    assert!(text.contains("good.toml: sound; 1 rules that alert") && text.contains("1 that record"), "{text}");

    let record = "[[record]]\nrecord = 'queue:max'\nexpr = 'max(queue_length)'\n";
    let both = write(folder.path(), "both.toml", &format!("rule_files = 'rules.yml'\n{GOOD}\n{record}"));
    let text = printed(&monitor(&["rules", "check", &both]));
    assert!(text.contains("both.toml: sound; 2 rules that alert, 2 that record"), "{text}");
    let text = printed(&monitor(&["rules", "export", "--config", &both]));
    assert_eq!(text.matches("record: \"queue:max\"").count(), 2, "{text}");

    let bad = write(folder.path(), "bad.toml", &GOOD.replace("clear", "claer").replace("'mail']", "'mial']"));
    let output = monitor(&["rules", "check", &bad, &yaml]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("bad.toml:3:") && lines[0].contains("did you mean `clear`?"), "{said}");
    assert!(lines[1].contains("bad.toml:4:13: ") && lines[1].contains("did you mean `mail`?"), "{said}");
    assert!(lines[2].contains("rules.yml: sound"), "{said}");
    let bad = write(folder.path(), "bad.yml", &YAML.replace("max(", "mxa("));
    let found: Json = serde_json::from_slice(&monitor(&["rules", "--json", "check", &bad]).stdout).unwrap();
    assert!(found["is_sound"] == false && found["mistakes"][0].as_str().unwrap().contains("bad.yml:5: "), "{found}");
}

#[test]
fn test_files_of_promtool_pass_or_say_what_was_instead() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rules.yml", YAML);
    let good = write(folder.path(), "units.yml", UNITS);
    assert!(printed(&monitor(&["rules", "test", &good])).contains("units.yml: 1 passed, 0 failed"));
    // Rules of a monitor.toml are tested in the same way.
    write(folder.path(), "good.toml", GOOD);
    let own = UNITS.replace("rules.yml", "good.toml").replace("SlowQueue", "slow_queue");
    let own = write(folder.path(), "own.yml", &own);
    let output = monitor(&["rules", "test", &own]);
    assert!(output.status.success(), "{output:?}");
    let bad = write(folder.path(), "bad.yml", &UNITS.replace("3m", "0m"));
    let output = monitor(&["rules", "test", &bad, &good]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("bad.yml:9: ") && said.contains("1 passed"), "{said}");
}

#[test]
fn what_prometheus_cannot_say_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.toml", GOOD);
    let output = monitor(&["rules", "export", "--config", &good]);
    let (code, notes) = complaint(&output);
    let yaml = String::from_utf8(output.stdout).unwrap();
    assert!(code == 0 && yaml.contains("expr: \"queue_length > 10\"") && yaml.contains("for: 20s"), "{yaml}");
    assert!(notes.contains("not in the file: ") && notes.contains("clear"), "{notes}");
    // What was written is read again.
    let again = write(folder.path(), "again.yml", &yaml);
    printed(&monitor(&["rules", "check", &again]));
}

#[test]
fn rules_are_tried_on_what_is_recorded_also_with_other_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "good.toml", GOOD);
    let db = folder.path().join("m.db");
    let values = (0..60).map(|step| (1_700_000_000 + step * 10, if (10..30).contains(&step) { 20 } else { 5 }));
    let lines: Vec<String> = values.map(|(at, value)| format!("queue_length {value} {at}")).collect();
    let lines = lines.join("\n");
    let text = write(folder.path(), "queue.om", &format!("# TYPE queue_length gauge\n{lines}\n# EOF\n"));
    printed(&over("import", &db, &[&text]));
    let window = ["--from", "1700000000", "--to", "1700000590", "--config", &config];
    let dry_run = |more: &[&str]| {
        let arguments = [&["rules", "dry-run", "--db", db.to_str().unwrap()], &window[..], more].concat();
        printed(&monitor(&arguments))
    };
    let told: Json = serde_json::from_str(&dry_run(&["--json"])).unwrap();
    assert_eq!((&told["firings"], &told["notifications"]), (&Json::from(1), &Json::from(2)), "{told}");
    // It held from 100 s on; for 20 s before it fired, and no longer at 300 s.
    assert_eq!(told["incidents"][0]["from_seconds"], 1_700_000_120.0);
    assert_eq!(told["incidents"][0]["to_seconds"], 1_700_000_300.0);
    let text = dry_run(&[]);
    assert!(text.contains("slow_queue") && text.contains("  3m  "), "{text}");
    let swept = dry_run(&["--rule", "slow_queue", "--sweep", "4,10,25", "--json"]);
    let firings: Vec<Json> =
        swept.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["firings"].clone()).collect();
    assert_eq!(firings, [1, 1, 0]);

    let arguments = [&["rules", "dry-run", "--db", db.to_str().unwrap(), "--rule", "queue"], &window[..]].concat();
    let (code, said) = complaint(&monitor(&arguments));
    assert!(code == 2 && said.contains("no rule `queue`") && said.contains("slow_queue"), "{said}");
}

#[test]
fn a_channel_is_tried_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "[channels.log]\ntype = 'file'\npath = 'alerts.jsonl'\n[channels.lost]\ntype = 'file'\npath = 'no/such/file'\n";
    let config = write(folder.path(), "monitor.toml", text);
    let sent = |channel: &str| monitor(&["alert", "test", "--config", &config, "--channel", channel]);
    assert!(printed(&sent("log")).contains("channel `log` took the test"));
    let line = fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap();
    assert_eq!(serde_json::from_str::<Json>(&line).unwrap()["kind"], "test");
    let (code, said) = complaint(&sent("lost"));
    assert!(code == 1 && said.contains("did not take the test") && said.lines().count() == 1, "{said}");
    let (code, said) = complaint(&sent("logg"));
    assert!(code == 2 && said.contains("did you mean `log`?"), "{said}");
}

#[test]
fn alerts_are_at_the_top_of_top() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(
        folder.path(),
        "monitor.toml",
        "[store]\npath = 'm.db'\n[[rule]]\nname = 'always'\nexpr = 'vector(20) > 10 severity critical'\n",
    );
    let monitor = Monitor::from_config(&config).unwrap();
    monitor.flush().unwrap();
    let frame = printed(&over("top", monitor.store().path(), &["--once"]));
    assert!(frame.contains("! critical: always at 20"), "{frame}");
    monitor.shutdown().unwrap();
}
