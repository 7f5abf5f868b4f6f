//! YAML into groups of rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    time::Duration,
};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::go::from_go;
use crate::{
    error::Error,
    notify::Severity,
    promql::syntax::parse_duration,
    rule::{Entry, Group, Recording, Rule},
};

/// Reads a rule file of Prometheus. `file` is how messages call it.
///
/// Alerts get the severity that their label `severity` names: low, medium, high and critical, and by custom `info` (low),
/// `warning` (medium), `error` (high) and `page` (critical); medium else. Where two alerts of a file have one name, which
/// Prometheus allows, the later ones are numbered, and keep the name as their label `alertname`.
///
/// # Errors
///
/// If the text is not YAML or no rule file, or something in it cannot be had here, such as a limit or a condition in a
/// template. The message has the line.
///
/// # Examples
///
/// ```
/// use monitor_sinks::rule::prometheus;
///
/// let text = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 5m\n    labels: {severity: page}\n";
/// assert_eq!(prometheus::read("rules.yml", text)?[0].entries.len(), 1);
/// let error = prometheus::read("rules.yml", &text.replace("up ==", "up =")).unwrap_err();
/// assert!(error.to_string().starts_with("rules.yml:5: "), "{error}");
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
pub fn read(file: &str, text: &str) -> Result<Vec<Group>, Error> {
    let parsed: File = serde_saphyr::from_str(text).map_err(|error| yaml_error(file, &error))?;
    let mut reader = Reader { file, names: BTreeSet::new() };
    parsed.groups.unwrap_or_default().into_iter().map(|group| reader.group(group)).collect()
}

/// A failure to read YAML, on one line.
pub(in crate::rule) fn yaml_error(file: &str, error: &serde_saphyr::Error) -> Error {
    let line = error.location().map_or(1, |location| location.line());
    let message = error.without_snippet().to_string();
    Error::setting(format!("{file}:{line}: {}", message.lines().next().unwrap_or_default()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    groups: Option<Vec<GroupText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupText {
    name: Spanned<String>,
    interval: Option<Spanned<String>>,
    limit: Option<Spanned<u64>>,
    query_offset: Option<Spanned<String>>,
    #[serde(default)]
    labels: BTreeMap<String, Spanned<String>>,
    rules: Option<Vec<Spanned<RuleText>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    record: Option<Spanned<String>>,
    alert: Option<Spanned<String>>,
    expr: Spanned<String>,
    #[serde(rename = "for")]
    held_for: Option<Spanned<String>>,
    keep_firing_for: Option<Spanned<String>>,
    #[serde(default)]
    labels: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    annotations: BTreeMap<String, Spanned<String>>,
}

struct Reader<'a> {
    file: &'a str,
    /// The names of alerts so far.
    names: BTreeSet<String>,
}

impl Reader<'_> {
    fn group(&mut self, text: GroupText) -> Result<Group, Error> {
        if let Some(limit) = text.limit.filter(|limit| limit.value > 0) {
            return Err(self.wrong(
                &limit,
                "a limit drops the alerts that are known together with the new ones; leave it out, the number of alerts of a \
                 rule is bounded anyway",
            ));
        }
        if let Some(offset) = text.query_offset {
            return Err(self.wrong(&offset, "query_offset is not known; write `offset` into the expressions"));
        }
        let mut group = Group::new(text.name.value.clone());
        group.interval = text.interval.map(|interval| self.duration(&interval)).transpose()?;
        for rule in text.rules.unwrap_or_default() {
            group.entries.push(self.entry(&rule, &text.labels)?);
        }
        Ok(group)
    }

    fn entry(&mut self, text: &Spanned<RuleText>, shared: &BTreeMap<String, Spanned<String>>) -> Result<Entry, Error> {
        let rule = &text.value;
        let mut labels = shared.iter().collect::<BTreeMap<_, _>>();
        labels.extend(&rule.labels);
        match (&rule.record, &rule.alert) {
            (Some(record), None) => {
                let not_for_records = rule.held_for.as_ref().or(rule.keep_firing_for.as_ref());
                if let Some(extra) = not_for_records.or(rule.annotations.values().next()) {
                    return Err(self.wrong(extra, "a rule that records has no `for` and no annotations"));
                }
                let labels = labels.into_iter().map(|(label, value)| (label.clone(), value.value.clone())).collect();
                let recording = Recording { labels, ..Recording::new(record.value.clone(), &rule.expr.value) };
                recording.check().map_err(|error| self.wrong(&rule.expr, error))?;
                Ok(Entry::Record(recording))
            }
            (None, Some(alert)) => self.alert(alert, rule, &labels),
            _ => Err(self.wrong(text, "a rule has either `alert` or `record`")),
        }
    }

    fn alert(
        &mut self,
        alert: &Spanned<String>,
        text: &RuleText,
        labels: &BTreeMap<&String, &Spanned<String>>,
    ) -> Result<Entry, Error> {
        let unique = self.unique(&alert.value);
        let mut rule = Rule::new(&unique).when(&text.expr.value);
        if unique != alert.value {
            rule = rule.label("alertname", &alert.value);
        }
        if let Some(severity) = labels.get(&String::from("severity")) {
            rule = rule.severity(severity_of(&severity.value));
        }
        if let Some(held_for) = &text.held_for {
            rule = rule.held_for(self.duration(held_for)?);
        }
        if let Some(keep) = &text.keep_firing_for {
            rule = rule.keep_firing(self.duration(keep)?);
        }
        for (label, value) in labels {
            rule = rule.label(*label, self.template(value)?);
        }
        for (name, value) in &text.annotations {
            rule = rule.annotation(name, self.template(value)?);
        }
        rule.check().map_err(|error| self.wrong(&text.expr, error))?;
        Ok(Entry::Alert(Box::new(rule)))
    }

    /// A name that no alert before has.
    fn unique(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(free.clone());
        free
    }

    fn template(&self, text: &Spanned<String>) -> Result<String, Error> {
        from_go(&text.value).map_err(|message| self.wrong(text, message))
    }

    fn duration(&self, text: &Spanned<String>) -> Result<Duration, Error> {
        duration_of(&text.value)
            .ok_or_else(|| self.wrong(text, format!("`{}` is not a time; write it such as `1h30m`", text.value)))
    }

    fn wrong<T>(&self, place: &Spanned<T>, message: impl Display) -> Error {
        Error::setting(format!("{}:{}: {message}", self.file, place.referenced.line()))
    }
}

/// A length of time as Prometheus writes it.
pub(in crate::rule) fn duration_of(text: &str) -> Option<Duration> {
    let millis = if text == "0" { Some(0) } else { parse_duration(text) };
    millis.map(|millis| Duration::from_millis(millis.unsigned_abs()))
}

fn severity_of(text: &str) -> Severity {
    match text.to_ascii_lowercase().as_str() {
        "info" | "none" => Severity::Low,
        "error" => Severity::High,
        "page" => Severity::Critical,
        text => text.parse().unwrap_or_default(),
    }
}
