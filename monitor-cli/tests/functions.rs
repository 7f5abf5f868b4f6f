//! Promise: `monitor functions` shows what functions did in a window, sorted and filtered; `monitor sites` where they are.

mod common;

use std::{path::Path, time::Duration};

use common::{add_slow_call, complaint, over, printed, store};
use monitored::{Monitor, monitored};
use serde_json::{Value as Json, json};

/// The lines of a table, as words.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

/// The functions of an answer in JSON, by name.
fn names(db: &Path, arguments: &[&str]) -> Vec<String> {
    let answer: Json =
        serde_json::from_str(&printed(&over("functions", db, &[arguments, &["--json"]].concat()))).unwrap();
    let functions = answer["functions"].as_array().unwrap().iter();
    functions.map(|function| function["function"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn people_get_a_table_of_calls_errors_times_and_shares() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let text = printed(&over("functions", &db, &["--from", "1700000000", "--to", "1700000120"]));
    let lines = words(&text);
    let head = ["function", "service", "calls", "rate/s", "errors", "panicked", "cancelled", "p50", "p95", "p99"];
    assert_eq!(lines[0][..10], head, "{text}");
    // 600 calls in two minutes are 5 a second.
    assert_eq!(lines[2][..7], ["app::etl::parse", "etl", "600", "5.0", "30", "0", "0"], "{text}");
    assert_eq!(lines[2][7..], ["-", "-", "-", "-", "0.0%", "Timeout", "30"], "{text}");
    assert_eq!(lines[3][..9], ["app::web::load", "web", "60", "0.500", "0", "0", "0", "-", "-"], "{text}");
    assert!(!text.contains('\u{1b}'), "no colours where no terminal is");
}

#[test]
fn programs_get_the_same_in_base_units() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let window = ["--from", "1700000000", "--to", "1700000120", "--limit", "1", "--json"];
    let answer: Json = serde_json::from_str(&printed(&over("functions", &db, &window))).unwrap();
    assert_eq!((&answer["from_seconds"], &answer["to_seconds"]), (&json!(1_700_000_000.0), &json!(1_700_000_120.0)));
    let parse = &answer["functions"][0];
    let counts = ["calls", "errors", "panicked", "cancelled", "in_flight"].map(|key| parse[key].as_u64().unwrap());
    assert_eq!(counts, [600, 30, 0, 0, 0]);
    assert_eq!(parse["errors_by_type"], json!({"Timeout": 30}));
    assert_eq!((&parse["rate"], &parse["p99_seconds"]), (&json!(5.0), &Json::Null));
}

#[monitored(tags(stage = "read"), slow = "2ms")]
fn slowly() {
    std::thread::sleep(Duration::from_millis(5));
}

#[monitored]
fn quickly() {}

#[test]
fn durations_shares_and_sources_are_those_of_the_calls() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("m.db");
    let monitor = Monitor::builder().service("test").sqlite(&db).start().unwrap();
    (0..4).for_each(|_| slowly());
    (0..20).for_each(|_| quickly());
    monitor.shutdown().unwrap();

    let answer: Json = serde_json::from_str(&printed(&over("functions", &db, &["--json", "--last", "1h"]))).unwrap();
    let [slow, quick] = [0, 1].map(|place| &answer["functions"][place]);
    assert_eq!(
        (&slow["function"], &slow["calls"], &quick["calls"]),
        (&json!("functions::slowly"), &json!(4), &json!(20))
    );
    let seconds = ["p50_seconds", "p95_seconds", "p99_seconds", "max_seconds"].map(|key| slow[key].as_f64().unwrap());
    assert!(seconds.is_sorted() && seconds[0] >= 0.005 * 0.984, "{slow}");
    let shares = [slow, quick].map(|function| function["share"].as_f64().unwrap());
    assert!(shares[0] > shares[1] && (shares[0] + shares[1] - 1.0).abs() < 1e-9, "{shares:?}");
    assert!(slow["total_seconds"].as_f64().unwrap() >= 0.02 * 0.984, "{slow}");

    let text = printed(&over("series", &db, &["function_calls_duration_seconds{function=\"slowly\"}"]));
    assert!(text.contains("timer  seconds  ") && text.contains("4 values, mean "), "{text}");
    let site: Json = serde_json::from_str(&printed(&over("sites", &db, &["--json", "--filter", "slowly"]))).unwrap();
    assert!(site["file"].as_str().unwrap().ends_with("functions.rs") && site["slow_calls"] == 4, "{site}");
    assert_eq!(printed(&over("sites", &db, &["--slow"])).lines().count(), 2 + 4);
    let text = printed(&over("top", &db, &["--once"]));
    assert!(text.lines().nth(2).unwrap().starts_with("functions::slowly "), "{text}");
}

