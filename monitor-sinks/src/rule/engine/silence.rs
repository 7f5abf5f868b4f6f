//! Silences: who is not told of what, for how long.
//!
//! A silence keeps messages back, never alerts: these live on and are listed. Who was told that an alert fires is told of
//! its end all the same; who was not told of it is not told of its end.

use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    notify::Severity,
    promql::{Labels, Matcher, selector},
};

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Silence {
    /// Its number, by which it is ended early.
    pub id: i64,
    /// Which alerts it is for: a selector of PromQL such as `high_cpu{host="a"}`, with the name of a rule in front, the
    /// labels of alerts, and `severity`.
    pub matchers: String,
    /// When it ends, in milliseconds since 1970; without one it ends as soon as no alert that it is for is active.
    pub until_ms: Option<i64>,
    /// Who wants it.
    pub by: String,
    /// What for.
    pub comment: String,
    /// When it began, in milliseconds since 1970.
    pub since_ms: i64,
}

/// A silence, ready to be compared.
#[derive(Debug)]
pub(super) struct Silencer {
    pub(super) silence: Silence,
    matchers: Vec<Matcher>,
}

impl Silencer {
    /// Reads the matchers of a silence.
    pub(super) fn new(silence: Silence) -> Result<Self, Error> {
        let matchers = read(&silence.matchers)?;
        Ok(Self { silence, matchers })
    }

    /// Whether it is for an alert.
    pub(super) fn is_for(&self, subject: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(subject))
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self, wall_ms: i64) -> bool {
        self.silence.until_ms.is_some_and(|until| until <= wall_ms)
    }
}

/// Reads which alerts a silence is for.
pub(super) fn read(matchers: &str) -> Result<Vec<Matcher>, Error> {
    selector(matchers).map_err(|error| {
        Error::setting(format!(
            "`{matchers}` does not say which alerts to silence: {error}; write `high_cpu` or `{{host=\"a\"}}`"
        ))
    })
}

/// What silences compare with: the labels of an alert, its rule as the name, and its severity.
pub(super) fn subject(rule: &str, labels: &Labels, severity: Option<Severity>) -> Labels {
    let labels = labels.with("__name__", rule);
    severity.map_or_else(|| labels.clone(), |severity| labels.with("severity", severity.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silencer(matchers: &str, until_ms: Option<i64>) -> Silencer {
        let text = String::new;
        let silence =
            Silence { id: 1, matchers: matchers.to_owned(), until_ms, by: text(), comment: text(), since_ms: 0 };
        Silencer::new(silence).unwrap()
    }

    #[test]
    fn a_silence_is_for_a_rule_for_labels_and_for_a_severity() {
        let alert = subject("high_cpu", &Labels::new([("host", "a")]), Some(Severity::High));
        for (matchers, wanted) in [
            ("high_cpu", true),
            ("low_disk", false),
            ("{host=\"a\"}", true),
            ("{host=~\"b|c\"}", false),
            ("high_cpu{severity=\"high\"}", true),
            ("{severity!=\"high\", host=\"a\"}", false),
        ] {
            assert_eq!(silencer(matchers, None).is_for(&alert), wanted, "{matchers}");
        }
        assert!(silencer("high_cpu", Some(5)).is_over(5) && !silencer("high_cpu", Some(5)).is_over(4));
        let error = read("high cpu").unwrap_err();
        assert!(error.to_string().contains("which alerts to silence"), "{error}");
    }
}
