use std::{fs, time::Duration};

use super::*;
use crate::{
    notify::Severity,
    promql::Labels,
    random::Random,
    rule::{Comparison, Condition, Level, Missing, Recording},
};

/// Everything that can be said.
const WHOLE: &str = r#"
rule_files = ["*.yml"]
objectives = true

[store]
path = "metrics.db"
service = "web"
flush_every = "2s"
retention = { raw = "48h", minutes = "30d", hours = "400d", size = "2GiB" }

[host]
every = "5s"
families = ["cpu", "memory", "filesystem"]
without = ["filesystem"]
top = 3
exclude_mounts = ["/mnt/*"]
exclude_interfaces = ["veth*"]

[alerts]
evaluate_every = "10s"
instance = "web-1"

[[record]]
record = "job:calls:rate5m"
expr = "sum(rate(function_calls_total[5m]))"
labels = { team = "ops" }

[[record]]
record = "job:errors:rate5m"
expr = "sum(rate(function_errors_total[5m]))"
interval = "30s"

[[rule]]
name = "high_cpu"
expr = "avg_over_time(cpu_percent_total[1m])"
above = 80
clear = 70.5
severity = "high"
for = "1m"
keep = "5m"
missing = "resolve"
min_coverage = 0.5
sample_every = "5s"
labels = { team = "ops" }
annotations = { summary = "CPU usage is {cpu_percent_total:.1f}%" }
depends_on = "host_down"
group_by = ["host"]
group_wait = "10s"
group_interval = "2m"
repeat = "1h"
channels = ["mail"]

[[rule]]
name = "host_down"
expr = "up < 1 severity critical for 30s"
labels = { team = "db" }

[[rule]]
name = "queue"
expr = "queue_length"
levels = [
    { severity = "medium", above = 100, clear = 80 },
    { severity = "critical", above = 1000 },
]
alert_on_no_data = true

[channels.mail]
type = "email"
smtp_server = "smtp.example.com"
smtp_port = 587
username = "alerts@example.com"
password_env = "NOT_SET_FOR_THIS_TEST"
recipients = ["admin@example.com"]
min_severity = "medium"
timeout = "20s"

[channels.own]
type = "webhook"
url = "https://ops.example/alerts"
signing_key_file = "key"
headers = { X-Team = "ops" }
template = "{{ title }}"

[channels.chat]
type = "slack"
url_env = "NOT_SET_FOR_THIS_TEST"

[channels.pager]
type = "pagerduty"
routing_key = "abc"

[channels.am]
type = "alertmanager"
url = "http://127.0.0.1:9"
resend_every = "30s"

[channels.script]
type = "command"
command = ["bin/page", "--team", "ops"]
env = { TOKEN = "t" }

[channels.log]
type = "file"
path = "alerts.jsonl"

[channels.err]
type = "stderr"
min_severity = "high"

[[route]]
match = '{team="db"}'
channels = ["pager", "chat"]
min_severity = "high"
repeat = "30m"
group_by = "host"
group_interval = "5m"

[[route]]
channels = "log"
"#;

const YAML: &str = "groups:\n- name: g\n  interval: 1m\n  rules:\n  - record: a:b\n    expr: sum(up)\n  - alert: Down\n    expr: up == 0\n    labels: {team: db}\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), YAML).unwrap();
    folder
}

fn parse(text: &str) -> Result<Config, String> {
    let folder = folder();
    let around = Surroundings { folder: folder.path(), has_secrets: false };
    Config::parse("m.toml", text, around, &Beside::default()).map_err(|error| error.to_string())
}

/// The mistakes, without the name of the file.
fn mistakes(text: &str) -> Vec<String> {
    let message = parse(text).unwrap_err();
    message.lines().map(|line| line.strip_prefix("m.toml:").unwrap_or(line).to_owned()).collect()
}

