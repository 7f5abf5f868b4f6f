//! `monitor functions`: how often functions were called, how they ended and how long they took; a table for people, or
//! JSON for programs.
//!
//! What is remarkable about an answer, such as that it is empty or was cut, goes to standard error.

use std::io::{self, BufWriter, Write};

use monitor_sinks::Store;
use serde_json::json;

use crate::{
    activity::{Activity, Function},
    arguments::{Column, Functions},
    colour,
    exit::Exit,
    failure::Failure,
    filter::Filter,
    instant,
    table::{self, Cell, shown},
};

/// The columns of numbers, from left to right.
const NUMBERS: [(Column, &str); 10] = [
    (Column::Calls, "calls"),
    (Column::Rate, "rate/s"),
    (Column::Errors, "errors"),
    (Column::Panicked, "panicked"),
    (Column::Cancelled, "cancelled"),
    (Column::P50, "p50"),
    (Column::P95, "p95"),
    (Column::P99, "p99"),
    (Column::Max, "max"),
    (Column::Share, "share"),
];

/// Asks and prints.
pub(crate) fn run(arguments: &Functions) -> Result<Exit, Failure> {
    let store = Store::open_read_only(&arguments.db)?;
    let mut query = arguments.window.narrow(store.query());
    if let Some(service) = &arguments.service {
        query = query.service(service);
    }
    let mut activity = Activity::read(&query)?;
    let called = activity.functions.len();
    if let Some(filter) = &arguments.filter {
        activity.filter(&Filter::new(filter));
    }
    activity.sort(arguments.sort);
    let remarks = remarks(arguments, &store, &activity, called)?;
    activity.functions.truncate(arguments.limit);
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if arguments.json {
        writeln!(out, "{}", json(&activity))
    } else {
        write_table(&activity, colour::is_wanted(), &mut out)
    };
    // Whoever reads may have seen enough.
    let _ = printed.and_then(|()| out.flush());
    for remark in remarks {
        let _ = writeln!(io::stderr(), "monitor functions: {remark}");
    }
    Ok(Exit::Done)
}

/// What to know about an answer. `called` is how many functions there were before the filter.
fn remarks(arguments: &Functions, store: &Store, activity: &Activity, called: usize) -> Result<Vec<String>, Failure> {
    let mut remarks: Vec<String> =
        activity.warnings.iter().map(|warning| format!("damaged, and missing from the figures: {warning}")).collect();
    let found = activity.functions.len();
    if found > arguments.limit {
        remarks.push(format!("{found} functions were called; print more than {} with --limit", arguments.limit));
    }
    if called == 0 && arguments.window.is_narrow() {
        let newest = store.promql_source().newest()?.map(instant::shown);
        let newest = newest.map_or_else(
            || String::from("the store is empty"),
            |newest| format!("the newest value in the store is of {newest}; leave --last, --from and --to out for all"),
        );
        remarks.push(format!("no function was called in this window; {newest}"));
    } else if called == 0 {
        let db = arguments.db.display();
        remarks.push(format!("no function of {db} was called; `monitor series --db {db}` lists what was recorded"));
    } else if found == 0 {
        let filter = arguments.filter.as_deref().unwrap_or_default();
        remarks.push(format!("none of {called} functions matches {filter:?}; leave --filter out to see all"));
    }
    Ok(remarks)
}

fn json(activity: &Activity) -> serde_json::Value {
    json!({
        "from_seconds": activity.window.map(|(from, _)| instant::seconds(from)),
        "to_seconds": activity.window.map(|(_, to)| instant::seconds(to)),
        "functions": activity.functions.iter().map(Function::json).collect::<Vec<_>>(),
        "warnings": activity.warnings,
    })
}

fn write_table(activity: &Activity, has_colours: bool, out: &mut impl Write) -> io::Result<()> {
    if activity.functions.is_empty() {
        return writeln!(out, "no functions");
    }
    let has_services = activity.has_services();
    let has_types = activity.functions.iter().any(|function| !function.errors_by_type.is_empty());
    let head = ["function"].into_iter().chain(has_services.then_some("service"));
    let head = head.chain(NUMBERS.map(|(_, name)| name)).chain(has_types.then_some("error types"));
    let row = |function: &Function| {
        let mut row = vec![Cell::text(shown(&function.path))];
        row.extend(has_services.then(|| Cell::text(shown(&function.service))));
        let is_red = |column| match column {
            Column::Errors => has_colours && function.errors > 0,
            Column::Panicked => has_colours && function.panicked > 0,
            _ => false,
        };
        row.extend(NUMBERS.map(|(column, _)| Cell::number(function.text(column)).red_if(is_red(column))));
        row.extend(has_types.then(|| Cell::text(shown(&function.error_types()))));
        row
    };
    let rows: Vec<Vec<Cell>> = activity.functions.iter().map(row).collect();
    table::write(&head.map(str::to_owned).collect::<Vec<_>>(), &rows, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(has_colours: bool) -> String {
        let one = Function { path: String::from("a\u{1b}"), calls: 9, errors: 2, ..Function::default() };
        let errors_by_type = [(String::from("Timeout"), 2)].into();
        let two = Function { service: String::from("web"), errors_by_type, ..one.clone() };
        let mut out = Vec::new();
        write_table(&Activity { functions: vec![one, two], ..Activity::default() }, has_colours, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_there_if_they_say_something() {
        let text = table(false);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0][..5], ["function", "service", "calls", "rate/s", "errors"]);
        assert_eq!(lines[3][..5], ["a\\u{1b}", "web", "9", "0", "2"]);
        assert!(text.lines().nth(3).unwrap().ends_with("Timeout 2"), "{text}");
        let mut out = Vec::new();
        let only = Activity { functions: vec![Function::default()], ..Activity::default() };
        write_table(&only, false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("service") && !text.contains("types"), "{text}");
    }

    #[test]
    fn errors_are_red_where_colours_are_wanted_and_nothing_else_is_sent_to_a_terminal() {
        assert!(table(true).contains("\u{1b}[31m     2\u{1b}[0m"));
        assert!(!table(false).contains('\u{1b}'));
    }
}
