//! Promise: no bytes make an import panic, grow without bound, or write a store that is not sound.
//!
//! `MONITORED_FUZZ_ROUNDS` sets how many texts are tried.
#![cfg(any(feature = "sqlite", feature = "sqlite-system"))]

mod common;

use common::random::Random;
use monitor_sinks::{Format, Import, Store};

/// Rounds of one import, so that texts meet series of others.
const A_STORE: usize = 500;

const SOUND: [&str; 4] = [
    "# HELP rows Stored by monitored as counter rows in rows\n# TYPE rows counter\nrows_total{a=\"b\"} 3 1.5\n\
     rows_created{a=\"b\"} 1 1.5\nrows_total{a=\"b\"} 9007199254740993 2.5\nrows_total{a=\"b\"} 1 3.5\n# EOF\n",
    "# HELP t Stored by monitored as timer t in seconds\n# TYPE t histogram\n# UNIT t seconds\nt_bucket{le=\"0.5\"} 1 1\n\
     t_bucket{le=\"+Inf\"} 2 1\nt_count 2 1\nt_sum 1.5 1\nt_created 1 1\nt_bucket{le=\"0.5\"} 4 2\nt_count 9 2\n# EOF\n",
    "# TYPE h histogram\nh_bucket{le=\"0.1\",service=\"x\"} 2 1700000000000\nh_sum NaN 1700000000000\n\
     h_count 7 1700000000000\n# TYPE s summary\ns{quantile=\"0.5\"} +Inf 1700000000000\ns_sum -0.0 1700000001000\n",
    "# TYPE g gauge\ng -1.5e300 1 # {trace=\"a\"} 1 2\ng 5e-324 2\ng 1 1\nplain{x=\"\\\\\\\"\\n\"} 18446744073709551615 9\n# EOF\n",
];

const PIECES: [&str; 20] = [
    "\n",
    " ",
    "{",
    "}",
    "\"",
    "\\",
    ",",
    "=",
    "#",
    "# EOF\n",
    "le",
    "NaN",
    "-Inf",
    "1e308",
    "99999999999999999999",
    "_total",
    "_bucket",
    "# TYPE rows gauge\n",
    "counter",
    "\u{1f980}",
];

fn mutate(random: &mut Random) -> Vec<u8> {
    let mut text = SOUND[random.below(SOUND.len())].as_bytes().to_vec();
    for _ in 0..random.below(6) {
        let place = random.below(text.len() + 1);
        match random.below(6) {
            0 => text.truncate(place),
            1 => text.insert(place, random.next() as u8),
            2 => text.splice(place..place, PIECES[random.below(PIECES.len())].bytes()).for_each(drop),
            3 if place < text.len() => text[place] = random.next() as u8,
            4 => text.drain(place..(place + random.below(40)).min(text.len())).for_each(drop),
            _ => {
                // Lines in another order, or twice.
                let other = SOUND[random.below(SOUND.len())];
                let line = other.split_inclusive('\n').nth(random.below(8)).unwrap_or_default();
                let start = text[..place].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                text.splice(start..start, line.bytes()).for_each(drop);
            }
        }
    }
    text
}

#[test]
fn mutated_texts_are_refused_or_become_a_sound_store() {
    let rounds = std::env::var("MONITORED_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3_000);
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad, mut values) = (0, 0, 0);
    for store in 0..usize::div_ceil(rounds, A_STORE) {
        let path = folder.path().join(format!("{store}.db"));
        for _ in 0..2 {
            let mut import = Import::open(&path).unwrap();
            for _ in 0..A_STORE / 2 {
                match import.read("text", &mutate(&mut random)[..]) {
                    Ok(()) => good += 1,
                    Err(error) => {
                        assert!(error.is_bad_input(), "{error}");
                        bad += 1;
                    }
                }
            }
            let imported = import.finish().unwrap();
            values += imported.samples;
        }
        let store = Store::open_read_only(&path).unwrap();
        assert!(store.check().unwrap().is_empty(), "{:?}", store.check().unwrap());
        let mut out = Vec::new();
        store.query().export(Format::OpenMetrics, &mut out).unwrap();
        let mut again = Import::open(folder.path().join("again.db")).unwrap();
        again.read("export", &out[..]).unwrap();
        again.finish().unwrap();
        std::fs::remove_file(folder.path().join("again.db")).unwrap();
    }
    assert!(good > rounds / 10 && bad > rounds / 10 && values > 0, "{good} sound, {bad} refused, {values} values");
}
