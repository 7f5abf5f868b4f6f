//! What a file of another program may hold: the Prometheus text format, without instants.
//!
//! Lines are read by [`crate::exposition`]; here is what they mean together. The parser takes any bytes and answers with samples or with the first mistake: its line, what is wrong, what to do. It
//! never panics, reads each byte a bounded number of times, and makes no more than one sample a line. It is strict where
//! a lenient reading would store something else than was meant: a file that ends in the middle of a line is still being
//! written, and a series given twice has two values.
//!
//! Histograms and summaries stay the plain series that they are written as: counts, sums and buckets are counters,
//! quantiles are gauges. Samples without a type are gauges.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use monitor_core::{MAX_TAGS, MetricKind, SeriesKey};

use crate::exposition::{Labels, Line, Sample, Type, number_of, series_key};

/// Starts of names that are the monitor's own.
const OWN: [&str; 6] = ["system_", "process_", "container_", "monitored_", "function_calls_", "function_errors_"];

/// A series with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) key: SeriesKey,
    pub(super) value: f64,
    /// Where it stands, from 1.
    pub(super) line: usize,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line, from 1; 0 if it is about the file as a whole.
    pub(super) line: usize,
    /// What is wrong, and what to do about it.
    pub(super) what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

/// The samples of a file, at most `most`. Values that are not finite are left out: they say that there is none.
pub(super) fn parse(bytes: &[u8], most: usize) -> Result<Vec<Reading>, Mistake> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            return Err(Mistake { line, what: String::from("this is not UTF-8 text; write it as UTF-8") });
        }
    };
    let mut parser = Parser { most, ..Parser::default() };
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let at = |what| Mistake { line: number + 1, what };
        parser.line(line, number + 1).map_err(at)?;
        if !line.ends_with('\n') {
            let what = "the last line has no end, so the file may still be being written; end it with a newline, and \
                        write a new version beside it and rename that over it";
            return Err(at(what.to_owned()));
        }
    }
    Ok(parser.readings)
}

#[derive(Default)]
struct Parser<'a> {
    most: usize,
    types: HashMap<&'a str, Type>,
    /// Metrics of which a sample has been seen.
    begun: HashSet<&'a str>,
    /// Where each series was seen.
    seen: HashMap<SeriesKey, usize>,
    readings: Vec<Reading>,
}

impl<'a> Parser<'a> {
    fn line(&mut self, line: &'a str, number: usize) -> Result<(), String> {
        match Line::read(line)? {
            Line::Type { name, kind } => self.declare(name, kind),
            Line::Sample(sample) => self.sample(sample, number),
            Line::Blank | Line::Help { .. } | Line::Unit { .. } | Line::End => Ok(()),
        }
    }

    fn declare(&mut self, name: &'a str, kind: Option<Type>) -> Result<(), String> {
        if self.begun.contains(name) {
            return Err(format!("the type of `{name}` comes after its samples; move it before them"));
        }
        if let Some(known) = self.types.get(name)
            && kind != Some(*known)
        {
            return Err(format!("`{name}` has two types; keep one of them"));
        }
        self.types.extend(kind.map(|kind| (name, kind)));
        Ok(())
    }

    fn sample(&mut self, sample: Sample<'a>, number: usize) -> Result<(), String> {
        let Sample { name, labels, value, timestamp } = sample;
        if let Some(own) = OWN.iter().find(|own| name.starts_with(**own)) {
            return Err(format!("`{name}` is a name of the monitor's own metrics (`{own}...`); choose another one"));
        }
        let value = number_of(value)?;
        if timestamp.is_some() {
            let what = "there is something after the value; remove it, timestamps as well, for a value of a file is as \
                        old as the last look at the file";
            return Err(what.to_owned());
        }
        self.take(name, labels, value, number)
    }

