//! Looking at the next word, and taking it.

use super::{Error, Parser};
use crate::promql::syntax::{BinaryOp, Span, lex::Word};

impl<'a> Parser<'a> {
    pub(super) fn signed_number(&mut self, place: &str) -> Result<f64, Error> {
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

    pub(super) fn peek(&self) -> &Word {
        &self.tokens[self.at].word
    }

    pub(super) fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// The text of the next word.
    pub(super) fn slice(&self) -> &'a str {
        let span = self.span();
        &self.text[span.start..span.end]
    }

    pub(super) fn peek_keyword(&self, keyword: &str) -> bool {
        self.peek() == &Word::Name && self.slice().eq_ignore_ascii_case(keyword)
    }

    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Word::Sign(next) if *next == sign);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, sign: &str, place: &str) -> Result<Span, Error> {
        let span = self.span();
        if self.eat(sign) { Ok(span) } else { Err(self.unexpected(&format!("{place}, expected {sign:?}"))) }
    }

    pub(super) fn expect_end(&self) -> Result<(), Error> {
        if self.peek() == &Word::End { Ok(()) } else { Err(self.unexpected("after the expression")) }
    }

    pub(super) fn unexpected(&self, place: &str) -> Error {
        let what = match self.peek() {
            Word::End => String::from("end of input"),
            _ => format!("{:?}", self.slice()),
        };
        Error::syntax(self.span(), format!("unexpected {what} {place}"))
    }

    pub(super) fn peek_operator(&self) -> Option<BinaryOp> {
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
