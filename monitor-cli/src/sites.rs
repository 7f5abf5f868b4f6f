//! `monitor sites`: the functions that are monitored, as far as their series and slow calls tell; or the slow calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufWriter, Write},
};

use monitor_sinks::{Error, Query, SeriesInfo, Store};
use serde_json::{Value as Json, json};

use crate::{
    arguments::Sites,
    exit::Exit,
    failure::Failure,
    filter::Filter,
    instant,
    table::{self, Cell, shown},
};

/// The metrics that a function has in any case: the one is there as soon as it was called, the other while it runs.
const METRICS: [&str; 2] = ["function_calls_total", "function_calls_concurrent"];

/// Labels that are not tags.
const OWN_LABELS: [&str; 4] = ["function", "module", "outcome", "error_type"];

/// How many values of a tag a table shows.
const SHOWN_VALUES: usize = 4;

/// What is known of a function of a service.
#[derive(Debug, Default, PartialEq)]
struct Site {
    tags: BTreeMap<String, BTreeSet<String>>,
    /// Source file and line.
    place: Option<(String, u32)>,
    slow_calls: usize,
}

/// Service, module and function.
type Key = (String, String, String);

/// Asks and prints.
pub(crate) fn run(arguments: &Sites) -> Result<Exit, Failure> {
    if !arguments.slow && arguments.window.is_narrow() {
        let message = "a site has no time: --last, --from and --to go with --slow; functions that were called in a \
                       window are shown by `monitor functions`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let store = Store::open_read_only(&arguments.db)?;
    let mut query = arguments.window.narrow(store.query());
    if let Some(service) = &arguments.service {
        query = query.service(service);
    }
    let filter = Filter::new(arguments.filter.as_deref().unwrap_or_default());
    let (lines, table) = if arguments.slow { slow_calls(&query, &filter)? } else { sites(&query, &filter)? };
    let more = lines.len().saturating_sub(arguments.limit);
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if arguments.json {
        lines.iter().take(arguments.limit).try_for_each(|line| writeln!(out, "{line}"))
    } else {
        table.write(arguments.limit, &mut out)
    };
    // Whoever reads may have seen enough.
    let _ = printed.and_then(|()| out.flush());
    if more > 0 {
        let _ = writeln!(io::stderr(), "monitor sites: there are {more} more; print them with --limit");
    }
    Ok(Exit::Done)
}

/// What is printed for people.
struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// What to say if there are no rows.
    nothing: &'static str,
}

impl Table {
    fn write(&self, limit: usize, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return writeln!(out, "{}", self.nothing);
        }
        let head: Vec<String> = self.head.iter().map(|&name| name.to_owned()).collect();
        table::write(&head, &self.rows[..self.rows.len().min(limit)], out)
    }
}

/// All sites, as JSON and as a table.
fn sites(query: &Query, filter: &Filter) -> Result<(Vec<Json>, Table), Error> {
    let mut sites: BTreeMap<Key, Site> = BTreeMap::new();
    let listed = query.listed()?.into_iter().map(|listed| listed.series);
    for series in listed.filter(|series| METRICS.contains(&series.name.as_str())) {
        add_tags(&mut sites, &series);
    }
    // The newest call comes first: a line of the source that has moved since is not shown.
    for call in query.slow_calls()? {
        let key = (call.service.unwrap_or_default(), call.module, call.function);
        if let Some(site) = sites.get_mut(&key) {
            site.slow_calls += 1;
            site.place.get_or_insert((call.file, call.line));
        }
    }
    sites.retain(|(_, module, function), _| filter.accepts(&path(module, function)));
    let lines = sites.iter().map(|((service, module, function), site)| {
        json!({
            "function": function, "module": module, "service": service, "tags": site.tags,
            "file": site.place.as_ref().map(|(file, _)| file), "line": site.place.as_ref().map(|(_, line)| line),
            "slow_calls": site.slow_calls,
        })
    });
    let row = |((service, module, function), site): (&Key, &Site)| {
        vec![
            Cell::text(shown(&path(module, function))),
            Cell::text(shown(service)),
            Cell::text(shown(&tags_of(site))),
            Cell::text(site.place.as_ref().map(|(file, line)| shown(&format!("{file}:{line}"))).unwrap_or_default()),
            Cell::number(site.slow_calls.to_string()),
        ]
    };
    let head = vec!["function", "service", "tags", "source", "slow calls"];
    Ok((lines.collect(), Table { head, rows: sites.iter().map(row).collect(), nothing: "no sites" }))
}

fn add_tags(sites: &mut BTreeMap<Key, Site>, series: &SeriesInfo) {
    let label = |key: &str| series.labels.get(key).cloned().unwrap_or_default();
    let site = sites.entry((series.service.clone(), label("module"), label("function"))).or_default();
    for (tag, value) in series.labels.iter().filter(|(label, _)| !OWN_LABELS.contains(&label.as_str())) {
        site.tags.entry(tag.clone()).or_default().insert(value.clone());
    }
}

/// Tags with some of their values.
fn tags_of(site: &Site) -> String {
    let tag = |(tag, values): (&String, &BTreeSet<String>)| {
        let some: Vec<&str> = values.iter().take(SHOWN_VALUES).map(String::as_str).collect();
        let more = values.len() - some.len();
        let more = if more > 0 { format!("|+{more}") } else { String::new() };
        format!("{tag}={}{more}", some.join("|"))
    };
    site.tags.iter().map(tag).collect::<Vec<_>>().join(" ")
}

/// Single slow calls, as JSON and as a table.
fn slow_calls(query: &Query, filter: &Filter) -> Result<(Vec<Json>, Table), Error> {
    let calls = query.slow_calls()?.into_iter().filter(|call| filter.accepts(&path(&call.module, &call.function)));
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    for call in calls {
        let tags: BTreeMap<&String, &String> = call.tags.iter().map(|(tag, value)| (tag, value)).collect();
        lines.push(json!({
            "ended_seconds": instant::seconds(call.ended), "seconds": call.duration.as_secs_f64(),
            "outcome": call.outcome, "function": call.function, "module": call.module, "service": call.service,
            "tags": tags, "thread": call.thread, "file": call.file, "line": call.line,
        }));
        let tags: Vec<String> = tags.iter().map(|(tag, value)| format!("{tag}={value}")).collect();
        rows.push(vec![
            Cell::text(instant::shown(call.ended)),
            Cell::number(format!("{:.1?}", call.duration)),
            Cell::text(shown(&call.outcome)),
            Cell::text(shown(&path(&call.module, &call.function))),
            Cell::text(shown(call.service.as_deref().unwrap_or_default())),
            Cell::text(shown(&tags.join(" "))),
            Cell::text(shown(&call.thread)),
            Cell::text(shown(&format!("{}:{}", call.file, call.line))),
        ]);
    }
    let head = vec!["ended", "took", "outcome", "function", "service", "tags", "thread", "source"];
    Ok((lines, Table { head, rows, nothing: "no slow calls" }))
}

fn path(module: &str, function: &str) -> String {
    if module.is_empty() { function.to_owned() } else { format!("{module}::{function}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_shown_with_some_of_their_values() {
        let values = ["a", "b", "c", "d", "e", "f"].map(String::from);
        let tags = [(String::from("stage"), [String::from("load")].into()), (String::from("table"), values.into())];
        let site = Site { tags: tags.into(), ..Site::default() };
        assert_eq!(tags_of(&site), "stage=load table=a|b|c|d|+2");
    }
}