#[test]
fn it_is_sorted_filtered_and_cut_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    assert_eq!(names(&db, &["--sort", "calls"]), ["app::etl::parse", "app::web::load"]);
    assert_eq!(names(&db, &["--sort", "function", "--filter", "APP"]), ["app::etl::parse", "app::web::load"]);
    assert_eq!(names(&db, &["--filter", "lo?d"]), ["app::web::load"]);
    assert_eq!(names(&db, &["--service", "etl"]), ["app::etl::parse"]);
    let cut = over("functions", &db, &["--limit", "1"]);
    assert_eq!(printed(&cut).lines().count(), 3);
    assert_eq!(complaint(&cut).1, "monitor functions: 2 functions were called; print more than 1 with --limit\n");
}

#[test]
fn nothing_is_said_to_be_nothing_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let output = over("functions", &db, &["--last", "1h"]);
    assert_eq!(printed(&output), "no functions\n");
    assert!(complaint(&output).1.contains("the newest value in the store is of 2023-11-14T22:15:20Z"), "{output:?}");
    let output = over("functions", &db, &["--filter", "zzz", "--json"]);
    assert!(complaint(&output).1.contains("none of 2 functions matches \"zzz\""), "{output:?}");
    let (code, said) = complaint(&over("functions", &db, &["--service", "elt"]));
    assert!(code == 2 && said.contains("`elt`") && said.contains("`etl`") && said.lines().count() == 1, "{said}");
    let (code, said) = complaint(&over("functions", &db, &["--from", "now", "--to", "1h"]));
    assert!(code == 2 && said.contains("earlier time first"), "{said}");
}

#[test]
fn sites_are_listed_with_tags_and_with_sources_where_a_slow_call_told() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    add_slow_call(&db, 7);
    add_slow_call(&db, 9);
    let text = printed(&over("sites", &db, &[]));
    let lines = words(&text);
    assert_eq!(lines[0], ["function", "service", "tags", "source", "slow", "calls"]);
    assert_eq!(lines[2], ["app::etl::parse", "etl", "stage=read", "src/etl.rs:9", "2"]);
    assert_eq!(lines[3], ["app::web::load", "web", "0"]);
    let text = printed(&over("sites", &db, &["--json", "--filter", "parse"]));
    let site: Json = serde_json::from_str(&text).unwrap();
    let wanted = json!({
        "function": "parse", "module": "app::etl", "service": "etl", "tags": {"stage": ["read"]}, "file": "src/etl.rs",
        "line": 9, "slow_calls": 2,
    });
    assert_eq!(site, wanted);
}

#[test]
fn slow_calls_are_listed_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    assert_eq!(printed(&over("sites", &db, &["--slow"])), "no slow calls\n");
    add_slow_call(&db, 7);
    let text = printed(&over("sites", &db, &["--slow"]));
    let call =
        ["2023-11-14T22:15:00Z", "250.0ms", "error", "app::etl::parse", "etl", "stage=read", "worker", "src/etl.rs:7"];
    assert_eq!(words(&text)[2], call);
    let call: Json = serde_json::from_str(&printed(&over("sites", &db, &["--slow", "--json"]))).unwrap();
    assert_eq!((&call["seconds"], &call["tags"]), (&json!(0.25), &json!({"stage": "read"})));
    assert_eq!(printed(&over("sites", &db, &["--slow", "--to", "1700000050"])), "no slow calls\n");
    let (code, said) = complaint(&over("sites", &db, &["--last", "1h"]));
    assert!(code == 2 && said.contains("--slow"), "{said}");
}
