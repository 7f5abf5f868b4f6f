//! What a metric, a unit and a tag may be called, and the error that says so.
//!
//! The rules are those of Prometheus (data model, "Metric names and labels") with lengths that keep a store readable.
//! They are `const`, so that a wrong name in a `static` or in a macro does not compile.

use std::fmt;

/// The longest name of a metric, a service or a tag, in bytes.
pub const MAX_NAME: usize = 200;
/// The longest value of a tag, in bytes; longer ones are cut, with a hash of the whole at their end.
pub const MAX_TAG_VALUE: usize = 1024;
/// The most tags of a series.
pub const MAX_TAGS: usize = 16;
/// The longest unit, in bytes.
pub const MAX_UNIT: usize = 32;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    TooLong,
    BadStart,
    BadByte(usize),
    Reserved,
    Own,
}

impl Fault {
    /// For a compile-time error, which cannot format.
    #[must_use]
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Empty => "the name is empty",
            Self::TooLong => "the name is longer than 200 bytes (a unit: 32)",
            Self::BadStart => "the name starts with something else than a letter or `_`",
            Self::BadByte(_) => "the name holds something else than letters, digits, `_` and `:` (tags: no `:`)",
            Self::Own => {
                "the name is one that the monitor records under itself (`monitored_...`, `function_calls_...`)"
            }
            Self::Reserved => "the name is reserved: `__...`, `le` and `quantile` belong to the query language",
        }
    }
}

/// Checks the name of a user's metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`, at most [`MAX_NAME`] bytes, not one of the monitor's
/// own.
pub(crate) const fn check_metric(name: &str) -> Result<(), Fault> {
    match check(name, true, MAX_NAME) {
        Ok(()) if is_own(name.as_bytes()) => Err(Fault::Own),
        checked => checked,
    }
}

/// Checks the key of a tag: `[a-zA-Z_][a-zA-Z0-9_]*`, at most [`MAX_NAME`] bytes, not `__...`, `le` or `quantile`.
pub(crate) const fn check_tag_key(key: &str) -> Result<(), Fault> {
    match check(key, false, MAX_NAME) {
        Ok(()) if is_reserved(key.as_bytes()) => Err(Fault::Reserved),
        checked => checked,
    }
}

/// Checks a unit: empty, or letters, digits, `_`, `/`, `%` and `.`, at most [`MAX_UNIT`] bytes.
pub(crate) const fn check_unit(unit: &str) -> Result<(), Fault> {
    let bytes = unit.as_bytes();
    if bytes.len() > MAX_UNIT {
        return Err(Fault::TooLong);
    }
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'/' | b'%' | b'.')) {
            return Err(Fault::BadByte(at));
        }
        at += 1;
    }
    Ok(())
}

/// Checks the name of a service: anything readable, not empty, at most [`MAX_NAME`] bytes.
pub(crate) const fn check_service(service: &str) -> Result<(), Fault> {
    let bytes = service.as_bytes();
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > MAX_NAME {
        return Err(Fault::TooLong);
    }
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_control() {
            return Err(Fault::BadByte(at));
        }
        at += 1;
    }
    Ok(())
}

const fn check(name: &str, colon: bool, longest: usize) -> Result<(), Fault> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > longest {
        return Err(Fault::TooLong);
    }
    if !is_start(bytes[0], colon) {
        return Err(Fault::BadStart);
    }
    let mut at = 1;
    while at < bytes.len() {
        if !(is_start(bytes[at], colon) || bytes[at].is_ascii_digit()) {
            return Err(Fault::BadByte(at));
        }
        at += 1;
    }
    Ok(())
}

const fn is_start(byte: u8, colon: bool) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || (colon && byte == b':')
}

