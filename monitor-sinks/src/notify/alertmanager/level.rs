//! What an Alertmanager should hold, and when it is told again.
//!
//! It is told states and not changes: each alert that fires, again and again, with an end that is moved along; each that
//! is over, for a while. So whatever it forgets, or does not get, is made up for by the next time.

use std::collections::{BTreeMap, btree_map::Entry};

use serde_json::{Value, json};

use crate::notify::{Severity, plain::time};

/// For how long it is told that an alert is over.
const TOLD_OF_THE_END_MS: i64 = 15 * 60_000;

/// Alerts in one request.
const BATCH: usize = 500;

/// An alert that fires, or has just ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Active {
    /// The rule, which becomes the label `alertname`.
    pub rule: String,
    /// How bad it is, which becomes the label `severity`.
    pub severity: Severity,
    /// The labels of the alert.
    pub labels: BTreeMap<String, String>,
    /// Further texts.
    pub annotations: BTreeMap<String, String>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, if it has.
    pub ended_ms: Option<i64>,
}

impl Active {
    /// An alert that fires since `started_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn new(rule: impl Into<String>, started_ms: i64) -> Self {
        Self {
            rule: rule.into(),
            severity: Severity::default(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            started_ms,
            ended_ms: None,
        }
    }
}

/// The alerts that are told, by the labels that they have there.
#[derive(Debug)]
pub(super) struct Level {
    resend_ms: i64,
    alerts: BTreeMap<BTreeMap<String, String>, Told>,
    next_ms: i64,
}

#[derive(Debug)]
struct Told {
    annotations: BTreeMap<String, String>,
    started_ms: i64,
    ended_ms: Option<i64>,
}

impl Level {
    pub(super) const fn new(resend_ms: i64) -> Self {
        Self { resend_ms, alerts: BTreeMap::new(), next_ms: i64::MAX }
    }

    /// Takes over what fires now. What fired and is not among it any more has ended now.
    pub(super) fn update(&mut self, active: &[Active], now_ms: i64) {
        let before = std::mem::take(&mut self.alerts);
        for alert in active {
            let (labels, annotations) = (labels(alert), valid(&alert.annotations));
            self.alerts.insert(labels, Told { annotations, started_ms: alert.started_ms, ended_ms: alert.ended_ms });
        }
        let mut is_news = self.alerts.iter().any(|(labels, told)| {
            before
                .get(labels)
                .is_none_or(|before| (before.started_ms, before.ended_ms) != (told.started_ms, told.ended_ms))
        });
        for (labels, mut told) in before {
            if let Entry::Vacant(entry) = self.alerts.entry(labels) {
                is_news |= told.ended_ms.is_none();
                told.ended_ms.get_or_insert(now_ms);
                entry.insert(told);
            }
        }
        if is_news {
            self.next_ms = now_ms;
        }
    }

    /// When there is something to tell.
    pub(super) const fn next_ms(&self) -> i64 {
        self.next_ms
    }

    /// What is told now, in requests of bounded size.
    pub(super) fn tell(&mut self, now_ms: i64) -> Vec<String> {
        self.alerts.retain(|_, told| told.ended_ms.is_none_or(|ended_ms| now_ms - ended_ms < TOLD_OF_THE_END_MS));
        self.next_ms = if self.alerts.is_empty() { i64::MAX } else { now_ms + self.resend_ms };
        let alerts: Vec<Value> = self.alerts.iter().map(|(labels, told)| self.alert(labels, told, now_ms)).collect();
        alerts.chunks(BATCH).map(|batch| json!(batch).to_string()).collect()
    }

    /// It was not told after all.
    pub(super) const fn failed(&mut self, retry_at_ms: i64) {
        self.next_ms = retry_at_ms;
    }

    fn alert(&self, labels: &BTreeMap<String, String>, told: &Told, now_ms: i64) -> Value {
        // Without an end in sight it would end by itself when it is not told in time, sooner than it is told again.
        let ends_ms = told.ended_ms.unwrap_or(now_ms + 4 * self.resend_ms);
        json!({
            "labels": labels,
            "annotations": told.annotations,
            "startsAt": time(told.started_ms),
            "endsAt": time(ends_ms),
        })
    }
}

