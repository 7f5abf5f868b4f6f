//! The functions of PromQL: their names, types, and what they compute from one sample or one range.
//!
//! Functions of a whole vector, of labels, of classic histograms and of scalars need more than that; they are nodes of
//! the evaluation and stand here by name only.

#![allow(clippy::unnecessary_wraps, reason = "the functions of a kind have one type, whether or not each can fail")]

mod clock;
mod math;
mod over_time;
mod rate;
mod regression;
mod window;

#[cfg(feature = "http")]
pub(crate) use self::clock::days_to;
pub(crate) use self::{
    clock::{Moment, written_moment},
    math::quantile,
    over_time::{mean, resets_collide},
    rate::{edged, interpolate},
    window::{Window, WindowFunction},
};
use super::{
    histogram::Histogram,
    value::Type::{self, Range, Scalar, Text, Vector},
};

/// A function of PromQL.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Type],
    /// How many of the last arguments may be missing.
    pub(crate) optional: usize,
    /// Whether the last argument may come any number of times.
    pub(crate) repeated: bool,
    pub(crate) returns: Type,
    pub(crate) body: Body,
}

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// Of the value of a sample.
    Map(fn(f64) -> f64),
    /// Of the value of a sample and of scalars; `None` if the scalars leave no result at all.
    MapWith(fn(f64, &[f64]) -> Option<f64>),
    /// Of a date, which is that of the evaluation without an argument.
    Clock(fn(Moment) -> f64),
    /// Of a native histogram.
    OfHistogram(fn(&Histogram) -> f64),
    /// Of the samples of a range.
    Window(WindowFunction),
    /// Of anything else.
    Special(Special),
}

/// Functions that are nodes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Absent,
    AbsentOverTime,
    End,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    Info,
    LabelJoin,
    LabelReplace,
    MaxOf,
    MinOf,
    Pi,
    RangeOfQuery,
    Scalar,
    Sort { descending: bool },
    SortByLabel { descending: bool },
    Start,
    Step,
    Time,
    Timestamp,
    Vector,
}

impl Function {
    /// All functions, ordered by name, because they are looked up by bisection.
    pub(crate) const ALL: &'static [Self] = ALL;

    /// The function of this name; names are in lower case.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        ALL.binary_search_by(|function| function.name.cmp(name)).ok().map(|at| &ALL[at])
    }

    /// The least and the greatest number of arguments.
    pub(crate) fn arity(&self) -> (usize, usize) {
        let all = self.arguments.len();
        (all - self.optional, if self.repeated { usize::MAX } else { all })
    }

    /// The type of an argument.
    pub(crate) fn argument(&self, at: usize) -> Type {
        self.arguments.get(at).or(self.arguments.last()).copied().unwrap_or(Scalar)
    }

    /// Whether its result depends on the instant of evaluation, whatever its arguments are.
    pub(crate) fn depends_on_time(&self) -> bool {
        matches!(self.body, Body::Clock(_) | Body::Special(Special::Time | Special::Timestamp))
            || self.name == "predict_linear"
    }
}

const fn new(name: &'static str, arguments: &'static [Type], returns: Type, body: Body) -> Function {
    Function { name, arguments, optional: 0, repeated: false, returns, body }
}

const fn map(name: &'static str, map: fn(f64) -> f64) -> Function {
    new(name, &[Vector], Vector, Body::Map(map))
}

const fn clock(name: &'static str, part: fn(Moment) -> f64) -> Function {
    Function { optional: 1, ..new(name, &[Vector], Vector, Body::Clock(part)) }
}

const fn of_histogram(name: &'static str, figure: fn(&Histogram) -> f64) -> Function {
    new(name, &[Vector], Vector, Body::OfHistogram(figure))
}

const fn window(name: &'static str, function: WindowFunction) -> Function {
    new(name, &[Range], Vector, Body::Window(function))
}

const fn special(name: &'static str, arguments: &'static [Type], returns: Type, special: Special) -> Function {
    new(name, arguments, returns, Body::Special(special))
}

