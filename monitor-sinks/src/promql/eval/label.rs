//! `label_replace` and `label_join`: series under other labels.

use regex::Regex;

use super::{
    Context, Node, Table, Vector,
    table::{Meta, Once, Renaming},
};
use crate::promql::{
    error::Error,
    labels::{Labels, NAME},
    matcher::compile,
};

/// How a label is made from others.
pub(super) enum Rule {
    /// Of the value of `source`, if it matches.
    Replace { source: String, regex: Regex, replacement: String },
    /// The values of several labels in a row.
    Join { sources: Vec<String>, separator: String },
}

/// A vector with a label set by a rule.
pub(super) struct Relabeled {
    label: String,
    rule: Rule,
    inner: Box<dyn Node>,
    names: Renaming,
    seen: Once,
}

impl Rule {
    pub(super) fn replace(source: String, pattern: &str, replacement: String) -> Result<Self, Error> {
        let regex = compile(pattern)
            .map_err(|_| Error::evaluation(format!("invalid regular expression in label_replace(): {pattern}")))?;
        Ok(Self::Replace { source, regex, replacement })
    }

    /// The value of the label; `None` leaves it as it is.
    fn value(&self, labels: &Labels) -> Option<String> {
        let of = |label: &String| labels.get(label).unwrap_or_default();
        match self {
            Self::Replace { source, regex, replacement } => {
                let mut value = String::new();
                regex.captures(of(source))?.expand(replacement, &mut value);
                Some(value)
            }
            Self::Join { sources, separator } => Some(sources.iter().map(of).collect::<Vec<_>>().join(separator)),
        }
    }
}

impl Relabeled {
    pub(super) fn new(label: String, rule: Rule, inner: Box<dyn Node>) -> Self {
        Self { label, rule, inner, names: Renaming::default(), seen: Once::default() }
    }
}

impl Node for Relabeled {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let mut vector = self.inner.eval(at, context)?;
        self.seen.begin();
        for sample in &mut vector {
            sample.id = self.names.of(sample.id, self.inner.series(), |meta| match self.rule.value(&meta.labels) {
                // A name that is set on purpose stays.
                Some(value) => Meta {
                    labels: meta.labels.with(&self.label, &value),
                    drop_name: meta.drop_name && self.label != NAME,
                },
                None => meta.clone(),
            });
            if !self.seen.is_first(sample.id) {
                return Err(Error::same_labels());
            }
        }
        Ok(vector)
    }

    fn series(&self) -> &Table {
        &self.names.table
    }
}
