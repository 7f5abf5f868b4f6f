//! The expression of a rule that asks for a coverage of its windows.
//!
//! Each function over a window `x[5m]` is given a condition: enough samples in that window. So a series that has too few
//! is not in the result, which makes it missing, and the engine needs to know nothing of coverage.

use std::borrow::Cow;

use super::model::{Coverage, Rule};
use crate::promql::syntax::{Expr, Kind, QueryLengths, parse};

/// A function that is there to find out that there are no samples.
const ABSENT: &str = "absent_over_time";

impl Rule {
    /// The expression that is asked: that of the rule, where it asks for a coverage only of windows with enough samples.
    ///
    /// ```
    /// use std::time::Duration;
    /// use monitor_sinks::rule::Rule;
    ///
    /// let rule = Rule::new("r").when("avg_over_time(cpu[5m])").above(80.0).min_coverage(0.5, Duration::from_secs(10));
    /// assert_eq!(rule.question(), "(avg_over_time(cpu[5m]) and count_over_time(cpu[5m]) >= 15)");
    /// ```
    #[must_use]
    pub fn question(&self) -> Cow<'_, str> {
        let Some(coverage) = self.coverage().filter(|coverage| coverage.share > 0.0) else {
            return Cow::Borrowed(self.expr());
        };
        let Ok(expr) = parse(self.expr()) else { return Cow::Borrowed(self.expr()) };
        let mut edits = Vec::new();
        gather(&expr, coverage, &mut edits);
        edits.sort_by_key(|(at, _)| *at);
        let mut text = self.expr().to_owned();
        for (at, edit) in edits.into_iter().rev() {
            text.insert_str(at, &edit);
        }
        Cow::Owned(text)
    }
}

/// What is to be inserted, and where.
fn gather(expr: &Expr, coverage: Coverage, edits: &mut Vec<(usize, String)>) {
    if let Kind::Call { function, arguments } = &expr.kind
        && function.name != ABSENT
    {
        for argument in arguments {
            let Kind::Range { range, .. } = &argument.kind else { continue };
            let Ok(range) = range.millis(QueryLengths { step: 0, range: 0 }) else { continue };
            let expected = range as f64 / coverage.every.as_secs_f64() / 1000.0;
            let least = (expected * coverage.share).ceil().max(1.0);
            edits.push((expr.span.start, String::from("(")));
            edits.push((expr.span.end, format!(" and count_over_time({argument}) >= {least})")));
        }
    }
    expr.kind.children().for_each(|child| gather(child, coverage, edits));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{Labels, Memory, Query};
    use std::time::Duration;

    fn question(expr: &str) -> String {
        Rule::new("r").when(expr).above(1.0).min_coverage(0.5, Duration::from_secs(15)).question().into_owned()
    }

    #[test]
    fn every_window_gets_its_condition() {
        assert_eq!(question("cpu"), "cpu");
        assert_eq!(question("absent_over_time(x[5m])"), "absent_over_time(x[5m])");
        assert_eq!(
            question("sum(rate(a[5m] offset 1m)) / sum(rate(b[1m]))"),
            "sum((rate(a[5m] offset 1m) and count_over_time(a[5m] offset 1m) >= 10)) / \
             sum((rate(b[1m]) and count_over_time(b[1m]) >= 2))"
        );
        assert_eq!(
            question("max_over_time(rate(a[1m])[5m:15s])"),
            "max_over_time((rate(a[1m]) and count_over_time(a[1m]) >= 2)[5m:15s])"
        );
    }

    #[test]
    fn a_window_with_too_few_samples_is_missing() {
        let mut memory = Memory::new();
        (0..20).for_each(|at| memory.push(&Labels::new([("__name__", "a")]), at * 15_000, 1.0));
        let found = |at| Query::new(&memory, question("avg_over_time(a[5m])")).at(at).unwrap().first_float();
        assert_eq!([found(30_000), found(135_000), found(285_000), found(500_000)], [None, Some(1.0), Some(1.0), None]);
    }
}
