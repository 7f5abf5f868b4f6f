//! One rule at one instant: which elements there are, and what that says of the alerts that are known.
//!
//! A failure is a failure: an expression that has no answer, two elements that cannot be told apart, a function that
//! panics. None of them says that the condition does not hold.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use super::{
    condition::{Closure, Condition},
    model::{Missing, Rule},
    step::Observed,
    view::View,
};
use crate::{
    error::Error,
    promql::{Data, Labels, Prepared, Query, Source, Value},
};

/// The elements of the result of a rule: their labels, without the name of the metric, and their values.
pub type Elements = BTreeMap<Labels, f64>;

/// What a rule finds in a source at an instant, in milliseconds since 1970.
///
/// A value that is no number, such as a histogram, is not-a-number. Of a rule whose function decides, the one element
/// has no labels and is 1 or 0, or not there if it cannot be told.
///
/// # Errors
///
/// If the expression has no answer or takes longer than until `deadline`, two elements have the same labels, or the
/// function of the rule panics ([`Error::is_of_rule`]).
pub fn evaluate(rule: &Rule, source: &dyn Source, at_ms: i64, deadline: Option<Instant>) -> Result<Elements, Error> {
    ask(rule, |source| Query::new(source, rule.question()), source, at_ms, deadline)
}

/// As [`evaluate`], with the expression of the rule as it was read before.
pub(super) fn evaluate_read(
    rule: &Rule,
    question: &Prepared,
    source: &dyn Source,
    at_ms: i64,
    deadline: Option<Instant>,
) -> Result<Elements, Error> {
    ask(rule, |source| question.ask(source), source, at_ms, deadline)
}

fn ask<'a>(
    rule: &Rule,
    query: impl FnOnce(&'a dyn Source) -> Query<'a>,
    source: &'a dyn Source,
    at_ms: i64,
    deadline: Option<Instant>,
) -> Result<Elements, Error> {
    if let Condition::Closure(_, closure) = rule.condition() {
        return decide(rule.name(), closure, &View::until(source, at_ms, deadline));
    }
    let query = query(source);
    let query = if let Some(deadline) = deadline { query.deadline(deadline) } else { query };
    let answer = query.at(at_ms).map_err(|error| Error::rule(rule.name(), error))?;
    elements(answer.into_data()).map_err(|message| Error::rule(rule.name(), message))
}

/// What a function says of the values that it is shown.
pub(super) fn decide(rule: &str, closure: &Closure, view: &View<'_>) -> Result<Elements, Error> {
    let decided = catch_unwind(AssertUnwindSafe(|| (closure.decide)(view)));
    let decided = decided.map_err(|panic| Error::rule(rule, format!("it panicked: {}", words(&*panic))))?;
    match view.take_error() {
        Some(error) => Err(Error::rule(rule, error)),
        None => Ok(decided.map(|holds| (Labels::empty(), f64::from(u8::from(holds)))).into_iter().collect()),
    }
}

/// What is seen of each alert: of those that are known, and of those that the elements make.
///
/// Where the whole result is empty, a rule that fires for missing values has one alert without labels for it, which is
/// clear as soon as there is a result.
#[must_use]
pub fn observed<'a>(
    rule: &Rule,
    elements: &Elements,
    known: impl IntoIterator<Item = &'a Labels>,
) -> Vec<(Labels, Observed)> {
    let mut seen: BTreeMap<Labels, Observed> =
        known.into_iter().map(|labels| (labels.clone(), Observed::Absent)).collect();
    if rule.missing_policy() == Missing::Fire {
        if elements.is_empty() && seen.is_empty() {
            seen.insert(Labels::empty(), Observed::Absent);
        } else if let Some(whole) = seen.get_mut(&Labels::empty()).filter(|_| !elements.is_empty()) {
            *whole = Observed::Clear;
        }
    }
    seen.extend(elements.iter().map(|(labels, value)| (labels.clone(), Observed::Value(*value))));
    seen.into_iter().collect()
}

pub(super) fn elements(data: Data) -> Result<Elements, String> {
    let vector = match data {
        Data::Scalar { value, .. } => return Ok(Elements::from([(Labels::empty(), value)])),
        Data::Vector(vector) => vector,
        _ => return Err(String::from("the expression is a range or a text; it has no values at an instant")),
    };
    let mut elements = Elements::new();
    for element in vector {
        let value = if let Value::Float(value) = element.value { value } else { f64::NAN };
        let labels = element.labels.without_name();
        if elements.insert(labels.clone(), value).is_some() {
            return Err(format!(
                "two elements of the result have the labels {labels}; sum them up, or tell them apart"
            ));
        }
    }
    Ok(elements)
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
