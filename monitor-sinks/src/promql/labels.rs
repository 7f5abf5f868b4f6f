//! Label sets: what tells one series from another.

use std::{fmt, sync::Arc};

use super::syntax::{is_label_name, quote};

/// The label that holds the name of a metric.
pub(crate) const NAME: &str = "__name__";
/// The label of the upper bound of a classic bucket.
pub(crate) const BUCKET: &str = "le";
/// Labels that describe a metric; they go when a value becomes another quantity.
const METADATA: [&str; 3] = [NAME, "__type__", "__unit__"];

/// The labels of a series, its name among them as `__name__`, ordered by label.
///
/// A label with an empty value is the same as none, and is not kept. A clone costs one count; comparing and looking up
/// cost as much as the labels are long.
///
/// ```
/// use monitor_sinks::promql::Labels;
///
/// let labels = Labels::new([("__name__", "calls_total"), ("outcome", "ok"), ("spare", "")]);
/// assert_eq!(labels.get("outcome"), Some("ok"));
/// assert_eq!(labels.to_string(), r#"{__name__="calls_total", outcome="ok"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

type Label = (Arc<str>, Arc<str>);

impl Labels {
    /// Label and value pairs in any order. Of a label that comes twice, the last value counts.
    pub fn new<L: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (L, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(label, value)| (Arc::from(label.as_ref()), Arc::from(value.as_ref())));
        Self::from_pairs(pairs.collect())
    }

    /// No labels at all.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<&str> {
        self.0.binary_search_by(|(name, _)| (**name).cmp(label)).ok().map(|at| &*self.0[at].1)
    }

    /// The name of the metric; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.get(NAME).unwrap_or_default()
    }

    /// Labels and values, ordered by label.
    #[must_use = "iterators do nothing unless they are asked"]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(label, value)| (&**label, &**value))
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels with one set to `value`, or removed if `value` is empty.
    #[must_use]
    pub fn with(&self, label: &str, value: &str) -> Self {
        let rest = self.0.iter().filter(|(name, _)| **name != *label).cloned();
        Self::from_pairs(rest.chain([(Arc::from(label), Arc::from(value))]).collect())
    }

    /// The labels for which `keep` says so.
    pub(crate) fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(label, _)| keep(label)) {
            return self.clone();
        }
        Self(self.0.iter().filter(|(label, _)| keep(label)).cloned().collect())
    }

    /// Only these labels.
    pub(crate) fn only(&self, labels: &[String]) -> Self {
        self.filter(|label| labels.iter().any(|listed| listed == label))
    }

    /// All labels but these.
    pub(crate) fn without(&self, labels: &[String]) -> Self {
        self.filter(|label| labels.iter().all(|listed| listed != label))
    }

    /// All labels but the name, the type and the unit of the metric.
    pub(crate) fn without_name(&self) -> Self {
        self.filter(|label| !METADATA.contains(&label))
    }

    fn from_pairs(mut pairs: Vec<Label>) -> Self {
        pairs.reverse();
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        pairs.retain(|(_, value)| !value.is_empty());
        Self(pairs.into())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (label, value)) in self.iter().enumerate() {
            let label = if is_label_name(label) { label.to_owned() } else { quote(label) };
            write!(f, "{}{label}={}", if at == 0 { "" } else { ", " }, quote(value))?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_ordered_and_the_last_of_two_values_counts() {
        let labels = Labels::new([("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="2", b="3"}"#);
        assert_eq!(labels.with("a", "").with("d", "4").to_string(), r#"{b="3", d="4"}"#);
        assert_eq!(labels.get("c"), None);
    }
}
