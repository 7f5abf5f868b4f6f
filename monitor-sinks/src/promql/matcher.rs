//! Conditions on labels.
//!
//! Regular expressions are those of Prometheus (RE2): anchored at both ends, `.` matches a line break, `\d`, `\w` and
//! `\s` know ASCII only, and a brace that begins no repetition stands for itself. They are matched in linear time, and
//! their compiled size is bounded in proportion to their text.

use regex::{Regex, RegexBuilder};

use super::labels::{Labels, NAME};

/// A condition on the value of one label; a label that is not there has the empty value.
///
/// ```
/// use monitor_sinks::promql::{MatchOp, Matcher};
///
/// let matcher = Matcher::new(MatchOp::Regex, "outcome", "ok|error").unwrap();
/// assert!(matcher.matches("ok"));
/// assert!(!matcher.matches("okay"));
/// ```
#[derive(Debug, Clone)]
pub struct Matcher {
    pub(crate) label: String,
    pub(crate) op: MatchOp,
    pub(crate) value: String,
    regex: Option<Regex>,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the whole value matches a regular expression.
    Regex,
    /// `!~`
    NotRegex,
}

impl Matcher {
    /// A condition on `label`.
    ///
    /// # Errors
    ///
    /// Says what is wrong if `value` must be a regular expression and is none, or is one that compiles to too much.
    pub fn new(op: MatchOp, label: &str, value: &str) -> Result<Self, String> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(compile(value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self { label: label.to_owned(), op, value: value.to_owned(), regex })
    }

    /// The condition that a metric has this name.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self { label: NAME.to_owned(), op: MatchOp::Equal, value: name.to_owned(), regex: None }
    }

    /// A condition that is only written down, and checked by whoever reads it.
    pub(crate) fn unchecked(op: MatchOp, label: &str, value: &str) -> Self {
        Self { label: label.to_owned(), op, value: value.to_owned(), regex: None }
    }

    /// The label that is compared.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How it is compared.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it is compared with.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether `value` meets the condition.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => self.value == value,
            (MatchOp::NotEqual, _) => self.value != value,
            (MatchOp::Regex, regex) => regex.as_ref().is_some_and(|regex| regex.is_match(value)),
            (MatchOp::NotRegex, regex) => !regex.as_ref().is_some_and(|regex| regex.is_match(value)),
        }
    }

    /// Whether the value of its label in `labels` meets the condition.
    #[must_use]
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.label).unwrap_or_default())
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.label, &self.value) == (other.op, &other.label, &other.value)
    }
}

impl MatchOp {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// Compiles a regular expression of PromQL, anchored.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    // Enough for any list of names and some classes; `(a{1000}){1000}` is not.
    let limit = (256 << 10) + 128 * pattern.len();
    RegexBuilder::new(&format!("^(?s:{})$", translated(pattern)))
        .size_limit(limit)
        .dfa_size_limit(limit)
        .nest_limit(100)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("regular expression {pattern:?} compiles to too much; shorten it")
            }
            _ => format!("invalid regular expression {pattern:?}"),
        })
}

/// The pattern in the dialect of the crate regex.
fn translated(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.char_indices();
    let mut in_class = false;
    while let Some((at, c)) = chars.next() {
        let rest = &pattern[at + c.len_utf8()..];
        match c {
            '\\' => match chars.next() {
                Some((_, 'd')) => text += "[0-9]",
                Some((_, 'D')) => text += "[^0-9]",
                Some((_, 'w')) => text += "[0-9A-Za-z_]",
                Some((_, 'W')) => text += "[^0-9A-Za-z_]",
                Some((_, 's')) => text += "[\\t\\n\\f\\r ]",
                Some((_, 'S')) => text += "[^\\t\\n\\f\\r ]",
                escaped => text.extend(['\\'].into_iter().chain(escaped.map(|(_, c)| c))),
            },
            '[' if !in_class => {
                in_class = true;
                text.push('[');
                // A bracket that closes at once stands for itself.
                for first in ["^]", "]", "^"] {
                    if rest.starts_with(first) {
                        text += &first.replace(']', "\\]");
                        chars.by_ref().take(first.len()).for_each(drop);
                        break;
                    }
                }
            }
            '[' if rest.starts_with(':') => {
                let class = rest.find(":]").map_or(0, |end| end + 2);
                text.push('[');
                text += &rest[..class];
                chars.by_ref().take(rest[..class].chars().count()).for_each(drop);
            }
            ']' if in_class => {
                in_class = false;
                text.push(']');
            }
            '[' | '&' | '~' if in_class => text.extend(['\\', c]),
            '{' if !in_class && !is_repetition(rest) => text += "\\{",
            c => text.push(c),
        }
    }
    text
}

/// Whether what follows a brace makes it a repetition: `3}`, `3,}` or `3,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
        None => is_number(inside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Matcher::new(MatchOp::Regex, "a", pattern).unwrap_or_else(|error| panic!("{error}")).matches(value)
    }

    #[test]
    fn regular_expressions_are_those_of_re2() {
        for (pattern, yes, no) in [
            ("a|b", "b", "ab"),
            ("a.b", "a\nb", "acb "),
            ("\\d+", "12", "\u{0663}"),
            ("[\\w-]+", "a-1", "é"),
            ("a{b}", "a{b}", "ab"),
            ("a{2,}", "aaa", "a"),
            ("{}", "{}", ""),
            ("[[:alpha:][]+", "a[", "1"),
            ("[]a]", "]", "b"),
            ("[a&&b]", "&", "c"),
            ("(?i)ok", "OK", "no"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }

    #[test]
    fn bombs_and_nonsense_are_refused() {
        for pattern in ["(((a{100}){100}){100})", "(", "[", "a{1001}{1001}", "*", "\\", "(?P<n"] {
            assert!(Matcher::new(MatchOp::Regex, "a", pattern).is_err(), "{pattern}");
        }
        assert!(Matcher::new(MatchOp::Regex, "a", &"(".repeat(60_000)).is_err());
        assert!(matches(&vec!["some-instance.example.com:9100"; 2000].join("|"), "some-instance.example.com:9100"));
    }

    #[test]
    fn a_missing_label_is_empty() {
        let labels = Labels::new([("a", "1")]);
        assert!(Matcher::new(MatchOp::NotEqual, "b", "x").unwrap().matches_labels(&labels));
        assert!(Matcher::new(MatchOp::Equal, "b", "").unwrap().matches_labels(&labels));
        assert!(!Matcher::new(MatchOp::NotRegex, "a", "1").unwrap().matches_labels(&labels));
    }
}
