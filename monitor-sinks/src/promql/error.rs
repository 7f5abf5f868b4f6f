//! What can go wrong with a question, in one opaque type.
//!
//! A mistake in the text names its place as `line:column` and, where a word was meant that exists, the nearest one.
//! What fails while an expression is evaluated carries the words of Prometheus, because programs compare them.

use std::{error, fmt, sync::Arc, time::Duration};

use super::syntax::Span;

/// A question that could not be answered.
///
/// ```
/// use monitor_sinks::promql::{Memory, Query};
///
/// let error = Query::new(&Memory::new(), "sum(raet(calls_total[5m]))").at(0).unwrap_err();
/// assert!(error.is_syntax());
/// assert_eq!(error.position(), Some((1, 5)));
/// assert_eq!(error.to_string(), "1:5: unknown function `raet`; did you mean `rate`?");
/// ```
#[derive(Clone)]
pub struct Error {
    kind: Box<Kind>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Syntax { message: String, span: Span, place: (usize, usize) },
    UnknownName { message: String, span: Span, place: (usize, usize) },
    TooLarge { message: String },
    TooManySamples,
    TooLate,
    Evaluation { message: String },
    Setting { message: String },
    Source { source: Arc<dyn error::Error + Send + Sync> },
}

impl Error {
    /// Whether the text is not PromQL: a mistake of grammar, of types, or a name that does not exist.
    #[must_use]
    pub fn is_syntax(&self) -> bool {
        matches!(*self.kind, Kind::Syntax { .. })
    }

    /// Whether the text names a metric that there is none of. Only who knows all metrics can tell; see
    /// [`check_names`](super::check_names).
    #[must_use]
    pub fn is_unknown_name(&self) -> bool {
        matches!(*self.kind, Kind::UnknownName { .. })
    }

    /// Whether a limit was hit: of the text, of nesting, of steps, of samples.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(*self.kind, Kind::TooLarge { .. } | Kind::TooManySamples)
    }

    /// Whether the deadline passed before the answer was complete.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(*self.kind, Kind::TooLate)
    }

    /// Whether the expression is sound, but the data it met has no answer, such as two series for one label set.
    #[must_use]
    pub fn is_evaluation(&self) -> bool {
        matches!(*self.kind, Kind::Evaluation { .. })
    }

    /// Whether an instant, a step or a limit given with the question makes no sense.
    #[must_use]
    pub fn is_invalid_setting(&self) -> bool {
        matches!(*self.kind, Kind::Setting { .. })
    }

    /// Whether the data could not be read. [`source`](error::Error::source) says why.
    #[must_use]
    pub fn is_source(&self) -> bool {
        matches!(*self.kind, Kind::Source { .. })
    }

    /// The place of a mistake in the text, as line and column in bytes, both counted from 1.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        match *self.kind {
            Kind::Syntax { place, .. } | Kind::UnknownName { place, .. } => Some(place),
            _ => None,
        }
    }

    /// A failure of a source of data, to be returned from [`Source::select`](super::Source::select).
    pub fn from_source(source: impl error::Error + Send + Sync + 'static) -> Self {
        Kind::Source { source: Arc::new(source) }.into()
    }

    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Kind::Syntax { message: message.into(), span, place: (1, 1) }.into()
    }

    pub(crate) fn unknown_name(span: Span, message: impl Into<String>) -> Self {
        Kind::UnknownName { message: message.into(), span, place: (1, 1) }.into()
    }

    pub(crate) fn evaluation(message: impl Into<String>) -> Self {
        Kind::Evaluation { message: message.into() }.into()
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Kind::TooLarge { message: message.into() }.into()
    }

    pub(crate) fn setting(message: impl Into<String>) -> Self {
        Kind::Setting { message: message.into() }.into()
    }

    /// Says where in `text` the mistake is; before, only its offset is known.
    pub(crate) fn located_in(mut self, text: &str) -> Self {
        if let Kind::Syntax { span, place, .. } | Kind::UnknownName { span, place, .. } = &mut *self.kind {
            *place = span.place_in(text);
        }
        self
    }

    /// Two series of an answer would have one label set.
    pub(crate) fn same_labels() -> Self {
        Self::evaluation("vector cannot contain metrics with the same labelset")
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind: Box::new(kind) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Kind::Syntax { message, place: (line, column), .. }
            | Kind::UnknownName { message, place: (line, column), .. } => write!(f, "{line}:{column}: {message}"),
            Kind::TooLarge { message } | Kind::Evaluation { message } | Kind::Setting { message } => {
                f.write_str(message)
            }
            Kind::TooManySamples => {
                f.write_str("query processing would load too many samples into memory in query execution")
            }
            Kind::TooLate => f.write_str("query timed out in expression evaluation"),
            Kind::Source { source } => write!(f, "cannot read the data: {source}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &*self.kind {
            Kind::Source { source } => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// `; did you mean ...?` with the name nearest to `wanted`, or nothing.
pub(crate) fn hint<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    match crate::util::distance::nearest(wanted, names, 1).first() {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

/// How a duration is written in messages, as in PromQL.
pub(crate) fn seconds(duration: Duration) -> String {
    super::syntax::duration_text(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
