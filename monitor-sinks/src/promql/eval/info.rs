//! `info`: adds labels of info metrics, such as `target_info`, to the series that they are about.
//!
//! An info series is about all series with the same `instance` and `job`. Of several at one instant, the newest sample
//! counts.

use std::collections::BTreeMap;

use super::{
    Context, Node, Sample, Table, Vector,
    selector::Selector,
    table::{Meta, Once},
};
use crate::promql::{
    error::Error,
    labels::{Labels, NAME},
    matcher::Matcher,
};

/// The labels by which an info series belongs to others.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// A vector with labels of info series.
pub(super) struct WithInfo {
    inner: Box<dyn Node>,
    infos: Selector,
    /// Conditions on the names of info metrics.
    names: Vec<Matcher>,
    /// Conditions on the labels that are added; without any, all labels are added.
    data: Vec<Matcher>,
    table: Table,
    seen: Once,
}

/// The newest info series, by name and by the labels that identify.
type Infos = BTreeMap<(Labels, String), (i64, Labels)>;

impl WithInfo {
    /// Splits the conditions of the second argument into those on names and those on labels.
    pub(super) fn conditions(matchers: &[Matcher]) -> (Vec<Matcher>, Vec<Matcher>) {
        let (mut names, data): (Vec<_>, Vec<_>) = matchers.iter().cloned().partition(|matcher| matcher.label == NAME);
        if names.is_empty() {
            names.push(Matcher::name("target_info"));
        }
        (names, data)
    }

    pub(super) fn new(inner: Box<dyn Node>, infos: Selector, names: Vec<Matcher>, data: Vec<Matcher>) -> Self {
        Self { inner, infos, names, data, table: Table::default(), seen: Once::default() }
    }

    fn newest(&mut self, at: i64, context: &mut Context) -> Result<Infos, Error> {
        let mut infos = Infos::new();
        for (time, sample) in self.infos.newest(at, context)? {
            let labels = self.infos.series().labels(sample.id).clone();
            if sample.value.as_float().is_none() {
                let message = format!("this should be an info metric, with float samples: {labels}");
                return Err(Error::evaluation(message));
            }
            let key = (identity(&labels), labels.name().to_owned());
            match infos.get(&key) {
                Some((newer, _)) if *newer > time => {}
                Some((same, existing)) if *same == time => {
                    return Err(Error::evaluation(format!(
                        "found duplicate series for info metric: existing {existing} @ {time}, new {labels} @ {time}"
                    )));
                }
                _ => drop(infos.insert(key, (time, labels))),
            }
        }
        Ok(infos)
    }

    /// The labels of a series with what its info series add; `None` if it must have one and has none.
    fn labels(&self, labels: &Labels, infos: &Infos) -> Result<Option<Labels>, Error> {
        let identity = identity(labels);
        let own = infos.range((identity.clone(), String::new())..).take_while(|(key, _)| key.0 == identity);
        let mut added: BTreeMap<&str, &str> = BTreeMap::new();
        let mut found = false;
        for (_, (_, info)) in own.filter(|_| !identity.is_empty()) {
            found = true;
            for (label, value) in info.iter().filter(|(label, _)| *label != NAME && self.is_wanted(label)) {
                if added.get(label).is_some_and(|first| *first != value) {
                    return Err(Error::evaluation(format!("conflicting label: {label}")));
                }
                if labels.get(label).is_none() {
                    added.insert(label, value);
                }
            }
        }
        if !found && !self.data.iter().all(|matcher| matcher.matches("")) {
            return Ok(None);
        }
        Ok(Some(added.into_iter().fold(labels.clone(), |labels, (label, value)| labels.with(label, value))))
    }

    fn is_wanted(&self, label: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|matcher| matcher.label == label)
    }
}

impl Node for WithInfo {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        let vector = self.inner.eval(at, context)?;
        let infos = self.newest(at, context)?;
        self.seen.begin();
        let mut result = Vec::with_capacity(vector.len());
        for sample in vector {
            let meta = self.inner.series().get(sample.id).clone();
            // Info metrics themselves are left alone.
            let is_info = self.names.iter().all(|matcher| matcher.matches(meta.labels.name()));
            let labels = if is_info { Some(meta.labels) } else { self.labels(&meta.labels, &infos)? };
            let Some(labels) = labels else { continue };
            let id = self.table.intern(Meta { labels, drop_name: meta.drop_name });
            if !self.seen.is_first(id) {
                return Err(Error::same_labels());
            }
            result.push(Sample { id, ..sample });
        }
        context.pass(&result)?;
        Ok(result)
    }

    fn series(&self) -> &Table {
        &self.table
    }
}

fn identity(labels: &Labels) -> Labels {
    labels.filter(|label| IDENTIFYING.contains(&label))
}
