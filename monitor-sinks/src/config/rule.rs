//! `[[rule]]`: alert rules, in fields, with as much of them in the line of `expr` as its writer likes.

use std::time::Duration;

use super::{channel::SEVERITIES, fault::hint, table::Table, text::Text};
use crate::{
    promql::syntax::parse,
    rule::{Comparison, Condition, Level, Missing, Rule, Template},
};

/// The keys of thresholds.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("above", Comparison::Above),
    ("at_least", Comparison::AtLeast),
    ("below", Comparison::Below),
    ("at_most", Comparison::AtMost),
    ("equal_to", Comparison::Equal),
    ("not_equal_to", Comparison::NotEqual),
];

const MISSING: [(&str, Missing); 4] =
    [("keep", Missing::Keep), ("resolve", Missing::Resolve), ("fire", Missing::Fire), ("ignore", Missing::Ignore)];

/// A rule of the file, with what can be compared only when all of the file is known.
pub(super) struct Written<'a> {
    pub(super) rule: Rule,
    pub(super) at: usize,
    pub(super) channels: Vec<Text<'a>>,
    pub(super) depends_on: Vec<Text<'a>>,
}

/// The rule that a table describes.
pub(super) fn rule(mut table: Table<'_>) -> Option<Written<'_>> {
    let name = table.needed_text("name", "\"high_cpu\"");
    if let Some(name) = name {
        table.name = format!("rule `{}`", name.value);
    }
    let at = name.map_or(table.at, |name| name.at);
    let expr = table.needed_text("expr", "\"cpu_percent_total > 80\"");
    let levels = levels(&table);
    let severity = table.choice("severity", &SEVERITIES);
    let blank = Rule::new(name.map_or("unnamed", |name| name.value));
    let rule = expr.map(|expr| condition(&table, blank.clone(), expr, levels));
    let mut rule = rule.flatten();
    if let (Some(severity), Some(read)) = (severity, &rule) {
        if let Condition::Levels(levels) = read.condition()
            && levels.len() > 1
        {
            let message = "several thresholds cannot share one severity; say it in each";
            table.fault(table.place("severity"), message);
        }
        rule = rule.map(|rule| rule.severity(severity));
    }
    let rule = times(&table, rule.unwrap_or(blank));
    let rule = texts(&table, rule);
    let written = Written { rule, at, channels: table.texts("channels"), depends_on: table.texts("depends_on") };
    let mut rule = written.rule;
    for text in &written.depends_on {
        rule = rule.depends_on(text.value);
    }
    rule = rule.channels(written.channels.iter().map(|text| text.value));
    table.finish();
    (name.is_some() && expr.is_some()).then_some(Written { rule, ..written })
}

/// When the rule holds: by the line of `expr` alone, or by thresholds in fields.
fn condition(table: &Table<'_>, rule: Rule, expr: Text<'_>, levels: Vec<Level>) -> Option<Rule> {
    if levels.is_empty() {
        let read = rule.taking(expr.value);
        return read.map_err(|(at, message)| table.fault(expr.place(at), format!("`expr`: {message}"))).ok();
    }
    is_promql(table, expr).then(|| levels.into_iter().fold(rule.when(expr.value), Rule::level))
}

/// Whether a text is an expression; complains at its place if not.
pub(super) fn is_promql(table: &Table<'_>, expr: Text<'_>) -> bool {
    let Err(error) = parse(expr.value) else { return true };
    let message = error.to_string();
    let place = error.position().unwrap_or((1, 1));
    let plain = message.strip_prefix(&format!("{}:{}: ", place.0, place.1)).unwrap_or(&message);
    table.fault(expr.place_of(place), format!("`expr`: {plain}"));
    false
}

/// The thresholds that stand in fields: one in those of the rule, or several in `levels`.
fn levels(table: &Table<'_>) -> Vec<Level> {
    let own = level(table);
    let several = table.tables("levels");
    if let (Some(_), Some(first)) = (&own, several.first()) {
        table.fault(first.at, format!("{} has a threshold and `levels`; move the threshold into them", table.name));
    }
    let of_table = |mut inner: Table<'_>| {
        inner.name = format!("a level of {}", table.name);
        let (severity, found) = (inner.choice("severity", &SEVERITIES), level(&inner));
        if found.is_none() && !COMPARISONS.iter().any(|(key, _)| inner.has(key)) {
            inner.fault(inner.at, format!("{} has no threshold; add one, such as above = 80", inner.name));
        }
        inner.finish();
        found.map(|level| Level { severity: severity.unwrap_or_default(), ..level })
    };
    own.into_iter().chain(several.into_iter().filter_map(of_table)).collect()
}

