//! Expressions from Rust.
//!
//! Each step makes a larger expression of the same type and none can fail; what comes out is text, the one form that
//! everything else takes: questions, rules, dashboards. Parentheses are put where the text would mean something else.

use std::{
    fmt,
    ops::{Add, Div, Mul, Neg, Sub},
    time::Duration,
};

use super::{
    function::Function,
    matcher::{MatchOp, Matcher},
    syntax::{
        Aggregation, Aggregator, BinaryOp, Expr, Grouping, Kind, Length, Matching, RangeMode, Selector, Span, Text,
    },
};

/// The series of a metric, to be narrowed by tags.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use monitor_sinks::promql::metric;
///
/// let calls = metric("function_calls_total").tag("service", "etl").rate(Duration::from_secs(300)).sum_by(["function"]);
/// assert_eq!(calls.to_string(), r#"sum by (function) (rate(function_calls_total{service="etl"}[5m]))"#);
///
/// let errors = metric("function_errors_total").rate(Duration::from_secs(300)).sum();
/// let share = errors / metric("function_calls_total").rate(Duration::from_secs(300)).sum();
/// assert_eq!(
///     (share * 100.0).greater_than(5.0).to_string(),
///     "((sum(rate(function_errors_total[5m])) / sum(rate(function_calls_total[5m]))) * 100) > 5"
/// );
/// ```
pub fn metric(name: &str) -> Expression {
    Expression::new(Kind::Selector(Selector {
        matchers: vec![Matcher::name(name)],
        at: None,
        offset: Length::default(),
        mode: RangeMode::Plain,
    }))
}

/// A number as an expression.
pub fn number(value: f64) -> Expression {
    Expression::new(Kind::Number(value))
}

/// An expression of PromQL; [`metric`] begins one, and `to_string` ends it.
#[derive(Debug, Clone)]
#[must_use = "an expression does nothing until it is asked"]
pub struct Expression(Expr);

impl Expression {
    fn new(kind: Kind) -> Self {
        Self(Expr::new(kind, Span::default()))
    }

    /// Only series whose tag has this value. Like all tags, it narrows the metric that the expression begins with, and
    /// has no effect on an expression that is no bare metric any more.
    pub fn tag(self, label: &str, value: &str) -> Self {
        self.matching(MatchOp::Equal, label, value)
    }

    /// Only series whose tag has another value, or that do not have it.
    pub fn tag_not(self, label: &str, value: &str) -> Self {
        self.matching(MatchOp::NotEqual, label, value)
    }

    /// Only series whose tag matches a regular expression as a whole.
    pub fn tag_matching(self, label: &str, pattern: &str) -> Self {
        self.matching(MatchOp::Regex, label, pattern)
    }

    /// The values as they were so long ago; the metric itself must be meant, as with [`tag`](Self::tag).
    pub fn offset(mut self, offset: Duration) -> Self {
        if let Kind::Selector(selector) = &mut self.0.kind {
            selector.offset = Length::Fixed(offset.as_secs_f64());
        }
        self
    }

    /// The increase of a counter a second, over a range.
    pub fn rate(self, range: Duration) -> Self {
        self.over_time("rate", range)
    }

    /// The increase of a counter, over a range.
    pub fn increase(self, range: Duration) -> Self {
        self.over_time("increase", range)
    }

    /// The change of a gauge, over a range.
    pub fn delta(self, range: Duration) -> Self {
        self.over_time("delta", range)
    }

    /// The mean, over a range.
    pub fn avg_over_time(self, range: Duration) -> Self {
        self.over_time("avg_over_time", range)
    }

    /// The least value, over a range.
    pub fn min_over_time(self, range: Duration) -> Self {
        self.over_time("min_over_time", range)
    }

    /// The greatest value, over a range.
    pub fn max_over_time(self, range: Duration) -> Self {
        self.over_time("max_over_time", range)
    }

