//! Words into an expression, by precedence climbing.
//!
//! The parser calls itself for what is nested: parentheses, arguments, operands. More than [`MAX_NESTING`] such calls are
//! refused, and so is a tree of more than [`MAX_DEPTH`] levels, because whoever walks it calls itself as deep. The
//! limits are what a stack of 2 MiB bears in a build without optimisation, twice.

mod selector;
mod time;
mod words;

use self::time::with_mode;
use super::{
    Aggregation, Aggregator, BinaryOp, Cardinality, Expr, Grouping, Kind, Matching, RangeMode, Span, Text,
    check::check,
    is_label_name,
    lex::{Token, Word, tokens},
};
use crate::promql::{
    error::{Error, hint},
    function::Function,
    matcher::Matcher,
};

/// How deep parentheses and their like may be nested.
const MAX_NESTING: usize = 64;

/// How many levels an expression may have; chains such as `a or b or c` have one for each operator.
const MAX_DEPTH: usize = 200;

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expr, Error> {
    let read = || {
        let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
        if parser.peek() == &Word::End {
            return Err(Error::syntax(Span::default(), "no expression found in input"));
        }
        let expr = parser.expression(1)?;
        parser.expect_end()?;
        Ok(expr)
    };
    read().map_err(|error: Error| error.located_in(text))
}