/// The threshold of a table.
fn level(table: &Table<'_>) -> Option<Level> {
    let given = COMPARISONS.iter().filter_map(|(key, comparison)| Some((*key, *comparison, table.number(key)?)));
    let given: Vec<_> = given.collect();
    let clear = table.number("clear");
    if let [_, (key, ..), ..] = given[..] {
        table.fault(table.place(key), format!("{} has two thresholds; write several in `levels`", table.name));
    }
    let Some((_, comparison, threshold)) = given.first().copied() else {
        if clear.is_some() {
            table.fault(table.place("clear"), "`clear` goes with a threshold in a field, such as above = 80");
        }
        return None;
    };
    Some(Level { clear, ..Level::new(crate::notify::Severity::default(), comparison, threshold) })
}

/// How long what must hold, and what becomes of missing values.
fn times(table: &Table<'_>, mut rule: Rule) -> Rule {
    let once = |key: &'static str, said: Duration| {
        let given = table.duration(key)?;
        if !said.is_zero() {
            table.fault(table.place(key), format!("`{key}` is in `expr` as well; say it once"));
        }
        Some(given)
    };
    let (held, kept) = (once("for", rule.held_for_time()), once("keep", rule.keep_firing_time()));
    rule = held.into_iter().fold(rule, Rule::held_for);
    rule = kept.into_iter().fold(rule, Rule::keep_firing);
    rule = table.choice("missing", &MISSING).into_iter().fold(rule, Rule::missing);
    rule = table.duration("repeat").into_iter().fold(rule, Rule::repeat);
    match (table.number("min_coverage"), table.duration("sample_every")) {
        (Some(share), Some(every)) => rule = rule.min_coverage(share, every),
        (Some(_), None) if !table.has("sample_every") => {
            let place = table.place("min_coverage");
            table.fault(place, "`min_coverage` needs `sample_every`, how far apart samples are, such as \"10s\"");
        }
        (None, Some(_)) if !table.has("min_coverage") => {
            table.fault(table.place("sample_every"), "`sample_every` goes with `min_coverage`, such as 0.5");
        }
        _ => {}
    }
    if table.flag("alert_on_no_data") == Some(true) { rule.alert_on_no_data() } else { rule }
}

/// Labels, texts and groups.
fn texts(table: &Table<'_>, mut rule: Rule) -> Rule {
    let is_template = |name: &str, text: &Text<'_>| {
        let read = Template::new(text.value);
        read.map_err(|message| table.fault(text.at, format!("the template of `{name}`: {message}"))).is_ok()
    };
    for (name, text) in table.named_texts("labels") {
        if is_template(name, &text) {
            rule = rule.label(name, text.value);
        }
    }
    for (name, text) in table.named_texts("annotations") {
        if is_template(name, &text) {
            rule = rule.annotation(name, text.value);
        }
    }
    let groups = groups(table);
    rule = groups.by.into_iter().fold(rule, Rule::group_by);
    rule = groups.wait.into_iter().fold(rule, Rule::group_wait);
    groups.interval.into_iter().fold(rule, Rule::group_interval)
}

/// What is told together.
pub(super) struct Groups<'a> {
    pub(super) by: Option<Vec<&'a str>>,
    pub(super) wait: Option<Duration>,
    pub(super) interval: Option<Duration>,
}

/// The keys of groups, of a rule or a route.
pub(super) fn groups<'a>(table: &Table<'a>) -> Groups<'a> {
    let has_groups = table.has("group_by");
    let by = table.texts("group_by").into_iter().map(|text| text.value).collect();
    let time = |key| {
        let time = table.duration_in(key, Duration::ZERO..=Duration::from_hours(1))?;
        if !has_groups {
            table.fault(table.place(key), format!("`{key}` goes with `group_by`, such as group_by = [\"host\"]"));
        }
        Some(time).filter(|_| has_groups)
    };
    Groups { by: has_groups.then_some(by), wait: time("group_wait"), interval: time("group_interval") }
}

/// Complains of what is not among the names that there are.
pub(super) fn known(complain: impl Fn(usize, String), what: &str, texts: &[Text<'_>], names: &[String]) {
    for text in texts.iter().filter(|text| !names.iter().any(|name| name == text.value)) {
        let hint = hint(text.value, names.iter().map(String::as_str));
        complain(text.at, format!("there is no {what} `{}`{hint}", text.value));
    }
}