    /// The sum of all series.
    pub fn sum(self) -> Self {
        self.sum_by::<&str>([])
    }

    /// The sum of the series of each combination of these tags.
    pub fn sum_by<L: AsRef<str>>(self, labels: impl IntoIterator<Item = L>) -> Self {
        self.aggregate(Aggregator::Sum, None, labels)
    }

    /// The mean of the series of each combination of these tags.
    pub fn avg_by<L: AsRef<str>>(self, labels: impl IntoIterator<Item = L>) -> Self {
        self.aggregate(Aggregator::Avg, None, labels)
    }

    /// The least of the series of each combination of these tags.
    pub fn min_by<L: AsRef<str>>(self, labels: impl IntoIterator<Item = L>) -> Self {
        self.aggregate(Aggregator::Min, None, labels)
    }

    /// The greatest of the series of each combination of these tags.
    pub fn max_by<L: AsRef<str>>(self, labels: impl IntoIterator<Item = L>) -> Self {
        self.aggregate(Aggregator::Max, None, labels)
    }

    /// How many series there are of each combination of these tags.
    pub fn count_by<L: AsRef<str>>(self, labels: impl IntoIterator<Item = L>) -> Self {
        self.aggregate(Aggregator::Count, None, labels)
    }

    /// The series with the `count` greatest values.
    pub fn top(self, count: u32) -> Self {
        self.aggregate::<&str>(Aggregator::Topk, Some(number(f64::from(count))), [])
    }

    /// The quantile of a histogram, 0.99 being the value that 99 of 100 do not exceed. It must be a rate or increase.
    pub fn histogram_quantile(self, quantile: f64) -> Self {
        call("histogram_quantile", vec![number(quantile).0, self.0])
    }

    /// What fulfils the condition, and nothing else.
    pub fn greater_than(self, limit: f64) -> Self {
        binary(BinaryOp::Greater, self, number(limit))
    }

    /// What fulfils the condition, and nothing else.
    pub fn less_than(self, limit: f64) -> Self {
        binary(BinaryOp::Less, self, number(limit))
    }

    /// What fulfils the condition, and nothing else.
    pub fn equal_to(self, value: f64) -> Self {
        binary(BinaryOp::Equal, self, number(value))
    }

    /// What has a partner of the same tags in the other expression.
    pub fn and(self, other: Self) -> Self {
        binary(BinaryOp::And, self, other)
    }

    /// This, and of the other expression what has no partner of the same tags in this one.
    pub fn or(self, other: Self) -> Self {
        binary(BinaryOp::Or, self, other)
    }

    /// What has no partner of the same tags in the other expression.
    pub fn unless(self, other: Self) -> Self {
        binary(BinaryOp::Unless, self, other)
    }

    /// The same series with a tag set to a value.
    pub fn with_tag(self, label: &str, value: &str) -> Self {
        let text = |text: &str| Self::new(Kind::Text(Text { value: text.to_owned(), broken: None })).0;
        // A dollar in a replacement stands for itself if it is doubled.
        let arguments = vec![self.0, text(label), text(&value.replace('$', "$$")), text(""), text("")];
        call("label_replace", arguments)
    }

    /// The one number of a vector, for arithmetic that is not to look at tags; not-a-number if there are several.
    pub fn as_number(self) -> Self {
        call("scalar", vec![self.0])
    }

    fn matching(mut self, op: MatchOp, label: &str, value: &str) -> Self {
        if let Kind::Selector(selector) = &mut self.0.kind {
            selector.matchers.push(Matcher::unchecked(op, label, value));
        }
        self
    }

    /// A function of a range of a metric, or of a subquery of anything else.
    fn over_time(self, function: &str, range: Duration) -> Self {
        let range = Length::Fixed(range.as_secs_f64());
        let kind = match self.0.kind {
            Kind::Selector(selector) => Kind::Range { selector, range },
            _ => Kind::Subquery {
                inner: Box::new(self.enclosed().0),
                range,
                step: None,
                at: None,
                offset: Length::default(),
            },
        };
        call(function, vec![Self::new(kind).0])
    }

