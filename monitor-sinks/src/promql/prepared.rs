//! An expression that is asked again and again, such as that of a rule.
//!
//! The text is read once; the nodes of a question hold state and are made for each, which costs a microsecond or two.

use std::sync::Arc;

use super::{
    error::Error,
    labels::NAME,
    matcher::{MatchOp, Matcher},
    query::Query,
    source::Source,
    syntax::{Expr, Kind, Length, QueryLengths, Selector, parse},
};

/// An expression that has been read.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    text: Arc<str>,
    expr: Arc<Expr>,
}

/// What a question at an instant needs of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The names of the metrics, each once; `None` if a selector names none, so that any might be meant.
    pub(crate) names: Option<Vec<String>>,
    /// How far back it looks, in milliseconds, beside the lookback; `None` if it looks at a fixed instant, or ahead.
    pub(crate) back: Option<i64>,
}

impl Prepared {
    /// Reads an expression.
    pub(crate) fn new(text: &str) -> Result<Self, Error> {
        Ok(Self { text: Arc::from(text), expr: Arc::new(parse(text)?) })
    }

    /// A question to a source.
    pub(crate) fn ask<'a>(&self, source: &'a dyn Source) -> Query<'a> {
        let mut query = Query::new(source, &*self.text);
        query.expr = Some(Arc::clone(&self.expr));
        query
    }

    /// Whether all that it reads are increases and rates over ranges up to the instant of the question. Of a long range
    /// what lies in between does not matter to these.
    pub(crate) fn is_of_increases(&self) -> bool {
        is_of_increases(&self.expr)
    }

    /// What it needs.
    pub(crate) fn reach(&self) -> Reach {
        let mut reach = Reach { names: Some(Vec::new()), back: Some(0) };
        reach.add(&self.expr, 0);
        if let Some(names) = &mut reach.names {
            names.sort_unstable();
            names.dedup();
        }
        reach
    }
}

impl Reach {
    /// Adds what `expr` needs when it is looked at from `back` milliseconds ago.
    fn add(&mut self, expr: &Expr, back: i64) {
        match &expr.kind {
            Kind::Selector(selector) => self.select(selector, back, None),
            Kind::Range { selector, range } => self.select(selector, back, Some(range)),
            Kind::Subquery { inner, range, at, offset, .. } => {
                let back = millis(range).zip(millis(offset)).map(|(range, offset)| back + range + offset);
                let back = back.filter(|_| at.is_none());
                if back.is_none() {
                    self.back = None;
                }
                self.add(inner, back.unwrap_or(0));
            }
            kind => kind.children().for_each(|child| self.add(child, back)),
        }
    }

    fn select(&mut self, selector: &Selector, back: i64, range: Option<&Length>) {
        let is_name = |matcher: &&Matcher| matcher.label == NAME && matcher.op == MatchOp::Equal;
        match (selector.matchers.iter().find(is_name), &mut self.names) {
            (Some(name), Some(names)) => names.push(name.value().to_owned()),
            _ => self.names = None,
        }
        let length = range.map_or(Some(0), millis).zip(millis(&selector.offset));
        let length = length.filter(|(_, offset)| selector.at.is_none() && *offset >= 0);
        self.back = self.back.zip(length).map(|(known, (range, offset))| known.max(back + range + offset));
    }
}

fn is_of_increases(expr: &Expr) -> bool {
    let is_plain = |selector: &Selector| selector.at.is_none() && millis(&selector.offset) == Some(0);
    match &expr.kind {
        Kind::Call { function, arguments } if matches!(function.name, "increase" | "rate") => {
            arguments.iter().all(|range| matches!(&range.kind, Kind::Range { selector, .. } if is_plain(selector)))
        }
        Kind::Selector(_) | Kind::Range { .. } | Kind::Subquery { .. } => false,
        kind => kind.children().all(is_of_increases),
    }
}

/// A length in a question at an instant.
fn millis(length: &Length) -> Option<i64> {
    length.millis(QueryLengths { step: 0, range: 0 }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> (Option<Vec<String>>, Option<i64>) {
        let Reach { names, back } = Prepared::new(text).unwrap().reach();
        (names, back)
    }

    #[test]
    fn what_reads_increases_only_is_known() {
        let is_so = |text: &str| Prepared::new(text).unwrap().is_of_increases();
        for text in ["rate(x[5m])", "1 - (sum(increase(x[3d])) or vector(0)) / (sum(increase(y[3d])) > 0)"] {
            assert!(is_so(text), "{text}");
        }
        for text in ["x", "rate(x[5m]) + x", "rate(x[5m] offset 1h)", "increase(x[1d] @ 100)", "max_over_time(x[1d])"] {
            assert!(!is_so(text), "{text}");
        }
        assert!(!is_so("max_over_time(rate(x[5m])[1d:1m])"));
    }

    #[test]
    fn names_and_lengths_of_all_parts_count() {
        let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(reach("up"), (names(&["up"]), Some(0)));
        assert_eq!(reach("sum(rate(x[5m])) / y offset 10m > 1"), (names(&["x", "y"]), Some(600_000)));
        assert_eq!(reach("max_over_time(rate(x[5m])[1h:1m] offset 1m)"), (names(&["x"]), Some(3_960_000)));
        assert_eq!(reach("{job=\"etl\"}"), (None, Some(0)));
        assert_eq!(reach("x @ 100 + x"), (names(&["x"]), None));
        assert_eq!(reach("x offset -1m"), (names(&["x"]), None));
        assert_eq!(reach("vector(1)"), (names(&[]), Some(0)));
    }
}
