//! A rule as a line of text: `EXPR > 80 clear 70 severity high, > 95 severity critical for 1m keep 5m missing keep`.
//!
//! The line is PromQL up to its first threshold, and a few clauses after it. Where the expression ends is decided by the
//! words of the clauses, outside of brackets and quotes: who has a metric with such a name puts the expression into
//! parentheses, and so does the printer. A line without a threshold, or one that begins with `each`, makes an alert of each
//! element of the result.
//!
//! What is not about when the rule holds (labels, texts, channels) is not in the line.

use std::{fmt::Write, time::Duration};

use super::{
    condition::{Comparison, Condition, Level},
    model::{Missing, Rule},
};
use crate::{
    error::Error,
    notify::Severity,
    promql::{
        error::hint,
        syntax::{BinaryOp, Expr, Kind, Span, duration_text, parse, parse_duration},
    },
};

/// Words that end the expression and begin a clause.
const CLAUSES: [&str; 6] = ["clear", "severity", "for", "keep", "missing", "coverage"];
/// The word before an expression whose elements are alerts.
const EACH: &str = "each";

impl Rule {
    /// Reads a rule from a line of text.
    ///
    /// ```
    /// use monitor_sinks::rule::Rule;
    ///
    /// let rule = Rule::parse("cpu", "avg_over_time(cpu[5m]) > 80 clear 70 severity high, > 95 severity critical for 1m")?;
    /// assert_eq!(rule.severities().len(), 2);
    /// let error = Rule::parse("cpu", "cpu > 80 severty high").unwrap_err();
    /// assert_eq!(error.to_string(), "rule `cpu`: 1:10: unknown word `severty`; did you mean `severity`?");
    /// # Ok::<(), monitor_sinks::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is no rule, with the place of the mistake and what was meant; or the rule makes no sense, as
    /// [`check`](Self::check) says.
    pub fn parse(name: impl Into<String>, text: &str) -> Result<Self, Error> {
        let rule = Self::new(name);
        let name = rule.name().to_owned();
        let rule = read(rule, text).map_err(|Fault { at, message }| {
            let (line, column) = Span { start: at, end: at }.place_in(text);
            Error::rule(&name, format!("{line}:{column}: {message}"))
        })?;
        rule.check().map(|()| rule)
    }

    /// The rule as a line of text that [`parse`](Self::parse) reads; nothing if a function decides.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        let mut text = match self.condition() {
            Condition::Closure(..) => return None,
            Condition::Present(severity) => format!("{EACH} {}{}", whole(self.expr()), severity_clause(*severity)),
            Condition::Levels(levels) => {
                let levels: Vec<String> = levels.iter().map(level_text).collect();
                format!("{} {}", operand(self.expr()), levels.join(", "))
            }
        };
        let duration = |duration: Duration| duration_text(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
        for (word, length) in [("for", self.held_for_time()), ("keep", self.keep_firing_time())] {
            if !length.is_zero() {
                let _ = write!(text, " {word} {}", duration(length));
            }
        }
        if let Some(missing) = self.missing_as_given() {
            let _ = write!(text, " missing {missing}");
        }
        if let Some(coverage) = self.coverage() {
            let _ = write!(text, " coverage {} every {}", coverage.share, duration(coverage.every));
        }
        Some(text)
    }
}

/// A mistake at an offset of the text.
struct Fault {
    at: usize,
    message: String,
}

fn read(rule: Rule, text: &str) -> Result<Rule, Fault> {
    let start = text.len() - text.trim_start().len();
    let each = words(text).next().is_some_and(|word| word.text == EACH);
    let from = if each { start + EACH.len() } else { start };
    let end = from + end_of_expression(&text[from..]);
    // Blanks in place of what stands before it keep its places right.
    let blank: String = text[..from].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
    let located = format!("{blank}{}", &text[from..end]);
    let expr = parse(&located).map_err(|error| fault_of(&error, text))?;
    let mut clauses =
        Words { all: words(&text[end..]).map(|word| word.shifted(end)).collect(), at: 0, end: text.len() };
    let (expr, first) = if each { (&expr, None) } else { threshold(&expr) };
    let mut rule = rule.when(expr.bare());
    if let Some((comparison, number)) = first {
        rule = rule.level(clauses.level(comparison, number)?);
        while clauses.eat(",") {
            let (comparison, number) = clauses.comparison()?;
            rule = rule.level(clauses.level(comparison, number)?);
        }
    } else if clauses.eat("severity") {
        rule = rule.severity(clauses.severity()?);
    }
    clauses.rest(rule)
}

