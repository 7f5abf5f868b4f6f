//! `[[route]]`: which channels are told of which alerts.
//!
//! A rule that names its channels itself has no need of routes. Of the others each alert takes the channels of all routes
//! that are for it; one that no route is for is told through all channels, so that nothing is ever told to nobody by mistake.
//!
//! A route looks at the name of a rule and at the labels of an alert, which are known only when it is told; see
//! [`rule::route`](crate::rule). All that a file can be blamed for is a route that names or labels of the rules exclude.

use std::sync::Arc;

use super::{
    channel::SEVERITIES,
    rule::{Groups, Written, groups},
    table::Table,
    text::Text,
};
use crate::{
    notify::Severity,
    promql::selector,
    rule::{Rule, route::Route},
};

/// A route, with what can be compared only when all of the file is known.
pub(super) struct Read<'a> {
    at: usize,
    /// Nothing if it cannot be told what it is for.
    route: Option<Route>,
    pub(super) channels: Vec<Text<'a>>,
}

/// The route that a table describes.
pub(super) fn route<'a>(table: &Table<'a>) -> Read<'a> {
    let matchers = table.text("match").map_or_else(
        || Some(Vec::new()),
        |text| {
            let wrong = |error: crate::promql::Error| {
                let message =
                    format!("`match` does not say which alerts: {error}; write `high_cpu` or `{{team=\"db\"}}`");
                table.fault(text.place_of(error.position().unwrap_or((1, 1))), message);
            };
            selector(text.value).map_err(wrong).ok()
        },
    );
    let channels = table.texts("channels");
    if channels.is_empty() && !table.has("channels") {
        table.fault(table.at, "[[route]] has no `channels`; add some, such as channels = [\"ops\"]");
    }
    let least = table.choice("min_severity", &SEVERITIES).unwrap_or(Severity::Low);
    let repeat = table.duration("repeat");
    let Groups { by, wait, interval } = groups(table);
    table.finish();
    let route = matchers.map(|matchers| Route {
        matchers,
        channels: channels.iter().map(|text| text.value.to_owned()).collect(),
        least,
        repeat,
        group_by: by.map(|labels| labels.into_iter().map(str::to_owned).collect()),
        group_wait: wait,
        group_interval: interval,
    });
    Read { at: table.at, route, channels }
}

/// Gives the routes to all rules; complains of routes that no alert of them can take.
pub(super) fn lead(routes: Vec<Read<'_>>, rules: &mut [Written<'_>], complain: impl Fn(usize, String)) {
    let is_idle = |route: &Route| !rules.iter().any(|written| route.may_be_for(&written.rule));
    for read in routes.iter().filter(|read| read.route.as_ref().is_some_and(is_idle)) {
        let message = "no alert takes this route; no rule has the name that it asks for, or labels that fit";
        complain(read.at, message.to_owned());
    }
    let routes: Arc<[Route]> = routes.into_iter().filter_map(|read| read.route).collect();
    for written in rules {
        let blank = Rule::new(written.rule.name());
        written.rule = std::mem::replace(&mut written.rule, blank).routed(Arc::clone(&routes));
    }
}