fn labels(alert: &Active) -> BTreeMap<String, String> {
    let mut labels = valid(&alert.labels);
    labels.insert(String::from("alertname"), alert.rule.clone());
    labels.insert(String::from("severity"), alert.severity.to_string());
    labels.retain(|_, value| !value.is_empty());
    labels
}

/// Names as they are allowed there: letters, digits and underscores. Those that become equal get underscores at the end.
fn valid(names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut valid = BTreeMap::new();
    for (name, value) in names {
        let mut name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            name.insert(0, '_');
        }
        while valid.contains_key(&name) {
            name.push('_');
        }
        valid.insert(name, value.clone());
    }
    valid
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn told(level: &mut Level, now_ms: i64) -> Vec<Value> {
        level.tell(now_ms).iter().flat_map(|body| serde_json::from_str::<Vec<Value>>(body).unwrap()).collect()
    }

    #[test]
    fn an_alert_is_told_each_minute_with_an_end_four_minutes_ahead() {
        let mut level = Level::new(MINUTE);
        let alert = Active::new("high_cpu", 0);
        level.update(std::slice::from_ref(&alert), 0);
        assert_eq!(level.next_ms(), 0);
        assert_eq!(told(&mut level, 0)[0]["endsAt"], time(4 * MINUTE));
        level.update(&[alert], 30_000);
        assert_eq!(level.next_ms(), MINUTE);
        assert_eq!(told(&mut level, MINUTE)[0]["endsAt"], time(5 * MINUTE));
    }

    #[test]
    fn an_alert_that_is_gone_has_ended_and_that_is_told_for_a_quarter_of_an_hour() {
        let mut level = Level::new(MINUTE);
        level.update(&[Active::new("high_cpu", 0)], 0);
        told(&mut level, 0);
        level.update(&[], 90_000);
        assert_eq!(level.next_ms(), 90_000);
        for now_ms in [90_000, 90_000 + 14 * MINUTE] {
            assert_eq!(told(&mut level, now_ms)[0]["endsAt"], time(90_000));
        }
        assert!(told(&mut level, 90_000 + 15 * MINUTE).is_empty());
        assert_eq!(level.next_ms(), i64::MAX);
    }

    #[test]
    fn an_end_that_was_stored_before_a_restart_is_told_after_it() {
        let mut level = Level::new(MINUTE);
        let mut alert = Active::new("high_cpu", 0);
        alert.ended_ms = Some(7);
        level.update(&[alert], 10);
        assert_eq!(told(&mut level, 10)[0]["endsAt"], time(7));
    }

    #[test]
    fn another_severity_is_another_alert_there_and_ends_the_one_before() {
        let mut level = Level::new(MINUTE);
        let mut alert = Active::new("high_cpu", 0);
        level.update(std::slice::from_ref(&alert), 0);
        alert.severity = Severity::Critical;
        level.update(&[alert], 5);
        let told = told(&mut level, 5);
        let ends: Vec<(&Value, &Value)> =
            told.iter().map(|told| (&told["labels"]["severity"], &told["endsAt"])).collect();
        assert_eq!(ends, [(&json!("critical"), &json!(time(5 + 4 * MINUTE))), (&json!("medium"), &json!(time(5)))]);
    }

    #[test]
    fn names_become_valid_and_stay_apart() {
        let names = ["host.cpu", "host_cpu", "1st", "é"].map(|name| (name.to_owned(), name.to_owned()));
        let names: Vec<String> = valid(&BTreeMap::from(names)).into_keys().collect();
        assert_eq!(names, ["_", "_1st", "host_cpu", "host_cpu_"]);
    }

    #[test]
    fn many_alerts_are_told_in_several_requests() {
        let mut level = Level::new(MINUTE);
        let alerts: Vec<Active> = (0..1_201).map(|number| Active::new(format!("rule_{number}"), 0)).collect();
        level.update(&alerts, 0);
        assert_eq!(level.tell(0).len(), 3);
    }
}