/// What an error of the expression says, without its place, and the place.
fn fault_of(error: &crate::promql::Error, text: &str) -> Fault {
    let message = error.to_string();
    let Some((line, column)) = error.position() else { return Fault { at: 0, message } };
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let plain = message.strip_prefix(&format!("{line}:{column}: ")).unwrap_or(&message);
    Fault { at: before + column - 1, message: plain.to_owned() }
}

/// An expression that compares with a number, apart; any other one as it is.
fn threshold(expr: &Expr) -> (&Expr, Option<(Comparison, f64)>) {
    let Kind::Binary { op, matching, left, right } = &expr.kind else { return (expr, None) };
    match (comparison_of(*op), &right.bare().kind) {
        (Some(comparison), Kind::Number(number)) if !matching.bool && !matching.explicit => {
            (left, Some((comparison, *number)))
        }
        _ => (expr, None),
    }
}

fn comparison_of(op: BinaryOp) -> Option<Comparison> {
    Comparison::ALL.into_iter().find(|comparison| comparison.as_str() == op.as_str())
}

/// A word of the text and where it stands.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    at: usize,
}

impl Word<'_> {
    fn shifted(self, by: usize) -> Self {
        Self { at: self.at + by, ..self }
    }
}

/// Words outside of brackets and quotes: names, numbers and signs. What is inside of them is left out.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    let mut depth = 0_usize;
    std::iter::from_fn(move || {
        while let Some(c) = text[at..].chars().next() {
            let start = at;
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '+' | '-');
            let length = match c {
                '"' | '\'' | '`' => quoted(&text[at..]),
                '#' => text[at..].find('\n').unwrap_or(text.len() - at),
                c if is_word(c) => text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at),
                '<' | '>' | '=' | '!' => 1 + usize::from(text[at + 1..].starts_with(['=', '~', '/'])),
                c => c.len_utf8(),
            };
            at += length;
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '#' | '"' | '\'' | '`' => {}
                c if depth == 0 && !c.is_whitespace() => return Some(Word { text: &text[start..at], at: start }),
                _ => {}
            }
        }
        None
    })
}

