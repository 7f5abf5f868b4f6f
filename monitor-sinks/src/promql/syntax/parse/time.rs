//! What says when a selector or a subquery looks: ranges, `@`, `offset`, and lengths of time with their arithmetic.

use super::{Error, MAX_NESTING, Parser, node, too_deep};
use crate::promql::{
    error::hint,
    syntax::{Anchor, At, BinaryOp, Expr, Kind, Length, QueryLengths, RangeMode, Span, lex::Word},
};

/// The farthest instant for `@`, about three million years.
const MAX_SECONDS: f64 = 1e14;

impl Parser<'_> {
    /// A range or a subquery, after its opening bracket.
    pub(super) fn brackets(&mut self, expr: Expr, at: Span) -> Result<Expr, Error> {
        let length = self.span();
        let range = self.length_expression(1)?.alone();
        let subquery = self.eat(":");
        let step =
            if subquery && self.peek() != &Word::Sign("]") { Some(self.length_expression(1)?.alone()) } else { None };
        let end = self.expect("]", "in a range, expected \":\" or \"]\"")?;
        for length_of in std::iter::once(&range).chain(&step) {
            positive(length_of).map_err(|message| Error::syntax(length, message))?;
        }
        let span = expr.span.to(end);
        if subquery {
            let inner = Box::new(expr);
            return node(Kind::Subquery { inner, range, step, at: None, offset: Length::default() }, span);
        }
        let Kind::Selector(selector) = expr.kind else {
            return Err(Error::syntax(at.to(end), "ranges only allowed for vector selectors"));
        };
        if selector.offset != Length::default() {
            return Err(Error::syntax(at.to(end), "no offset modifiers allowed before range"));
        }
        if selector.at.is_some() {
            return Err(Error::syntax(at.to(end), "no @ modifiers allowed before range"));
        }
        node(Kind::Range { selector, range }, span)
    }

    pub(super) fn at_modifier(&mut self, mut expr: Expr, at: Span) -> Result<Expr, Error> {
        let anchor = [("start", Anchor::Start), ("end", Anchor::End)];
        let time = if let Some((_, anchor)) = anchor.into_iter().find(|(word, _)| self.eat_keyword(word)) {
            self.expect("(", "after @")?;
            self.expect(")", "after @")?;
            At::Anchor(anchor)
        } else {
            let seconds = self.signed_number("after @, expected timestamp")?;
            if !seconds.is_finite() || seconds.abs() > MAX_SECONDS {
                return Err(Error::syntax(at, format!("timestamp out of bounds for @ modifier: {seconds}")));
            }
            At::Time((seconds * 1000.0).round() as i64)
        };
        let place = match &mut expr.kind {
            Kind::Selector(selector) | Kind::Range { selector, .. } => &mut selector.at,
            Kind::Subquery { at, .. } => at,
            _ => return Err(Error::syntax(at, misplaced("@"))),
        };
        if place.replace(time).is_some() {
            return Err(Error::syntax(at, "@ <timestamp> may not be set multiple times"));
        }
        expr.span.end = self.tokens[self.at - 1].span.end;
        Ok(expr)
    }

    pub(super) fn offset(&mut self, mut expr: Expr, at: Span) -> Result<Expr, Error> {
        let length = self.length_operand()?.alone();
        let place = match &mut expr.kind {
            Kind::Selector(selector) | Kind::Range { selector, .. } => &mut selector.offset,
            Kind::Subquery { offset, .. } => offset,
            _ => return Err(Error::syntax(at, misplaced("offset"))),
        };
        if *place != Length::default() {
            return Err(Error::syntax(at, "offset may not be set multiple times"));
        }
        *place = length;
        expr.span.end = self.tokens[self.at - 1].span.end;
        Ok(expr)
    }

    /// Arithmetic on lengths of time.
    pub(super) fn length_expression(&mut self, least: u8) -> Result<Length, Error> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(too_deep());
        }
        let depth = self.depth;
        let mut left = self.length_operand()?;
        let arithmetic = |op: &BinaryOp| op.precedence() >= 4 && *op != BinaryOp::Atan2 && op.precedence() >= least;
        while let Some(op) = self.peek_operator().filter(arithmetic) {
            self.at += 1;
            // A chain is as deep as it is long.
            self.depth += 1;
            let tighter = if op == BinaryOp::Power { op.precedence() } else { op.precedence() + 1 };
            left = Length::Binary(op, Box::new(left), Box::new(self.length_expression(tighter)?));
        }
        self.depth = depth - 1;
        Ok(left)
    }

    /// One length: a number, a duration, `step()`, or an expression in parentheses.
    pub(super) fn length_operand(&mut self) -> Result<Length, Error> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(too_deep());
        }
        let length = match *self.peek() {
            Word::Number(seconds) => self.length_leaf(Length::Number(seconds)),
            Word::Duration(millis) => self.length_leaf(Length::Fixed(millis as f64 / 1000.0)),
            Word::Sign("+") => {
                self.at += 1;
                self.length_operand()?
            }
            Word::Sign("-") => {
                self.at += 1;
                match self.length_operand()? {
                    Length::Fixed(seconds) => Length::Fixed(-seconds),
                    Length::Number(seconds) => Length::Number(-seconds),
                    length => Length::Negate(Box::new(length)),
                }
            }
            Word::Sign("(") => {
                self.at += 1;
                let inner = self.length_expression(1)?;
                self.expect(")", "in a duration")?;
                inner
            }
            Word::Name => self.length_call()?,
            _ => return Err(self.unexpected("expected duration")),
        };
        self.depth -= 1;
        Ok(length)
    }

    pub(super) fn length_leaf(&mut self, length: Length) -> Length {
        self.at += 1;
        length
    }

    pub(super) fn length_call(&mut self) -> Result<Length, Error> {
        let (name, span) = (self.slice().to_ascii_lowercase(), self.span());
        self.at += 1;
        self.expect("(", "in a duration")?;
        let length = match name.as_str() {
            "step" => Length::Step,
            "range" => Length::Range,
            "min" | "max" => {
                let left = Box::new(self.length_expression(1)?);
                self.expect(",", "in a duration")?;
                let right = Box::new(self.length_expression(1)?);
                if name == "min" { Length::Least(left, right) } else { Length::Greatest(left, right) }
            }
            _ => {
                let names = ["step", "range", "min", "max"];
                let hint = hint(&name, names.into_iter());
                return Err(Error::syntax(span, format!("unknown function `{name}` in a duration{hint}")));
            }
        };
        self.expect(")", "in a duration")?;
        Ok(length)
    }
}

/// Makes a selector or its range anchored or smoothed; `at` is the place of the word.
pub(super) fn with_mode(mut expr: Expr, at: Span, mode: RangeMode) -> Result<Expr, Error> {
    let selector = match &mut expr.kind {
        Kind::Range { selector, .. } => selector,
        Kind::Selector(selector) if mode == RangeMode::Smoothed => selector,
        _ => {
            let message =
                "anchored follows a range of a selector, smoothed a selector or its range; neither a subquery";
            return Err(Error::syntax(at, message));
        }
    };
    if selector.mode != RangeMode::Plain {
        return Err(Error::syntax(at, "anchored and smoothed cannot be used together, or twice"));
    }
    selector.mode = mode;
    expr.span.end = at.end;
    Ok(expr)
}

/// Refuses a fixed length that no range can have; others are known only with the query.
fn positive(length: &Length) -> Result<(), String> {
    let query = QueryLengths { step: 0, range: 0 };
    if length.is_fixed() { length.positive_millis(query).map(drop) } else { Ok(()) }
}

fn misplaced(modifier: &str) -> String {
    format!("{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery")
}
