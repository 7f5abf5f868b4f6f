//! What is said of an alert: labels and annotations with its value and its labels filled in.
//!
//! Two spellings are understood, and may be mixed: `{{ value | humanize }}`, which is minijinja (close to Jinja), and
//! `{value:.1f}`, which is how Python formats. The second one is rewritten into the first before it is compiled, so that
//! there is one language underneath.
//!
//! A text must go out, whatever is wrong with it: what cannot be filled in is sent as it was written, with a note of what
//! is wrong.

use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter};

use super::{humanize, model::Rule, seed};
use crate::{
    error::Error,
    notify::Severity,
    promql::{
        Labels, Query, Source,
        syntax::{Expr, Kind, parse},
        value::general,
    },
};

/// A text with places to be filled in.
///
/// Known are `value`, `severity`, `rule`, `labels` and each label by its name; the name of a metric stands for its value
/// where the expression of the rule selects it, or a source is at hand. Filters are those of minijinja and `humanize`,
/// `humanize1024`, `humanizeDuration`, `humanizePercentage`, `humanizeTimestamp`, `printf`.
///
/// # Examples
///
/// ```
/// use monitor_sinks::{notify::Severity, promql::Labels, rule::{Facts, Rule, Template}};
///
/// let rule = Rule::new("high_cpu").when("cpu_percent_total").above(80.0);
/// let labels = Labels::new([("host", "h1")]);
/// let facts = Facts::new(&rule, Severity::High, Some(93.26), &labels);
/// let text = Template::new("{{ labels.host }}: CPU usage is {cpu_percent_total:.1f}%")?.render(&facts).text;
/// assert_eq!(text, "h1: CPU usage is 93.3%");
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As it was written.
    text: String,
    /// As it is compiled.
    source: String,
}

/// What is known of an alert when a text about it is written.
pub struct Facts<'a> {
    rule: &'a Rule,
    severity: Severity,
    value: Option<f64>,
    labels: &'a Labels,
    source: Option<(&'a dyn Source, i64)>,
}

/// A text that was filled in, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// The text; as it was written, where it could not be filled in.
    pub text: String,
    /// Why it could not be filled in.
    pub note: Option<String>,
}

/// Longer texts are cut off: a loop in a template must not fill the outbox.
const MOST_BYTES: usize = 64 << 10;

/// So much work a text may be, in instructions of its template, about; the background thread does it. A few hundred are
/// usual; this is some 10 ms.
const MOST_WORK: u64 = 200_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MOST_WORK));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, state, value| match f64::try_from(value.clone()) {
        Ok(number) if value.is_number() && !value.is_integer() => {
            escape_formatter(out, state, &Value::from(general(number)))
        }
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("seed_format", seed::format_value);
    humanize::add_to(&mut environment);
    environment
});

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// If the text is no template, with the line of the mistake.
    pub fn new(text: &str) -> Result<Self, Error> {
        let source = seed::translated(text);
        match ENVIRONMENT.template_from_str(&source) {
            Ok(_) => Ok(Self { text: text.to_owned(), source }),
            Err(error) => Err(Error::setting(format!("the text {text:?} is no template: {error:#}"))),
        }
    }

    /// Fills the text in.
    #[must_use]
    pub fn render(&self, facts: &Facts<'_>) -> Rendered {
        let filled = ENVIRONMENT.template_from_str(&self.source).and_then(|template| {
            let context = facts.context(&template.undeclared_variables(false));
            template.render(context)
        });
        match filled {
            Ok(mut text) => {
                text.truncate(text.floor_char_boundary(MOST_BYTES));
                Rendered { text, note: None }
            }
            Err(error) => Rendered { text: self.text.clone(), note: Some(format!("cannot fill in the text: {error}")) },
        }
    }
}