#[test]
fn everything_that_can_be_said_is_understood() {
    let config = parse(WHOLE).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.store_path().unwrap().ends_with("metrics.db") && config.service() == Some("web"));
    assert!(config.says_host() && config.host().is_some());
    let names: Vec<&str> = config.rules().iter().map(Rule::name).collect();
    assert_eq!(names, ["high_cpu", "host_down", "queue", "Down"]);
    let groups: Vec<&str> = config.groups().iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["monitor record 1", "monitor record 2", OWN_GROUP, "g"]);
    let recorded = Recording::new("job:calls:rate5m", "sum(rate(function_calls_total[5m]))").label("team", "ops");
    assert_eq!(config.groups()[0].entries, [Entry::Record(recorded)]);
    assert_eq!(config.groups()[1].interval, Some(Duration::from_secs(30)));
    assert!(config.objectives());
    let channels: Vec<&str> = config.channel_names().collect();
    assert_eq!(channels, ["am", "chat", "err", "log", "mail", "own", "pager", "script"]);

    let wanted = Rule::new("high_cpu")
        .when("avg_over_time(cpu_percent_total[1m])")
        .above(80.0)
        .clear_below(70.5)
        .severity(Severity::High)
        .held_for(Duration::from_mins(1))
        .keep_firing(Duration::from_mins(5))
        .missing(Missing::Resolve)
        .min_coverage(0.5, Duration::from_secs(5))
        .label("team", "ops")
        .annotation("summary", "CPU usage is {cpu_percent_total:.1f}%")
        .depends_on("host_down")
        .group_by(["host"])
        .group_wait(Duration::from_secs(10))
        .group_interval(Duration::from_mins(2))
        .repeat(Duration::from_hours(1))
        .channels(["mail"]);
    assert_eq!(config.rules()[0].clone().routed(std::sync::Arc::default()), wanted);
    let levels = vec![
        Level { clear: Some(80.0), ..Level::new(Severity::Medium, Comparison::Above, 100.0) },
        Level::new(Severity::Critical, Comparison::Above, 1000.0),
    ];
    assert_eq!(*config.rules()[2].condition(), Condition::Levels(levels));
    assert_eq!(config.rules()[1].severities(), [Severity::Critical]);
}

#[test]
fn routes_are_for_alerts_by_the_labels_of_their_series_and_of_their_rules() {
    let config = parse(WHOLE).unwrap();
    let taken = |rule: usize, labels: &[(&str, &str)]| {
        config.rules()[rule].routes_of(&Labels::new(labels.iter().copied()), Severity::High, None)
    };
    assert_eq!(taken(1, &[]), [0, 1]);
    assert_eq!(taken(2, &[]), [1]);
    assert_eq!(taken(2, &[("team", "db")]), [0, 1]);
    assert_eq!(taken(3, &[("team", "shop")]), [0, 1], "a label of the rule counts more than one of its series");
}