/// Whether a metric's name is one of the monitor's own, or of a monitored function's.
const fn is_own(name: &[u8]) -> bool {
    starts_with(name, b"monitored_") || starts_with(name, b"function_calls_") || starts_with(name, b"function_errors_")
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let mut at = 0;
    while at < start.len() {
        if at >= text.len() || text[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn is_reserved(key: &[u8]) -> bool {
    matches!(key, [b'_', b'_', ..] | b"le" | b"quantile")
}

/// A metric that cannot be registered as asked.
///
/// Says which name is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricError {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Name { what: &'static str, name: String, fault: Fault },
    TooManyTags { metric: String },
    TooManyMetrics { metric: String, limit: usize },
}

impl MetricError {
    pub(crate) fn name(what: &'static str, name: &str, fault: Fault) -> Self {
        Self { kind: Kind::Name { what, name: name.to_owned(), fault } }
    }

    pub(crate) fn too_many_tags(metric: &str) -> Self {
        Self { kind: Kind::TooManyTags { metric: metric.to_owned() } }
    }

    pub(crate) fn too_many_metrics(metric: &str, limit: usize) -> Self {
        Self { kind: Kind::TooManyMetrics { metric: metric.to_owned(), limit } }
    }

    /// Whether a name, unit, service or tag key is not allowed.
    #[must_use]
    pub const fn is_invalid_name(&self) -> bool {
        matches!(self.kind, Kind::Name { .. })
    }

    /// Whether the process has as many metrics as it may have.
    #[must_use]
    pub const fn is_too_many_metrics(&self) -> bool {
        matches!(self.kind, Kind::TooManyMetrics { .. })
    }
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Name { what, name, fault } => describe(f, what, name, *fault),
            Kind::TooManyTags { metric } => {
                write!(f, "metric `{metric}` has more than {MAX_TAGS} tags; keep those that queries select by")
            }
            Kind::TooManyMetrics { metric, limit } => write!(
                f,
                "metric `{metric}` is one more than the {limit} that a process may have; put what varies into tags, not \
                 into names"
            ),
        }
    }
}

impl std::error::Error for MetricError {}

fn describe(f: &mut fmt::Formatter<'_>, what: &str, name: &str, fault: Fault) -> fmt::Result {
    let shown: String = name.chars().take(60).collect();
    let shown = shown.escape_debug();
    match fault {
        Fault::Empty => write!(f, "the {what} is empty; give it a name such as `rows_loaded`"),
        Fault::TooLong => {
            let longest = if what == "unit" { MAX_UNIT } else { MAX_NAME };
            write!(f, "{what} `{shown}...` has {} bytes; at most {longest} are allowed", name.len())
        }
        Fault::BadStart => {
            write!(f, "{what} `{shown}` must start with a letter or `_`; write `{}`", repaired(name))
        }
        Fault::BadByte(at) => {
            let bad = name.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
            write!(f, "{what} `{shown}` has {bad:?} at byte {at}; write `{}`", repaired(name))
        }
        Fault::Own => write!(
            f,
            "{what} `{shown}` is one that the monitor records under itself (`monitored_...`, `function_calls_...`, \
             `function_errors_total`); choose another"
        ),
        Fault::Reserved => write!(f, "{what} `{shown}` is reserved for the query language; choose another"),
    }
}

/// The nearest allowed name.
fn repaired(name: &str) -> String {
    let mut fixed: String =
        name.chars().take(60).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if fixed.starts_with(|c: char| c.is_ascii_digit()) {
        fixed.insert(0, '_');
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_are_those_of_prometheus() {
        for good in ["rows_loaded", "_x", "a:b", "A9"] {
            assert_eq!(check_metric(good), Ok(()), "{good}");
        }
        assert_eq!(check_metric(""), Err(Fault::Empty));
        assert_eq!(check_metric("monitored_x_total"), Err(Fault::Own));
        assert_eq!(check_metric("function_calls_total"), Err(Fault::Own));
        assert_eq!(check_metric("9lives"), Err(Fault::BadStart));
        assert_eq!(check_metric("rows loaded"), Err(Fault::BadByte(4)));
        assert_eq!(check_metric("größe"), Err(Fault::BadByte(2)));
        assert_eq!(check_metric(&"x".repeat(MAX_NAME + 1)), Err(Fault::TooLong));
    }

    #[test]
    fn tag_keys_leave_the_query_language_its_words() {
        assert_eq!(check_tag_key("table"), Ok(()));
        assert_eq!(check_tag_key("a:b"), Err(Fault::BadByte(1)));
        assert_eq!(check_tag_key("__name__"), Err(Fault::Reserved));
        assert_eq!(check_tag_key("le"), Err(Fault::Reserved));
    }

    #[test]
    fn an_error_names_the_thing_the_place_and_the_cure() {
        let error = MetricError::name("metric name", "rows loaded", Fault::BadByte(4)).to_string();
        assert_eq!(error, "metric name `rows loaded` has ' ' at byte 4; write `rows_loaded`");
        let error = MetricError::name("metric name", &"x".repeat(999), Fault::TooLong).to_string();
        assert!(error.contains("has 999 bytes; at most 200"), "{error}");
    }
}