/// The length of a text in quotes, these included.
fn quoted(text: &str) -> usize {
    let mut chars = text.char_indices();
    let quote = chars.next().map_or('"', |(_, quote)| quote);
    let mut escaped = false;
    for (at, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Where the first clause begins. A word that the expression begins with is none.
fn end_of_expression(text: &str) -> usize {
    let first = text.len() - text.trim_start().len();
    let ends = |word: &Word<'_>| word.at > first && (word.text == "," || is_clause(word.text));
    let known = words(text).find(ends).map(|word| word.at);
    known.or_else(|| after_threshold(text)).unwrap_or(text.len())
}

/// Where a word follows a threshold that is no clause, so that it is found to be a mistake there.
fn after_threshold(text: &str) -> Option<usize> {
    let all: Vec<Word<'_>> = words(text).collect();
    let is_name = |word: &Word<'_>| word.text.starts_with(|c: char| c.is_alphabetic());
    let is_operator = |text: &str| ["and", "or", "unless", "atan2"].iter().any(|word| text.eq_ignore_ascii_case(word));
    all.windows(3).find_map(|three| {
        let compares = Comparison::ALL.iter().any(|comparison| comparison.as_str() == three[0].text);
        let is_odd =
            compares && three[1].text.parse::<f64>().is_ok() && is_name(&three[2]) && !is_operator(three[2].text);
        is_odd.then_some(three[2].at)
    })
}

fn is_clause(word: &str) -> bool {
    CLAUSES.contains(&word)
}

/// The words of the clauses, one after the other.
struct Words<'a> {
    all: Vec<Word<'a>>,
    at: usize,
    /// Where the text ends.
    end: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<Word<'a>> {
        self.all.get(self.at).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_there = self.peek().is_some_and(|word| word.text == text);
        self.at += usize::from(is_there);
        is_there
    }

    /// The next word, made into something.
    fn take<T>(&mut self, what: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Fault> {
        let Some(word) = self.peek() else { return Err(Fault { at: self.end, message: format!("expected {what}") }) };
        self.at += 1;
        let message = || format!("expected {what}, found `{}`", word.text);
        read(word.text).ok_or_else(|| Fault { at: word.at, message: message() })
    }

    fn number(&mut self) -> Result<f64, Fault> {
        self.take("a number", |text| text.parse().ok())
    }

    fn duration(&mut self) -> Result<Duration, Fault> {
        let millis = self.take("a time such as `1m30s`", parse_duration)?;
        Ok(Duration::from_millis(millis.unsigned_abs()))
    }

    fn severity(&mut self) -> Result<Severity, Fault> {
        let at = self.peek().map_or(self.end, |word| word.at);
        let read = self.take("a severity: low, medium, high or critical", |text| Some(text.parse::<Severity>()))?;
        read.map_err(|error| Fault { at, message: error.to_string() })
    }

    fn comparison(&mut self) -> Result<(Comparison, f64), Fault> {
        let read = |text: &str| Comparison::ALL.into_iter().find(|comparison| comparison.as_str() == text);
        Ok((self.take("a comparison such as `> 95`", read)?, self.number()?))
    }

    /// The clauses of a threshold.
    fn level(&mut self, comparison: Comparison, threshold: f64) -> Result<Level, Fault> {
        let mut level = Level::new(Severity::default(), comparison, threshold);
        loop {
            if self.eat("clear") {
                level.clear = Some(self.number()?);
            } else if self.eat("severity") {
                level.severity = self.severity()?;
            } else {
                return Ok(level);
            }
        }
    }

    /// The clauses of the rule, up to the end.
    fn rest(mut self, mut rule: Rule) -> Result<Rule, Fault> {
        while let Some(word) = self.peek() {
            self.at += 1;
            rule = match word.text {
                "for" => rule.held_for(self.duration()?),
                "keep" => rule.keep_firing(self.duration()?),
                "missing" => {
                    let names = Missing::ALL.map(Missing::as_str).join(", ");
                    let read = |text: &str| Missing::ALL.into_iter().find(|missing| missing.as_str() == text);
                    rule.missing(self.take(&format!("one of {names}"), read)?)
                }
                "coverage" => {
                    let share = self.number()?;
                    self.take("`every`", |text| (text == "every").then_some(()))?;
                    rule.min_coverage(share, self.duration()?)
                }
                "clear" => return Err(Fault { at: word.at, message: String::from("`clear` follows its threshold") }),
                "severity" => {
                    return Err(Fault { at: word.at, message: String::from("`severity` follows its threshold") });
                }
                other => {
                    let message = format!("unknown word `{other}`{}", hint(other, CLAUSES.into_iter()));
                    return Err(Fault { at: word.at, message });
                }
            };
        }
        Ok(rule)
    }
}

fn level_text(level: &Level) -> String {
    let clear = level.clear.map(|clear| format!(" clear {clear}")).unwrap_or_default();
    format!("{} {}{clear}{}", level.comparison, level.threshold, severity_clause(level.severity))
}

fn severity_clause(severity: Severity) -> String {
    if severity == Severity::default() { String::new() } else { format!(" severity {severity}") }
}

/// An expression that clauses can follow.
fn whole(expr: &str) -> String {
    if end_of_expression(expr) == expr.len() && !expr.contains('#') { expr.to_owned() } else { format!("({expr}\n)") }
}

/// An expression that a threshold can follow.
fn operand(expr: &str) -> String {
    let binds = |expr: &Expr| match &expr.kind {
        Kind::Binary { op, .. } => op.precedence() > BinaryOp::Greater.precedence(),
        _ => true,
    };
    let is_each = words(expr).next().is_some_and(|word| word.text == EACH);
    match parse(expr) {
        Ok(parsed) if binds(&parsed) && !is_each => whole(expr),
        _ => format!("({})", expr.trim()),
    }
}

#[cfg(test)]
mod tests;