const ALL: &[Function] = &[
    map("abs", f64::abs),
    special("absent", &[Vector], Vector, Special::Absent),
    special("absent_over_time", &[Range], Vector, Special::AbsentOverTime),
    map("acos", f64::acos),
    map("acosh", f64::acosh),
    map("asin", f64::asin),
    map("asinh", f64::asinh),
    map("atan", f64::atan),
    map("atanh", f64::atanh),
    window("avg_over_time", over_time::avg),
    map("ceil", f64::ceil),
    window("changes", over_time::changes),
    new("clamp", &[Vector, Scalar, Scalar], Vector, Body::MapWith(math::clamp)),
    new("clamp_max", &[Vector, Scalar], Vector, Body::MapWith(math::clamp_max)),
    new("clamp_min", &[Vector, Scalar], Vector, Body::MapWith(math::clamp_min)),
    map("cos", f64::cos),
    map("cosh", f64::cosh),
    window("count_over_time", over_time::count),
    clock("day_of_month", |moment| moment.day),
    clock("day_of_week", |moment| moment.day_of_week),
    clock("day_of_year", |moment| moment.day_of_year),
    clock("days_in_month", |moment| moment.days_in_month),
    map("deg", f64::to_degrees),
    window("delta", rate::delta),
    window("deriv", regression::deriv),
    new(
        "double_exponential_smoothing",
        &[Range, Scalar, Scalar],
        Vector,
        Body::Window(regression::double_exponential_smoothing),
    ),
    special("end", &[], Scalar, Special::End),
    map("exp", f64::exp),
    window("first_over_time", over_time::first),
    map("floor", f64::floor),
    of_histogram("histogram_avg", |histogram| histogram.sum / histogram.count),
    of_histogram("histogram_count", |histogram| histogram.count),
    special("histogram_fraction", &[Scalar, Scalar, Vector], Vector, Special::HistogramFraction),
    special("histogram_quantile", &[Scalar, Vector], Vector, Special::HistogramQuantile),
    Function {
        repeated: true,
        ..special("histogram_quantiles", &[Vector, Text, Scalar], Vector, Special::HistogramQuantiles)
    },
    of_histogram("histogram_stddev", |histogram| histogram.variance().sqrt()),
    of_histogram("histogram_stdvar", Histogram::variance),
    of_histogram("histogram_sum", |histogram| histogram.sum),
    clock("hour", |moment| moment.hour),
    window("idelta", rate::idelta),
    window("increase", rate::increase),
    Function { optional: 1, ..special("info", &[Vector, Vector], Vector, Special::Info) },
    window("irate", rate::irate),
    Function {
        optional: 1,
        repeated: true,
        ..special("label_join", &[Vector, Text, Text, Text], Vector, Special::LabelJoin)
    },
    special("label_replace", &[Vector, Text, Text, Text, Text], Vector, Special::LabelReplace),
    window("last_over_time", over_time::last),
    map("ln", f64::ln),
    map("log10", f64::log10),
    map("log2", f64::log2),
    window("mad_over_time", over_time::mad),
    special("max_of", &[Scalar, Scalar], Scalar, Special::MaxOf),
    window("max_over_time", over_time::max),
    special("min_of", &[Scalar, Scalar], Scalar, Special::MinOf),
    window("min_over_time", over_time::min),
    clock("minute", |moment| moment.minute),
    clock("month", |moment| moment.month),
    special("pi", &[], Scalar, Special::Pi),
    new("predict_linear", &[Range, Scalar], Vector, Body::Window(regression::predict_linear)),
    window("present_over_time", over_time::present),
    new("quantile_over_time", &[Scalar, Range], Vector, Body::Window(over_time::quantile_of)),
    map("rad", f64::to_radians),
    special("range", &[], Scalar, Special::RangeOfQuery),
    window("rate", rate::rate),
    window("resets", over_time::resets),
    Function { optional: 1, ..new("round", &[Vector, Scalar], Vector, Body::MapWith(math::round)) },
    special("scalar", &[Vector], Scalar, Special::Scalar),
    map("sgn", math::sgn),
    map("sin", f64::sin),
    map("sinh", f64::sinh),
    special("sort", &[Vector], Vector, Special::Sort { descending: false }),
    Function {
        optional: 1,
        repeated: true,
        ..special("sort_by_label", &[Vector, Text], Vector, Special::SortByLabel { descending: false })
    },
    Function {
        optional: 1,
        repeated: true,
        ..special("sort_by_label_desc", &[Vector, Text], Vector, Special::SortByLabel { descending: true })
    },
    special("sort_desc", &[Vector], Vector, Special::Sort { descending: true }),
    map("sqrt", f64::sqrt),
    special("start", &[], Scalar, Special::Start),
    window("stddev_over_time", over_time::stddev),
    window("stdvar_over_time", over_time::stdvar),
    special("step", &[], Scalar, Special::Step),
    window("sum_over_time", over_time::sum),
    map("tan", f64::tan),
    map("tanh", f64::tanh),
    special("time", &[], Scalar, Special::Time),
    special("timestamp", &[Vector], Vector, Special::Timestamp),
    window("ts_of_first_over_time", over_time::time_of_first),
    window("ts_of_last_over_time", over_time::time_of_last),
    window("ts_of_max_over_time", over_time::time_of_max),
    window("ts_of_min_over_time", over_time::time_of_min),
    special("vector", &[Scalar], Vector, Special::Vector),
    clock("year", |moment| moment.year),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_its_name() {
        for function in Function::ALL {
            assert_eq!(Function::find(function.name).map(|found| found.name), Some(function.name));
        }
        assert!(Function::find("Rate").is_none());
    }
}
