//! `[[route]]`: which channels are told of which rules.
//!
//! A rule that names its channels itself has no need of routes. Of the others each takes the channels of all routes that
//! are for it; one that no route is for is told through all channels, so that nothing is ever told to nobody by mistake.
//!
//! A route looks at what a rule says of itself, its name and its labels. So it is known when the file is read where each
//! rule leads, and a route that leads nowhere is found then.

use std::time::Duration;

use super::{channel::SEVERITIES, rule::Written, table::Table, text::Text};
use crate::{
    notify::Severity,
    promql::{Labels, Matcher, selector},
    rule::Rule,
};

/// A way from rules to channels.
pub(super) struct Route<'a> {
    at: usize,
    /// What it is for; nothing if that cannot be told.
    matchers: Option<Vec<Matcher>>,
    pub(super) channels: Vec<Text<'a>>,
    least: Severity,
    repeat: Option<Duration>,
    group_by: Option<Vec<&'a str>>,
}

/// The route that a table describes.
pub(super) fn route<'a>(table: &Table<'a>) -> Route<'a> {
    let at = table.at;
    let matchers = table.text("match").map_or_else(
        || Some(Vec::new()),
        |text| {
            let wrong = |error: crate::promql::Error| {
                let message =
                    format!("`match` does not say which rules: {error}; write `high_cpu` or `{{team=\"db\"}}`");
                table.fault(text.place_of(error.position().unwrap_or((1, 1))), message);
            };
            selector(text.value).map_err(wrong).ok()
        },
    );
    let channels = table.texts("channels");
    if channels.is_empty() && !table.has("channels") {
        table.fault(at, "[[route]] has no `channels`; add some, such as channels = [\"ops\"]");
    }
    let least = table.choice("min_severity", &SEVERITIES).unwrap_or(Severity::Low);
    let repeat = table.duration("repeat");
    let has_groups = table.has("group_by");
    let group_by = table.texts("group_by").into_iter().map(|text| text.value).collect();
    table.finish();
    Route { at, matchers, channels, least, repeat, group_by: has_groups.then_some(group_by) }
}

impl Route<'_> {
    fn is_for(&self, subject: &Labels) -> bool {
        let matchers = self.matchers.as_ref();
        matchers.is_some_and(|matchers| matchers.iter().all(|matcher| matcher.matches_labels(subject)))
    }
}

/// Leads rules to channels; complains of routes that no rule takes.
pub(super) fn lead(routes: &[Route<'_>], rules: &mut [Written<'_>], complain: impl Fn(usize, String)) {
    let mut is_taken = vec![false; routes.len()];
    for written in rules {
        let subject = subject(&written.rule);
        let is_free = written.channels.is_empty();
        let fitting: Vec<usize> = (0..routes.len()).filter(|place| routes[*place].is_for(&subject)).collect();
        for place in fitting {
            is_taken[place] = true;
            let route = &routes[place];
            let mut rule = written.rule.clone();
            for channel in route.channels.iter().filter(|_| is_free).map(|text| text.value) {
                // Of two routes to one channel the more open one counts.
                let is_new = !rule.channel_names().iter().any(|name| name == channel);
                if is_new || route.least < rule.least_severity_for(channel) {
                    rule = rule.channel_from(route.least, channel);
                }
            }
            if let Some(repeat) = route.repeat.filter(|_| !std::mem::replace(&mut written.repeats, true)) {
                rule = rule.repeat(repeat);
            }
            if let Some(labels) = route.group_by.as_ref().filter(|_| !std::mem::replace(&mut written.groups, true)) {
                rule = rule.group_by(labels.iter().copied());
            }
            written.rule = rule;
        }
    }
    let idle = routes.iter().zip(is_taken).filter(|(route, is_taken)| !is_taken && route.matchers.is_some());
    for (route, _) in idle {
        complain(
            route.at,
            String::from("no rule takes this route; it looks at names and labels that rules give themselves"),
        );
    }
}

/// What routes look at.
fn subject(rule: &Rule) -> Labels {
    let labels = rule.label_templates().iter().map(|(label, value)| (label.as_str(), value.as_str()));
    Labels::new(labels).with("__name__", rule.name())
}
