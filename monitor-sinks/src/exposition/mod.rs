//! The Prometheus text format, version 0.0.4, and OpenMetrics text, a line at a time.
//!
//! Both are lines of the same shape, so one reader serves both: what may follow each other, and what a line means for a
//! store, is decided by who asks. The reader takes any text and answers with what the line says or with what is wrong
//! with it and what to do. It never panics, looks at each byte a bounded number of times, and makes nothing that is
//! larger than the line.
//!
//! Values and instants are handed out as text, so that whole numbers beyond 2^53 stay exact and the unit of instants
//! (milliseconds in one format, seconds in the other) can be decided later.

use std::{iter::Peekable, str::Chars};

use monitor_core::{MAX_NAME, MAX_TAG_VALUE, MetricKind, SeriesKey};

/// How many characters of a text a message shows.
const SHOWN: usize = 60;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line<'a> {
    /// Nothing, or something for people.
    Blank,
    /// What a metric is; `None` if that is not known.
    Type { name: &'a str, kind: Option<Type> },
    /// A description, as it is written.
    Help { name: &'a str, text: &'a str },
    /// The unit of a metric.
    Unit { name: &'a str, unit: &'a str },
    /// The end of an OpenMetrics text.
    End,
    /// A value.
    Sample(Sample<'a>),
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'a> {
    pub(crate) name: &'a str,
    pub(crate) labels: Labels,
    pub(crate) value: &'a str,
    pub(crate) timestamp: Option<&'a str>,
}

/// Keys and values.
pub(crate) type Labels = Vec<(String, String)>;

/// What a metric is declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl<'a> Line<'a> {
    /// Reads one line, with or without its end.
    pub(crate) fn read(line: &'a str) -> Result<Self, String> {
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        match line.strip_prefix('#') {
            Some(comment) => Self::comment(comment),
            None if line.is_empty() => Ok(Self::Blank),
            None => Sample::read(line).map(Self::Sample),
        }
    }

    fn comment(comment: &'a str) -> Result<Self, String> {
        let mut words = comment.split_ascii_whitespace();
        match words.next() {
            Some("TYPE") => {
                let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
                    return Err(String::from("a type is declared as `# TYPE name counter`, with nothing after it"));
                };
                check_name(name)?;
                Ok(Self::Type { name, kind: Type::of(kind)? })
            }
            Some("UNIT") => match (words.next(), words.next(), words.next()) {
                (Some(name), unit, None) => {
                    check_name(name)?;
                    Ok(Self::Unit { name, unit: unit.unwrap_or_default() })
                }
                _ => Err(String::from("a unit is declared as `# UNIT name unit`, with nothing after it")),
            },
            Some("HELP") => Ok(help(comment).map_or(Self::Blank, |(name, text)| Self::Help { name, text })),
            Some("EOF") if words.next().is_none() => Ok(Self::End),
            _ => Ok(Self::Blank),
        }
    }
}

/// The name and the text of a description. Nothing depends on it, so that a malformed one is for people.
fn help(comment: &str) -> Option<(&str, &str)> {
    let described = comment.trim_start_matches([' ', '\t']).strip_prefix("HELP")?.trim_start_matches([' ', '\t']);
    described.split_once([' ', '\t'])
}

impl Type {
    /// `None` for metrics of which nothing is known, and for kinds of OpenMetrics whose samples are plain values.
    fn of(word: &str) -> Result<Option<Self>, String> {
        match word {
            "counter" => Ok(Some(Self::Counter)),
            "gauge" => Ok(Some(Self::Gauge)),
            "histogram" => Ok(Some(Self::Histogram)),
            "summary" => Ok(Some(Self::Summary)),
            "untyped" | "unknown" | "info" | "stateset" | "gaugehistogram" => Ok(None),
            other => Err(format!("`{}` is no type; write counter, gauge, histogram, summary or untyped", shown(other))),
        }
    }
}

