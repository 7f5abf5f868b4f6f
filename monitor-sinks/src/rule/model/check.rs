//! Whether a rule makes sense, and if not, what to do about it.

use super::{Comparison, Condition, Coverage, Level, Missing, Rule};
use crate::{
    error::Error,
    promql::{
        syntax::{is_label_name, parse},
        value::Type,
    },
    rule::{route::LONGEST_GROUP_TIME, template::Template},
};

impl Rule {
    /// Whether the rule makes sense.
    ///
    /// # Errors
    ///
    /// If it has no name or nothing to watch, the expression is not PromQL or has no values, a threshold is not a number
    /// or clears beyond where it fires, two thresholds have one severity, a name of a label is none, a text is no template,
    /// or times of groups are given without a group. The message names the rule, and the place in the expression.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Error::rule(&self.name, message);
        if self.name.trim().is_empty() {
            return Err(Error::setting("a rule needs a name; write Rule::new(\"high_cpu\")"));
        }
        if let Some(mistake) = &self.mistake {
            return Err(wrong(mistake.clone()));
        }
        self.check_expression().and_then(|()| self.check_condition()).and_then(|()| self.check_rest()).map_err(wrong)
    }

    fn check_expression(&self) -> Result<(), String> {
        match (&self.condition, self.expr.trim().is_empty()) {
            (Condition::Closure(..), true) => Ok(()),
            (Condition::Closure(..), false) => Err(String::from("a function decides; take the expression out")),
            (_, true) => Err(String::from("there is nothing to watch; give an expression with `when`")),
            (_, false) => match parse(&self.expr) {
                Ok(expr) if matches!(expr.of_type(), Type::Scalar | Type::Vector) => Ok(()),
                Ok(expr) => Err(format!("the expression is a {}; it has no values at an instant", expr.of_type())),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn check_condition(&self) -> Result<(), String> {
        let Condition::Levels(levels) = &self.condition else {
            let is_present = matches!(self.condition, Condition::Present(_));
            return match self.missing {
                Some(Missing::Keep | Missing::Fire | Missing::Ignore) if is_present => Err(String::from(
                    "without a threshold nobody can tell what is missing from what is well; give a threshold, such as \
                     `above(80.0)`, or leave `missing` out",
                )),
                _ => Ok(()),
            };
        };
        for (at, level) in levels.iter().enumerate() {
            let Level { severity, comparison, threshold, clear } = *level;
            if threshold.is_nan() || clear.is_some_and(f64::is_nan) {
                return Err(String::from("a threshold must be a number"));
            }
            if levels[..at].iter().any(|other| other.severity == severity) {
                return Err(format!("two thresholds have the severity {severity}; give each its own"));
            }
            let is_beyond = |clear: f64| match comparison {
                Comparison::Above | Comparison::AtLeast => clear > threshold,
                Comparison::Below | Comparison::AtMost => clear < threshold,
                Comparison::Equal | Comparison::NotEqual => true,
            };
            if let Some(clear) = clear.filter(|clear| is_beyond(*clear)) {
                return Err(format!(
                    "an alert at {comparison} {threshold} cannot clear at {clear}, where it does not hold yet"
                ));
            }
        }
        Ok(())
    }

    fn check_rest(&self) -> Result<(), String> {
        if let Some(label) = self.labels.keys().find(|label| !is_label_name(label) || label.starts_with("__")) {
            return Err(format!("`{label}` cannot be the name of a label; letters, digits and _ can"));
        }
        for (name, text) in self.labels.iter().chain(&self.annotations) {
            Template::new(text).map_err(|message| format!("the template of `{name}`: {message}"))?;
        }
        match self.patience {
            Some(patience) if patience.is_zero() => {
                return Err(String::from("`answers_within(0)` leaves its function no time; give it some"));
            }
            Some(_) if !matches!(self.condition, Condition::Closure(..)) => {
                return Err(String::from("`answers_within` is for functions; take it out, or decide with `when_fn`"));
            }
            _ => {}
        }
        if self.depends_on.contains(&self.name) {
            return Err(String::from("it depends on itself"));
        }
        self.check_grouping()?;
        match self.coverage {
            Some(Coverage { share, every }) if !(0.0..=1.0).contains(&share) || every.is_zero() => {
                Err(String::from("a coverage is a share from 0 to 1 of samples that are some time apart"))
            }
            _ => Ok(()),
        }
    }

    fn check_grouping(&self) -> Result<(), String> {
        let given = [("group_wait", self.group_wait), ("group_interval", self.group_interval)];
        for (step, time) in given.into_iter().filter_map(|(step, time)| Some((step, time?))) {
            if self.group_by.is_none() {
                return Err(format!("`{step}` goes with `group_by`, which says what is told together"));
            }
            if time > LONGEST_GROUP_TIME {
                return Err(format!("`{step}` is an hour at most; alerts are not kept back for longer"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::notify::Severity;

    fn message(rule: &Rule) -> String {
        rule.check().map_or_else(|error| error.to_string(), |()| panic!("{rule:?} makes sense"))
    }

    #[test]
    fn a_mistake_is_told_with_its_cure() {
        let cpu = || Rule::new("r").when("cpu");
        for (rule, wanted) in [
            (Rule::new(" ").when("cpu"), "a rule needs a name; write Rule::new(\"high_cpu\")"),
            (Rule::new("r"), "rule `r`: there is nothing to watch; give an expression with `when`"),
            (Rule::new("r").when("raet(x[5m])"), "rule `r`: 1:1: unknown function `raet`; did you mean `rate`?"),
            (cpu().clear_below(5.0), "rule `r`: `clear_below` comes after its threshold, such as `above(80.0)`"),
            (cpu().above(5.0).clear_above(4.0), "rule `r`: `clear_above` goes with another comparison"),
            (cpu().when_fn(|_| None).above(1.0), "rule `r`: a function decides by itself; it can have no threshold"),
            (cpu().when_fn(|_| None), "rule `r`: a function decides; take the expression out"),
            (cpu().above(f64::NAN), "rule `r`: a threshold must be a number"),
            (
                Rule::new("r").when_fn(|_| None).answers_within(Duration::ZERO),
                "rule `r`: `answers_within(0)` leaves its function no time; give it some",
            ),
            (
                cpu().answers_within(Duration::from_secs(1)),
                "rule `r`: `answers_within` is for functions; take it out, or decide with `when_fn`",
            ),
            (cpu().label("a-b", "x"), "rule `r`: `a-b` cannot be the name of a label; letters, digits and _ can"),
            (cpu().depends_on("r"), "rule `r`: it depends on itself"),
            (
                cpu().group_wait(Duration::from_secs(1)),
                "rule `r`: `group_wait` goes with `group_by`, which says what is told together",
            ),
            (
                cpu().group_by(["host"]).group_interval(Duration::from_hours(2)),
                "rule `r`: `group_interval` is an hour at most; alerts are not kept back for longer",
            ),
            (
                cpu().min_coverage(1.5, Duration::from_secs(1)),
                "rule `r`: a coverage is a share from 0 to 1 of samples that are some time apart",
            ),
        ] {
            assert_eq!(message(&rule), wanted);
        }
        assert!(message(&cpu().annotation("summary", "{{ value")).starts_with("rule `r`: the template of `summary`: "));
    }

    /// The first mistake is the one that counts, wherever the steps stand.
    #[test]
    fn the_order_of_steps_does_not_matter_where_it_need_not() {
        let before = Rule::new("r").severity(Severity::High).when("cpu").above(80.0);
        let after = Rule::new("r").above(80.0).when("cpu").severity(Severity::High);
        before.check().unwrap();
        assert_eq!(before, after);
    }
}
