//! Sources are put together, samples in any order are put in order, and an answer says what its question was about.
#![cfg(feature = "promql")]

use std::{ops::ControlFlow, time::Duration};

use monitor_sinks::promql::{
    Answer, Data, Error, Labels, Memory, Metadata, Query, Select, Series, Source, Sources, metric, selected_names,
    stale,
};

const MINUTE: i64 = 60_000;

fn named(name: &str, job: &str) -> Labels {
    Labels::new([("__name__", name), ("job", job)])
}

fn floats(answer: &Answer) -> Vec<(String, f64)> {
    let Data::Vector(elements) = answer.data() else { panic!("{answer:?}") };
    elements.iter().map(|element| (element.labels.to_string(), element.value.as_float().unwrap())).collect()
}

#[test]
fn a_series_of_two_sources_is_one() {
    let (mut old, mut new) = (Memory::new(), Memory::new());
    for minute in 0..=5 {
        old.push(&named("calls_total", "a"), minute * MINUTE, (minute * 10) as f64);
    }
    // They overlap at one instant, at which the first source counts.
    for minute in 5..=10 {
        new.push(&named("calls_total", "a"), minute * MINUTE, (minute * 10 + 1) as f64);
    }
    new.push(&named("calls_total", "b"), 10 * MINUTE, 1.0);
    let both = Sources::new([&old as &dyn Source, &new]);
    let answer = Query::new(&both, "calls_total").range(4 * MINUTE, 7 * MINUTE, MINUTE).unwrap();
    let Data::Matrix(lines) = answer.data() else { panic!() };
    let values: Vec<f64> = lines[0].points.iter().map(|point| point.value.as_float().unwrap()).collect();
    assert_eq!(values, [40.0, 50.0, 61.0, 71.0]);
    let count = Query::new(&both, "count_over_time(calls_total{job=\"a\"}[1h])").at(10 * MINUTE).unwrap();
    assert_eq!(count.first_float(), Some(11.0));
}

/// Gives samples in pieces, late ones first, and more than it was asked for.
struct Disordered;

impl Source for Disordered {
    fn select(&self, _: &Select<'_>, give: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
        let series = || Series::new(named("x", "a"));
        let pieces = [vec![(4, 4.0), (5, 5.0)], vec![(1, 1.0), (2, 2.0)], vec![(3, stale()), (99, 9.0)]];
        for piece in pieces {
            let _ = give(series().with_floats(piece.into_iter().map(|(minute, value)| (minute * MINUTE, value))));
        }
        Ok(())
    }

    fn metadata(&self) -> Result<Vec<Metadata>, Error> {
        Ok(vec![Metadata::new("x", "gauge")])
    }
}

#[test]
fn samples_are_put_in_order_and_what_was_not_asked_for_is_left_out() {
    let ask = |text: &str, minute: i64| Query::new(&Disordered, text).at(minute * MINUTE).unwrap();
    assert_eq!(ask("sum_over_time(x[10m])", 5).first_float(), Some(12.0));
    assert_eq!(ask("x", 2).first_float(), Some(2.0));
    assert_eq!(ask("x", 3).first_float(), None);
    assert_eq!(ask("x", 4).first_float(), Some(4.0));
    assert_eq!(Sources::new([&Disordered as &dyn Source, &Disordered]).metadata().unwrap().len(), 1);
}

#[test]
fn a_source_that_fails_is_the_answer() {
    struct Broken;
    impl Source for Broken {
        fn select(&self, _: &Select<'_>, _: &mut dyn FnMut(Series) -> ControlFlow<()>) -> Result<(), Error> {
            Err(Error::from_source(std::io::Error::other("the disk is gone")))
        }
    }
    let error = Query::new(&Broken, "up").at(0).unwrap_err();
    assert!(error.is_source());
    assert_eq!(error.to_string(), "cannot read the data: the disk is gone");
    assert!(Query::new(&Broken, "1 + 1").at(0).is_ok());
}

#[test]
fn what_is_built_is_answered() {
    let mut memory = Memory::new();
    for (job, rise) in [("a", 60.0), ("b", 120.0)] {
        (0..=10).for_each(|minute| memory.push(&named("calls_total", job), minute * MINUTE, rise * minute as f64));
    }
    let rate = || metric("calls_total").rate(Duration::from_mins(5));
    let share = rate().sum_by(["job"]) / number_of(&rate());
    let answer = Query::new(&memory, share.greater_than(0.5)).at(10 * MINUTE).unwrap();
    assert_eq!(floats(&answer), [(String::from(r#"{job="b"}"#), 2.0 / 3.0)]);
}

/// The sum as a number, so that it can be divided by without matching labels.
fn number_of(rate: &monitor_sinks::promql::Expression) -> monitor_sinks::promql::Expression {
    rate.clone().sum().as_number()
}

#[test]
fn remarks_and_mistakes_name_their_place() {
    let mut memory = Memory::new();
    (0..=5).for_each(|minute| memory.push(&named("level", "a"), minute * MINUTE, minute as f64));
    let answer = Query::new(&memory, "1 +\n  rate(level[5m])").at(5 * MINUTE).unwrap();
    let info =
        "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"level\" (2:8)";
    assert_eq!(answer.infos(), [info]);
    assert!(answer.warnings().is_empty());
    let error = Query::new(&memory, "1 +\n  histogram_quntile(0.5, level)").at(0).unwrap_err();
    assert_eq!(error.position(), Some((2, 3)));
    assert!(error.to_string().ends_with("did you mean `histogram_quantile`?"), "{error}");
    let names = selected_names("sum(levle) + other", &["level", "latency"]).unwrap();
    assert_eq!(names, ["there is no metric `levle`; did you mean `level`?", "there is no metric `other`"]);
}

#[test]
fn questions_of_the_wrong_type_are_refused() {
    let memory = Memory::new();
    for text in ["x[5m]", "\"text\""] {
        assert!(Query::new(&memory, text).range(0, 1, 1).unwrap_err().is_invalid_setting(), "{text}");
        assert!(Query::new(&memory, text).at(0).is_ok(), "{text}");
    }
}