impl<'a> Sample<'a> {
    /// `name{key="value",...} value [instant] [# exemplar]`.
    fn read(line: &'a str) -> Result<Self, String> {
        let end = line.find(|c: char| !is_name(c)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        check_name(name)?;
        let rest = rest.trim_start_matches([' ', '\t']);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inner) => labels(inner)?,
            None => (Vec::new(), rest),
        };
        // Exemplars name single requests, which a store of totals has no place for.
        let rest = rest.split_once(" # ").map_or(rest, |(value, _)| value);
        let mut words = rest.split_ascii_whitespace();
        let value = words.next().ok_or_else(|| format!("`{name}` has no value; write one after it"))?;
        let timestamp = words.next();
        if words.next().is_some() {
            return Err(String::from("there is something after the value and its timestamp; remove it"));
        }
        Ok(Self { name, labels, value, timestamp })
    }
}

/// The key of a series. Labels are sorted and checked; `most` of them are allowed. The label `service` names the service,
/// as it does everywhere else, and the end of the name its unit.
pub(crate) fn series_key(name: &str, kind: MetricKind, mut labels: Labels, most: usize) -> Result<SeriesKey, String> {
    labels.sort();
    if let Some(pair) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("label `{}` is given twice; keep one of the two", pair[0].0));
    }
    if labels.len() > most {
        return Err(format!("there are {} labels; at most {most} are kept apart", labels.len()));
    }
    // An empty label is the same as none.
    labels.retain(|label| !label.1.is_empty());
    let service = labels.iter().position(|label| label.0 == "service").map(|place| labels.remove(place).1);
    if service.as_ref().is_some_and(|service| service.len() > MAX_NAME) {
        return Err(format!("the service is longer than {MAX_NAME} bytes; shorten it"));
    }
    let base = name.strip_suffix("_total").unwrap_or(name);
    let unit = ["seconds", "bytes"].into_iter().find(|unit| base.ends_with(unit)).unwrap_or_default();
    Ok(SeriesKey { name: name.to_owned(), kind, unit: unit.to_owned(), service, labels })
}

/// The labels after the opening brace, and what comes after the closing one.
fn labels(inner: &str) -> Result<(Labels, &str), String> {
    const FORM: &str = "labels are written {key=\"value\",other=\"value\"}";
    let mut labels = Vec::new();
    let mut rest = inner.trim_start_matches([' ', '\t']);
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let end = rest.find(|c: char| !is_label(c)).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        check_label(key).map_err(|what| if key.is_empty() { FORM.to_owned() } else { what })?;
        let after = after.trim_start_matches([' ', '\t']).strip_prefix('=').ok_or(FORM)?;
        let after = after.trim_start_matches([' ', '\t']).strip_prefix('"').ok_or(FORM)?;
        let (value, after) = quoted(after)?;
        if value.len() > MAX_TAG_VALUE {
            return Err(format!("the value of label `{key}` is longer than {MAX_TAG_VALUE} bytes; shorten it"));
        }
        labels.push((key.to_owned(), value));
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start_matches([' ', '\t']),
            None if after.starts_with('}') => after,
            None => return Err(FORM.to_owned()),
        };
    }
}

/// The text up to the next quote that is not escaped, and what comes after it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest: Peekable<Chars<'_>> = text.chars().peekable();
    let mut length = 0;
    while let Some(c) = rest.next() {
        length += c.len_utf8();
        match c {
            '"' => return Ok((value, &text[length..])),
            '\\' => {
                let escaped = rest.next_if(|next| matches!(next, '\\' | '"' | 'n')).ok_or(
                    "after a backslash in a label's value comes a backslash, a quote or n; write \\\\ for a backslash",
                )?;
                length += 1;
                value.push(if escaped == 'n' { '\n' } else { escaped });
            }
            c => value.push(c),
        }
    }
    Err(String::from("the value of a label has no closing quote; add it"))
}