    fn aggregate<L: AsRef<str>>(
        self,
        op: Aggregator,
        parameter: Option<Self>,
        labels: impl IntoIterator<Item = L>,
    ) -> Self {
        let labels = labels.into_iter().map(|label| label.as_ref().to_owned()).collect();
        let grouping = Grouping { without: false, labels };
        let parameter = parameter.map(|parameter| Box::new(parameter.0));
        Self::new(Kind::Aggregation(Aggregation { op, grouping, parameter, inner: Box::new(self.0) }))
    }

    /// In parentheses, if it would not stay together without them.
    fn enclosed(self) -> Self {
        let loose = match &self.0.kind {
            Kind::Binary { .. } | Kind::Unary { .. } => true,
            Kind::Number(value) => value.is_sign_negative(),
            _ => false,
        };
        if loose { Self::new(Kind::Paren(Box::new(self.0))) } else { self }
    }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expression {
    let function = Function::find(name).expect("the builder calls functions that exist");
    Expression::new(Kind::Call { function, arguments })
}

fn binary(op: BinaryOp, left: Expression, right: Expression) -> Expression {
    let (left, right) = (Box::new(left.enclosed().0), Box::new(right.enclosed().0));
    Expression::new(Kind::Binary { op, matching: Matching::default(), left, right })
}

impl From<f64> for Expression {
    fn from(value: f64) -> Self {
        number(value)
    }
}

impl<T: Into<Expression>> Add<T> for Expression {
    type Output = Self;

    fn add(self, other: T) -> Self {
        binary(BinaryOp::Add, self, other.into())
    }
}

impl<T: Into<Expression>> Sub<T> for Expression {
    type Output = Self;

    fn sub(self, other: T) -> Self {
        binary(BinaryOp::Subtract, self, other.into())
    }
}

impl<T: Into<Expression>> Mul<T> for Expression {
    type Output = Self;

    fn mul(self, other: T) -> Self {
        binary(BinaryOp::Multiply, self, other.into())
    }
}

impl<T: Into<Expression>> Div<T> for Expression {
    type Output = Self;

    fn div(self, other: T) -> Self {
        binary(BinaryOp::Divide, self, other.into())
    }
}

impl Neg for Expression {
    type Output = Self;

    fn neg(self) -> Self {
        Self::new(Kind::Unary { negate: true, inner: Box::new(self.enclosed().0) })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::format;

    #[test]
    fn what_is_built_is_what_is_parsed() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let x = || metric("x");
        for built in [
            x().tag("a", "b\"\n").tag_not("c d", "").tag_matching("e", "f|g").offset(minutes(90)),
            x().rate(minutes(5)).max_over_time(minutes(60)).top(3),
            (x() + 1.0).min_over_time(minutes(10)),
            -(x() - metric("y") / -2.0) * 3.5,
            x().histogram_quantile(0.99).greater_than(0.5).and(metric("on").equal_to(-1.0)).or(x()).unless(x()),
            x().increase(Duration::from_millis(1500)).count_by(["by", "a-b"]).with_tag("z", "$1"),
            number(f64::NAN) + x().delta(minutes(1)).avg_by(["a"]).less_than(f64::INFINITY),
        ] {
            let text = built.to_string();
            assert_eq!(format(&text).unwrap_or_else(|error| panic!("{text}: {error}")), text);
        }
    }

    #[test]
    fn operators_stay_together_as_they_were_written() {
        let x = || metric("x");
        assert_eq!((x() - (x() - 1.0)).to_string(), "x - (x - 1)");
        assert_eq!(((x() + 1.0) * 2.0).to_string(), "(x + 1) * 2");
        assert_eq!((number(-1.0) * x()).to_string(), "(-1) * x");
        assert_eq!((-(-x())).to_string(), "-(-x)");
    }
}
