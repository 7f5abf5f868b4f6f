//! Promise: over a store we answer what Prometheus does that scraped the same program.
//!
//! The server is the one of Debian 12, 2.42. What changed since then is kept apart, by construction and not by outcome:
//! ranges, subqueries and the lookback contained their left edge there, so no instant of a question lies where an edge
//! could meet a sample; and what the table `CHANGED` lists is compared with what the new rules make of it.
#![cfg(all(feature = "promql", any(feature = "sqlite", feature = "sqlite-system")))]

mod common;

use std::{collections::BTreeMap, path::Path, thread, time::Duration};

use common::{
    Random,
    answer::{When, ours, same, theirs},
    expression::{EACH, Expression, FEATURES, expressions},
    prometheus::{Prometheus, prometheus},
    shop,
    tape::{MINUTE, START, Tape},
};
use monitor_sinks::{StoreSource, promql::Query};

/// Threads that ask.
const ASKERS: usize = 4;

/// Instants that an expression is asked at, beside one range.
const INSTANTS: usize = 2;

/// Beside whole seconds, where subqueries evaluate, and beside the flushes.
const ASIDE: i64 = 117;

/// Where an answer changed with Prometheus 3: why, when it can be told, the question, and one whose answer by the new rules
/// is that of the question by the old ones.
type Changed = (&'static str, Instants, &'static str, &'static str);

/// Instants at which a change can be told.
#[derive(Debug, Clone, Copy)]
enum Instants {
    Any,
    /// Where a flush lies at the left edge of a range of whole flushes.
    OfFlushes,
    /// Where subqueries evaluate.
    OfMinutes,
    /// Where a range begins well before a counter does.
    Late,
    /// As long after the last flush as a sample is looked back for.
    FiveMinutesLater,
}

const LEFT: &str = "the left edge does not belong to a range";
const LOOKBACK: &str = "the left edge does not belong to the lookback";
const STEPS: &str = "the left edge does not belong to a subquery";
const ZERO: &str = "a counter that begins late is extrapolated by half an interval at most";
const MATCHES: &str = "a second match is refused even if the comparison leaves it out";
const NAMES: &str = "names are dropped when the question is answered";
const LINES: &str = "a dot matches the end of a line";
const ATAN2: &str = "atan2 drops the name";
const RENAMED: &str = "holt_winters is double_exponential_smoothing";

const CHANGED: &[Changed] = &[
    (LEFT, Instants::OfFlushes, "count_over_time(level[1m])", "count_over_time(level[60001ms])"),
    (LEFT, Instants::OfFlushes, "count_over_time(level[1m] offset 2m)", "count_over_time(level[60001ms] offset 2m)"),
    (LEFT, Instants::OfFlushes, "sum_over_time(temperature[1m])", "sum_over_time(temperature[60001ms])"),
    (LEFT, Instants::OfFlushes, "avg_over_time(temperature[1m])", "avg_over_time(temperature[60001ms])"),
    (LEFT, Instants::OfFlushes, "min_over_time(temperature[20s])", "min_over_time(temperature[20001ms])"),
    (LEFT, Instants::OfFlushes, "max_over_time(temperature[20s])", "max_over_time(temperature[20001ms])"),
    (LEFT, Instants::OfFlushes, "stddev_over_time(temperature[1m])", "stddev_over_time(temperature[60001ms])"),
    (LEFT, Instants::OfFlushes, "stdvar_over_time(temperature[1m])", "stdvar_over_time(temperature[60001ms])"),
    (LEFT, Instants::OfFlushes, "quantile_over_time(0.3, level[1m])", "quantile_over_time(0.3, level[60001ms])"),
    (LEFT, Instants::OfFlushes, "changes(temperature[1m])", "changes(temperature[60001ms])"),
    (LEFT, Instants::OfFlushes, "resets(temperature[10m])", "resets(temperature[600001ms])"),
    (LEFT, Instants::OfFlushes, "deriv(temperature[1m])", "deriv(temperature[60001ms])"),
    (LEFT, Instants::OfFlushes, "predict_linear(temperature[1m], 60)", "predict_linear(temperature[60001ms], 60)"),
    (LEFT, Instants::OfFlushes, "idelta(temperature[10s])", "idelta(temperature[10001ms])"),
    (LEFT, Instants::OfFlushes, "irate(sent_bytes_total[10s])", "irate(sent_bytes_total[10001ms])"),
    (LOOKBACK, Instants::FiveMinutesLater, "requests_total", "requests_total"),
    (LOOKBACK, Instants::FiveMinutesLater, "sum(level)", "sum(level)"),
    (LOOKBACK, Instants::FiveMinutesLater, "absent(level)", "absent(level)"),
    (STEPS, Instants::OfMinutes, "count_over_time(level[10m:1m])", "count_over_time(level[600001ms:1m])"),
    (STEPS, Instants::OfMinutes, "sum_over_time(temperature[9m:30s])", "sum_over_time(temperature[540001ms:30s])"),
    (
        STEPS,
        Instants::OfMinutes,
        "avg_over_time(rate(sent_bytes_total[2m])[10m:1m] offset 3m)",
        "avg_over_time(rate(sent_bytes_total[2m])[600001ms:1m] offset 3m)",
    ),
    (
        STEPS,
        Instants::Any,
        "max_over_time(sum_over_time(temperature[4m:1m])[20m:1m])",
        "max_over_time(sum_over_time(temperature[240001ms:1m])[20m:1m])",
    ),
    (
        ZERO,
        Instants::Late,
        "increase(late_total[20m:130s])",
        "last_over_time(late_total[20m:130s]) + (last_over_time(late_total[20m:130s]) \
         - first_over_time(late_total[20m:130s])) * (time() - ts_of_last_over_time(late_total[20m:130s])) \
         / (ts_of_last_over_time(late_total[20m:130s]) - ts_of_first_over_time(late_total[20m:130s]))",
    ),
    (MATCHES, Instants::Any, "temperature > on () vector(1e9)", "vector(0) > 1"),
    (
        NAMES,
        Instants::Any,
        "count by (__name__) (rate({__name__=~\"requests_total|errors_total\"}[5m]))",
        "count by () (rate({__name__=~\"requests_total|errors_total\"}[5m]))",
    ),
    (
        NAMES,
        Instants::Any,
        "label_replace(rate(requests_total[5m]), \"of\", \"$1\", \"__name__\", \"(.+)\")",
        "rate(requests_total[5m])",
    ),
    (LINES, Instants::Any, "level{room=~\"south.wing\"}", "level{room=~\"south[^\\n]wing\"}"),
    (LINES, Instants::Any, "level{room!~\".*\"}", "level{room!~\"[^\\n]*\"}"),
    (
        LINES,
        Instants::Any,
        "label_replace(level, \"to\", \"$1\", \"room\", \"(.).*\")",
        "label_replace(level, \"to\", \"$1\", \"room\", \"(.)[^\\n]*\")",
    ),
    (ATAN2, Instants::Any, "level atan2 2", "label_replace(level atan2 2, \"__name__\", \"level\", \"\", \"\")"),
    (
        RENAMED,
        Instants::Any,
        "holt_winters(level[10m], 0.5, 0.1)",
        "double_exponential_smoothing(level[10m], 0.5, 0.1)",
    ),
];

/// A store, and a server that has the same samples.
struct Pair {
    source: StoreSource,
    server: Prometheus,
}

/// The shop in both, and its recording, which goes on, so that series do not end with it.
fn shop(folder: &Path, random: &mut Random) -> Option<(Pair, Tape)> {
    let program = prometheus()?;
    let (scraped, tape) = shop::record(&folder.join("metrics.db"), random);
    let server = Prometheus::start(&program, folder);
    server.write(&scraped);
    let connection = rusqlite::Connection::open(tape.store().path()).unwrap();
    let count = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert!(count("segment") > 0 && count("head") > 0, "a part is sealed, and a part is not");
    Some((Pair { source: tape.store().promql_source(), server }, tape))
}

#[test]
fn the_real_prometheus_gives_the_same_answers() {
    let mut random = Random(0x2_0042);
    let folder = tempfile::tempdir().unwrap();
    let Some((pair, _tape)) = shop(folder.path(), &mut random) else { return };
    let asked = expressions(&mut random, each());
    assert!(asked.len() >= 500, "{}", asked.len());
    for (feature, _) in FEATURES {
        let count = asked.iter().filter(|expression| expression.features.contains(feature)).count();
        assert!(count >= EACH, "{feature}: {count}");
    }
    let whens = instants(asked.len(), &mut random);
    let results: Vec<Compared> = thread::scope(|scope| {
        let threads: Vec<_> = (0..ASKERS)
            .map(|asker| {
                let mine = asked.iter().zip(&whens).skip(asker).step_by(ASKERS);
                let pair = &pair;
                scope.spawn(move || Compared::of(pair, mine))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |count: fn(&Compared) -> usize| results.iter().map(count).sum::<usize>();
    let (points, answered, refused) = (sum(|all| all.points), sum(|all| all.answered), sum(|all| all.refused));
    println!(
        "{} expressions over {} features; {points} points are the same; {answered} questions answered with points, \
         {refused} refused by both",
        asked.len(),
        FEATURES.len()
    );
    let faults: Vec<&str> = results.iter().flat_map(|all| &all.faults).map(String::as_str).collect();
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
    let questions = asked.len() * (INSTANTS + 1);
    assert!(answered > questions * 3 / 4 && refused < questions / 20, "{answered}, {refused} of {questions}");
}

#[test]
fn what_changed_since_is_what_the_new_rules_say() {
    let mut random = Random(0x2_0043);
    let folder = tempfile::tempdir().unwrap();
    let Some((pair, _tape)) = shop(folder.path(), &mut random) else { return };
    let mut counts = BTreeMap::new();
    for &(reason, instants, old, new) in CHANGED {
        // While the shop is open without a break.
        let second = 1_000 * (20 * 60 + (random.next() % 600).cast_signed());
        let at = match instants {
            Instants::Any => START / 1_000 + second + ASIDE,
            Instants::OfFlushes => START / 1_000 + second / 10_000 * 10_000 + shop::BESIDE / 1_000,
            Instants::OfMinutes => START / 1_000 + second / 60_000 * 60_000,
            Instants::Late => START / 1_000 + 1_000 * (70 * 60 + 20) + ASIDE,
            Instants::FiveMinutesLater => shop::END / 1_000 + 300_000,
        };
        let when = When::At(at);
        let theirs = theirs(&pair.server, old, when);
        let lookback = Duration::from_millis(300_001);
        let by_old_rules = ours(&Query::new(&pair.source, new).lookback(lookback), when);
        let compared = same(&by_old_rules, &theirs, false);
        assert!(theirs.is_ok() && compared.is_ok(), "{old} at {at}: {compared:?}");
        let by_new_rules = ours(&Query::new(&pair.source, old), when);
        assert!(same(&by_new_rules, &theirs, false).is_err(), "{old} at {at} is no different: {theirs:?}");
        *counts.entry(reason).or_insert(0) += 1;
    }
    for (reason, count) in &counts {
        println!("{reason}: {count} expressions");
    }
    let wanted = [
        (LINES, 3),
        (ATAN2, 1),
        (RENAMED, 1),
        (NAMES, 2),
        (LEFT, 15),
        (STEPS, 4),
        (LOOKBACK, 3),
        (ZERO, 1),
        (MATCHES, 1),
    ];
    assert_eq!(counts, wanted.into());
}

fn instants(count: usize, random: &mut Random) -> Vec<[When; INSTANTS + 1]> {
    let span = (shop::END - START + 7 * MINUTE) / 1_000_000;
    let mut instant = |from: i64, length: i64| {
        START / 1_000 + (from + (random.next() % length.unsigned_abs()).cast_signed()) * 1_000 + ASIDE
    };
    let one = |_| {
        let from = instant(0, span / 2);
        let step = [47_000, 61_000, 300_000, 600_000][usize::try_from(from / 1_000 % 4).unwrap()];
        [When::At(instant(600, span - 600)), When::At(instant(0, span)), When::Over(from, from + 11 * step, step)]
    };
    (0..count).map(one).collect()
}

/// How many expressions there are for each feature: [`EACH`], or as many as `MONITORED_EXPRESSIONS` says.
fn each() -> usize {
    std::env::var("MONITORED_EXPRESSIONS").ok().and_then(|each| each.parse().ok()).unwrap_or(EACH)
}

/// What came of a number of questions.
#[derive(Debug, Default)]
struct Compared {
    points: usize,
    answered: usize,
    refused: usize,
    faults: Vec<String>,
}

impl Compared {
    fn of<'a>(pair: &Pair, asked: impl Iterator<Item = (&'a Expression, &'a [When; INSTANTS + 1])>) -> Self {
        let mut all = Self::default();
        for (Expression { text, .. }, whens) in asked {
            for &when in whens {
                let (ours, theirs) = (ours(&Query::new(&pair.source, text), when), theirs(&pair.server, text, when));
                match same(&ours, &theirs, text.starts_with("sort")) {
                    Ok(points) => {
                        all.points += points;
                        all.answered += usize::from(points > 0);
                        all.refused += usize::from(ours.is_err());
                    }
                    Err(fault) => all.faults.push(format!("{text} {when:?}: {fault}")),
                }
            }
        }
        all
    }
}
