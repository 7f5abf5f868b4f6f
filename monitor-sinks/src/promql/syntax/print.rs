//! An expression as text that parses to the same expression.

use std::fmt::{self, Display, Formatter};

use super::{
    Aggregation, Anchor, At, BinaryOp, Cardinality, Expr, Kind, Length, Matching, RangeMode, Selector, is_label_name,
    quote,
};
use crate::promql::{
    labels::NAME,
    matcher::{MatchOp, Matcher},
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number(value) => f.write_str(&number(*value)),
            Kind::Text(text) => write!(f, "{}", text.broken.clone().unwrap_or_else(|| quote(&text.value))),
            Kind::Selector(selector) => write!(f, "{selector}{}", modifiers(selector)),
            Kind::Range { selector, range } => write!(f, "{selector}[{}]{}", range.text(false), modifiers(selector)),
            Kind::Subquery { inner, range, step, at, offset } => {
                let step = step.as_ref().map_or_else(String::new, |step| step.text(false));
                write!(f, "{inner}[{}:{step}]{}", range.text(false), times(*at, offset))
            }
            Kind::Paren(inner) => write!(f, "({inner})"),
            Kind::Unary { negate, inner } => write!(f, "{}{inner}", if *negate { '-' } else { '+' }),
            Kind::Binary { op, matching, left, right } => write!(f, "{left} {} {right}", operator(*op, matching)),
            Kind::Aggregation(aggregation) => write!(f, "{aggregation}"),
            Kind::Call { function, arguments } => write!(f, "{}({})", function.name, list(arguments)),
        }
    }
}

impl Display for Aggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        match self.grouping.without {
            true => write!(f, " without ({}) ", labels(&self.grouping.labels))?,
            false if !self.grouping.labels.is_empty() => write!(f, " by ({}) ", labels(&self.grouping.labels))?,
            false => {}
        }
        match &self.parameter {
            Some(parameter) => write!(f, "({parameter}, {})", self.inner),
            None => write!(f, "({})", self.inner),
        }
    }
}

impl Display for Selector {
    /// Name and matchers, without modifiers.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_name = |matcher: &&Matcher| matcher.label == NAME && matcher.op == MatchOp::Equal;
        let name = self.matchers.iter().find(is_name).map_or("", |matcher| &matcher.value);
        let bare = is_metric_name(name);
        if bare {
            f.write_str(name)?;
        }
        let rest: Vec<String> =
            self.matchers.iter().filter(|matcher| !(bare && is_name(matcher))).map(ToString::to_string).collect();
        if !rest.is_empty() || !bare {
            write!(f, "{{{}}}", rest.join(", "))?;
        }
        Ok(())
    }
}

impl Display for Matcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let value = quote(&self.value);
        if self.label == NAME && self.op == MatchOp::Equal && !is_label_name(&self.value) && !self.value.is_empty() {
            return f.write_str(&value);
        }
        write!(f, "{}{}{value}", labels(std::slice::from_ref(&self.label)), self.op.as_str())
    }
}

/// Names that a parser would take for something else.
const RESERVED: [&str; 8] = ["on", "ignoring", "bool", "group_left", "group_right", "atan2", "inf", "nan"];

fn is_metric_name(name: &str) -> bool {
    is_label_name(&name.replace(':', "_")) && !RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word))
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => String::from("Inf"),
        f64::NEG_INFINITY => String::from("-Inf"),
        value => format!("{value}"),
    }
}

fn list(arguments: &[Expr]) -> String {
    arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn labels(labels: &[String]) -> String {
    let text = |label: &String| if is_label_name(label) { label.clone() } else { quote(label) };
    labels.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn modifiers(selector: &Selector) -> String {
    let mode = match selector.mode {
        RangeMode::Plain => "",
        RangeMode::Anchored => " anchored",
        RangeMode::Smoothed => " smoothed",
    };
    format!("{mode}{}", times(selector.at, &selector.offset))
}

fn times(at: Option<At>, offset: &Length) -> String {
    let at = match at {
        None => String::new(),
        Some(At::Time(millis)) => format!(" @ {}.{:03}", SignedSeconds(millis), millis.unsigned_abs() % 1000),
        Some(At::Anchor(Anchor::Start)) => String::from(" @ start()"),
        Some(At::Anchor(Anchor::End)) => String::from(" @ end()"),
    };
    if *offset == Length::default() { at } else { format!("{at} offset {}", offset.text(true)) }
}

/// Whole seconds, with a sign even for -0.
struct SignedSeconds(i64);

impl Display for SignedSeconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs() / 1000)
    }
}

fn operator(op: BinaryOp, matching: &Matching) -> String {
    let Matching { labels: listed, include, fill_left, fill_right, .. } = matching;
    let kind = if matching.on { "on" } else { "ignoring" };
    let parts = [
        matching.bool.then(|| String::from("bool")),
        matching.explicit.then(|| format!("{kind} ({})", labels(listed))),
        match matching.cardinality {
            Cardinality::OneToOne => None,
            Cardinality::ManyToOne => Some(format!("group_left ({})", labels(include))),
            Cardinality::OneToMany => Some(format!("group_right ({})", labels(include))),
        },
        fill_left.map(|value| format!("fill_left ({})", number(value))),
        fill_right.map(|value| format!("fill_right ({})", number(value))),
    ];
    let parts: Vec<String> = std::iter::once(op.as_str().to_owned()).chain(parts.into_iter().flatten()).collect();
    parts.join(" ")
}