#[test]
fn every_mistake_is_told_at_its_place_with_what_was_meant() {
    for (text, wanted) in [
        ("[stroe]\n", "1:2: unknown key `stroe` in the file; did you mean `store`?"),
        ("[store]\npth = 'a'\n", "2:1: unknown key `pth` in [store]; did you mean `path`?"),
        (
            "[store]\nflush_every = '10'\n",
            "2:15: `flush_every` is `10`, which is not a time; write it such as \"10s\" or \"1h30m\"",
        ),
        (
            "[store]\nflush_every = 10\n",
            "2:15: `flush_every` must be a time with its unit, in quotes, such as \"10s\" or \"1h30m\", not a whole number",
        ),
        ("[store]\nflush_every = '2h'\n", "2:15: `flush_every` is `2h`, which is out of range; choose 1ms to 1h"),
        ("[host]\nwithout = ['cpus']\n", "2:12: there is no family `cpus`; did you mean `cpu`?"),
        ("[host]\ntop = 50\n", "2:7: `top` must be a whole number from 0 to 32"),
        ("[[rule]]\nname = 'a'\n", "1:1: rule `a` has no `expr`; add one, such as expr = \"cpu_percent_total > 80\""),
        ("[[rule]]\nname = 'a'\nexpr = 'rate(x[5m]) >'\n", "3:22: `expr`: unexpected end"),
        (
            "[[rule]]\nname = 'a'\nexpr = \"\\\"\\\" + raet(x[5m]) > 1\"\n",
            "3:16: `expr`: unknown function `raet`; did you mean `rate`?",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = '''\nx\n  > 1 severty high'''\n",
            "5:7: `expr`: unknown word `severty`; did you mean `severity`?",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = 'sum(raet(x[5m]))'\nabove = 5\n",
            "3:13: `expr`: unknown function `raet`; did you mean `rate`?",
        ),
        ("[[rule]]\nname = 'a'\nexpr = 'x > 1 for 1m'\nfor = '2m'\n", "4:7: `for` is in `expr` as well; say it once"),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x'\nabove = 1\nbelow = 0\n",
            "5:9: rule `a` has two thresholds; write several in `levels`",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x > 1'\nseverity = 'hgih'\n",
            "4:12: `severity` cannot be `hgih`; did you mean `high`?",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x > 1'\nannotations = { summary = '{{ x' }\n",
            "4:27: the template of `summary`: ",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x > 1'\nchannels = ['mial']\n[channels.mail]\ntype = 'stderr'\n",
            "4:13: there is no channel `mial`; did you mean `mail`?",
        ),
        ("[[rule]]\nname = 'a'\nexpr = 'x > 1'\ndepends_on = 'b'\n", "4:14: there is no rule `b`; there are a"),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x > 1'\n[[rule]]\nname = 'a'\nexpr = 'x > 1'\n",
            "5:8: there are two rules called `a`; give each its own name",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x > 1'\ngroup_wait = '1s'\n",
            "4:14: `group_wait` goes with `group_by`, such as group_by = [\"host\"]",
        ),
        (
            "[[rule]]\nname = 'a'\nexpr = 'x'\nabove = 80\nclear = 90\n",
            "2:8: rule `a`: an alert at > 80 cannot clear at 90",
        ),
        ("[channels.a]\ntype = 'emial'\n", "2:8: there is no channel of type `emial`; did you mean `email`?"),
        ("[channels.a]\ntype = 'slack'\n", "1:11: [channels.a] has no secret; add one of url, url_env and url_file"),
        (
            "[channels.a]\ntype = 'email'\nsmtp_server = 's'\nrecipients = 'a@b.example'\n",
            "1:11: [channels.a]: a mail needs a sender; add `from`",
        ),
        (
            "[channels.a]\ntype = 'webhook'\nurl = 'ftp://x'\n",
            "1:11: [channels.a]: the address of a webhook makes no sense; it should look like https://host/path",
        ),
        (
            "[[route]]\nmatch = 'x'\nchannels = 'a'\n[channels.a]\ntype = 'stderr'\n",
            "1:1: no alert takes this route; no rule has the name that it asks for, or labels that fit",
        ),
        (
            "[[route]]\nmatch = 'x{'\nchannels = 'a'\n[channels.a]\ntype = 'stderr'\n",
            "2:12: `match` does not say which alerts",
        ),
        ("rule_files = 'none.yml'\n", "1:14: cannot read "),
        ("rule_files = 'no*.yml'\n", "1:14: `no*.yml` names no file in "),
        ("objectives = 'yes'\n", "1:14: `objectives` must be true or false, not a text"),
        ("rule = 5\n", "1:8: `rule` must be a list of tables; write [[rule]], not a whole number"),
        ("a = \n", "1:5: "),
        ("[store]\n[store]\n", "2:2: duplicate key"),
    ] {
        let found = mistakes(text);
        assert!(found[0].starts_with(wanted), "{text}\nwanted {wanted}\nfound  {found:#?}");
    }
}

