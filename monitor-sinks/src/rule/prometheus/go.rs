//! The templates of Prometheus, which are those of Go, from and to ours.
//!
//! The usual kind is understood: a value or a label, through functions that make numbers readable. Conditions, loops,
//! variables and queries are not; a text that has them is refused as a whole, so that none goes out half translated.

use std::fmt::Write;

use crate::{
    promql::syntax::{is_label_name, quote, unquote},
    rule::{model::Rule, seed, template::selects},
};

/// Functions that are filters of the same name here.
const SAME: [&str; 5] = ["humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp"];
/// Functions of Go and the filters that do the same.
const RENAMED: [(&str, &str); 2] = [("toUpper", "upper"), ("toLower", "lower")];
/// What is put in the place of a label that is not there.
const EMPTY: &str = "default(\"\")";

/// A text of Prometheus as one of ours.
pub(super) fn from_go(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&literal(&rest[..at]));
        let (inner, after) = action(&rest[at + 2..]).ok_or("`{{` has no `}}`")?;
        let shown = inner.trim_matches('-').trim();
        let trim = (inner.starts_with("- "), inner.ends_with(" -"));
        let translated = pipeline(shown).ok_or_else(|| {
            format!(
                "`{{{{ {shown} }}}}` cannot be translated; values, labels, printf and the humanize functions can, so write \
                 the rule as one of this monitor"
            )
        })?;
        let dash = |trims: bool| if trims { "-" } else { "" };
        let _ = write!(out, "{{{{{} {translated} {}}}}}", dash(trim.0), dash(trim.1));
        rest = after;
    }
    out.push_str(&literal(rest));
    Ok(out)
}

/// A text of ours as one of Prometheus.
pub(super) fn to_go(text: &str, rule: &Rule, severity: &str) -> Result<String, String> {
    let source = seed::translated(text);
    if source.contains("{%") || source.contains("{#") {
        return Err(String::from("statements and comments of templates are not known to Prometheus"));
    }
    let mut out = String::new();
    let mut rest = source.as_str();
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        let (inner, after) = action(&rest[at + 2..]).ok_or("`{{` has no `}}`")?;
        let shown = inner.trim_matches('-').trim();
        let refused = || format!("`{{{{ {shown} }}}}` cannot be said in a template of Prometheus");
        let translated = to_pipeline(shown, rule, severity).ok_or_else(refused)?;
        let _ = write!(out, "{{{{ {translated} }}}}");
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A brace in a text of Prometheus is a brace.
fn literal(text: &str) -> String {
    text.replace('{', "{{ \"{\" }}")
}

/// The text up to the closing braces, outside of quotes, and what comes after them.
fn action(text: &str) -> Option<(&str, &str)> {
    let end = split_at(text, "}}")?;
    Some((&text[..end], &text[end + 2..]))
}

/// Where `sign` is outside of quotes.
fn split_at(text: &str, sign: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '`') => quote = Some(c),
            (None, _) if text[at..].starts_with(sign) => return Some(at),
            _ => {}
        }
    }
    None
}

/// The parts of a text between signs outside of quotes, trimmed.
fn split<'a>(text: &'a str, sign: &str) -> Vec<&'a str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = split_at(rest, sign) {
        parts.push(rest[..at].trim());
        rest = &rest[at + sign.len()..];
    }
    parts.push(rest.trim());
    parts
}

/// The words of a command, quoted texts as one.
fn words(text: &str) -> Vec<&str> {
    split(text, " ").into_iter().filter(|word| !word.is_empty()).collect()
}

fn pipeline(text: &str) -> Option<String> {
    let commands = split(text, "|");
    let mut out = first_command(&words(commands.first()?))?;
    for command in &commands[1..] {
        let filter = match words(command)[..] {
            ["printf", format] => format!("printf({})", quoted(format)?),
            [function] => filter_of(function)?.to_owned(),
            _ => return None,
        };
        out = format!("{out} | {filter}");
    }
    Some(out)
}

fn first_command(words: &[&str]) -> Option<String> {
    match *words {
        [operand] => operand_of(operand),
        ["index", "$labels" | ".Labels", name] => label(&unquote(name).ok()?.value),
        ["printf", format, operand] => Some(format!("{} | printf({})", operand_of(operand)?, quoted(format)?)),
        [function, operand] => Some(format!("{} | {}", operand_of(operand)?, filter_of(function)?)),
        _ => None,
    }
}

fn operand_of(word: &str) -> Option<String> {
    match word {
        "$value" | ".Value" => Some(String::from("value")),
        _ if word.starts_with(['"', '`']) => quoted(word),
        _ if word.parse::<f64>().is_ok() => Some(word.to_owned()),
        _ => label(word.strip_prefix("$labels.").or_else(|| word.strip_prefix(".Labels."))?),
    }
}

fn label(name: &str) -> Option<String> {
    is_label_name(name).then(|| format!("labels.{name} | {EMPTY}"))
}

