//! Which series a question is about, and what to say when there are none or too many.

use std::{borrow::Cow, collections::BTreeSet};

use super::{alias::Alias, function};
use crate::{
    error::{Error, Kind},
    store::StoredSeries,
    util::distance::nearest,
};

/// How many names a message lists.
const LISTED: usize = 10;

/// How many characters of a name a message shows.
const SHOWN: usize = 80;

/// Longer names are not compared with others: no metric has one, and the comparison would take its time.
const COMPARED: usize = 200;

/// The conditions that every series of an answer meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selector<'a> {
    pub(super) service: Option<&'a str>,
    pub(super) tags: &'a [(String, String)],
}

impl Selector<'_> {
    pub(super) fn keeps(self, series: &StoredSeries) -> bool {
        self.service.is_none_or(|service| series.service == service)
            && self.tags.iter().all(|(key, value)| series.labels.get(key) == Some(value))
    }

    /// The full path of the function that is meant by `name`.
    pub(super) fn function(self, name: &str, all: &[StoredSeries]) -> Result<String, Error> {
        let functions = || all.iter().filter(|series| is_function(series));
        let kept: BTreeSet<String> = functions().filter(|series| self.keeps(series)).map(path).collect();
        let meant = meant(name, &kept);
        match meant[..] {
            [only] => return Ok(only.to_owned()),
            [] => {}
            _ => {
                let candidates = meant.iter().map(|path| shortest(path, &kept)).collect();
                return Err(Kind::Ambiguous { what: cut(name).into_owned(), candidates }.into());
            }
        }
        let known: BTreeSet<String> = functions().map(path).collect();
        if known.is_empty() {
            return Err(Kind::NoFunction.into());
        }
        let elsewhere = self::meant(name, &known);
        if elsewhere.is_empty() {
            return Err(unknown("function", name, known.iter().map(|path| (path.as_str(), shortest(path, &known)))));
        }
        // The function is there, the service or tag is not.
        let others = functions().filter(|series| elsewhere.contains(&path(series).as_str()));
        Err(self.nowhere(&format!("function `{}`", cut(name)), others))
    }

    /// Refuses a service or tag that none of `all` has; an empty store knows of none and refuses nothing.
    pub(super) fn check(self, all: &[StoredSeries]) -> Result<(), Error> {
        if all.is_empty() || all.iter().any(|series| self.keeps(series)) {
            return Ok(());
        }
        let mut names = all.iter().map(|series| series.name.as_str());
        let first = names.next().unwrap_or_default();
        let what = if names.all(|name| name == first) { format!("metric `{first}`") } else { String::from("series") };
        Err(self.nowhere(&what, all.iter()))
    }

    /// The error for a thing that there is, but not with this service and these tags.
    fn nowhere<'a>(self, what: &str, others: impl Iterator<Item = &'a StoredSeries>) -> Error {
        let others: BTreeSet<String> = others.map(describe).collect();
        let message = format!(
            "there is no {what} {}; the store knows it {}",
            self.describe(),
            others.into_iter().take(LISTED).collect::<Vec<_>>().join(", ")
        );
        Kind::UnknownName { message }.into()
    }

    fn describe(self) -> String {
        let service = self.service.map(|service| format!("of service `{}`", cut(service)));
        let tags = self.tags.iter().map(|(key, value)| format!("with {}={:?}", cut(key), cut(value)));
        service.into_iter().chain(tags).collect::<Vec<_>>().join(" ")
    }
}

/// Whether the series is one that an annotated function writes.
pub(super) fn is_function(series: &StoredSeries) -> bool {
    // No metric of a user's may be called so.
    ["function_calls_", "function_errors_"].iter().any(|start| series.name.starts_with(start))
}

/// The full path of a function: `module::function`.
pub(super) fn path(series: &StoredSeries) -> String {
    join(series.label(function::MODULE), series.label(function::FUNCTION))
}

/// `name` as a message shows it: a long one is cut, and says how long it is.
pub(super) fn cut(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(SHOWN) {
        None => Cow::Borrowed(name),
        Some((end, _)) => Cow::Owned(format!("{}… ({} bytes)", &name[..end], name.len())),
    }
}

pub(super) fn join(module: &str, function: &str) -> String {
    if module.is_empty() { function.to_owned() } else { format!("{module}::{function}") }
}

/// The error for a metric that the store does not hold.
pub(super) fn unknown_metric(name: &str, all: &[StoredSeries]) -> Error {
    let known: BTreeSet<&str> = all.iter().map(|series| series.name.as_str()).chain(Alias::known(all)).collect();
    if known.is_empty() {
        let message = format!(
            "there is no metric `{}`: the store holds no series at all; check that this is the right file and that \
             the program recorded something while a monitor was running",
            cut(name)
        );
        return Kind::UnknownName { message }.into();
    }
    unknown("metric", name, known.iter().map(|&known| (known, known.to_owned())))
}

/// The error for a label that is grouped by and that none of the series has.
pub(super) fn unknown_label(label: &str, known: &BTreeSet<&str>) -> Error {
    unknown("label", label, known.iter().map(|&known| (known, known.to_owned())))
}

/// The error for a short name whose metric the store does not hold.
pub(super) fn unknown_short(name: &str, metric: &str) -> Error {
    let message = format!(
        "there is no metric `{name}`, which is short for `{metric}`: the store holds no such sample of a host; start the \
         monitor with host(HostSampling::every(...)), or run `monitor agent` on this file"
    );
    Kind::UnknownName { message }.into()
}