/// The number that `text` is.
pub(crate) fn number_of(text: &str) -> Result<f64, String> {
    // The words for what is no finite number are read by the standard library as they are written by others.
    let number: f64 =
        text.parse().map_err(|_| format!("`{}` is no number; write one such as 17 or 2.5e3", shown(text)))?;
    if number.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "`{}` is beyond the largest number, 1.8e308; write +Inf or -Inf if that is meant",
            shown(text)
        ));
    }
    Ok(number)
}

/// Refuses what is no name of a metric.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_start = |c: char| is_name(c) && !c.is_ascii_digit();
    if !name.starts_with(is_start) || !name.chars().all(is_name) {
        return Err(String::from(
            "a metric's name begins with a letter or `_` and goes on with these, digits and `:`; a line is \
             `name{key=\"value\"} 17`, a comment begins with #",
        ));
    }
    if name.len() > MAX_NAME {
        return Err(format!("the name is longer than {MAX_NAME} bytes; shorten it"));
    }
    Ok(())
}

fn check_label(key: &str) -> Result<(), String> {
    if key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) || key.len() > MAX_NAME {
        return Err(format!("`{}` is no name of a label; use letters, digits and `_`", shown(key)));
    }
    if key.starts_with("__") {
        return Err(format!("`{}`: labels that begin with two underscores are reserved; rename it", shown(key)));
    }
    Ok(())
}

const fn is_name(c: char) -> bool {
    is_label(c) || c == ':'
}

const fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A text as a message shows it: cut, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_default).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(line: &str) -> Sample<'_> {
        match Line::read(line) {
            Ok(Line::Sample(sample)) => sample,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_of_both_formats_are_told_apart() {
        assert_eq!(Line::read("# TYPE a counter\n"), Ok(Line::Type { name: "a", kind: Some(Type::Counter) }));
        assert_eq!(Line::read("# TYPE a info"), Ok(Line::Type { name: "a", kind: None }));
        assert_eq!(Line::read("# UNIT a_seconds seconds"), Ok(Line::Unit { name: "a_seconds", unit: "seconds" }));
        assert_eq!(Line::read("# HELP a Two  words.\n"), Ok(Line::Help { name: "a", text: "Two  words." }));
        assert_eq!(Line::read("# EOF\n"), Ok(Line::End));
        assert_eq!(Line::read("# EOF of what"), Ok(Line::Blank));
        assert_eq!(Line::read("#"), Ok(Line::Blank));
        assert_eq!(Line::read(" \r\n"), Ok(Line::Blank));
    }

    #[test]
    fn numbers_are_those_of_the_formats() {
        for (text, wanted) in [("17", 17.0), ("-2.5e3", -2500.0), ("+Inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY)]
        {
            assert_eq!(number_of(text), Ok(wanted), "{text}");
        }
        assert!(number_of("NaN").unwrap().is_nan());
        for (text, wanted) in [("1e999", "beyond"), ("-1e999", "beyond"), ("", "no number"), ("1,5", "no number")] {
            assert!(number_of(text).unwrap_err().contains(wanted), "{text}");
        }
    }

    #[test]
    fn values_and_instants_stay_as_they_are_written_and_exemplars_are_left_out() {
        let plain = sample("a{x=\"1 # 2\"} 9007199254740993 1700000000.123");
        assert_eq!((plain.value, plain.timestamp), ("9007199254740993", Some("1700000000.123")));
        assert_eq!(plain.labels, [(String::from("x"), String::from("1 # 2"))]);
        let exemplar = sample("a_bucket{le=\"+Inf\"} 17 1.5 # {trace=\"ab\"} 0.4 1.4");
        assert_eq!((exemplar.value, exemplar.timestamp), ("17", Some("1.5")));
        assert_eq!(sample("a 17 # {trace=\"ab\"} 0.4").timestamp, None);
    }
}
