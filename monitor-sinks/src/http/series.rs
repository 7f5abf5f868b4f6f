//! What series there are: their labels, the values of these.

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{
    answer::{Answer, Failure},
    api::Question,
    json,
    parameter::Window,
};
use crate::promql::{Labels, Matcher, Select};

/// How many names, values or series an answer holds at most.
const MOST: usize = 100_000;

/// `/api/v1/labels`
pub(super) fn labels(question: &Question) -> Result<Answer, Failure> {
    let gather = |labels: &Labels, names: &mut BTreeSet<String>| {
        for (name, _) in labels.iter().filter(|(name, _)| !names.contains(*name)).collect::<Vec<_>>() {
            names.insert(name.to_owned());
        }
    };
    let (names, is_cut) = question.distinct(gather)?;
    Ok(Answer::texts(names, is_cut))
}

/// `/api/v1/label/{name}/values`
pub(super) fn label_values(question: &Question) -> Result<Answer, Failure> {
    let gather = |labels: &Labels, values: &mut BTreeSet<String>| {
        if let Some(value) = labels.get(&question.name).filter(|value| !values.contains(*value)) {
            values.insert(value.to_owned());
        }
    };
    let (values, is_cut) = question.distinct(gather)?;
    Ok(Answer::texts(values, is_cut))
}

/// `/api/v1/series`
pub(super) fn series(question: &Question) -> Result<Answer, Failure> {
    if question.parameters.all("match[]").next().is_none() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let (series, is_cut) = question.distinct(|labels, series: &mut BTreeSet<Labels>| {
        series.insert(labels.clone());
    })?;
    let mut data = String::new();
    json::list(&mut data, &series, json::labels);
    Ok(Answer::data(data).cut(is_cut))
}

impl Question {
    /// What `gather` takes from the series that are asked for, in order, and whether there is more than is wanted.
    fn distinct<T: Ord>(&self, gather: impl Fn(&Labels, &mut BTreeSet<T>)) -> Result<(Vec<T>, bool), Failure> {
        let limit = self.parameters.limit("limit")?.min(MOST);
        let window = self.parameters.window()?;
        let selectors = self.parameters.selectors()?;
        let every = [Vec::new()];
        let selectors = if selectors.is_empty() { &every[..] } else { &selectors };
        let mut found = BTreeSet::new();
        for matchers in selectors {
            self.each(matchers, window, &mut |labels| {
                gather(labels, &mut found);
                if found.len() > MOST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        let is_cut = found.len() > limit;
        Ok((found.into_iter().take(limit).collect(), is_cut))
    }

    /// Gives the labels of each series with a sample in the window, until `give` breaks or it is too late.
    pub(super) fn each(
        &self,
        matchers: &[Matcher],
        window: Window,
        give: &mut dyn FnMut(&Labels) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        // The left edge of a selection is excluded, that of a window is not.
        let select = Select::new(matchers, window.start - 1, window.end);
        let mut in_time = Ok(());
        let read = self.api.source.labels(&select, &mut |labels| {
            in_time = self.in_time();
            if in_time.is_err() { ControlFlow::Break(()) } else { give(&labels) }
        });
        read.map_err(|error| Failure::of_source(&error))?;
        in_time
    }
}
