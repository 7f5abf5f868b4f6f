//! The commands of a script.

use regex::Regex;

use super::{
    load::Load,
    points::{Written, parse_number, parse_series},
};
use crate::promql::{
    labels::Labels,
    syntax::{parse_duration, unquote},
};

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Case>),
}

/// A question and what must come of it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) expr: String,
    pub(super) times: Times,
    pub(super) expected: Vec<(Labels, Vec<Written>)>,
    pub(super) number: Option<f64>,
    pub(super) text: Option<String>,
    pub(super) ordered: bool,
    pub(super) fail: Option<Message>,
    pub(super) warnings: Remarks,
    pub(super) infos: Remarks,
}

/// When a question is asked, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Times {
    Instant(i64),
    /// An instant at which a range comes out, whose points are at these times.
    RangeVector {
        at: i64,
        start: i64,
        step: i64,
    },
    Range {
        start: i64,
        end: i64,
        step: i64,
    },
}

/// Remarks of one kind.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) none: bool,
    pub(super) wanted: Vec<Message>,
}

/// A condition on a message.
#[derive(Debug)]
pub(super) enum Message {
    Any,
    Exactly(String),
    Matching(Regex),
}

type Parsed = Result<Command, String>;

/// The commands of a script, each with its line, counted from 1.
pub(super) fn commands(script: &str) -> Vec<(usize, Parsed)> {
    let lines: Vec<&str> =
        script.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let number = at + 1;
        at += 1;
        if line.is_empty() {
            continue;
        }
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let takes_lines = word.starts_with("load") || word.starts_with("eval");
        let end = if takes_lines {
            lines[at..].iter().position(|line| line.is_empty()).map_or(lines.len(), |gap| at + gap)
        } else {
            at
        };
        let body = &lines[at..end];
        commands.push((
            number,
            match word.as_str() {
                "clear" => Ok(Command::Clear),
                "load" | "load_with_nhcb" => load(line, body),
                word if word.starts_with("eval") => eval(line, body),
                _ => Err(format!("{line:?} is no command; there are load, clear and eval")),
            },
        ));
        at = end;
    }
    commands
}

fn load(line: &str, body: &[&str]) -> Parsed {
    let (word, step) = line.split_once(char::is_whitespace).ok_or("load needs a step, such as load 1m")?;
    let mut load = Load { step: parse_time(step)?, with_native: word.ends_with("_with_nhcb"), ..Load::default() };
    for line in body {
        if line.split_whitespace().next().is_some_and(|metric| metric.ends_with("@st")) {
            load.has_start_times = true;
        } else {
            load.series.push(parse_series(line)?);
        }
    }
    Ok(Command::Load(load))
}

fn eval(line: &str, body: &[&str]) -> Parsed {
    let (word, rest) = line.split_once(char::is_whitespace).ok_or("eval needs a question")?;
    let (times, expr) = question(rest.trim_start())?;
    let mut case = Case {
        expr: expr.to_owned(),
        times,
        expected: Vec::new(),
        number: None,
        text: None,
        ordered: word == "eval_ordered",
        fail: (word == "eval_fail").then_some(Message::Any),
        warnings: Remarks::default(),
        infos: Remarks::default(),
    };
    match word {
        "eval" | "eval_fail" | "eval_ordered" => {}
        "eval_warn" => case.warnings.wanted.push(Message::Any),
        "eval_info" => case.infos.wanted.push(Message::Any),
        _ => return Err(format!("{word} is no form of eval")),
    }
    for line in body {
        case.expect(line).map_err(|message| format!("{line}: {message}"))?;
    }
    Ok(Command::Eval(Box::new(case)))
}

/// The times of a question, and its text.
fn question(text: &str) -> Result<(Times, &str), String> {
    let bad = || String::from("write: eval instant at TIME EXPR, or eval range from TIME to TIME step TIME EXPR");
    let mut words = text;
    let mut next = || {
        let (word, rest) = words.trim_start().split_once(char::is_whitespace).ok_or_else(bad)?;
        words = rest;
        Ok::<&str, String>(word)
    };
    let times = match (next()?, next()?) {
        ("instant", "at") => Times::Instant(parse_time(next()?)?),
        ("range", "from") => {
            let start = parse_time(next()?)?;
            let ("to", end) = (next()?, next()?) else { return Err(bad()) };
            let ("step", step) = (next()?, next()?) else { return Err(bad()) };
            Times::Range { start, end: parse_time(end)?, step: parse_time(step)? }
        }
        _ => return Err(bad()),
    };
    Ok((times, words.trim()))
}

impl Case {
    /// Takes a line that says what must come out.
    fn expect(&mut self, line: &str) -> Result<(), String> {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            self.fail = Some(Message::Exactly(message.trim().to_owned()));
        } else if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            self.fail = Some(Message::Matching(compile(pattern.trim())?));
        } else if let Some(rest) = line.strip_prefix("expect").filter(|rest| rest.starts_with(char::is_whitespace)) {
            self.expectation(rest.trim())?;
        } else if let Ok(number) = parse_number(line) {
            self.number = Some(number);
        } else {
            let (labels, points) = parse_series(line)?;
            self.expected.push((labels, points));
        }
        Ok(())
    }

    fn expectation(&mut self, text: &str) -> Result<(), String> {
        let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match kind {
            "ordered" => self.ordered = true,
            "fail" => self.fail = Some(message(rest)?),
            "warn" => self.warnings.wanted.push(message(rest)?),
            "info" => self.infos.wanted.push(message(rest)?),
            "no_warn" => self.warnings.none = true,
            "no_info" => self.infos.none = true,
            "string" => self.text = Some(unquote(rest)?.value),
            "range" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let ["vector", "from", start, "to", _, "step", step] = words[..] else {
                    return Err(String::from("write: expect range vector from TIME to TIME step TIME"));
                };
                if let Times::Instant(at) = self.times {
                    self.times = Times::RangeVector { at, start: parse_time(start)?, step: parse_time(step)? };
                }
            }
            _ => return Err(format!("{kind:?} cannot be expected")),
        }
        Ok(())
    }
}

fn message(text: &str) -> Result<Message, String> {
    if text.is_empty() {
        return Ok(Message::Any);
    }
    if let Some(pattern) = text.strip_prefix("regex:") {
        return compile(pattern.trim()).map(Message::Matching);
    }
    let message = text.strip_prefix("msg:").ok_or("write msg: or regex: before a message")?;
    Ok(Message::Exactly(message.trim().to_owned()))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string())
}

/// A time or a step; a number without a unit is 0 or seconds.
fn parse_time(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let millis =
        parse_duration(digits).or_else(|| digits.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1000)));
    millis.map(|millis| sign * millis).ok_or_else(|| format!("{text:?} is not a time, such as 1m30s"))
}
