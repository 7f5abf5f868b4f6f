//! Words into an expression, by precedence climbing.
//!
//! The parser calls itself for what is nested: parentheses, arguments, operands. More than [`MAX_NESTING`] such calls are
//! refused, and so is a tree of more than [`MAX_DEPTH`] levels, because whoever walks it calls itself as deep. The
//! limits are what a stack of 2 MiB bears in a build without optimisation, twice.

use super::{
    Aggregation, Aggregator, Anchor, At, BinaryOp, Cardinality, Expr, Grouping, Kind, Length, Matching, RangeMode,
    Selector, Span, Text,
    check::check,
    is_label_name,
    lex::{Token, Word, tokens},
};
use crate::promql::{
    error::{Error, hint},
    function::Function,
    labels::NAME,
    matcher::{MatchOp, Matcher},
};

/// How deep parentheses and their like may be nested.
const MAX_NESTING: usize = 64;

/// How many levels an expression may have; chains such as `a or b or c` have one for each operator.
const MAX_DEPTH: usize = 200;

/// The farthest instant for `@`, about three million years.
const MAX_SECONDS: f64 = 1e14;

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

impl<'a> Parser<'a> {
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

    fn label_list(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let (matchers, end) = self.matchers(None)?;
        let selector = Selector { matchers, at: None, offset: Length::default(), mode: RangeMode::Plain };
        Ok(Expr::new(Kind::Selector(selector), start.to(end)))
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

    fn signed_number(&mut self, place: &str) -> Result<f64, Error> {
        let negate = self.eat("-");
        if !negate {
            self.eat("+");
        }
        let value = match *self.peek() {
            Word::Number(value) => value,
            Word::Duration(millis) => millis as f64 / 1000.0,
            _ => return Err(self.unexpected(&format!("{place}, expected a number"))),
        };
        self.at += 1;
        Ok(if negate { -value } else { value })
    }

    fn selector(&mut self, name: Option<(&str, Span)>) -> Result<Expr, Error> {
        let start = name.map_or_else(|| self.span(), |(_, span)| span);
        let mut matchers: Vec<Matcher> = name.map(|(name, _)| Matcher::name(name)).into_iter().collect();
        let mut end = start;
        if self.peek() == &Word::Sign("{") {
            let (more, last) = self.matchers(name.map(|(name, _)| name))?;
            matchers.extend(more);
            end = last;
        }
        let span = start.to(end);
        if matchers.iter().all(|matcher| matcher.matches("")) {
            return Err(Error::syntax(span, "vector selector must contain at least one non-empty matcher"));
        }
        node(Kind::Selector(Selector { matchers, at: None, offset: Length::default(), mode: RangeMode::Plain }), span)
    }

    /// Matchers in braces, and the place of the last brace.
    fn matchers(&mut self, name: Option<&str>) -> Result<(Vec<Matcher>, Span), Error> {
        self.expect("{", "before label matchers")?;
        let mut matchers: Vec<Matcher> = Vec::new();
        let mut given = name.map(str::to_owned);
        loop {
            let span = self.span();
            if self.eat("}") {
                return Ok((matchers, span));
            }
            let matcher = self.matcher()?;
            let is_name = matcher.op == MatchOp::Equal && matcher.label == NAME;
            if is_name && let Some(first) = given.replace(matcher.value.clone()) {
                let message = format!("metric name must not be set twice: {first:?} or {:?}", matcher.value);
                return Err(Error::syntax(span, message));
            }
            matchers.push(matcher);
            if self.peek() != &Word::Sign("}") {
                self.expect(",", "in label matching, expected \",\" or \"}\"")?;
            }
        }
    }

    fn matcher(&mut self) -> Result<Matcher, Error> {
        let span = self.span();
        let (label, quoted) = match self.peek().clone() {
            Word::Name | Word::Number(_) if is_label_name(self.slice()) => (self.slice().to_owned(), false),
            Word::Text(text) => (text.value, true),
            _ => return Err(self.unexpected("in label matching, expected identifier or \"}\"")),
        };
        self.at += 1;
        let ops = [("=", MatchOp::Equal), ("!=", MatchOp::NotEqual), ("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex)];
        let Some((_, op)) = ops.into_iter().find(|(sign, _)| self.eat(sign)) else {
            if quoted && matches!(self.peek(), Word::Sign("," | "}")) {
                return Ok(Matcher::name(&label));
            }
            return Err(self.unexpected("in label matching, expected label matching operator"));
        };
        let Word::Text(text) = self.peek().clone() else {
            return Err(self.unexpected("in label matching, expected string"));
        };
        let end = self.span();
        self.at += 1;
        Matcher::new(op, &label, &text.value).map_err(|message| Error::syntax(span.to(end), message))
    }

    /// A range or a subquery, after its opening bracket.
    fn brackets(&mut self, expr: Expr, at: Span) -> Result<Expr, Error> {
        let length = self.span();
        let range = self.length_expression(1)?;
        let subquery = self.eat(":");
        let step = if subquery && self.peek() != &Word::Sign("]") { Some(self.length_expression(1)?) } else { None };
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

    fn at_modifier(&mut self, mut expr: Expr, at: Span) -> Result<Expr, Error> {
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

    fn offset(&mut self, mut expr: Expr, at: Span) -> Result<Expr, Error> {
        let length = self.length_operand()?;
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
    fn length_expression(&mut self, least: u8) -> Result<Length, Error> {
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
    fn length_operand(&mut self) -> Result<Length, Error> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(too_deep());
        }
        let length = match *self.peek() {
            Word::Number(seconds) => self.length_leaf(Length::Fixed(seconds)),
            Word::Duration(millis) => self.length_leaf(Length::Fixed(millis as f64 / 1000.0)),
            Word::Sign("+") => {
                self.at += 1;
                self.length_operand()?
            }
            Word::Sign("-") => {
                self.at += 1;
                match self.length_operand()? {
                    Length::Fixed(seconds) => Length::Fixed(-seconds),
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

    fn length_leaf(&mut self, length: Length) -> Length {
        self.at += 1;
        length
    }

    fn length_call(&mut self) -> Result<Length, Error> {
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

    fn peek(&self) -> &Word {
        &self.tokens[self.at].word
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// The text of the next word.
    fn slice(&self) -> &'a str {
        let span = self.span();
        &self.text[span.start..span.end]
    }

    fn peek_keyword(&self, keyword: &str) -> bool {
        self.peek() == &Word::Name && self.slice().eq_ignore_ascii_case(keyword)
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Word::Sign(next) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str, place: &str) -> Result<Span, Error> {
        let span = self.span();
        if self.eat(sign) { Ok(span) } else { Err(self.unexpected(&format!("{place}, expected {sign:?}"))) }
    }

    fn expect_end(&self) -> Result<(), Error> {
        if self.peek() == &Word::End { Ok(()) } else { Err(self.unexpected("after the expression")) }
    }

    fn unexpected(&self, place: &str) -> Error {
        let what = match self.peek() {
            Word::End => String::from("end of input"),
            _ => format!("{:?}", self.slice()),
        };
        Error::syntax(self.span(), format!("unexpected {what} {place}"))
    }

    fn peek_operator(&self) -> Option<BinaryOp> {
        const OPERATORS: [BinaryOp; 18] = [
            BinaryOp::Or,
            BinaryOp::And,
            BinaryOp::Unless,
            BinaryOp::Equal,
            BinaryOp::NotEqual,
            BinaryOp::Less,
            BinaryOp::LessEqual,
            BinaryOp::Greater,
            BinaryOp::GreaterEqual,
            BinaryOp::TrimUpper,
            BinaryOp::TrimLower,
            BinaryOp::Add,
            BinaryOp::Subtract,
            BinaryOp::Multiply,
            BinaryOp::Divide,
            BinaryOp::Modulo,
            BinaryOp::Atan2,
            BinaryOp::Power,
        ];
        match self.peek() {
            Word::Name | Word::Sign(_) => {
                OPERATORS.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(self.slice()))
            }
            _ => None,
        }
    }
}

/// A checked node.
fn node(kind: Kind, span: Span) -> Result<Expr, Error> {
    let expr = Expr::new(kind, span);
    if expr.depth > MAX_DEPTH { Err(too_deep()) } else { check(expr) }
}

/// Makes a selector or its range anchored or smoothed; `at` is the place of the word.
fn with_mode(mut expr: Expr, at: Span, mode: RangeMode) -> Result<Expr, Error> {
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
    let query = super::duration::QueryLengths { step: 0, range: 0 };
    if length.is_fixed() { length.positive_millis(query).map(drop) } else { Ok(()) }
}

fn misplaced(modifier: &str) -> String {
    format!("{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery")
}

fn too_deep() -> Error {
    Error::too_large(format!(
        "the expression is nested too deeply, more than {MAX_NESTING} parentheses or {MAX_DEPTH} operators; name parts of \
         it with recording rules"
    ))
}

#[cfg(test)]
mod tests;
