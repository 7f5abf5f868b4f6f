//! Selectors: a name, and label matchers in braces.

use super::{Error, Parser, node};
use crate::promql::{
    labels::NAME,
    matcher::{MatchOp, Matcher},
    syntax::{Expr, Kind, Length, RangeMode, Selector, Span, is_label_name, lex::Word},
};

impl Parser<'_> {
    pub(super) fn label_list(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let (matchers, end) = self.matchers(None)?;
        let selector = Selector { matchers, at: None, offset: Length::default(), mode: RangeMode::Plain };
        Ok(Expr::new(Kind::Selector(selector), start.to(end)))
    }

    pub(super) fn selector(&mut self, name: Option<(&str, Span)>) -> Result<Expr, Error> {
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
    pub(super) fn matchers(&mut self, name: Option<&str>) -> Result<(Vec<Matcher>, Span), Error> {
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
            if self.peek() != &Word::Sign("}") && !self.eat(",") {
                return Err(self.unexpected("in label matching, expected \",\" or \"}\""));
            }
        }
    }

    pub(super) fn matcher(&mut self) -> Result<Matcher, Error> {
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
}