#[test]
fn mistakes_of_rules_that_record_are_told_at_their_places() {
    for (text, wanted) in [
        ("[[record]]\nrecord = 'a:b'\n", "1:1: the record `a:b` has no `expr`; add one, such as expr = \"sum("),
        (
            "[[record]]\nrecord = 'a:b'\nexpr = 'sum(raet(x[5m]))'\n",
            "3:13: `expr`: unknown function `raet`; did you mean",
        ),
        ("[[record]]\nrecord = 'a b'\nexpr = 'x'\n", "2:10: rule `a b`: what is recorded needs the name of a metric"),
        ("[[record]]\nrecord = 'memory_percent'\nexpr = 'x'\n", "2:10: rule `memory_percent`: that is a short name"),
        (
            "[[record]]\nrecord = 'a:b'\nexpr = 'x'\nintervall = '1m'\n",
            "4:1: unknown key `intervall` in the record `a:b`; did",
        ),
        (
            "[[record]]\nrecord = 'a:b'\nexpr = 'x'\ninterval = '2d'\n",
            "4:12: `interval` is `2d`, which is out of range",
        ),
        (
            "[[record]]\nrecord = 'a:b'\nexpr = 'x'\n[[record]]\nrecord = 'a:b'\nexpr = 'x'\n",
            "5:10: the record `a:b` is there twice; take one out",
        ),
    ] {
        let found = mistakes(text);
        assert!(found[0].starts_with(wanted), "{text}\nwanted {wanted}\nfound  {found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[store]\npth = 'a'\n[[rule]]\nname = 'a'\nexpr = 'x >'\nfro = '1m'\n[channels.a]\ntype = 'x'\n[host]\ntop = 99\n";
    let places: Vec<String> = mistakes(text).iter().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(places, ["2:1", "5:12", "6:1", "8:8", "10:7"]);
}

#[test]
fn a_record_of_a_rule_file_is_checked_as_well() {
    let folder = folder();
    fs::write(folder.path().join("rules.yml"), "groups: [{name: g, rules: [{record: 'memory_percent', expr: up}]}]")
        .unwrap();
    let path = folder.path().join("monitor.toml");
    fs::write(&path, "rule_files = 'rules.yml'\n").unwrap();
    let error = Config::read(&path).unwrap_err().to_string();
    assert!(error.contains("rules.yml:1: rule `memory_percent`: that is a short name"), "{error}");
}

#[test]
fn secrets_are_in_no_message_and_missing_ones_are_named() {
    let text = "[channels.a]\ntype = 'email'\nsmtp_server = 's'\nusername = 'me@a.example'\npassword = 'planted'\n\
                recipients = ['no address planted?']\n";
    let message = parse(text).unwrap_err();
    assert!(message.contains("no mail address"), "{message}");
    for wrong in
        ["password = ['planted']", "password = 'planted", "password = planted", "url = 5\npassword = 'planted'"]
    {
        let message = parse(&format!("[channels.a]\ntype = 'slack'\n{wrong}\n")).unwrap_err();
        assert!(!message.contains("planted"), "{message}");
    }
    let good = "[channels.a]\ntype = 'slack'\nurl = 'https://planted.example/'\n";
    assert!(!format!("{:?}", parse(good).unwrap()).contains("planted"));

    let folder = folder();
    let path = folder.path().join("monitor.toml");
    fs::write(&path, "[channels.a]\ntype = 'slack'\nurl_env = 'MONITORED_NO_SUCH_VARIABLE'\n").unwrap();
    let error = Config::read(&path).unwrap_err().to_string();
    assert!(error.contains("monitor.toml:3:11: the variable MONITORED_NO_SUCH_VARIABLE is not set"), "{error}");
    assert!(Config::read_without_secrets(&path).is_ok());
}

#[test]
fn a_file_that_is_not_there_or_no_text_is_one_error() {
    let folder = folder();
    let path = folder.path().join("monitor.toml");
    assert!(Config::read(&path).unwrap_err().to_string().contains("monitor.toml: "));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(Config::read(&path).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn no_text_makes_it_panic() {
    let rounds: usize = std::env::var("MONITORED_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let folder = folder();
    let around = Surroundings { folder: folder.path(), has_secrets: false };
    let words =
        ["[[", "]]", "\"", "'''", "=", "{", "}", "\n", "\\u00e9", "é", "-1", "1e999", "[rule]", "\0", "#", "nan"];
    let mut random = Random(0x5eed);
    let mut sound = 0;
    for _ in 0..rounds {
        let mut text = WHOLE.as_bytes().to_vec();
        for _ in 0..=random.below(6) {
            let (at, length) = (random.below(text.len()), random.below(40));
            let end = (at + length).min(text.len());
            match random.below(4) {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..at, words[random.below(words.len())].bytes()).count()),
                2 => text[at] = random.next() as u8,
                _ => {
                    let piece = text[at..end].to_vec();
                    let to = random.below(text.len());
                    text.splice(to..to, piece).for_each(drop);
                }
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        match Config::parse("m.toml", &text, around, &Beside::default()) {
            Ok(_) => sound += 1,
            Err(error) => {
                let shown = error.to_string();
                assert!(shown.lines().all(|line| line.starts_with("m.toml:")), "{shown}");
            }
        }
    }
    assert!(sound < rounds, "mistakes are found");
}
