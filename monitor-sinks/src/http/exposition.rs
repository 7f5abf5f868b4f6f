//! Text for a scrape: the Prometheus text format, version 0.0.4, or OpenMetrics 1.0.0.
//!
//! Both are families of lines with the same labels and values, but for what a family is called and how it is declared.
//! Neither has native histograms, so these are written as classic ones: a cumulative bucket for each that is in use.
//! Series whose names or labels these formats cannot spell are left out.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use crate::promql::{Element, Histogram, Labels, Metadata, Value};

/// Writes elements as text.
pub(super) struct Exposition<'a> {
    form: Form,
    with_time: bool,
    metadata: HashMap<&'a str, &'a Metadata>,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Prometheus,
    OpenMetrics,
}

impl Form {
    /// What a client prefers, by its `Accept` header; the Prometheus text format if it does not say.
    pub(super) fn preferred(accept: &str) -> Self {
        let quality = |wanted: &str| {
            let ranges = accept.split(',').filter(|range| range.split(';').next().map(str::trim) == Some(wanted));
            ranges.map(quality).fold(0.0, f64::max)
        };
        let open = quality("application/openmetrics-text");
        if open > 0.0 && open >= quality("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The weight of one range of an `Accept` header, from 0 to 1.
fn quality(range: &str) -> f64 {
    let weight = range.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    weight.map_or(Some(1.0), |weight| weight.trim().parse().ok()).unwrap_or(0.0)
}

impl<'a> Exposition<'a> {
    pub(super) fn new(form: Form, with_time: bool, metadata: &'a [Metadata]) -> Self {
        let metadata = metadata.iter().map(|metric| (metric.name.as_str(), metric)).collect();
        Self { form, with_time, metadata }
    }

    pub(super) fn text(&self, elements: &[Element]) -> String {
        let mut families: BTreeMap<&str, Vec<&Element>> = BTreeMap::new();
        for element in elements.iter().filter(|element| is_spellable(&element.labels)) {
            families.entry(element.labels.name()).or_default().push(element);
        }
        let mut out = String::new();
        for (name, elements) in &families {
            let is_histogram = elements.iter().any(|element| element.value.as_histogram().is_some());
            let base = name.strip_suffix("_total").filter(|base| !families.contains_key(base));
            self.declare(&mut out, name, base, is_histogram);
            for element in elements {
                match &element.value {
                    Value::Histogram(histogram) => self.histogram(&mut out, element, histogram),
                    // A family has one type; a number among histograms is a series that changed its type.
                    Value::Float(_) if is_histogram => {}
                    Value::Float(value) => self.line(&mut out, element, "", None, *value),
                }
            }
        }
        if self.form == Form::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out
    }

    fn declare(&self, out: &mut String, name: &str, base: Option<&str>, is_histogram: bool) {
        let known = self.metadata.get(name);
        let kind = if is_histogram { "histogram" } else { known.map_or("unknown", |known| known.kind.as_str()) };
        let is_open = self.form == Form::OpenMetrics;
        // A counter of OpenMetrics is called without the end that its samples must have.
        let (name, kind) = match (kind, base) {
            ("counter", Some(base)) if is_open => (base, "counter"),
            ("counter", None) if is_open => (name, "unknown"),
            ("gauge" | "counter", _) => (name, kind),
            ("histogram", _) if is_histogram => (name, kind),
            _ if is_open => (name, "unknown"),
            _ => (name, "untyped"),
        };
        let help = known.map(|known| known.help.as_str()).filter(|help| !help.is_empty());
        let help = help.map_or_else(|| format!("Recorded as {name}"), |help| escaped(help, is_open));
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        let unit = known.map(|known| known.unit.as_str()).unwrap_or_default();
        let is_last_word = !unit.is_empty() && name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        if is_open && is_last_word {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
    }

    fn histogram(&self, out: &mut String, element: &Element, histogram: &Histogram) {
        let mut below = 0.0;
        for (_, upper, count) in histogram.buckets().filter(|(_, upper, _)| upper.is_finite()) {
            below += count;
            self.line(out, element, "_bucket", Some(upper), below);
        }
        self.line(out, element, "_bucket", Some(f64::INFINITY), histogram.count());
        self.line(out, element, "_count", None, histogram.count());
        self.line(out, element, "_sum", None, histogram.sum());
    }

    fn line(&self, out: &mut String, element: &Element, end: &str, bound: Option<f64>, value: f64) {
        out.push_str(element.labels.name());
        out.push_str(end);
        let is_own = |label: &str| label != "__name__" && !(label == "le" && element.value.as_histogram().is_some());
        let labels = element.labels.iter().filter(|(label, _)| is_own(label));
        let labels = labels.map(|(label, value)| format!("{label}=\"{}\"", escaped(value, true)));
        let labels: Vec<String> = labels.chain(bound.map(|bound| format!("le=\"{}\"", number(bound)))).collect();
        if !labels.is_empty() {
            let _ = write!(out, "{{{}}}", labels.join(","));
        }
        let _ = write!(out, " {}", number(value));
        if self.with_time {
            let _ = write!(out, " {}", element.time);
        }
        out.push('\n');
    }
}

/// The shortest digits that are read back as the same number.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => String::from("+Inf"),
        f64::NEG_INFINITY => String::from("-Inf"),
        value => format!("{value:?}"),
    }
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

fn is_spellable(labels: &Labels) -> bool {
    let is_word = |word: &str, also: char| {
        let fits =
            |(at, c): (usize, char)| c.is_ascii_alphabetic() || c == '_' || c == also || at > 0 && c.is_ascii_digit();
        !word.is_empty() && word.char_indices().all(fits)
    };
    is_word(labels.name(), ':') && labels.iter().all(|(label, _)| is_word(label, '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(labels: &[(&str, &str)], value: impl Into<Value>) -> Element {
        Element { labels: Labels::new(labels.iter().copied()), time: 1500, value: value.into() }
    }

    fn described(name: &str, kind: &str, unit: &str) -> Metadata {
        Metadata { help: String::from("What \"it\"\nis"), unit: unit.to_owned(), ..Metadata::new(name, kind) }
    }

    fn elements() -> Vec<Element> {
        let native = Histogram::exponential(0, 9, 3.5).positive([(0, 2.0), (1, 3.0)]).zero(0.001, 4.0);
        vec![
            element(&[("__name__", "rows_total"), ("table", "a\"b\\\n")], 5.0),
            element(&[("__name__", "parse_seconds"), ("le", "x"), ("job", "etl")], native),
            element(&[("__name__", "free_bytes")], f64::INFINITY),
            element(&[("__name__", "a b")], 1.0),
            element(&[("__name__", "a"), ("b c", "1")], 1.0),
            element(&[("__name__", "other_total")], f64::NAN),
        ]
    }

    fn metadata() -> [Metadata; 3] {
        [
            described("rows_total", "counter", ""),
            described("free_bytes", "gauge", "bytes"),
            described("parse_seconds", "histogram", "seconds"),
        ]
    }

    #[test]
    fn the_prometheus_format_has_the_types_and_the_lines() {
        let text = Exposition::new(Form::Prometheus, true, &metadata()).text(&elements());
        let wanted = r#"# HELP free_bytes What "it"\nis
# TYPE free_bytes gauge
free_bytes +Inf 1500
# HELP other_total Recorded as other_total
# TYPE other_total untyped
other_total NaN 1500
# HELP parse_seconds What "it"\nis
# TYPE parse_seconds histogram
parse_seconds_bucket{job="etl",le="0.001"} 4.0 1500
parse_seconds_bucket{job="etl",le="1.0"} 6.0 1500
parse_seconds_bucket{job="etl",le="2.0"} 9.0 1500
parse_seconds_bucket{job="etl",le="+Inf"} 9.0 1500
parse_seconds_count{job="etl"} 9.0 1500
parse_seconds_sum{job="etl"} 3.5 1500
# HELP rows_total What "it"\nis
# TYPE rows_total counter
rows_total{table="a\"b\\\n"} 5.0 1500
"#;
        assert_eq!(text, wanted);
    }

    #[test]
    fn openmetrics_calls_counters_without_their_end_and_has_units_and_an_end() {
        let text = Exposition::new(Form::OpenMetrics, false, &metadata()).text(&elements());
        for part in [
            "# TYPE rows counter\nrows_total{table=\"a\\\"b\\\\\\n\"} 5.0\n",
            "# TYPE free_bytes gauge\n# UNIT free_bytes bytes\nfree_bytes +Inf\n",
            "# HELP other_total Recorded as other_total\n# TYPE other_total unknown\n",
            "# HELP rows What \\\"it\\\"\\nis\n",
        ] {
            assert!(text.contains(part), "{part}{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        let mut both = elements();
        both.push(element(&[("__name__", "rows")], 1.0));
        let text = Exposition::new(Form::OpenMetrics, false, &metadata()).text(&both);
        assert!(text.contains("# TYPE rows_total unknown\n"), "{text}");
    }

    #[test]
    fn the_format_is_the_one_that_the_client_prefers() {
        for (accept, wanted) in [
            ("", Form::Prometheus),
            ("*/*", Form::Prometheus),
            ("text/html,application/xhtml+xml", Form::Prometheus),
            ("application/openmetrics-text; version=1.0.0", Form::OpenMetrics),
            ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Form::OpenMetrics),
            ("application/openmetrics-text;q=0.2,text/plain", Form::Prometheus),
            ("application/openmetrics-text;q=0", Form::Prometheus),
            ("application/openmetrics-text;q=x", Form::Prometheus),
        ] {
            assert_eq!(Form::preferred(accept), wanted, "{accept}");
        }
    }
}