    fn take(&mut self, name: &'a str, labels: Labels, value: f64, line: usize) -> Result<(), String> {
        let (family, kind) = self.family(name, &labels);
        self.begun.insert(family);
        self.begun.insert(name);
        let key = series_key(name, kind, labels, MAX_TAGS)?;
        if let Some(first) = self.seen.insert(key.clone(), line) {
            return Err(format!("this series of `{name}` was given in line {first} already; keep one of the two"));
        }
        if self.seen.len() > self.most {
            return Err(format!("this is more than {} series; write fewer", self.most));
        }
        if kind == MetricKind::Counter && value < 0.0 {
            return Err(format!(
                "the counter `{name}` is negative, which no counter is; declare it as a gauge, or as untyped"
            ));
        }
        if value.is_finite() {
            self.readings.push(Reading { key, value, line });
        }
        Ok(())
    }

    /// The name that the type of this sample was declared under, and what the sample is.
    fn family(&self, name: &'a str, labels: &[(String, String)]) -> (&'a str, MetricKind) {
        let has = |key: &str| labels.iter().any(|label| label.0 == key);
        let parts = [("_bucket", true), ("_count", false), ("_sum", false)];
        for (end, is_bucket) in parts {
            let Some(family) = name.strip_suffix(end) else { continue };
            match self.types.get(family) {
                Some(Type::Histogram) if !is_bucket || has("le") => return (family, MetricKind::Counter),
                Some(Type::Summary) if !is_bucket => return (family, MetricKind::Counter),
                _ => {}
            }
        }
        match self.types.get(name) {
            Some(Type::Counter) => (name, MetricKind::Counter),
            _ => (name, MetricKind::Gauge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Vec<(String, MetricKind, f64)> {
        let readings = parse(text.as_bytes(), 100).unwrap();
        let one = |reading: Reading| {
            let labels: Vec<_> = reading.key.labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
            (format!("{}{{{}}}", reading.key.name, labels.join(",")), reading.key.kind, reading.value)
        };
        readings.into_iter().map(one).collect()
    }

    fn wrong(text: &str) -> Mistake {
        parse(text.as_bytes(), 5).unwrap_err()
    }

    #[test]
    fn each_type_becomes_what_it_is() {
        let text = "# HELP backups How many\\n there were.\n# TYPE backups_total counter\nbackups_total 3\n\n\
                    # a comment\n# TYPE size_bytes gauge\nsize_bytes{disk=\"a b\", kind=\"x\",} 1.5e3\n  plain\t{ } -2 \n";
        assert_eq!(
            ok(text),
            [
                (String::from("backups_total{}"), MetricKind::Counter, 3.0),
                (String::from("size_bytes{disk=\"a b\",kind=\"x\"}"), MetricKind::Gauge, 1_500.0),
                (String::from("plain{}"), MetricKind::Gauge, -2.0),
            ]
        );
        assert_eq!(parse(text.as_bytes(), 9).unwrap()[1].key.unit, "bytes");
    }

    #[test]
    fn histograms_and_summaries_stay_plain_series() {
        let text = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.5\nh_count 3\n\
                    # TYPE s summary\ns{quantile=\"0.5\"} NaN\ns{quantile=\"0.9\"} 7\ns_sum 9\ns_count 2\n";
        let kinds: Vec<_> = ok(text).into_iter().map(|(name, kind, _)| (name, kind)).collect();
        let (counter, gauge) = (MetricKind::Counter, MetricKind::Gauge);
        assert_eq!(
            kinds,
            [
                (String::from("h_bucket{le=\"1\"}"), counter),
                (String::from("h_bucket{le=\"+Inf\"}"), counter),
                (String::from("h_sum{}"), counter),
                (String::from("h_count{}"), counter),
                (String::from("s{quantile=\"0.9\"}"), gauge),
                (String::from("s_sum{}"), counter),
                (String::from("s_count{}"), counter),
            ]
        );
    }

    #[test]
    fn escapes_in_labels_are_undone_and_the_service_is_taken_out() {
        let readings = parse(b"a{p=\"C:\\\\x \\\"q\\\"\\n,}\",service=\"etl\",e=\"\"} 1\n", 9).unwrap();
        assert_eq!(readings[0].key.labels, [(String::from("p"), String::from("C:\\x \"q\"\n,}"))]);
        assert_eq!(readings[0].key.service.as_deref(), Some("etl"));
    }

    #[test]
    fn values_that_say_nothing_are_left_out() {
        assert_eq!(ok("a NaN\nb +Inf\nc -Inf\nd 1\n"), [(String::from("d{}"), MetricKind::Gauge, 1.0)]);
    }

    #[test]
    fn every_mistake_names_its_line_and_a_cure() {
        for (text, line, word) in [
            ("a 1\nb", 2, "no value"),
            ("a 1\nb 2", 2, "newline"),
            ("a 1\na 2\n", 2, "line 1"),
            ("a{x=\"1\",x=\"2\"} 1\n", 1, "twice"),
            ("a 1 1700000000000\n", 1, "timestamps"),
            ("a one\n", 1, "no number"),
            ("9a 1\n", 1, "name"),
            ("a-b 1\n", 1, "no number"),
            ("{x=\"1\"} 1\n", 1, "name"),
            ("a{x=1} 1\n", 1, "labels are written"),
            ("a{x=\"1} 1\n", 1, "closing quote"),
            ("a{x=\"\\t\"} 1\n", 1, "backslash"),
            ("a{x=\"1\" y=\"2\"} 1\n", 1, "labels are written"),
            ("a{9=\"1\"} 1\n", 1, "label"),
            ("a{__name__=\"1\"} 1\n", 1, "reserved"),
            ("# TYPE a widget\n", 1, "no type"),
            ("# TYPE a\n", 1, "declared"),
            ("# TYPE a gauge\n# TYPE a counter\n", 2, "two types"),
            ("a 1\n# TYPE a counter\n", 2, "before"),
            ("# TYPE a counter\na -1\n", 2, "negative"),
            ("system_load 1\n", 1, "own"),
            ("monitored_x 1\n", 1, "own"),
            ("a 1\nb 1\nc 1\nd 1\ne 1\nf 1\n", 6, "more than 5"),
        ] {
            let mistake = wrong(text);
            assert_eq!(mistake.line, line, "{text:?}: {mistake}");
            assert!(mistake.what.contains(word), "{text:?}: {mistake}");
        }
        assert_eq!(parse(b"a 1\nb{x=\"\xff\"} 1\n", 9).unwrap_err().line, 2);
    }

    /// A sequence of numbers that looks random and is the same each time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % sides as u64) as usize
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let pieces: [&[u8]; 24] = [
            b"a",
            b"b_total",
            b"{",
            b"}",
            b"\"",
            b"\\",
            b"=",
            b",",
            b" ",
            b"\t",
            b"\n",
            b"\r\n",
            b"#",
            b"# TYPE ",
            b"counter",
            b"histogram",
            b"_bucket",
            b"le",
            b"1",
            b"-2.5e300",
            b"NaN",
            "gr\u{fc}n\u{1f980}".as_bytes(),
            b"\xff",
            b"\0",
        ];
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut good = 0;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..dice.roll(24) {
                match dice.roll(8) {
                    0 => bytes.push(dice.roll(256) as u8),
                    _ => bytes.extend(pieces[dice.roll(pieces.len())]),
                }
            }
            good += usize::from(parse(&bytes, 20).is_ok());
        }
        assert!(good > 100, "some are sound: {good}");
    }

    #[test]
    fn a_sound_file_with_one_byte_changed_does_not_make_it_panic() {
        let sound = b"# TYPE h histogram\nh_bucket{le=\"1\",p=\"\\\\gr\xc3\xbcn\"} 2\nh_count 3\n# TYPE c counter\nc{a=\"b\"} 4\n";
        assert_eq!(parse(sound, 9).unwrap().len(), 3);
        for place in 0..sound.len() {
            for byte in 0..=255 {
                let mut bytes = sound.to_vec();
                bytes[place] = byte;
                let _ = parse(&bytes, 9);
                bytes.truncate(place);
                let _ = parse(&bytes, 9);
            }
        }
    }
}