/// Reads label matchers in braces.
pub(crate) fn parse_matchers(text: &str) -> Result<Vec<Matcher>, Error> {
    let read = || {
        let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
        let (matchers, _) = parser.matchers(None)?;
        parser.expect_end()?;
        Ok(matchers)
    };
    read().map_err(|error: Error| error.located_in(text))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Expr, Error> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(too_deep());
        }
        let mut left = self.unary()?;
        while let Some(op) = self.peek_operator().filter(|op| op.precedence() >= least) {
            self.at += 1;
            let matching = self.matching()?;
            let tighter = if op == BinaryOp::Power { op.precedence() } else { op.precedence() + 1 };
            let right = self.expression(tighter)?;
            let span = left.span.to(right.span);
            let kind = Kind::Binary { op, matching, left: Box::new(left), right: Box::new(right) };
            left = node(kind, span)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let negate = match self.peek() {
            Word::Sign("-") => true,
            Word::Sign("+") => false,
            _ => return self.postfix(),
        };
        self.at += 1;
        // Binds as tightly as a product: -2^2 is -(2^2), and -2*2 is (-2)*2.
        let mut inner = self.expression(BinaryOp::Power.precedence())?;
        let span = start.to(inner.span);
        if let Kind::Number(value) = &mut inner.kind {
            if negate {
                *value = -*value;
            }
            inner.span = span;
            return Ok(inner);
        }
        node(Kind::Unary { negate, inner: Box::new(inner) }, span)
    }

    /// A primary expression with what follows it: ranges, `@`, `offset`.
    fn postfix(&mut self) -> Result<Expr, Error> {
        let mut expr = self.primary()?;
        loop {
            let at = self.span();
            expr = if self.eat("[") {
                self.brackets(expr, at)?
            } else if self.eat("@") {
                self.at_modifier(expr, at)?
            } else if self.eat_keyword("offset") {
                self.offset(expr, at)?
            } else if self.eat_keyword("anchored") {
                with_mode(expr, at, RangeMode::Anchored)?
            } else if self.eat_keyword("smoothed") {
                with_mode(expr, at, RangeMode::Smoothed)?
            } else {
                return Ok(expr);
            };
        }
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let span = self.span();
        match self.peek().clone() {
            Word::Number(value) => self.leaf(Kind::Number(value), span),
            Word::Duration(millis) => self.leaf(Kind::Number(millis as f64 / 1000.0), span),
            Word::Text(text) => self.leaf(Kind::Text(text), span),
            Word::Sign("{") => self.selector(None),
            Word::Sign("(") => {
                self.at += 1;
                let inner = self.expression(1)?;
                let end = self.expect(")", "in parentheses")?;
                node(Kind::Paren(Box::new(inner)), span.to(end))
            }
            Word::Name => self.named(),
            _ => Err(self.unexpected("in an expression")),
        }
    }

    fn leaf(&mut self, kind: Kind, span: Span) -> Result<Expr, Error> {
        self.at += 1;
        node(kind, span)
    }

    /// What begins with a name: an aggregation, a call or a selector.
    fn named(&mut self) -> Result<Expr, Error> {
        let (name, span) = (self.slice(), self.span());
        let next = self.tokens[self.at + 1].clone();
        let opens = next.word == Word::Sign("(");
        if let Some(op) = Aggregator::find(name) {
            let next = &self.text[next.span.start..next.span.end];
            if opens || next.eq_ignore_ascii_case("by") || next.eq_ignore_ascii_case("without") {
                return self.aggregation(op);
            }
        }
        if opens {
            return self.call(name, span);
        }
        if ["on", "ignoring", "bool", "group_left", "group_right", "atan2"].iter().any(|w| name.eq_ignore_ascii_case(w))
        {
            return Err(self.unexpected("in an expression"));
        }
        self.at += 1;
        self.selector(Some((name, span)))
    }

    fn call(&mut self, name: &str, span: Span) -> Result<Expr, Error> {
        let Some(function) = Function::find(name) else {
            let names = Function::ALL.iter().map(|function| function.name);
            let names = names.chain(Aggregator::ALL.iter().map(|op| op.as_str()));
            return Err(Error::syntax(span, format!("unknown function `{name}`{}", hint(name, names))));
        };
        self.at += 1;
        let (arguments, end) = self.arguments(function.name == "info")?;
        node(Kind::Call { function, arguments }, span.to(end))
    }

    /// Arguments in parentheses, and the place of the last one.
    fn arguments(&mut self, of_info: bool) -> Result<(Vec<Expr>, Span), Error> {
        self.expect("(", "before arguments")?;
        let mut arguments = Vec::new();
        let mut end = self.span();
        if self.eat(")") {
            return Ok((arguments, end));
        }
        loop {
            // The second argument of `info` only lists labels, so it may match the empty text.
            let is_labels = of_info && arguments.len() == 1 && self.peek() == &Word::Sign("{");
            let argument = if is_labels { self.label_list()? } else { self.expression(1)? };
            arguments.push(argument);
            end = self.span();
            if self.eat(")") {
                return Ok((arguments, end));
            }
            self.expect(",", "between arguments")?;
            if self.peek() == &Word::Sign(")") {
                return Err(Error::syntax(end, "trailing commas not allowed in function call args"));
            }
        }
    }

    fn aggregation(&mut self, op: Aggregator) -> Result<Expr, Error> {
        let start = self.span();
        self.at += 1;
        let before = self.grouping()?;
        let (mut arguments, mut end) = self.arguments(false)?;
        let after = if before.is_none() { self.grouping()? } else { None };
        if after.is_some() {
            end = self.tokens[self.at - 1].span;
        }
        let span = start.to(end);
        let wanted = 1 + usize::from(op.parameter().is_some());
        if arguments.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                arguments.len()
            );
            return Err(Error::syntax(span, message));
        }
        let inner = Box::new(arguments.remove(wanted - 1));
        let parameter = arguments.pop().map(Box::new);
        let grouping = before.or(after).unwrap_or_default();
        node(Kind::Aggregation(Aggregation { op, grouping, parameter, inner }), span)
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, Error> {
        let without = if self.eat_keyword("without") {
            true
        } else if self.eat_keyword("by") {
            false
        } else {
            return Ok(None);
        };
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    /// Names of labels in parentheses.
    fn labels(&mut self) -> Result<Vec<String>, Error> {
        self.expect("(", "before labels")?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            match self.peek().clone() {
                Word::Name | Word::Number(_) if is_label_name(self.slice()) => labels.push(self.slice().to_owned()),
                Word::Text(Text { value, broken: None }) if !value.is_empty() => labels.push(value),
                _ => return Err(self.unexpected("in a list of labels, expected a label")),
            }
            self.at += 1;
            if self.peek() != &Word::Sign(")") {
                self.expect(",", "in a list of labels")?;
            }
        }
        Ok(labels)
    }

    /// `bool`, `on`, `group_left`, `fill` and their like, after an operator.
    fn matching(&mut self) -> Result<Matching, Error> {
        let mut matching = Matching { bool: self.eat_keyword("bool"), ..Matching::default() };
        matching.on = self.peek_keyword("on");
        if matching.on || self.peek_keyword("ignoring") {
            self.at += 1;
            matching.explicit = true;
            matching.labels = self.labels()?;
            let cardinality = [("group_left", Cardinality::ManyToOne), ("group_right", Cardinality::OneToMany)];
            if let Some((_, cardinality)) = cardinality.into_iter().find(|(word, _)| self.eat_keyword(word)) {
                matching.cardinality = cardinality;
                if self.peek() == &Word::Sign("(") {
                    matching.include = self.labels()?;
                }
            }
        }
        while let Some(fill) = self.fill()? {
            let (left, right, value) = fill;
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
        Ok(matching)
    }

    /// `fill(0)`: which sides, and the value.
    fn fill(&mut self) -> Result<Option<(bool, bool, f64)>, Error> {
        let forms = [("fill", true, true), ("fill_left", true, false), ("fill_right", false, true)];
        let opens = self.tokens.get(self.at + 1).is_some_and(|next| next.word == Word::Sign("("));
        let Some((_, left, right)) = forms.into_iter().find(|(word, ..)| opens && self.eat_keyword(word)) else {
            return Ok(None);
        };
        self.at += 1;
        let value = self.signed_number("as a fill value")?;
        self.expect(")", "after a fill value")?;
        Ok(Some((left, right, value)))
    }
}

/// A checked node.
fn node(kind: Kind, span: Span) -> Result<Expr, Error> {
    let expr = Expr::new(kind, span);
    if expr.depth > MAX_DEPTH { Err(too_deep()) } else { check(expr) }
}

fn too_deep() -> Error {
    Error::too_large(format!(
        "the expression is nested too deeply, more than {MAX_NESTING} parentheses or {MAX_DEPTH} operators; name parts of \
         it with recording rules"
    ))
}

#[cfg(test)]
mod tests;