/// The paths that `name` can mean: the one that it spells out, else those that end in it.
fn meant<'a>(name: &str, paths: &'a BTreeSet<String>) -> Vec<&'a str> {
    if let Some(exact) = paths.get(name) {
        return vec![exact];
    }
    let ends = |path: &str| path.strip_suffix(name).is_some_and(|rest| rest.ends_with("::"));
    paths.iter().map(String::as_str).filter(|path| !name.is_empty() && ends(path)).collect()
}

/// The shortest end of `path` that means nothing else.
fn shortest(path: &str, paths: &BTreeSet<String>) -> String {
    path.rmatch_indices("::")
        .map(|(at, separator)| &path[at + separator.len()..])
        .find(|end| meant(end, paths) == [path])
        .unwrap_or(path)
        .to_owned()
}

/// The error for a name that is not among `known`, which are pairs of what to compare with and how to write it.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = (&'a str, String)>) -> Error {
    let known: Vec<(&str, String)> = known.collect();
    // People mistype the last part of a path, and compare it with the last part of another.
    let last = |path: &'a str| path.rsplit("::").next().unwrap_or(path);
    let wanted = name.rsplit("::").next().unwrap_or(name);
    let near = match wanted.len() {
        0..=COMPARED => nearest(wanted, known.iter().map(|(path, _)| last(path)), LISTED / 2),
        _ => Vec::new(),
    };
    let name = cut(name);
    let suggestions: Vec<&str> = near
        .iter()
        .flat_map(|end| known.iter().filter(move |(path, _)| last(path) == *end))
        .map(|(_, way)| &way[..])
        .collect();
    let message = if suggestions.is_empty() {
        let listed = known.iter().take(LISTED).map(|(_, way)| way.as_str()).collect::<Vec<_>>().join(", ");
        let more = known.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("there is no {what} `{name}`; the store has {listed}{more}")
    } else {
        format!(
            "there is no {what} `{name}`; did you mean {}?",
            suggestions[..suggestions.len().min(LISTED)].join(", ")
        )
    };
    Kind::UnknownName { message }.into()
}

fn describe(series: &StoredSeries) -> String {
    let tags: Vec<String> = series
        .labels
        .iter()
        .filter(|(key, _)| !function::OWN_LABELS.contains(&key.as_str()))
        .map(|(key, value)| format!(" with {}={:?}", cut(key), cut(value)))
        .collect();
    format!("of service `{}`{}", cut(&series.service), tags.concat())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use monitor_core::MetricKind;

    use super::*;
    use crate::store::SeriesInfo;

    const NONE: Selector<'_> = Selector { service: None, tags: &[] };

    fn series(service: &str, module: &str, function: &str) -> StoredSeries {
        let info = SeriesInfo {
            name: String::from("function_calls_total"),
            kind: MetricKind::Counter,
            unit: String::new(),
            service: service.to_owned(),
            labels: [("module", module), ("function", function)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        StoredSeries { id: 0, info: Arc::new(info) }
    }

    fn known() -> Vec<StoredSeries> {
        vec![
            series("etl", "app::etl", "parse"),
            series("etl", "app::etl", "Pipeline::transform"),
            series("web", "app::web", "parse"),
            series("web", "", "transform"),
        ]
    }

    #[test]
    fn a_function_is_found_by_its_name_or_the_end_of_its_path() {
        for name in ["Pipeline::transform", "etl::Pipeline::transform", "app::etl::Pipeline::transform"] {
            assert_eq!(NONE.function(name, &known()).unwrap(), "app::etl::Pipeline::transform");
        }
        assert_eq!(NONE.function("etl::parse", &known()).unwrap(), "app::etl::parse");
    }

    #[test]
    fn a_full_path_wins_over_the_end_of_another() {
        assert_eq!(NONE.function("transform", &known()).unwrap(), "transform");
    }

    #[test]
    fn an_end_that_does_not_begin_a_name_matches_nothing() {
        assert!(NONE.function("arse", &known()).unwrap_err().is_unknown_name());
        assert!(NONE.function("", &known()).unwrap_err().is_unknown_name());
    }

    #[test]
    fn an_ambiguous_name_lists_how_to_write_each() {
        let error = NONE.function("parse", &known()).unwrap_err();
        assert!(error.is_ambiguous_name());
        assert_eq!(error.candidates(), ["etl::parse", "web::parse"]);
        for candidate in error.candidates() {
            assert!(NONE.function(candidate, &known()).is_ok(), "{candidate}");
        }
    }

    #[test]
    fn a_service_resolves_what_would_be_ambiguous() {
        let selector = Selector { service: Some("web"), tags: &[] };
        assert_eq!(selector.function("parse", &known()).unwrap(), "app::web::parse");
    }

    #[test]
    fn a_function_of_another_service_says_which() {
        let selector = Selector { service: Some("ml"), tags: &[] };
        let error = selector.function("etl::parse", &known()).unwrap_err();
        assert!(error.is_unknown_name());
        assert!(error.to_string().contains("`ml`") && error.to_string().contains("`etl`"), "{error}");
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest() {
        let error = NONE.function("tranform", &known()).unwrap_err();
        assert!(error.is_unknown_name());
        assert!(error.to_string().ends_with("did you mean Pipeline::transform, transform?"), "{error}");
    }

    #[test]
    fn a_name_like_no_other_is_answered_with_the_list() {
        let error = NONE.function("zzzzzzzz", &known()).unwrap_err();
        assert!(error.to_string().contains("the store has Pipeline::transform, etl::parse, web::parse"), "{error}");
    }

    #[test]
    fn an_empty_store_says_what_to_check() {
        let error = NONE.function("parse", &[]).unwrap_err();
        assert!(error.is_unknown_name() && error.to_string().contains("#[monitored]"), "{error}");
    }
}
