//! Promise: alerts are listed, explained, acknowledged and silenced from outside of the program that records them, for people
//! and in JSON.

mod common;

use common::{complaint, monitor, over, printed, store};
use monitor_sinks::{Monitor, rule::Rule};
use serde_json::Value as Json;

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn alerts_are_listed_explained_acknowledged_and_silenced() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("m.db");
    let rule = Rule::new("always").when("vector(20)").above(10.0);
    let monitor = Monitor::builder().service("etl").sqlite(&db).rule(rule).start().unwrap();
    monitor.flush().unwrap();
    let list = |more: &[&str]| printed(&over("alerts", &db, more));
    let listed = json(&list(&["--json"]));
    assert_eq!((&listed["rule"], &listed["state"]), (&Json::from("always"), &Json::from("firing")));
    assert!(list(&[]).contains("firing"));
    let alert = listed["fingerprint"].as_str().unwrap();

    let explained = printed(&over("explain", &db, &[alert]));
    assert!(explained.contains("rule: vector(20) > 10") && explained.contains("the value is 20"), "{explained}");
    assert_eq!(json(&printed(&over("explain", &db, &[alert, "--json"])))["events"][0]["kind"], "fired");

    printed(&over("ack", &db, &["--by", "me", "--for", "2h", alert]));
    let id = json(&printed(&over("silence", &db, &["always", "--for", "1h", "--json"])))["silence"].clone();
    monitor.flush().unwrap();
    let listed = json(&list(&["--json"]));
    assert_eq!((&listed["acknowledged_by"], &listed["silenced_by"]), (&Json::from("me"), &id));
    assert!(list(&[]).contains("firing, acknowledged, silenced"), "{}", list(&[]));
    assert_eq!(json(&printed(&over("unsilence", &db, &[&id.to_string(), "--json"])))["ended"], id);
    assert!(json(&printed(&over("ack", &db, &[alert, "--json"])))["until"].is_string());
    monitor.flush().unwrap();
    assert!(json(&list(&["--json"]))["silenced_by"].is_null());
    monitor.shutdown().unwrap();
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    assert!(printed(&over("alerts", &db, &[])).contains("all is quiet"));
    let nobody = "0".repeat(32);
    for (command, more, wanted) in [
        ("explain", vec![nobody.as_str()], "holds no alert"),
        ("ack", vec![nobody.as_str()], "give its monitor rules first"),
        ("silence", vec!["{host="], "which alerts to silence"),
        ("silence", vec!["high_cpu"], "give its monitor rules first"),
        ("ack", vec!["12"], "32 hexadecimal digits"),
    ] {
        let (code, text) = complaint(&over(command, &db, &more));
        assert!(code == 2 && text.contains(wanted), "{command}: {code} {text}");
    }
    let missing = folder.path().join("no.db");
    assert_eq!(complaint(&monitor(&["alerts", "--db", missing.to_str().unwrap()])).0, 1);
}
