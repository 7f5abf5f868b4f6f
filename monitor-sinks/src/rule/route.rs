//! Where an alert leads: which channels are told of it, how often, and together with what.
//!
//! A rule may say all of that itself. What it leaves open is up to routes, as files have them. They look at all labels of an
//! alert, those of its series as well as those that its rule gives it, so that alerts of one rule may lead to different
//! people. So where one leads is known when it is told, and not before.

use std::{collections::BTreeMap, time::Duration};

use super::{model::Rule, template::Facts};
use crate::{
    notify::{Severity, outbox::Company},
    promql::{Labels, Matcher},
};

/// A way from alerts to channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    /// Which alerts it is for; the name of the rule is the label `__name__`.
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) channels: Vec<String>,
    /// From which severity on these channels are told.
    pub(crate) least: Severity,
    pub(crate) repeat: Option<Duration>,
    pub(crate) group_by: Option<Vec<String>>,
    pub(crate) group_wait: Option<Duration>,
    pub(crate) group_interval: Option<Duration>,
}

/// How an alert is told.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    /// The channels, each with the least severity that it is told of; all channels if there are none.
    channels: Vec<(&'a str, Severity)>,
    /// How long it takes until an alert that goes on is told again.
    pub(super) repeat: Duration,
    pub(super) grouping: Option<Grouping<'a>>,
}

/// What is told together, and how long it waits for that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grouping<'a> {
    /// The rule whose alerts these are; alerts of all rules if it is a route that groups them.
    rule: Option<&'a str>,
    labels: &'a [String],
    wait: Duration,
    interval: Duration,
}

/// Alerts are not kept back for longer for the sake of others.
pub(super) const LONGEST_GROUP_TIME: Duration = Duration::from_hours(1);
/// How long the first alert of a group waits for others, and how long others wait after it.
const WAIT: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_mins(1);

impl Route {
    /// Whether alerts of a rule may take it. The labels of series are not known beforehand, nor what templates make.
    pub(crate) fn may_be_for(&self, rule: &Rule) -> bool {
        self.matchers.iter().all(|matcher| {
            let given = rule.label_templates().get(matcher.label()).map(String::as_str);
            let named = matches!(matcher.label(), "__name__" | "alertname").then_some(rule.name());
            given.or(named).is_none_or(|text| text.contains('{') || matcher.matches(text))
        })
    }

    fn grouping(&self) -> Option<Grouping<'_>> {
        self.group_by.as_ref().map(|labels| Grouping::new(None, labels, self.group_wait, self.group_interval))
    }
}

impl Rule {
    /// The places of the routes that an alert takes, by the labels of its series.
    pub(crate) fn routes_of(&self, labels: &Labels, severity: Severity, value: Option<f64>) -> Vec<usize> {
        if self.routes().is_empty() {
            return Vec::new();
        }
        let (labels, _) = Facts::new(self, severity, value, labels).labels();
        let subject = labels.with("__name__", self.name());
        let is_for = |route: &Route| route.matchers.iter().all(|matcher| matcher.matches_labels(&subject));
        (0..).zip(self.routes()).filter(|(_, route)| is_for(route)).map(|(place, _)| place).collect()
    }
}

impl<'a> Way<'a> {
    /// The way of an alert that takes these routes of its rule.
    pub(super) fn new(rule: &'a Rule, taken: &[usize]) -> Self {
        let routes = || taken.iter().filter_map(|place| rule.routes().get(*place));
        let own = rule.channel_names().iter();
        let mut channels: Vec<_> = own.map(|name| (name.as_str(), rule.least_severity_for(name))).collect();
        if channels.is_empty() {
            for (route, name) in routes().flat_map(|route| route.channels.iter().map(move |name| (route, name))) {
                // Of two routes to one channel the more open one counts.
                match channels.iter_mut().find(|(known, _)| known == name) {
                    Some((_, least)) => *least = route.least.min(*least),
                    None => channels.push((name, route.least)),
                }
            }
        }
        let repeat = rule.repeat_as_given().or_else(|| routes().find_map(|route| route.repeat));
        let grouping = rule.grouping().or_else(|| routes().find_map(Route::grouping));
        Self { channels, repeat: repeat.unwrap_or(rule.repeat_interval()), grouping }
    }

    /// The way of what is to be said of the rule itself: that of any of its alerts.
    pub(super) fn of_rule(rule: &'a Rule) -> Self {
        let places = (0..).zip(rule.routes()).filter(|(_, route)| route.may_be_for(rule)).map(|(place, _)| place);
        let mut way = Self::new(rule, &places.collect::<Vec<_>>());
        way.channels.iter_mut().for_each(|(_, least)| *least = Severity::Low);
        way
    }

    /// The same way, to all channels.
    pub(super) fn opened(self) -> Self {
        Self { channels: Vec::new(), ..self }
    }

    /// Whether a channel is told of an alert that is so urgent.
    pub(super) fn leads_to(&self, channel: &str, severity: Severity) -> bool {
        let is_meant = |(name, least): &(&str, Severity)| *name == channel && severity >= *least;
        self.channels.is_empty() || self.channels.iter().any(is_meant)
    }
}