fn filter_of(function: &str) -> Option<&str> {
    let same = SAME.iter().find(|name| **name == function).copied();
    same.or_else(|| RENAMED.iter().find(|(go, _)| *go == function).map(|(_, ours)| *ours))
}

/// A quoted text of Go as one of ours.
fn quoted(text: &str) -> Option<String> {
    unquote(text).ok().map(|text| quote(&text.value))
}

fn to_pipeline(text: &str, rule: &Rule, severity: &str) -> Option<String> {
    let parts = split(text, "|");
    let mut out = to_operand(parts.first()?, rule, severity)?;
    for filter in &parts[1..] {
        let (name, argument) = filter.split_once('(').unwrap_or((filter, ""));
        let argument = argument.trim_end_matches(')').trim();
        let go = match name.trim() {
            "default" if *filter == EMPTY => continue,
            "printf" => format!("printf {argument}"),
            "seed_format" if argument == "\"\"" => continue,
            "seed_format" => format!("printf {}", verb(&unquote(argument).ok()?.value)?),
            name if SAME.contains(&name) => name.to_owned(),
            name => RENAMED.iter().find(|(_, ours)| *ours == name).map(|(go, _)| (*go).to_owned())?,
        };
        out = format!("{out} | {go}");
    }
    Some(out)
}

fn to_operand(text: &str, rule: &Rule, severity: &str) -> Option<String> {
    match text {
        "value" => Some(String::from("$value")),
        "severity" => Some(quote(severity)),
        "rule" => Some(quote(rule.name())),
        _ if text.starts_with('"') => Some(text.to_owned()),
        _ => {
            let is_own = crate::promql::syntax::parse(rule.expr()).is_ok_and(|expr| selects(&expr, text));
            let name = text.strip_prefix("labels.").unwrap_or(text);
            match name {
                _ if is_own => Some(String::from("$value")),
                name if is_label_name(name) => Some(format!("$labels.{name}")),
                _ => None,
            }
        }
    }
}

/// A format of Python as one of Go, where both mean the same.
fn verb(format: &str) -> Option<String> {
    let plain = format.strip_prefix('.').unwrap_or(format);
    let digits = plain.bytes().take_while(u8::is_ascii_digit).count();
    matches!(&plain[digits..], "f" | "e" | "g").then(|| quote(&format!("%{format}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_texts_are_translated_both_ways() {
        let rule = Rule::new("r").when("rate(x_total[5m])").above(1.0);
        for (go, ours, back) in [
            ("at {{ $value }}", "at {{ value }}", "at {{ $value }}"),
            ("{{$value | humanize}}%", "{{ value | humanize }}%", "{{ $value | humanize }}%"),
            ("{{ humanize $value }}", "{{ value | humanize }}", "{{ $value | humanize }}"),
            (
                "{{ $labels.host }} {{ .Labels.job }}",
                "{{ labels.host | default(\"\") }} {{ labels.job | default(\"\") }}",
                "{{ $labels.host }} {{ $labels.job }}",
            ),
            ("{{ index $labels \"a_b\" }}", "{{ labels.a_b | default(\"\") }}", "{{ $labels.a_b }}"),
            ("{{ printf \"%.2f\" $value }}", "{{ value | printf(\"%.2f\") }}", "{{ $value | printf \"%.2f\" }}"),
            ("{{ $value | printf `%.1f` }}", "{{ value | printf(\"%.1f\") }}", "{{ $value | printf \"%.1f\" }}"),
            ("{{ $labels.a | toUpper }}", "{{ labels.a | default(\"\") | upper }}", "{{ $labels.a | toUpper }}"),
            ("a {b} c", "a {{ \"{\" }}b} c", "a {{ \"{\" }}b} c"),
        ] {
            let found = from_go(go).unwrap_or_else(|error| panic!("{go}: {error}"));
            assert_eq!(found, ours);
            assert_eq!(to_go(&found, &rule, "high").unwrap(), back);
        }
        let to = |text: &str| to_go(text, &rule, "high");
        assert_eq!(
            to("{x_total:.1f}% on {host} {severity}").unwrap(),
            "{{ $value | printf \"%.1f\" }}% on {{ $labels.host }} {{ \"high\" }}"
        );
        assert!(
            to("{% if value %}x{% endif %}").is_err()
                && to("{{ value | round }}").is_err()
                && to("{value:>8}").is_err()
        );
    }

    #[test]
    fn what_cannot_be_translated_is_refused() {
        for text in [
            "{{ if $value }}x{{ end }}",
            "{{ range query \"up\" }}x{{ end }}",
            "{{ with $x }}{{ end }}",
            "{{ $value",
            "{{ $value | reReplaceAll \"a\" \"b\" }}",
            "{{ $externalURL }}",
            "{{ }}",
        ] {
            assert!(from_go(text).is_err(), "{text}");
        }
    }
}