impl<'a> Facts<'a> {
    /// What is known of an alert.
    #[must_use]
    pub fn new(rule: &'a Rule, severity: Severity, value: Option<f64>, labels: &'a Labels) -> Self {
        Self { rule, severity, value, labels, source: None }
    }

    /// And where the values of other metrics are found, at an instant in milliseconds since 1970.
    #[must_use]
    pub fn with_source(mut self, source: &'a dyn Source, at_ms: i64) -> Self {
        self.source = Some((source, at_ms));
        self
    }

    /// The labels of the alert, `alertname`, and over them all labels of the rule, filled in; with notes on those that
    /// could not be.
    #[must_use]
    pub fn labels(&self) -> (Labels, Vec<String>) {
        let (own, notes) = self.fill(self.rule.label_templates());
        let named = self.labels.with("alertname", self.rule.name());
        (own.iter().fold(named, |labels, (label, value)| labels.with(label, value)), notes)
    }

    /// All annotations of the rule, filled in; with notes on those that could not be.
    #[must_use]
    pub fn annotations(&self) -> (BTreeMap<String, String>, Vec<String>) {
        self.fill(self.rule.annotation_templates())
    }

    fn fill(&self, texts: &BTreeMap<String, String>) -> (BTreeMap<String, String>, Vec<String>) {
        let mut notes = Vec::new();
        let mut filled = BTreeMap::new();
        for (name, text) in texts {
            let rendered = match Template::new(text) {
                Ok(template) => template.render(self),
                Err(error) => Rendered { text: text.clone(), note: Some(error.to_string()) },
            };
            notes.extend(rendered.note.map(|note| format!("{name}: {note}")));
            filled.insert(name.clone(), rendered.text);
        }
        (filled, notes)
    }

    /// The values of the names that a text asks for.
    fn context(&self, wanted: &HashSet<String>) -> BTreeMap<String, Value> {
        let labels: BTreeMap<&str, &str> = self.labels.iter().collect();
        let mut context: BTreeMap<String, Value> = BTreeMap::new();
        for name in wanted {
            let value = match name.as_str() {
                "value" => self.value.map(Value::from),
                "severity" => Some(Value::from(self.severity.to_string())),
                "rule" => Some(Value::from(self.rule.name())),
                "labels" => Some(Value::from_pairs(labels.iter().map(|(label, value)| (*label, *value)))),
                name => {
                    labels.get(name).map(|value| Value::from(*value)).or_else(|| self.metric(name).map(Value::from))
                }
            };
            context.extend(value.map(|value| (name.clone(), value)));
        }
        context
    }

    /// The value of a metric by its name: of the one that the rule is about, or of any other one.
    fn metric(&self, name: &str) -> Option<f64> {
        let is_own = parse(self.rule.expr()).is_ok_and(|expr| selects(&expr, name));
        if is_own && self.value.is_some() {
            return self.value;
        }
        let (source, at_ms) = self.source?;
        Query::new(source, name).at(at_ms).ok()?.first_float()
    }
}