impl<'a> Grouping<'a> {
    pub(super) fn new(
        rule: Option<&'a str>,
        labels: &'a [String],
        wait: Option<Duration>,
        interval: Option<Duration>,
    ) -> Self {
        Self { rule, labels, wait: wait.unwrap_or(WAIT), interval: interval.unwrap_or(INTERVAL) }
    }

    /// The name of the group of an alert with these labels: `disk_full{host="h1"}`.
    pub(super) fn name(&self, labels: &BTreeMap<String, String>) -> String {
        let values = self.labels.iter().map(|label| (label, labels.get(label).map_or("", String::as_str)));
        let values = Labels::new(values);
        match self.rule {
            Some(rule) if values.is_empty() => rule.to_owned(),
            rule => format!("{}{values}", rule.unwrap_or_default()),
        }
    }

    /// How long it is waited for the others.
    pub(super) fn company(&self) -> Company {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Company { wait_ms: millis(self.wait), interval_ms: millis(self.interval) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::promql::selector;

    fn route(matchers: &str, channels: &[&str], least: Severity) -> Route {
        let channels = channels.iter().map(|name| (*name).to_owned()).collect();
        let matchers = if matchers.is_empty() { Vec::new() } else { selector(matchers).unwrap() };
        Route { matchers, channels, least, repeat: None, group_by: None, group_wait: None, group_interval: None }
    }

    /// Who is told of an alert of the severity high, of `mail`, `chat` and `pager`.
    fn told(rule: &Rule, labels: &[(&str, &str)]) -> Vec<&'static str> {
        let taken = rule.routes_of(&Labels::new(labels.iter().copied()), Severity::High, Some(1.0));
        let way = Way::new(rule, &taken);
        ["mail", "chat", "pager"].into_iter().filter(|channel| way.leads_to(channel, Severity::High)).collect()
    }

    #[test]
    fn an_alert_takes_the_routes_that_fit_its_labels_and_those_of_its_rule() {
        let routes: Arc<[Route]> = Arc::new([
            route("{host=~\"db.*\"}", &["mail"], Severity::Low),
            route("{team=\"shop\"}", &["chat"], Severity::Low),
            route("full{disk=\"sda\"}", &["pager"], Severity::Critical),
            route("{alertname=\"full\", disk=\"sdb\"}", &["pager"], Severity::High),
        ]);
        let rule = || Rule::new("full").when("full").above(1.0).routed(Arc::clone(&routes));
        assert_eq!(told(&rule(), &[("host", "db1")]), ["mail"]);
        assert_eq!(told(&rule().label("team", "shop"), &[("host", "db1")]), ["mail", "chat"]);
        assert_eq!(told(&rule().label("team", "{{ labels.host }}"), &[("host", "shop")]), ["chat"]);
        // The route to the pager is for what is worse.
        assert_eq!(told(&rule(), &[("disk", "sda")]), [""; 0]);
        assert_eq!(told(&rule(), &[("disk", "sdb")]), ["pager"]);
        // No route is for it: everybody is told.
        assert_eq!(told(&rule(), &[("host", "web1")]), ["mail", "chat", "pager"]);
        // A rule that names its channels needs no route.
        assert_eq!(told(&rule().channels(["chat"]), &[("host", "db1")]), ["chat"]);
    }

    #[test]
    fn it_is_known_beforehand_that_a_route_is_for_no_alert_of_a_rule_only_if_names_or_given_labels_say_so() {
        let rule = Rule::new("full").when("full").above(1.0).label("team", "shop").label("where", "{{ labels.host }}");
        for (matchers, may) in [
            ("full", true),
            ("other", false),
            ("{alertname=\"other\"}", false),
            ("{team=\"shop\"}", true),
            ("{team=\"db\"}", false),
            ("{where=\"db1\"}", true),
            ("{host=\"db1\"}", true),
        ] {
            assert_eq!(route(matchers, &[], Severity::Low).may_be_for(&rule), may, "{matchers}");
        }
    }

    #[test]
    fn of_times_and_groups_what_the_rule_says_counts_then_the_first_route() {
        let grouped = |label: &str, minutes| Route {
            repeat: Some(Duration::from_mins(minutes)),
            group_by: Some(vec![label.to_owned()]),
            ..route("", &[], Severity::Low)
        };
        let routes: Arc<[Route]> = Arc::new([grouped("host", 30), grouped("disk", 60)]);
        let labels = BTreeMap::from([("host", "h1"), ("disk", "sda")].map(|(l, v)| (l.to_owned(), v.to_owned())));
        let rule = Rule::new("full").when("full").above(1.0).routed(routes);
        let way = Way::new(&rule, &[0, 1]);
        assert_eq!(
            (way.repeat, way.grouping.unwrap().name(&labels)),
            (Duration::from_mins(30), "{host=\"h1\"}".into())
        );
        let rule = rule.repeat(Duration::from_mins(5)).group_by(["disk"]).group_wait(Duration::from_secs(1));
        let way = Way::new(&rule, &[0, 1]);
        assert_eq!(
            (way.repeat, way.grouping.unwrap().name(&labels)),
            (Duration::from_mins(5), "full{disk=\"sda\"}".into())
        );
        assert_eq!(way.grouping.unwrap().company(), Company { wait_ms: 1_000, interval_ms: 60_000 });
        let whole = rule.group_by([""; 0]);
        assert_eq!(Way::new(&whole, &[]).grouping.unwrap().name(&labels), "full");
    }
}
