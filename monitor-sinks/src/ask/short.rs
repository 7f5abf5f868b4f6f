//! Short names, such as `cpu_percent_total`, as metrics of PromQL.
//!
//! They mean what they mean in [`Query`](crate::Query): a metric under another name, narrowed to some of its labels,
//! times a factor or summed up.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
};

use super::{
    labels_of,
    read::{Part, Wanted, read},
};
use crate::{
    error::Error,
    promql::{Labels, Select, Series, is_stale},
    query::{Alias, Form},
    store::Reader,
};

/// The series that a short name stands for, under that name.
pub(super) fn series(reader: &Reader, select: &Select<'_>, alias: &Alias) -> Result<Vec<Series>, Error> {
    let mut stored = reader.series(Some(&[alias.metric]))?;
    stored.retain(|series| alias.takes(series));
    let wanted = |stored| Wanted { labels: labels_of(&stored, alias.name), stored, part: Part::Whole, current: None };
    let found = collect(reader, select, stored.into_iter().map(wanted).collect())?;
    shaped(alias, found, |whole| {
        let wanted = |stored| Wanted { labels: labels_of(&stored, whole), stored, part: Part::Whole, current: None };
        collect(reader, select, reader.series(Some(&[whole]))?.into_iter().map(wanted).collect())
    })
}

/// The series of its metric that a short name takes, already called by it, as what it stands for. `metric` gives the
/// series of another metric.
pub(super) fn shaped(
    alias: &Alias,
    found: Vec<Series>,
    metric: impl FnOnce(&str) -> Result<Vec<Series>, Error>,
) -> Result<Vec<Series>, Error> {
    Ok(match alias.form {
        Form::Same => found,
        Form::Percent => found.into_iter().map(|series| scaled(series, 100.0)).collect(),
        Form::SumOver(labels) => summed(found, labels),
        Form::PercentOf(whole) => {
            let wholes = newest(metric(whole)?);
            let share = |series: Series| {
                let whole = *wholes.get(series.labels().get("service").unwrap_or_default())?;
                Some(scaled(series, 100.0 / whole))
            };
            found.into_iter().filter_map(share).collect()
        }
    })
}

fn collect(reader: &Reader, select: &Select<'_>, wanted: Vec<Wanted>) -> Result<Vec<Series>, Error> {
    let mut found = Vec::new();
    read(reader, select, None, i64::MIN, wanted, &mut |series| {
        found.push(series);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The newest value of each service among the series of a metric.
fn newest(found: Vec<Series>) -> HashMap<String, f64> {
    let last = |series: &Series| series.floats.iter().rev().find(|sample| !is_stale(sample.1)).map(|sample| sample.1);
    let by_service = |series: Series| {
        let service = series.labels().get("service").unwrap_or_default().to_owned();
        last(&series).map(|value| (service, value))
    };
    found.into_iter().filter_map(by_service).collect()
}

/// A marker of an end stays one.
fn scaled(mut series: Series, factor: f64) -> Series {
    series.floats.iter_mut().filter(|sample| !is_stale(sample.1)).for_each(|sample| sample.1 *= factor);
    series
}

/// The sums over all values of `over`. They end where the last of their series does.
fn summed(found: Vec<Series>, over: &[&str]) -> Vec<Series> {
    let mut sums: BTreeMap<Labels, BTreeMap<i64, f64>> = BTreeMap::new();
    for series in found {
        let sum = sums.entry(series.labels.filter(|label| !over.contains(&label))).or_default();
        for (at, value) in series.floats {
            sum.entry(at)
                .and_modify(|so_far| {
                    if is_stale(*so_far) {
                        *so_far = value;
                    } else if !is_stale(value) {
                        *so_far += value;
                    }
                })
                .or_insert(value);
        }
    }
    sums.into_iter().map(|(labels, sum)| Series::new(labels).with_floats(sum)).collect()
}