/// Whether an expression selects a metric.
pub(super) fn selects(expr: &Expr, name: &str) -> bool {
    match &expr.kind {
        Kind::Selector(selector) | Kind::Range { selector, .. } => {
            selector.matchers.iter().any(|matcher| matcher.label() == "__name__" && matcher.value() == name)
        }
        kind => kind.children().any(|child| selects(child, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Memory;

    fn render(text: &str, facts: &Facts<'_>) -> Rendered {
        Template::new(text).unwrap_or_else(|error| panic!("{text}: {error}")).render(facts)
    }

    #[test]
    fn both_spellings_fill_in_what_is_known() {
        let rule = Rule::new("cpu").when("max(cpu_percent)").above(80.0);
        let labels = Labels::new([("host", "h1")]);
        let facts = Facts::new(&rule, Severity::High, Some(93.26), &labels);
        for (text, wanted) in [
            ("{{ value }} {{ labels.host }} {{ host }} {{ severity }} {{ rule }}", "93.26 h1 h1 high cpu"),
            (
                "{cpu_percent:.1f}% on {host}, {value:8.2f}|{value:<8.0f}|{value:+.0f}",
                "93.3% on h1,    93.26|93      |+93",
            ),
            ("{severity} {rule:>5}", "high   cpu"),
            ("no { brace } {} {1} { value } {{ value | round }}", "no { brace } {} {1} { value } 93"),
            ("{% if value > 90 %}hot{% endif %}{# {value} #}", "hot"),
            ("{{ '{value}' }}", "{value}"),
        ] {
            assert_eq!(render(text, &facts), Rendered { text: wanted.to_owned(), note: None }, "{text}");
        }
    }

    #[test]
    fn other_metrics_come_from_the_source() {
        let mut memory = Memory::new();
        memory.push(&Labels::new([("__name__", "free_bytes")]), 1_000, 12.0);
        let rule = Rule::new("cpu").when_fn(|_| Some(true));
        let labels = Labels::empty();
        let facts = Facts::new(&rule, Severity::Low, None, &labels).with_source(&memory, 1_000);
        assert_eq!(render("{free_bytes:.0f} left", &facts).text, "12 left");
    }

    #[test]
    fn what_cannot_be_filled_in_goes_out_as_it_was_written() {
        let rule =
            Rule::new("cpu").when("cpu").annotation("summary", "{nothing:.1f}").label("team", "{{ labels.team }}");
        let labels = Labels::new([("host", "h1")]);
        let facts = Facts::new(&rule, Severity::Low, None, &labels);
        for text in ["{nothing:.1f}", "{{ labels.team }}", "{{ value }}", "{host:.1f}", "{{ 1 / 0 }}"] {
            let rendered = render(text, &facts);
            assert_eq!(rendered.text, text);
            assert!(rendered.note.is_some(), "{text}");
        }
        let (annotations, notes) = facts.annotations();
        assert_eq!(annotations["summary"], "{nothing:.1f}");
        assert!(notes[0].starts_with("summary: cannot fill in the text: "), "{notes:?}");
        let (labels, _) = facts.labels();
        assert_eq!(labels.to_string(), r#"{alertname="cpu", host="h1", team="{{ labels.team }}"}"#);
    }

    /// The background thread fills texts in.
    #[test]
    fn a_text_without_end_is_given_up_soon() {
        let rule = Rule::new("cpu").when("cpu");
        let labels = Labels::empty();
        let facts = Facts::new(&rule, Severity::Low, Some(1.0), &labels);
        let often = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
        let long = "{% set x = 'x' * 1000 * 1000 * 1000 * 1000 %}{{ x }}";
        for text in [often, long] {
            let begun = std::time::Instant::now();
            let rendered = render(text, &facts);
            assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{text} took {:?}", begun.elapsed());
            assert!(rendered.text == text && rendered.note.is_some(), "{text}: {rendered:?}");
        }
        // What is usual is far from that.
        let usual = "{% for label, value in labels|items %}{{ label }}={{ value }} {% endfor %}".repeat(100);
        let labels = Labels::new((0..30).map(|number| (format!("label_{number}"), String::from("x"))));
        let facts = Facts::new(&rule, Severity::Low, Some(1.0), &labels);
        assert_eq!(render(&usual, &facts).note, None);
    }

    #[test]
    fn a_text_that_is_no_template_is_refused() {
        for text in ["{{ value", "{% if %}", "{{ value | no_such_filter }}", "{% for x in y %}"] {
            assert!(Template::new(text).is_err() || render_fails(text), "{text}");
        }
    }

    /// Unknown filters are found when they are used.
    fn render_fails(text: &str) -> bool {
        let rule = Rule::new("r").when("up");
        let labels = Labels::empty();
        render(text, &Facts::new(&rule, Severity::Low, Some(1.0), &labels)).note.is_some()
    }
}
