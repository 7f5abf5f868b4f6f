//! Promise: `monitor series` lists what a store has, by selectors of PromQL, with the newest values.

mod common;

use common::{complaint, over, printed, store};
use serde_json::{Value as Json, json};

#[test]
fn all_series_are_listed_with_kind_unit_times_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed(&over("series", &store(folder.path()), &[]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["kind", "unit", "since", "newest", "value", "series"]);
    assert_eq!(lines.len(), 2 + 4, "{text}");
    let calls = "function_calls_total{function=\"load\", module=\"app::web\", outcome=\"ok\", service=\"web\"}";
    let line = lines.iter().find(|line| line.ends_with(calls)).unwrap();
    assert!(line.starts_with("counter ") && line.contains(" 2023-11-14T22:15:20Z ") && line.contains(" 60 "), "{line}");
}

#[test]
fn a_selector_narrows_by_name_label_and_service() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    let output =
        over("series", &db, &["--json", "{service=~\"et.\",outcome!=\"ok\",__name__=\"function_calls_total\"}"]);
    let mut found: Json = serde_json::from_str(&printed(&output)).unwrap();
    assert!(found["since_seconds"].take().as_f64().unwrap() > 1.7e9);
    let labels = json!({"function": "parse", "module": "app::etl", "outcome": "error", "stage": "read"});
    let newest = json!({"value": 30.0, "is_current": found["newest"]["is_current"]});
    let wanted = json!({
        "name": "function_calls_total", "kind": "counter", "unit": "", "service": "etl", "labels": labels,
        "since_seconds": null, "newest_seconds": 1_700_000_120.0, "newest": newest,
    });
    assert_eq!(found, wanted);
    let cut = over("series", &db, &["--limit", "2", "--json"]);
    assert_eq!(printed(&cut).lines().count(), 2);
    assert_eq!(complaint(&cut).1, "monitor series: there are 2 more; print them with --limit\n");
    assert_eq!(printed(&over("series", &db, &["function_calls_total{function=\"none\"}"])), "no series\n");
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let db = store(folder.path());
    for (selector, said) in [
        ("function_cals_total", "1:1: there is no metric `function_cals_total`; did you mean `function_calls_total`?"),
        ("rate(function_calls_total[5m])", "1:1: expected a selector"),
        ("{function=\"a\"", "1:"),
        ("", "1:1"),
    ] {
        let (code, complained) = complaint(&over("series", &db, &[selector]));
        assert!(code == 2 && complained.contains(said) && complained.lines().count() == 1, "{selector}: {complained}");
    }
}
